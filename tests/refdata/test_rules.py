"""config/markets.toml and config/tick_rules.toml: well formed, complete, right where their sources change."""

import re
from datetime import time
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

ISO_4217 = {"EUR", "GBP", "JPY", "SEK", "USD"}
MARKET_KEYS = {
    "country",
    "currency",
    "lot_size",
    "mic",
    "name",
    "sessions",
    "pre_open_minutes",
    "day_end_minutes",
    "settlement_days",
    "source",
    "tick_table",
    "timezone",
    "venue_quote_unit",
}

RTS_11 = "Commission Delegated Regulation (EU) 2017/588, Annex"
TSE = "TSE Business Regulations, Rule 14"


def tick_at(table: dict[str, Any], price: str) -> Decimal:
    """The tick that holds at a price, by the rule at the head of tick_rules.toml."""
    return max((Decimal(at), Decimal(tick)) for at, tick in table["rows"] if Decimal(at) <= Decimal(price))[1]


def test_mics_are_unique_and_well_formed(market_list: list[dict[str, Any]]) -> None:
    mics = [market["mic"] for market in market_list]
    assert len(set(mics)) == len(mics)
    assert all(re.fullmatch(r"[A-Z0-9]{4}", mic) for mic in mics)


def test_markets_have_exactly_the_known_keys(market_list: list[dict[str, Any]]) -> None:
    assert [market["mic"] for market in market_list if set(market) != MARKET_KEYS] == []


def test_market_values_are_usable(market_list: list[dict[str, Any]]) -> None:
    for market in market_list:
        ZoneInfo(market["timezone"])
        assert market["currency"] in ISO_4217
        assert re.fullmatch(r"[A-Z]{2}", market["country"])
        assert Decimal(market["lot_size"]) >= 1
        assert market["settlement_days"] in (1, 2)
        assert market["source"] and market["name"]


def test_sessions_are_in_order_and_do_not_overlap(market_list: list[dict[str, Any]]) -> None:
    for market in market_list:
        edges = [time.fromisoformat(edge) for session in market["sessions"] for edge in session]
        assert edges and len(edges) % 2 == 0, market["mic"]
        assert all(earlier < later for earlier, later in pairwise(edges)), market["mic"]


def test_every_market_has_a_tick_table(
    market_list: list[dict[str, Any]], tick_tables: dict[str, dict[str, Any]]
) -> None:
    assert {market["tick_table"] for market in market_list} <= set(tick_tables)


def test_only_london_quotes_in_a_part_of_its_currency(market_list: list[dict[str, Any]]) -> None:
    units = {market["mic"]: market["venue_quote_unit"] for market in market_list}
    assert {mic for mic, unit in units.items() if unit != "1"} == {"XLON"}
    assert units["XLON"] == "0.01"


@pytest.mark.parametrize(("mic", "days"), [("XNAS", 1), ("XNYS", 1), ("XETR", 2), ("XLON", 2), ("XTKS", 2)])
def test_settlement_cycle(markets: dict[str, dict[str, Any]], mic: str, days: int) -> None:
    """SEC Rule 15c6-1(a); CSDR Article 5(2), in the EU and in the UK; JSCC rules since 2019-07-16."""
    assert markets[mic]["settlement_days"] == days


def test_tokyo_trades_in_hundreds_and_all_others_in_single_shares(market_list: list[dict[str, Any]]) -> None:
    lots = {market["mic"]: market["lot_size"] for market in market_list}
    assert {mic: lot for mic, lot in lots.items() if lot != "1"} == {"XTKS": "100"}


def test_tick_tables_name_their_source_and_assumption(tick_table_list: list[dict[str, Any]]) -> None:
    names = [table["name"] for table in tick_table_list]
    assert len(set(names)) == len(names)
    for table in tick_table_list:
        assert set(table) == {"name", "source", "assumption", "rows"}
        assert table["source"] and table["assumption"]


def test_tick_tables_start_at_zero_and_ascend(tick_table_list: list[dict[str, Any]]) -> None:
    for table in tick_table_list:
        rows = [(Decimal(at), Decimal(tick)) for at, tick in table["rows"]]
        assert rows[0][0] == 0 and rows[0][1] > 0, table["name"]
        assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(rows)), table["name"]


