"""Controls that several pages of the circuit lab share: heads, the internal residue, a circuit's name."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from core.alphabet import tokenize
from core.analyses.main_heads import heads_by_cost, swap_search
from core.components import Circuit, circuit_to_json, component_names, head_names
from core.errors import InputError
from core.interventions import Head
from core.model import Model
from dashboard import engine
from dashboard.long_work import UNASKED_SECONDS, seconds
from dashboard.question import Question
from dashboard.session import EVERY_HEAD, plain

KEY_HEADS = 5
"""How many are looked for unasked: as many as the paper's core has beside its readout head."""

Found = TypeVar("Found")


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
    chosen = st.number_input(
        "Internal residue",
        2,
        4000,
        11,
        key=key,
        bind="query-params",
        help="The residue that is masked instead of the first one, for comparison.",
    )
    return int(chosen) - 1


def runs(question: Question, sequence: str, inside: int) -> tuple[Tensor, Tensor]:
    """The tokens with the question's residue masked (clean) and with the internal one masked (corrupted).

    Raises `InputError` for a protein without these residues, and when they are the same.
    """
    if inside == question.residue:
        raise InputError(f"residue {inside + 1} is the masked one: the internal residue must be another")
    return tokenize(sequence, [question.residue]), tokenize(sequence, [inside])


def choose_main_head(question: Question, key: str = "main") -> Head:
    """Draws the choice of the head that the prediction rests on most, preset to this protein's; `key` as above."""
    names, preset = head_names(question.model.shape), costliest_heads(question)[0]
    return Head.parse(
        st.selectbox(
            "Main head",
            names,
            index=names.index(str(preset)),
            key=key,
            bind="query-params",
            help="Preset to the head whose ablation at the mask costs the target's logit most in this protein.",
        )
    )


def costliest_heads(question: Question) -> tuple[Head, ...]:
    """Heads by what their ablation costs this protein's target, or in reverse order where finding out takes long."""
    model = question.model
    every = tuple(map(Head.parse, head_names(model.shape)))
    tokens = tokenize(question.protein.sequence, [question.residue])
    return _quickly(
        question,
        ("heads by cost",),
        len(every),
        lambda: heads_by_cost(model, tokens, target=question.target),
        every[::-1],
    )


def choose_key_heads(question: Question, main: Head, inside: int) -> tuple[Head, ...]:
    """Draws the choice of the heads that tell the main head where the mask is; preset by a greedy search."""
    names = head_names(question.model.shape)
    preset = _quickly(
        question,
        ("key heads", main, inside),
        len(names) * KEY_HEADS,
        lambda: (
            swap_search(
                question.model,
                [runs(question, question.protein.sequence, inside)],
                main,
                steps=KEY_HEADS,
                residue=question.residue,
                target=question.target,
            ).heads
        ),
        (),
    )
    chosen = st.multiselect(
        "Key heads",
        [name for name in names if name != str(main)],
        default=[str(head) for head in preset],
        key="keys",
        bind="query-params",
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


def name_and_save(name_in: DeltaGenerator, save_in: DeltaGenerator, circuit: Circuit, key: str) -> str:
    """Draws a circuit's name, which the person may change, and the button that saves it; the name."""
    name = name_in.text_input("Name of this circuit", circuit.name, key=key, bind="query-params")
    save_in.download_button(
        "Save",
        circuit_to_json(msgspec.structs.replace(circuit, name=name)),
        "circuit.json",
        "application/json",
        icon=":material/download:",
        on_click="ignore",
        width="stretch",
    )
    return name


def _quickly(question: Question, key: tuple, n_forwards: int, work: Callable[[], Found], otherwise: Found) -> Found:
    """What `work` finds, or `otherwise` where that would take long or the protein is too short for it."""
    if seconds(question.model, n_forwards, len(question.protein.sequence)) > UNASKED_SECONDS:
        return otherwise
    try:
        return engine.computed((*key, *question.key), lambda _: work(), "Looking for the heads")
    except InputError:
        return otherwise
