"""The engine as the browser sessions share it: models, one worker, and results kept by what they were computed from.

The only file that caches. Results are keyed on (what, model fingerprint, sequence, settings), never on arrays.
"""

import gc
import queue
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import fields, is_dataclass
from typing import Final, TypeVar

import numpy as np
import streamlit as st
import torch
from cachetools import LRUCache

from core.checkpoints import EMBEDDED, PUBLISHED, PublishedModel, find_local, local_names
from core.errors import InputError
from core.model import Esm2, load_model

Result = TypeVar("Result")
Report = Callable[[int, int | None], None]
"""Long work says how much of how much is done."""

MOST_WAITING: Final = 16
SHOWS_PROGRESS_AFTER: Final = 0.5
BYTES_KEPT: Final = 512 * 2**20


class Progress:
    """What a computation says of itself while it runs, and the way to stop it."""

    def __init__(self) -> None:
        self.done, self.total = 0, None
        self.cancel = threading.Event()

    def report(self, done: int, total: int | None) -> None:
        self.done, self.total = done, total


class Worker:
    """One thread for all forwards: two at once on the same cores are slower than one after the other."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[Future, Callable[[], object]]] = queue.Queue(MOST_WAITING)
        threading.Thread(target=self._work, name="forwards", daemon=True).start()

    def submit(self, work: Callable[[], Result]) -> "Future[Result]":
        """The result to come; `InputError` when too much is waiting."""
        future: Future[Result] = Future()
        try:
            self._waiting.put_nowait((future, work))
        except queue.Full:
            raise InputError(f"the server is busy ({MOST_WAITING} computations are waiting): try again") from None
        return future

    def _work(self) -> None:
        while True:
            future, work = self._waiting.get()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:
                    future.set_exception(error)


@st.cache_resource(show_spinner=False)
def _worker() -> Worker:
    return Worker()


@st.cache_resource(show_spinner=False)
def _results() -> tuple[LRUCache, threading.Lock]:
    return LRUCache(BYTES_KEPT, getsizeof=_bytes), threading.Lock()


def _bytes(result: object) -> int:
    """What a result weighs: its arrays and texts, and a little for everything else."""
    if isinstance(result, np.ndarray):
        return result.nbytes
    if isinstance(result, tuple | list):
        return sum(_bytes(part) for part in result)
    if is_dataclass(result):
        return 256 + sum(_bytes(getattr(result, part.name)) for part in fields(result))
    return len(result) if isinstance(result, str) else 64


def computed(key: Hashable, work: Callable[[Progress], Result], label: str) -> Result:
    """`work`'s result, from the cache when `key` was computed before, else from the worker.

    After half a second a progress bar called `label` is shown. When the person changes something meanwhile, Streamlit
    leaves this function and the computation is cancelled.
    """
    results, lock = _results()
    with lock:
        if key in results:
            return results[key]
    progress = Progress()
    future = _worker().submit(lambda: work(progress))
    begin, place = time.monotonic(), st.empty()
    try:
        while True:
            try:
                result = future.result(timeout=0.1)
                break
            except NotYet:
                if time.monotonic() - begin > SHOWS_PROGRESS_AFTER:
                    _show(place, progress, label, time.monotonic() - begin)
    finally:
        progress.cancel.set()
        future.cancel()
        place.empty()
    with lock:
        if _bytes(result) <= BYTES_KEPT:
            results[key] = result
    return result


def _show(place, progress: Progress, label: str, seconds: float) -> None:
    if not progress.total:
        place.progress(0.0, text=f"{label} …")
        return
    share = min(progress.done / progress.total, 1.0)
    left = f", about {seconds * (1 - share) / share:.0f} s left" if share > 0.05 else ""
    place.progress(share, text=f"{label} … {share:.0%}{left}")


@st.cache_resource(max_entries=3, show_spinner=False)
def model(name: str) -> Esm2:
    """The model called `name`, loaded once for all sessions; it must be on this machine (see `needs_download`)."""
    loaded = load_model(name, allow_large=True, device="cuda" if torch.cuda.is_available() else "cpu")
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


def fetch(name: str) -> Esm2:
    """Downloads and loads a published model with a progress bar; `InputError` in one line when it cannot be had."""
    key = ("download", name, time.monotonic())
    return computed(
        key, lambda progress: load_model(name, allow_large=True, progress=progress.report), f"Fetching {name}"
    )
