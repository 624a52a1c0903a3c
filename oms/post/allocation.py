"""Sharing out what a block has executed.

When: as soon as the order has ended with something executed. What an order that outlives the day has executed
is allocated when that day is over: its parts settle before it ends. After that, the block is allocated again
over its new totals

    as soon as the order has ended again   more was executed: a fill that crossed with the cancel, a filled
                                           order that was made larger
    at once, even if it is open again      an execution was busted or corrected: nobody may go on holding what
                                           does not exist

That is a new *version*, which names the one before, says why it is there and carries the difference to it.
Nothing that was allocated before is rewritten. A block of which nothing is left has a version that cancels:
all of its parts are nothing. If something is executed in it again, the next version is new.

How: the *average price method*. Every account gets the block's one average price, so nobody is better off
for having been filled first, and the result depends on the totals only, not on the order of the fills.

    quantity   pro rata to the weights, in whole lots
    money      pro rata to the quantities, in whole units of the currency that can be paid (0.01 USD, 1 JPY)

Both by the same rule, `share_out`, largest remainder (Hamilton): everybody gets the whole units below the
exact share; units that are left go one each to the largest fractions; on a tie, to whoever stands first in
the group. What is smaller than a unit (an odd lot, a hundredth of a cent) goes whole to the next in that
order. So the sum is exact, and nobody is as much as one unit away from the exact share.

An account without a group is a group of one. A block keeps the weights of its first allocation: a change of
the group applies to blocks that are allocated afterwards. In a later version an account may have fewer
shares than before, as largest remainders do not always grow with the total; that is a difference like any
other.

*Source:* FIX 5.0 SP2 volume 5, AllocationInstruction(J): AllocTransType(71) New, Replace and Cancel,
RefAllocID(72), AllocCancReplaceReason(796), sum of AllocQty(80) = Quantity(53), one AllocAvgPx(153) per
account.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from oms.core.types import NOTIONAL_SCALE
from oms.post import store
from oms.post.orders import Block, Share, WorkingOrder

Members = Sequence[tuple[str, int]]
"""(account, weight), in the order of the group."""

NEW: Final = "0"  # AllocTransType(71)
REPLACE: Final = "1"
CANCEL: Final = "2"

INCOMPLETE: Final = "1"  # AllocCancReplaceReason(796): the version before did not have all of it
CHANGED: Final = "2"  # an execution behind it was busted or corrected

_PLACES: Final = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0, "BHD": 3, "KWD": 3, "OMR": 3, "TND": 3}


def payable_unit(currency: str) -> int:
    """The smallest amount that can be paid, in units of 1e-16.

    *Source:* ISO 4217 minor units; two places where the currency is not listed.
    """
    return int(NOTIONAL_SCALE // 10 ** _PLACES.get(currency, 2))


def share_out(total: int, weights: Sequence[int], unit: int) -> list[int]:
    """Parts of `total` in proportion to the weights, in multiples of `unit` but for at most one of them.

    The sum is `total`, and every part is less than one unit away from the exact share. A negative total is
    shared as its opposite is. Raises ValueError for a negative weight, or weights that sum to nothing.
    O(n log n).

    >>> share_out(10, [1, 1, 1], 1)
    [4, 3, 3]
    >>> share_out(250, [50, 30, 20], 100)
    [100, 100, 50]
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError(f"cannot share {total} by weights {list(weights)}")
    if total < 0:
        return [-part for part in share_out(-total, weights, unit)]
    parts: list[int] = []
    fractions: list[int] = []
    for weight in weights:
        units, fraction = divmod(total * weight, whole * unit)
        parts.append(units * unit)
        fractions.append(fraction)
    left = total - sum(parts)
    # The sort is stable: equal fractions stay in the order of the group.
    for index in sorted(range(len(parts)), key=lambda i: -fractions[i]):
        if not left:
            break
        part = min(unit, left)
        parts[index] += part
        left -= part
    return parts


