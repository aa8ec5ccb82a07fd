import numpy as np
import pytest
from torch import Tensor

from core.alphabet import TOKENS as VOCABULARY
from core.analyses import minimal_circuits
from core.analyses.minimal_circuits import minimal_circuit
from core.components import ablate, heads_in, modules
from core.errors import InputError
from core.interventions import Head, component_name, parse_component
from core.metrics import Target, target_gap
from core.model import Model
from core.run import run
from tests.heard import Heard


def _reading(model: Model, tokens: Tensor, condition, target: Target) -> tuple[float, float]:
    logits = run(model, tokens, [condition]).logits[0, 1]
    return float(logits[VOCABULARY.index(target.letter)]), float(target_gap(logits, target.letter))


@pytest.mark.parametrize("most_kept", [0, 2**20], ids=["each step anew", "each step goes on"])
@pytest.mark.parametrize("scope", ["mask", "all"])
def test_greedy_search_equals_a_plain_loop(lively, clean, first, scope, most_kept, monkeypatch):
    monkeypatch.setattr(minimal_circuits, "MOST_KEPT", most_kept)
    found = minimal_circuit(lively, clean, modules(lively.shape), target=first, scope=scope)
    left, condition, removed, gap = modules(lively.shape), (), [], 1.0
    while left and gap > 0:
        logit, gap, best = max(
            (*_reading(lively, clean, condition + ablate(component, scope), first), component) for component in left
        )
        left.remove(best)
        removed.append(best)
        condition += ablate(best, scope)
        assert found.logits[len(removed) - 1] == pytest.approx(logit, abs=1e-10)
        assert found.gaps[len(removed) - 1] == pytest.approx(gap, abs=1e-10)
    assert found.removed == tuple(removed)
    assert np.all(found.gaps[:-1] > 0)
    assert gap <= 0, "this model's prediction can be broken"
    assert set(found.needed) == {*left, removed[-1]}


def test_the_search_continues_among_the_heads_of_what_was_needed(lively: Model, clean: Tensor, first: Target):
    coarse = minimal_circuit(lively, clean, modules(lively.shape), target=first)
    dropped = [component for component in modules(lively.shape) if component not in coarse.needed]
    given = sum((ablate(component, "mask") for component in dropped), ())
    fine = minimal_circuit(lively, clean, heads_in(lively.shape, coarse.needed), target=first, given=given)
    spared = [c for c in heads_in(lively.shape, coarse.needed) if c not in fine.needed]
    _, gap = _reading(lively, clean, given + sum((ablate(component, "mask") for component in spared), ()), first)
    assert gap > 0, "what was kept predicts the target"


def test_a_prediction_that_does_not_hold_is_one_clear_line(lively: Model, clean: Tensor, first: Target):
    other = Target("A" if first.letter != "A" else "G")
    with pytest.raises(InputError, match=f"{other.letter} doesn't rank first here"):
        minimal_circuit(lively, clean, modules(lively.shape), target=other)


def test_progress_counts_what_is_ablated(lively: Model, clean: Tensor, first: Target):
    heard = Heard()
    found = minimal_circuit(lively, clean, modules(lively.shape), target=first, progress=heard)
    assert heard.events == [(step + 1, 6) for step in range(len(found.removed))]


@pytest.mark.parametrize(
    ("component", "name"), [(Head(5, 7), "L6H8"), (("attention", 5), "L6 attention"), (("mlp", 0), "L1 MLP")]
)
def test_component_names_go_both_ways(component, name: str):
    assert component_name(component) == name
    assert parse_component(name) == component


def test_a_name_that_is_no_component_is_one_clear_line():
    with pytest.raises(InputError, match="'L0H8' is not a component"):
        parse_component("L0H8")
