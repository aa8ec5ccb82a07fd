"""Settings and weights as others write them: computed with, or refused by name, and never ignored."""

import argparse
import copy
import json
import re
from dataclasses import fields as fields_of
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import EsmConfig, EsmForMaskedLM

from core.alphabet import TOKENS as ALPHABET
from core.alphabet import tokenize
from core.errors import InputError
from core.esm_config import DECIDED, HONOURED, ONLY, RELATED, WITHOUT_EFFECT, esm_settings
from core.model import load_model
from core.model_files import contact_file
from core.run import run
from tests.conftest import random_fair_esm
from tests.test_model import hugging_face_name, own_folders, write_hugging_face, write_pt  # noqa: F401 - a fixture for every test here

TOKENS = tokenize("MKTAYIAKQRQISFV", masked=[0])
# The settings of EsmConfig in transformers 5.24, those of its base class among them.
_ESM_CONFIG = """
vocab_size mask_token_id pad_token_id hidden_size num_hidden_layers num_attention_heads intermediate_size
hidden_dropout_prob attention_probs_dropout_prob max_position_embeddings rope_theta initializer_range layer_norm_eps
position_embedding_type use_cache emb_layer_norm_before token_dropout is_folding_model esmfold_config vocab_list
is_decoder add_cross_attention tie_word_embeddings bos_token_id eos_token_id
transformers_version architectures output_hidden_states return_dict dtype chunk_size_feed_forward is_encoder_decoder
id2label label2id problem_type
"""
WRITTEN_BESIDE = ["model_type", "_name_or_path", "output_attentions", "torch_dtype", "classifier_dropout"]


def changed(module, **attributes):
    """A copy of a fair-esm model whose modules have other attributes, as `layer_norm_eps` or `inv_freq`."""
    other = copy.deepcopy(module)
    for part in other.modules():
        for name, value in (attributes | {"_seq_len_cached": None}).items():  # fair-esm keeps its cosines
            if hasattr(part, name):
                setattr(part, name, value)
    return other


def assert_predicts_as(path: Path, module) -> None:
    found = run(load_model(path, dtype=torch.float64), TOKENS).logits
    torch.testing.assert_close(found, module(TOKENS[None])["logits"], atol=1e-6, rtol=1e-6)


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_model(path)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def rewrite(folder: Path, rename, extra: dict | None = None) -> None:
    """The folder's tensors under other names; None leaves one out."""
    tensors = {rename(key): value for key, value in load_file(folder / "model.safetensors").items()}
    save_file({key: value for key, value in tensors.items() if key} | (extra or {}), folder / "model.safetensors")


@pytest.fixture
def folder(fair_esm, tmp_path):
    """Writes a folder with fair-esm's LayerNorm stated, and other settings as asked."""

    def write(module=fair_esm, **options) -> Path:
        path = tmp_path / "folder"
        write_hugging_face(module, path, **{"layer_norm_eps": 1e-5, **options})
        return path

    return write


# Settings


def test_every_setting_of_esm_config_is_decided_about_once():
    fields = {*_ESM_CONFIG.split(), *WRITTEN_BESIDE}
    fields |= {field.name for field in fields_of(EsmConfig)} | set(EsmConfig().to_dict())
    assert fields <= DECIDED, fields - DECIDED
    assert sum(map(len, (HONOURED, ONLY, WITHOUT_EFFECT, RELATED))) == len(DECIDED)


@pytest.mark.parametrize("setting", ["attention_bias", "a_new_setting"])
def test_a_setting_that_nobody_decided_about_is_refused_by_name(folder, setting):
    assert f"sets '{setting}'" in refusal(folder(**{setting: False}))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("position_embedding_type", "absolute"),
        ("position_embedding_type", "relative_key"),
        ("position_embedding_type", None),
        ("emb_layer_norm_before", True),
        ("vocab_size", 64),
        ("vocab_list", ["<cls>", "A"]),
        ("mask_token_id", 4),
        ("pad_token_id", 0),
        ("bos_token_id", 5),
        ("eos_token_id", 4),
        ("is_folding_model", True),
        ("is_decoder", True),
        ("is_encoder_decoder", True),
        ("add_cross_attention", True),
        ("rope_scaling", {"type": "linear", "factor": 2.0}),
        ("rope_parameters", {"rope_type": "yarn", "factor": 2.0}),
        ("rope_parameters", {"rope_theta": 1e4, "partial_rotary_factor": 0.5}),
        ("pruned_heads", {"0": [1]}),
        ("per_layer_config", {"0": {"num_attention_heads": 2}}),
        ("quantization_config", {"load_in_8bit": True}),
        ("auto_map", {"AutoModel": "mine.Mine"}),
        ("model_type", "bert"),
        ("intermediate_size", 64),
        ("head_dim", 16),
        ("hidden_act", "relu"),
        ("token_dropout", "yes"),
        ("layer_norm_eps", 0),
        ("layer_norm_eps", "small"),
        ("rope_theta", -1.0),
        ("tie_word_embeddings", False),
    ],
)
def test_settings_that_are_not_computed_are_refused_by_name(folder, setting, value):
    assert setting in refusal(folder(**{setting: value}))


