"""The load generator: one FIX client on a raw socket, the same for everything that is measured over the wire.

    python -m bench.load --port 9900 --server-pid 4711 --ping 2000 --fill 500 --window 64 --saturated 5000
    --out FILE

It costs as little as a Python program can: orders are written, numbered and summed before the clock starts; a
report is recognised by two searches in its bytes; times go into arrays that exist already; the collector is
off while it measures. So that what is left is small and equal for all. It is a proper session all the same:
Logon and Logout, a TestRequest is answered, a Heartbeat is sent if it is due (both between blocks of orders,
which have their numbers already), and every order must be answered once and accepted.

Phases: a warm-up; *new*, one order outstanding, a limit that rests, from before `send` until the bytes of its
first report are here; *fill*, the same with market orders, until the report of the complete fill;
*saturated*, `window` orders outstanding, what is answered is replaced at once.

With `--spin` it asks the socket without pause; otherwise it sleeps in `recv`. Times are of `perf_counter_ns`,
in ns.
"""

import argparse
import gc
import os
import random
import socket
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.cases import CLIENT, ENGINE, framed, new_order_text, us_symbols
from oms.fix.wire import fields, readable, utc_timestamp

Nanoseconds = npt.NDArray[np.int64]

HEARTBEAT_S: Final = 30
PATIENCE_S: Final = 20.0
"""How long a report may take before the run is given up."""

BLOCK: Final = 500
"""How many orders get their numbers at once."""

_TRAILER: Final = b"\x0110="
_NEW: Final = b"\x01150=0\x01"
_FILLED: Final = b"\x0139=2\x01"
_REJECTED: Final = b"\x01150=8\x01"


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """Whole messages, and what is left over.

    >>> split(b"8=FIX.4.4\\x0135=0\\x0110=000\\x018=FIX")
    ([b'8=FIX.4.4\\x0135=0\\x0110=000\\x01'], b'8=FIX')
    """
    messages: list[bytes] = []
    start = 0
    while True:
        end = data.find(_TRAILER, start) + 8
        if end == 7 or end > len(data):
            return messages, data[start:]
        messages.append(data[start:end])
        start = end


class Session:
    """One FIX session as the initiator. Raises ConnectionError if the other side goes away."""

    def __init__(self, port: int, spin: bool) -> None:
        self.next_out = 1
        self.at_ns = 0  # when the last bytes came
        self._spin = spin
        self._rest = b""
        self._asked: list[str] = []  # TestReqIDs that are not answered yet
        self._sent_s = 0.0
        self._socket = _connected(port)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if spin:
            self._socket.setblocking(False)
        else:
            seconds = struct.pack("ll", int(PATIENCE_S), 0)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)

    # -- the session's own messages --------------------------------------------------------------------------

    def log_on(self) -> None:
        """Log on with sequence numbers from 1. Raises ConnectionError."""
        self._send_admin(f"35=A\x0198=0\x01108={HEARTBEAT_S}\x01141=Y\x01")
        self._expect(b"\x0135=A\x01")

    def log_out(self) -> None:
        """Log out and hang up."""
        self._send_admin("35=5\x01")
        self._expect(b"\x0135=5\x01")
        self._socket.close()

    def keep_alive(self) -> None:
        """Answer TestRequests, send a Heartbeat if it is due. Call between orders that have numbers."""
        for asked in self._asked:
            self._send_admin(f"35=0\x01112={asked}\x01")
        if time.monotonic() - self._sent_s > HEARTBEAT_S / 2:
            self._send_admin("35=0\x01")
        self._asked.clear()

    def _send_admin(self, text: str) -> None:
        now = utc_timestamp(time.time_ns())
        self.send(framed(text, CLIENT, ENGINE, self.next_out, now).encode(), 1)

    def _expect(self, kind: bytes) -> None:
        while True:
            data = self._receive()
            messages, self._rest = split(self._rest + data)
            if any(kind in message for message in messages):
                return

    # -- orders ----------------------------------------------------------------------------------------------

    def orders(self, texts: Sequence[str]) -> list[bytes]:
        """Whole messages from now on, in the order in which they must be sent."""
        at = utc_timestamp(time.time_ns())
        first = self.next_out
        return [framed(text, CLIENT, ENGINE, first + n, at).encode() for n, text in enumerate(texts)]

    def send(self, data: bytes, messages: int) -> None:
        """Send whole messages."""
        self.next_out += messages
        self._sent_s = time.monotonic()
        self._socket.sendall(data)

    def reports(self) -> list[bytes]:
        """The application messages that come next, at least one. `at_ns` is when their bytes were here."""
        while True:
            data = self._receive()
            messages, self._rest = split(self._rest + data if self._rest else data)
            found = [message for message in messages if b"\x0135=8\x01" in message[:24]]
            if len(found) != len(messages):
                self._administrative(messages)
            if found:
                return found

    def _administrative(self, messages: list[bytes]) -> None:
        for message in messages:
            found = fields(message.decode())
            if found["35"] == "1":
                self._asked.append(found["112"])
            elif found["35"] not in ("0", "8"):
                raise ConnectionError(f"unexpected: {readable(message.decode())}")

    def _receive(self) -> bytes:
        receive = self._socket.recv
        if self._spin:
            tries = 0
            while True:
                try:
                    data = receive(1 << 16)
                    break
                except BlockingIOError:
                    tries += 1
                    if tries & 0xFFFF == 0 and time.monotonic() - self._sent_s > PATIENCE_S:
                        raise ConnectionError(f"no answer within {PATIENCE_S:g} s") from None
        else:
            try:
                data = receive(1 << 16)
            except BlockingIOError:
                raise ConnectionError(f"no answer within {PATIENCE_S:g} s") from None
        self.at_ns = time.perf_counter_ns()
        if not data:
            raise ConnectionError("the server hung up")
        return data


