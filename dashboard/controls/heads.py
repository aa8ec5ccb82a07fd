"""Which heads a page is about, and which internal residue is compared."""

import streamlit as st

from core.answers.ablation import costliest_heads as by_cost
from core.answers.rope_swap import swap_path
from core.answers.subjects import INTERNAL
from core.components import component_names, components, head_names
from core.interventions import Head
from core.model import Model
from dashboard.controls import bound
from dashboard.question import Question
from dashboard.session import EVERY_HEAD, plain
from dashboard.survey import quickly

KEY_HEADS = 5
"""How many are looked for unasked: as many as the paper's core has beside its readout head."""


def warn_of_unknown(model: Model, *keys: str) -> None:
    """Says in one line which heads and modules the link names under `keys` that the model doesn't have, if any.

    To be called before the controls of these keys, which leave them out of the choice and out of the address.
    """
    there = {EVERY_HEAD, *component_names(model.shape)}
    named = dict.fromkeys(" ".join(name.split()) for key in keys for name in st.query_params.get_all(key))
    unknown = [name for name in named if name and name not in there]
    if unknown:
        shape = model.shape
        st.warning(
            plain(
                f"the link names {', '.join(unknown)}: {model.name} has layers 1 to {shape.n_layers} and heads 1 to "
                f"{shape.n_heads}; {'it was' if len(unknown) == 1 else 'they were'} left out"
            ),
            icon=":material/link_off:",
        )


def internal_residue(key: str = "inside") -> int:
    """The internal residue (0-based) that is masked instead, for comparison; the paper's is the eleventh.

    A page that links to another one with this choice needs a `key` of its own: Streamlit drops a parameter of a link
    that a widget of the page left behind holds.
    """
    told = "The residue that is masked instead of the first one, for comparison."
    return bound.number("Internal residue", 2, 4000, INTERNAL + 1, key, help=told) - 1


def choose_main_head(question: Question, key: str = "main") -> Head:
    """Draws the choice of the head that the prediction rests on most, preset to this protein's; `key` as above."""
    names, preset = head_names(question.model.shape), costliest_heads(question)[0]
    told = "Preset to the head whose ablation at the mask costs the target's logit most in this protein."
    return Head.parse(bound.select("Main head", names, key, index=names.index(str(preset)), help=told))


def costliest_heads(question: Question) -> tuple[Head, ...]:
    """Heads by what their ablation costs this protein's target, or in reverse order where finding out takes long."""
    shape = question.model.shape
    settings = {"n_forwards": len(components(shape)), "target": question.target}
    found = quickly(question, by_cost, question.alone, **settings)
    return found or tuple(map(Head.parse, head_names(shape)))[::-1]


def choose_key_heads(question: Question, main: Head, inside: int) -> tuple[Head, ...]:
    """Draws the choice of the heads that tell the main head where the mask is; preset by a greedy search."""
    names = head_names(question.model.shape)
    settings = {"n_forwards": len(names) * KEY_HEADS, "target": question.target, "main": main, "steps": KEY_HEADS}
    found = quickly(question, swap_path, question.alone, inside=inside, **settings)
    chosen = bound.several(
        "Key heads",
        [name for name in names if name != str(main)],
        "keys",
        default=[str(head) for head in (found.heads if found else ())],
        help="Preset to the heads whose rotation as at the masked residue rescues the target inside this protein.",
    )
    return tuple(Head.parse(name) for name in chosen)


def choose_head_and_inside(question: Question) -> tuple[Head, int]:
    """Draws the choices of the main head and the internal residue (0-based) in one row."""
    warn_of_unknown(question.model, "main")
    return _head_and_inside(question)


def choose_heads_and_inside(question: Question) -> tuple[Head, tuple[Head, ...], int]:
    """Draws the choices of the main head and the internal residue (0-based) in one row, of the key heads below."""
    warn_of_unknown(question.model, "main", "keys")
    main, inside = _head_and_inside(question)
    return main, choose_key_heads(question, main, inside), inside


def _head_and_inside(question: Question) -> tuple[Head, int]:
    columns = st.columns([1, 1, 3])
    with columns[0]:
        head = choose_main_head(question)
    with columns[1]:
        return head, internal_residue()
