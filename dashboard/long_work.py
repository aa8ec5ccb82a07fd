"""Work that takes long waits until it is asked for, and can be stopped."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Final

import streamlit as st

from core.model import Esm2

OPERATIONS_PER_SECOND: Final = 4e11
"""What two cores do on a model's forward passes, roughly: enough to say how long something takes."""
UNASKED_SECONDS: Final = 5.0


def seconds(model: Esm2, n_forwards: float, n_residues: int) -> float:
    """About how long `n_forwards` passes over `n_residues` in all take; a resumed one counts a little over half."""
    return 0.6 * 2 * model.n_parameters * n_forwards * n_residues / OPERATIONS_PER_SECOND


@contextmanager
def on_request(key: Hashable, about: float, what: str) -> Iterator[bool]:
    """Whether to go on: at once for work of a few seconds, else when the person presses the button drawn here.

    While long work goes on inside, the button's place holds one that cancels it.
    """
    stages: dict[Hashable, str] = st.session_state.setdefault("stages of long work", {})
    place = st.empty()

    def forget() -> None:
        stages.pop(key, None)

    if about > UNASKED_SECONDS and stages.get(key) != "done":
        if stages.get(key) != "asked" and not place.button(
            f"{what} (about {_written(about)})", type="primary", icon=":material/play_arrow:"
        ):
            yield False
            return
        stages[key] = "asked"
        place.button("Cancel", on_click=forget, icon=":material/close:")
    yield True
    stages[key] = "done"
    place.empty()


def _written(about: float) -> str:
    return f"{about:.0f} s" if about < 90 else f"{about / 60:.0f} min"