class Allocation(Struct, frozen=True):
    """One version of how a block is shared out."""

    alloc_id: str  # AllocID(70)
    ref_alloc_id: str  # RefAllocID(72): the version before; empty for the first
    trans_type: str
    reason: str  # empty for the first
    order_id: int
    venue: str
    trade_date: str
    version: int
    account: str
    symbol: str
    side: str
    currency: str
    qty: int
    avg_px: int  # AvgPx(6), in quoted prices, units of 1e-8, rounded half up
    money: int
    shares: tuple[Share, ...]
    before: tuple[Share, ...]  # of the version before, line by line; empty for the first

    def changes(self) -> list[tuple[Share, int, int]]:
        """Each share with the difference in quantity and in money to the version before."""
        if not self.before:
            return [(share, share.qty, share.money) for share in self.shares]
        return [
            (new, new.qty - old.qty, new.money - old.money)
            for new, old in zip(self.shares, self.before, strict=True)
        ]


def allocate(
    order: WorkingOrder, block: Block, members: Members, lot_size: int, epoch: str, reason: str = INCOMPLETE
) -> Allocation | None:
    """The block's next allocation, applied to order and block; None if the newest one is of all it has."""
    if block.is_allocated:
        return None
    before = tuple(block.shares)
    if before:
        members = [(share.account, share.weight) for share in before]
    order.allocations += 1
    alloc_id = f"{epoch}-A{order.order_id}-{order.allocations}"
    avg_px = block.avg_px
    quantities = share_out(block.qty, [weight for _, weight in members], lot_size)
    # Where nothing is left, there is no money either, and nothing to share it by.
    moneys = share_out(block.money, quantities, payable_unit(block.currency)) if block.qty else quantities
    shares = [
        Share(account, weight, qty, avg_px, worth, alloc_id)
        for (account, weight), qty, worth in zip(members, quantities, moneys, strict=True)
    ]
    for line, old in enumerate(before):
        new = shares[line]
        if (new.qty, new.avg_px, new.money) == (old.qty, old.avg_px, old.money):
            shares[line] = old
    allocation = Allocation(
        alloc_id,
        block.alloc_id,
        CANCEL if not block.qty else REPLACE if any(share.qty for share in before) else NEW,
        reason if before else "",
        order.order_id,
        block.venue,
        block.trade_date,
        block.version + 1,
        order.account,
        block.symbol,
        block.side,
        block.currency,
        block.qty,
        avg_px,
        block.money,
        tuple(shares),
        before,
    )
    block.version = allocation.version
    block.alloc_id = alloc_id
    block.shares = shares
    return allocation


def add(batch: store.Batch, allocation: Allocation, seq: int, at_ns: int) -> None:
    """Write an allocation and its shares."""
    batch.add(
        store.allocation,
        {
            "alloc_id": allocation.alloc_id,
            "ref_alloc_id": allocation.ref_alloc_id,
            "trans_type": allocation.trans_type,
            "reason": allocation.reason,
            "seq": seq,
            "at_ns": at_ns,
            "order_id": allocation.order_id,
            "venue": allocation.venue,
            "trade_date": allocation.trade_date,
            "version": allocation.version,
            "account": allocation.account,
            "symbol": allocation.symbol,
            "side": allocation.side,
            "currency": allocation.currency,
            "qty": allocation.qty,
            "avg_px": allocation.avg_px,
            "money": allocation.money,
        },
    )
    for line, (share, qty_change, money_change) in enumerate(allocation.changes(), start=1):
        batch.add(
            store.allocation_share,
            {
                "alloc_id": allocation.alloc_id,
                "line": line,
                "account": share.account,
                "weight": share.weight,
                "qty": share.qty,
                "avg_px": share.avg_px,
                "money": share.money,
                "since": share.since,
                "qty_change": qty_change,
                "money_change": money_change,
            },
        )
