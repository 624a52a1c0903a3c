"""The baseline: a polled QuickFIX acceptor that answers every NewOrderSingle(D) with an ExecutionReport(8),
no more.

    python -m bench.echo --port 9900 --store file --directory /tmp/echo --spin

It is what an engine on QuickFIX cannot be faster than: the session layer, one callback, one report. It is
written as sparingly as the engine itself: the message is copied out once as text, split once, answered by one
f-string through a message object that is kept. Settings, data dictionary included, are those that the
engine's sessions get.

Without `--spin` it sleeps in `epoll_wait` on QuickFIX's own descriptors as soon as a poll finds nothing, like
the engine with `spin_ms = 0`. Prints "ready" when it listens; runs until SIGTERM.
"""

import argparse
import os
import select
import signal
from pathlib import Path
from typing import Any, Final

import quickfix

from bench.cases import CLIENT, ENGINE, REPOSITORY
from oms.fix.sessions import read_settings, write_settings
from oms.fix.wire import fields
from oms.sim.fix_settings import bind_listener

SLEEP_S: Final = 0.01
"""The longest sleep: heartbeats go on. The engine's is the same."""


class Echo(quickfix.Application):
    """Answers orders as accepted."""

    def __init__(self) -> None:
        super().__init__()
        self.activity = 0
        self._message = quickfix.Message()
        self._session: Any = None

    def fromApp(self, message: Any, session_id: Any) -> None:
        """Answer one order."""
        self.activity += 1
        order = fields(message.toString())
        n = self.activity
        self._message.setString(
            f"35=8\x0137=E{n}\x0111={order['11']}\x0117=X{n}\x01150=0\x0139=0\x011={order['1']}\x01"
            f"55={order['55']}\x0154={order['54']}\x0138={order['38']}\x0140={order['40']}\x0144={order['44']}\x01"
            f"59={order['59']}\x01151={order['38']}\x0114=0\x016=0\x0160={order['60']}\x01",
            False,
        )
        self._session.send(self._message)

    def onLogon(self, session_id: Any) -> None:
        self.activity += 1
        self._session = quickfix.Session.lookupSession(session_id)

    def onCreate(self, session_id: Any) -> None: ...

    def onLogout(self, session_id: Any) -> None: ...

    def toAdmin(self, message: Any, session_id: Any) -> None: ...

    def fromAdmin(self, message: Any, session_id: Any) -> None:
        self.activity += 1

    def toApp(self, message: Any, session_id: Any) -> None: ...


def serve(port: int, store: str, directory: Path, spin: bool) -> None:
    """Answer orders until SIGTERM."""
    (section,) = (
        s for s in read_settings(REPOSITORY / "sessions" / "clients.cfg") if s["TargetCompID"] == CLIENT
    )
    assert section["SenderCompID"] == ENGINE
    settings = write_settings(
        [
            {
                **section,
                "ConnectionType": "acceptor",
                "SocketAcceptPort": str(port),
                "FileStorePath": str(directory),
            }
        ]
    )
    factory = quickfix.FileStoreFactory(settings) if store == "file" else quickfix.MemoryStoreFactory()
    echo = Echo()
    acceptor = quickfix.SocketAcceptor(echo, factory, settings)
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    acceptor.poll()
    bind_listener(port, "127.0.0.1")
    print("ready", flush=True)
    poll = acceptor.poll
    if spin:
        while not stopping:
            poll()
    sleeper = select.epoll()
    seen = -1
    while not stopping:
        poll()
        if echo.activity == seen:
            sleeper.poll(SLEEP_S)
        elif seen < 2:
            watch_sockets(sleeper)  # The session's descriptor is there from its logon on.
        seen = echo.activity


def watch_sockets(sleeper: select.epoll) -> None:
    """Wake up for every socket of this process."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                sleeper.register(int(name), select.EPOLLIN)
        except OSError:
            pass  # It was the directory's own descriptor, or is watched already.


def main() -> None:
    parser = argparse.ArgumentParser(description="A polled QuickFIX echo.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--store", choices=("file", "memory"), required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--spin", action="store_true")
    arguments = parser.parse_args()
    serve(arguments.port, arguments.store, arguments.directory, arguments.spin)


if __name__ == "__main__":
    main()
