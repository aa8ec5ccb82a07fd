"""The probe finds the head that contacts were made from, fits fair-esm's features, and travels as fair-esm's file."""

import argparse

import esm
import numpy as np
import pytest
import torch

from core.alphabet import tokenize
from core.analyses.contact_probe import (
    choose_strength,
    contact_head_bytes,
    cross_validated,
    fit_contact_head,
    fit_probe,
    make_example,
    read_contact_head,
)
from core.contacts import contact_map, heads_map
from core.errors import InputError
from core.interventions import Head
from core.model import load_model
from core.proteins.contact_scores import precision_at
from core.proteins.labelled import LabelledProtein
from tests.heard import Heard

HEAD = Head(1, 3)


def seen_by_head(model, name: str, sequence: str, resolved: np.ndarray) -> LabelledProtein:
    """A protein in contact wherever one head's map is in its upper tenth, six residues apart or more."""
    predicted = heads_map(model, tokenize(sequence), [HEAD])
    pairs = np.triu(np.ones_like(predicted, dtype=bool), 6)
    contacts = pairs & (predicted > np.quantile(predicted[pairs], 0.9))
    return LabelledProtein.from_arrays(name, sequence, contacts, resolved, "by one head")


@pytest.fixture(scope="module")
def proteins(model) -> dict[str, LabelledProtein]:
    generator = np.random.default_rng(1)
    found = {}
    for number in range(5):
        sequence = "".join(generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), 40))
        resolved = generator.random(40) < 0.9
        found[f"p{number}"] = seen_by_head(model, f"p{number}", sequence, resolved)
    return found


def test_features_are_fair_esms(fair_esm, model, proteins):
    seen = []
    handle = fair_esm.contact_head.regression.register_forward_pre_hook(lambda _, args: seen.append(args[0][0]))
    protein = proteins["p0"]
    fair_esm.predict_contacts(protein.tokens[None])
    handle.remove()
    contacts, known = protein.truth()
    pairs = [(i, j) for i in range(40) for j in range(i + 6, 40) if known[i, j]]
    found = make_example(model, protein)
    np.testing.assert_allclose(found.features, [seen[0][pair].numpy() for pair in pairs], atol=1e-6)
    assert found.contact.tolist() == [contacts[pair] for pair in pairs]


def test_the_probe_finds_the_head_that_contacts_came_from(model, proteins):
    probed = fit_probe(model, proteins, strength=10.0).model
    assert int(probed.contact_head.weight.argmax()) == HEAD.layer * 4 + HEAD.index
    new = seen_by_head(model, "new", "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRV", np.ones(40, bool))
    found = precision_at(contact_map(probed, new.tokens), *new.truth(), "long", 5)
    assert found.precision > 0.8 > 1.5 * found.chance


def test_fewer_heads_are_used_the_stronger_the_penalty(model, proteins):
    examples = [make_example(model, protein) for protein in proteins.values()]
    used = [int((fit_contact_head(examples, strength).weight != 0).sum()) for strength in (0.001, 0.15, 100.0)]
    assert used == sorted(used)
    assert used[0] < used[-1]


def test_cross_validation_judges_on_proteins_left_out(model, proteins):
    examples = [make_example(model, protein) for protein in proteins.values()]
    assert cross_validated(examples, 10.0) > cross_validated(examples, 1e-4) + 0.3
    strength, precision = choose_strength(examples)
    assert precision[strength] == max(precision.values()) == cross_validated(examples, strength)
    with pytest.raises(InputError, match="at least two labelled proteins, not 1"):
        choose_strength(examples[:1])


def test_a_probe_chooses_its_penalty_where_none_is_given(model, proteins):
    examples = [make_example(model, protein) for protein in proteins.values()]
    strength, precision = choose_strength(examples)
    found = fit_probe(model, proteins)
    assert (found.strength, found.precision) == (strength, precision[strength])
    assert torch.equal(found.model.contact_head.weight, fit_contact_head(examples, strength).weight.to(model.dtype))