@pytest.mark.parametrize("eps", [1e-12, 1e-3, 0.1])
def test_layer_norm_eps_is_honoured(fair_esm, folder, eps):
    path = folder(layer_norm_eps=eps)
    assert_predicts_as(path, changed(fair_esm, eps=eps))


def test_layer_norm_eps_tells_fingerprints_apart(fair_esm, tmp_path):
    for name, eps in (("one", 1e-5), ("two", 1e-3)):
        write_hugging_face(fair_esm, tmp_path / name, layer_norm_eps=eps)
    assert load_model(tmp_path / "one").trunk_fingerprint != load_model(tmp_path / "two").trunk_fingerprint


@pytest.mark.parametrize("stated", [{"rope_theta": 500.0}, {"rope_parameters": {"rope_theta": 500.0}}])
def test_rope_theta_is_honoured_and_held_against_the_files_frequencies(fair_esm, folder, stated, tmp_path):
    frequencies = 500.0 ** -(torch.arange(0, 8, 2) / 8)
    other = changed(fair_esm, inv_freq=frequencies.double())
    assert_predicts_as(folder(other, leave_out="inv_freq", **stated), other)
    write_hugging_face(fair_esm, tmp_path / "both", layer_norm_eps=1e-5, **stated)
    assert "states a RoPE base of 500, and its 'layers.0.self_attn.rot_emb.inv_freq' has another" in refusal(
        tmp_path / "both"
    )


def test_rope_theta_stated_twice_differently_is_refused(folder):
    assert "rope_theta is 500.0, and 10000.0" in refusal(folder(rope_theta=500.0, rope_parameters={"rope_theta": 1e4}))


def test_frequencies_rounded_to_half_are_those_of_the_base(fair_esm, folder):
    path = folder()
    tensors = load_file(path / "model.safetensors")
    save_file({k: v.half() if "inv_freq" in k else v for k, v in tensors.items()}, path / "model.safetensors")
    load_model(path)


@pytest.mark.parametrize("dropout", [True, False])
def test_token_dropout_is_honoured(fair_esm, folder, dropout):
    assert_predicts_as(folder(token_dropout=dropout), changed(fair_esm, token_dropout=dropout))


def test_what_a_config_does_not_state_has_transformers_default_and_is_said(fair_esm, folder):
    path = folder()
    config = json.loads((path / "config.json").read_text())
    del config["token_dropout"], config["layer_norm_eps"]
    (path / "config.json").write_text(json.dumps(config))
    assert_predicts_as(path, changed(fair_esm, token_dropout=False, eps=1e-12))
    (note,) = load_model(path).notes
    assert note.startswith("config.json doesn't state token_dropout (False) and layer_norm_eps (1e-12)")


def test_settings_without_effect_change_nothing(fair_esm, folder, tmp_path):
    beside = {"hidden_dropout_prob": 0.5, "architectures": ["EsmForMaskedLM"], "dtype": "float32", "vocab_size": 33}
    assert_predicts_as(folder(**beside, vocab_list=list(ALPHABET), intermediate_size=128, model_type="esm"), fair_esm)
    assert load_model(tmp_path / "folder").notes == ()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(sorted(DECIDED)) | st.text(max_size=8), json_values, max_size=6), st.data())
def test_any_config_is_read_or_refused_in_one_line(config, data):
    sizes = {"num_hidden_layers": 3, "num_attention_heads": 4, "hidden_size": 32, "position_embedding_type": "rotary"}
    if data.draw(st.booleans()):
        config = config | sizes
    refusal = ""
    try:
        assert esm_settings(config, Path("config.json")).n_layers > 0
    except InputError as error:
        refusal = str(error)
    assert len(refusal.splitlines()) <= 1


# Weights


