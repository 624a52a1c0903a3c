"""The manual desk: a venue inside the engine whose orders are worked by people, by telephone.

An order that is sent to it is acknowledged at once, since the desk has it; what becomes of it is entered by
one person and approved by another: fills, and busts of fills that were entered. Both names and the reason
stand in the journal with the input, and every ExecID of the desk begins with MANUAL, so that no such fill is
taken for a venue's. What a client asks for (a cancel, a change) is done at once: who has an order in hand
must look before he deals, and what was dealt all the same is entered after it and booked.

Nothing is kept here. After a restart `restore` answers what is unanswered, from the engine's state.
"""

from collections.abc import Callable
from typing import Any, Final

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.order import Order, Route
from oms.core.state import State
from oms.core.types import (
    CxlRejResponseTo,
    ExecType,
    OrdStatus,
    Px,
    Qty,
    format_scaled,
    parse_scaled,
)

NAME: Final = "desk"
EXEC_ID: Final = "MANUAL"


class ManualDesk:
    """Answers the routes of `state` that people work, through `submit(command)`."""

    def __init__(self, state: State, submit: Callable[[cmd.Command], None]) -> None:
        self._state = state
        self._submit = submit

    def deliver(self, event: ev.Event) -> None:
        """Take one route event and answer it."""
        if isinstance(event, ev.OrderRouted | ev.CancelRouted | ev.ReplaceRouted):
            route = self._state.orders[event.order_id].route(event.route_id)
            kinds = {ev.CancelRouted: ExecType.CANCELED, ev.ReplaceRouted: ExecType.REPLACED}
            self._answer(route, event.cl_ord_id, kinds.get(type(event), ExecType.NEW))

    def work(self) -> None:
        """Nothing is left to do: people do it."""

    def restore(self) -> None:
        """Answer what a restart found unanswered."""
        for order in self._state.open_orders():
            for route in order.routes:
                if route.venue != NAME:
                    continue
                if route.working == OrdStatus.PENDING_NEW:
                    self._answer(route, route.cl_ord_id, ExecType.NEW)
                for request in list(route.requests):
                    is_cancel = request.response_to == CxlRejResponseTo.CANCEL
                    kind = ExecType.CANCELED if is_cancel else ExecType.REPLACED
                    self._answer(route, request.cl_ord_id, kind)

    def _answer(self, route: Route, cl_ord_id: str, exec_type: str) -> None:
        if route.ended and exec_type != ExecType.NEW:
            self._submit(
                cmd.VenueCancelReject(NAME, cl_ord_id, route.cl_ord_id, cxl_rej_reason=0, text="too late")
            )
            return
        status = OrdStatus.CANCELED if exec_type == ExecType.CANCELED else OrdStatus.NEW
        self._submit(
            cmd.VenueReport(NAME, cl_ord_id, exec_type, status, f"{EXEC_ID}-{cl_ord_id}", route.cl_ord_id)
        )


# -- what people enter ---------------------------------------------------------------------------------------


def entered(state: State, asked: dict[str, Any], at: str) -> cmd.VenueReport:
    """A fill or a bust that a person entered, as the desk's report. `at` makes its ExecID.

    `asked`: do (fill, bust), order (its number), who, approved_by, why; qty and price; or exec_id. Raises
    ValueError.
    """
    words = {name: str(asked.get(name, "")) for name in ("who", "approved_by", "why")}
    for name, word in words.items():
        if not word or not word.isprintable() or not word.isascii():
            raise ValueError(f"{name} must be given, in printable ASCII")
    if words["who"] == words["approved_by"]:
        raise ValueError(f"{words['who']} cannot approve what {words['who']} entered")
    order, route = _route_at_desk(state, str(asked.get("order", "")))
    text = f"{asked['do']} entered by {words['who']}, approved by {words['approved_by']}: {words['why']}"
    exec_id = f"{EXEC_ID}-{order.order_id}-{at}"
    if asked["do"] == "bust":
        ref = str(asked.get("exec_id", ""))
        execution = route.executions.get(ref)
        if execution is None or not execution.stands:
            known = ", ".join(id for id, x in route.executions.items() if x.stands) or "none"
            raise ValueError(
                f"exec_id {ref!r} is no execution of order {order.order_id} that stands: {known}"
            )
        return _report(route, ExecType.TRADE_CANCEL, exec_id, text, exec_ref_id=ref)
    qty, px = parse_scaled(str(asked.get("qty", ""))), parse_scaled(str(asked.get("price", "")))
    if qty <= 0 or px <= 0:
        raise ValueError("qty and price must be greater than 0")
    if qty > route.leaves_qty:
        left = format_scaled(route.leaves_qty)
        raise ValueError(f"{format_scaled(qty)} is more than the desk has left of the order, {left}")
    return _report(route, ExecType.TRADE, exec_id, text, last_qty=Qty(qty), last_px=Px(px))


def _report(route: Route, exec_type: str, exec_id: str, text: str, **more: Any) -> cmd.VenueReport:
    return cmd.VenueReport(
        NAME, route.cl_ord_id, exec_type, OrdStatus.NEW, exec_id, route.cl_ord_id, text=text, **more
    )


def _route_at_desk(state: State, number: str) -> tuple[Order, Route]:
    order = state.orders.get(int(number)) if number.isdigit() else None
    if order is None:
        raise ValueError(f"order {number!r} is not known")
    for route in reversed(order.routes):
        if route.venue == NAME:
            return order, route
    raise ValueError(f"order {number} is not with the desk")