def test_tick_tables_hold_plain_decimals_of_at_most_eight_places(
    tick_table_list: list[dict[str, Any]],
) -> None:
    """Eight places are what a scaled price of the OMS can hold."""
    cells = [cell for table in tick_table_list for row in table["rows"] for cell in row]
    assert [cell for cell in cells if not re.fullmatch(r"\d+(\.\d{1,8})?", cell)] == []


def test_boundary_prices_are_multiples_of_the_tick_on_both_sides(
    tick_table_list: list[dict[str, Any]],
) -> None:
    for table in tick_table_list:
        rows = [(Decimal(at), Decimal(tick)) for at, tick in table["rows"]]
        for (_, below), (boundary, above) in pairwise(rows):
            assert boundary % below == 0 and boundary % above == 0, (table["name"], boundary)


def test_pence_table_is_the_euro_table_divided_by_100(tick_tables: dict[str, dict[str, Any]]) -> None:
    def scaled(name: str, by: int) -> list[tuple[Decimal, Decimal]]:
        return [(Decimal(at) * by, Decimal(tick) * by) for at, tick in tick_tables[name]["rows"]]

    assert scaled("RTS11_BAND5_PENCE", 100) == scaled("RTS11_BAND5", 1)


def test_a_price_valid_outside_topix_500_is_valid_inside(tick_tables: dict[str, dict[str, Any]]) -> None:
    """Why TSE_OTHER is safe for a share whose membership is unknown."""
    fine, coarse = tick_tables["TSE_TOPIX500"], tick_tables["TSE_OTHER"]
    for price in {at for table in (fine, coarse) for at, _ in table["rows"]}:
        assert tick_at(coarse, price) % tick_at(fine, price) == 0, price


@pytest.mark.parametrize(
    ("table", "price", "tick", "source"),
    [
        ("US_RULE_612", "0.9999", "0.0001", "17 CFR 242.612"),
        ("US_RULE_612", "1", "0.01", "17 CFR 242.612"),
        ("US_RULE_612", "600000", "0.01", "17 CFR 242.612"),
        ("RTS11_BAND5", "0.4999", "0.0001", RTS_11),
        ("RTS11_BAND5", "0.5", "0.0002", RTS_11),
        ("RTS11_BAND5", "0.9998", "0.0002", RTS_11),
        ("RTS11_BAND5", "1", "0.0005", RTS_11),
        ("RTS11_BAND5", "9.998", "0.002", RTS_11),
        ("RTS11_BAND5", "10", "0.005", RTS_11),
        ("RTS11_BAND5", "99.98", "0.02", RTS_11),
        ("RTS11_BAND5", "100", "0.05", RTS_11),
        ("RTS11_BAND5", "999.8", "0.2", RTS_11),
        ("RTS11_BAND5", "1000", "0.5", RTS_11),
        ("RTS11_BAND5", "50000", "20", RTS_11),
        ("RTS11_BAND5_PENCE", "0.8512", "0.0002", RTS_11 + ": 85.12 pence, tick 0.02 pence"),
        ("RTS11_BAND5_PENCE", "10.5", "0.005", RTS_11 + ": 1050 pence, tick 0.5 pence"),
        ("TSE_TOPIX500", "999.9", "0.1", TSE),
        ("TSE_TOPIX500", "1000.5", "0.5", TSE),
        ("TSE_TOPIX500", "3001", "1", TSE),
        ("TSE_TOPIX500", "10005", "5", TSE),
        ("TSE_TOPIX500", "30010", "10", TSE),
        ("TSE_TOPIX500", "100050", "50", TSE),
        ("TSE_OTHER", "2999", "1", TSE),
        ("TSE_OTHER", "3005", "5", TSE),
        ("TSE_OTHER", "5010", "10", TSE),
        ("TSE_OTHER", "30050", "50", TSE),
        ("TSE_OTHER", "50100", "100", TSE),
        ("TSE_OTHER", "300500", "500", TSE),
    ],
)
def test_tick_at_boundary(
    tick_tables: dict[str, dict[str, Any]], table: str, price: str, tick: str, source: str
) -> None:
    assert tick_at(tick_tables[table], price) == Decimal(tick), source
