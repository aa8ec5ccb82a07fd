"""Does the model copy repeats, and with which heads?"""

import streamlit as st

from core.alphabet import AMINO_ACIDS
from core.analyses.induction import LENGTH, NO_REPEAT, NOTHING, SEGMENTS, STEP, random_repeats
from core.answers.induction import BLOCKED, FEWEST, Induction, induction
from core.figures import induction as figures
from core.tables import rows
from dashboard.controls import bound
from dashboard.engine import seconds
from dashboard.page_parts import draw, introduce, link_to
from dashboard.question import Question
from dashboard.script import Call, Expression, Shown
from dashboard.session import plain
from dashboard.survey import answered
from dashboard.views.explore import page as explore

TITLE, PATH, MASKS = "Repeats", "repeats", False

GUESS = 1 / len(AMINO_ACIDS)


def page(question: Question) -> None:
    introduce(
        "Does the model copy repeats, and with which heads?",
        "A random segment stands twice in a row, and a residue of the second copy is masked. Only its twin in the "
        "first copy tells what it is.",
        "Every head is scored by its attention from the masked residue to the twin, less that to the same place where "
        "the first copy's residues stand in a random order; every third residue is masked, one at a time. Then the "
        "best heads' attention to the twin is blocked: heads are chosen on the first half of the segments and judged "
        "on the second.",
        "Red cells look at twins. Where bars fall as heads are blocked, these heads do the copying. This page uses the "
        "sidebar's model alone; its protein plays no part.",
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        n = bound.number("Segments", FEWEST, 60, SEGMENTS, "segments", width=bound.WIDTH)
        length = bound.number("Residues of a segment", 6, 100, LENGTH, "length", width=bound.WIDTH)
        seed = bound.number("Seed", 0, 9999, 0, "seed", width=bound.WIDTH)
    passes = n * -(-length // STEP) * (2 + 2 + (len(BLOCKED) + 2) / 2)
    found = answered(
        question,
        induction,
        random_repeats(n, length, seed),
        about=2 * seconds(question.model, passes, 2 * length + 2),
        what=f"Read {n} repeated segments",
        label="Reading repeats",
        shown=Shown("found.heads", Call(figures.gains, (Expression("found.gain"),))),
    )
    if found is None:
        return
    st.markdown(_verdict(question, found))
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        _heads(question, found)
    with right.container(border=True, height="stretch"):
        _blocking(found)


def _verdict(question: Question, found: Induction) -> str:
    said = {
        "copies": "copies repeats",
        "trace": "copies next to nothing: there is a trace",
        "none": "does not copy: no rise can be told from none",
    }[found.verdict]
    name = "The embedded teaching model" if question.model.teaching else plain(question.model.name)
    ranks = {what: f"{found.rank(what).mean:.1f}" for what in (NOTHING, NO_REPEAT)}
    return (
        f"**{name} {said}.** The twin's letter gets P = {found.probability(NOTHING)} and rank {ranks[NOTHING]} of 20; "
        f"where nothing repeats, P = {found.probability(NO_REPEAT).mean:.3f} and rank {ranks[NO_REPEAT]}. "
        f"The repeat adds {found.rise.mean:+.4f} [{found.rise.low:+.4f}, {found.rise.high:+.4f}]; a guess is right in "
        f"{GUESS:.2f}. Brackets: 95% bootstrap intervals over segments."
    )


def _heads(question: Question, found: Induction) -> None:
    st.markdown("**Which heads look at the twin?**")
    heads, best = found.heads, found.ranked[0]
    row = rows(heads, layer=best.layer, head=best.index).iloc[0]
    passing = f"{len(found.found)} of {len(heads)} heads pass it" if found.found else "no head passes it"
    draw(
        figures.gains(found.gain),
        f"Best: {best} gives the twin {row.twin:.3f} of its attention, {row.once:.3f} to the same place where nothing "
        f"repeats (gain {row.gain:+.3f}), and {row.elsewhere:.3f} to another residue of the first copy; an even "
        f"spread gives {found.chance:.3f}. Were there no such head, the best of {len(heads)} would still pass "
        f"{found.threshold:+.3f} in 5% of cases (signs of segments changed at random): {passing}.",
        "twin attention",
        found.heads,
    )
    name, repeat = next(iter(found.repeats.items()))
    choices = {"from": "Paste", "sequence": repeat.twice, "mask": str(len(repeat.segment) + 1), "head": str(best)}
    link_to(explore, f"Look at {best} in {name}, in Explore", choices)


def _blocking(found: Induction) -> None:
    st.markdown("**Does copying go without them?**")
    draw(
        figures.blocking(found.blocking, GUESS),
        f"On the {len(found.judged_on)} segments that chose no heads. Orange: nothing blocked; grey: no repeat, "
        "where copying ends; dashed: a guess. Blue: attention from the mask to its twin blocked in the best heads "
        f"({', '.join(map(str, found.best))}), in as many drawn from the others, and in every head, which leaves only "
        "ways through other residues. Whiskers: 95% over segments.",
        "blocked heads",
        found.blocking,
    )
