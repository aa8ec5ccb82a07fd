"""Which proteins choose and which judge: drawn by a seed, away from what the model has seen and from each other."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.model_files import EMBEDDED, EMBEDDED_FOLDER
from core.proteins.labelled import LabelledProtein
from core.proteins.listed import ListedStructure
from core.proteins.relatives import homologues

MIN_JUDGED = 2
JUDGED, RELATIVES, RECENT = "judged", "relatives", "recent"
FITTED_ON = "the model's own contact head was fitted on it"


@dataclass(frozen=True, slots=True)
class Split:
    """Proteins by name: those that choose heads and fit the probe, those that judge, and two groups judged apart.

    Relatives belong to a family that the model was trained on. Recent structures are newer than what it was trained on.
    Both choose nothing. `left_out` says why others neither choose nor judge.
    """

    choosing: Mapping[str, LabelledProtein]
    judged: Mapping[str, LabelledProtein]
    relatives: Mapping[str, LabelledProtein]
    recent: Mapping[str, LabelledProtein] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def groups(self) -> dict[str, Mapping[str, LabelledProtein]]:
        """All that are judged, by group."""
        return {JUDGED: self.judged, RELATIVES: self.relatives, RECENT: self.recent}


def split(
    proteins: Mapping[str, LabelledProtein],
    n_choosing: int,
    seed: int,
    relatives: Iterable[str] = (),
    seen: Iterable[str] = (),
    recent: Mapping[str, LabelledProtein] | None = None,
) -> Split:
    """`n_choosing` proteins drawn for choosing, and the rest to be judged, but none of `seen` and no homologues.

    `seen` are those that the model's own contact head was fitted on: they are drawn for choosing first, because they
    cannot judge. A protein judges only if it has no homologue (`core.proteins.relatives.homologues`) that chooses, or
    that judges already in its group. Raises `InputError` when fewer than two proteins would be left to judge.
    """
    related, seen, recent = set(relatives), set(seen), dict(recent or {})
    drawn = [name for name in np.random.default_rng(seed).permutation(sorted(proteins)).tolist() if name not in related]
    drawn.sort(key=lambda name: name not in seen)  # a stable sort: the draw's order among each
    choosing = {name: proteins[name] for name in sorted(drawn[:n_choosing])}
    everything = {**recent, **proteins}
    left_out = {name: FITTED_ON for name in everything if name in seen and name not in choosing}
    groups = []
    for names in (set(drawn[n_choosing:]), related & set(everything), set(recent) - related):
        kept, close = _without_homologues({name: everything[name] for name in sorted(names - seen)}, choosing)
        groups.append(kept)
        left_out |= close
    judged = groups[0]
    if len(choosing) < n_choosing or len(judged) < MIN_JUDGED:
        raise InputError(
            f"too few labelled proteins: {n_choosing} choose heads and at least {MIN_JUDGED} others judge, and "
            f"{len(choosing) + len(judged)} can be used (relatives of trained families and homologues not counted)"
        )
    return Split(choosing, judged, groups[1], groups[2], left_out)


def _without_homologues(
    group: Mapping[str, LabelledProtein], choosing: Mapping[str, LabelledProtein]
) -> tuple[dict[str, LabelledProtein], dict[str, str]]:
    """The proteins of a group that judge, and why others do not: a homologue chooses, or judges already."""
    kept: dict[str, LabelledProtein] = {}
    left_out: dict[str, str] = {}
    for name, protein in group.items():
        others = {other: each.sequence for other, each in {**choosing, **kept}.items()}
        if like := homologues({name: protein.sequence}, others).get(name):
            role = "chooses" if like.name in choosing else "judges already"
            left_out[name] = f"{like.identity:.0%} identical to {like.name}, which {role}"
        else:
            kept[name] = protein
    return kept, left_out


def model_notes(source: str) -> Mapping[str, object]:
    """What a model's own `config.json` says of its training; empty where there is none."""
    path = _folder(source) / "config.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def fitted_on(notes: Mapping[str, object]) -> list[ListedStructure]:
    """The structures that the model's contact head was fitted on, as far as its notes say."""
    fit = notes.get("contact_head_fit")
    if not isinstance(fit, dict):
        return []
    digests = fit.get("fitted_on_digests", {})
    return [ListedStructure(name, digests.get(name, "")) for name in fit.get("fitted_on", ())]


def listed_relatives(source: str) -> list[ListedStructure]:
    """The structures that `relatives.csv` beside the model lists as of a trained family; empty without one."""
    path = _folder(source) / "relatives.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        listed = csv.DictReader(file)  # lists written before digests have two columns
        return [ListedStructure(row["structure"], row.get("sequence_digest") or "", row["family"]) for row in listed]


def _folder(source: str) -> Path:
    return EMBEDDED_FOLDER if source == EMBEDDED else Path(source)
