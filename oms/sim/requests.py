"""Cancels and replaces: what a broker does when something is asked of an order that it has.

A request names any accepted ClOrdID of the order's chain. It is accepted, then its own ClOrdID is the
order's; or it is refused, then that id is spent. In between it may be reported as pending, or wait.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace as copy_of

from oms.core.types import CxlRejResponseTo, ExecType, OrdStatus, OrdType, TimeInForce, parse_scaled
from oms.fix.tags import MsgType
from oms.sim.macros import Macro, Message, response_to
from oms.sim.profile import FIX42
from oms.sim.reports import ENDED, VenueOrder, cancel_reject, status_of
from oms.sim.terms import OTHER, TERM_TAGS

if TYPE_CHECKING:
    from oms.sim.broker import Broker

TOO_LATE: Final = 0  # CxlRejReason(102)
UNKNOWN_ORDER: Final = 1
DUPLICATE_REQUEST: Final = 6

REPLACED: Final = "5"  # OrdStatus(39) of FIX 4.2

_NEVER_REST: Final = (TimeInForce.IOC, TimeInForce.FOK)


class Requests:
    """The requests of one broker."""

    def __init__(self, broker: "Broker") -> None:
        self._broker = broker
        self.waiting: dict[str, tuple[VenueOrder, Message]] = {}  # without their answer, by ClOrdID

    def cancel(self, message: Message, now_ns: int) -> None:
        """OrderCancelRequest(F)."""
        broker = self._broker
        broker.stats["cancels"] += 1
        order = self._requested(message, CxlRejResponseTo.CANCEL, now_ns)
        if order is not None and (
            order.script is None or not order.script.request(broker, order, message, now_ns)
        ):
            self._work_cancel(order, message, now_ns)

    def replace(self, message: Message, now_ns: int) -> None:
        """OrderCancelReplaceRequest(G)."""
        broker = self._broker
        broker.stats["replaces"] += 1
        order = self._requested(message, CxlRejResponseTo.REPLACE, now_ns)
        if order is not None and (
            order.script is None or not order.script.request(broker, order, message, now_ns)
        ):
            self._work_replace(order, message, now_ns)

    def answer_by(self, script: Macro, message: Message, now_ns: int) -> None:
        """Have a macro answer a cancel or a replace."""
        broker = self._broker
        kind = "cancels" if message["35"] == MsgType.ORDER_CANCEL_REQUEST else "replaces"
        broker.stats[kind] += 1
        order = self._requested(message, response_to(message), now_ns)
        if order is not None and not script.request(broker, order, message, now_ns):
            self.work(order, message, now_ns)

    def work(self, order: VenueOrder, message: Message, now_ns: int) -> None:
        """Do what a request asks for, or refuse it."""
        if message["35"] == MsgType.ORDER_CANCEL_REQUEST:
            self._work_cancel(order, message, now_ns)
        else:
            self._work_replace(order, message, now_ns)

    def _work_cancel(self, order: VenueOrder, message: Message, now_ns: int) -> None:
        broker = self._broker
        if not order.leaves_qty:
            self.refuse(message, order, CxlRejResponseTo.CANCEL, TOO_LATE, "too late to cancel", now_ns)
            return
        if broker.profile.pending_cancel and not order.pending:
            self.report_pending(order, message, now_ns)
        orig_cl_ord_id = self._accept_request(order, message)
        broker.end(order, "", now_ns, orig_cl_ord_id)

    def _work_replace(self, order: VenueOrder, message: Message, now_ns: int) -> None:
        broker = self._broker
        wrong = self._wrong_replace(order, message, now_ns)
        if wrong is None and broker.paced:
            wrong = broker.too_fast(now_ns)
        if wrong is not None:
            self.refuse(message, order, CxlRejResponseTo.REPLACE, *wrong, now_ns)
            return
        if broker.profile.pending_replace and not order.pending:
            self.report_pending(order, message, now_ns)
        orig_cl_ord_id = self._accept_request(order, message)
        order.order_qty = max(parse_scaled(message["38"]), order.cum_qty)
        if order.limit is not None:
            order.price = parse_scaled(message["44"])
        if order.terms is not None or not message.keys().isdisjoint(TERM_TAGS):
            order.terms = broker.checker.terms_of_replace(message, order, order.order_qty)
            broker.checker.wrong(broker.exchange.instruments[order.symbol], order, now_ns)
        if broker.profile.version == FIX42:
            order.idle_status = REPLACED
        order.ord_status = status_of(order)
        broker.report(order, ExecType.REPLACED, now_ns, orig_cl_ord_id=orig_cl_ord_id)
        if not (order.off_book or order.suspended):
            broker.exchange.replace(order, now_ns)

    def _wrong_replace(self, order: VenueOrder, message: Message, now_ns: int) -> tuple[int, str] | None:
        """Why an order cannot be replaced so, as (CxlRejReason, text)."""
        broker = self._broker
        instrument = broker.exchange.instruments[order.symbol]
        try:
            order_qty = parse_scaled(message["38"])
            price = parse_scaled(message["44"]) if message["40"] in (OrdType.LIMIT, OrdType.STOP_LIMIT) else 0
            odd = order.terms is not None or not message.keys().isdisjoint(TERM_TAGS)
            new_qty = max(order_qty, order.cum_qty)
            terms = broker.checker.terms_of_replace(message, order, new_qty) if odd else None
        except (KeyError, ValueError) as error:
            return OTHER, f"quantity or price: {error}"
        if order.ord_status in ENDED:
            return TOO_LATE, "too late to replace"
        if message["40"] != order.ord_type:
            return OTHER, "OrdType cannot be changed"
        if order_qty <= 0 or order_qty % instrument.lot_size:
            return OTHER, "quantity is not a positive multiple of the lot"
        if order.limit is not None and not instrument.on_tick(price):
            return OTHER, "price is not on a tick"
        if odd:
            changed = copy_of(order, order_qty=new_qty, price=price, terms=terms)
            wrong = broker.checker.wrong(instrument, changed, now_ns)
            if wrong is not None:
                return OTHER, wrong[1]
        filled = not order.leaves_qty
        # A filled order may grow, but only as what it was: a resting order at its price.
        rests = order.ord_type == OrdType.LIMIT and order.time_in_force not in _NEVER_REST
        if filled and not (rests and order_qty > order.cum_qty and price == order.price):
            return TOO_LATE, "too late to replace: filled"
        return None

    def _requested(self, message: Message, response_to: str, now_ns: int) -> VenueOrder | None:
        """The order a request means; None if it was refused or is not to be answered."""
        broker = self._broker
        order = broker.known.get(message["41"])
        cl_ord_id = message["11"]
        if cl_ord_id in broker.known or cl_ord_id in broker.refused_ids or cl_ord_id in self.waiting:
            broker.stats["duplicate_requests"] += 1
            text = cancel_reject(message, order, response_to, DUPLICATE_REQUEST, "duplicate ClOrdID", now_ns)
            broker.answer(order, text, now_ns)
            return None
        if order is None:
            self.refuse(message, None, response_to, UNKNOWN_ORDER, "unknown order", now_ns)
            return None
        if message["55"] != order.symbol or message["54"] != order.side:
            self.refuse(message, order, response_to, OTHER, "Symbol or Side is not that of the order", now_ns)
            return None
        return order

    def refuse(
        self,
        message: Message,
        order: VenueOrder | None,
        response_to: str,
        cxl_rej_reason: int,
        text: str,
        now_ns: int,
    ) -> None:
        """Refuse a cancel or a replace."""
        broker = self._broker
        broker.stats["requests_rejected"] += 1
        broker.refused_ids.add(message["11"])
        if broker.store is not None:
            broker.store.refuse(message["11"])
        if order is not None:
            order.pending = ""
        broker.answer(order, cancel_reject(message, order, response_to, cxl_rej_reason, text, now_ns), now_ns)

    def report_pending(self, order: VenueOrder, message: Message, now_ns: int) -> None:
        """Say that a request has come."""
        cancels = message["35"] == MsgType.ORDER_CANCEL_REQUEST
        order.pending = OrdStatus.PENDING_CANCEL if cancels else OrdStatus.PENDING_REPLACE
        exec_type = ExecType.PENDING_CANCEL if cancels else ExecType.PENDING_REPLACE
        self._broker.report(order, exec_type, now_ns, cl_ord_id=message["11"], orig_cl_ord_id=order.cl_ord_id)

    def wait_with(
        self,
        order: VenueOrder,
        message: Message,
        after_ms: int,
        now_ns: int,
        call: Callable[["Broker", VenueOrder, Message, int], None],
    ) -> None:
        """Answer a request later, by `call`."""
        self.waiting[message["11"]] = order, message
        self._broker.later(after_ms, now_ns, self._answer_waiting, message["11"], call)

    def _answer_waiting(self, cl_ord_id: str, call: Callable[..., None], now_ns: int) -> None:
        found = self.waiting.pop(cl_ord_id, None)
        if found is not None:
            call(self._broker, *found, now_ns)

    def _accept_request(self, order: VenueOrder, message: Message) -> str:
        """Make the request's ClOrdID the order's. Returns the one it had."""
        orig_cl_ord_id = order.cl_ord_id
        order.cl_ord_ids.append(message["11"])
        order.pending = ""
        self._broker.known[message["11"]] = order
        return orig_cl_ord_id
