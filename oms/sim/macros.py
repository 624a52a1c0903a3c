"""Macros: what a broker does with an order, or with a request about one, besides what is right and proper.

A macro is a table with `do`, its name, and what it may be told; in a broker's profile also with what an order
has to be like to be dealt with that way (`rules.py` reads that). It has no state of its own: what is to come
stands in the schedule, what has come of an order in the order.

Two hooks. `start` is called for an order that was found in order, instead of acknowledging it and putting it
into the book. `request` is called for a cancel or replace of such an order, or for one that a scenario wants
answered so, and says whether it has dealt with it; if not, the request is worked as any other.

Most of them keep the order off the book, so that nothing but the macro happens to it; fills are then at its
limit, or at the reference price where it has none.
"""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec

from oms.core.types import CxlRejResponseTo, parse_scaled
from oms.sim import interventions as on
from oms.sim.tables import Count, Delay, Percent, Table, check_delay

if TYPE_CHECKING:
    from oms.sim.broker import Broker
    from oms.sim.reports import VenueOrder

Message = dict[str, str]
Share = Annotated[int, msgspec.Meta(ge=1, le=100)]


class Macro(Table, frozen=True, tag_field="do"):
    """What is common: which orders it is for. All that is given has to hold."""

    symbol: str = ""
    side: Literal["", "1", "2"] = ""
    account: str = ""
    cl_ord_id: str = ""  # its beginning
    min_qty: str = ""  # OrderQty from here
    max_qty: str = ""  # up to here
    nth: Count = 0  # of those that fit so far, only this one
    every: Count = 0  # of those that fit so far, every so many
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0

    for_orders: ClassVar[bool] = True
    for_requests: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for text in (self.min_qty, self.max_qty):
            parse_scaled(text or "0")
        check_delay("ack_ms", self.ack_delay)
        check_delay("fill_ms", self.fill_delay)

    def start(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        """Begin with an order. By default it goes its ordinary way."""
        broker.accept(order, now_ns)
        broker.enter(order, now_ns)

    def request(self, broker: "Broker", order: "VenueOrder", message: Message, now_ns: int) -> bool:
        """A cancel or a replace of the order has come. Whether that is dealt with."""
        return False

    # How the order's reports leave: see `delivery.py`.

    @property
    def answers(self) -> bool:
        """Whether anything is ever said of the order."""
        return True

    @property
    def ack_delay(self) -> Delay | None:
        """Instead of the profile's."""
        return None

    @property
    def fill_delay(self) -> Delay | None:
        """Instead of the profile's."""
        return None

    @property
    def repeats(self) -> tuple[int, int]:
        """(how often each report is sent again, after how many ms)."""
        return 0, 0

    @property
    def swaps_within_ms(self) -> int:
        """How long a report waits to be overtaken by the order's next; 0: it does not."""
        return 0


class Plain(Macro, frozen=True, tag="plain"):
    """Nothing special: an exception from the rules that follow."""

    for_requests: ClassVar[bool] = True


class Late(Macro, frozen=True, tag="late"):
    """Its reports take their time."""

    ack_ms: Delay = 0
    fill_ms: Delay = 0

    @property
    def ack_delay(self) -> Delay | None:
        return self.ack_ms

    @property
    def fill_delay(self) -> Delay | None:
        return self.fill_ms


class Duplicate(Macro, frozen=True, tag="duplicate"):
    """Each report about it comes again, with the same ExecID."""

    copies: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    after_ms: Count = 0

    @property
    def repeats(self) -> tuple[int, int]:
        return self.copies, self.after_ms


class OutOfOrder(Macro, frozen=True, tag="out_of_order"):
    """Of each two reports the second comes first: a fill before the acknowledgement."""

    within_ms: Annotated[int, msgspec.Meta(ge=1)] = 1_000  # a report with no successor goes out after this

    @property
    def swaps_within_ms(self) -> int:
        return self.within_ms


class Silent(Macro, frozen=True, tag="silent"):
    """It is never answered, nor is anything that is asked about it."""

    for_requests: ClassVar[bool] = True

    @property
    def answers(self) -> bool:
        return False

    def start(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        order.off_book = True

    def request(self, broker: "Broker", order: "VenueOrder", message: Message, now_ns: int) -> bool:
        return True


class Reject(Macro, frozen=True, tag="reject"):
    """It is rejected; with `after_ms` first acknowledged, if `acknowledge` says so."""

    reason: Count = 0  # OrdRejReason(103)
    text: str = "rejected by the broker"
    after_ms: Count = 0
    acknowledge: bool = False

    def start(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        order.off_book = True
        if self.acknowledge:
            broker.accept(order, now_ns)
        broker.later(self.after_ms, now_ns, broker.reject, order, self.reason, self.text)


class Disconnect(Macro, frozen=True, tag="disconnect"):
    """The session ends when it comes, and no logon is taken for some time.

    `answer`: it is acknowledged and worked "before" or "after" the connection is lost; "never": it is lost.
    """

    how: Literal["drop", "logout"] = "drop"
    answer: Literal["before", "after", "never"] = "before"
    after_ms: Count = 0
    for_ms: Count = 1_000

    def start(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        if self.answer == "before":
            super().start(broker, order, now_ns)
        elif self.answer == "never":
            on.forget(broker, order, now_ns)
        broker.later(self.after_ms, now_ns, on.disconnect, broker, self.how, self.for_ms)
        if self.answer == "after":
            broker.later(self.after_ms, now_ns, super().start, broker, order)


# -- requests ------------------------------------------------------------------------------------------------


class Refuse(Macro, frozen=True, tag="refuse"):
    """Requests about it are refused."""

    reason: Count = 2  # CxlRejReason(102)
    text: str = "refused by the broker"
    after_ms: Count = 0

    for_requests: ClassVar[bool] = True

    def request(self, broker: "Broker", order: "VenueOrder", message: Message, now_ns: int) -> bool:
        broker.requests.wait_with(order, message, self.after_ms, now_ns, self._refuse)
        return True

    def _refuse(self, broker: "Broker", order: "VenueOrder", message: Message, now_ns: int) -> None:
        broker.requests.refuse(message, order, response_to(message), self.reason, self.text, now_ns)


class Pending(Macro, frozen=True, tag="pending"):
    """Requests about it are reported as pending, and worked later."""

    after_ms: Count = 500

    for_requests: ClassVar[bool] = True

    def request(self, broker: "Broker", order: "VenueOrder", message: Message, now_ns: int) -> bool:
        broker.requests.report_pending(order, message, now_ns)
        broker.requests.wait_with(order, message, self.after_ms, now_ns, _work)
        return True


def _work(broker: "Broker", order: "VenueOrder", message: Message, now_ns: int) -> None:
    broker.requests.work(order, message, now_ns)


class Crossing(Macro, frozen=True, tag="crossing"):
    """It is executed while a cancel or a replace of it is on its way: the fill is reported first.

    What the request then means is decided as always: a cancel of what is filled is too late.
    """

    percent: Share = 100  # of the open quantity
    book: bool = False
    pending: bool = False  # the request is reported as pending before the fill

    for_requests: ClassVar[bool] = True

    def start(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        start_off_book(self.book, broker, order, now_ns)

    def request(self, broker: "Broker", order: "VenueOrder", message: Message, now_ns: int) -> bool:
        if self.pending and order.leaves_qty:
            broker.requests.report_pending(order, message, now_ns)
        on.execute_share(broker, order, self.percent, now_ns)
        broker.requests.work(order, message, now_ns)
        return True


def response_to(message: Message) -> str:
    """CxlRejResponseTo(434) for a request."""
    return CxlRejResponseTo.CANCEL if message["35"] == "F" else CxlRejResponseTo.REPLACE


# -- off the book --------------------------------------------------------------------------------------------


def start_off_book(book: bool, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
    """Acknowledge an order, and keep it off the book unless it may go there."""
    order.off_book = not book
    broker.accept(order, now_ns)
    if book:
        broker.enter(order, now_ns)


class Hold(Macro, frozen=True, tag="hold"):
    """It is acknowledged, and nothing more."""

    def start(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        start_off_book(False, broker, order, now_ns)


class Pieces(Macro, frozen=True, tag="pieces"):
    """It is filled in so many pieces, which are alike as far as the lot allows."""

    pieces: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 3
    percent: Share = 100  # of the order
    after_ms: Count = 0  # the first one
    every_ms: Count = 0  # each of the others after the one before

    def start(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        start_off_book(False, broker, order, now_ns)
        for n, qty in enumerate(on.pieces(broker, order, self.percent, self.pieces)):
            broker.later(self.after_ms + n * self.every_ms, now_ns, on.execute_open, broker, order, qty)


class Bust(Macro, frozen=True, tag="bust"):
    """It is filled, and the execution taken back later."""

    percent: Share = 100  # what is filled
    after_ms: Count = 100
    reopen: bool = True  # what was taken back is open again; else canceled

    def start(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        start_off_book(False, broker, order, now_ns)
        on.execute_share(broker, order, self.percent, now_ns)
        broker.later(self.after_ms, now_ns, on.bust_last, broker, order, self.reopen)


class Correct(Macro, frozen=True, tag="correct"):
    """It is filled, and the execution corrected later."""

    percent: Share = 100  # what is filled
    after_ms: Count = 100
    to_percent: Share = 50  # of the execution: its quantity is then this
    ticks: int = 0  # and its price so many ticks from what it was

    def start(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        start_off_book(False, broker, order, now_ns)
        on.execute_share(broker, order, self.percent, now_ns)
        broker.later(self.after_ms, now_ns, on.correct_last, broker, order, self.to_percent, self.ticks)


class Cancel(Macro, frozen=True, tag="cancel"):
    """It is canceled, and nobody has asked for that."""

    percent: Percent = 0  # what is filled before
    after_ms: Count = 0
    text: str = "canceled by the broker"
    reason: Annotated[int, msgspec.Meta(ge=0)] | None = None  # ExecRestatementReason(378)
    book: bool = False

    def start(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        start_off_book(self.book, broker, order, now_ns)
        on.execute_share(broker, order, self.percent, now_ns)
        broker.later(self.after_ms, now_ns, on.cancel_unasked, broker, order, self.text, self.reason)


class Suspend(Macro, frozen=True, tag="suspend"):
    """It is suspended, and goes on some time later."""

    after_ms: Count = 0
    for_ms: Count = 1_000  # 0: it does not go on
    book: bool = True

    def start(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        start_off_book(self.book, broker, order, now_ns)
        broker.later(self.after_ms, now_ns, on.suspend, broker, order)
        if self.for_ms:
            broker.later(self.after_ms + self.for_ms, now_ns, on.go_on, broker, order)


class Restate(Macro, frozen=True, tag="restate"):
    """Its quantity is cut, and nobody has asked for that."""

    after_ms: Count = 0
    percent: Percent = 50  # of the open quantity that is left
    reason: Count = 5  # ExecRestatementReason(378): partial decline of OrderQty
    book: bool = False

    def start(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        start_off_book(self.book, broker, order, now_ns)
        broker.later(self.after_ms, now_ns, on.restate, broker, order, self.percent, self.reason)


class Forget(Macro, frozen=True, tag="forget"):
    """It is acknowledged, and then unknown to the broker."""

    after_ms: Count = 0
    book: bool = False

    def start(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        start_off_book(self.book, broker, order, now_ns)
        broker.later(self.after_ms, now_ns, on.forget, broker, order)


AnyMacro = (
    Plain | Late | Duplicate | OutOfOrder | Silent | Reject | Disconnect | Refuse | Pending | Crossing | Hold
    | Pieces | Bust | Correct | Cancel | Suspend | Restate | Forget
)  # fmt: skip

NAMES: dict[str, type[Macro]] = {kind.__struct_config__.tag: kind for kind in AnyMacro.__args__}
