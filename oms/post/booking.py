"""Double entry: every fill is booked once, every allocation moves it on, and everything sums to zero.

A posting says that an *owner*'s *account* changed by a quantity of a security and by an amount of money.
Plus is a debit (it came in), minus a credit. Each owner has two kinds of account:

    position       securities owned, at what was paid for them
    broker:<venue> the other side: minus money is payable to the broker, plus is receivable; minus
                   securities are due from the broker, plus are due to it

A fill of 100 at 10.00, bought at venue X:       and its allocation to fund F:

    (unallocated)  position   +100   +1000           (unallocated)  position   -100   -1000
    (unallocated)  broker:X   -100   -1000           (unallocated)  broker:X   +100   +1000
                                                     F              position   +100   +1000
                                                     F              broker:X   -100   -1000

A sale has all signs turned. So at every moment: each journal sequence's postings sum to zero in every
currency and every security, hence so do all of them; each owner's books balance on their own; what has not
been allocated stands under `UNALLOCATED` and nowhere else; and what is payable to a broker is payable by
the fund that owns the shares.

What turns out to be wrong is reversed: the same postings with their signs turned, of kind `fill_reversal` or
`allocation_reversal`, under the same ref. So a bust reverses its fill; a correction reverses and books what
is now; an allocation reverses the version before as a whole and books its own. The postings of whatever does
not hold any more sum to nothing, the others are what holds, and no posting is ever changed.

`balance` is the running sum of the postings, kept in the same transaction. `trial_balance` does not believe
it: it adds up the postings and compares. The money of a position is the net paid for it (buys less sells);
no gain is realised here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs
from sqlalchemy import Engine, select
from sqlalchemy.engine import Connection

from oms.core.types import SCALE, Side
from oms.post import store

if TYPE_CHECKING:
    from oms.post.allocation import Allocation
    from oms.post.orders import Fill, Share

UNALLOCATED: Final = "(unallocated)"
POSITION: Final = "position"

BalanceKey = tuple[str, str, str, str]
"""(owner, account, symbol, currency)."""


def money(px: int, qty: int, price_unit: int) -> int:
    """What `qty` at a quoted `px` is worth, in units of 1e-16 of the currency.

    `price_unit` is what a quoted 1 is worth, in units of 1e-8. Exact wherever the result has at most 16
    decimal places, as it has for every whole number of shares; beyond, it is cut once, here, as the risk
    counters cut it, and all that follows adds up exactly to the result.
    """
    notional = px * qty
    return notional if price_unit == SCALE else notional * price_unit // SCALE


def broker(venue: str) -> str:
    """The account that faces a venue's broker."""
    return f"broker:{venue}"


class Posting(Struct, frozen=True):
    """One line of the books. Quantity in units of 1e-8, money in units of 1e-16; plus is a debit."""

    owner: str
    account: str
    symbol: str
    qty: int
    currency: str
    money: int


def book_fill(fill: "Fill") -> list[Posting]:
    """A fill, to those whom it will be allocated to, who are not known yet."""
    sign = 1 if fill.side == Side.BUY else -1
    qty, worth = sign * fill.last_qty, sign * fill.money
    return [
        Posting(UNALLOCATED, POSITION, fill.symbol, qty, fill.currency, worth),
        Posting(UNALLOCATED, broker(fill.venue), fill.symbol, -qty, fill.currency, -worth),
    ]


def book_shares(allocation: "Allocation", shares: "Sequence[Share]") -> list[Posting]:
    """The shares of a version of an allocation, from the unallocated to the accounts."""
    sign = 1 if allocation.side == Side.BUY else -1
    symbol, currency, other = allocation.symbol, allocation.currency, broker(allocation.venue)
    postings: list[Posting] = []
    total_qty = total_money = 0
    for share in shares:
        if not share.qty:
            continue
        qty, worth = sign * share.qty, sign * share.money
        total_qty += qty
        total_money += worth
        postings.append(Posting(share.account, POSITION, symbol, qty, currency, worth))
        postings.append(Posting(share.account, other, symbol, -qty, currency, -worth))
    if postings:
        postings.append(Posting(UNALLOCATED, POSITION, symbol, -total_qty, currency, -total_money))
        postings.append(Posting(UNALLOCATED, other, symbol, total_qty, currency, total_money))
    return postings


