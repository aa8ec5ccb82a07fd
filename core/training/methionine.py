"""What the card says of methionine: the prior at a masked first residue, the heads that read it, what outvotes it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from core.alphabet import AMINO_ACIDS, token_id, tokenize
from core.analyses.bos_knockouts import bos_attention
from core.analyses.competition import crossing, destruction, elongation
from core.analyses.head_ablation import component_sweep
from core.analyses.map_agreement import rank_correlation
from core.analyses.reading import read
from core.analyses.rope_shift import shift_curve, shifted_score
from core.analyses.write_vectors import write_vectors
from core.answers.nulls import DRAWS, SEED, against
from core.components import components, heads_of_layers
from core.interventions import AblateHead, BlockAttention, Condition, Head, component_name
from core.metrics import probabilities, target_gap
from core.model import Model
from core.run import RESUMABLE, run, stream

INTERNAL_RESIDUE = 10
"""0-based: where the prior must not show."""
LOOKING = 0.5
"""Share of its attention that a head which looks from the mask to BOS gives it."""
RUN = 4
"""Length of a repeat in real proteins that is still met often enough to be counted."""


def prior(model: Model, sets: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """M at a masked residue 0 and 10 (0-based) of every sequence: columns set, residue, n, m_rate, p_m, gap (means)."""
    rows = []
    for name, sequences in sets.items():
        for residue in (0, INTERNAL_RESIDUE):
            long_enough = [sequence for sequence in sequences if len(sequence) > residue]
            logits = torch.stack(
                [run(model, tokenize(s, [residue]), positions=[residue + 1]).logits[0, 0] for s in long_enough]
            )
            gap = target_gap(logits, "M")
            p_m = probabilities(logits)[:, token_id("M")]
            rows.append(
                (name, residue, len(gap), float((gap > 0).float().mean()), float(p_m.mean()), float(gap.mean()))
            )
    return pd.DataFrame(rows, columns=["set", "residue", "n", "m_rate", "p_m", "gap"])


def ablations(model: Model, sequences: Sequence[str]) -> pd.DataFrame:
    """What each head and module does for M at a masked first residue: columns component, gap_change, at_bos, bos_share.

    `gap_change` (logits, mean over sequences) is what ablating the component everywhere does; `at_bos`, for heads
    alone, what blocking its attention to BOS does; `bos_share` is the second over the first. Most important first.
    """
    listed = components(model.shape)
    heads = [part for part in listed if isinstance(part, Head)]
    ablated, blocked = [], []
    for sequence in sequences:
        tokens = tokenize(sequence, [0])
        baseline = run(model, tokens, keep=RESUMABLE)
        effects = component_sweep(model, tokens, baseline=baseline)
        ablated.append(np.concatenate([effects.heads.ravel(), effects.attention, effects.mlp]))
        gaps = read(model, tokens, [(), *((BlockAttention(head),) for head in heads)], baseline=baseline).gap
        blocked.append(gaps[1:] - gaps[0])
    table = pd.DataFrame({"component": [component_name(part) for part in listed], "gap_change": np.mean(ablated, 0)})
    table["at_bos"] = pd.Series(np.mean(blocked, 0))
    table["bos_share"] = table["at_bos"] / table["gap_change"]
    return table.sort_values("gap_change", ignore_index=True)


def block(heads: Sequence[Head]) -> Condition:
    """The heads' attention to BOS set to zero, from every position."""
    return tuple(BlockAttention(head) for head in heads)


def readout(model: Model, sequences: Sequence[str], ablated: pd.DataFrame) -> Head:
    """The head that brings M from BOS to the mask: most is lost when it is blind to BOS, of the heads that look there.

    `ablated` is the table of `ablations`; a head looks there with half of its attention from the mask or more. Where
    none does, the head that matters most when blind, which may build at BOS what others bring.
    """
    attention = np.mean([bos_attention(model, tokenize(sequence, [0])) for sequence in sequences], axis=0)
    ordered = ablated.dropna(subset="at_bos").sort_values("at_bos")["component"]
    heads = [Head.parse(str(name)) for name in ordered]
    return next((head for head in heads if attention[head.layer, head.index] >= LOOKING), heads[0])


