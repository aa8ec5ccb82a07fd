"""What is measured on one protein: tidy tables, computed on any worker. The sections put them together.

Every function takes the model and a sequence whose first residue gets masked, or `TwoMasks` to compare that with an
internal mask. Gaps and logits are those of M among the amino acids.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from core.alphabet import AMINO_ACIDS, tokenize
from core.analyses.bos_knockouts import ablated_and_blocked, bos_attention, bos_knockouts
from core.analyses.competition import destruction, elongation
from core.analyses.injection import inject
from core.analyses.minimal_circuits import minimal_circuit
from core.analyses.norm_direction import compare_bands
from core.analyses.patching import PLACES, patch_around, patch_heads, patch_stream
from core.analyses.prediction import masked_residue
from core.analyses.reading import read
from core.analyses.rope_experiments import bos_attention_by_cause, patch_sets, rope_removal, swap
from core.analyses.rope_shift import ShiftCurve, shift_control, shift_curve, shifted_score
from core.analyses.sufficiency import gaps_along, keep_only, token_scopes, without_rope
from core.analyses.super_additivity import super_additivity
from core.analyses.write_vectors import write_vectors
from core.components import ablate, components, heads_in, modules
from core.interventions import Component, Head, HeadSite, Scope, Side, StreamSite, component_name
from core.model import Model, ModelShape
from core.run import RESUMABLE, run

MEMORY = 32 * 2**20
"""Bytes a sweep's chunk may take: small enough for a core's cache and for many workers, and the same everywhere."""
SCOPES: tuple[Scope, ...] = ("mask", "bos", "bos+mask", "all")


@dataclass(frozen=True, slots=True)
class TwoMasks:
    """A sequence, and the internal residue (0-based) that is masked in it instead of the first one."""

    sequence: str
    residue: int

    @property
    def clean(self) -> Tensor:
        """The tokens with the first residue masked."""
        return tokenize(self.sequence, [0])

    @property
    def internal(self) -> Tensor:
        """The tokens with the internal residue masked; `InputError` when the sequence is too short to have it."""
        return tokenize(self.sequence, [self.residue])


def start(model: Model, sequence: str) -> pd.DataFrame:
    """What the model predicts at the masked first residue: length, gap, logit, probability, rank, first."""
    return masked_residue(model, tokenize(sequence, [0]))


def ablations(model: Model, sequence: str) -> pd.DataFrame:
    """The target without each component, at each scope: scope, component, gap, logit; "none" is the whole model."""
    listed = components(model.shape)
    pairs: list[tuple[Scope, Component]] = [(scope, component) for scope in SCOPES for component in listed]
    conditions = [(), *(ablate(component, scope) for scope, component in pairs)]
    found = read(model, tokenize(sequence, [0]), conditions, memory_budget=MEMORY)
    names = [("none", "none"), *((scope, component_name(component)) for scope, component in pairs)]
    return pd.DataFrame(names, columns=["scope", "component"]).assign(gap=found.gap, logit=found.logit)


def attention_to_bos(model: Model, sequence: str) -> pd.DataFrame:
    """Each head's attention from the masked first residue to BOS: layer, head (0-based), attention."""
    return _by_head(model.shape, attention=bos_attention(model, tokenize(sequence, [0])))


def circuits(model: Model, sequence: str) -> pd.DataFrame:
    """What greedy searches could not spare: search, scope, component.

    "modules" searches all attention modules and MLPs; "heads" goes on inside the attention modules that were needed,
    with everything spared so far still ablated.
    """
    tokens, everything = tokenize(sequence, [0]), modules(model.shape)
    rows: list[tuple[str, object, str]] = []
    both: tuple[Scope, ...] = ("mask", "all")
    for scope in both:
        coarse = minimal_circuit(model, tokens, everything, scope=scope, memory_budget=MEMORY)
        spared = sum((ablate(component, scope) for component in everything if component not in coarse.needed), ())
        candidates = heads_in(model.shape, coarse.needed)
        fine = minimal_circuit(model, tokens, candidates, scope=scope, given=spared, memory_budget=MEMORY)
        rows += [("modules", scope, component_name(component)) for component in coarse.needed]
        rows += [("heads", scope, component_name(component)) for component in fine.needed]
    return pd.DataFrame(rows, columns=["search", "scope", "component"])


def pair(model: Model, sequence: str, first: Head, second: Head, beside: tuple[Component, ...]) -> pd.DataFrame:
    """Two heads alone, together and added: kept, gap, rescue (%)."""
    found = super_additivity(model, tokenize(sequence, [0]), first, second, beside=beside)
    gaps = {
        "neither": found.neither,
        str(first): found.first,
        str(second): found.second,
        "added": found.added,
        "both": found.both,
        "whole model": found.whole_model,
    }
    return pd.DataFrame(
        {"kept": list(gaps), "gap": list(gaps.values()), "rescue": [found.rescue(gap) for gap in gaps.values()]}
    )


