"""Lists of orders: what clients ask of them, and each next step of one. Part of `decide`.

A list is taken as a whole or refused as a whole (`ListDenied`): its counts, its numbers and its ids have to
agree, and what it asks for has to be something that is done here. Its members are orders like any others: one
that a control denies is denied alone.

Every answer about a list that is known is a ListStatus(N) of how it stands. It is due first (`ListStatusDue`)
and then told in steps (`ListStatusReported`), each of at most `MOST_TOLD` orders. ListStatusType(429) is
the acknowledgement of E, the response to M and K, execution started after L, an alert where orders could not
go, all done when none of them may execute any more.

What could not go when the list was executed (its venue is down, trading is halted, a control refuses it by
now) waits on, and the client is alerted: it may replace or cancel it, or send ListExecute(L) once more.

*Source:* FIX 4.4 volume 4, list trading: New Order List, List Status, its ListOrderStatus(431).
"""

from collections.abc import Iterator
from typing import Final

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.controls import Denial
from oms.core.decision import Events
from oms.core.order import Order
from oms.core.order_list import IMMEDIATE, WAITS, OrderList
from oms.core.requests import asked, cancels, denied, first_route, received, venue_unreachable
from oms.core.state import State
from oms.core.strategies import ask_of
from oms.core.types import CxlRejResponseTo, ListOrderStatus, ListStatusType

MOST_ORDERS: Final = 10_000
"""How many orders a list may have."""

MOST_TOLD: Final = 100
"""How many orders one ListStatus(N) tells of."""

MOST_CANCELED: Final = 16
"""How many orders of a list are canceled in one step."""

DISCLOSED: Final = "2"  # BidType(394)

UNKNOWN: Final = 5  # ListRejectReason(1386), which has the codes of OrdRejReason(103)
DUPLICATE: Final = 6
UNSUPPORTED: Final = 11
OTHER: Final = 99

_CANCELED: Final = "canceled with its list"

# -- a new list ----------------------------------------------------------------------------------------------


def new_list(state: State, command: cmd.NewList, now_ns: int) -> Events:
    key = (command.session_id, command.list_id)
    found = state.lists.get(key)
    ids = [member.cl_ord_id for member in command.members]
    if command.poss_resend and found is not None and _has_come(found, ids):
        profile = state.profiles.get(command.session_id)
        if profile is not None and profile.poss_resend == "ignore":
            return []
        return [ev.ListStatusDue(now_ns, *key, ListStatusType.RESPONSE, "")]
    if found is not None and (found.is_complete or found.refused):
        text = f"ListID {command.list_id} has been used"
        if found.refused:
            text += f", for a list that was refused: {found.refused}"
        return _request_denied(command, DUPLICATE, text, now_ns, ids)
    wrong = _wrong(found, command)
    if wrong is not None:
        before = [member.cl_ord_id for member in found.members] if found is not None else []
        return _denied(command, *wrong, now_ns, [*before, *ids])
    return [ev.ListReceived(now_ns, *key, command.total, command.list_exec_inst_type, command.members)]


def _has_come(found: OrderList, ids: list[str]) -> bool:
    """Whether the members of a message that may be a repetition are there already."""
    if found.refused:
        return False
    return found.is_complete or {member.cl_ord_id for member in found.members}.issuperset(ids)


def _wrong(found: OrderList | None, command: cmd.NewList) -> tuple[int, str] | None:
    """Why a list, or the next fragment of one, cannot be taken: ListRejectReason(1386) and words."""
    unsupported = command.unsupported
    if command.bid_type == DISCLOSED:
        unsupported = f"BidType {command.bid_type}: no bids are made here"
    elif command.list_exec_inst_type not in ("", IMMEDIATE, WAITS):
        unsupported = f"ListExecInstType {command.list_exec_inst_type}: {IMMEDIATE} and {WAITS} are known"
    if unsupported:
        return UNSUPPORTED, f"not supported: {unsupported}"
    total = command.total
    before = found.members if found is not None else []
    if not 0 < total <= MOST_ORDERS:
        return OTHER, f"TotNoOrders {total} is not between 1 and {MOST_ORDERS}"
    if found is not None and total != found.total:
        return OTHER, f"TotNoOrders {total} was {found.total} in an earlier fragment"
    if found is not None and command.list_exec_inst_type != found.list_exec_inst_type:
        return OTHER, "ListExecInstType is not that of an earlier fragment"
    come = len(before) + len(command.members)
    if not command.members or come > total:
        return OTHER, f"{come} of {total} orders have come"
    if command.last_fragment == "Y" and come < total:
        return OTHER, f"the last fragment has come, and {come} of {total} orders"
    numbers = {member.list_seq_no for member in before}
    ids = {member.cl_ord_id for member in before}
    for member in command.members:
        if not 0 < member.list_seq_no <= total or member.list_seq_no in numbers:
            return OTHER, f"ListSeqNo {member.list_seq_no} comes twice or is not between 1 and {total}"
        if member.cl_ord_id in ids:
            return DUPLICATE, f"ClOrdID {member.cl_ord_id} comes twice"
        numbers.add(member.list_seq_no)
        ids.add(member.cl_ord_id)
    return None


