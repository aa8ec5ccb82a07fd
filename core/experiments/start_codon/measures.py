"""What is measured on one protein: tidy tables, computed on any worker. The sections put them together.

Every function takes the model and a sequence whose first residue gets masked; `residue` is the internal residue
(0-based) that is masked instead for comparison. Gaps and logits are those of M among the amino acids.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.alphabet import AMINO_ACIDS, tokenize
from core.analyses.bos_knockouts import bos_attention, bos_knockouts
from core.analyses.competition import destruction, elongation
from core.analyses.head_ablation import ablate, components
from core.analyses.injection import inject
from core.analyses.minimal_circuits import heads_in, minimal_circuit, modules
from core.analyses.norm_direction import compare_bands
from core.analyses.patching import patch_heads, patch_stream
from core.analyses.prediction import masked_residue
from core.analyses.reading import read
from core.analyses.rope_experiments import bos_attention_by_cause, patch_sets, rope_removal, swap
from core.analyses.rope_shift import shift_curve, shifted_score
from core.analyses.sufficiency import gaps_along, keep_only, token_scopes, without_rope
from core.analyses.super_additivity import super_additivity
from core.analyses.write_vectors import write_vectors
from core.errors import InputError
from core.interventions import Component, Head, HeadSite, Scope, Side, component_name
from core.model import Esm2, ModelShape
from core.run import RESUMABLE, run

MEMORY = 32 * 2**20
"""Bytes a sweep's chunk may take: small enough for a core's cache and for many workers, and the same everywhere."""
SCOPES: tuple[Scope, ...] = ("mask", "bos", "bos+mask", "all")


def masked_at(sequence: str, residue: int) -> Tensor:
    """The tokens with one residue masked; `InputError` when the protein is too short to have it."""
    if residue >= len(sequence):
        raise InputError(f"residue {residue + 1} can't be masked: the sequence has {len(sequence)} residues")
    return tokenize(sequence, [residue])


def start(model: Esm2, sequence: str) -> pd.DataFrame:
    """What the model predicts at the masked first residue: length, gap, logit, probability, rank, first."""
    return masked_residue(model, masked_at(sequence, 0))


def ablations(model: Esm2, sequence: str) -> pd.DataFrame:
    """The target without each component, at each scope: scope, component, gap, logit; "none" is the whole model."""
    listed = components(model.shape)
    pairs: list[tuple[Scope, Component]] = [(scope, component) for scope in SCOPES for component in listed]
    conditions = [(), *(ablate(component, scope) for scope, component in pairs)]
    found = read(model, masked_at(sequence, 0), conditions, memory_budget=MEMORY)
    names = [("none", "none"), *((scope, component_name(component)) for scope, component in pairs)]
    return pd.DataFrame(names, columns=["scope", "component"]).assign(gap=found.gap, logit=found.logit)


def attention_to_bos(model: Esm2, sequence: str) -> pd.DataFrame:
    """Each head's attention from the masked first residue to BOS: layer, head (0-based), attention."""
    return _by_head(model.shape, attention=bos_attention(model, masked_at(sequence, 0)))


def circuits(model: Esm2, sequence: str) -> pd.DataFrame:
    """What greedy searches could not spare: search, scope, component.

    "modules" searches all attention modules and MLPs; "heads" goes on inside the attention modules that were needed,
    with everything spared so far still ablated.
    """
    tokens, everything = masked_at(sequence, 0), modules(model.shape)
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


def pair(model: Esm2, sequence: str, first: Head, second: Head, beside: tuple[Component, ...]) -> pd.DataFrame:
    """Two heads alone, together and added: kept, gap, rescue (%)."""
    found = super_additivity(model, masked_at(sequence, 0), first, second, beside=beside)
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


def sufficiency(model: Esm2, sequence: str, circuit: tuple[Component, ...]) -> pd.DataFrame:
    """A circuit kept at some positions only: attention_at, mlps_at, gap, logit."""
    return token_scopes(model, masked_at(sequence, 0), circuit)


def along(model: Esm2, sequence: str, circuit: tuple[Component, ...], residue: int, count: int) -> pd.DataFrame:
    """The gap at residue 0 and at `count` residues from `residue` to the end: residue, condition, gap.

    Conditions: the whole model, the circuit alone, and the circuit without rotations at the mask.
    """
    masked_at(sequence, residue)
    inside = np.unique(np.linspace(residue, len(sequence) - 1, count).astype(int)).tolist()
    alone = keep_only(model.shape, circuit)
    conditions = {
        "whole model": (),
        "circuit": alone,
        "circuit without RoPE": alone + without_rope(model.shape, circuit),
    }
    return gaps_along(model, sequence, [0, *inside], conditions, memory_budget=MEMORY)


