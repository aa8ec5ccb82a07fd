"""Is a confident prediction evidence from this sequence, or a default? A verdict for every residue of a protein."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, get_args

import numpy as np
import pandas as pd
from jaxtyping import Float

from core.alphabet import AMINO_ACIDS, tokenize
from core.analyses.evidence import COVERED, PARTS, Contrast, Estimate, Part, Shares, Support, measure_support
from core.analyses.masked_marginals import masked_marginals
from core.answers.survey import Survey
from core.contacts import contact_map
from core.model import Model
from core.progress import SILENT, Progress
from core.proteins.contact_scores import top_contacts
from core.tables import rows

Verdict = Literal["evidence", "copied", "position", "composition", "competition", "unsettled", "none"]
VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)
CONFIDENT: Final = 0.2
"""Probability, among the twenty amino acids, from which a prediction is confident: four times that of a guess."""
COMPETING: Final = 0.5
"""Nats (as logits): two letters closer than this compete."""
LEAST_ADDED: Final = 1.75
"""Nats that order or a copy must add before a prediction is said to rest on it. Rare motifs come up in random strings
too, and a quarter of their few confident residues would else be called evidence."""
SURE: Final = 0.8
"""Probability from which a lead on average is enough: none of the 2,417 residues of the controls that thresholds were
chosen on reached it."""
SCANNED_AT_ONCE: Final = 60
"""Residues: a long protein's strip grows by so many."""
STRETCH: Final = 24
"""Residues that are taken apart before they are shown."""
RULE: Final = (
    f"A prediction is confident from a probability of {CONFIDENT:g} among the twenty amino acids; two letters within "
    f"{COMPETING:g} logits compete. The verdict names the part that adds most to the log-odds: order is evidence, "
    "copying is a repeat, position is BOS and EOS, composition includes what the model says knowing nothing. It is "
    f"given only where that part, and its lead over every other part, stay above zero in {COVERED:.0%} of further "
    f"random orders (from a probability of {SURE:g} on, a lead on average is enough); evidence and copying must add "
    f"{LEAST_ADDED:g} nats or more. Else nothing is settled."
)
"""The thresholds in words, for every place that shows verdicts."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, the part that adds most, and the least that its lead over the others comes to (nats)."""

    verdict: Verdict
    leading: Part
    ahead_low: float


def judge(shares: Shares, probability: float, lead: float) -> Judged:
    """The verdict on a letter with this probability, `lead` logits ahead of its strongest competitor (or behind)."""
    added = _candidates(shares)
    first = max(added, key=lambda verdict: added[verdict].mean())
    part = Estimate.of(added[first])
    ahead_low = min(Estimate.of(added[first] - added[other]).low for other in added if other != first)
    ahead = ahead_low > 0 or probability >= SURE
    stands_out = part.low > 0 and ahead and (first not in _CLAIMS or part.mean >= LEAST_ADDED)
    if probability < CONFIDENT:
        verdict: Verdict = "none"
    elif abs(lead) < COMPETING:
        verdict = "competition"
    else:
        verdict = first if stands_out else "unsettled"
    return Judged(verdict, _PART_OF[first], ahead_low)


_CLAIMS: Final[tuple[Verdict, ...]] = ("evidence", "copied")
_PART_OF: Final[Mapping[Verdict, Part]] = {
    "evidence": "order",
    "copied": "copying",
    "position": "position",
    "composition": "composition",
}


def _candidates(shares: Shares) -> dict[Verdict, np.ndarray]:
    """What each verdict rests on, in every repeat; composition with the prior, which is a default as well."""
    part_of = dict(zip(PARTS, shares.by_repeat, strict=True))
    found: dict[Verdict, np.ndarray] = {verdict: part_of[part] for verdict, part in _PART_OF.items()}
    found["composition"] = part_of["composition"] + part_of["prior"]
    return found


