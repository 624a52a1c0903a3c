"""Scaled integers, ids, and enumerations whose values are the FIX characters.

Prices, quantities and money never touch a float. All three are plain ints in units of 1e-8 (`SCALE`), except
products: a price times a quantity is a *notional* in units of 1e-16 (`SCALE * SCALE`), kept unrounded, so
that a sum of fills is exact and an average is derived once, at the edge. 100.25 is 10_025_000_000; 300 shares
are 30_000_000_000; their product is exact at 1e-16.

Enumerations are `str` constants, one character each, as they stand on the wire: nothing is translated twice,
and a journal dump reads like the FIX message it came from.
"""

from functools import lru_cache
from typing import Final, NewType

from msgspec import Struct

Px = NewType("Px", int)
"""A price in units of 1e-8 of the instrument's currency."""

Qty = NewType("Qty", int)
"""A quantity in units of 1e-8."""

Notional = NewType("Notional", int)
"""A product of price and quantity in units of 1e-16 of a currency.

Exceeds 64 bits: keep it out of msgpack.
"""

SCALE: Final = 100_000_000
DIGITS: Final = 8
NOTIONAL_SCALE: Final = SCALE * SCALE

# The largest magnitude a price or quantity may have: beyond it a msgpack int64 would not hold it.
MAX_SCALED: Final = 2**63 - 1


@lru_cache(maxsize=1 << 16)
def parse_scaled(text: str) -> int:
    """Read a FIX decimal ("-12.5", "300", ".25") as an int in units of 1e-8.

    Raises ValueError for anything that is not a plain decimal number, that has more than eight significant
    decimal places, or that does not fit 64 bits. Exponents, spaces, plus signs and underscores are not FIX.
    *Source:* FIX 4.4 volume 1, data type float. Remembered, as in `format_scaled`.
    """
    whole, _, fraction = text.partition(".")
    negative = whole[:1] == "-"
    if negative:
        whole = whole[1:]
    digits = whole + fraction
    if not digits.isascii() or not digits.isdigit():
        raise ValueError(f"not a decimal number: {text!r}")
    if len(fraction) > DIGITS:
        fraction = fraction.rstrip("0")
        if len(fraction) > DIGITS:
            raise ValueError(f"more than {DIGITS} decimal places: {text!r}")
    value = int(whole or "0") * SCALE + (int(fraction.ljust(DIGITS, "0")) if fraction else 0)
    if value > MAX_SCALED:
        raise ValueError(f"number too large: {text!r}")
    return -value if negative else value


@lru_cache(maxsize=1 << 16)
def format_scaled(value: int) -> str:
    """Write an int in units of 1e-8 as the shortest decimal: 10_025_000_000 is "100.25".

    The same quantities and prices come again and again: a remembered one costs a tenth.
    """
    if value < 0:
        return "-" + format_scaled(-value)
    whole, fraction = divmod(value, SCALE)
    if not fraction:
        return str(whole)
    return f"{whole}.{fraction:08d}".rstrip("0")


def format_notional(value: int) -> str:
    """Write an int in units of 1e-16 as the shortest decimal."""
    if value < 0:
        return "-" + format_notional(-value)
    whole, fraction = divmod(value, NOTIONAL_SCALE)
    if not fraction:
        return str(whole)
    return f"{whole}.{fraction:016d}".rstrip("0")


def average_px(cum_notional: int, cum_qty: int) -> int:
    """Average price in units of 1e-8, rounded half up; 0 where nothing was executed.

    *Source:* AvgPx(6). The sums are kept, the ratio is derived here and nowhere else.
    """
    if not cum_qty:
        return 0
    return (2 * cum_notional + cum_qty) // (2 * cum_qty)


def exec_id_of_day(exec_id: str, day: int) -> str:
    """What we call an execution whose ExecID(17) was used on an earlier day as well, by the same order."""
    return f"{exec_id}~{day}"


