"""ListStatus(N): how the orders of a list stand, and why a list or a request about one is refused. Pure.

One message tells of some of the list's orders, in one group that ends the text. What is refused before any
order is known still needs an entry, since the group is required: it is of an order NONE.

ListRejectReason(1386) is written in any case: the writers of the versions that lack it leave it out.

*Source:* FIX 4.4 volume 4, List Status; FIX 5.0 SP2 for ListRejectReason.
"""

from typing import Final

from oms.core import events as ev
from oms.core.order import ENDED, Order, ord_status
from oms.core.order_list import OrderList
from oms.core.state import State
from oms.core.types import ListMember, ListOrderStatus, ListStatusType, OrdStatus, average_px
from oms.core.types import format_scaled as dec
from oms.fix.wire import SOH, utc_timestamp

_NONE: Final = "NONE"


def list_status_reported(event: ev.ListStatusReported, seq: int, state: State) -> tuple[str, str]:
    found = state.lists[event.session_id, event.list_id]
    entries = [_entry(state, found, place) for place in range(event.first, event.first + event.number)]
    return event.session_id, _list_status(
        event, event.list_status_type, event.list_order_status, "", event.total, entries
    )


def list_denied(event: ev.ListDenied | ev.ListRequestDenied, seq: int, state: State) -> tuple[str, str]:
    entries = [_refused(state, event, cl_ord_id) for cl_ord_id in event.cl_ord_ids or (_NONE,)]
    is_list = bool(event.cl_ord_ids)
    return event.session_id, _list_status(
        event,
        ListStatusType.ACK if is_list else ListStatusType.RESPONSE,
        ListOrderStatus.REJECT,
        f"1386={event.list_reject_reason}\x01",
        event.total or len(entries),
        entries,
    )


def _list_status(
    event: ev.ListStatusReported | ev.ListDenied | ev.ListRequestDenied,
    list_status_type: str,
    list_order_status: str,
    reason: str,
    total: int,
    entries: list[str],
) -> str:
    text = f"444={event.text.replace(SOH, ' ')}\x01" if event.text else ""
    is_last = "Y" if event.rpt_seq == event.no_rpts else "N"
    fragment = f"893={is_last}\x01" if event.no_rpts > 1 else ""
    return (
        f"35=N\x0166={event.list_id}\x01429={list_status_type}\x0182={event.no_rpts}\x01"
        f"431={list_order_status}\x01{reason}83={event.rpt_seq}\x01{text}60={utc_timestamp(event.at_ns)}\x01"
        f"68={total}\x01{fragment}73={len(entries)}\x01{''.join(entries)}"
    )


def _entry(state: State, found: OrderList, place: int) -> str:
    if place < len(found.order_ids):
        return _of_order(state.orders[found.order_ids[place]])
    return _of_member(found.members[place])


def _of_order(order: Order) -> str:
    """CxlQty(84) is what was open when the order ended; of a rejected order nothing ever was."""
    rejected = order.working == OrdStatus.REJECTED
    canceled = max(order.order_qty - order.cum_qty, 0) if order.working in ENDED and not rejected else 0
    why = f"103={order.ord_rej_reason}\x01" if rejected else ""
    if rejected and order.reason:
        why += f"58={order.reason.replace(SOH, ' ')}\x01"
    return (
        f"11={order.cl_ord_id}\x0114={dec(order.cum_qty)}\x0139={ord_status(order)}\x01"
        f"151={dec(order.leaves_qty)}\x0184={dec(canceled)}\x01"
        f"6={dec(average_px(order.cum_notional, order.cum_qty))}\x01{why}"
    )


def _of_member(member: ListMember) -> str:
    """One that is no order yet."""
    return (
        f"11={member.cl_ord_id}\x0114=0\x0139={OrdStatus.PENDING_NEW}\x01"
        f"151={dec(member.order_qty)}\x0184=0\x016=0\x01"
    )


def _refused(state: State, event: ev.ListDenied | ev.ListRequestDenied, cl_ord_id: str) -> str:
    """One that was refused with its list; if an order has its id already, that one as it stands, as in the
    answer to a second order of that id. *Source:* FIX order state matrix F.1.a.
    """
    order = state.find(event.session_id, cl_ord_id)
    if order is not None:
        return _of_order(order)
    return (
        f"11={cl_ord_id}\x0114=0\x0139={OrdStatus.REJECTED}\x01151=0\x0184=0\x016=0\x01"
        f"103={event.list_reject_reason}\x01"
    )
