"""Where measurements run: this machine's processes, or a Dask cluster. One protein is one task, on one thread."""

import functools
import hashlib
import os
import sys
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, as_completed, wait
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import torch

from core.answers.survey import Failure, Measure
from core.errors import InputError
from core.model import Model, load_model
from core.source_digest import source_digest

ATTEMPTS: Final = 3
"""How often a task is tried when the worker under it dies."""


@dataclass(frozen=True, slots=True)
class Task:
    """One measurement of one subject, as data: everything a worker needs besides the code."""

    measure: Measure
    model: str
    fingerprint: str
    code: str
    subject: object
    settings: tuple[tuple[str, object], ...]


class Workers(ABC):
    """Somewhere to compute tasks; closed at the end of a `with` block."""

    @abstractmethod
    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, str | Failure]]:
        """Every task in the order they finish, with its table as CSV text or with its failure."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Processes(Workers):
    """`count` processes of this machine, each with the model loaded once."""

    def __init__(self, count: int) -> None:
        if count < 1:
            raise InputError(f"at least one worker is needed, not {count}")
        self.count = count
        self._stack = ExitStack()
        self._idle: list[ProcessPoolExecutor] = []

    def close(self) -> None:
        # Waiting for those with nothing to do takes no time, and the interpreter may not end while they are ending.
        for process in self._idle:
            process.shutdown(wait=True)
        self._stack.close()

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, str | Failure]]:
        """Each process is a pool of its own, so that when one dies it is known which task it had."""
        queue = deque((task, 1) for task in tasks)
        running: dict[Future[str | Failure], tuple[ProcessPoolExecutor, Task, int]] = {}
        while queue or running:
            while queue and len(running) < self.count:
                process = self._idle.pop() if self._idle else self._start()
                task, attempt = queue.popleft()
                running[process.submit(carry_out, task)] = process, task, attempt
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                process, task, attempt = running.pop(future)
                try:
                    outcome = future.result()
                except BrokenExecutor:
                    if attempt < ATTEMPTS:
                        queue.append((task, attempt + 1))
                    else:
                        yield task, Failure(f"its worker died {ATTEMPTS} times")
                else:
                    self._idle.append(process)
                    yield task, outcome

    def _start(self) -> ProcessPoolExecutor:
        process = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_end_with_parent)
        self._stack.callback(process.shutdown, wait=False, cancel_futures=True)
        return process


class Dask(Workers):
    """The workers of a running Dask cluster; each needs this project on its PYTHONPATH and the same weights."""

    def __init__(self, address: str) -> None:
        try:
            import distributed
            from distributed.comm.addressing import parse_address
            from distributed.comm.registry import get_backend
        except ImportError:
            raise InputError("--dask needs the package dask.distributed: pip install distributed") from None
        try:
            # first, because a client made with an unknown kind of address never closes
            _check_host_and_port(address)
            get_backend(parse_address(address)[0])
            self._client = distributed.Client(address, timeout="10s", set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(f"no Dask scheduler answers at '{address}': {error}") from None
        self._lost = distributed.KilledWorker

    def close(self) -> None:
        self._client.close()

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, str | Failure]]:
        """Dask itself moves the tasks of a dead worker to another one."""
        executor = self._client.get_executor(pure=False)
        futures = {executor.submit(carry_out, task): task for task in tasks}
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except self._lost as error:
                yield futures[future], Failure(f"its worker died too often: {error}")


def _check_host_and_port(address: str) -> None:
    """Raises `ValueError` for an address that isn't host:port or scheme://host:port."""
    place = address.rpartition("://")[2]
    parts = urlsplit(f"//{place}")
    if not (parts.hostname and parts.port and parts.netloc == place):
        raise ValueError("an address is a host and a port, such as tcp://10.0.0.1:8786")


def _end_with_parent() -> None:
    """Makes this worker exit when its parent is gone, however that ended: a killed run leaves no processes behind."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def carry_out(task: Task) -> str | Failure:
    """The task's table as CSV, whose shortest-digits floats read back exactly; runs inside a worker.

    On one thread, because sums split over threads round differently: tables must not depend on the machine's cores.
    """
    torch.set_num_threads(1)
    try:
        model = _model(task.model)
        if model.fingerprint != task.fingerprint:
            raise InputError(f"this worker's '{task.model}' has other weights ({model.fingerprint})")
        if code_digest(task.measure.__module__) != task.code:
            raise InputError(
                "this worker runs another version of plmscope or torch: run again (with Dask, restart workers first)"
            )
        return task.measure(model, task.subject, **dict(task.settings)).to_csv(index=False)
    except InputError as error:
        return Failure(str(error))


@functools.cache
def code_digest(module: str) -> str:
    """A hash of what numbers depend on besides data: this package's source, a measure's module, and torch."""
    digest = hashlib.sha256(source_digest().encode())
    digest.update(Path(str(sys.modules[module].__file__)).read_bytes())
    return digest.hexdigest()[:16]


@functools.lru_cache(maxsize=1)
def _model(name: str) -> Model:
    return load_model(name)