def knockouts(
    model: Esm2, sequence: str, residue: int, heads: tuple[Head, ...], swapped: tuple[Head, ...]
) -> pd.DataFrame:
    """What heads take from BOS: needed at residue 0, and enough at `residue` with `swapped` turned as at residue 0.

    Columns test, knockout, gap, logit, logit_drop, rescue (%; from the internal gap to that at residue 0).
    """
    clean, internal = masked_at(sequence, 0), masked_at(sequence, residue)
    necessary = bos_knockouts(model, clean, heads).assign(test="necessity")
    sufficient = bos_knockouts(model, internal, heads, given=swap(swapped)).assign(test="sufficiency")
    low, high = read(model, internal, [()]).gap[0], necessary.gap[0]
    table = pd.concat([necessary, sufficient], ignore_index=True)
    return table.assign(rescue=100 * (table.gap - low) / (high - low))


def head_effects(model: Esm2, sequence: str, head: Head) -> pd.DataFrame:
    """One head ablated, and only its attention to BOS blocked: ablated, blocked (changes of M's logit)."""
    tokens = masked_at(sequence, 0)
    blocked = bos_knockouts(model, tokens, [head]).set_index("knockout").logit_drop["attention to BOS"]
    logit = read(model, tokens, [(), ablate(head)]).logit
    return pd.DataFrame({"ablated": [logit[1] - logit[0]], "blocked": [-blocked]})


def stream_patches(model: Esm2, sequence: str, residue: int) -> pd.DataFrame:
    """The residual stream after each layer, from mask-at-0 into mask-at-`residue`: layer, scope, gap, rescue."""
    clean, internal = masked_at(sequence, 0), masked_at(sequence, residue)
    scopes: tuple[Scope, ...] = ("mask", "bos", "all")
    found = patch_stream(model, clean, internal, "resid_post", scopes=scopes, memory_budget=MEMORY)
    layers = np.repeat(np.arange(model.shape.n_layers), len(scopes))
    return pd.DataFrame({"layer": layers, "scope": list(scopes) * model.shape.n_layers}).assign(
        gap=found.gap.ravel(), rescue=found.rescue.ravel()
    )


def head_patches(model: Esm2, sequence: str, residue: int) -> pd.DataFrame:
    """Each head's activations, from mask-at-0 into mask-at-`residue`: site, scope, layer, head, gap, rescue.

    The query and z belong to the mask, keys and values to BOS; BOS's key is the same before and after RoPE, as its
    position is 0.
    """
    clean, internal = masked_at(sequence, 0), masked_at(sequence, residue)
    sites: dict[HeadSite, Scope] = {"z": "mask", "q": "mask", "q_rot": "mask", "k": "bos", "v": "bos"}
    tables = []
    for site, scope in sites.items():
        found = patch_heads(model, clean, internal, site, scope=scope, memory_budget=MEMORY)
        tables.append(_by_head(model.shape, gap=found.gap, rescue=found.rescue).assign(site=site, scope=scope))
    return pd.concat(tables, ignore_index=True)


def injections(model: Esm2, sequence: str, heads: tuple[Head, ...], sources: tuple[str, ...]) -> pd.DataFrame:
    """M's gap before and after heads' z from other proteins: source (index; -1 is none), gap."""
    found = inject(model, masked_at(sequence, 0), heads, [masked_at(source, 0) for source in sources])
    return pd.DataFrame({"source": range(-1, len(sources)), "gap": found.gap})


def writes(model: Esm2, sequence: str) -> pd.DataFrame:
    """The last layer's writes against amino acids' gradients: head (0-based), amino_acid, cosine, length."""
    found = write_vectors(model, masked_at(sequence, 0))
    heads, letters = np.indices(found.cosine.shape)
    return pd.DataFrame(
        {
            "head": heads.ravel(),
            "amino_acid": [AMINO_ACIDS[letter] for letter in letters.ravel()],
            "cosine": found.cosine.ravel(),
            "length": found.length[heads.ravel()],
        }
    )


def attention_causes(model: Esm2, sequence: str, residue: int) -> pd.DataFrame:
    """Each head's attention to BOS by cause: layer, head, clean, internal, rotation, content."""
    found = bos_attention_by_cause(model, masked_at(sequence, 0), masked_at(sequence, residue))
    return _by_head(
        model.shape, clean=found.clean, internal=found.internal, rotation=found.rotation, content=found.content
    )


def removals(model: Esm2, sequence: str) -> pd.DataFrame:
    """M without rotation at the mask, by layer: layers, gap, logit."""
    return rope_removal(model, masked_at(sequence, 0))