# -- requests about a list -----------------------------------------------------------------------------------


def execute_list(state: State, command: cmd.ExecuteList, now_ns: int) -> Events:
    found = state.lists.get((command.session_id, command.list_id))
    if found is None or found.refused:
        return _unknown(command, found, now_ns)
    why_not = ""
    if not found.is_complete:
        why_not = "the list is not complete"
    elif found.canceled:
        why_not = "the list is canceled"
    elif found.is_taken and not state.open_members[found.key]:
        why_not = "all is done"
    elif found.execute:
        why_not = "the list is executed already"
    if why_not:
        return [ev.ListStatusDue(now_ns, *found.key, ListStatusType.RESPONSE, why_not)]
    return [ev.ListExecuted(now_ns, *found.key)]


def cancel_list(state: State, command: cmd.CancelList, now_ns: int) -> Events:
    """Cancels always pass. One more looks once more at what the one before could not reach."""
    found = state.lists.get((command.session_id, command.list_id))
    if found is None or found.refused:
        return _unknown(command, found, now_ns)
    if not found.is_complete:
        ids = [member.cl_ord_id for member in found.members]
        return _denied(command, OTHER, "canceled before all of it had come", now_ns, ids)
    if found.is_taken and not state.open_members[found.key]:
        return [ev.ListStatusDue(now_ns, *found.key, ListStatusType.RESPONSE, "all is done")]
    return [ev.ListCanceled(now_ns, *found.key)]


def request_list_status(state: State, command: cmd.RequestListStatus, now_ns: int) -> Events:
    found = state.lists.get((command.session_id, command.list_id))
    if found is None or found.refused:
        return _unknown(command, found, now_ns)
    text = "" if found.is_complete else f"{found.come} of {found.total} orders have come"
    return [ev.ListStatusDue(now_ns, *found.key, ListStatusType.RESPONSE, text)]


def _unknown(
    command: cmd.ExecuteList | cmd.CancelList | cmd.RequestListStatus, found: OrderList | None, now_ns: int
) -> Events:
    if found is None:
        return _request_denied(command, UNKNOWN, f"no list with ListID {command.list_id}", now_ns, [])
    return _request_denied(command, OTHER, f"the list was refused: {found.refused}", now_ns, [])


_Of = cmd.NewList | cmd.ExecuteList | cmd.CancelList | cmd.RequestListStatus | cmd.WorkList


def _denied(command: _Of, reason: int, text: str, now_ns: int, ids: list[str]) -> Events:
    parts = [ids[first : first + MOST_TOLD] for first in range(0, len(ids), MOST_TOLD)] or [[]]
    return [
        ev.ListDenied(
            now_ns,
            command.session_id,
            command.list_id,
            reason,
            text,
            len(ids),
            n,
            len(parts),
            tuple(part),
        )
        for n, part in enumerate(parts, 1)
    ]


def _request_denied(command: _Of, reason: int, text: str, now_ns: int, ids: list[str]) -> Events:
    return [
        ev.ListRequestDenied(
            now_ns,
            denial.session_id,
            denial.list_id,
            reason,
            text,
            denial.total,
            denial.rpt_seq,
            denial.no_rpts,
            denial.cl_ord_ids,
        )
        for denial in _denied(command, reason, text, now_ns, ids)
        if isinstance(denial, ev.ListDenied)
    ]


def undecided(command: cmd.Command, now_ns: int, text: str) -> Events:
    """What becomes of a list that a defect of ours keeps from going on; nothing for any other command."""
    if isinstance(command, cmd.WorkList):
        return _denied(command, OTHER, text, now_ns, [])
    if isinstance(command, cmd.NewList | cmd.ExecuteList | cmd.CancelList | cmd.RequestListStatus):
        ids = [member.cl_ord_id for member in command.members] if isinstance(command, cmd.NewList) else []
        return _request_denied(command, OTHER, text, now_ns, ids)
    return []


# -- the next step -------------------------------------------------------------------------------------------


def work_list(state: State, command: cmd.WorkList, now_ns: int) -> Events:
    """Tell what is to be told; else take the next member, cancel some, send the next, or say that all is
    done.
    """
    found = state.lists.get((command.session_id, command.list_id))
    if found is None or found.key not in state.lists_due:
        return []
    if found.telling:
        return [_next_report(state, found, now_ns)]
    if not found.is_taken:
        return _take_member(state, found, now_ns)
    if found.canceled and found.worked < found.total:
        return _cancel_some(state, found, now_ns)
    if found.execute and found.worked < found.total:
        return _send_next(state, found, now_ns)
    return [ev.ListStatusDue(now_ns, *found.key, ListStatusType.ALL_DONE, "")]