def _connected(port: int) -> socket.socket:
    """A connection, as soon as somebody listens."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


# -- phases --------------------------------------------------------------------------------------------------


class Orders:
    """Order texts with ids that are used once."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._symbols = us_symbols()
        self._used = 0

    def resting(self, number: int) -> tuple[list[str], list[bytes]]:
        """Limit orders far from any market, and what their reports must contain."""
        return self._texts(number, lambda: f"{self._rng.randint(100, 900) / 100:.2f}")

    def market(self, number: int) -> tuple[list[str], list[bytes]]:
        """Market orders, which every venue here fills whole."""
        return self._texts(number, lambda: "")

    def _texts(self, number: int, price: Callable[[], str]) -> tuple[list[str], list[bytes]]:
        ids = [f"C{n}" for n in range(self._used, self._used + number)]
        self._used += number
        at = utc_timestamp(time.time_ns())
        texts = [
            new_order_text(id, self._rng.choice(self._symbols), "1", "100", at, price=price()) for id in ids
        ]
        return texts, [f"\x0111={id}\x01".encode() for id in ids]


def ping_pong(
    session: Session,
    orders: list[bytes],
    ids: list[bytes],
    complete: bytes,
    first: Nanoseconds,
    last: Nanoseconds,
) -> None:
    """One order outstanding. Fills in, per order, the time to its first report and to the `complete` one."""
    clock = time.perf_counter_ns
    for i, (order, id) in enumerate(zip(orders, ids, strict=True)):
        done = False
        started = clock()
        session.send(order, 1)
        while not done:
            for report in session.reports():
                if id not in report:
                    continue
                if not first[i]:
                    first[i] = session.at_ns - started
                if complete in report:
                    last[i] = session.at_ns - started
                    done = True
                elif _REJECTED in report:
                    raise ConnectionError(f"refused: {readable(report.decode())}")


def saturated(session: Session, orders: list[bytes], window: int) -> tuple[int, list[bytes]]:
    """`window` orders outstanding until all are answered. How long it took, in ns, and the reports."""
    reports: list[bytes] = []
    sent = min(window, len(orders))
    started = time.perf_counter_ns()
    session.send(b"".join(orders[:sent]), sent)
    while len(reports) < len(orders):
        found = session.reports()
        reports += found
        more = orders[sent : sent + len(found)]
        if more:
            session.send(b"".join(more), len(more))
            sent += len(more)
    return session.at_ns - started, reports


def cpu_ns(pid: int) -> int:
    """Processor time that a process has used, all threads, in ns.

    From the scheduler's own account where the kernel keeps one, else in ticks of 10 ms from /proc/PID/stat.
    """
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
    except FileNotFoundError:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def run(
    session: Session, pids: Sequence[int], ping: int, fill: int, window: int, number: int
) -> dict[str, Nanoseconds]:
    """All phases. Times in ns by name; `cpu_*` per order, one for each of the processes and our own last."""
    orders = Orders(seed=1)
    found: dict[str, Nanoseconds] = {}

    def phase(texts: list[str], ids: list[bytes], complete: bytes) -> tuple[Nanoseconds, Nanoseconds]:
        first, last = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.int64)
        for at in range(0, len(texts), BLOCK):
            block = slice(at, at + BLOCK)
            session.keep_alive()
            ping_pong(session, session.orders(texts[block]), ids[block], complete, first[block], last[block])
        return first, last

    def cpu() -> Nanoseconds:
        return np.array([*(cpu_ns(pid) for pid in pids), time.process_time_ns()], np.int64)

    phase(*orders.resting(max(ping // 4, 100)), _NEW)
    texts, ids = orders.resting(ping)
    before = cpu()
    found["new"], _ = phase(texts, ids, _NEW)
    found["cpu_new"] = (cpu() - before) // ping
    if fill:
        phase(*orders.market(max(fill // 4, 50)), _FILLED)
        texts, ids = orders.market(fill)
        before = cpu()
        found["fill_first"], found["fill"] = phase(texts, ids, _FILLED)
        found["cpu_fill"] = (cpu() - before) // fill
    saturated(session, session.orders(orders.resting(window * 4)[0]), window)
    texts, ids = orders.resting(number)
    session.keep_alive()
    messages = session.orders(texts)
    before = cpu()
    elapsed_ns, reports = saturated(session, messages, window)
    found["cpu_saturated"] = (cpu() - before) // number
    found["saturated"] = np.array([elapsed_ns, number], np.int64)
    _check(reports, ids)
    return found


def _check(reports: list[bytes], ids: list[bytes]) -> None:
    """Every order was accepted, once, in the order in which they were sent."""
    for report, id in zip(reports, ids, strict=True):
        if id not in report or _NEW not in report:
            raise ConnectionError(f"not the acceptance of {id!r}: {readable(report.decode())}")


def main() -> None:
    parser = argparse.ArgumentParser(description="A FIX load generator.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--server-pid", type=int, nargs="+", required=True)
    parser.add_argument("--ping", type=int, default=2000)
    parser.add_argument("--fill", type=int, default=0)
    parser.add_argument("--window", type=int, default=64)
    parser.add_argument("--saturated", type=int, default=5000)
    parser.add_argument("--spin", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    session = Session(arguments.port, arguments.spin)
    session.log_on()
    gc.disable()
    found = run(
        session,
        arguments.server_pid,
        arguments.ping,
        arguments.fill,
        arguments.window,
        arguments.saturated,
    )
    session.log_out()
    np.savez(arguments.out, allow_pickle=False, **found)


if __name__ == "__main__":
    main()
