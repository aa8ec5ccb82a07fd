"""Analyses of a model on another device, as on a GPU, give the numbers that the CPU gives."""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
import torch

from core.alphabet import tokenize
from core.analyses import mutants
from core.analyses.bos_knockouts import bos_attention, bos_knockouts
from core.analyses.categorical_jacobian import categorical_jacobian, representation_jacobian
from core.analyses.competition import destruction, elongation
from core.analyses.contact_attribution import ablation_effects, contact_shares
from core.analyses.contact_probe import fit_contact_head, make_example
from core.analyses.evidence import measure_support
from core.analyses.head_ablation import component_sweep
from core.analyses.head_ranking import rank_heads
from core.analyses.induction import Repeat, copying, twin_attention
from core.analyses.injection import inject
from core.analyses.minimal_circuits import minimal_circuit
from core.analyses.motif_recovery import motif_recovery
from core.analyses.norm_direction import compare_bands
from core.analyses.patching import patch_around, patch_heads, patch_stream
from core.analyses.rope_experiments import bos_attention_by_cause, rope_removal, swap
from core.analyses.rope_shift import shift_control, shift_curve, shifted_score
from core.analyses.substitutions import substitutions
from core.analyses.sufficiency import gaps_along, token_scopes
from core.components import components
from core.contacts import contact_map, heads_map
from core.interventions import AblateHead, Head
from core.metrics import Target
from core.model import ContactHead, Model
from core.proteins.examples import load_example
from core.proteins.labelled import LabelledProtein
from core.run import Keep, run
from tests.another_device import ELSEWHERE, ElsewhereTensor
from tests.heard import Heard
from tests.lively import SEQUENCE, ranks_first
from tests.referees import make_referee

CLEAN, INTERNAL = tokenize(SEQUENCE, masked=[0]), tokenize(SEQUENCE, masked=[10])
HEADS = [Head(2, 1), Head(1, 0)]
ANALYSES: dict[str, Callable[[Model], Any]] = {
    "run": lambda model: run(model, CLEAN, [(), swap(HEADS)], keep=Keep.of("pattern", "z"), positions=[0, 1]).logits,
    "ablations": lambda model: component_sweep(model, CLEAN, scope="mask").heads,
    "knockouts": lambda model: bos_knockouts(model, CLEAN, HEADS),
    "attention to BOS": lambda model: bos_attention(model, CLEAN),
    "attention to BOS by cause": lambda model: bos_attention_by_cause(model, CLEAN, INTERNAL),
    "elongation": lambda model: elongation(model, "A", [1, 5], fixed_scale=1.0 if model.token_dropout else None),
    "destruction": lambda model: destruction(model, "A", [1, 3], length=5, orders=3),
    "minimal circuit": lambda model: minimal_circuit(
        model, CLEAN, components(model.shape)[:6], target=Target(ranks_first(model, CLEAN))
    ),
    "circuit alone": lambda model: token_scopes(model, CLEAN, components(model.shape)[:6]),
    "M-gap along": lambda model: gaps_along(model, SEQUENCE, [0, 5], {"clean": (), "swapped": swap(HEADS)}),
    "patched heads": lambda model: patch_heads(model, CLEAN, INTERNAL),
    "patched stream": lambda model: patch_stream(model, CLEAN, INTERNAL),
    "patched around": lambda model: patch_around(model, CLEAN, INTERNAL),
    "substitutions": lambda model: substitutions(model, SEQUENCE).ratios,
    "substitutions unmasked": lambda model: substitutions(model, SEQUENCE, "wild type").ratios,
    "attention to twins": lambda model: twin_attention(model, Repeat(SEQUENCE[:6], SEQUENCE[6:12])),
    "copying": lambda model: copying(model, Repeat(SEQUENCE[:6], SEQUENCE[6:12]), blocked=(("two", (*HEADS,)),)),
    "injection": lambda model: inject(model, INTERNAL, HEADS, [CLEAN]),
    "RoPE removal": lambda model: rope_removal(model, CLEAN),
    "shift": lambda model: shift_curve(model, CLEAN, HEADS, shifts=[-2, 0, 3]),
    "shift control": lambda model: shift_control(model, CLEAN, HEADS, shifts=[-2, 0, 3]),
    "shifted score": lambda model: shifted_score(model, CLEAN, HEADS[0], [-2, 0, 3]),
    "bands": lambda model: compare_bands(model, CLEAN, INTERNAL, HEADS[0]),
    "contact map": lambda model: contact_map(model, CLEAN, swap(HEADS)),
    "heads' map": lambda model: heads_map(model, CLEAN, HEADS),
    "contact shares": lambda model: contact_shares(model, CLEAN, 0, 8),
    "contacts ablated": lambda model: ablation_effects(model, CLEAN, heads=HEADS),
    "ranking": lambda model: rank_heads(model, dict.fromkeys("abc", ubiquitin())),
    "probe": lambda model: fit_contact_head([make_example(model, ubiquitin())]),
    "Jacobian": lambda model: categorical_jacobian(model, tokenize(SEQUENCE)),
    "Jacobian, cheap, edited": lambda model: categorical_jacobian(
        model, tokenize(SEQUENCE), substitutions="AEG", condition=(AblateHead(HEADS[0]),)
    ),
    "representation Jacobian": lambda model: representation_jacobian(model, tokenize(SEQUENCE), substitutions="AEG"),
    "evidence": lambda model: measure_support(model, SEQUENCE, [0, 5], repeats=(0, 1)).log_p,
    "motif recovery": lambda model: motif_recovery(model, SEQUENCE, 1, 14, repeats=2),
}