def test_an_untied_decoder_is_computed_with_where_the_settings_say_that_it_is_one(fair_esm, folder):
    path = folder(tie_word_embeddings=False)
    embedding = load_file(path / "model.safetensors")["esm.embeddings.word_embeddings.weight"]
    rewrite(path, lambda key: key, {"lm_head.decoder.weight": embedding.clone()})
    assert_predicts_as(path, fair_esm)
    other = copy.deepcopy(fair_esm)
    other.lm_head.weight = torch.nn.Parameter(embedding.flip(0).contiguous())
    rewrite(path, lambda key: key, {"lm_head.decoder.weight": embedding.flip(0).contiguous()})
    assert_predicts_as(path, other)
    config = json.loads((path / "config.json").read_text()) | {"tie_word_embeddings": True}
    (path / "config.json").write_text(json.dumps(config))
    assert "'lm_head.decoder.weight' is not its token embedding (an untied decoder)" in refusal(path)


@pytest.mark.parametrize("tied", [True, False])
def test_folders_that_transformers_saves(tmp_path, tied):
    """Its own pass turns q and k in float32, so fair-esm with the same weights is the referee to 1e-10."""
    config = EsmConfig(
        vocab_size=33,
        mask_token_id=32,
        pad_token_id=1,
        num_hidden_layers=2,
        num_attention_heads=4,
        hidden_size=32,
        intermediate_size=128,
        position_embedding_type="rotary",
        token_dropout=True,
        emb_layer_norm_before=False,
        layer_norm_eps=1e-3,
        rope_theta=500.0,
        tie_word_embeddings=tied,
    )
    saved = EsmForMaskedLM._from_config(config, attn_implementation="eager").double().eval().requires_grad_(False)
    frequencies = 1 / 500.0 ** (torch.arange(0, 8, 2) / 8)
    module = changed(random_fair_esm(2, 4, 32), eps=1e-3, inv_freq=frequencies.double())
    if not tied:
        module.lm_head.weight = torch.nn.Parameter(module.lm_head.weight.flip(0).contiguous())
    state = {hugging_face_name(key): value for key, value in module.state_dict().items()}
    state["lm_head.decoder.weight"] = state.pop("lm_head.weight")
    missing, unexpected = saved.load_state_dict(state, strict=False)
    assert (missing, unexpected) == ([], [])
    saved.save_pretrained(tmp_path / "saved", max_shard_size="20KB")
    assert (tmp_path / "saved" / "model.safetensors.index.json").exists()
    found = run(load_model(tmp_path / "saved", dtype=torch.float64), TOKENS).logits
    torch.testing.assert_close(found, module(TOKENS[None])["logits"], atol=1e-10, rtol=0)
    torch.testing.assert_close(found, saved(TOKENS[None]).logits, atol=1e-4, rtol=1e-4)


def test_a_fair_esm_file_with_an_untied_head_is_refused(fair_esm, tmp_path):
    other = copy.deepcopy(fair_esm)
    other.lm_head.weight = torch.nn.Parameter(other.lm_head.weight + 1)
    write_pt(other, tmp_path / "untied.pt")
    assert "'lm_head.weight' is not its token embedding" in refusal(tmp_path / "untied.pt")


def test_layer_norms_called_gamma_and_beta(fair_esm, folder):
    path = folder()
    rewrite(
        path, lambda key: re.sub(r"(LayerNorm)\.weight", r"\1.gamma", re.sub(r"(LayerNorm)\.bias", r"\1.beta", key))
    )
    assert_predicts_as(path, fair_esm)


@pytest.mark.parametrize(
    "shared", ["esm.rotary_embeddings.inv_freq", "esm.encoder.layer.*.attention.self.rotary_embeddings.inv_freq"]
)
def test_one_set_of_frequencies_for_all_layers(fair_esm, folder, shared):
    path = folder(changed(fair_esm, inv_freq=500.0 ** -(torch.arange(0, 8, 2) / 8).double()), rope_theta=500.0)
    frequencies = load_file(path / "model.safetensors")["esm.encoder.layer.0.attention.self.rotary_embeddings.inv_freq"]
    rewrite(path, lambda key: None if "inv_freq" in key else key, {shared: frequencies})
    assert_predicts_as(path, changed(fair_esm, inv_freq=500.0 ** -(torch.arange(0, 8, 2) / 8).double()))


