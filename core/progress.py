"""How far long work has come, and the way to stop it: one type for sweeps, experiments and downloads."""

import threading
from typing import Final

from core.errors import Cancelled


class Progress:
    """What long work says of itself while it runs; whoever waits for it may read this from another thread."""

    def __init__(self) -> None:
        self.done, self.total = 0, None
        self.so_far: object | None = None
        """What `show` was last given."""
        self._cancelled = threading.Event()

    def report(self, done: int, total: int | None) -> None:
        """Keeps that `done` of `total` is done (None: nobody knows how much there is).

        Raises `Cancelled` once `cancel` was called: work reports often, and stops here.
        """
        if self._cancelled.is_set():
            raise Cancelled(f"stopped after {done} of {total}")
        self.done, self.total = done, total

    def show(self, so_far: object) -> None:
        """Keeps what is found of the whole, frozen, for whoever draws it before the end."""
        self.so_far = so_far

    def cancel(self) -> None:
        """Makes the next report raise."""
        self._cancelled.set()

    def stretch(self, index: int, count: int) -> "Progress":
        """The progress of the `index`-th of `count` equally long stretches of the work."""
        return _Stretch(self, index, count)

    def part(self, what: str) -> "Progress":
        """The progress of one named part of the work; here, where no names are shown, the same."""
        return self


class _Stretch(Progress):
    def __init__(self, whole: Progress, index: int, count: int) -> None:
        super().__init__()
        self._whole, self._index, self._count = whole, index, count

    def report(self, done: int, total: int | None) -> None:
        if total is not None:
            self._whole.report(self._index * total + done, self._count * total)


class _Silent(Progress):
    """Nobody listens and nobody stops it, so that all work may share it."""

    def report(self, done: int, total: int | None) -> None:
        pass

    def show(self, so_far: object) -> None:
        pass

    def cancel(self) -> None:
        raise RuntimeError("this progress is shared by all work that nobody waits for: it can't be cancelled")


SILENT: Final[Progress] = _Silent()
