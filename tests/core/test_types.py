"""Scaled integers against decimal.Decimal and fractions.Fraction: a second opinion on every digit."""

from datetime import date, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms.core import types
from oms.core.types import (
    DIGITS,
    MAX_SCALED,
    NOTIONAL_SCALE,
    SCALE,
    average_px,
    format_notional,
    format_scaled,
    parse_scaled,
    utc_date,
)

scaled_ints = st.integers(-MAX_SCALED, MAX_SCALED)
"""All that a journal can hold, and so all that a price or quantity can be."""


def decimal(text: str) -> Decimal:
    with localcontext(prec=60):
        return Decimal(text) * SCALE


# -- reading -------------------------------------------------------------------------------------------------

READ = (
    # text                        units of 1e-8
    ("0",                                        0),
    ("-0",                                       0),
    ("300",                         30_000_000_000),
    ("100.25",                      10_025_000_000),
    ("-12.5",                       -1_250_000_000),
    (".25",                             25_000_000),
    ("-.25",                           -25_000_000),
    ("5.",                             500_000_000),
    ("007.10",                         710_000_000),
    ("0.00000001",                               1),
    ("1.000000000000000000",           100_000_000),
    ("92233720368.54775807",            2**63 - 1),
    ("-92233720368.54775807",          -(2**63 - 1)),
)  # fmt: skip


@pytest.mark.parametrize(("text", "value"), READ)
def test_reads_a_fix_decimal(text: str, value: int) -> None:
    assert parse_scaled(text) == value