def utc_date(ns: int) -> str:
    """The date of a time, YYYYMMDD, UTC.

    >>> utc_date(1_795_357_800_000_000_000)
    '20261122'

    By count of days in eras of 400 years that begin with March: nothing here may ask a clock or a calendar.
    """
    era, day_of_era = divmod(ns // 86_400_000_000_000 + 719_468, 146_097)
    year = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day = day_of_era - (365 * year + year // 4 - year // 100)
    month = (5 * day + 2) // 153  # from March on
    of_month = day - (153 * month + 2) // 5 + 1
    return f"{year + era * 400 + (month >= 10):04d}{(month + 2) % 12 + 1:02d}{of_month:02d}"


def utc_ns(text: str) -> int:
    """A UTCTimestamp(YYYYMMDD-HH:MM:SS, with or without a fraction) in nanoseconds.

    >>> utc_ns("20261122-14:30:00.5")
    1795357800500000000

    Raises ValueError for anything else.
    """
    date, _, time = text.partition("-")
    whole, _, fraction = time.partition(".")
    hours, minutes, seconds = whole.split(":")
    numbers = (date, hours, minutes, seconds, fraction or "0")
    if len(date) != 8 or not all(n.isascii() and n.isdigit() for n in numbers) or len(fraction) > 9:
        raise ValueError(f"not a UTCTimestamp: {text!r}")
    year, month, day = int(date[:4]), int(date[4:6]), int(date[6:])
    # As in `utc_date`, the other way round: from March on, so that a leap day is a year's last.
    era, of_era = divmod(year - (month < 3), 400)
    days = (
        era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + (153 * ((month + 9) % 12) + 2) // 5 + day
    )
    of_day = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    return ((days - 719_469) * 86_400 + of_day) * 1_000_000_000 + int(fraction.ljust(9, "0"))


class Side:
    """Side(54)."""

    BUY: Final = "1"
    SELL: Final = "2"
    AS_DEFINED: Final = "B"  # of a multileg order: its legs do what their LegSide says
    OPPOSITE: Final = "C"  # of a multileg order: its legs do the opposite


class OrdType:
    """OrdType(40)."""

    MARKET: Final = "1"
    LIMIT: Final = "2"
    STOP: Final = "3"
    STOP_LIMIT: Final = "4"
    MARKET_IF_TOUCHED: Final = "J"
    PEGGED: Final = "P"


PRICED: Final = frozenset((OrdType.LIMIT, OrdType.STOP_LIMIT))
"""Order types with a limit price."""

TRIGGERED: Final = frozenset((OrdType.STOP, OrdType.STOP_LIMIT, OrdType.MARKET_IF_TOUCHED))
"""Order types that wait for a price."""


class TimeInForce:
    """TimeInForce(59)."""

    DAY: Final = "0"
    GTC: Final = "1"
    OPG: Final = "2"
    IOC: Final = "3"
    FOK: Final = "4"
    GTX: Final = "5"
    GTD: Final = "6"
    AT_CLOSE: Final = "7"


GOOD_TILL: Final = frozenset((TimeInForce.GTC, TimeInForce.GTD))
"""Times in force that outlive the day."""


class OrdStatus:
    """OrdStatus(39)."""

    NEW: Final = "0"
    PARTIALLY_FILLED: Final = "1"
    FILLED: Final = "2"
    DONE_FOR_DAY: Final = "3"
    CANCELED: Final = "4"
    PENDING_CANCEL: Final = "6"
    STOPPED: Final = "7"
    REJECTED: Final = "8"
    SUSPENDED: Final = "9"
    PENDING_NEW: Final = "A"
    CALCULATED: Final = "B"
    EXPIRED: Final = "C"
    PENDING_REPLACE: Final = "E"


class ExecType:
    """ExecType(150), FIX 4.4 where nothing is said."""

    NEW: Final = "0"
    DONE_FOR_DAY: Final = "3"
    CANCELED: Final = "4"
    REPLACED: Final = "5"
    PENDING_CANCEL: Final = "6"
    STOPPED: Final = "7"
    REJECTED: Final = "8"
    SUSPENDED: Final = "9"
    PENDING_NEW: Final = "A"
    CALCULATED: Final = "B"
    EXPIRED: Final = "C"
    RESTATED: Final = "D"
    PENDING_REPLACE: Final = "E"
    TRADE: Final = "F"
    TRADE_CORRECT: Final = "G"
    TRADE_CANCEL: Final = "H"
    ORDER_STATUS: Final = "I"
    TRIGGERED: Final = "L"  # later than 4.4


class Leg(Struct, frozen=True, array_like=True, gc=False, omit_defaults=True):
    """One instrument of a multileg order, as its client defines it. A field is never removed or moved."""

    symbol: str  # LegSymbol(600)
    side: str  # LegSide(624): what it does when the order is bought; selling the order turns it round
    ratio_qty: Qty  # LegRatioQty(623): how much of it goes into one of the order
    leg_ref_id: str  # LegRefID(654), or its place, from 1 on, where the client gave none
    position_effect: str = ""  # LegPositionEffect(564)
    price: Px | None = None  # LegPrice(566)
    hold_px: Px = Px(0)  # ours: the price at which risk holds it


class Terms(Struct, frozen=True, array_like=True, gc=False, omit_defaults=True):
    """What few orders say: how the venue is to work it. Most have none of it, and no `Terms`.

    A field is never removed or moved, a new one goes last: it is part of events.
    """

    stop_px: Px = Px(0)  # StopPx(99)
    exec_inst: str = ""  # ExecInst(18): codes with spaces between
    min_qty: Qty = Qty(0)  # MinQty(110)
    max_floor: Qty = Qty(0)  # MaxFloor(111): what is shown
    expire_time: str = ""  # ExpireTime(126), as it was written
    expire_date: str = ""  # ExpireDate(432), YYYYMMDD
    peg_offset: Px = Px(0)  # PegOffsetValue(211): may be negative
    target_strategy: str = ""  # TargetStrategy(847)
    strategy_parameters: str = ""  # TargetStrategyParameters(848)
    participation_rate: str = ""  # ParticipationRate(849)
    legs: tuple[Leg, ...] = ()  # NoLegs(555): of a multileg order
    multi_leg_rpt_type_req: str = ""  # MultiLegRptTypeReq(563): what its client wants to be told of
    cash_order_qty: Qty = Qty(0)  # CashOrderQty(152): the money that OrderQty(38) was worked out from
    peg_offset_type: str = ""  # PegOffsetType(836): 0 price, 1 basis points, 2 ticks, 3 price tier
    peg_move_type: str = ""  # PegMoveType(835): 0 floating, 1 fixed
    peg_limit_type: str = ""  # PegLimitType(837)
    peg_round_direction: str = ""  # PegRoundDirection(838)
    peg_scope: str = ""  # PegScope(840)
    max_show: Qty = Qty(0)  # MaxShow(210): what others may be told of
    unread: str = ""  # "tag=value" of what would make it another order, and is worked nowhere here


ASKED_OF_US: Final = frozenset(("multi_leg_rpt_type_req", "cash_order_qty"))
"""Fields of `Terms` that no venue is sent."""


class MultiLegReportingType:
    """MultiLegReportingType(442)."""

    SINGLE: Final = "1"
    LEG: Final = "2"
    MULTILEG: Final = "3"


class MultiLegRptTypeReq:
    """MultiLegRptTypeReq(563)."""

    MULTILEG_ONLY: Final = "0"
    BOTH: Final = "1"
    LEGS_ONLY: Final = "2"


class ListMember(Struct, frozen=True, array_like=True, gc=False):
    """One order of a NewOrderList(E), in the terms of NewOrderSingle: part of an event, as `Terms` is."""

    list_seq_no: int  # ListSeqNo(67)
    cl_ord_id: str
    account: str
    symbol: str
    side: str
    order_qty: Qty
    ord_type: str
    price: Px
    time_in_force: str
    terms: Terms | None = None


class ListStatusType:
    """ListStatusType(429)."""

    ACK: Final = "1"
    RESPONSE: Final = "2"
    EXEC_STARTED: Final = "4"
    ALL_DONE: Final = "5"
    ALERT: Final = "6"


class ListOrderStatus:
    """ListOrderStatus(431)."""

    RECEIVED: Final = "2"
    EXECUTING: Final = "3"
    CANCELING: Final = "4"
    ALERT: Final = "5"
    ALL_DONE: Final = "6"
    REJECT: Final = "7"


class ExecInst:
    """ExecInst(18): the codes that are looked at here."""

    NOT_HELD: Final = "1"
    POST_ONLY: Final = "6"  # participate, do not initiate
    ALL_OR_NONE: Final = "G"
    TRAILING_STOP_PEG: Final = "a"


class CxlRejResponseTo:
    """CxlRejResponseTo(434)."""

    CANCEL: Final = "1"
    REPLACE: Final = "2"
