"""A broker's ExecIDs and OrderIDs: unique for ever, or counted by the day, or taken from the counterparty.

Ids that are unique for ever have a prefix which differs from start to start, so that nothing has to be
remembered. Those that are counted by the day come again on the next, as at many venues: an execution is then
known by its order and its ExecID. The day is that of UTC.
"""

from oms.core.types import utc_date
from oms.sim.profile import BrokerProfile


class Ids:
    """The ids of one broker."""

    __slots__ = ("_daily_execs", "_daily_orders", "_named", "_prefix", "day", "next_exec", "next_order")

    def __init__(self, profile: BrokerProfile, prefix: str) -> None:
        self._prefix = prefix
        self._daily_execs = profile.exec_ids == "daily"
        self._daily_orders = profile.order_ids == "daily"
        self._named = profile.order_ids == "cl_ord_id"
        self.next_exec = 1
        self.next_order = 1
        self.day = ""  # to which those count that start anew with it

    def exec_id(self, now_ns: int) -> str:
        """The next ExecID(17)."""
        if self._daily_execs:
            self._see_day(now_ns)
        n = self.next_exec
        self.next_exec = n + 1
        return f"E{n}" if self._daily_execs else f"{self._prefix}E{n}"

    def order_id(self, cl_ord_id: str, now_ns: int) -> str:
        """The next OrderID(37)."""
        if self._named:
            return cl_ord_id
        if self._daily_orders:
            self._see_day(now_ns)
        n = self.next_order
        self.next_order = n + 1
        return f"O{n}" if self._daily_orders else f"{self._prefix}O{n}"

    @property
    def orders_recur(self) -> bool:
        """Whether an OrderID may come again, for another order."""
        return self._daily_orders or self._named

    def key(self, broker: str, number: int) -> str:
        """What an order is called where an OrderID would not do."""
        return f"{broker}-{self._prefix}{number}"

    def resume(self, next_exec: int, next_order: int, day: str) -> None:
        """Go on with the counts of an earlier start, where there are any to go on with."""
        self.day = day
        if self._daily_execs:
            self.next_exec = next_exec
        if self._daily_orders:
            self.next_order = next_order

    def _see_day(self, now_ns: int) -> None:
        day = utc_date(now_ns)
        if day == self.day:
            return
        self.day = day
        if self._daily_execs:
            self.next_exec = 1
        if self._daily_orders:
            self.next_order = 1
