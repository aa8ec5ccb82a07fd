"""A CSV file that a run writes as it goes, and a resumed run goes on with."""

import csv
from pathlib import Path
from typing import Any


class CsvLog:
    """A CSV file that grows by rows."""

    def __init__(self, path: Path):
        self.path = path

    def cut(self, step: int) -> None:
        """Forget what came after a step: a resumed run writes it again."""
        if not self.path.exists():
            return
        with self.path.open(newline="") as file:
            kept = [row for row in csv.DictReader(file) if int(row["step"]) <= step]
        self.path.unlink()
        for row in kept:
            self.write(**row)

    def write(self, **row: Any) -> None:
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, row)
            if new:
                writer.writeheader()
            writer.writerow(row)