def scanned(model: Model, sequence: str, *, progress: Progress = SILENT) -> pd.DataFrame:
    """Every residue masked in turn: residue (0-based), own, top, second, p_top, p_own, lead, surprise.

    Probabilities are among the twenty amino acids; `lead` (logits) is the top letter's over the second; `surprise`
    (nats) is minus the log-probability of the protein's own letter, nan where that is none of the twenty. `progress` is
    shown the rows so far, `SCANNED_AT_ONCE` residues at a time.
    """
    parts, begins = [], range(0, len(sequence), SCANNED_AT_ONCE)
    for index, begin in enumerate(begins):
        residues = range(begin, min(begin + SCANNED_AT_ONCE, len(sequence)))
        stretch = progress.stretch(index, len(begins))
        parts.append(_told(sequence, residues, masked_marginals(model, sequence, residues, progress=stretch)))
        progress.show(pd.concat(parts, ignore_index=True))
    return pd.concat(parts, ignore_index=True)


def _told(sequence: str, residues: Sequence[int], log_p: Float[np.ndarray, "residue amino_acid"]) -> pd.DataFrame:
    """The rows of `scanned` for some residues."""
    order = np.argsort(-log_p, axis=1, kind="stable")
    places = np.arange(len(residues))
    letters_there = [sequence[residue] for residue in residues]
    own = np.array([AMINO_ACIDS.find(letter) for letter in letters_there])
    surprise = np.where(own >= 0, -log_p[places, own], np.nan)
    letters = np.array(list(AMINO_ACIDS))
    return pd.DataFrame(
        {
            "residue": list(residues),
            "own": letters_there,
            "top": letters[order[:, 0]],
            "second": letters[order[:, 1]],
            "p_top": np.exp(log_p[places, order[:, 0]]),
            "p_own": np.exp(-surprise),
            "lead": log_p[places, order[:, 0]] - log_p[places, order[:, 1]],
            "surprise": surprise,
        }
    )


@dataclass(frozen=True, slots=True)
class Chosen:
    """Residues (0-based) of a sequence that are taken apart."""

    sequence: str
    residues: tuple[int, ...]


def judged(model: Model, chosen: Chosen, *, seed: int, progress: Progress = SILENT) -> pd.DataFrame:
    """The chosen residues taken apart: rows as `residue_rows` tells them."""
    support = measure_support(model, chosen.sequence, chosen.residues, seed=seed, progress=progress)
    return pd.concat([residue_rows(support, residue) for residue in chosen.residues], ignore_index=True)


def residue_rows(support: Support, residue: int) -> pd.DataFrame:
    """One residue's letters: residue, role, letter, p, lead, verdict, total, first_in (repeats of order gone in which
    the letter ranks first), of (repeats), copied (residues in copies), and mean, low and high of every part."""
    log_p = support.clean(residue)
    top, second = (AMINO_ACIDS[index] for index in np.argsort(-log_p, kind="stable")[:2])
    own = support.sequence[residue]
    roles = {"top": top, "second": second} | ({"own": own} if own in AMINO_ACIDS and own not in (top, second) else {})
    gone = support.log_p[support.residues.index(residue), 1, 1]
    found = []
    for role, letter in roles.items():
        index = AMINO_ACIDS.index(letter)
        shares = support.shares(residue, Contrast(letter))
        lead = float(log_p[index] - np.delete(log_p, index).max())
        verdict = judge(shares, float(np.exp(log_p[index])), lead)
        row = {
            "residue": residue,
            "role": role,
            "letter": letter,
            "p": float(np.exp(log_p[index])),
            "lead": lead,
            "verdict": verdict.verdict,
            "total": shares.total,
            "first_in": int((gone.argmax(-1) == index).sum()),
            "of": len(gone),
            "copied": len(support.copied[support.residues.index(residue)]),
            "ahead_low": verdict.ahead_low,
        }
        for part, estimate in shares.parts.items():
            row |= {part: estimate.mean, f"{part}_low": estimate.low, f"{part}_high": estimate.high}
        found.append(row)
    return pd.DataFrame(found)


