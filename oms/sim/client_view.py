"""A client's own view of its orders, kept strictly from the reports it gets, in plain dicts.

This is the other end of every promise the engine makes, so it believes nothing: an execution counts once per
ExecID, quantities must add up from report to report, and whatever does not is written down in `violations`,
in words. A report that says again what an earlier one said, ExecID for ExecID, is counted and ignored.

An order is one dict under its first ClOrdID in `orders`, and under every ClOrdID of its chain in `by_id`:
`cl_ord_id` (the last accepted one), `cl_ord_ids` (all that were sent), `account`, `symbol`, `side`,
`ord_type`, `time_in_force`, `order_qty`, `price`, `status`, `cum`, `leaves`, `avg`, `notional` (units of
1e-16, from the executions), `order_id`, `text`, `requests` (ClOrdID -> "cancel" or "replace", unanswered).
Quantities and prices are ints in units of 1e-8. `status` is empty until the first report.
"""

from collections import Counter
from typing import Any, Final

from oms.core.types import CxlRejResponseTo, ExecType, OrdStatus, average_px, parse_scaled

FINAL: Final = frozenset(
    (OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.REJECTED, OrdStatus.EXPIRED, OrdStatus.DONE_FOR_DAY)
)

DUPLICATE: Final = "6"  # OrdRejReason(103)

Order = dict[str, Any]


