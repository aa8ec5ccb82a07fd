"""The engine as the browser sessions share it: models, workers, and results kept by what they were computed from.

The only file that caches. Results are keyed on (what, model fingerprint, sequence, settings), never on arrays.
"""

import gc
import queue
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, Literal, TypeVar

import msgspec
import numpy as np
import pandas as pd
import streamlit as st
import torch
from cachetools import LRUCache
from streamlit.delta_generator import DeltaGenerator

from core.checkpoints import fetch_published
from core.errors import InputError
from core.features.files import with_kept_dictionaries
from core.model import Model, load_model
from core.model_files import EMBEDDED, find_local, local_names
from core.progress import Progress
from core.published import PUBLISHED, PublishedModel

Result = TypeVar("Result")

MOST_WAITING: Final = 64
"""Of one lane: a class of thirty may all click at once."""
SHOWS_PROGRESS_AFTER: Final = 0.5
BYTES_KEPT: Final = 512 * 2**20
OPERATIONS_PER_SECOND: Final = 1e11
"""What two cores do on a small model's forward passes, roughly: enough to say how long something takes."""
UNASKED_SECONDS: Final = 20.0
CANCELLED_FROM: Final = 3.0
"""Seconds from which work that nobody asked for can be cancelled too: a button for less would only flash."""

Stage = Literal["waits", "asked", "done"]
"""Of long work: until somebody asks for it, while it runs, and after."""


Lane = Literal["light", "heavy", "network"]
"""What waits for what: a click never for a Jacobian, nobody for somebody else's download."""
HEAVY_FROM: Final = 1.0
"""Seconds from which work goes to the heavy lane."""


class Worker:
    """A lane: one thread, as two computations at once on the same cores are slower than one after the other, and a
    bounded queue."""

    def __init__(self, lane: Lane) -> None:
        self._waiting: queue.Queue[tuple[Future, Callable[[], object]]] = queue.Queue(MOST_WAITING)
        self._usual_seconds = 0.0
        threading.Thread(target=self._work, name=lane, daemon=True).start()

    def submit(self, work: Callable[[], Result]) -> "Future[Result]":
        """The result to come; `InputError` when too much is waiting."""
        future: Future[Result] = Future()
        try:
            self._waiting.put_nowait((future, work))
        except queue.Full:
            raise InputError(f"the server is busy ({MOST_WAITING} computations are waiting): try again") from None
        return future

    def queued_before(self, future: Future) -> tuple[int, float]:
        """How many computations wait before this one, and about how many seconds they take."""
        with self._waiting.mutex:
            waiting = [each for each, _ in self._waiting.queue if not each.cancelled()]
        before = waiting.index(future) if future in waiting else 0
        return before, before * self._usual_seconds

    def _work(self) -> None:
        while True:
            future, work = self._waiting.get()
            begin = time.monotonic()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:
                    future.set_exception(error)
                took = time.monotonic() - begin
                self._usual_seconds += 0.2 * (took - self._usual_seconds)  # the last few count most


@st.cache_resource(show_spinner=False)
def _worker(lane: Lane) -> Worker:
    return Worker(lane)


@st.cache_resource(show_spinner=False)
def _results() -> tuple[LRUCache, threading.Lock]:
    return LRUCache(BYTES_KEPT, getsizeof=_bytes), threading.Lock()


def _bytes(result: object) -> int:
    """What a result weighs in memory: its arrays, tensors, tables and texts."""
    if isinstance(result, np.ndarray | torch.Tensor):
        return result.nbytes
    if isinstance(result, pd.DataFrame):
        return int(result.memory_usage(deep=True).sum())
    if isinstance(result, dict):
        return sum(_bytes(part) for pair in result.items() for part in pair)
    if isinstance(result, tuple | list):
        return sum(_bytes(part) for part in result)
    if is_dataclass(result):
        return sum(_bytes(getattr(result, part.name)) for part in fields(result))
    if isinstance(result, msgspec.Struct):
        return sum(_bytes(getattr(result, name)) for name in result.__struct_fields__)
    return sys.getsizeof(result)


def computed(
    key: Hashable,
    work: Callable[[Progress], Result],
    label: str,
    about: float = 0.0,
    lane: Lane | None = None,
    partly: Callable[[Result], None] | None = None,
) -> Result:
    """`work`'s result, from the cache when `key` was computed before, else from a worker: that of `lane`, or the one
    that `about` seconds decide.

    After half a second a progress bar called `label` is shown; `partly` draws what the work shows of its result
    before the end. When the person changes something meanwhile, Streamlit leaves this function and the computation is
    cancelled.
    """
    place = st.empty()  # also where nothing is shown in it, so that what follows never moves
    results, lock = _results()

    def once(progress: Progress) -> Result:
        with lock:  # another session may have asked for the same while this one waited
            if key in results:
                return results[key]
        result = work(progress)
        with lock:
            if _bytes(result) <= BYTES_KEPT:
                results[key] = result
        return result

    with lock:
        if key in results:
            return results[key]
    return _awaited(once, place, label, lane or ("heavy" if about >= HEAVY_FROM else "light"), partly)