def bos_readers(
    model: Model, sequences: Sequence[str], first: Head, n_heads: int, n_candidates: int
) -> tuple[Head, ...]:
    """Heads whose attention to BOS carries M, from the `first` on: each lowers the mean gap most beside those before.

    Candidates are the heads that matter most alone.
    """
    every = heads_of_layers(model.shape, range(model.shape.n_layers))
    prepared = [(tokenize(s, [0]), run(model, tokenize(s, [0]), keep=RESUMABLE)) for s in sequences]

    def mean_gaps(conditions: Sequence[Condition]) -> Float[np.ndarray, " conditions"]:
        return np.mean([read(model, tokens, conditions, baseline=base).gap for tokens, base in prepared], axis=0)

    alone = mean_gaps([block([head]) for head in every])
    candidates = [every[index] for index in np.argsort(alone)[:n_candidates]]
    chosen = [first]
    while len(chosen) < n_heads:
        left = [head for head in candidates if head not in chosen]
        chosen.append(left[int(np.argmin(mean_gaps([block([*chosen, head]) for head in left])))])
    return tuple(chosen)


def blocked_rates(model: Model, sequences: Sequence[str], readers: Sequence[Head]) -> pd.DataFrame:
    """M with the attention to BOS blocked in the first 0, 1, 2 ... readers and in all heads: blocked, m_rate, gap."""
    every = heads_of_layers(model.shape, range(model.shape.n_layers))
    named = {"none": block([])}
    named |= {", ".join(map(str, readers[:n])): block(readers[:n]) for n in range(1, len(readers) + 1)}
    named["all heads"] = block(every)
    gaps = np.array([read(model, tokenize(s, [0]), list(named.values())).gap for s in sequences])
    return pd.DataFrame({"blocked": list(named), "m_rate": (gaps > 0).mean(0), "gap": gaps.mean(0)})


def upstream(model: Model, sequences: Sequence[str], reader: Head) -> pd.DataFrame:
    """What ablating each head of earlier layers does to a reader's attention from the mask to BOS.

    Columns head and attention_change (means over sequences), the largest losses first; the first row, "none", holds the
    attention itself.
    """
    earlier = heads_of_layers(model.shape, range(reader.layer))
    conditions: list[Condition] = [(), *((AblateHead(head),) for head in earlier)]
    attention = np.mean([_mask_to_bos(model, sequence, conditions, reader) for sequence in sequences], axis=0)
    table = pd.DataFrame({"head": [str(head) for head in earlier], "attention_change": attention[1:] - attention[0]})
    clean = pd.DataFrame({"head": ["none"], "attention_change": attention[:1]})
    return pd.concat([clean, table.sort_values("attention_change")], ignore_index=True)


def written(model: Model, sequences: Sequence[str], head: Head) -> dict[str, float | None]:
    """What a head does for M at a masked first residue, means over sequences in logits: cosine, logit_lost, gap_lost.

    `cosine` is that of its write with the gradient of M's logit (None below the last layer, where the stream still
    changes); what is lost is M's logit and gap when the head is ablated.
    """
    lost, cosines = [], []
    for sequence in sequences:
        tokens = tokenize(sequence, [0])
        found = read(model, tokens, [(), (AblateHead(head),)])
        lost.append((found.logit[0] - found.logit[1], found.gap[0] - found.gap[1]))
        if head.layer == model.shape.n_layers - 1:
            cosines.append(write_vectors(model, tokens).cosine[head.index, AMINO_ACIDS.index("M")])
    logit_lost, gap_lost = np.mean(lost, axis=0)
    cosine = float(np.mean(cosines)) if cosines else None
    return {"cosine": cosine, "logit_lost": float(logit_lost), "gap_lost": float(gap_lost)}


def shifted(model: Model, sequence: str, head: Head) -> dict[str, object]:
    """M at a masked first residue with a head's queries shifted: shifts, gap; and the band that turns its score most.

    `band_share` is that band's share of the variation of the score against BOS over the shifts, `wavelength` its own in
    residues.
    """
    tokens = tokenize(sequence, [0])
    curve, score = shift_curve(model, tokens, [head]), shifted_score(model, tokens, head)
    band = int(score.band_share.argmax())
    return {
        "shifts": list(curve.shifts),
        "gap": [round(float(gap), 3) for gap in curve.gap],
        "band_share": float(score.band_share[band]),
        "wavelength": float(2 * np.pi / model.layers[head.layer].inv_freq[band]),
    }


