"""Helpers for tests over real sockets: free ports, and a FIX client made of a socket and simplefix."""

import socket
import time
from collections.abc import Callable

import simplefix

from oms.core.types import SCALE, Px, Qty
from oms.sim.instruments import SimInstrument

LISTED = [SimInstrument(symbol, ((Px(0), Px(SCALE // 100)),), Qty(SCALE)) for symbol in ("AAA", "BBB", "CCC")]


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


ADMIN = frozenset((b"0", b"1", b"2", b"3", b"4", b"5", b"A"))


def fields_of(message: simplefix.FixMessage) -> dict[str, str]:
    """A message as fields; of a tag that repeats the last."""
    return {tag.decode(): value.decode() for tag, value in message.pairs}


class RawClient:
    """A session that does only what it is told to: no heartbeat, no resend, no logout of its own.

    `turn` is called while waiting, so that the other side can run in the same thread.
    """

    def __init__(
        self,
        port: int,
        turn: Callable[[], object],
        next_seq: int = 1,
        *,
        us: str = "OMS",
        them: str = "SIM",
        begin: str = "FIX.4.4",
    ) -> None:
        self._turn = turn
        self._us, self._them, self._begin = us, them, begin
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self._socket.setblocking(False)
        self._parser = simplefix.FixParser()
        self.next_seq = next_seq
        self.is_open = True
        self.received: list[simplefix.FixMessage] = []

    def send(self, msg_type: str, *pairs: tuple[int, object]) -> None:
        message = simplefix.FixMessage()
        head = ((8, self._begin), (35, msg_type), (49, self._us), (56, self._them), (34, self.next_seq))
        for tag, value in head:
            message.append_pair(tag, value)
        message.append_utc_timestamp(52)
        for tag, value in pairs:
            message.append_pair(tag, value)
        self.next_seq += 1
        self._socket.sendall(message.encode())

    def wait(self, done: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Receive until something holds. Raises TimeoutError, ConnectionError once the other side has closed."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._turn()
            try:
                part = self._socket.recv(1 << 16)
                self.is_open = bool(part)
                self._parser.append_buffer(part)
            except BlockingIOError:
                time.sleep(0.0005)
            except ConnectionError:
                self.is_open = False
            while (message := self._parser.get_message()) is not None:
                self.received.append(message)
            if done():
                return
            if not self.is_open:
                raise ConnectionError("the other side has closed the connection")
            if time.monotonic() > deadline:
                raise TimeoutError([str(m) for m in self.received[-5:]])

    def of_type(self, msg_type: str) -> list[dict[str, str]]:
        """What came of a kind, as fields."""
        return [fields_of(message) for message in self.received if message.get(35) == msg_type.encode()]

    def log_on(self) -> None:
        version = [(1137, 9)] if self._begin == "FIXT.1.1" else []
        before = len(self.of_type("A"))
        self.send("A", (98, 0), (108, 30), *version)
        self.wait(lambda: len(self.of_type("A")) > before)

    def application(self) -> list[dict[str, str]]:
        """What came that is no business of the session layer, as fields."""
        return [fields_of(m) for m in self.received if m.get(35) not in ADMIN]

    def drop(self) -> None:
        """Close the socket as a killed process does."""
        self._socket.close()