def swaps(
    model: Esm2, sequence: str, residue: int, given: tuple[Head, ...], candidates: tuple[Head, ...]
) -> pd.DataFrame:
    """The gap at `residue` with the rotations of residue 0 in `given` and one candidate: head, gap.

    The rows "none" and "clean" hold the internal run with `given` alone and the run with residue 0 masked.
    """
    internal = masked_at(sequence, residue)
    conditions = [swap(given), *(swap([*given, head]) for head in candidates)]
    baseline = run(model, internal, [swap(given)], keep=RESUMABLE)
    gaps = read(model, internal, conditions, baseline=baseline, memory_budget=MEMORY).gap
    clean = read(model, masked_at(sequence, 0), [()]).gap
    return pd.DataFrame({"head": ["none", *map(str, candidates), "clean"], "gap": np.concatenate([gaps, clean])})


def swap_sets(model: Esm2, sequence: str, residue: int, readout: Head, key_heads: tuple[Head, ...]) -> pd.DataFrame:
    """The table of patch sets: condition, gap, rescue."""
    return patch_sets(model, masked_at(sequence, 0), masked_at(sequence, residue), readout, key_heads)


def shifts(model: Esm2, sequence: str, residue: int, head: Head) -> pd.DataFrame:
    """Gaps as a head's positions shift: masked (0 or `residue`), side, shift, gap, logit, largest_change.

    The control (side "qk") is run in float64: what is left of it is then RoPE's own, not float32's rounding.
    """
    exact = model.to(dtype=torch.float64)
    runs: list[tuple[Esm2, int, Side]] = [(model, 0, "q"), (exact, 0, "qk"), (model, residue, "q")]
    tables = []
    for precise, masked, side in runs:
        found = shift_curve(precise, masked_at(sequence, masked), [head], side=side, memory_budget=MEMORY)
        columns = {"gap": found.gap, "logit": found.logit, "largest_change": found.largest_change}
        tables.append(pd.DataFrame({"masked": masked, "side": side, "shift": found.shifts, **columns}))
    return pd.concat(tables, ignore_index=True)


def shifted_bands(model: Esm2, sequence: str, head: Head) -> pd.DataFrame:
    """What each band adds to the score of BOS as the query shifts: shift, cosine, band, contribution."""
    found = shifted_score(model, masked_at(sequence, 0), head)
    n_shifts, n_bands = found.contribution.shape
    return pd.DataFrame(
        {
            "shift": np.repeat(found.shifts, n_bands),
            "cosine": np.repeat(found.cosine, n_bands),
            "band": np.tile(np.arange(n_bands), n_shifts),
            "contribution": found.contribution.ravel(),
        }
    )


def band_parts(model: Esm2, sequence: str, residue: int, head: Head) -> pd.DataFrame:
    """The score of BOS by band with the mask at 0 and inside, and the norm's and direction's part of the difference."""
    found = compare_bands(model, masked_at(sequence, 0), masked_at(sequence, residue), head)
    parts: dict[str, Sequence[float] | np.ndarray] = {"band": np.arange(model.shape.n_bands)}
    for run_name, scores in (("clean", found.clean), ("internal", found.internal)):
        for quantity in ("q_norm", "k_norm", "cosine", "contribution"):
            parts[f"{quantity}_{run_name}"] = getattr(scores, quantity).numpy()
    for quantity in ("difference", "norm_a", "norm_b", "direction_a", "direction_b"):
        parts[quantity] = getattr(found.attribution, quantity)
    return pd.DataFrame(parts)


def growing_repeat(model: Esm2, letter: str, lengths: tuple[int, ...], fixed_scale: float) -> pd.DataFrame:
    """A mask before ever longer poly-X, with token dropout's own scale and with a fixed one."""
    free = elongation(model, letter, lengths).assign(dropout="the model's own")
    held = elongation(model, letter, lengths, fixed_scale=fixed_scale).assign(dropout="fixed")
    return pd.concat([free, held], ignore_index=True)


def broken_repeat(model: Esm2, letter: str, seed: int, fixed_scale: float) -> pd.DataFrame:
    """Poly-X with ever more masks, with token dropout's own scale and with a fixed one."""
    free = destruction(model, letter, seed=seed).assign(dropout="the model's own")
    held = destruction(model, letter, seed=seed, fixed_scale=fixed_scale).assign(dropout="fixed")
    return pd.concat([free, held], ignore_index=True)


def _by_head(shape: ModelShape, **arrays: np.ndarray) -> pd.DataFrame:
    layers, heads = np.indices((shape.n_layers, shape.n_heads))
    columns = {name: array.ravel() for name, array in arrays.items()}
    return pd.DataFrame({"layer": layers.ravel(), "head": heads.ravel(), **columns})