def test_a_probe_knows_its_precision_on_proteins_left_out_and_chance(model, proteins):
    heard = Heard()
    found = fit_probe(model, proteins, strength=10.0, progress=heard)
    left_out = []
    for fold in range(4):
        others = [make_example(model, protein) for at, protein in enumerate(proteins.values()) if at % 4 != fold]
        fitted = model.with_contact_head(fit_contact_head(others, 10.0))
        for protein in list(proteins.values())[fold::4]:
            left_out.append(precision_at(contact_map(fitted, protein.tokens), *protein.truth()).precision)
    assert found.precision == pytest.approx(np.mean(left_out), abs=1e-9)
    assert 0 < found.chance < found.precision
    assert heard.events == [(done + 1, len(proteins) + 2) for done in range(len(proteins) + 1)]


def test_a_fitted_model_is_another_model_and_the_old_one_stays(model, proteins):
    before = model.contact_head.weight.clone()
    probed = fit_probe(model, proteins).model
    assert probed.fingerprint != model.fingerprint
    assert probed.fingerprint == fit_probe(model, proteins).model.fingerprint
    assert probed.contact_head.weight.dtype == model.dtype
    assert torch.equal(model.contact_head.weight, before)


def test_the_file_round_trips(model, proteins, tmp_path):
    probed = fit_probe(model, proteins).model
    data = contact_head_bytes(probed.contact_head)
    again = read_contact_head(model, data)
    torch.testing.assert_close(again.contact_head.weight, probed.contact_head.weight)
    torch.testing.assert_close(again.contact_head.bias, probed.contact_head.bias)
    assert again.fingerprint == probed.fingerprint
    (tmp_path / "head.pt").write_bytes(data)
    assert read_contact_head(model, tmp_path / "head.pt").fingerprint == probed.fingerprint


def test_fair_esm_and_our_loader_read_the_file_beside_the_weights(model, fair_esm, proteins, tmp_path):
    """A checkpoint saved as fair-esm saves it, our contact head beside it."""
    probed = fit_probe(model, proteins).model
    config = argparse.Namespace(encoder_layers=3, encoder_attention_heads=4, encoder_embed_dim=32, token_dropout=True)
    state = {f"encoder.sentence_encoder.{k}": v for k, v in fair_esm.state_dict().items() if "contact_head" not in k}
    torch.save({"cfg": {"model": config}, "model": state}, tmp_path / "esm2_tiny.pt")
    (tmp_path / "esm2_tiny-contact-regression.pt").write_bytes(contact_head_bytes(probed.contact_head))
    tokens = proteins["p0"].tokens
    ours = load_model(tmp_path / "esm2_tiny.pt")
    np.testing.assert_allclose(contact_map(ours, tokens), contact_map(probed, tokens), atol=1e-4)
    with torch.serialization.safe_globals([argparse.Namespace]):
        theirs, _ = esm.pretrained.load_model_and_alphabet_local(str(tmp_path / "esm2_tiny.pt"))
    expected = theirs.eval().predict_contacts(tokens[None])[0].detach().numpy()
    np.testing.assert_allclose(contact_map(probed, tokens), expected, atol=1e-4)


def test_files_that_are_no_contact_head_are_one_clear_line(model, tmp_path):
    for data in (b"", b"<html>", contact_head_bytes(model.contact_head)[:300]):
        with pytest.raises(InputError, match="not a contact head"):
            read_contact_head(model, data)
    with pytest.raises(InputError, match="not a contact head"):
        read_contact_head(model, tmp_path / "nowhere.pt")
    torch.save({"model": {"something": torch.zeros(3)}}, tmp_path / "other.pt")
    with pytest.raises(InputError, match="not a contact head"):
        read_contact_head(model, tmp_path / "other.pt")
    wider = type(model.contact_head)(torch.zeros(120), torch.tensor(0.0))
    with pytest.raises(InputError, match="a contact head for 120 heads does not fit tiny, which has 12"):
        read_contact_head(model, contact_head_bytes(wider))


def test_too_little_to_learn_from_is_one_clear_line(model, proteins):
    with pytest.raises(InputError, match="at least 3 labelled proteins, not 2"):
        fit_probe(model, dict(list(proteins.items())[:2]))
    empty = {name: LabelledProtein(name, "MKTA" * 5, (), (), "none") for name in "abc"}
    with pytest.raises(InputError, match=r"2 proteins give 0 contacts in 210 pairs: nothing to fit"):
        fit_probe(model, empty)
