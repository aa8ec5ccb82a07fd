"""How far may the verdicts be trusted on a model? What they say where the truth is known, beside what is asked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np
import pandas as pd

from core.alphabet import AMINO_ACIDS
from core.answers.evidence import RULE, Chosen
from core.answers.words import counted
from core.bootstrap import Interval, share_interval, wilson
from core.errors import InputError
from core.model import Model
from core.model_files import EMBEDDED, file_beside
from core.tables import rows

FILE: Final = "evidence.json"
COMMAND: Final = "python -m core.experiments evidence"
FALSE_EVIDENCE, CONSERVED, STARTS, REPEATS, COPIES = 0.05, 0.80, 0.95, 0.95, 0.80
"""What is asked: at most the first share of confident residues of controls may be called evidence, at least the others
of conserved residues evidence, of first residues a default of position, of poly-X one of composition, of duplicates
copied."""
HOW_SHARES_ARE_KNOWN: Final = (
    "In brackets the 95% interval, sequences drawn anew: residues of one sequence aren't independent."
)


class Criterion(msgspec.Struct, frozen=True):
    """One group in which the truth is known: how often the verdict is `verdict`, beside what is asked."""

    name: str
    group: str
    verdict: str
    asked: float
    side: Literal["at most", "at least"]
    counted: int
    of: int
    note: str = ""
    sequences: int = 0
    """How many the residues stand in; 0 in a calibration from before they were counted."""
    by_sequence: Interval = None
    """The share's 95% interval, sequences drawn anew (`core.bootstrap.share_interval`); None where they are too few."""

    @property
    def share(self) -> float:
        """nan where nothing was counted."""
        return self.counted / self.of if self.of else float("nan")

    @property
    def met(self) -> bool | None:
        """Whether the share is what is asked; None where there was nothing to count."""
        if not self.of:
            return None
        return self.share <= self.asked if self.side == "at most" else self.share >= self.asked


class Calibration(msgspec.Struct, frozen=True):
    """All criteria on one model, and the rule that they hold for."""

    model: str
    fingerprint: str
    rule: str
    criteria: tuple[Criterion, ...]
    sample: str
    """What was measured, in a sentence."""

    @property
    def sure(self) -> frozenset[str]:
        """The verdicts that were tried and met all that is asked of them."""
        met = {each.verdict for each in self.criteria if each.met}
        return frozenset(met - {each.verdict for each in self.criteria if each.met is False})

    @property
    def missed(self) -> str:
        """Where the verdicts fall short of what is asked, and so how to read them; empty if nowhere."""
        short = [
            f"{each.group} ({each.verdict} in {each.counted} of {each.of})"
            for each in self.criteria
            if each.met is False
        ]
        if not short:
            return ""
        listed = "; ".join(short)
        return (
            "On this model not all that is asked of the verdicts is met, so the app writes “likely” before those that "
            f"fall short. Short are {listed}."
        )

    def table(self) -> pd.DataFrame:
        """A row per criterion, in words: group, verdict, share, asked, met, note."""
        return pd.DataFrame([_row(each) for each in self.criteria])


def _row(each: Criterion) -> dict[str, str]:
    return {
        "Where": each.group,
        "Verdict counted": each.verdict,
        "Found": f"{each.counted} of {each.of}" + (f" = {each.share:.1%} ({_known(each)})" if each.of else ""),
        "Asked": f"{each.side} {each.asked:.0%}",
        "Met": {True: "yes", False: "no", None: "nothing to count"}[each.met],
        "Note": each.note,
    }


def _known(each: Criterion) -> str:
    """How well a share is known, in words."""
    if not each.sequences:
        low, high = wilson(each.share, each.of)
        return f"{low:.0%} to {high:.0%}, residues of one sequence counted as if they were independent"
    if each.by_sequence is None:
        return f"{counted(each.sequences, 'sequence')}: too few for an interval"
    low, high = each.by_sequence
    return f"{low:.0%} to {high:.0%}" + ("" if each.sequences == each.of else f", {each.sequences} sequences")


