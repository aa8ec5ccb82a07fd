"""Who attends to BOS on each side, and where does the head looked at attend?"""

import streamlit as st

from core.analyses.comparison import difference, one_scale, position_difference
from core.figures import comparison as figures
from core.figures.explore import pattern_heatmap
from dashboard.page_parts import draw
from dashboard.views.compare.sides import OTHER_HEADS, Pair

MOST_CELLS = 0.999
"""Share of a pattern's cells within the colours' end: the few brightest would make all others pale."""


def heads_that_read_bos(pair: Pair) -> None:
    st.markdown("**Which heads read BOS from the residue read?**")
    shown = [side.run.bos_attention[:, :, side.question.residue + 1] for side in pair.sides]
    for place, side, attention in zip(st.columns(2), pair.sides, shown, strict=True):
        with place:
            draw(
                figures.attention_heads(attention, quantity="attention to BOS"),
                f"{side.name}: a cell per head, dark where {side.question.residue_label} attends to BOS.",
                f"bos heads {side.name}",
            )
    if not pair.same_heads:
        st.caption(OTHER_HEADS)
        return
    change = difference(*shown)
    most = one_scale(change, least=0.1)
    draw(
        figures.attention_heads(change, quantity="attention to BOS, B − A", diverging=True, most=most),
        "Red: the head attends to BOS more in B, blue: less. Colours end at a tenth or above, so small changes stay "
        "pale.",
        "bos heads difference",
    )


def attention_to_bos(pair: Pair) -> None:
    heads = " and ".join(dict.fromkeys(str(side.head) for side in pair.sides))
    st.markdown(f"**From where does {heads} read BOS?**")
    a, b = (side.run.bos_attention[side.head.layer, side.head.index] for side in pair.sides)
    left, right = st.columns(2)
    with left:
        draw(
            figures.attention_to_bos(a, b),
            "From every residue of either protein: attention that is high only at the start is positional.",
            "bos positions",
        )
    with right:
        if pair.where is None:
            st.caption(pair.no_difference)
            return
        change = position_difference(a, b, pair.where)[1:-1]
        draw(
            figures.attention_change(pair.where.first + 1, change),
            "Above zero: B's residue attends to BOS more than the residue of A that it corresponds to.",
            "bos positions difference",
        )


def whole_pattern(pair: Pair) -> None:
    heads = " and ".join(dict.fromkeys(str(side.head) for side in pair.sides))
    st.markdown(f"**Where does {heads} look?**")
    a, b = (side.run.pattern for side in pair.sides)
    most = one_scale(a, b, share=MOST_CELLS)
    for place, side in zip(st.columns(2), pair.sides, strict=True):
        with place:
            draw(
                pattern_heatmap(side.run.pattern, f"{side.name}: attention of {side.head}", most),
                "Rows are queries, columns are keys; each row sums to 1.",
                f"pattern {side.name}",
            )
    if pair.where is None:
        st.caption(pair.no_difference)
        return
    change = position_difference(a, b, pair.where)
    names = ["BOS", *(pair.a.question.numbering.name(at) for at in pair.where.first.tolist()), "EOS"]
    draw(
        figures.pattern_change(change, names, one_scale(change, least=0.1 * most, share=MOST_CELLS)),
        "Red: B attends there more, blue: less; names are A's. Colours end at a tenth of the attention's own scale or "
        "above, so small changes stay pale.",
        "pattern difference",
    )