def ubiquitin() -> LabelledProtein:
    structure = load_example("ubiquitin").structure
    assert structure is not None
    return LabelledProtein.of(structure)


def numbers(found: object) -> Iterator[tuple[str, np.ndarray]]:
    """Every array of numbers in a result, with where it stands."""
    if isinstance(found, torch.Tensor):
        yield "tensor", found.double().numpy(force=True)
    elif isinstance(found, np.ndarray):
        yield "array", found
    elif isinstance(found, pd.DataFrame):
        yield "table", found.select_dtypes("number").to_numpy()
    elif isinstance(found, float | int):
        yield "number", np.array(found)
    elif isinstance(found, dict):
        for key, part in found.items():
            yield from ((f"{key}, {where}", values) for where, values in numbers(part))
    elif isinstance(found, list | tuple):
        yield from numbers(dict(enumerate(found)))
    elif isinstance(found, msgspec.Struct):
        yield from numbers(msgspec.structs.asdict(found))
    elif is_dataclass(found):
        yield from numbers({field.name: getattr(found, field.name) for field in fields(found)})


@pytest.fixture(scope="module", params=["ESM-2", "ESMC"])
def either(request, lively, tmp_path_factory) -> Model:
    """A model of each architecture, ESMC's with a contact head."""
    if request.param == "ESM-2":
        return lively
    model = make_referee("ESMC", tmp_path_factory.mktemp("either")).model
    return model.with_contact_head(ContactHead(torch.linspace(-1, 1, 12), torch.tensor(-2.0)))


@pytest.mark.parametrize("name", ANALYSES)
def test_an_analysis_gives_the_same_on_another_device(name, either):
    elsewhere = either.to(device=ELSEWHERE)
    assert isinstance(elsewhere.embedding, ElsewhereTensor)
    expected, found = dict(numbers(ANALYSES[name](either))), dict(numbers(ANALYSES[name](elsewhere)))
    assert expected.keys() == found.keys() != set()
    for where, values in expected.items():
        np.testing.assert_allclose(found[where], values, rtol=1e-9, atol=1e-12, err_msg=where)


SLOW_IN_HALF = ("Jacobian", "Jacobian, cheap, edited", "representation Jacobian", "motif recovery", "ranking", "probe")
"""A processor prepares every new shape of a product in bfloat16, so many small ones take minutes."""


@pytest.mark.parametrize("name", [name for name in ANALYSES if name not in SLOW_IN_HALF])
def test_an_analysis_can_be_made_in_half_precision(name, lively):
    """Its numbers are another precision's, so only what they are made of is compared."""
    half = lively.to(dtype=torch.bfloat16)
    expected, found = dict(numbers(ANALYSES[name](lively))), dict(numbers(ANALYSES[name](half)))
    assert expected.keys() == found.keys()
    for where, values in expected.items():
        assert np.isfinite(found[where]).mean() >= 0.9 * np.isfinite(values).mean(), where


def test_batches_of_mutants_are_larger_off_the_cpu(lively, monkeypatch):
    monkeypatch.setattr(mutants, "IN_CACHE", 1)
    reported = {"cpu": Heard(), "lazy": Heard()}
    for model in (lively, lively.to(device=ELSEWHERE)):
        categorical_jacobian(model, tokenize(SEQUENCE), progress=reported[model.device.type])
    done = {device: [residues for residues, _ in heard.events] for device, heard in reported.items()}
    assert done == {"cpu": list(range(1, 17)), "lazy": [16]}


def test_mixing_devices_fails_here_as_it_does_on_a_gpu():
    there, here = torch.ones(3, device=ELSEWHERE), torch.ones(3)
    with pytest.raises(RuntimeError, match=r"add\.Tensor mixes lazy:0 with cpu"):
        there + here
    with pytest.raises(TypeError, match="can't convert a tensor on lazy:0 to numpy"):
        there.numpy()
    assert (there * 2.0 + there[torch.tensor([0, 1, 2])]).tolist() == [3, 3, 3]
