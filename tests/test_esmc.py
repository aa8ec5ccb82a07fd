"""ESMC against transformers' own: the same numbers in every layout, and everything else refused by name."""

import json
from dataclasses import fields as fields_of

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import EsmcConfig, EsmcForMaskedLM, EsmcTokenizer

from core import memory
from core.alphabet import ESMC_ALPHABET, tokenize
from core.analyses.contact_probe import contact_head_bytes
from core.architecture import ESM_C
from core.checkpoints import read_checkpoint
from core.errors import InputError
from core.esm_config import ESMC_DECIDED, ESMC_HONOURED, ESMC_ONLY, ESMC_RELATED
from core.model import ContactHead, Model, load_model
from core.model_files import contact_head_file, hub_folder, local_names
from core.run import Keep, run
from tests.esmc_reference import LAYOUTS, esmc_reference, older, random_esmc, write_esmc
from tests.heard import Heard
from tests.test_model import mirror, own_folders  # noqa: F401 - fixtures, the second for every test here

SEQUENCE = "MKTAYIAKQRQISFVK|SHXBZUOLEERLGLIEV"


@pytest.fixture(scope="module")
def reference() -> EsmcForMaskedLM:
    return random_esmc()


def esmc_tokens(masked: tuple[int, ...] = (0,)) -> torch.Tensor:
    return tokenize(SEQUENCE, masked, ESMC_ALPHABET)


def assert_same(model: Model, module, masked: tuple[int, ...] = (0,)) -> None:
    tokens = esmc_tokens(masked)
    expected = esmc_reference(module, tokens)
    trace = run(model, tokens, keep=Keep.of("pattern", "resid_pre", "resid_post"))
    torch.testing.assert_close(trace.logits, expected.logits, atol=1e-10, rtol=0)
    for layer, pattern in enumerate(expected.attentions):
        torch.testing.assert_close(trace["pattern", layer], pattern, atol=1e-10, rtol=0)
        torch.testing.assert_close(trace["resid_pre", layer], expected.hidden_states[layer], atol=1e-10, rtol=0)
    mean = trace["resid_post", -1].mean(-1, keepdim=True)
    spread = (trace["resid_post", -1].var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    final = (trace["resid_post", -1] - mean) / spread * module.esmc.norm.weight
    torch.testing.assert_close(final, expected.hidden_states[-1], atol=1e-10, rtol=0)


def test_the_alphabet_is_transformers():
    tokenizer = EsmcTokenizer()
    assert tokenizer.convert_tokens_to_ids(list(ESMC_ALPHABET.tokens)) == list(range(33))
    assert tokenizer(SEQUENCE)["input_ids"] == tokenize(SEQUENCE, alphabet=ESMC_ALPHABET).tolist()
    with pytest.raises(InputError, match=r"residue 2 is '\|'"):
        tokenize("M|K")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("masked", [(), (0,), (3, 7, 12), tuple(range(12))], ids=len)
def test_logits_patterns_and_residual_stream_agree(reference, tmp_path, layout, masked):
    model = load_model(write_esmc(reference, tmp_path / "esmc", layout), dtype=torch.float64)
    assert_same(model, reference, masked)
    assert (model.architecture, model.token_dropout, model.contact_head) == (ESM_C, False, None)
    assert model.n_parameters == sum(parameter.numel() for parameter in reference.parameters())


@pytest.mark.parametrize("shard_size", ["5GB", "200KB"], ids=["one file", "shards"])
def test_folders_that_transformers_saves(reference, tmp_path, shard_size):
    reference.save_pretrained(tmp_path / "models" / "esmc_300m", max_shard_size=shard_size)
    assert (tmp_path / "models" / "esmc_300m" / "model.safetensors.index.json").exists() == (shard_size != "5GB")
    assert_same(load_model("esmc_300m", dtype=torch.float64), reference)
    again = EsmcForMaskedLM.from_pretrained(
        tmp_path / "models" / "esmc_300m", dtype=torch.float64, attn_implementation="eager"
    )
    assert_same(load_model("esmc_300m", dtype=torch.float64), again)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["esmc_300m_2024_12_v0.pth", "mine.pt", "mine.safetensors"])
def test_files_alone_have_heads_of_64_as_all_published_ones(tmp_path, layout, name):
    module = random_esmc(n_layers=2, n_heads=2, d_model=128, d_mlp=512)
    path, state = tmp_path / "models" / name, LAYOUTS[layout](module.state_dict())
    if path.suffix == ".safetensors":
        save_file({key: value.clone() for key, value in state.items()}, path)
    else:
        torch.save(state, path)
    assert_same(load_model("esmc_300m" if path.suffix == ".pth" else "mine", dtype=torch.float64), module)