def false_evidence(name: str, group: str, letters: pd.DataFrame) -> list[Criterion]:
    """How often confident residues of controls, whose order says nothing, are called evidence: all, and all but the
    first, which is a default of position."""
    top = rows(letters, role="top")
    top = pd.DataFrame(top[top.verdict != "none"])
    found = []
    for what, chosen in (("", top), (", first residues left out", pd.DataFrame(top[top.residue > 0]))):
        shares = _shares(rows(chosen, verdict="evidence"), residues_of(chosen))
        found.append(Criterion(name + what, group + what, "evidence", FALSE_EVIDENCE, "at most", **shares))
    return found


def called(
    name: str, group: str, letters: pd.DataFrame, verdict: str, asked: float, of: Mapping[str, int], note: str = ""
) -> Criterion:
    """How many residues have a row with this verdict, of the `of` in each sequence."""
    shares = _shares(rows(letters, verdict=verdict), of)
    return Criterion(name, group, verdict, asked, "at least", note=note, **shares)


def residues_of(letters: pd.DataFrame) -> dict[str, int]:
    """How many rows each sequence has."""
    return letters.subject.value_counts(sort=False).to_dict()


def _shares(hits: pd.DataFrame, of: Mapping[str, int]) -> dict[str, Any]:
    """What is counted, from a row per hit and the residues in each sequence: the fields of a `Criterion`."""
    of = {name: n for name, n in of.items() if n}
    by_sequence = hits.subject.value_counts().reindex(list(of), fill_value=0).to_numpy()
    ends = share_interval(by_sequence, np.array(list(of.values())))
    return {
        "counted": int(by_sequence.sum()),
        "of": sum(of.values()),
        "sequences": len(of),
        "by_sequence": ends,
    }


def own(letters: pd.DataFrame, chosen: Mapping[str, Chosen]) -> pd.DataFrame:
    """The rows of each residue's own letter."""
    letter = [chosen[name].sequence[at] for name, at in zip(letters.subject, letters.residue, strict=True)]
    return pd.DataFrame(letters[letters.letter == np.array(letter, dtype=object)])


def poly_x(length: int = 40) -> dict[str, Chosen]:
    """A repeat of every amino acid, its middle residue chosen."""
    return {f"poly-{letter}": Chosen(letter * length, (length // 2,)) for letter in AMINO_ACIDS}


def duplicates(n: int, seed: int, *, segment: int = 40, spacer: int = 15) -> dict[str, Chosen]:
    """Random segments that come twice, a random stretch between; every fourth residue of the second copy's middle."""
    found: dict[str, Chosen] = {}
    for index in range(n):
        rng = np.random.default_rng((seed, 4, index))
        copy, between = ("".join(rng.choice(list(AMINO_ACIDS), size=size)) for size in (segment, spacer))
        start = segment + spacer
        inside = tuple(range(start + segment // 4, start + 3 * segment // 4, 4))
        found[f"duplicate {index + 1}"] = Chosen(copy + between + copy, inside)
    return found


def make_calibration(model: Model, criteria: Sequence[Criterion], sample: str) -> Calibration:
    """The criteria as they are kept beside a model's weights."""
    return Calibration(model.name, model.fingerprint, RULE, tuple(criteria), sample)


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Writes it as JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(calibration), indent=1) + b"\n")


def kept_calibration(model: Model) -> Calibration | None:
    """The calibration beside the model's weights; None where there is none, or it is of other weights or another rule.

    Raises `InputError` for a file that isn't a calibration.
    """
    path = file_beside(model.name, FILE)
    if path is None or not path.is_file():
        return None
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Calibration)
    except msgspec.DecodeError as error:
        raise InputError(f"{path.name} is not a calibration: {error}") from error
    return found if (found.fingerprint, found.rule) == (model.fingerprint, RULE) else None


def as_markdown(calibration: Calibration) -> str:
    """The table of a calibration as a Markdown file."""
    table = calibration.table()
    lines = ["| " + " | ".join(cells) + " |" for cells in (table.columns, ["---"] * table.shape[1], *table.to_numpy())]
    said = calibration.missed or "All that could be counted is met."
    name = "the embedded model" if calibration.model == EMBEDDED else calibration.model
    return (
        f"# Evidence or default: the verdicts calibrated on {name}\n\n"
        f"Written by `{COMMAND}`; every number is in `{FILE}`, for weights {calibration.fingerprint}.\n\n"
        f"{calibration.rule}\n\n{calibration.sample} {HOW_SHARES_ARE_KNOWN}\n\n" + "\n".join(lines) + f"\n\n{said}\n"
    )
