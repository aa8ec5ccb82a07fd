"""Files that a person gives, or that a session file brought back."""

import secrets
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.errors import InputError
from dashboard import engine
from dashboard.session import plain

MAX_UPLOAD_BYTES = 5 * 2**20
BROUGHT_BACK: Final = "files"
"""The address's parameter that says which files a session file brought."""
KEYS: Final = ("file", "structure file", "b_file", "b_structure file", "set file", "variant file")
"""Of the places whose files a session file keeps."""


class Upload(msgspec.Struct, frozen=True):
    """A file's name and what is in it."""

    name: str
    data: bytes


def upload(label: str, key: str, place: DeltaGenerator | None = None, **look: Any) -> Upload | None:
    """Draws a place for a file, `key` being one of `KEYS`; the file there, or the one that a session file brought back,
    or None.

    `InputError` for a file that is too large.
    """
    file = (place or st).file_uploader(label, key=key, **look)
    if file is not None:
        return Upload(file.name, checked_upload(file))
    kept = _brought_back().get(key)
    if kept is not None:
        (place or st).caption(f":material/attach_file: {plain(kept.name)}, from the session file")
    return kept


def uploads() -> dict[str, Upload]:
    """Every file that `upload` holds on this page, by its key."""
    given = {key: st.session_state.get(key) for key in KEYS}
    own = {key: Upload(file.name, file.getvalue()) for key, file in given.items() if file is not None}
    return _brought_back() | own


def bring_back(files: Mapping[str, Upload]) -> dict[str, list[str]]:
    """The address's parameter with which these files are there again, as long as this server runs; none for none."""
    if not files:
        return {}
    name = secrets.token_urlsafe(12)  # whoever knows it sees the files
    engine.kept((BROUGHT_BACK, name), lambda: dict(files))
    return {BROUGHT_BACK: [name]}


def _brought_back() -> dict[str, Upload]:
    return engine.known((BROUGHT_BACK, st.query_params.get(BROUGHT_BACK))) or {}


def checked_upload(file: UploadedFile) -> bytes:
    """The bytes of an upload; `InputError` when there are too many (a widget's own limit binds the browser alone)."""
    if file.size > MAX_UPLOAD_BYTES:
        megabytes, most = file.size / 2**20, MAX_UPLOAD_BYTES / 2**20
        raise InputError(f"{file.name} has {megabytes:.1f} MB: at most {most:.0f} MB are read")
    return file.getvalue()