@pytest.mark.parametrize("sizes", [{"n_layers": 4, "n_heads": 3, "d_model": 96}, {"num_attention_heads": 3}])
def test_a_file_that_states_its_settings(reference, tmp_path, sizes):
    config = sizes if "n_heads" in sizes else reference.config.to_dict()
    torch.save({"model": older(reference.state_dict()), "config": config}, tmp_path / "mine.pth")
    assert_same(load_model(tmp_path / "mine.pth", dtype=torch.float64), reference)
    torch.save(older(reference.state_dict()), tmp_path / "mine.pth")
    assert "says nowhere how many heads it has, and its width 96 is no multiple of 64" in refusal(tmp_path / "mine.pth")


def test_the_base_of_rope_is_honoured(tmp_path):
    config = EsmcConfig(
        num_hidden_layers=2,
        num_attention_heads=2,
        hidden_size=64,
        intermediate_size=96,
        rope_parameters={"rope_type": "default", "rope_theta": 300.0},
    )
    module = EsmcForMaskedLM._from_config(config, attn_implementation="eager").double().eval().requires_grad_(False)
    module.save_pretrained(tmp_path / "other")
    assert_same(load_model(tmp_path / "other", dtype=torch.float64), module)


def refusal(path) -> str:
    with pytest.raises(InputError) as caught:
        load_model(path)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_missing_and_unknown_tensors_are_refused_by_name(reference, tmp_path, layout):
    folder = write_esmc(reference, tmp_path / "esmc", layout)
    whole = load_file(folder / "model.safetensors")
    for key in whole:
        if not key.endswith(("_extra_state", "inv_freq")) and (".2." in key or "layers" not in key):
            save_file({name: value for name, value in whole.items() if name != key}, folder / "model.safetensors")
            assert "no tensor '" in (line := refusal(folder)) or "holds no decoder" in line, key
    save_file(whole | {"esmc.layers.0.self_attn.q_proj.lora_A.weight": torch.zeros(2)}, folder / "model.safetensors")
    assert "'layers.0.self_attn.q_proj.lora_A.weight', which an ESMC hasn't" in refusal(folder)


def test_other_sizes_than_stated_are_refused(reference, tmp_path):
    assert "expected (64, 192)" in refusal(write_esmc(reference, tmp_path / "wide", hidden_size=192, head_dim=64))
    assert "holds 4 layers" in refusal(write_esmc(reference, tmp_path / "shallow", num_hidden_layers=2))
    assert "no tensor 'layers.4" in refusal(write_esmc(reference, tmp_path / "deep", num_hidden_layers=80))
    assert "is (256, 96), expected (512, 96)" in refusal(
        write_esmc(reference, tmp_path / "other mlp", intermediate_size=512)
    )


def test_an_encoder_alone_says_so(reference, tmp_path):
    reference.esmc.save_pretrained(tmp_path / "encoder")
    assert "'encoder' has no language-model head" in refusal(tmp_path / "encoder")


def test_weights_of_one_architecture_under_the_configuration_of_another(reference, tmp_path):
    folder = write_esmc(reference, tmp_path / "esmc")
    stated = {"num_hidden_layers": 4, "num_attention_heads": 3, "hidden_size": 96, "position_embedding_type": "rotary"}
    (folder / "config.json").write_text(json.dumps(stated))
    assert "states an ESM-2, and the weights are not one's" in refusal(folder)


def test_every_setting_of_esmc_config_is_decided_about():
    stated = {field.name for field in fields_of(EsmcConfig)} | set(EsmcConfig().to_dict())
    assert stated <= ESMC_DECIDED, stated - ESMC_DECIDED
    assert not ESMC_HONOURED & (set(ESMC_ONLY) | ESMC_RELATED)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("vocab_size", 33),
        ("hidden_act", "gelu"),
        ("attention_bias", True),
        ("mlp_bias", True),
        ("tie_word_embeddings", True),
        ("num_key_value_heads", 1),
        ("head_dim", 16),
        ("mask_token_id", 4),
        ("rope_parameters", {"rope_type": "yarn", "factor": 2.0}),
        ("intermediate_size", "wide"),
        ("a_new_setting", 1),
    ],
)
def test_settings_that_are_not_computed_are_refused_by_name(reference, tmp_path, setting, value):
    assert setting in refusal(write_esmc(reference, tmp_path / "esmc", **{setting: value}))