def _mask_to_bos(
    model: Model, sequence: str, conditions: Sequence[Condition], reader: Head
) -> Float[np.ndarray, " conditions"]:
    for computed in stream(model, tokenize(sequence, [0]), conditions):
        if computed.layer == reader.layer:
            assert computed.pattern is not None
            return computed.pattern[:, reader.index, 1, 0].float().numpy(force=True)
    raise AssertionError(f"{model.name} has no layer {reader.layer}")


def crossings(model: Model, longest: int) -> pd.DataFrame:
    """A masked first residue before poly-X of 1 to `longest` residues, for every amino acid but M.

    Columns letter, first_gap, last_gap, crossing (the length at which the M-gap first changes sign, nan where it never
    does) and crossing_held (the same with token dropout's scale held at 1).
    """
    lengths = np.arange(1, longest + 1)
    rows = []
    for letter in AMINO_ACIDS.replace("M", ""):
        gap, held = (
            elongation(model, letter, lengths.tolist(), fixed_scale=scale)["gap"].to_numpy() for scale in (None, 1.0)
        )
        rows.append((letter, gap[0], gap[-1], crossing(lengths, gap), crossing(lengths, held)))
    return pd.DataFrame(rows, columns=["letter", "first_gap", "last_gap", "crossing", "crossing_held"])


def recovery(model: Model, letter: str, orders: int) -> pd.DataFrame:
    """M in a 20-residue poly-X, its first residue masked and then ever more: columns masks, m_rate, gap (means)."""
    table = destruction(model, letter, orders=orders)
    return table.assign(m_rate=table["gap"] > 0).pivot_table(index="masks", values=["m_rate", "gap"]).reset_index()


def evidence(model: Model, length: int, reader: Head) -> pd.DataFrame:
    """What speaks for M and what for X at the masked first residue of every poly-X.

    Columns letter, with_bos and without_bos (M's logit minus X's, with BOS in the input and with it left out), and
    attention (the reader's, from the mask to BOS).
    """
    rows = []
    for letter in AMINO_ACIDS.replace("M", ""):
        tokens = tokenize(letter * length, [0])
        leads = []
        for shown, position in ((tokens, 1), (tokens[1:], 0)):
            logits = run(model, shown, positions=[position]).logits[0, 0]
            leads.append(float(logits[token_id("M")] - logits[token_id(letter)]))
        rows.append((letter, *leads, float(bos_attention(model, tokens)[reader.layer, reader.index])))
    return pd.DataFrame(rows, columns=["letter", "with_bos", "without_bos", "attention"])


def repeats_in(sequences: Sequence[str]) -> pd.DataFrame:
    """Does a run of X say by itself that a protein starts before it? How often runs stand after a first M, and inside.

    Columns letter, starts (sequences that begin with M and four X), inside (places after the first residue where five X
    stand), and odds: the share of starts among sequences over the share of such places among all, counts half up.
    """
    places = sum(max(len(sequence) - RUN - 1, 0) for sequence in sequences)
    rows = []
    for letter in AMINO_ACIDS.replace("M", ""):
        starts = sum(sequence.startswith("M" + letter * RUN) for sequence in sequences)
        runs = re.compile(f"(?={letter * (RUN + 1)})")
        inside = sum(len(runs.findall(sequence, 1)) for sequence in sequences)
        odds = ((starts + 0.5) / len(sequences)) / ((inside + 0.5) / places)
        rows.append((letter, starts, inside, odds))
    return pd.DataFrame(rows, columns=["letter", "starts", "inside", "odds"])


def agreement(gaps: Mapping[str, float], met: pd.DataFrame) -> dict[str, Any]:
    """Do repeats outvote M less where training met them as starts? Spearman's rho of gaps with odds, over letters.

    `met` is what `repeats_in` says. A letter whose runs stand nowhere has odds of half counts alone and is left out.
    Keys: rho (None without variation), p (two-sided, odds in 999 random orders, seed 0), letters, left_out.
    """
    is_met = met.starts + met.inside > 0
    counted = met[is_met]
    one, other = np.array([gaps[letter] for letter in counted.letter]), counted.odds.to_numpy(copy=True)
    rho, rng = rank_correlation(one, other), np.random.default_rng(SEED)
    drawn = np.array([abs(rank_correlation(one, rng.permutation(other))) for _ in range(DRAWS)])
    return {
        "rho": None if np.isnan(rho) else rho,
        "p": against(abs(rho), drawn).p,
        "letters": len(counted),
        "left_out": met.letter[~is_met].tolist(),
    }
