"""What the parts of `decide` share: the shape of a decision, the codes of a refused request, and what there
is to say of a venue's report whichever kind of order it is about.
"""

from typing import Any, Final

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.order import Execution, Order, Route
from oms.core.types import ExecType, OrdStatus, format_scaled

Events = list[ev.Event]
"""A decision: facts that hold together, in the order in which they are journaled and applied."""

TOO_LATE: Final = 0  # CxlRejReason(102)
UNKNOWN_ORDER: Final = 1
ALREADY_PENDING: Final = 3
DUPLICATE_CL_ORD_ID: Final = 6
OTHER: Final = 99


def accepted(order: Order, route: Route, command: cmd.VenueReport, now_ns: int) -> Events:
    """The venue has the order: its first word of it, whatever else it says."""
    events: Events = [ev.RouteAccepted(now_ns, order.order_id, route.route_id, command.venue_order_id)]
    if order.working == OrdStatus.PENDING_NEW:
        events.append(ev.OrderAccepted(now_ns, order.order_id, command.working_indicator))
    return events


def standing(executions: dict[str, Execution], exec_ref_id: str) -> str:
    """The execution that a bust or correction is about; empty if there is none.

    A venue may name one that it has corrected already: then the correction is meant.
    """
    found = executions.get(exec_ref_id)
    while found is not None and found.successor:
        exec_ref_id = found.successor
        found = executions.get(exec_ref_id)
    return exec_ref_id if found is not None and found.stands else ""


def unknown_trade(command: cmd.VenueReport, now_ns: int) -> Events:
    """An execution of what is not ours is answered: the venue has to know that nobody books it.

    *Source:* FIX 4.4 volume 4, DontKnowTrade: D is "no matching order".
    """
    if command.exec_type != ExecType.TRADE:
        return []
    return [
        ev.TradeUnknown(
            now_ns,
            command.venue,
            command.venue_order_id,
            command.exec_id,
            "D",
            command.symbol,
            command.side,
            command.last_qty,
            command.last_px,
            f"no order with ClOrdID {command.cl_ord_id}",
        )
    ]


def questioned(now_ns: int, order_id: int, command: Any, reason: str) -> ev.ReportQuestioned:
    """A venue's report contradicts itself or us. `order_id` is 0 if the order is not known."""
    facts = [f"ClOrdID {command.cl_ord_id}"]
    if isinstance(command, cmd.VenueReport):
        facts.append(f"ExecType {command.exec_type} OrdStatus {command.ord_status}")
        if command.last_qty:
            facts.append(f"{format_scaled(command.last_qty)} at {format_scaled(command.last_px)}")
    if command.text:
        facts.append(command.text)
    exec_id = command.exec_id if isinstance(command, cmd.VenueReport) else ""
    return ev.ReportQuestioned(now_ns, order_id, command.venue, reason, exec_id, ", ".join(facts))
