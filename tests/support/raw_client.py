"""A buy-side client on `raw_fix.Peer`: logs on to the engine, asks for orders, reads reports."""

import itertools
import socket
import time
from collections.abc import Sequence
from decimal import Decimal

from tests.support.raw_fix import TIMEOUT_S, Body, Message, Peer, timestamp

_ids = itertools.count(1)


class RawClient(Peer):
    """A client of the engine at 127.0.0.1:`port`. One object may log on again and again."""

    def __init__(
        self,
        port: int,
        us: str = "CLIENT1",
        them: str = "OMS",
        account: str = "MAIN1",
        begin: str = "FIX.4.4",
    ) -> None:
        super().__init__(us, them, begin)
        self.port = port
        self.account = account

    # -- logging on ------------------------------------------------------------------------------------------

    def connect(self) -> "RawClient":
        """A TCP connection, and nothing more. An engine that is just starting is waited for."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                self.adopt(socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S))
                return self
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def logon_body(self, heart_bt_int: int = 30, more: Body = ()) -> list[tuple[int, object]]:
        """Logon(A)'s body."""
        extra = more.items() if isinstance(more, dict) else more
        return [(98, 0), (108, heart_bt_int), *self.version(), *extra]

    def log_on(self, heart_bt_int: int = 30, more: Body = ()) -> Message:
        """Connect, Logon, and its answer; what is missing is asked for."""
        self.connect()
        self.send("A", self.logon_body(heart_bt_int, more))
        return self.wait_type("A")

    def reset(self) -> Message:
        """Log on with ResetSeqNumFlag: both sides start from 1."""
        self.next_out = 1
        self.sent.clear()
        return self.log_on(more={141: "Y"})

    # -- orders ----------------------------------------------------------------------------------------------

    def new_id(self) -> str:
        """A ClOrdID that no test has used."""
        return f"C{next(_ids)}"

    def order_body(
        self, symbol: str, side: str, qty: object, price: object = None, **more: object
    ) -> dict[int, object]:
        """NewOrderSingle(D)'s body: limit if it has a price, else at the market. `more` is t59="3"."""
        body: dict[int, object] = {
            11: self.new_id(),
            1: self.account,
            55: symbol,
            54: side,
            38: qty,
            40: 1 if price is None else 2,
            44: price,
            60: timestamp(),
        }
        if self.begin == "FIX.4.2":
            body[21] = 1
        body.update(_tags(more))
        return body

    def order(self, symbol: str, side: str, qty: object, price: object = None, **more: object) -> str:
        """Send an order; its ClOrdID."""
        body = self.order_body(symbol, side, qty, price, **more)
        self.send("D", body)
        return str(body[11])

    def cancel(self, orig_cl_ord_id: str, symbol: str, side: str, **more: object) -> str:
        """Send an OrderCancelRequest(F); its ClOrdID."""
        body = {11: self.new_id(), 41: orig_cl_ord_id, 55: symbol, 54: side, 60: timestamp(), **_tags(more)}
        self.send("F", body)
        return str(body[11])

    def replace(
        self, orig_cl_ord_id: str, symbol: str, side: str, qty: object, price: object, **more: object
    ) -> str:
        """Send an OrderCancelReplaceRequest(G); its ClOrdID."""
        body = {41: orig_cl_ord_id, **self.order_body(symbol, side, qty, price, **more)}
        self.send("G", body)
        return str(body[11])

    def status(self, cl_ord_id: str, symbol: str, side: str, **more: object) -> None:
        """Send an OrderStatusRequest(H)."""
        self.send("H", {11: cl_ord_id, 55: symbol, 54: side, **_tags(more)})

    # -- lists of orders -------------------------------------------------------------------------------------

    def list_body(
        self,
        list_id: str,
        orders: Sequence[dict[int, object]],
        kind: object = 1,
        total: int = 0,
        first: int = 1,
        more: Sequence[tuple[int, object]] = (),
    ) -> list[tuple[int, object]]:
        """NewOrderList(E)'s body, of orders as `order_body` makes them; `first` is the first's ListSeqNo."""
        body: list[tuple[int, object]] = [(66, list_id), (394, 3), (433, kind), (68, total or len(orders))]
        body += [*more, (73, len(orders))]
        for number, order in enumerate(orders, first):
            body += [(11, order[11]), (67, number), *((t, v) for t, v in order.items() if t != 11)]
        return body

    def new_list(self, list_id: str, *orders: dict[int, object], kind: object = 1) -> list[str]:
        """Send a whole list; the ClOrdIDs of its orders."""
        self.send("E", self.list_body(list_id, orders, kind))
        return [str(order[11]) for order in orders]

    def ask_list(self, msg_type: str, list_id: str) -> None:
        """Send a ListExecute(L), a ListCancelRequest(K) or a ListStatusRequest(M)."""
        self.send(msg_type, {66: list_id, 60: None if msg_type == "M" else timestamp()})

    # -- reports ---------------------------------------------------------------------------------------------

    def take_all(self, count: int) -> list[Message]:
        """The next so many application messages."""
        return [self.take() for _ in range(count)]

    def seen(self, count: int, *tags: int) -> list[tuple[str | None, ...]]:
        """The next so many application messages, each as the values of these tags."""
        return [values(message, tags) for message in self.take_all(count)]


def values(message: Message, tags: Sequence[int]) -> tuple[str | None, ...]:
    """A message as the values of these tags; None where there is no such field."""
    return tuple(message.get(tag) for tag in tags)


def text(number: Decimal) -> str:
    """A decimal as the engine writes it: without zeros at the end."""
    plain = f"{number:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _tags(named: dict[str, object]) -> dict[int, object]:
    return {int(name.removeprefix("t")): value for name, value in named.items()}