def contact_sureness(model: Model, sequence: str, *, progress: Progress = SILENT) -> pd.DataFrame:
    """How sure the contact head is: one row with pairs (the L/2 strongest that count) and probability, their mean;
    no row where the model has none, or the chain is too short."""
    if model.contact_head is None:
        return pd.DataFrame({"pairs": [], "probability": []})
    predicted = contact_map(model, tokenize(sequence))
    pairs = top_contacts(predicted)
    if not pairs:
        return pd.DataFrame({"pairs": [], "probability": []})
    return pd.DataFrame({"pairs": [len(pairs)], "probability": [np.mean([predicted[pair] for pair in pairs])]})


@dataclass(frozen=True, eq=False)
class Scan:
    """Some proteins, every residue masked in turn."""

    sequences: Mapping[str, str]
    table: pd.DataFrame
    """subject, and the columns of `scanned`."""

    def of(self, name: str) -> pd.DataFrame:
        return rows(self.table, subject=name)

    def pseudo_perplexity(self, name: str) -> float:
        """exp of the mean surprise."""
        return float(np.exp(self.of(name).surprise.mean()))

    def confident(self, name: str) -> tuple[int, ...]:
        """The residues (0-based) whose top letter is confident."""
        table = self.of(name)
        return tuple(table.residue[table.p_top >= CONFIDENT].tolist())


def scan(survey: Survey, sequences: Mapping[str, str]) -> Scan:
    """Masked marginals of every protein: the first picture, before anything is taken apart."""
    return Scan(sequences, survey.table(scanned, sequences))


@dataclass(frozen=True, eq=False)
class Evidence:
    """Some proteins with a verdict on every residue's top letter."""

    scan: Scan
    letters: pd.DataFrame
    """subject, and the columns of `residue_rows`, for every confident residue."""

    @cached_property
    def strip(self) -> pd.DataFrame:
        """A row per residue: subject, the columns of `scanned`, and verdict (of the top letter)."""
        known = rows(self.letters, role="top")[["subject", "residue", "verdict", "total", "first_in", "of", *PARTS]]
        found = self.scan.table.merge(known, on=["subject", "residue"], how="left")
        return found.assign(verdict=found.verdict.fillna("none"))

    def counts(self, name: str) -> dict[Verdict, int]:
        """Residues of each verdict, in the order of VERDICTS."""
        counted = rows(self.strip, subject=name).verdict.value_counts()
        return {verdict: int(counted.get(verdict, 0)) for verdict in VERDICTS}


def evidence(survey: Survey, sequences: Mapping[str, str], *, seed: int = 0) -> Evidence:
    """A verdict for every residue: those that `worth_asking` names are taken apart."""
    found = scan(survey, sequences)
    names = list(dict.fromkeys(found.table.subject))
    chosen = {name: Chosen(sequences[name], worth_asking(found, name)) for name in names}
    return Evidence(found, letters(survey, chosen, seed=seed))


def evidence_by_stretch(survey: Survey, found: Scan, name: str, *, seed: int = 0) -> Iterator[Evidence]:
    """One protein's `evidence` as it grows, `STRETCH` residues at a time; the last one is all of it.

    A stretch is a piece of work of its own: other work comes in between, and what is done stays done.
    """
    residues, sequence = worth_asking(found, name), found.sequences[name]
    known: list[pd.DataFrame] = []
    for begin in range(0, len(residues), STRETCH):
        stretch = Chosen(sequence, residues[begin : begin + STRETCH])
        known.append(letters(survey, {name: stretch}, seed=seed))
        yield Evidence(found, pd.concat(known, ignore_index=True))


def worth_asking(found: Scan, name: str) -> tuple[int, ...]:
    """The first residue (0-based), and those whose prediction is confident."""
    return tuple(sorted({0, *found.confident(name)}))


def letters(survey: Survey, chosen: Mapping[str, Chosen], *, seed: int = 0) -> pd.DataFrame:
    """Chosen residues taken apart: subject, and the columns of `residue_rows`."""
    return survey.table(judged, chosen, seed=seed)