def _next_report(state: State, found: OrderList, now_ns: int) -> ev.ListStatusReported:
    telling = found.telling[0]
    total = telling.total or found.come
    return ev.ListStatusReported(
        now_ns,
        *found.key,
        telling.list_status_type,
        telling.list_order_status or list_order_status(state, found),
        telling.text,
        total,
        telling.told,
        min(total - telling.told, MOST_TOLD),
        telling.told // MOST_TOLD + 1,
        -(-total // MOST_TOLD),
    )


def list_order_status(state: State, found: OrderList) -> str:
    """ListOrderStatus(431) of a list that is not refused.

    *Source:* FIX 4.4 volume 4, List Status: an alert is for what the client has to attend to, as is a list
    that it has sent and of which orders were refused: until it says that the list is to be executed.
    """
    if found.is_taken and not state.open_members[found.key]:
        return ListOrderStatus.ALL_DONE
    if found.canceled:
        return ListOrderStatus.CANCELING
    if found.kept:
        return ListOrderStatus.ALERT
    if found.execute:
        return ListOrderStatus.EXECUTING
    return ListOrderStatus.ALERT if found.denied else ListOrderStatus.RECEIVED


def _take_member(state: State, found: OrderList, now_ns: int) -> Events:
    """The next member as an order: it waits here, or is denied. The last one acknowledges the list."""
    member = found.members[len(found.order_ids)]
    order_id = state.next_order_id
    ask = asked(
        state,
        cmd.NewOrder(
            found.session_id,
            member.cl_ord_id,
            member.account,
            member.symbol,
            member.side,
            member.order_qty,
            member.ord_type,
            member.price,
            member.time_in_force,
            terms=member.terms,
        ),
    )
    routed = first_route(state, ask, order_id, now_ns)
    events: Events
    if isinstance(routed, Denial) and (found.execute or routed.reason != "venue_down"):
        events = [denied(ask, order_id, routed, now_ns, found.list_id)]
    else:
        # That it could go is all that is asked here: it goes in a step of its own.
        events = [received(ask, order_id, now_ns, found.list_id)]
        if found.canceled:
            events.append(ev.OrderCanceled(now_ns, order_id, "", _CANCELED))
    if len(found.order_ids) + 1 == found.total:
        events.append(ev.ListStatusDue(now_ns, *found.key, ListStatusType.ACK, ""))
    return events


def _send_next(state: State, found: OrderList, now_ns: int) -> Events:
    """The next of its orders that waits goes to its venue, if every control still lets it pass."""
    place = found.worked
    while place < found.total and not state.orders[found.order_ids[place]].waits:
        place += 1
    events: Events = []
    kept, why = 0, ""
    if place < found.total:
        order = state.orders[found.order_ids[place]]
        place += 1
        routed = first_route(state, ask_of(order), order.order_id, now_ns)
        if isinstance(routed, Denial):
            kept, why = 1, f"{order.cl_ord_id}: {routed.reason}: {routed.text}"
        else:
            events += routed
    events.append(ev.ListWorked(now_ns, *found.key, place, kept, why))
    if place < found.total:
        return events
    kept += found.kept
    if kept:
        text = f"{kept} of {found.total} orders wait: {found.why_kept or why}"
        events.append(ev.ListStatusDue(now_ns, *found.key, ListStatusType.ALERT, text))
    elif found.asked:
        events.append(ev.ListStatusDue(now_ns, *found.key, ListStatusType.EXEC_STARTED, ""))
    return events


def _cancel_some(state: State, found: OrderList, now_ns: int) -> Events:
    place = min(found.worked + MOST_CANCELED, found.total)
    events: Events = []
    kept, why = 0, ""
    for order in _orders(state, found.order_ids[found.worked : place]):
        if order.ended:
            continue
        routed = cancels(state, order, now_ns, _CANCELED)
        events += routed
        unreachable = _unreachable(state, order) if not routed else None
        if unreachable is not None:
            kept += 1
            why = why or f"{order.cl_ord_id}: {unreachable.text}"
    events.append(ev.ListWorked(now_ns, *found.key, place, kept, why))
    if place == found.total:
        kept += found.kept
        text = (
            f"{kept} of {found.total} orders could not be asked for: {found.why_kept or why}" if kept else ""
        )
        events.append(ev.ListStatusDue(now_ns, *found.key, ListStatusType.RESPONSE, text))
    return events


def _unreachable(state: State, order: Order) -> Denial | None:
    """Why nothing was asked of an order that is open, if that is not since it was asked before."""
    for route in order.routes:
        asked_before = any(r.response_to == CxlRejResponseTo.CANCEL for r in route.requests)
        if not route.ended and not asked_before:
            return venue_unreachable(state, route.venue)
    return None


def _orders(state: State, order_ids: list[int]) -> Iterator[Order]:
    return (state.orders[order_id] for order_id in order_ids)
