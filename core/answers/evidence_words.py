"""What a colleague would write about a protein after looking at its verdicts: sentences, each with its numbers."""

from collections.abc import Mapping

import pandas as pd

from core.answers.evidence import Evidence
from core.answers.intervals import between, interval_in
from core.answers.words import percent
from core.tables import rows

MOST_NAMED = 4
SURE_CONTACTS = 0.5
"""Mean probability of the L/2 strongest pairs from which a contact map is called sure."""


def sentences(
    found: Evidence, name: str, names: tuple[str, ...], contacts: pd.DataFrame, words: Mapping[str, str]
) -> list[str]:
    """On the start, on what is recognised, on repeats, on what surprises, on contacts; `names` are what people call
    the residues, `contacts` is `contact_sureness` of the protein, `words` are `verdict_words` of the model."""
    strip = rows(found.strip, subject=name)
    return [
        start(found, name, names[0], words),
        _recognised(found, name),
        _repeats(found, name, names),
        _surprises(strip, names, words),
        _contacts(contacts),
    ]


def at_the_start(found: Evidence, name: str, residue: str, words: Mapping[str, str]) -> str:
    """The answer on the masked first residue, in a line: is it evidence, and in how many random orders is it given."""
    row = _first(found, name)
    return f"**{row.letter} at the start: {_conclusion(row, words)}.** {ranks_first(row)}.{_instead(row, residue)}"


def start(found: Evidence, name: str, residue: str, words: Mapping[str, str]) -> str:
    """The same with the numbers that it rests on."""
    row = _first(found, name)
    return (
        f"{at_the_start(found, name, residue, words)} Its P is {row.p:.2f}; to its log-odds of {row.total:+.1f} nats "
        f"position adds {_added(row, 'position')}, order {_added(row, 'order')} (in brackets: 95% of further random "
        "orders). The residue is masked, so the model says the same whatever stands there."
    )


def _first(found: Evidence, name: str) -> pd.Series:
    return rows(found.letters, subject=name, residue=0, role="top").iloc[0]


def _added(row: pd.Series, part: str) -> str:
    return f"{row[part]:+.1f}{between(interval_in(row, part), digits=1)}"


def ranks_first(row: pd.Series) -> str:
    """In how many random orders of the other residues a row's letter ranks first, in words."""
    return f"{row.letter} ranks first in {row.first_in} of {row.of} random orders of the other residues"


def beside_prediction(letters: pd.DataFrame, residue: str, words: Mapping[str, str]) -> str:
    """One residue's top letter in a line, from its rows: in how many random orders it ranks first, and the verdict."""
    top = rows(letters, role="top").iloc[0]
    return f"Clean, at {residue}: {ranks_first(top)}: {_conclusion(top, words)}.{_instead(top, residue)}"


def _conclusion(row: pd.Series, words: Mapping[str, str]) -> str:
    """A letter's verdict, and what it thereby isn't."""
    said = words[row.verdict]
    ruled_out = {"evidence": "not a default", "position": "not evidence", "composition": "not evidence"}
    return f"{said}, {ruled_out[row.verdict]}" if row.verdict in ruled_out else said


def _instead(row: pd.Series, residue: str) -> str:
    """What stands at `residue`, as people call it, where the letter is another."""
    own = residue[0]
    return "" if own == row.letter else f" The protein has {own} there, which is masked."


def _recognised(found: Evidence, name: str) -> str:
    counts, length = found.counts(name), len(found.scan.sequences[name])
    default = counts["position"] + counts["composition"]
    other = counts["copied"] + counts["competition"] + counts["unsettled"]
    return (
        f"**Recognised: {percent(counts['evidence'] / length)} of the chain.** {counts['evidence']} of {length} "
        f"residues are predicted confidently from the order of the others, {default} by default, {other} otherwise, "
        f"{counts['none']} not at all. Pseudo-perplexity {found.scan.pseudo_perplexity(name):.1f}, where 20 is a guess "
        "among all amino acids."
    )


def _repeats(found: Evidence, name: str, names: tuple[str, ...]) -> str:
    top = rows(found.letters, subject=name, role="top")
    with_copy, copied = int((top.copied > 0).sum()), rows(top, verdict="copied")
    composition = rows(top, verdict="composition")
    if not with_copy and composition.empty:
        return (
            "**Repeats and low complexity: none that matter.** No confident residue has a near copy of its "
            "surroundings elsewhere in the chain, or is a default of composition."
        )
    return (
        f"**Repeats and low complexity.** {with_copy} confident residues have a near copy of their surroundings "
        f"elsewhere in the chain, {len(copied)} of them are copied from it{_named(copied, names)}; {len(composition)} "
        f"are defaults of composition{_named(composition, names)}."
    )


def _surprises(strip: pd.DataFrame, names: tuple[str, ...], words: Mapping[str, str]) -> str:
    """Where the model is sure of another letter."""
    other = pd.DataFrame(strip[(strip.own != strip.top) & ~strip.verdict.isin(["none", "competition"])])
    if other.empty:
        return "**Surprises: none.** Nowhere is the model sure of another letter than the protein's own."
    most = other.sort_values(by="surprise", ascending=False).head(MOST_NAMED)
    listed = ", ".join(
        f"{names[at]} (it expects {letter}: {words[verdict]})"
        for at, letter, verdict in zip(most.residue, most.top, most.verdict, strict=True)
    )
    more = f", and {len(other) - len(most)} more" if len(other) > len(most) else ""
    return f"**Surprises: {len(other)}.** The model is sure of another letter at {listed}{more}."


def _contacts(contacts: pd.DataFrame) -> str:
    if contacts.empty:
        return "**Contacts:** this model has no contact head, or the chain is too short for one."
    pairs, probability = int(contacts.pairs.iloc[0]), float(contacts.probability.iloc[0])
    said = "sure of itself" if probability >= SURE_CONTACTS else "unsure"
    return (
        f"**The contact map: {said}.** The contact head gives its {pairs} strongest pairs (L/2) a mean probability of "
        f"{probability:.2f}."
    )


def _named(table: pd.DataFrame, names: tuple[str, ...]) -> str:
    if table.empty:
        return ""
    listed = ", ".join(names[int(at)] for at in table.residue.head(MOST_NAMED))
    return f" ({listed}{', …' if len(table) > MOST_NAMED else ''})"
