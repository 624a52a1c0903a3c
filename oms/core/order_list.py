"""A list of orders that a client sends as one: what has come of it, and what it has still to do.

A list is collected until all of its members are there. Then each becomes an order of its own, one after the
other in the order of ListSeqNo(67), so that every control sees what those before it hold; such an order
waits (`Order.waits`): it is risk-checked and held, and nobody else has it. When the client has said that the
list is to be worked, at once or by ListExecute(L), they go to their venues, again one after the other. From
then on they are orders like any others, and the list only watches them.

    collected ──▶ taken ──▶ told ──▶ waits ──▶ worked ──▶ all done
                                       └──▶ canceled ──────▲

What is a step of its own is a decision of its own (`commands.WorkList`): a list of thousands never holds up
the loop, and a crash between two steps loses neither. `has_work` says whether there is a next one.
"""

from typing import Final

from msgspec import Struct, field

from oms.core.types import ListMember

Key = tuple[str, str]
"""(session, ListID(66))."""


IMMEDIATE: Final = "1"  # ListExecInstType(433)
WAITS: Final = "2"


class Telling(Struct, gc=False):
    """A ListStatus(N) that the client has still to get: in several messages, if the list is long."""

    list_status_type: str  # ListStatusType(429)
    text: str
    told: int = 0  # how many of its members it has told of
    total: int = 0  # and of how many there are, since the first of the messages was written
    list_order_status: str = ""  # ListOrderStatus(431), as it was when the first of the messages was written


class OrderList(Struct, gc=False):
    """One list. Mutable, and of `state.State`: only `apply` changes it."""

    session_id: str
    list_id: str
    total: int  # TotNoOrders(68)
    list_exec_inst_type: str  # ListExecInstType(433)
    execute: bool  # its orders may go to their venues
    asked: bool = False  # by ListExecute(L)
    members: list[ListMember] = field(default_factory=list)  # until all have become orders
    order_ids: list[int] = field(default_factory=list)  # of those that have, in the list's order
    denied: int = 0  # how many of these were denied
    canceled: bool = False
    worked: int = 0  # how many of its orders were sent; or canceled, if the list is
    kept: int = 0  # how many of these could not be
    why_kept: str = ""
    refused: str = ""  # why, if it is
    telling: list[Telling] = field(default_factory=list)
    told_done: bool = False  # that all is done

    @property
    def key(self) -> Key:
        """What `State.lists` has it under."""
        return self.session_id, self.list_id

    @property
    def come(self) -> int:
        """How many of its members have come."""
        return max(len(self.members), len(self.order_ids))

    @property
    def is_complete(self) -> bool:
        """Whether all of its members have come."""
        return self.come == self.total

    @property
    def is_taken(self) -> bool:
        """Whether all of its members have become orders."""
        return len(self.order_ids) == self.total

    def has_work(self, all_done: bool) -> bool:
        """Whether it has a next step. `all_done` is whether none of its orders may execute any more."""
        if self.telling:
            return True
        if self.refused or not self.is_complete:
            return False
        if not self.is_taken:
            return True
        if (self.execute or self.canceled) and self.worked < self.total:
            return True
        return all_done and not self.told_done
