"""A progress that notes what it hears, and may be stopped by its first words."""

from typing import Any

from core.progress import Progress


class Heard(Progress):
    """Every report in `events`; the one numbered `stop_at` (from 1) is the last that work makes."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.events: list[tuple[int, int | None]] = []
        self.parts: list[str] = []
        self.shown: list[Any] = []
        self._stop_at = stop_at

    def part(self, what: str) -> "Heard":
        self.parts.append(what)
        return self

    def show(self, so_far: object) -> None:
        self.shown.append(so_far)
        super().show(so_far)

    def report(self, done: int, total: int | None) -> None:
        self.events.append((done, total))
        if len(self.events) == self._stop_at:
            self.cancel()
        super().report(done, total)