def shard(folder: Path, n_shards: int = 3) -> dict[str, str]:
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    shard_of = {
        key: f"model-{i % n_shards + 1:05d}-of-{n_shards:05d}.safetensors" for i, key in enumerate(sorted(tensors))
    }
    for name in set(shard_of.values()):
        save_file({key: tensors[key] for key in tensors if shard_of[key] == name}, folder / name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": shard_of}))
    return shard_of


def test_shards_with_an_index(fair_esm, folder):
    path = folder()
    shard_of = shard(path)
    assert_predicts_as(path, fair_esm)
    index = path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": shard_of | {"esm.more.weight": shard_of["lm_head.bias"]}}))
    assert "lists 'esm.more.weight', and no shard holds it (1 tensors are missing)" in refusal(path)
    index.write_text(json.dumps({"weight_map": shard_of | {"lm_head.bias": "../elsewhere.safetensors"}}))
    assert "lists the shard '../elsewhere.safetensors', and it is not in the folder" in refusal(path)
    index.write_text("[]")
    assert "is no index of shards" in refusal(path)


def test_pytorch_bin_files(fair_esm, folder):
    path = folder()
    torch.save(load_file(path / "model.safetensors"), path / "pytorch_model.bin")
    (path / "model.safetensors").unlink()
    assert_predicts_as(path, fair_esm)


@pytest.mark.parametrize(
    ("rename", "extra"),
    [
        (lambda key: None if "lm_head" in key else key.removeprefix("esm."), {}),  # EsmModel
        (lambda key: None if "lm_head" in key else key, {"classifier.dense.weight": torch.zeros(32, 32)}),
        (lambda key: None if "lm_head" in key else key, {"esm.pooler.dense.weight": torch.zeros(32, 32)}),
    ],
)
def test_encoders_and_classifiers_have_no_language_model_head(folder, rename, extra):
    path = folder()
    rewrite(path, rename, extra)
    assert "'folder' has no language-model head" in refusal(path)


def test_what_predictions_do_not_need_is_left_out_and_said(fair_esm, folder):
    path = folder()
    extra = {"esm.embeddings.position_ids": torch.arange(4)[None], "esm.pooler.dense.bias": torch.zeros(32)}
    rewrite(path, lambda key: key, extra)
    assert_predicts_as(path, fair_esm)
    (note,) = load_model(path).notes
    assert note.startswith("not read, as predictions don't need them: ")
    assert {"embeddings.position_ids", "pooler.dense.bias"} == set(note.partition(": ")[2].split(", "))


@pytest.mark.parametrize(
    "name", ["esm.encoder.layer.0.attention.self.query.lora_A.weight", "esm.embeddings.layer_norm.weight", "more"]
)
def test_tensors_that_an_esm2_has_not_are_refused_by_name(folder, name):
    path = folder()
    rewrite(path, lambda key: key, {name: torch.zeros(4)})
    assert name.rpartition(".")[2] in refusal(path)
    assert "which an ESM-2 hasn't" in refusal(path)


def test_numbers_that_cannot_be_computed_with_are_refused(folder):
    path = folder()
    bias = load_file(path / "model.safetensors")["lm_head.bias"]
    rewrite(path, lambda key: key, {"lm_head.bias": torch.full_like(bias, torch.nan)})
    assert "'lm_head.bias' holds values that are not numbers" in refusal(path)
    rewrite(path, lambda key: key, {"lm_head.bias": bias.nan_to_num().to(torch.int8)})
    assert "'lm_head.bias' is torch.int8, and only floating-point is read" in refusal(path)


@pytest.mark.parametrize("tokens", [ALPHABET, ALPHABET[::-1], ALPHABET[:-1]])
def test_a_vocabulary_in_another_order_is_refused(folder, tokens):
    path = folder()
    (path / "vocab.txt").write_text("\n".join(tokens))
    if tokens == ALPHABET:
        load_model(path)
    else:
        assert "vocab.txt lists other tokens than ESM-2's, or in another order" in refusal(path)


# Files of fair-esm's kind


def settings_of(module) -> dict:
    return {
        "encoder_layers": module.num_layers,
        "encoder_attention_heads": module.attention_heads,
        "encoder_embed_dim": module.embed_dim,
        "token_dropout": module.token_dropout,
    }


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "model.esm.", "module.model.", "_orig_mod.", "esm."])
@pytest.mark.parametrize("under", [None, "model", "state_dict"])
def test_bare_state_dicts(fair_esm, tmp_path, prefix, under):
    state = {prefix + key: value for key, value in fair_esm.state_dict().items()}
    torch.save({under: state, "epoch": 3} if under else state, tmp_path / "tuned.pt")
    assert_predicts_as(tmp_path / "tuned.pt", fair_esm)
    model = load_model(tmp_path / "tuned.pt")
    assert (model.shape.n_heads, model.contact_head is not None) == (4, True)
    assert model.notes == (
        "tuned.pt states no settings: its tensors tell the sizes, and token dropout is taken to be on",
    )


