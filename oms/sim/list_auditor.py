"""Lists of orders, by the auditor: what the events say of them, in plain dicts. Part of `auditor`.

Rules, beside those for the orders themselves:

- a list is received once, in fragments that agree, and its numbers and ids do not repeat;
- its members become orders when all of them are there, each once, in the order of their numbers, unchanged;
- none of them goes anywhere before the client has said so, and none any more once it has canceled the list;
- what the client is told of a list is due, comes in whole, and says that all is done when that is so;
- that all is done is said once, unless something of it was open again in between.
"""

from collections.abc import Callable
from typing import Any, Final

from oms.core import events as ev
from oms.core.types import ListOrderStatus, ListStatusType

Record = dict[str, Any]

AT_ONCE: Final = "1"  # ListExecInstType(433)
SAME: Final = ("cl_ord_id", "account", "symbol", "side", "order_qty", "ord_type", "price", "time_in_force")
"""What a member and the order that it becomes have in common."""


class ListAuditor:
    """Fed by the auditor with events about lists, and with those about their orders."""

    def __init__(self, wrong: Callable[[str], None], is_open: Callable[[Record], bool]) -> None:
        self.lists: dict[tuple[str, str], Record] = {}
        self._wrong = wrong
        self._is_open = is_open

    def of(self, order: Record) -> Record | None:
        """The list of an order, if it has one."""
        if not order["list_id"]:
            return None
        found = self.lists.get((order["session_id"], order["list_id"]))
        if found is None:
            self._wrong(f"order {order['order_id']} is of list {order['list_id']}, which was never received")
        return found

    def is_done(self, found: Record) -> bool:
        """Whether all of it has become orders, and none of these may execute any more."""
        taken = len(found["orders"]) == found["total"]
        return taken and not any(self._is_open(order) for order in found["orders"])

    # -- lists -----------------------------------------------------------------------------------------------

    def _received(self, event: ev.ListReceived) -> None:
        key = (event.session_id, event.list_id)
        found = self.lists.get(key)
        if found is None:
            found = self.lists[key] = {
                "name": f"list {event.list_id} of {event.session_id}",
                "total": event.total,
                "kind": event.list_exec_inst_type,
                "members": {},  # by ListSeqNo
                "orders": [],
                "told": False,  # by the client, to go
                "canceled": False,
                "refused": False,
                "worked": 0,
                "due": [],  # (ListStatusType, orders told of so far)
                "said_done": False,
            }
        elif found["refused"] or len(found["members"]) == found["total"]:
            self._wrong(f"{found['name']} is received twice")
        if (event.total, event.list_exec_inst_type) != (found["total"], found["kind"]):
            self._wrong(f"the fragments of {found['name']} do not agree")
        ids = {member.cl_ord_id for member in found["members"].values()}
        for member in event.members:
            if member.list_seq_no in found["members"] or member.cl_ord_id in ids:
                self._wrong(f"{found['name']}: {member.list_seq_no} or {member.cl_ord_id} comes twice")
            if not 1 <= member.list_seq_no <= event.total:
                self._wrong(f"{found['name']}: number {member.list_seq_no} of {event.total}")
            found["members"][member.list_seq_no] = member
            ids.add(member.cl_ord_id)

    def _known(self, event: Any) -> Record | None:
        found = self.lists.get((event.session_id, event.list_id))
        if found is None or found["refused"] or len(found["members"]) < found["total"]:
            self._wrong(
                f"{type(event).__name__} is about list {event.list_id}, which is not there as a whole"
            )
            return None
        return found

    def _denied(self, event: ev.ListDenied) -> None:
        found = self.lists.get((event.session_id, event.list_id))
        if found is None:
            self.lists[event.session_id, event.list_id] = {
                "name": f"list {event.list_id}", "total": 0, "kind": "", "members": {}, "orders": [],
                "told": False, "canceled": False, "refused": True, "worked": 0, "due": [], "said_done": False,
            }  # fmt: skip
            return
        if found["orders"]:
            self._wrong(f"{found['name']} is refused though some of it are orders")
        found["refused"] = True
        found["due"].clear()

    def _executed(self, event: ev.ListExecuted) -> None:
        found = self._known(event)
        if found is None:
            return
        if found["canceled"]:
            self._wrong(f"{found['name']} is executed after it was canceled")
        found["told"] = True
        found["worked"] = 0

    def _canceled(self, event: ev.ListCanceled) -> None:
        found = self._known(event)
        if found is not None:
            found["canceled"] = True
            found["worked"] = 0

    def _worked(self, event: ev.ListWorked) -> None:
        found = self._known(event)
        if found is None:
            return
        if not found["worked"] < event.up_to <= found["total"]:
            self._wrong(f"{found['name']} is worked up to {event.up_to}, after {found['worked']}")
        found["worked"] = event.up_to

    # -- what the client is told -----------------------------------------------------------------------------

    def _due(self, event: ev.ListStatusDue) -> None:
        found = self.lists.get((event.session_id, event.list_id))
        if found is None or found["refused"]:
            self._wrong(f"list {event.list_id} is to be told of, and is not known")
            return
        found["due"].append([event.list_status_type, 0])
        if event.list_status_type != ListStatusType.ALL_DONE:
            return
        if not self.is_done(found) or found["said_done"]:
            self._wrong(f"{found['name']} is said to be done, and is not or was before")
        found["said_done"] = True

    def _reported(self, event: ev.ListStatusReported) -> None:
        found = self.lists.get((event.session_id, event.list_id))
        if found is None or not found["due"]:
            self._wrong(f"list {event.list_id} is told of and nothing is due")
            return
        kind, told = due = found["due"][0]
        if (event.list_status_type, event.first) != (kind, told) or event.number > event.total - told:
            self._wrong(f"{found['name']} is told of from {event.first} on, after {told}")
        due[1] = told + event.number
        if (event.rpt_seq == event.no_rpts) != (due[1] == event.total):
            self._wrong(f"{found['name']}: message {event.rpt_seq} of {event.no_rpts} is not the last")
        if event.rpt_seq == event.no_rpts:
            found["due"].pop(0)
        if event.first:
            return  # it goes on as it began
        done = event.list_order_status == ListOrderStatus.ALL_DONE
        if done != self.is_done(found):
            self._wrong(f"{found['name']} is told of as {event.list_order_status}, done or not")
        elif not done and (event.list_order_status == ListOrderStatus.CANCELING) != found["canceled"]:
            self._wrong(f"{found['name']} is told of as {event.list_order_status}, canceled or not")

    # -- its orders ------------------------------------------------------------------------------------------

    def becomes(self, order: Record, event: ev.OrderReceived | ev.OrderDenied) -> None:
        """A member has become an order, taken or denied."""
        found = self.of(order)
        if found is None:
            return
        number = len(found["orders"]) + 1
        found["orders"].append(order)
        member = found["members"].get(number)
        if found["refused"] or len(found["members"]) < found["total"] or member is None:
            self._wrong(f"order {order['order_id']} is of {found['name']}, which is not there as a whole")
            return
        names: tuple[str, ...] = (*SAME, "terms") if isinstance(event, ev.OrderReceived) else SAME
        if member.terms is not None and member.terms.cash_order_qty and not member.order_qty:
            names = tuple(name for name in names if name != "order_qty")  # worked out from an amount of money
        if any(getattr(member, name) != getattr(event, name) for name in names):
            self._wrong(f"order {order['order_id']} is not number {number} of {found['name']}")

    def goes(self, order: Record) -> None:
        """An order has gone to its venue, or waits here for its stop price."""
        found = self.of(order)
        if found is None:
            return
        if found["canceled"] or not (found["told"] or found["kind"] == AT_ONCE):
            self._wrong(
                f"order {order['order_id']} goes before {found['name']} may, or after it was canceled"
            )

    def look_at(self, order: Record) -> None:
        """Something of an order has changed."""
        found = self.of(order)
        if found is not None and self._is_open(order):
            found["said_done"] = False

    # -- feeding and comparing -------------------------------------------------------------------------------

    def feed(self, event: ev.Event) -> None:
        """Take in an event about a list."""
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event)

    def compare(self, lists: list[Record], same: Callable[[str, Any, Any], None]) -> None:
        """Hold the lists of the engine's state against these."""
        theirs = {(found["session_id"], found["list_id"]): found for found in lists}
        same("lists", sorted(theirs), sorted(self.lists))
        for key in theirs.keys() & self.lists.keys():
            engine, ours = theirs[key], self.lists[key]
            name = ours["name"]
            same(f"{name} orders", engine["order_ids"], [order["order_id"] for order in ours["orders"]])
            same(f"{name} refused", bool(engine["refused"]), ours["refused"])
            same(f"{name} canceled", engine["canceled"], ours["canceled"])
            same(f"{name} worked", engine["worked"], ours["worked"])
            same(f"{name} said to be done", engine["told_done"], ours["said_done"])
            due = [[telling["list_status_type"], telling["told"]] for telling in engine["telling"]]
            same(f"{name} due", due, ours["due"])
            if not ours["refused"]:
                left = ours["total"] > len(ours["orders"])
                same(f"{name} members", len(engine["members"]), len(ours["members"]) if left else 0)


_HANDLERS: Final[dict[type, Callable[[ListAuditor, Any], None]]] = {
    ev.ListReceived: ListAuditor._received,
    ev.ListDenied: ListAuditor._denied,
    ev.ListExecuted: ListAuditor._executed,
    ev.ListCanceled: ListAuditor._canceled,
    ev.ListWorked: ListAuditor._worked,
    ev.ListStatusDue: ListAuditor._due,
    ev.ListStatusReported: ListAuditor._reported,
}
