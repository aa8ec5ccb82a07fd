"""Work that takes long waits until it is asked for, and can be stopped."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Final, Literal

import streamlit as st

from core.model import Model

OPERATIONS_PER_SECOND: Final = 1e11
"""What two cores do on a small model's forward passes, roughly: enough to say how long something takes."""
UNASKED_SECONDS: Final = 20.0
CANCELLED_FROM: Final = 3.0
"""Seconds from which work that nobody asked for can be cancelled too: a button for less would only flash."""

Stage = Literal["waits", "asked", "done"]


def seconds(model: Model, n_forwards: float, n_residues: int) -> float:
    """About how long `n_forwards` passes over `n_residues` in all take; a resumed one counts a little over half."""
    return 0.6 * 2 * model.n_parameters * n_forwards * n_residues / OPERATIONS_PER_SECOND


@contextmanager
def on_request(key: Hashable, about: float, what: str) -> Iterator[bool]:
    """Whether to go on: at once for work of some seconds, else when the person presses the button drawn here.

    While it goes on inside, the button's place holds one that cancels it; cancelled work waits to be asked for.
    """
    stages: dict[Hashable, Stage] = st.session_state.setdefault("stages of long work", {})
    stage = stages.get(key, "waits" if about > UNASKED_SECONDS else "asked")
    place = st.empty()
    if stage == "waits":
        if not place.button(f"{what} (about {_written(about)})", type="primary", icon=":material/play_arrow:"):
            yield False
            return
        stages[key] = stage = "asked"
    if stage == "asked" and about > CANCELLED_FROM:
        place.button("Cancel", on_click=stages.update, args=({key: "waits"},), icon=":material/close:")
    yield True
    stages[key] = "done"
    place.empty()


def _written(about: float) -> str:
    return f"{about:.0f} s" if about < 90 else f"{about / 60:.0f} min"