def kept(key: Hashable, make: Callable[[], Result]) -> Result:
    """What `make` gives, made here where `key` was not kept before: for what is quick, but not on every rerun."""
    results, lock = _results()
    with lock:
        if key in results:
            return results[key]
    result = make()
    with lock:
        if _bytes(result) <= BYTES_KEPT:
            results[key] = result
    return result


def known(key: Hashable) -> Any:
    """What `computed` keeps for `key`; None where it keeps nothing."""
    results, lock = _results()
    with lock:
        return results.get(key)


def _awaited(
    work: Callable[[Progress], Result],
    place: DeltaGenerator,
    label: str,
    lane: Lane,
    partly: Callable[[Any], None] | None = None,
) -> Result:
    begin, drawn = time.monotonic(), None
    progress, worker = Progress(), _worker(lane)
    future = worker.submit(lambda: work(progress))
    try:
        while not wait([future], timeout=0.1).done:
            if partly is not None and (so_far := progress.so_far) is not drawn:
                partly(drawn := so_far)
            if time.monotonic() - begin > SHOWS_PROGRESS_AFTER:
                if future.running():
                    _show(place, progress, label, time.monotonic() - begin)
                else:
                    before, about = worker.queued_before(future)
                    place.progress(0.0, text=f"{label} … {before} before it in the queue, about {_written(about)}")
        return future.result()
    finally:
        progress.cancel()
        future.cancel()
        place.empty()


def _show(place, progress: Progress, label: str, seconds: float) -> None:
    if not progress.total:
        place.progress(0.0, text=f"{label} …")
        return
    share = min(progress.done / progress.total, 1.0)
    left = f", about {seconds * (1 - share) / share:.0f} s left" if share > 0.05 else ""
    place.progress(share, text=f"{label} … {share:.0%}{left}")


@st.cache_resource(max_entries=3, show_spinner=False)
def model(name: str, in_half: bool = False) -> Model:
    """The model called `name`, loaded once for all sessions; it must be on this machine (see `needs_download`).

    `in_half` takes its weights in bfloat16, which is half of float32's memory.
    """
    dtype = torch.bfloat16 if in_half else torch.float32
    loaded = load_model(name, dtype=dtype, allow_large=True, device="cuda" if torch.cuda.is_available() else "cpu")
    try:
        loaded = with_kept_dictionaries(loaded)
    except InputError as error:  # the model works without them
        loaded = replace(loaded, notes=(*loaded.notes, str(error)))
    # what lives until the server stops need not be searched for garbage after every rerun
    gc.collect()
    gc.freeze()
    return loaded


def model_names() -> dict[str, str]:
    """Every model that can be chosen, by name, with what people call it."""
    published = {model.name: model.label for model in PUBLISHED}
    return (
        {EMBEDDED: "Embedded teaching model"}
        | published
        | {name: name for name in local_names() if name not in published}
    )


def needs_download(name: str) -> PublishedModel | None:
    """The published model that must be fetched before `name` can be used, or None when it is here."""
    if name == EMBEDDED or find_local(name):
        return None
    return next((published for published in PUBLISHED if published.name == name), None)


def fetch(name: str) -> None:
    """Downloads a published model with a progress bar; `InputError` in one line when it cannot be had."""
    _awaited(lambda progress: fetch_published(name, progress=progress), st.empty(), f"Fetching {name}", "network")


def seconds(model: Model, n_forwards: float, n_residues: int) -> float:
    """About how long `n_forwards` passes over `n_residues` in all take; a resumed one counts a little over half."""
    shape = model.shape
    of_attention = 2 * shape.n_layers * shape.d_model * n_residues  # operations come in twos: multiplied and added
    return 0.6 * 2 * (model.n_parameters + of_attention) * n_forwards * n_residues / OPERATIONS_PER_SECOND


@contextmanager
def on_request(key: Hashable, about: float, what: str, unasked: float | None = None) -> Iterator[bool]:
    """Whether to go on: at once for work of up to `unasked` seconds (or `UNASKED_SECONDS`), else when the person
    presses the button drawn here.

    While it goes on inside, the button's place holds one that cancels it; cancelled work waits to be asked for.
    """
    stages: dict[Hashable, Stage] = st.session_state.setdefault("stages of long work", {})
    stage = stages.get(key, "waits" if about > (UNASKED_SECONDS if unasked is None else unasked) else "asked")
    place = st.empty()
    if stage == "waits":
        if not place.button(f"{what} (about {_written(about)})", type="primary", icon=":material/play_arrow:"):
            yield False
            return
        stages[key] = stage = "asked"
    if stage == "asked" and about > CANCELLED_FROM:
        cancel = {key: "waits"}
        place.button("Cancel", f"cancel: {what}", on_click=stages.update, args=(cancel,), icon=":material/close:")
    yield True
    stages[key] = "done"
    place.empty()


def _written(about: float) -> str:
    return f"{about:.0f} s" if about < 90 else f"{about / 60:.0f} min"