def reverse(postings: Iterable[Posting]) -> list[Posting]:
    """The same postings with their signs turned."""
    return [structs.replace(posting, qty=-posting.qty, money=-posting.money) for posting in postings]


class Ledger:
    """Numbers the postings of each journal sequence and keeps the balances."""

    __slots__ = ("_balances", "_changed", "_line", "_seq")

    def __init__(self, balances: dict[BalanceKey, tuple[int, int]] | None = None) -> None:
        self._balances = balances if balances is not None else {}
        self._changed: set[BalanceKey] = set()
        self._seq = 0
        self._line = 0

    @classmethod
    def load(cls, connection: Connection) -> "Ledger":
        """With the balances as they were last written."""
        return cls(
            {(r.owner, r.account, r.symbol, r.currency): (r.qty, r.money)
             for r in connection.execute(select(store.balance))}
        )  # fmt: skip

    def post(
        self,
        batch: store.Batch,
        seq: int,
        kind: str,
        ref: str,
        order_id: int,
        trade_date: str,
        postings: Iterable[Posting],
    ) -> None:
        """Write postings and count them into the balances. `ref` is the ExecID or AllocID behind them."""
        if seq != self._seq:
            self._seq, self._line = seq, 0
        for posting in postings:
            batch.add(
                store.posting,
                {
                    "seq": seq,
                    "line": self._line,
                    "kind": kind,
                    "ref": ref,
                    "order_id": order_id,
                    "trade_date": trade_date,
                    "owner": posting.owner,
                    "account": posting.account,
                    "symbol": posting.symbol,
                    "qty": posting.qty,
                    "currency": posting.currency,
                    "money": posting.money,
                },
            )
            self._line += 1
            key = (posting.owner, posting.account, posting.symbol, posting.currency)
            qty, worth = self._balances.get(key, (0, 0))
            qty += posting.qty
            worth += posting.money
            self._balances[key] = (qty, worth)
            self._changed.add(key)

    def put(self, batch: store.Batch) -> None:
        """Write the balances that changed since the last time."""
        for key in self._changed:
            owner, account, symbol, currency = key
            qty, worth = self._balances[key]
            batch.put(
                store.balance,
                key,
                {
                    "owner": owner,
                    "account": account,
                    "symbol": symbol,
                    "currency": currency,
                    "qty": qty,
                    "money": worth,
                },
            )
        self._changed.clear()


# -- reading -------------------------------------------------------------------------------------------------


class Balance(Struct, frozen=True):
    """What stands on one account."""

    owner: str
    account: str
    symbol: str
    currency: str
    qty: int
    money: int


def balances(engine: Engine, owner: str | None = None) -> list[Balance]:
    """All balances, or one owner's, in alphabetical order."""
    table = store.balance
    query = select(table).order_by(table.c.owner, table.c.account, table.c.symbol, table.c.currency)
    if owner is not None:
        query = query.where(table.c.owner == owner)
    with store.reading(engine) as connection:
        return [
            Balance(r.owner, r.account, r.symbol, r.currency, r.qty, r.money)
            for r in connection.execute(query)
        ]


def positions(engine: Engine, owner: str | None = None) -> list[Balance]:
    """Securities owned and what was paid for them; those that came back to nothing are left out."""
    return [b for b in balances(engine, owner) if b.account == POSITION and (b.qty or b.money)]


class TrialBalance(Struct, frozen=True):
    """The proof of the books: everything here is zero, or true."""

    postings: int
    currencies: Mapping[str, int]  # currency -> sum of all money
    securities: Mapping[str, int]  # symbol -> sum of all quantities
    unbalanced_seqs: tuple[int, ...]  # journal sequences whose postings do not sum to zero
    balances_agree: bool  # `balance` is the sum of the postings
    unallocated_agrees: bool  # what stands under UNALLOCATED is what the blocks have not allocated
    blocks_agree: bool  # what the blocks have executed is the sum of the fills

    @property
    def is_ok(self) -> bool:
        """Whether all of it holds."""
        return (
            not any(self.currencies.values())
            and not any(self.securities.values())
            and not self.unbalanced_seqs
            and self.balances_agree
            and self.unallocated_agrees
            and self.blocks_agree
        )


def trial_balance(engine: Engine) -> TrialBalance:
    """Add up every posting. O(postings), about 3 us each."""
    with store.reading(engine) as connection:
        return read_trial_balance(connection)


