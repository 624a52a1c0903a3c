"""config/instruments.csv: every row is what its columns promise, and the script makes exactly this file."""

import csv
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from stdnum import isin as isin_number

ROOT = Path(__file__).resolve().parents[2]
CSV = ROOT / "config" / "instruments.csv"
COLUMNS = ["symbol", "market", "currency", "isin", "name", "tick_table", "lot_size"]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script as a module; skipped only where its data package is not installed."""
    pytest.importorskip("pytickersymbols")
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import make_reference_data
    finally:
        sys.path.pop(0)
    return make_reference_data


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with CSV.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def by_symbol(rows: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    return {row["symbol"]: row for row in rows}


def test_file_is_made_byte_for_byte_by_the_script(script: ModuleType) -> None:
    assert script.render(script.make_instruments()) == CSV.read_bytes()


def test_header_is_the_agreed_one() -> None:
    assert CSV.read_text("utf-8").splitlines()[0] == ",".join(COLUMNS)


def test_there_are_at_least_500_instruments_of_several_markets(rows: list[dict[str, str]]) -> None:
    assert len(rows) >= 500
    assert len({row["market"] for row in rows}) >= 5


def test_rows_are_sorted_by_market_and_symbol(rows: list[dict[str, str]]) -> None:
    keys = [(row["market"], row["symbol"]) for row in rows]
    assert keys == sorted(keys)


def test_isins_are_valid_by_iso_6166(rows: list[dict[str, str]]) -> None:
    assert [row["isin"] for row in rows if not isin_number.is_valid(row["isin"])] == []


@pytest.mark.parametrize("column", ["isin", "symbol"])
def test_column_is_unique(rows: list[dict[str, str]], column: str) -> None:
    assert len({row[column] for row in rows}) == len(rows)


def test_no_us_isin_is_of_a_bond(rows: list[dict[str, str]]) -> None:
    """CUSIP: the issue number of a share is two digits, that of a bond has letters."""
    assert [row["symbol"] for row in rows if re.match(r"US.{6}(?!\d\d)", row["isin"])] == []


def test_no_field_is_empty_or_padded(rows: list[dict[str, str]]) -> None:
    assert [row for row in rows for field in row.values() if not field or field != field.strip()] == []


def test_rows_agree_with_their_market(rows: list[dict[str, str]], markets: dict[str, dict[str, Any]]) -> None:
    for row in rows:
        market = markets[row["market"]]
        assert (row["currency"], row["lot_size"]) == (market["currency"], market["lot_size"]), row["symbol"]
        assert row["tick_table"] == market["tick_table"] or row["tick_table"] == "TSE_TOPIX500", row["symbol"]


def test_every_market_has_instruments(rows: list[dict[str, str]], markets: dict[str, dict[str, Any]]) -> None:
    assert {row["market"] for row in rows} == set(markets)


def test_every_tick_table_is_used(rows: list[dict[str, str]], tick_tables: dict[str, dict[str, Any]]) -> None:
    assert {row["tick_table"] for row in rows} == set(tick_tables)


# Facts that anyone can look up at the exchange or the issuer.
@pytest.mark.parametrize(
    ("symbol", "market", "currency", "isin"),
    [
        ("AAPL", "XNAS", "USD", "US0378331005"),
        ("MSFT", "XNAS", "USD", "US5949181045"),
        ("IBM", "XNYS", "USD", "US4592001014"),
        ("JPM", "XNYS", "USD", "US46625H1005"),
        ("SAP.DE", "XETR", "EUR", "DE0007164600"),
        ("AIR.PA", "XPAR", "EUR", "NL0000235190"),
        ("MC.PA", "XPAR", "EUR", "FR0000121014"),
        ("ASML.AS", "XAMS", "EUR", "NL0010273215"),
        ("SHEL.L", "XLON", "GBP", "GB00BP6MXD84"),
        ("VOD.L", "XLON", "GBP", "GB00BH4HKS39"),
        ("BT-A.L", "XLON", "GBP", "GB0030913577"),
        ("SAN.MC", "XMAD", "EUR", "ES0113900J37"),
        ("ENI.MI", "XMIL", "EUR", "IT0003132476"),
        ("NOKIA.HE", "XHEL", "EUR", "FI0009000681"),
        ("ASSA-B.ST", "XSTO", "SEK", "SE0007100581"),
        ("KBC.BR", "XBRU", "EUR", "BE0003565737"),
        ("7203.T", "XTKS", "JPY", "JP3633400001"),
        ("6758.T", "XTKS", "JPY", "JP3435000009"),
    ],
)
def test_known_listing(
    by_symbol: dict[str, dict[str, str]], symbol: str, market: str, currency: str, isin: str
) -> None:
    row = by_symbol[symbol]
    assert (row["market"], row["currency"], row["isin"]) == (market, currency, isin)


# Stocks whose fields contradict each other in the data; each would be a wrong row.
@pytest.mark.parametrize(
    ("symbol", "reason"),
    [
        ("9434.T", "the ISIN and the quoted ticker are those of SoftBank Group, 9984"),
        ("BF.B", "the ISIN is that of the class A shares"),
        ("KDP", "the ISIN is that of a bond"),
        ("APTV", "the ISIN is of before its move to another company"),
        ("ELISA.HE", "an ISIN that another stock claims too"),
        ("VOW3.DE", "two classes and two ISINs, nothing says which is which"),
    ],
)
def test_doubtful_stock_is_left_out(by_symbol: dict[str, dict[str, str]], symbol: str, reason: str) -> None:
    assert symbol not in by_symbol, reason


def test_hand_kept_lists_are_in_effect(script: ModuleType, by_symbol: dict[str, dict[str, str]]) -> None:
    assert {symbol: by_symbol[symbol]["isin"] for symbol in script._CROSS_BORDER} == script._CROSS_BORDER
    assert not set(script._EXCLUDED) & set(by_symbol)


@pytest.mark.parametrize(
    ("symbol", "text", "market"),
    [
        ("MMM", "NYSE : MMM DJIA component S&P 500 component", "XNYS"),
        ("AES", "NYSE : AES S&P 500 component", "XNYS"),
        ("CPB", "Nasdaq : CPB S&P 500 component NYSE : CPB (until 2024)", "XNAS"),
        ("FDS", "NYSE : FDS Nasdaq : FDS", None),
        ("EVO", "Nasdaq Stockholm : EVO", None),
        ("EVO.ST", "Nasdaq Stockholm : EVO", "XSTO"),
        ("ASSA-B.ST", "Nasdaq Stockholm : ASSA B", "XSTO"),
        ("EPI-A.ST", "Nasdaq Stockholm : EPI A , EPI B", None),
        ("BT-A.L", "LSE : BT.A FTSE 100 component", "XLON"),
        ("RR.L", "LSE : RR. FTSE 100 component", "XLON"),
        ("SAP.DE", "FWB : SAP FWB : SAPA ( ADR ) NYSE : SAP ( ADR )", "XETR"),
        ("HEN3.DE", "FWB : HEN ( Common shares ) FWB : HEN3 ( Preference shares )", None),
        ("SCYR.MC", "BMAD : SYV", None),
        ("ADS.F", "FWB : ADS", None),
        ("AAPL", "", None),
    ],
)
def test_market_needs_one_quoted_ticker_that_is_the_symbols(
    script: ModuleType, symbol: str, text: str, market: str | None
) -> None:
    assert script.market_of(symbol, text) == market


@pytest.mark.parametrize(
    ("symbol", "country", "isins", "isin"),
    [
        ("SAP.DE", "DE", ["DE0007164600", "US8030542042"], "DE0007164600"),
        ("WKL.AS", "NL", ["NL0000395903", "NL0006177032"], None),
        ("AD.AS", "NL", ["BE0003562700", "NL0011794037"], None),
        ("AIR.PA", "FR", ["NL0000235190"], "NL0000235190"),
        ("STLAP.PA", "FR", ["NL00150001Q9"], None),
        ("BLK", "US", ["US09247X1019", "US09290D1019"], None),
        ("AAPL", "US", [], None),
    ],
)
def test_home_isin_is_the_only_candidate_of_the_country(
    script: ModuleType, symbol: str, country: str, isins: list[str], isin: str | None
) -> None:
    assert script.home_isin(symbol, country, isins) == isin
