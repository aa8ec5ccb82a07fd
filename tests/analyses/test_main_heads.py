import numpy as np
import pytest
import torch

from core.analyses.main_heads import heads_by_cost, swap_search
from core.analyses.reading import read
from core.analyses.rope_experiments import swap
from core.components import ablate, heads_of_layers
from core.interventions import Head
from core.metrics import Target
from core.model import Model
from tests.heard import Heard


def test_heads_are_ranked_by_what_their_loss_costs(lively: Model, clean: torch.Tensor, first: Target):
    ranked = heads_by_cost(lively, clean, target=first)
    costs = {
        head: read(lively, clean, [(), ablate(head, "mask")], target=first).logit
        for head in heads_of_layers(lively.shape, range(3))
    }
    drops = {head: whole - without for head, (whole, without) in costs.items()}
    assert [drops[head] for head in ranked] == pytest.approx(sorted(drops.values(), reverse=True))
    assert set(ranked) == set(drops)


def test_every_step_of_the_search_is_the_best_one_and_its_gaps_are_those_of_the_swaps(
    lively: Model, clean: torch.Tensor, internal: torch.Tensor, first: Target
):
    main, heard = Head(2, 1), Heard()
    found = swap_search(lively, [(clean, internal)], main, steps=3, target=first, progress=heard)
    assert main not in found.heads
    assert len(set(found.heads)) == len(found.heads) > 0
    candidates = [head for head in heads_of_layers(lively.shape, range(3)) if head != main]
    alone = read(lively, internal, [swap([main, head]) for head in candidates], target=first).gap
    assert found.heads[0] == candidates[int(alone.argmax())]
    assert found.gaps[0, 1] == pytest.approx(alone.max())
    whole = read(lively, internal, [(), swap([main]), swap([main, *found.heads])], target=first).gap
    assert [found.corrupted[0], found.gaps[0, 0], found.gaps[0, -1]] == pytest.approx(whole)
    assert np.diff(found.gaps[0, 1:]).min(initial=0) >= 0
    assert found.rescue[0] == pytest.approx(100 * (whole[1] - whole[0]) / (found.clean[0] - whole[0]))
    assert heard.events[-1][0] <= heard.events[-1][1] == 3
