"""A scripted venue on `raw_fix.Peer`: the engine connects to it, the test says what it answers."""

import itertools
import socket

from tests.support.raw_fix import TIMEOUT_S, Body, Message, Peer, pairs_of, timestamp


class RawVenue(Peer):
    """Listens on 127.0.0.1:`port`. Nothing is answered by itself but the session layer."""

    def __init__(self, port: int, us: str = "SIM", them: str = "OMS", begin: str = "FIX.4.4") -> None:
        super().__init__(us, them, begin)
        self.port = port
        self._listener: socket.socket | None = None
        self._exec_ids = itertools.count(1)
        self._order_ids = itertools.count(1)

    def listen(self) -> "RawVenue":
        """Be there to be connected to."""
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._listener.settimeout(TIMEOUT_S)
        return self

    def accept(self) -> Message:
        """The engine's next connection and its Logon, not yet answered."""
        self.listen()
        assert self._listener is not None
        self.adopt(self._listener.accept()[0])
        asks, self.asks = self.asks, False  # A Logon is answered before anything is asked for.
        try:
            return self.wait_type("A")
        finally:
            self.asks = asks

    def log_on(self, more: Body = ()) -> Message:
        """The engine's next connection and its Logon, answered. What is missing is asked for."""
        logon = self.accept()
        self.send("A", [(98, 0), (108, logon[108]), *self.version(), *pairs_of(more)])
        if logon.seq >= self.next_in and self.asks:
            self.send("2", {7: self.next_in, 16: 0})
        if self.asks:
            self.catch_up()
        return logon

    def catch_up(self) -> None:
        """Read until the engine has asked whether everything was read, and has heard that it was."""
        self.wait(lambda m: m.type == "1" and str(m.get(112)).startswith("caught-up"))
        self.ping()

    def forget(self, count: int = 1) -> None:
        """Be as if the engine's last messages had never arrived."""
        self.next_in -= count

    def hang_up(self) -> None:
        """Close the connection and listen no more: the venue is down."""
        if self.is_open:
            self.drop()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    # -- answers ---------------------------------------------------------------------------------------------

    def exec_id(self) -> str:
        """An ExecID that was not used."""
        return f"X{next(self._exec_ids)}"

    def report(self, order: Message, exec_type: str, ord_status: str, **more: object) -> dict[int, object]:
        """Send an ExecutionReport(8) about what `order` (D, F, G or H) names; its body, to send it again."""
        body: dict[int, object] = {
            37: f"V-{order.get(41) or order[11]}",
            11: order[11],
            41: order.get(41),
            17: self.exec_id(),
            150: exec_type,
            39: ord_status,
            55: order[55],
            54: order[54],
            38: order.get(38),
            151: order.get(38) or 0,
            14: 0,
            6: 0,
            60: timestamp(),
        }
        body.update({int(name.removeprefix("t")): value for name, value in more.items()})
        self.send("8", body)
        return body

    def accept_order(self, order: Message, **more: object) -> dict[int, object]:
        """ExecType New."""
        return self.report(order, "0", "0", **more)

    def fill(self, order: Message, qty: int, price: object, cum: int, **more: object) -> dict[int, object]:
        """ExecType Trade. `cum` is CumQty after it."""
        left = int(order[38]) - cum
        what = {"t32": qty, "t31": price, "t14": cum, "t6": price, "t151": max(left, 0), **more}
        return self.report(order, "F", "1" if left > 0 else "2", **what)

    def cancel_reject(self, request: Message, ord_status: str = "0", reason: int = 0, **more: object) -> None:
        """OrderCancelReject(9)."""
        body: dict[int, object] = {
            37: f"V-{request[41]}",
            11: request[11],
            41: request[41],
            39: ord_status,
            434: "1" if request.type == "F" else "2",
            102: reason,
        }
        body.update({int(name.removeprefix("t")): value for name, value in more.items()})
        self.send("9", body)

    def quote(self, symbol: str, price: object) -> None:
        """A MarketDataSnapshotFullRefresh(W) with the last price: the engine's reference price."""
        self.send("W", [(55, symbol), (268, 1), (269, 2), (270, price), (271, 100)])
