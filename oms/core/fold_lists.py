"""What each event about a list of orders does to the state. Part of `fold`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from oms.core import events as ev
from oms.core.order import Order
from oms.core.order_list import IMMEDIATE, OrderList, Telling
from oms.core.types import ListStatusType

if TYPE_CHECKING:
    from oms.core.state import State


def of_list(state: State, order: Order, list_id: str) -> None:
    """The next member of a list has become an order."""
    order.list_id = list_id
    found = state.lists[order.session_id, list_id]
    found.order_ids.append(order.order_id)
    if not order.ended:
        state.open_members[found.key].add(order.order_id)
    if found.is_taken:
        found.members.clear()
    state.look_at_list(found)


def _list_received(state: State, event: ev.ListReceived) -> None:
    key = (event.session_id, event.list_id)
    found = state.lists.get(key)
    if found is None:
        found = state.lists[key] = OrderList(
            *key, event.total, event.list_exec_inst_type, event.list_exec_inst_type == IMMEDIATE
        )
        state.open_members[key] = set()
    found.members += event.members
    if found.is_complete:
        found.members.sort(key=lambda member: member.list_seq_no)
    state.look_at_list(found)


def _list_denied(state: State, event: ev.ListDenied) -> None:
    key = (event.session_id, event.list_id)
    found = state.lists.get(key)
    if found is None:
        found = state.lists[key] = OrderList(*key, event.total, "", False)
        state.open_members[key] = set()
    found.refused = event.text
    found.members.clear()
    found.telling.clear()
    state.look_at_list(found)


def _list_executed(state: State, event: ev.ListExecuted) -> None:
    found = state.lists[event.session_id, event.list_id]
    found.execute = found.asked = True
    _work_anew(state, found)


def _list_canceled(state: State, event: ev.ListCanceled) -> None:
    found = state.lists[event.session_id, event.list_id]
    found.canceled = True
    _work_anew(state, found)


def _work_anew(state: State, found: OrderList) -> None:
    found.worked = found.kept = 0
    found.why_kept = ""
    state.look_at_list(found)


def _list_worked(state: State, event: ev.ListWorked) -> None:
    found = state.lists[event.session_id, event.list_id]
    found.worked = event.up_to
    found.kept += event.kept
    found.why_kept = found.why_kept or event.text
    if found.worked == found.total and found.kept and not found.canceled:
        # It waits again, for the client to say so once more.
        found.execute = False
    state.look_at_list(found)


def _list_status_due(state: State, event: ev.ListStatusDue) -> None:
    found = state.lists[event.session_id, event.list_id]
    found.telling.append(Telling(event.list_status_type, event.text))
    if event.list_status_type == ListStatusType.ALL_DONE:
        found.told_done = True
    state.look_at_list(found)


def _list_status_reported(state: State, event: ev.ListStatusReported) -> None:
    found = state.lists[event.session_id, event.list_id]
    telling = found.telling[0]
    telling.told, telling.total = event.first + event.number, event.total
    telling.list_order_status = event.list_order_status
    if event.rpt_seq == event.no_rpts:
        del found.telling[0]
    state.look_at_list(found)


LIST_HANDLERS: Final[dict[type, Callable[[State, Any], None]]] = {
    ev.ListReceived: _list_received,
    ev.ListDenied: _list_denied,
    ev.ListExecuted: _list_executed,
    ev.ListCanceled: _list_canceled,
    ev.ListStatusDue: _list_status_due,
    ev.ListStatusReported: _list_status_reported,
    ev.ListWorked: _list_worked,
}
