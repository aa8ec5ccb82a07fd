import numpy as np
import pytest
import torch
from torch import Tensor

from core.alphabet import tokenize
from core.analyses.injection import inject
from core.analyses.patching import PLACES, patch_around, patch_heads, patch_stream
from core.errors import InputError
from core.forward import unembed
from core.interventions import Head
from core.metrics import target_gap
from core.model import Model
from core.run import Keep, run

HEAD_SITES = ["q", "k", "v", "q_rot", "k_rot", "z"]


def gap(logits: Tensor) -> float:
    return float(target_gap(logits, "M"))


@pytest.mark.parametrize("site", HEAD_SITES)
def test_patched_with_its_own_activations_a_run_does_not_change(lively: Model, internal: Tensor, site):
    found = patch_heads(lively, internal, internal, site, scope="all")
    assert found.gap == pytest.approx(found.corrupted, abs=1e-10)
    assert found.clean == found.corrupted


@pytest.mark.parametrize("site", ["resid_pre", "attn_out", "resid_mid", "mlp_out", "resid_post"])
def test_the_stream_patched_with_its_own_activations_does_not_change(lively: Model, internal: Tensor, site):
    found = patch_stream(lively, internal, internal, site)
    assert found.gap.shape == (3, 3)
    assert found.gap == pytest.approx(found.corrupted, abs=1e-10)


def test_the_final_stream_at_the_mask_brings_all_of_the_gap_back(lively: Model, clean: Tensor, internal: Tensor):
    found = patch_stream(lively, clean, internal, "resid_post", scopes=["mask"])
    assert found.rescue[-1, 0] == pytest.approx(100, abs=1e-8)
    assert found.clean == pytest.approx(gap(run(lively, clean).logits[0, 1]), abs=1e-10)
    assert found.corrupted == pytest.approx(gap(run(lively, internal).logits[0, 11]), abs=1e-10)


def test_a_patched_z_of_the_last_layer_equals_swapping_its_write(lively: Model, clean: Tensor, internal: Tensor):
    """By hand: what the head wrote at the mask is replaced by what it writes in the clean run; then the MLP follows."""
    found = patch_heads(lively, clean, internal, "z")
    keep = Keep.of("resid_mid", "z", layers=[2])
    there, here = run(lively, clean, keep=keep), run(lively, internal, keep=keep)
    swapped = here["resid_mid", 2].clone()
    swapped[0, 11] += there.head_out(2)[0, 3, 1] - here.head_out(2)[0, 3, 11]
    weights = lively.layers[2]
    normed = torch.nn.functional.layer_norm(swapped, (32,), *weights.mlp_norm)
    hidden = torch.nn.functional.gelu(normed @ weights.mlp_in.weight.T + weights.mlp_in.bias)
    final = swapped + hidden @ weights.mlp_out.weight.T + weights.mlp_out.bias
    assert found.gap[2, 3] == pytest.approx(gap(unembed(lively, final)[0, 11]), abs=1e-9)
    assert abs(found.gap[2, 3] - found.corrupted) > 1e-3


def test_one_scope_per_residue_gives_a_map_over_positions(lively: Model, clean: Tensor, internal: Tensor):
    found = patch_stream(lively, clean, internal, "resid_pre", scopes=[(residue,) for residue in range(16)])
    assert found.gap.shape == (3, 16)
    unequal = [residue for residue in range(16) if abs(found.gap[0, residue] - found.corrupted) > 1e-9]
    assert {0, 10} <= set(unequal), "the embeddings of both masked residues differ"


def test_places_around_the_mask_are_those_of_the_residues_that_stand_there(
    lively: Model, clean: Tensor, internal: Tensor
):
    """The protein has 16 residues and residue 11 masked: 6 to 16 are the offsets -5 to 5, 2 to 5 are the others."""
    found = patch_around(lively, clean, internal)
    scopes = ["bos", (0,), *((residue,) for residue in range(5, 16)), (1, 2, 3, 4), "mask", "all"]
    assert found.gap == pytest.approx(patch_stream(lively, clean, internal, scopes=scopes).gap, abs=1e-12)
    assert len(PLACES) == len(scopes)
    assert (found.clean, found.corrupted) == patch_bounds(lively, clean, internal)


def patch_bounds(model: Model, clean: Tensor, internal: Tensor) -> tuple[float, float]:
    found = patch_heads(model, clean, internal)
    return found.clean, found.corrupted


def test_a_place_that_a_protein_lacks_is_nan(lively: Model):
    """Residue 4 of 6 masked: offsets -5 and -4 precede residue 1, -3 is residue 1, which has its own column."""
    found = patch_around(lively, tokenize("MKTAYI", [0]), tokenize("MKTAYI", [3]), "attn_out")
    missing = [place for place, gap in zip(PLACES, found.gap[0], strict=True) if np.isnan(gap)]
    assert missing == ["−5", "−4", "−3", "+3", "+4", "+5", "other residues"]


def test_injecting_a_runs_own_activation_changes_nothing_and_anothers_does(lively: Model, clean: Tensor):
    other = tokenize("WWWWWWWW", masked=[0])
    found = inject(lively, clean, [Head(1, 0), Head(2, 3)], [clean, other, other])
    assert found.gap[3] == found.gap[2]
    assert found.gap[1] == pytest.approx(found.gap[0], abs=1e-10)
    assert abs(found.gap[2] - found.gap[0]) > 1e-3
    by_hand = patch_heads(lively, other, clean, "z")
    assert inject(lively, clean, [Head(2, 3)], [other]).gap[1] == pytest.approx(by_hand.gap[2, 3], abs=1e-10)


def test_a_layer_that_does_not_exist_is_one_clear_line(lively: Model, clean: Tensor):
    with pytest.raises(InputError, match=r"layer 10 does not exist: lively has layers 1 to 3"):
        inject(lively, clean, [Head(9, 0)], [clean])