def sufficiency(model: Model, sequence: str, circuit: tuple[Component, ...]) -> pd.DataFrame:
    """A circuit kept at some positions only: attention_at, mlps_at, gap, logit."""
    return token_scopes(model, tokenize(sequence, [0]), circuit)


def along(model: Model, sequence: str, circuit: tuple[Component, ...], residue: int, count: int) -> pd.DataFrame:
    """The gap at residue 0 and at `count` residues from `residue` to the end: residue, condition, gap.

    Conditions: the whole model, the circuit alone, and the circuit without rotations at the mask.
    """
    inside = np.unique(np.linspace(residue, len(sequence) - 1, count).astype(int)).tolist()
    alone = keep_only(model.shape, circuit)
    conditions = {
        "whole model": (),
        "circuit": alone,
        "circuit without RoPE": alone + without_rope(model.shape, circuit),
    }
    return gaps_along(model, sequence, [0, *inside], conditions, memory_budget=MEMORY)


def knockouts(model: Model, sequence: str, heads: tuple[Head, ...]) -> pd.DataFrame:
    """What heads take from BOS at residue 0: knockout, gap, logit, logit_drop."""
    return bos_knockouts(model, tokenize(sequence, [0]), heads)


def knockouts_inside(model: Model, masks: TwoMasks, heads: tuple[Head, ...], swapped: tuple[Head, ...]) -> pd.DataFrame:
    """The same at the internal residue, with `swapped` turned as at residue 0."""
    return bos_knockouts(model, masks.internal, heads, given=swap(swapped))


def head_effects(model: Model, sequence: str, head: Head) -> pd.DataFrame:
    """One head ablated, and only its attention to BOS blocked: ablated, blocked (changes of M's logit)."""
    ablated, blocked = ablated_and_blocked(model, tokenize(sequence, [0]), head)
    return pd.DataFrame({"ablated": [ablated], "blocked": [blocked]})


def stream_patches(model: Model, masks: TwoMasks) -> pd.DataFrame:
    """The stream before each layer, clean into internal: layer, place, gap.

    Places are those of `core.analyses.patching.PLACES` that the protein has.
    """
    found = patch_around(model, masks.clean, masks.internal, memory_budget=MEMORY)
    layers, places = np.indices(found.gap.shape)
    named = {"layer": layers.ravel(), "place": [PLACES[place] for place in places.ravel()]}
    return pd.DataFrame({**named, "gap": found.gap.ravel()}).dropna()


def module_patches(model: Model, masks: TwoMasks) -> pd.DataFrame:
    """What each module writes at the mask, clean into internal: site, layer, gap."""
    sites: tuple[StreamSite, ...] = ("attn_out", "mlp_out")
    settings: dict[str, Any] = {"scopes": ["mask"], "memory_budget": MEMORY}
    gaps = {site: patch_stream(model, masks.clean, masks.internal, site, **settings).gap[:, 0] for site in sites}
    tables = [pd.DataFrame({"site": site, "layer": range(len(gap)), "gap": gap}) for site, gap in gaps.items()]
    return pd.concat(tables, ignore_index=True)


def head_patches(model: Model, masks: TwoMasks) -> pd.DataFrame:
    """Each head's activations, clean into internal: site, scope, layer, head, gap.

    The query and z belong to the mask, keys and values to BOS; BOS's key is the same before and after RoPE, as its
    position is 0.
    """
    sites: dict[HeadSite, Scope] = {"z": "mask", "q": "mask", "q_rot": "mask", "k": "bos", "v": "bos"}
    tables = []
    for site, scope in sites.items():
        found = patch_heads(model, masks.clean, masks.internal, site, scope=scope, memory_budget=MEMORY)
        tables.append(_by_head(model.shape, gap=found.gap).assign(site=site, scope=scope))
    return pd.concat(tables, ignore_index=True)


def injections(model: Model, sequence: str, heads: tuple[Head, ...], sources: tuple[str, ...]) -> pd.DataFrame:
    """M's gap before and after heads' z from other proteins: source (index; -1 is none), gap."""
    found = inject(model, tokenize(sequence, [0]), heads, [tokenize(source, [0]) for source in sources])
    return pd.DataFrame({"source": range(-1, len(sources)), "gap": found.gap})


def writes(model: Model, sequence: str) -> pd.DataFrame:
    """The last layer's writes against amino acids' gradients: head (0-based), amino_acid, cosine, length."""
    found = write_vectors(model, tokenize(sequence, [0]))
    heads, letters = np.indices(found.cosine.shape)
    return pd.DataFrame(
        {
            "head": heads.ravel(),
            "amino_acid": [AMINO_ACIDS[letter] for letter in letters.ravel()],
            "cosine": found.cosine.ravel(),
            "length": found.length[heads.ravel()],
        }
    )


def attention_causes(model: Model, masks: TwoMasks) -> pd.DataFrame:
    """Each head's attention to BOS by cause: layer, head, clean, internal, rotation, content."""
    found = bos_attention_by_cause(model, masks.clean, masks.internal)
    return _by_head(
        model.shape, clean=found.clean, internal=found.internal, rotation=found.rotation, content=found.content
    )


