"""A proxy on this machine that strips a prefix from the path, as jupyter-server-proxy does; websockets pass, too."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@contextmanager
def stripping(prefix: str, port: int, hidden: str = "") -> Iterator[str]:
    """The address under which the server at `port` is found below `prefix`; paths with `hidden` in them are not."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, prefix, port, hidden), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}{prefix}"


def _accept(listener: socket.socket, prefix: str, port: int, hidden: str) -> None:
    with suppress(OSError):  # closed at the end
        while True:
            browser, _ = listener.accept()
            threading.Thread(target=_serve, args=(browser, prefix, port, hidden), daemon=True).start()


def _serve(browser: socket.socket, prefix: str, port: int, hidden: str) -> None:
    with browser, suppress(OSError):
        head = b""
        while b"\r\n\r\n" not in head:
            received = browser.recv(65536)
            if not received:
                return
            head += received
        method, path, rest = head.split(b" ", 2)
        if not path.startswith(prefix.encode()) or (hidden and hidden.encode() in path):
            browser.sendall(NOT_FOUND)
            return
        if b"upgrade: websocket" not in rest.lower():  # one request for each connection
            rest = re.sub(rb"(?i)\r\nConnection: [^\r]*", b"\r\nConnection: close", rest, count=1)
        with socket.create_connection(("127.0.0.1", port)) as server:
            server.sendall(b" ".join((method, b"/" + path[len(prefix) :].lstrip(b"/"), rest)))
            threading.Thread(target=_pass_on, args=(browser, server), daemon=True).start()
            _pass_on(server, browser)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while received := source.recv(65536):
            target.sendall(received)
        target.shutdown(socket.SHUT_WR)