class ClientView:
    """What a client knows of its orders. Feed it what was sent and what was received, in order."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.by_id: dict[str, Order] = {}
        self.open: dict[str, Order] = {}  # by first ClOrdID: may still execute, as far as is known
        self.executions: dict[str, Order] = {}  # by ExecID
        self.waiting: dict[str, int] = {}  # ClOrdID -> when it was sent, until the first answer
        self.last_px: dict[str, int] = {}  # symbol -> price of the last execution
        self.duplicates = 0
        self.counts: Counter[str] = Counter()  # reports by kind
        self.violations: list[str] = []
        self._reports: dict[str, tuple[str, ...]] = {}  # ExecID -> what the report said
        self._twice_sent: Counter[str] = Counter()  # ClOrdIDs that were used again on purpose

    @property
    def unanswered(self) -> int:
        """How many messages that were sent have no answer yet."""
        return len(self.waiting) + self._twice_sent.total()

    # -- what was sent ---------------------------------------------------------------------------------------

    def sent_new(self, cl_ord_id: str, now_ns: int, **terms: Any) -> None:
        """A NewOrderSingle(D) left. A ClOrdID that was used before is expected to be refused."""
        if cl_ord_id in self.by_id:
            self._twice_sent[cl_ord_id] += 1
            return
        order = {
            "cl_ord_id": cl_ord_id,
            "cl_ord_ids": [cl_ord_id],
            "status": "",
            "cum": 0,
            "leaves": terms["order_qty"],
            "avg": 0,
            "notional": 0,
            "order_id": "",
            "text": "",
            "requests": {},
            **terms,
        }
        self.orders[cl_ord_id] = self.by_id[cl_ord_id] = self.open[cl_ord_id] = order
        self.waiting[cl_ord_id] = now_ns

    def sent_request(self, cl_ord_id: str, orig_cl_ord_id: str, kind: str, now_ns: int) -> None:
        """A cancel or replace left; `kind` says which."""
        order = self.by_id.get(orig_cl_ord_id)
        if order is not None:
            order["cl_ord_ids"].append(cl_ord_id)
            order["requests"][cl_ord_id] = kind
            self.by_id[cl_ord_id] = order
        self.waiting[cl_ord_id] = now_ns

    # -- what was received -----------------------------------------------------------------------------------

    def received(self, message: dict[str, str]) -> int:
        """Take in an ExecutionReport(8) or OrderCancelReject(9). When what it first answers was sent, else
        0."""
        kind = message["35"]
        if kind == "8":
            return self._execution_report(message)
        if kind == "9":
            return self._cancel_reject(message)
        self.counts[f"35={kind}"] += 1
        return 0

    def _execution_report(self, message: dict[str, str]) -> int:
        exec_type, cl_ord_id = message["150"], message["11"]
        self.counts[exec_type] += 1
        if exec_type == ExecType.ORDER_STATUS:
            return self._status(message)
        if self._is_repeated(message):
            return 0
        if self._is_refusal_of_a_second_use(message):
            self._twice_sent[cl_ord_id] -= 1
            return 0
        order = self.by_id.get(cl_ord_id) or self.by_id.get(message.get("41", ""))
        if order is None:
            self._violation(f"report {message['17']} is about an unknown order, ClOrdID {cl_ord_id}")
            return 0
        self._quantities(order, message)
        first = self._first_cl_ord_id(order)
        status = order["status"] = message["39"]
        if order["order_id"] and order["order_id"] != message["37"] and self._twice_sent[first]:
            # The first answer was for another reason, and meant the second use of the id, as is clear only
            # now.
            self._twice_sent[first] -= 1
        order["order_id"] = message["37"]
        if "58" in message:
            order["text"] = message["58"]
        if exec_type == ExecType.REPLACED:
            order["requests"].pop(cl_ord_id, None)
            order["cl_ord_id"] = cl_ord_id
            order["price"] = parse_scaled(message.get("44", "0"))
        elif exec_type == ExecType.CANCELED:
            order["requests"].pop(cl_ord_id, None)
        if status in FINAL and not order["requests"]:
            self.open.pop(first, None)
        else:
            # A filled order that was replaced by a larger one lives again.
            self.open[first] = order
        return self.waiting.pop(cl_ord_id, 0)

    def _quantities(self, order: Order, message: dict[str, str]) -> None:
        """Take over a report's quantities, after checking that they follow from the earlier ones."""
        exec_id = message["17"]
        cum, leaves = parse_scaled(message["14"]), parse_scaled(message["151"])
        expected = order["cum"]
        if message["150"] == ExecType.TRADE:
            last_qty, last_px = parse_scaled(message["32"]), parse_scaled(message["31"])
            expected += last_qty
            order["notional"] += last_qty * last_px
            self.last_px[order["symbol"]] = last_px
            self.executions[exec_id] = {
                "cl_ord_id": self._first_cl_ord_id(order),
                "last_qty": last_qty,
                "last_px": last_px,
            }
        if cum != expected:
            self._violation(
                f"report {exec_id} says CumQty {cum}, the executions of {order['cl_ord_id']} say {expected}"
            )
        avg = parse_scaled(message["6"])
        if avg != average_px(order["notional"], cum):
            self._violation(
                f"report {exec_id} says AvgPx {avg}, the executions say {average_px(order['notional'], cum)}"
            )
        if "38" in message:
            order_qty = parse_scaled(message["38"])
            if cum + leaves > order_qty:
                self._violation(
                    f"report {exec_id} says CumQty {cum} + LeavesQty {leaves} > OrderQty {order_qty}"
                )
            if message["150"] in (ExecType.REPLACED, ExecType.NEW):
                order["order_qty"] = order_qty
        if leaves and message["39"] in FINAL:
            self._violation(f"report {exec_id} says OrdStatus {message['39']} and LeavesQty {leaves}")
        order["cum"], order["leaves"], order["avg"] = cum, leaves, avg

    def _cancel_reject(self, message: dict[str, str]) -> int:
        cl_ord_id = message["11"]
        self.counts["cancel reject" if message["434"] == CxlRejResponseTo.CANCEL else "replace reject"] += 1
        # By the order that was meant: a request refused for its ClOrdID may bear that of another order.
        order = self.by_id.get(message["41"]) or self.by_id.get(cl_ord_id)
        if order is not None and order["order_id"] and message["37"] not in ("NONE", order["order_id"]):
            order = None  # one that was taken by phone, perhaps
        if order is not None:
            order["requests"].pop(cl_ord_id, None)
            first = self._first_cl_ord_id(order)
            # "NONE" and rejected is what is said of an order that is not known.
            if message["37"] != "NONE":
                order["status"] = message["39"]
            if order["status"] in FINAL and not order["requests"]:
                self.open.pop(first, None)
        return self.waiting.pop(cl_ord_id, 0)

    def _status(self, message: dict[str, str]) -> int:
        """A status report brings nothing new: it is compared, not taken over."""
        order = self.by_id.get(message["11"])
        if (
            order is not None
            and message["39"] != OrdStatus.REJECTED
            and parse_scaled(message["14"]) != order["cum"]
        ):
            self._violation(
                f"status of {message['11']} says CumQty {message['14']}, the executions say {order['cum']}"
            )
        if order is not None and not order["status"]:
            order["status"] = message["39"]
        return 0

    def _is_refusal_of_a_second_use(self, message: dict[str, str]) -> bool:
        """Whether a rejection means a message that used a ClOrdID again, not the order that used it first.

        It may describe the first order as it stands, under its OrderID. *Source:* FIX order state matrix
        F.1.a.
        """
        cl_ord_id = message["11"]
        if message["150"] != ExecType.REJECTED or not self._twice_sent[cl_ord_id]:
            return False
        order_id = self.by_id[cl_ord_id]["order_id"]
        return message.get("103") == DUPLICATE or (bool(order_id) and message["37"] != order_id)

    def _is_repeated(self, message: dict[str, str]) -> bool:
        exec_id = message["17"]
        said = tuple(message.get(tag, "") for tag in ("11", "150", "39", "14", "151", "32", "31"))
        earlier = self._reports.get(exec_id)
        if earlier is None:
            self._reports[exec_id] = said
            return False
        if earlier != said:
            self._violation(f"ExecID {exec_id} is used for two different reports: {earlier} and {said}")
            return False
        self.duplicates += 1
        return True

    @staticmethod
    def _first_cl_ord_id(order: Order) -> str:
        return str(order["cl_ord_ids"][0])

    def _violation(self, text: str) -> None:
        self.violations.append(text)