def removals(model: Model, sequence: str) -> pd.DataFrame:
    """M without rotation at the mask, by layer: layers, gap, logit."""
    return rope_removal(model, tokenize(sequence, [0]))


def swaps(model: Model, masks: TwoMasks, given: tuple[Head, ...], candidates: tuple[Head, ...]) -> pd.DataFrame:
    """The gap at the internal residue with the rotations of residue 0 in `given` and one candidate: head, gap.

    The rows "none" and "clean" hold the internal run with `given` alone and the run with residue 0 masked.
    """
    internal = masks.internal
    conditions = [swap(given), *(swap([*given, head]) for head in candidates)]
    baseline = run(model, internal, [swap(given)], keep=RESUMABLE)
    gaps = read(model, internal, conditions, baseline=baseline, memory_budget=MEMORY).gap
    clean = read(model, masks.clean, [()]).gap
    return pd.DataFrame({"head": ["none", *map(str, candidates), "clean"], "gap": np.concatenate([gaps, clean])})


def swap_sets(model: Model, masks: TwoMasks, readout: Head, key_heads: tuple[Head, ...]) -> pd.DataFrame:
    """The table of patch sets: condition, gap, rescue."""
    return patch_sets(model, masks.clean, masks.internal, readout, key_heads)


def shifts(model: Model, sequence: str, head: Head) -> pd.DataFrame:
    """Gaps at residue 0 as a head's positions shift: side, shift, gap, logit, largest_change; "qk" is the control."""
    tokens = tokenize(sequence, [0])
    return pd.concat(
        [
            _curve(shift_curve(model, tokens, [head], memory_budget=MEMORY), "q"),
            _curve(shift_control(model, tokens, [head], memory_budget=MEMORY), "qk"),
        ],
        ignore_index=True,
    )


def shifts_inside(model: Model, masks: TwoMasks, head: Head) -> pd.DataFrame:
    """The same at the internal residue, without the control."""
    return _curve(shift_curve(model, masks.internal, [head], memory_budget=MEMORY), "q")


def _curve(found: ShiftCurve, side: Side) -> pd.DataFrame:
    columns = {"gap": found.gap, "logit": found.logit, "largest_change": found.largest_change}
    return pd.DataFrame({"side": side, "shift": found.shifts, **columns})


def shifted_bands(model: Model, sequence: str, head: Head) -> pd.DataFrame:
    """What each band adds to the score of BOS as the query shifts: shift, cosine, band, contribution."""
    found = shifted_score(model, tokenize(sequence, [0]), head)
    n_shifts, n_bands = found.contribution.shape
    return pd.DataFrame(
        {
            "shift": np.repeat(found.shifts, n_bands),
            "cosine": np.repeat(found.cosine, n_bands),
            "band": np.tile(np.arange(n_bands), n_shifts),
            "contribution": found.contribution.ravel(),
        }
    )


def band_parts(model: Model, masks: TwoMasks, head: Head) -> pd.DataFrame:
    """The score of BOS by band with the mask at 0 and inside, and the norm's and direction's part of the difference."""
    found = compare_bands(model, masks.clean, masks.internal, head)
    parts: dict[str, Sequence[float] | np.ndarray] = {"band": np.arange(model.shape.n_bands)}
    for run_name, scores in (("clean", found.clean), ("internal", found.internal)):
        for quantity in ("q_norm", "k_norm", "cosine", "contribution"):
            parts[f"{quantity}_{run_name}"] = getattr(scores, quantity).numpy()
    for quantity in ("difference", "norm_a", "norm_b", "direction_a", "direction_b"):
        parts[quantity] = getattr(found.attribution, quantity)
    return pd.DataFrame(parts)


def growing_repeat(model: Model, letter: str, lengths: tuple[int, ...], fixed_scale: float) -> pd.DataFrame:
    """A mask before ever longer poly-X, with token dropout's own scale and with a fixed one."""
    free = elongation(model, letter, lengths).assign(dropout="the model's own")
    held = elongation(model, letter, lengths, fixed_scale=fixed_scale).assign(dropout="fixed")
    return pd.concat([free, held], ignore_index=True)


def broken_repeat(model: Model, letter: str, seed: int, fixed_scale: float) -> pd.DataFrame:
    """Poly-X with ever more masks, with token dropout's own scale and with a fixed one."""
    free = destruction(model, letter, seed=seed).assign(dropout="the model's own")
    held = destruction(model, letter, seed=seed, fixed_scale=fixed_scale).assign(dropout="fixed")
    return pd.concat([free, held], ignore_index=True)


def _by_head(shape: ModelShape, **arrays: np.ndarray) -> pd.DataFrame:
    layers, heads = np.indices((shape.n_layers, shape.n_heads))
    columns = {name: array.ravel() for name, array in arrays.items()}
    return pd.DataFrame({"layer": layers.ravel(), "head": heads.ravel(), **columns})
