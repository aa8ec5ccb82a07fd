"""A session as a file: the page, all choices and the files that were given, to be opened again later or elsewhere."""

import json
from typing import Final, Literal

import msgspec

from core.errors import InputError
from dashboard.controls.uploads import Upload
from dashboard.link import Link

KIND: Final = "plmscope session"


class Session(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a session file holds; uploads are base64 in JSON."""

    kind: Literal["plmscope session"]
    version: Literal[1]
    page: str
    choices: dict[str, list[str]]
    uploads: dict[str, Upload] = {}


def written(page: str, choices: Link, uploads: dict[str, Upload]) -> bytes:
    """The session as JSON."""
    lists = {name: [value] if isinstance(value, str) else list(value) for name, value in choices.items()}
    return msgspec.json.format(msgspec.json.encode(Session(KIND, 1, page, lists, uploads)), indent=1)


def read(name: str, data: bytes, pages: frozenset[str]) -> Session:
    """The session in a file called `name`; `InputError` for a file that is none, or whose page isn't one of `pages`."""
    try:
        found = json.loads(data)
    except ValueError:
        raise InputError(f"{name} is no session file: it isn't JSON") from None
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise InputError(f"{name} is no session file: its kind isn't '{KIND}'")
    if found.get("version") != 1:
        raise InputError(f"{name} is a session file of version {found.get('version')}: this plmscope reads version 1")
    try:
        session = msgspec.convert(found, Session)
    except msgspec.ValidationError as error:
        raise InputError(f"{name} is not a whole session file: {error}") from None
    if session.page not in pages:
        raise InputError(f"{name} opens the page '{session.page}', which this plmscope doesn't have")
    return session