REFUSED = (
    # text                      why
    ("",                       "nothing at all"),
    (".",                      "no digit"),
    ("-",                      "no digit"),
    ("-.",                     "no digit"),
    ("+1",                     "FIX has no plus sign"),
    ("--1",                    "two signs"),
    ("1-",                     "sign behind"),
    ("1.-5",                   "sign inside"),
    ("1.2.3",                  "two points"),
    ("1e3",                    "exponent"),
    ("1E3",                    "exponent"),
    ("0x10",                   "not decimal"),
    ("1_000",                  "Python's underscores"),
    ("1,000",                  "thousands"),
    (" 1",                     "space before"),
    ("1 ",                     "space behind"),
    ("1\n",                    "line end"),
    ("inf",                    "not a number"),
    ("nan",                    "not a number"),
    ("¹",                      "a digit, but not an ASCII one"),
    ("١",                      "a digit, but not an ASCII one"),
    ("0.000000001",            "nine places"),
    ("92233720368.54775808",   "one more than 64 bits"),
    ("-92233720368.54775808",  "its negation: no number without its opposite"),
    ("9" * 5000,               "longer than Python converts"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_refuses(text: str, why: str) -> None:
    with pytest.raises(ValueError):
        parse_scaled(text)


@given(st.text(alphabet="0123456789.-+eE_ ", max_size=24))
def test_reads_what_decimal_reads_exactly_or_refuses(text: str) -> None:
    try:
        value = parse_scaled(text)
    except ValueError:
        return
    assert value == decimal(text)


@given(scaled_ints)
def test_written_and_read_again_is_the_same(value: int) -> None:
    text = format_scaled(value)
    assert parse_scaled(text) == value
    assert decimal(text) == value


@given(scaled_ints)
def test_written_is_the_shortest_decimal(value: int) -> None:
    text = format_scaled(value)
    whole, _, fraction = text.partition(".")
    assert str(int(whole.lstrip("-"))) == whole.lstrip("-")
    assert not fraction.endswith("0")
    assert ("." in text) == bool(fraction)
    assert (text[0] == "-") == (value < 0)


@given(st.decimals(min_value="-92233720368", max_value="92233720368", places=DIGITS))
def test_every_decimal_of_eight_places_is_read(number: Decimal) -> None:
    text = f"{number:f}"
    assert parse_scaled(text) == decimal(text)


@given(st.integers(-(10**40), 10**40))
def test_a_notional_is_written_exactly(value: int) -> None:
    with localcontext(prec=60):
        assert Decimal(format_notional(value)) * NOTIONAL_SCALE == value


# -- averages ------------------------------------------------------------------------------------------------

fills = st.lists(
    st.tuples(st.integers(1, MAX_SCALED), st.integers(-(10**15), 10**15)), min_size=1, max_size=8
)


@given(fills)
def test_average_price_is_the_exact_ratio_rounded_half_up(executions: list[tuple[int, int]]) -> None:
    cum_qty = sum(qty for qty, _ in executions)
    cum_notional = sum(qty * px for qty, px in executions)
    exact = Fraction(cum_notional, cum_qty)
    assert average_px(cum_notional, cum_qty) == (exact + Fraction(1, 2)).__floor__()


@given(st.integers(1, MAX_SCALED), st.integers(1, MAX_SCALED))
def test_average_of_one_price_is_that_price(qty: int, px: int) -> None:
    assert average_px(qty * px, qty) == px


def test_average_of_nothing_is_0() -> None:
    assert average_px(0, 0) == 0


# -- dates ---------------------------------------------------------------------------------------------------

DAY_NS = 86_400_000_000_000


@given(st.integers(-(10**5), 2 * 10**6))
def test_the_date_of_a_day_is_that_of_the_calendar(day: int) -> None:
    wanted = (date(1970, 1, 1) + timedelta(day)).strftime("%Y%m%d").zfill(8)
    assert utc_date(day * DAY_NS) == utc_date((day + 1) * DAY_NS - 1) == wanted


# -- enumerations --------------------------------------------------------------------------------------------

CHARACTERS = {
    "Side": {"BUY": "1", "SELL": "2", "AS_DEFINED": "B", "OPPOSITE": "C"},
    "MultiLegReportingType": {"SINGLE": "1", "LEG": "2", "MULTILEG": "3"},
    "MultiLegRptTypeReq": {"MULTILEG_ONLY": "0", "BOTH": "1", "LEGS_ONLY": "2"},
    "OrdType": {
        "MARKET": "1", "LIMIT": "2", "STOP": "3", "STOP_LIMIT": "4", "MARKET_IF_TOUCHED": "J", "PEGGED": "P",
    },
    "TimeInForce": {
        "DAY": "0", "GTC": "1", "OPG": "2", "IOC": "3", "FOK": "4", "GTX": "5", "GTD": "6", "AT_CLOSE": "7",
    },
    "OrdStatus": {
        "NEW": "0", "PARTIALLY_FILLED": "1", "FILLED": "2", "DONE_FOR_DAY": "3", "CANCELED": "4",
        "PENDING_CANCEL": "6", "STOPPED": "7", "REJECTED": "8", "SUSPENDED": "9", "PENDING_NEW": "A",
        "CALCULATED": "B", "EXPIRED": "C", "PENDING_REPLACE": "E",
    },
    "ExecType": {
        "NEW": "0", "DONE_FOR_DAY": "3", "CANCELED": "4", "REPLACED": "5", "PENDING_CANCEL": "6",
        "STOPPED": "7", "REJECTED": "8", "SUSPENDED": "9", "PENDING_NEW": "A", "CALCULATED": "B",
        "EXPIRED": "C", "RESTATED": "D", "PENDING_REPLACE": "E", "TRADE": "F", "TRADE_CORRECT": "G",
        "TRADE_CANCEL": "H", "ORDER_STATUS": "I", "TRIGGERED": "L",
    },
    "CxlRejResponseTo": {"CANCEL": "1", "REPLACE": "2"},
}  # fmt: skip
"""*Source:* FIX 4.4 data dictionary, fields 54, 40, 59, 39, 150, 434; ExecType L: FIX 5.0 SP2."""


@pytest.mark.parametrize("name", CHARACTERS)
def test_values_are_the_characters_of_fix(name: str) -> None:
    found = {key: value for key, value in vars(getattr(types, name)).items() if key.isupper()}
    assert found == CHARACTERS[name]
