"""What each account is told about its part of a block: one confirmation per account and allocation version.

A confirmation carries the account's whole part, not the difference: the first is *new*; when a later
version of the allocation changes the account's part or its average price, a confirmation *replaces* the one
before and names it; an account whose part came to nothing gets a *cancel*, which names the one that does not
hold any more. Where nothing changed for an account, nothing is sent. A bust or a correction of a later day
leaves trade and settlement date as they were.

Gross is the account's share of the block's money, to the last unit of 1e-16, so gross over all accounts is
the block's notional. Net is gross and commission and fees for a buy, gross less both for a sale. No
commission or fee schedule is configured, so both are zero and net equals gross; the columns are there for
the day there is one.

The ISIN comes with the instrument and its check digit is checked here, where it leaves the house: a
confirmation with an invalid one is made all the same and marked, and the report counts it.

*Source:* Confirmation(AK): ConfirmID(664), ConfirmRefID(772), ConfirmTransType(666), GrossTradeAmt(381),
NetMoney(118), SettlDate(64); FIX 5.0 SP2 volume 5: one confirmation per allocation account, ConfirmID unique.
"""

from functools import lru_cache
from typing import Final

from msgspec import Struct, structs
from stdnum import isin as isin_numbers

from oms.core import events as ev
from oms.core.types import Side
from oms.post import store
from oms.post.allocation import Allocation
from oms.post.calendars import calendar_of, settlement_date
from oms.post.orders import Share

NEW: Final = "0"  # ConfirmTransType(666)
REPLACE: Final = "1"
CANCEL: Final = "2"


class Confirmation(Struct, frozen=True):
    """One account's part of one version of an allocation. Quantities are 1e-8, money is 1e-16."""

    confirm_id: str
    ref_confirm_id: str  # the one that it replaces or cancels; empty for a new one
    trans_type: str
    alloc_id: str
    account: str
    venue: str
    symbol: str
    isin: str
    isin_valid: bool
    side: str
    qty: int
    avg_px: int  # in quoted prices, units of 1e-8
    currency: str
    gross_money: int
    commission: int
    fees: int
    net_money: int
    trade_date: str
    settlement_date: str
    calendar: str  # by which the settlement date was found


@lru_cache(maxsize=4096)
def isin_is_valid(isin: str) -> bool:
    """Whether it is an ISO 6166 number with a correct check digit."""
    return bool(isin_numbers.is_valid(isin))


def confirm(allocation: Allocation, instrument: ev.InstrumentDefined) -> list[Confirmation]:
    """The confirmations that an allocation leads to: for each account whose part is not what it was."""
    calendar = calendar_of(instrument.market)
    settles = settlement_date(calendar, allocation.trade_date, instrument.settlement_days)
    commission = fees = 0
    costs = commission + fees
    confirmations: list[Confirmation] = []
    for line, share in enumerate(allocation.shares):
        before = allocation.before[line] if allocation.before else None
        was_told = before is not None and before.qty != 0
        if share.since != allocation.alloc_id or not (share.qty or was_told):
            continue
        trans_type = CANCEL if not share.qty else REPLACE if was_told else NEW
        confirmations.append(
            Confirmation(
                _confirm_id(share, line),
                _confirm_id(before, line) if before is not None and was_told else "",
                trans_type,
                allocation.alloc_id,
                share.account,
                allocation.venue,
                allocation.symbol,
                instrument.isin,
                isin_is_valid(instrument.isin),
                allocation.side,
                share.qty,
                share.avg_px,
                allocation.currency,
                share.money,
                commission,
                fees,
                share.money + costs if allocation.side == Side.BUY else share.money - costs,
                allocation.trade_date,
                settles,
                calendar,
            )
        )
    return confirmations


def _confirm_id(share: Share, line: int) -> str:
    """Unique, as an AllocID is: it names the version that gave the account its part."""
    return f"{share.since}-{line + 1}"


def add(batch: store.Batch, confirmation: Confirmation, seq: int, at_ns: int) -> None:
    """Write a confirmation."""
    row = structs.asdict(confirmation)
    row["isin_valid"] = int(confirmation.isin_valid)
    row["seq"] = seq
    row["at_ns"] = at_ns
    batch.add(store.confirmation, row)
