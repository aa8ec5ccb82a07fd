"""Fetch a file over HTTP: resumed where it was cut, checked against its hash, and whole or not there at all."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import requests
from filelock import FileLock, Timeout

from core.errors import InputError
from core.progress import SILENT, Progress

CHUNK_BYTES: Final = 1 << 20
TIMEOUT_S: Final = 30.0
"""How long a server may stay silent, not how long a download may take."""

NOT_THE_REST: Final = (requests.codes.precondition_failed, requests.codes.requested_range_not_satisfiable)
"""Answers to a resume that say: the file has changed, or has fewer bytes than what arrived."""


def download(
    url: str,
    destination: Path,
    *,
    sha256: str | None = None,
    progress: Progress = SILENT,
    timeout: float = TIMEOUT_S,
    max_bytes: int | None = None,
) -> Path:
    """`destination`, holding the file at `url`.

    Bytes are collected in `destination` + ".part", from where a later call resumes, and moved into place at the end.
    `progress` hears of bytes; when it is cancelled, what arrived is kept. Raises `InputError` in one line: no network,
    not found, another answer than the file, cut connection (what arrived is kept), more than `max_bytes`, a wrong
    `sha256` (what arrived is removed), a file that cannot be written, or a download of the same file that is running.
    """
    part = destination.with_name(destination.name + ".part")
    by_hand = f"fetch it on another machine and put it at {destination}"
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{part}.lock", timeout=0):
            _fill(part, url, by_hand, progress, timeout, max_bytes)
            if sha256 is not None and (found := file_sha256(part)) != sha256.lower():
                part.unlink()
                raise InputError(f"{url} has the wrong SHA-256, so it was removed: {found} instead of {sha256}")
            part.replace(destination)
    except Timeout:
        raise InputError(f"{destination.name} is already being downloaded: wait for it to finish") from None
    except OSError as error:
        raise InputError(f"cannot write {destination}: {error.strerror or error}") from error
    return destination


def fetch(
    url: str, *, advice: str, timeout: float = TIMEOUT_S, max_bytes: int = 50_000_000, missing: str | None = None
) -> bytes:
    """The body of the answer at `url`, for answers small enough to hold in memory.

    `advice` says what to do without network; `missing` replaces the message for an address that does not exist.
    Raises `InputError` as `download` does.
    """
    body = bytearray()
    with _answer(url, {}, advice, timeout) as response:
        _refuse_failure(response, missing)
        for chunk in response.iter_content(CHUNK_BYTES):
            body += chunk
            _refuse_too_large(url, len(body), max_bytes)
    return bytes(body)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fill(part: Path, url: str, by_hand: str, progress: Progress, timeout: float, max_bytes: int | None) -> None:
    """Append to `part` what it still lacks of the file at `url`."""
    done = part.stat().st_size if part.exists() else 0
    # Bytes as they are on the server: a compressed answer could not be resumed by position.
    headers = {"Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
        headers["If-Unmodified-Since"] = formatdate(part.stat().st_mtime, usegmt=True)
    with _answer(url, headers, by_hand, timeout, f"what arrived is kept in {part}: try again to resume") as response:
        if done and response.status_code in NOT_THE_REST:
            part.unlink()
            return _fill(part, url, by_hand, progress, timeout, max_bytes)
        _refuse_failure(response)
        if response.status_code != requests.codes.partial_content:
            done = 0  # the server ignored the range and sends the whole file
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        _refuse_too_large(url, total or 0, max_bytes)
        with part.open("ab" if done else "wb") as file:
            progress.report(done, total)
            for chunk in response.iter_content(CHUNK_BYTES):
                _refuse_too_large(url, done + len(chunk), max_bytes)
                done += file.write(chunk)
                progress.report(done, total)


@contextmanager
def _answer(
    url: str, headers: dict[str, str], advice: str, timeout: float, resume: str = "try again"
) -> Iterator[requests.Response]:
    """The open answer of a server, with what goes wrong on the way turned into one line for a person."""
    host = urlsplit(url).netloc
    try:
        with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
            yield response
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
        raise InputError(f"not an http(s) address: {url}") from None
    except requests.exceptions.ChunkedEncodingError as error:
        raise InputError(f"the connection to {host} was cut; {resume}") from error
    except requests.exceptions.ReadTimeout as error:
        raise InputError(f"{host} has not answered for {timeout:g} s; {resume}") from error
    except requests.exceptions.ConnectionError as error:
        if "Read timed out" in str(error):  # requests' name for silence in the middle of a body
            raise InputError(f"{host} has not answered for {timeout:g} s; {resume}") from error
        raise InputError(f"no network, or {host} does not answer: {advice}") from error
    except requests.exceptions.RequestException as error:
        raise InputError(f"{host} sent an answer that cannot be read; {resume}") from error


def _refuse_failure(response: requests.Response, missing: str | None = None) -> None:
    if response.status_code in (requests.codes.not_found, requests.codes.gone):
        raise InputError(missing or f"not found (HTTP {response.status_code}): {response.url}")
    if not response.ok:
        raise InputError(f"{urlsplit(response.url).netloc} answered HTTP {response.status_code} to {response.url}")


def _refuse_too_large(url: str, n_bytes: int, max_bytes: int | None) -> None:
    if max_bytes is not None and n_bytes > max_bytes:
        raise InputError(f"{url} is larger than the {max_bytes:,} bytes that are allowed")