@pytest.mark.parametrize("dropout", [True, False])
@pytest.mark.parametrize(
    "settings",
    [
        lambda held: {"cfg": {"model": held}},
        lambda held: {"cfg": {"model": argparse.Namespace(**held)}},
        lambda held: {"cfg": held},
        lambda held: {"args": held},
        lambda held: {"args": argparse.Namespace(**held)},
        lambda held: {"config": held},
    ],
)
def test_configurations_as_dict_or_namespace(fair_esm, tmp_path, settings, dropout):
    other = changed(fair_esm, token_dropout=dropout)
    torch.save({"model": fair_esm.state_dict(), **settings(settings_of(other))}, tmp_path / "tuned.pt")
    assert_predicts_as(tmp_path / "tuned.pt", other)


def test_configurations_that_are_no_esm2(fair_esm, tmp_path):
    path = tmp_path / "other.pt"
    for change, message in (
        ({"encoder_ffn_embed_dim": 64}, "encoder_ffn_embed_dim is 64, not 128"),
        ({"emb_layer_norm_before": True}, "emb_layer_norm_before is True, not False"),
        ({"encoder_layers": None}, "its configuration doesn't say encoder_layers"),
        ({"encoder_attention_heads": 8}, "is not this ESM-2: 'layers.0.self_attn.rot_emb.inv_freq'"),
    ):
        torch.save({"model": fair_esm.state_dict(), "cfg": {"model": settings_of(fair_esm) | change}}, path)
        assert message in refusal(path)
    state = {key: value for key, value in fair_esm.state_dict().items() if "inv_freq" not in key}
    torch.save(state, path)
    assert "says nowhere how many heads it has" in refusal(path)
    torch.save({"encoder.embed_positions.weight": torch.zeros(4, 4), **fair_esm.state_dict()}, path)
    assert "holds 'embed_positions.weight', which an ESM-2 hasn't" in refusal(path)
    torch.save({**fair_esm.state_dict(), "module.lm_head.bias": torch.zeros(33)}, path)
    assert "two of the file's tensors are 'lm_head.bias'" in refusal(path)


@pytest.mark.parametrize("damage", ["other model", "cut", "empty", "code"])
def test_a_contact_regression_that_does_not_fit_is_left_out_with_a_line(fair_esm, tmp_path, damage):
    write_pt(fair_esm, tmp_path / "mine.pt")
    regression = contact_file(tmp_path / "mine.pt")
    if damage == "other model":
        held = {"contact_head.regression.weight": torch.zeros(1, 5), "contact_head.regression.bias": torch.zeros(1)}
        torch.save({"model": held}, regression)
    elif damage == "cut":
        regression.write_bytes(regression.read_bytes()[:-200])
    elif damage == "empty":
        torch.save({"model": {}}, regression)
    else:
        torch.save({"model": Path("x")}, regression)
    with pytest.warns(UserWarning, match="no contact head"):
        model = load_model(tmp_path / "mine.pt", dtype=torch.float64)
    assert model.contact_head is None
    assert len(model.notes) == 1
    torch.testing.assert_close(run(model, TOKENS).logits, fair_esm(TOKENS[None])["logits"], atol=1e-10, rtol=0)


def test_a_regression_file_changes_nothing_but_the_contact_head(fair_esm, tmp_path):
    write_pt(fair_esm, tmp_path / "mine.pt")
    held = torch.load(contact_file(tmp_path / "mine.pt"))["model"]
    torch.save({"model": held | {"lm_head.bias": torch.ones(33)}}, contact_file(tmp_path / "mine.pt"))
    assert_predicts_as(tmp_path / "mine.pt", fair_esm)


def test_a_contact_head_in_a_folder_that_does_not_fit_is_left_out(fair_esm, folder):
    path = folder()
    rewrite(path, lambda key: key, {"esm.contact_head.regression.weight": torch.zeros(1, 7)})
    assert_predicts_as(path, fair_esm)
    model = load_model(path)
    assert model.contact_head is None
    assert model.notes[0].startswith("the folder's contact head doesn't fit, so there is no contact head")
