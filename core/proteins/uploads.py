"""Files that people give, as a name and bytes: words to show from the one, text of bounded size from the other."""

import codecs
import gzip
import io
import zlib
from pathlib import PurePosixPath
from typing import Final

from core.errors import InputError

MAX_TEXT_BYTES: Final = 50_000_000
"""The most that a file may unpack to: a small .gz can hold gigabytes."""

MAX_NAME_LENGTH: Final = 80

_NO_TEXT: Final = {
    b"PK\x03\x04": "a zip archive or an office document: give the file in it, as text",
    b"%PDF": "a PDF: give the text in it",
    b"BZh": "packed with bzip2: unpack it, or pack it with gzip",
    b"\xfd7zXZ": "packed with xz: unpack it, or pack it with gzip",
    b"7z\xbc\xaf": "a 7z archive: unpack it",
}
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def upload_text(name: str, data: bytes, *, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """The text in `data`, unpacked when it is gzip, whatever it is called.

    Raises `InputError` for an empty file, a broken .gz, more than `max_bytes` of text, and bytes that are no text.
    """
    shown = upload_name(name)
    if data.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(io.BytesIO(data)) as file:
                data = file.read(max_bytes + 1)
        except (OSError, EOFError, zlib.error):
            raise InputError(f"{shown} is not a whole .gz file") from None
    if len(data) > max_bytes:
        raise InputError(f"{shown} holds more than the {max_bytes:,} bytes of text that are read")
    kind = next((kind for start, kind in _NO_TEXT.items() if data.startswith(start)), None)
    if kind is not None:
        raise InputError(f"{shown} is {kind}")
    if data.startswith(_UTF_16):
        data = data.decode("utf-16", errors="replace").encode()
    if b"\x00" in data:
        raise InputError(f"{shown} is not a text file")
    text = data.decode("utf-8-sig", errors="replace")
    if not text.strip():
        raise InputError(f"{shown} is empty")
    return text


def upload_name(name: str) -> str:
    """What to call a file on a page: its last part, on one line, at most 80 characters; never a path to open."""
    return one_line(PurePosixPath(name.replace("\\", "/")).name) or "file"


def one_line(text: str) -> str:
    """The printable characters of `text` on one line, cut with an ellipsis after 80."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= MAX_NAME_LENGTH else line[: MAX_NAME_LENGTH - 1] + "…"
