"""A simulator's local socket: one line of words in, one JSON object out.

    phase closing
    {"ok": true, "said": "closing"}

A Unix socket with mode 0600: who may open it is who may run the simulator. Looked at between turns, so that a
command never comes in the middle of a message.
"""

import contextlib
import errno
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

_MAX_LINE: Final = 4096
_MAX_PATH: Final = 107


class Control:
    """Listens at `path`; `tell(words, now_ns)` does what is said, or raises ValueError."""

    def __init__(self, path: Path, tell: Callable[[str, int], str]) -> None:
        """Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if len(os.fsencode(path)) > _MAX_PATH:
            raise OSError(errno.ENAMETOOLONG, "too long for a socket's name", str(path))
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise OSError(errno.EADDRINUSE, "another simulator listens here", str(path))
        path.unlink(missing_ok=True)
        self._path = path
        self._tell = tell
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        os.chmod(path, 0o600)
        self._listener.listen(8)
        self._listener.setblocking(False)
        self._clients: dict[socket.socket, bytes] = {}

    def turn(self, now_ns: int) -> None:
        """Serve what has come."""
        with contextlib.suppress(BlockingIOError):
            client, _ = self._listener.accept()
            client.setblocking(False)
            self._clients[client] = b""
        for client in list(self._clients):
            self._serve(client, now_ns)

    def close(self) -> None:
        """Stop listening and remove the socket."""
        for client in (*self._clients, self._listener):
            client.close()
        self._path.unlink(missing_ok=True)

    def _serve(self, client: socket.socket, now_ns: int) -> None:
        try:
            part = client.recv(_MAX_LINE)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        *lines, rest = (self._clients[client] + part).split(b"\n")
        with contextlib.suppress(OSError):
            for line in lines:
                client.sendall(json.dumps(self._answer(line, now_ns)).encode() + b"\n")
        if part and len(rest) <= _MAX_LINE:
            self._clients[client] = rest
        else:
            del self._clients[client]
            client.close()

    def _answer(self, line: bytes, now_ns: int) -> dict[str, object]:
        try:
            return {"ok": True, "said": self._tell(line.decode("ascii"), now_ns)}
        except ValueError as error:
            return {"ok": False, "error": str(error)}


def ask(path: Path, words: str, timeout_s: float = 5.0) -> dict[str, object]:
    """Tell a running simulator something. Raises OSError if none listens."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout_s)
        client.connect(str(path))
        client.sendall(words.replace("\n", " ").encode() + b"\n")
        with client.makefile("rb") as answers:
            answer = answers.readline()
    if not answer:
        raise OSError("the simulator hung up")
    found: dict[str, object] = json.loads(answer)
    return found
