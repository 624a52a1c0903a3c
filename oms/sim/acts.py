"""What a scenario, or a person, has a broker do to an order now: each a table with `do` and its parameters.

A macro (`macros.py`) says what will become of an order from its beginning on; an act happens once, to an
order that is there.
"""

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from oms.core.types import parse_scaled
from oms.sim import interventions as on
from oms.sim.macros import Share
from oms.sim.tables import Count, Percent, Table

if TYPE_CHECKING:
    from oms.sim.broker import Broker
    from oms.sim.reports import VenueOrder


class Act(Table, frozen=True, tag_field="do"):
    """What is common: nothing but the way to do it."""

    def now(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        """Do it."""
        raise NotImplementedError


class Enter(Act, frozen=True, tag="enter"):
    """Put an order that was kept off the book into it."""

    def now(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        if order.off_book:
            order.off_book = False
            broker.enter(order, now_ns)


class Fill(Act, frozen=True, tag="fill"):
    """Execute a share of what is open, or so much."""

    percent: Share = 100
    qty: str = ""
    px: str = ""  # by default the limit, or the reference price

    def __post_init__(self) -> None:
        for text in (self.qty, self.px):
            parse_scaled(text or "0")

    def now(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        qty = parse_scaled(self.qty) if self.qty else on.share(broker, order, self.percent)
        on.execute_open(broker, order, qty, now_ns, parse_scaled(self.px or "0"))


class Bust(Act, frozen=True, tag="bust"):
    """Take the last execution back."""

    reopen: bool = True

    def now(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        on.bust_last(broker, order, self.reopen, now_ns)


class Correct(Act, frozen=True, tag="correct"):
    """Correct the last execution: a share of its quantity, and its price by so many ticks."""

    to_percent: Share = 100
    ticks: int = 0

    def now(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        on.correct_last(broker, order, self.to_percent, self.ticks, now_ns)


class Cancel(Act, frozen=True, tag="cancel"):
    """Cancel it, unasked."""

    text: str = "canceled by the broker"
    reason: Annotated[int, msgspec.Meta(ge=0)] | None = None  # ExecRestatementReason(378)

    def now(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        on.cancel_unasked(broker, order, self.text, self.reason, now_ns)


class Reject(Act, frozen=True, tag="reject"):
    """Reject it, though it was acknowledged."""

    reason: Count = 0  # OrdRejReason(103)
    text: str = "rejected by the broker"

    def now(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        broker.reject(order, self.reason, self.text, now_ns)


class Expire(Act, frozen=True, tag="expire"):
    """Its time is up."""

    def now(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        broker.expire(order, now_ns)


class Suspend(Act, frozen=True, tag="suspend"):
    """Take it off the market for some time."""

    def now(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        on.suspend(broker, order, now_ns)


class GoOn(Act, frozen=True, tag="go_on"):
    """End that."""

    def now(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        on.go_on(broker, order, now_ns)


class Restate(Act, frozen=True, tag="restate"):
    """Leave so much of it open, unasked."""

    percent: Percent = 50
    reason: Count = 5  # ExecRestatementReason(378): partial decline of OrderQty

    def now(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        on.restate(broker, order, self.percent, self.reason, now_ns)


class Forget(Act, frozen=True, tag="forget"):
    """Know nothing of it any more."""

    def now(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        on.forget(broker, order, now_ns)


class Repeat(Act, frozen=True, tag="repeat"):
    """Send the last report about it again."""

    def now(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        broker.repeat_last(order, now_ns)


class Disconnect(Act, frozen=True, tag="disconnect"):
    """End the session, and take no logon for so long."""

    how: Literal["drop", "logout"] = "drop"
    for_ms: Count = 1_000

    def now(self, broker: "Broker", order: "VenueOrder", now_ns: int) -> None:
        on.disconnect(broker, self.how, self.for_ms, now_ns)


AnyAct = (
    Enter | Fill | Bust | Correct | Cancel | Reject | Expire | Suspend | GoOn | Restate | Forget | Repeat
    | Disconnect
)  # fmt: skip

NAMES: dict[str, type[Act]] = {kind.__struct_config__.tag: kind for kind in AnyAct.__args__}
