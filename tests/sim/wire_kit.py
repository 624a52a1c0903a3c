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


class RawClient:
    """A session that does only what it is told to: no heartbeat, no resend, no logout of its own.

    `turn` is called while waiting, so that the other side can run in the same thread.
    """

    def __init__(self, port: int, turn: Callable[[], object], next_seq: int = 1) -> None:
        self._turn = turn
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self._socket.setblocking(False)
        self._parser = simplefix.FixParser()
        self.next_seq = next_seq
        self.received: list[simplefix.FixMessage] = []

    def send(self, msg_type: str, *pairs: tuple[int, object]) -> None:
        message = simplefix.FixMessage()
        for tag, value in ((8, "FIX.4.4"), (35, msg_type), (49, "OMS"), (56, "SIM"), (34, self.next_seq)):
            message.append_pair(tag, value)
        message.append_utc_timestamp(52)
        for tag, value in pairs:
            message.append_pair(tag, value)
        self.next_seq += 1
        self._socket.sendall(message.encode())

    def wait(self, done: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Receive until something holds. Raises TimeoutError."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._turn()
            try:
                self._parser.append_buffer(self._socket.recv(1 << 16))
            except BlockingIOError:
                time.sleep(0.0005)
            while (message := self._parser.get_message()) is not None:
                self.received.append(message)
            if done():
                return
            if time.monotonic() > deadline:
                raise TimeoutError([str(m) for m in self.received[-5:]])

    def of_type(self, msg_type: str) -> list[dict[str, str]]:
        """What came of a kind, as fields."""
        return [
            {tag.decode(): value.decode() for tag, value in message.pairs}
            for message in self.received
            if message.get(35) == msg_type.encode()
        ]

    def log_on(self) -> None:
        self.send("A", (98, 0), (108, 30))
        self.wait(lambda: bool(self.of_type("A")))

    def drop(self) -> None:
        """Close the socket as a killed process does."""
        self._socket.close()
