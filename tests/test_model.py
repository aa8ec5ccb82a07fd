"""Loading models: every format gives fair-esm's logits, and everything unusable is refused in one line."""

import argparse
import json
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from core import checkpoints
from core.alphabet import tokenize
from core.checkpoints import read_checkpoint
from core.components import ablate, components
from core.errors import InputError
from core.model import ContactHead, Model, load_model
from core.model_files import EMBEDDED_FOLDER, contact_file, hub_folder, local_names
from core.run import run
from tests.heard import Heard

TOKENS = tokenize("MKTAYIAKQRQISFV", masked=[0])


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("PLMSCOPE_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    (tmp_path / "models").mkdir()
    hub_folder().mkdir(parents=True)


def write_pt(module, path: Path, contacts: bool = True) -> None:
    """The file that fair-esm publishes: sizes in a Namespace, tensors under names with a prefix."""
    config = argparse.Namespace(
        encoder_layers=module.num_layers,
        encoder_attention_heads=module.attention_heads,
        encoder_embed_dim=module.embed_dim,
        token_dropout=module.token_dropout,
    )
    state = module.state_dict()
    encoder = {f"encoder.sentence_encoder.{key}": value for key, value in state.items() if key.startswith("layers")}
    encoder |= {f"encoder.{key}": value for key, value in state.items() if not key.startswith(("layers", "contact"))}
    torch.save({"cfg": {"model": config}, "model": encoder}, path)
    if contacts:
        regression = {key: value for key, value in state.items() if key.startswith("contact")}
        torch.save({"model": regression}, contact_file(path))


HUGGING_FACE = [
    (r"^embed_tokens", "esm.embeddings.word_embeddings"),
    (r"^emb_layer_norm_after", "esm.encoder.emb_layer_norm_after"),
    (r"^layers\.(\d+)\.self_attn\.q_proj", r"esm.encoder.layer.\1.attention.self.query"),
    (r"^layers\.(\d+)\.self_attn\.k_proj", r"esm.encoder.layer.\1.attention.self.key"),
    (r"^layers\.(\d+)\.self_attn\.v_proj", r"esm.encoder.layer.\1.attention.self.value"),
    (r"^layers\.(\d+)\.self_attn\.rot_emb", r"esm.encoder.layer.\1.attention.self.rotary_embeddings"),
    (r"^layers\.(\d+)\.self_attn\.out_proj", r"esm.encoder.layer.\1.attention.output.dense"),
    (r"^layers\.(\d+)\.self_attn_layer_norm", r"esm.encoder.layer.\1.attention.LayerNorm"),
    (r"^layers\.(\d+)\.fc1", r"esm.encoder.layer.\1.intermediate.dense"),
    (r"^layers\.(\d+)\.fc2", r"esm.encoder.layer.\1.output.dense"),
    (r"^layers\.(\d+)\.final_layer_norm", r"esm.encoder.layer.\1.LayerNorm"),
    (r"^contact_head", "esm.contact_head"),
]


def hugging_face_name(key: str) -> str:
    """What `transformers` calls a tensor of fair-esm's."""
    for pattern, name in HUGGING_FACE:
        key = re.sub(pattern, name, key)
    return key


def write_hugging_face(module, folder: Path, leave_out: str = "nothing", **config) -> None:
    folder.mkdir(parents=True)
    renamed = {hugging_face_name(key): value.clone() for key, value in module.state_dict().items()}
    renamed = {key: value for key, value in renamed.items() if leave_out not in key and key != "lm_head.weight"}
    save_file(renamed, folder / "model.safetensors")
    sizes = {
        "num_hidden_layers": module.num_layers,
        "num_attention_heads": module.attention_heads,
        "hidden_size": module.embed_dim,
        "position_embedding_type": "rotary",
        "token_dropout": True,
    }
    (folder / "config.json").write_text(json.dumps(sizes | config))


def assert_same_logits(model: Model, module) -> None:
    expected = module(TOKENS[None])["logits"]
    torch.testing.assert_close(run(model.to(dtype=torch.float64), TOKENS).logits, expected, atol=1e-4, rtol=1e-5)


def test_local_pt_with_and_without_contact_regression(fair_esm, tmp_path):
    write_pt(fair_esm, tmp_path / "mine.pt")
    model = load_model(tmp_path / "mine.pt", dtype=torch.float64)
    torch.testing.assert_close(run(model, TOKENS).logits, fair_esm(TOKENS[None])["logits"], atol=1e-10, rtol=0)
    assert model.contact_head is not None
    assert model.name == "mine"
    assert not model.teaching
    contact_file(tmp_path / "mine.pt").unlink()
    with pytest.warns(UserWarning, match="no contact head"):
        assert load_model(tmp_path / "mine.pt").contact_head is None


@pytest.mark.parametrize("leave_out", ["nothing", "inv_freq", "contact_head"])
def test_hugging_face_folder(fair_esm, tmp_path, leave_out):
    write_hugging_face(fair_esm, tmp_path / "folder", leave_out)
    model = load_model(tmp_path / "folder")
    assert_same_logits(model, fair_esm)
    assert (model.contact_head is None) == (leave_out == "contact_head")


def test_models_folder_and_hub_cache_are_searched(fair_esm, tmp_path):
    write_hugging_face(fair_esm, tmp_path / "models" / "ours")
    assert_same_logits(load_model("ours"), fair_esm)
    write_pt(fair_esm, hub_folder() / "esm2_t6_8M_UR50D.pt")
    assert_same_logits(load_model("esm2_t6_8M_UR50D"), fair_esm)


def test_the_models_folder_is_listed_by_name(fair_esm, tmp_path):
    write_hugging_face(fair_esm, tmp_path / "models" / "ours")
    write_pt(fair_esm, tmp_path / "models" / "mine.pt")
    (tmp_path / "models" / "notes").mkdir()
    assert local_names() == ["mine", "ours"]


@pytest.fixture
def mirror(tmp_path):
    """A local server with fair-esm's folder layout; yields its address and the folder it serves."""
    folder = tmp_path / "served"
    (folder / "models").mkdir(parents=True)
    (folder / "regression").mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()


def serve(fair_esm, folder: Path, name: str) -> None:
    write_pt(fair_esm, folder / "models" / f"{name}.pt")
    contact_file(folder / "models" / f"{name}.pt").rename(folder / "regression" / f"{name}-contact-regression.pt")


def test_a_published_model_is_downloaded_once_into_the_hub_cache(fair_esm, mirror):
    address, folder = mirror
    serve(fair_esm, folder, "esm2_t12_35M_UR50D")
    heard = Heard()
    read_checkpoint("esm2_t12_35M_UR50D", base_url=address, progress=heard)
    size = (folder / "models" / "esm2_t12_35M_UR50D.pt").stat().st_size
    assert heard.events[-1] == (size, size)
    (folder / "models" / "esm2_t12_35M_UR50D.pt").unlink()
    assert_same_logits(load_model("esm2_t12_35M_UR50D"), fair_esm)


def test_a_published_model_with_the_wrong_hash_is_refused(fair_esm, mirror):
    address, folder = mirror
    serve(fair_esm, folder, "esm2_t6_8M_UR50D")
    with pytest.raises(InputError, match=r"(?i)sha-?256"):
        read_checkpoint("esm2_t6_8M_UR50D", base_url=address)
    assert not (hub_folder() / "esm2_t6_8M_UR50D.pt").exists()


def test_no_network_says_where_to_put_the_file(monkeypatch):
    with pytest.raises(InputError, match=str(hub_folder())) as caught:
        read_checkpoint("esm2_t30_150M_UR50D", base_url="http://127.0.0.1:9")
    assert "\n" not in str(caught.value)


def test_large_models_ask_first(mirror):
    with pytest.raises(InputError, match="needs about 11 GB"):
        read_checkpoint("esm2_t36_3B_UR50D")
    with pytest.raises(InputError, match=r"(?i)not found|404"):
        read_checkpoint("esm2_t36_3B_UR50D", allow_large=True, base_url=mirror[0])


class Malicious:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def test_pickles_with_code_are_refused_unexecuted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": {"embed_tokens.weight": Malicious()}}, tmp_path / "evil.pt")
    with pytest.raises(InputError, match="holds code"):
        load_model(tmp_path / "evil.pt")
    assert not (tmp_path / "executed").exists()


def refused(name, message):
    with pytest.raises(InputError, match=message) as caught:
        load_model(name)
    assert "\n" not in str(caught.value)


def test_unusable_files_are_refused_in_one_line(fair_esm, tmp_path):
    refused("no-such-model", "no model 'no-such-model'")
    refused(tmp_path / "absent.pt", "no model")
    whole = tmp_path / "whole.pt"
    write_pt(fair_esm, whole)
    cut = tmp_path / "cut.pt"
    cut.write_bytes(whole.read_bytes()[:-2000])
    refused(cut, "truncated")
    (tmp_path / "empty.pt").touch()
    refused(tmp_path / "empty.pt", "truncated")
    torch.save({"weights": 1}, tmp_path / "other.pt")
    refused(tmp_path / "other.pt", "no 'model' entry")
    torch.save({"model": {}, "args": 1}, tmp_path / "esm1.pt")
    refused(tmp_path / "esm1.pt", "not an ESM-2 checkpoint")


def test_unusable_folders_are_refused_in_one_line(fair_esm, tmp_path):
    def folder(name, **options):
        write_hugging_face(fair_esm, tmp_path / name, **options)
        return tmp_path / name

    refused(folder("absolute", position_embedding_type="absolute"), "not an ESM-2")
    refused(folder("headless", num_attention_heads="many"), "whole numbers")
    refused(folder("odd", num_attention_heads=5), "does not split into 5 heads")
    refused(folder("shallow", num_hidden_layers=2), "holds 3 layers")
    refused(folder("deep", num_hidden_layers=4), "no tensor|expected")
    refused(folder("wide", hidden_size=64), "expected")
    refused(folder("lacking", leave_out="intermediate"), "has no tensor 'layers.0.fc1.weight'")
    cut = folder("cut")
    weights = cut / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    refused(cut, "truncated")
    broken = folder("broken")
    (broken / "config.json").write_text("{")
    refused(broken, "not JSON")
    weightless = folder("weightless")
    (weightless / "model.safetensors").unlink()
    refused(weightless, "no model.safetensors")


def test_fingerprints_tell_models_apart(fair_esm):
    one, same = Model.from_fair_esm(fair_esm), Model.from_fair_esm(fair_esm, name="other name")
    state = fair_esm.state_dict()
    state["layers.1.fc2.bias"] = state["layers.1.fc2.bias"] + 1e-3
    changed = Model.from_state_dict(state, one.shape, name="changed")
    assert one.fingerprint == same.fingerprint != changed.fingerprint
    assert one.trunk_fingerprint == same.trunk_fingerprint != changed.trunk_fingerprint
    assert one.contact_head is not None
    refitted = one.with_contact_head(ContactHead(one.contact_head.weight + 1, one.contact_head.bias))
    assert refitted.fingerprint != one.fingerprint
    assert refitted.trunk_fingerprint == one.trunk_fingerprint
    state = {**fair_esm.state_dict(), "contact_head.regression.bias": torch.ones(1)}
    assert Model.from_state_dict(state, one.shape, name="other head").trunk_fingerprint == one.trunk_fingerprint


@pytest.mark.skipif(not (EMBEDDED_FOLDER / "model.safetensors").exists(), reason="no embedded model in assets")
def test_the_embedded_model_loads_needs_no_network_and_says_that_it_is_a_teaching_model(monkeypatch):
    monkeypatch.setattr(checkpoints, "download", None)
    model = load_model("embedded")
    assert model.teaching
    assert model.dtype == torch.float32
    assert model.contact_head is not None
    assert sum(f.stat().st_size for f in EMBEDDED_FOLDER.iterdir()) < 20e6


def test_eight_threads_with_different_interventions_give_the_single_thread_answers(model):
    conditions = [ablate(component) for component in components(model.shape)]
    expected = [run(model, TOKENS, (condition,)).logits for condition in conditions]
    wrong = []

    def work(offset):
        for turn in range(20):
            index = (offset * 7 + turn) % len(conditions)
            found = run(model, TOKENS, (conditions[index],)).logits
            if not torch.allclose(found, expected[index], atol=1e-10, rtol=0):
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
