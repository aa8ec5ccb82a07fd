"""Files that are either whole or absent, whatever happens while they are written."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A place to write to; where nothing is raised it becomes `path` at the end, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as beside:
        part = Path(beside) / path.name
        yield part
        part.replace(path)


def write_whole(path: Path, text: str) -> None:
    """`text` as a file."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