def read_trial_balance(connection: Connection) -> TrialBalance:
    """`trial_balance` within a transaction of the caller's."""
    count = 0
    currencies: dict[str, int] = {}
    securities: dict[str, int] = {}
    sums: dict[BalanceKey, tuple[int, int]] = {}
    unbalanced: list[int] = []
    seq = 0
    of_seq: dict[tuple[str, str], int] = {}  # (kind of thing, name) -> sum within one journal sequence

    table = store.posting
    query = select(
        table.c.seq,
        table.c.owner,
        table.c.account,
        table.c.symbol,
        table.c.qty,
        table.c.currency,
        table.c.money,
    ).order_by(table.c.seq, table.c.line)
    rows = connection.execution_options(yield_per=10_000).execute(query)
    for row_seq, owner, account, symbol, qty, currency, worth in rows:
        if row_seq != seq:
            if any(of_seq.values()):
                unbalanced.append(seq)
            seq = row_seq
            of_seq.clear()
        count += 1
        currencies[currency] = currencies.get(currency, 0) + worth
        securities[symbol] = securities.get(symbol, 0) + qty
        of_seq["currency", currency] = of_seq.get(("currency", currency), 0) + worth
        of_seq["security", symbol] = of_seq.get(("security", symbol), 0) + qty
        key = (owner, account, symbol, currency)
        old_qty, old_worth = sums.get(key, (0, 0))
        sums[key] = (old_qty + qty, old_worth + worth)
    if any(of_seq.values()):
        unbalanced.append(seq)

    kept = {
        (r.owner, r.account, r.symbol, r.currency): (r.qty, r.money)
        for r in connection.execute(select(store.balance))
    }
    return TrialBalance(
        count,
        currencies,
        securities,
        tuple(unbalanced),
        kept == sums,
        _unallocated_by_blocks(connection) == _unallocated_by_books(sums),
        _executed_by_blocks(connection) == _executed_by_fills(connection),
    )


def _executed_by_blocks(connection: Connection) -> dict[tuple[int, str, str, str], tuple[int, int, int]]:
    """(order, venue, trade date, symbol) -> (quantity, money, notional)."""
    return {
        (r.order_id, r.venue, r.trade_date, r.symbol): (r.qty, r.money, r.notional)
        for r in connection.execute(select(store.block))
    }


def _executed_by_fills(connection: Connection) -> dict[tuple[int, str, str, str], tuple[int, int, int]]:
    found: dict[tuple[int, str, str, str], tuple[int, int, int]] = {}
    rows = connection.execution_options(yield_per=10_000).execute(select(store.fill))
    for row in rows:
        key = (row.order_id, row.venue, row.trade_date, row.symbol)
        qty, worth, notional = found.get(key, (0, 0, 0))
        found[key] = (
            qty + row.sign * row.last_qty,
            worth + row.sign * row.money,
            notional + row.sign * row.last_qty * row.last_px,
        )
    return found


def _unallocated_by_books(
    sums: Mapping[BalanceKey, tuple[int, int]],
) -> dict[tuple[str, str], tuple[int, int]]:
    """(symbol, currency) -> (quantity, money) of the unallocated position, without those that are nothing."""
    return {
        (symbol, currency): both
        for (owner, account, symbol, currency), both in sums.items()
        if owner == UNALLOCATED and account == POSITION and both != (0, 0)
    }


def _unallocated_by_blocks(connection: Connection) -> dict[tuple[str, str], tuple[int, int]]:
    """The same from the other end: what blocks have executed less what their newest versions allocated."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    block, newest = store.block, store.allocation
    query = (
        select(
            block.c.symbol,
            block.c.side,
            block.c.currency,
            block.c.qty,
            block.c.money,
            newest.c.qty.label("allocated_qty"),
            newest.c.money.label("allocated_money"),
        )
        .select_from(block)
        .join(newest, newest.c.alloc_id == block.c.alloc_id, isouter=True)
    )
    for row in connection.execute(query):
        sign = 1 if row.side == Side.BUY else -1
        key = (row.symbol, row.currency)
        qty, worth = found.get(key, (0, 0))
        found[key] = (
            qty + sign * (row.qty - (row.allocated_qty or 0)),
            worth + sign * (row.money - (row.allocated_money or 0)),
        )
    return {key: both for key, both in found.items() if both != (0, 0)}
