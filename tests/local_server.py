"""A web server on this machine for tests: files by path, with the faults that real servers and networks have."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LONG_AGO = "Mon, 01 Jan 2024 00:00:00 GMT"


@dataclass
class LocalServer:
    """What is served (`files`), how badly, and every request that came, as (path with query, headers)."""

    files: Mapping[str, bytes]
    ranges: bool = True
    cut_after: int | None = None  # bytes of a body after which the connection is closed
    silent_after: int | None = None  # bytes of a body after which nothing more comes
    says_length: bool = True
    status: int = 200
    last_modified: str = LONG_AGO
    requests: list[tuple[str, Message]] = field(default_factory=list)
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append((handler.path, handler.headers))
        if handler.path not in self.files:
            return handler.send_error(404)
        body = self.files[handler.path]
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", "")) if self.ranges else None
        start = int(asked[1]) if asked else 0
        if asked and handler.headers.get("If-Unmodified-Since") and self.last_modified != LONG_AGO:
            return handler.send_error(412)
        if asked and start >= len(body):
            return handler.send_error(416)
        handler.send_response(206 if asked else self.status)
        if asked:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if self.says_length:
            handler.send_header("Content-Length", str(len(body) - start))
        handler.send_header("Last-Modified", self.last_modified)
        handler.end_headers()
        stops = [stop for stop in (self.cut_after, self.silent_after) if stop is not None]
        handler.wfile.write(body[start : start + stops[0] if stops else None])
        if self.silent_after is not None:
            handler.wfile.flush()
            self.closing.wait(10)


@contextmanager
def serving(files: Mapping[str, bytes]) -> Iterator[LocalServer]:
    """A running `LocalServer`, stopped at the end."""
    server = LocalServer(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(ConnectionError):  # the client has seen enough and left
                server.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        listener.shutdown()
        thread.join()
        listener.server_close()