# Where weights lie


def test_a_download_is_checked_against_its_hash(mirror, tmp_path):  # noqa: F811
    address, served = mirror
    place = served / "esmc-300m-2024-12/resolve/7f10b20ae75017b2dbc884070e03434515709a8d/data/weights"
    place.mkdir(parents=True)
    torch.save(older(random_esmc(1, 1, 64, 256).state_dict()), place / "esmc_300m_2024_12_v0.pth")
    with pytest.raises(InputError, match="wrong SHA-256"):
        read_checkpoint("esmc_300m", base_url=address)
    assert not list(hub_folder().glob("esmc_300m*.pth"))


def test_a_download_whose_hash_is_not_known(mirror, tmp_path):  # noqa: F811
    address, served = mirror
    module, place = random_esmc(2, 2, 128, 512), served / "esmc-600m-2024-12/resolve/main/data/weights"
    place.mkdir(parents=True)
    torch.save(older(module.state_dict()), place / "esmc_600m_2024_12_v0.pth")
    read_checkpoint("esmc_600m", base_url=address, progress=(heard := Heard()))
    size = (place / "esmc_600m_2024_12_v0.pth").stat().st_size
    assert heard.events[-1] == (size, size)
    assert_same(load_model("esmc_600m", dtype=torch.float64), module)


def test_the_largest_is_fetched_shard_by_shard_once_it_is_allowed(mirror, tmp_path, reference):  # noqa: F811
    address, served = mirror
    reference.save_pretrained(served / "ESMC-6B/resolve/main", max_shard_size="400KB")
    with pytest.raises(InputError, match="esmc_6b needs about 25 GB of memory in float32"):
        read_checkpoint("esmc_6b", base_url=address)
    checkpoint = read_checkpoint("esmc_6b", allow_large=True, base_url=address)
    assert (checkpoint.n_layers, checkpoint.architecture) == (4, ESM_C)
    assert_same(load_model("esmc_6b", dtype=torch.float64, allow_large=True), reference)


def test_no_network_says_where_to_put_the_file():
    with pytest.raises(InputError, match=str(hub_folder() / "esmc_600m.pth")) as caught:
        read_checkpoint("esmc_600m", base_url="http://127.0.0.1:9")
    assert len(str(caught.value).splitlines()) == 1


def test_published_files_under_their_own_names_are_listed_once(reference, tmp_path):
    write_esmc(reference, tmp_path / "models" / "ESMC-600M", "biohub")
    write_esmc(reference, tmp_path / "models" / "tuned")
    (tmp_path / "models" / "esmc_300m_2024_12_v0.pth").touch()
    assert local_names() == ["tuned"]
    assert_same(load_model("esmc_600m", dtype=torch.float64), reference)


def test_a_contact_head_beside_the_weights_is_the_models(reference, tmp_path):
    folder = write_esmc(reference, tmp_path / "models" / "tuned")
    bare = load_model("tuned")
    fitted = bare.with_contact_head(ContactHead(torch.linspace(-1, 1, 12), torch.tensor(-2.0)))
    assert fitted.contact_head is not None
    kept = contact_head_file("tuned")
    assert kept is not None
    assert kept == folder / "contact-regression.pt"
    kept.write_bytes(contact_head_bytes(fitted.contact_head))
    found = load_model("tuned").contact_head
    assert found is not None
    torch.testing.assert_close(found.weight, fitted.contact_head.weight)


def test_memory_that_will_not_do_is_refused_with_both_sizes(reference, tmp_path, monkeypatch):
    folder = write_esmc(reference, tmp_path / "esmc")
    monkeypatch.setattr(memory, "free_memory", lambda device: memory.BESIDE_WEIGHTS + 1_500_000)
    line = refusal(folder)
    assert "esmc needs 402 MB of memory in this precision, and 402 MB are free on cpu" in line
    assert load_model(folder, dtype=torch.bfloat16).dtype == torch.bfloat16


def test_half_precision_is_another_model_to_caches(reference, tmp_path):
    folder = write_esmc(reference, tmp_path / "esmc")
    single, half, double = (load_model(folder, dtype=dtype) for dtype in (torch.float32, torch.bfloat16, torch.float64))
    assert single.fingerprint == double.fingerprint != half.fingerprint
    assert single.trunk_fingerprint != half.trunk_fingerprint
    logits = run(half, esmc_tokens()).logits.double() - run(double, esmc_tokens()).logits
    assert logits.std() < 0.2 * run(double, esmc_tokens()).logits.std()
