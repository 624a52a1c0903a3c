"""The routing table's file: what it becomes, and everything that may be wrong with it, all of it at once."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from oms.app import known_to
from oms.config import ConfigError
from oms.config import load as load_config
from oms.core import events as ev
from oms.core.router import DAY_S, NO_END
from oms.core.types import SCALE
from oms.reference import clock_of
from oms.routing_file import CONDITIONS, Known, RoutingError, load
from tests.core.desk import scaled
from tests.core.tables import ACCOUNTS, INSTRUMENTS, MONDAY_NS

ROOT = Path(__file__).resolve().parents[1]

ZONES = {
    "XNYS": "America/New_York",
    "XLON": "Europe/London",
    "XTKS": "Asia/Tokyo",
    "XSWX": "Europe/Zurich",
    "XPAR": "Europe/Paris",
}
KNOWN = Known(
    destinations=frozenset({"SIM", "LSE", "paper", "slices", "patient"}),
    venues={"SIM": "SIM", "LSE": "LSE", "paper": "paper", "patient": "LSE"},
    clients=frozenset({"ALPHA", "BRAVO"}),
    instruments=INSTRUMENTS,
    accounts=ACCOUNTS,
    zones=ZONES,
    market_states=frozenset({"open", "auction"}),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "routing.toml"


def table(path: Path, text: str, known: Known = KNOWN) -> ev.RoutingDefined:
    path.write_text(text)
    loaded = load(path, known, MONDAY_NS)
    assert loaded.warnings == []
    return loaded.table


def errors(path: Path, text: str, known: Known = KNOWN) -> list[str]:
    """What is wrong, without the name of the file."""
    path.write_text(text)
    with pytest.raises(RoutingError) as found:
        load(path, known, MONDAY_NS)
    assert str(found.value).split("\n") == found.value.errors
    assert all(text.startswith(f"{path.parent}{os.sep}") for text in found.value.errors)
    return [text.removeprefix(f"{path.parent}{os.sep}") for text in found.value.errors]


REST = """
[[rule]]
name = "rest"
to = "SIM"
"""


def one(conditions: str) -> str:
    """A table of a rule with conditions, and the rest. The rule's first condition is in line 4."""
    return f'[[rule]]\nname = "one"\nto = "LSE"\n{conditions}\n{REST}'


# -- what it becomes -----------------------------------------------------------------------------------------


def test_a_whole_table(path: Path) -> None:
    (path.parent / "volumes.csv").write_text("symbol,average_daily_volume\nIBM,2000\nUNKNOWN,5\nVOD,12.5\n")
    text = """
        volumes = "volumes.csv"

        [lists]
        large = ["IBM", "TOY"]

        [[rule]]
        name = "large in New York"
        list = "large"
        market = ["XNYS", "XLON"]
        order_qty = { from = "100" }
        adv_percent = { below = 10 }
        zone = "market"
        time = { from = "22:00", until = "06:30" }
        weekday = ["mon", "tue"]
        to = "slices"

        [[rule]]
        name = "words of FIX"
        side = "sell"
        ord_type = ["limit", "3", "market_if_touched"]
        time_in_force = ["day", "at_close", "1"]
        urgency = "high"
        to = "LSE"

        [[rule]]
        name = "rest"
        to = "paper"
    """
    found = table(path, text)
    assert found.rules == (
        ev.RoutingRule(
            "large in New York",
            "slices",
            (
                ("list", ("large",)),
                ("market", ("XNYS", "XLON")),
                ("zone", ("market",)),
                ("weekday", ("mon", "tue")),
            ),
            (
                ("order_qty", scaled("100"), NO_END),
                ("adv_percent", 0, scaled("10")),
                ("time", 22 * 3600, DAY_S),
                ("time", 0, 6 * 3600 + 1800),
            ),
        ),
        ev.RoutingRule(
            "words of FIX",
            "LSE",
            (
                ("side", ("2",)),
                ("ord_type", ("2", "3", "J")),
                ("time_in_force", ("0", "7", "1")),
                ("urgency", ("high",)),
            ),
            (),
        ),
        ev.RoutingRule("rest", "paper", (), ()),
    )
    assert found.lists == (("large", ("IBM", "TOY")),)
    assert found.volumes == (("IBM", 2000 * SCALE), ("VOD", scaled("12.5")))
    assert [market for market, _ in found.clocks] == ["XLON", "XNYS", "XSWX", "XTKS"]
    assert ev.decode(ev.encode(found)) == found


def test_a_destination_is_up_if_its_venue_is(path: Path) -> None:
    found = table(path, one('up = ["patient", "SIM"]'))
    assert found.rules[0].words == (("up", ("LSE", "SIM")),)


def test_clocks_are_journaled_only_where_a_rule_goes_by_them(path: Path) -> None:
    assert table(path, one('zone = "UTC"\ntime = { from = "08:00" }')).clocks == ()


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Asia/Tokyo", "Australia/Lord_Howe"])
def test_a_clock_is_that_of_the_time_zone_to_the_second(zone: str) -> None:
    moves = clock_of(zone, 2025, 2027)
    begin, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2025, 2028))
    seconds = [*range(begin, end, 3571), *(since + off for since, _ in moves[1:] for off in (-1, 0))]
    for second in seconds:
        offset = datetime.fromtimestamp(second, ZoneInfo(zone)).utcoffset()
        assert offset is not None
        assert [o for since, o in moves if since <= second][-1] == offset.total_seconds()


# -- what names nothing --------------------------------------------------------------------------------------

UNKNOWN = (
    # conditions                       what is said
    ('symbol = "IBN"',                "line 4: rule 'one': symbol: 'IBN' is none of: IBM, NES, SPY, TOY, VOD"),
    ('list = "small"',                "line 4: rule 'one': list: 'small': none is known here"),
    ('asset_class = "bond"',          "line 4: rule 'one': asset_class: 'bond' is none of: equity, fund"),
    ('market = "XXXX"',               "line 4: rule 'one': market: 'XXXX' is none of: XLON, XNYS, XPAR, XSWX, XTKS"),
    ('currency = "EUR"',              "line 4: rule 'one': currency: 'EUR' is none of: CHF, GBP, JPY, USD"),
    ('account = ["ACC", "NONE"]',     "line 4: rule 'one': account: 'NONE' is none of: ACC, BLOCK, OWN"),
    ('client = "CHARLIE"',            "line 4: rule 'one': client: 'CHARLIE' is none of: ALPHA, BRAVO"),
    ('side = "short"',                "line 4: rule 'one': side: 'short' is none of: 1, 2, B, C, as_defined, buy, opposite, sell"),
    ('market_state = "closed"',       "line 4: rule 'one': market_state: 'closed' is none of: auction, open"),
    ('up = "slices"',                 "line 4: rule 'one': up: 'slices' is none of: LSE, SIM, paper, patient"),
    ('down = "NYSE"',                 "line 4: rule 'one': down: 'NYSE' is none of: LSE, SIM, paper, patient"),
    ('zone = "GMT"\nweekday = "mon"', "line 4: rule 'one': zone: 'GMT' is none of: UTC, market"),
    ('zone = "UTC"\nweekday = "Mo"',  "line 5: rule 'one': weekday: 'Mo' is none of: fri, mon, sat, sun, thu, tue, wed"),
    ('urgency = "High"',              "line 4: rule 'one': urgency: 'High' is not a word in lower case"),
    ('urgency = "very high"',         "line 4: rule 'one': urgency: 'very high' is not a word in lower case"),
)  # fmt: skip


@pytest.mark.parametrize(("conditions", "said"), UNKNOWN, ids=[conditions for conditions, _ in UNKNOWN])
def test_what_is_not_known(path: Path, conditions: str, said: str) -> None:
    assert errors(path, one(conditions)) == [f"routing.toml, {said}"]


def test_a_destination_that_is_not_known(path: Path) -> None:
    assert errors(path, '[[rule]]\nname = "a"\nto = "NYSE"\n') == [
        "routing.toml, line 3: rule 'a': to: 'NYSE' is none of: LSE, SIM, paper, patient, slices"
    ]
    assert errors(path, '[[rule]]\nname = "a"\n') == [
        "routing.toml, line 1: rule 'a': to: '' is none of: LSE, SIM, paper, patient, slices"
    ]


def test_an_engine_that_knows_no_markets_state_refuses_to_ask_for_it(path: Path) -> None:
    """Otherwise the rule would hold for nothing, silently."""
    known = replace(KNOWN, market_states=frozenset())
    assert errors(path, one('market_state = "open"'), known) == [
        "routing.toml, line 4: rule 'one': market_state: 'open': none is known here"
    ]


# -- what is not written as it should be ---------------------------------------------------------------------

SHAPES = (
    # conditions                                         what is said
    ("speed = 3",                                       f"speed: no condition is named so: {', '.join(CONDITIONS)}"),
    ("symbol = 3",                                      "symbol: a text or a list of texts is expected, none of them empty"),
    ("symbol = []",                                     "symbol: a text or a list of texts is expected, none of them empty"),
    ('symbol = [""]',                                   "symbol: a text or a list of texts is expected, none of them empty"),
    ('symbol = ["IBM", 3]',                             "symbol: a text or a list of texts is expected, none of them empty"),
    ('order_qty = "100"',                               'order_qty: a range is expected: { from = "100", below = "5000" }'),
    ("order_qty = {}",                                  'order_qty: a range is expected: { from = "100", below = "5000" }'),
    ('order_qty = { above = "1" }',                     'order_qty: a range is expected: { from = "100", below = "5000" }'),
    ("order_qty = { from = 1.5 }",                      "order_qty: 1.5 is not a number as it is written here: \"12.5\""),
    ("order_qty = { from = true }",                     "order_qty: True is not a number as it is written here: \"12.5\""),
    ('order_qty = { from = "1e3" }',                    "order_qty: not a decimal number: '1e3'"),
    ('notional = { below = "-1" }',                     "notional: -1 is negative"),
    ('zone = "UTC"\ntime = "08:00"',                    'time: a range is expected: { from = "08:00", until = "16:30" }'),
    ('zone = "UTC"\ntime = { from = "8:00" }',          "time: HH:MM or HH:MM:SS is expected"),
    ('zone = "UTC"\ntime = { from = "24:00" }',         "time: HH:MM or HH:MM:SS is expected"),
    ('zone = "UTC"\ntime = { until = "25:00" }',        "time: HH:MM or HH:MM:SS is expected"),
    ('zone = "UTC"\ntime = { from = "08:60" }',         "time: HH:MM or HH:MM:SS is expected"),
    ('zone = ["UTC", "market"]\nweekday = "mon"',       "zone: one clock is expected"),
    ('time = { from = "08:00" }',                       'time: by which clock? zone = "market" or "UTC"'),
    ('weekday = "mon"',                                 'weekday: by which clock? zone = "market" or "UTC"'),
    ('zone = "UTC"',                                    "zone: says nothing without time or weekday"),
)  # fmt: skip


@pytest.mark.parametrize(("conditions", "said"), SHAPES, ids=[conditions for conditions, _ in SHAPES])
def test_what_is_written_wrongly(path: Path, conditions: str, said: str) -> None:
    line = 5 if "\n" in conditions and not said.startswith("zone") else 4
    assert errors(path, one(conditions)) == [f"routing.toml, line {line}: rule 'one': {said}"]


FILES = (
    # the file                                       what is said
    ("",                                            ["line 1: there is no rule: no order would go anywhere"]),
    ("rule = 3",                                    ["line 1: rule: tables [[rule]] are expected"]),
    (f"rules = 3\n{REST}",                          ["line 1: unknown key rules: there are volumes, lists and rule"]),
    (f"lists = 3\n{REST}",                          ["line 1: lists: a table [lists] is expected"]),
    (f"[lists]\nx = []\n{REST}",                    ["line 2: list x: symbols are expected, one at least"]),
    (f'[lists]\nx = ["IBM", "IBN"]\n{REST}',        ["line 2: list x: symbol 'IBN' is not known"]),
    (f"volumes = 3\n{REST}",                        ["line 1: volumes: the name of a file is expected"]),
    ('[[rule]]\nto = "SIM"\n',                      ["line 1: rule 1: name: every rule needs one: a text"]),
    ('[[rule]]\nname = 3\nto = "SIM"\n',            ["line 2: rule 1: name: every rule needs one: a text"]),
    ('[[rule]]\nname = "a"\nto = ["SIM"]\n',        ["line 3: rule 'a': to: ['SIM'] is none of: LSE, SIM, paper, patient, slices"]),
    (one('side = "1"').replace('"one"', '"rest"'),  ["line 7: rule 'rest': name: so is the rule of line 1 named"]),
)  # fmt: skip


@pytest.mark.parametrize(("text", "said"), FILES)
def test_a_file_that_is_wrong(path: Path, text: str, said: list[str]) -> None:
    assert errors(path, text) == [f"routing.toml, {one}" for one in said]


def test_a_file_that_is_no_toml_or_not_there(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"routing\.toml: No such file"):
        load(path, KNOWN, MONDAY_NS)
    path.write_text("[[rule]\n")
    with pytest.raises(ConfigError, match=r"routing\.toml: not valid TOML"):
        load(path, KNOWN, MONDAY_NS)


def test_keys_are_found_where_they_stand_in_other_ways_of_writing(path: Path) -> None:
    text = """
        # a comment
        [ lists ]
        "x" = ["NO"]
        [[ rule ]]
        name = "a"
        "to" = "NO"
        [rule.order_qty]
        from = "x"
    """
    assert errors(path, text) == [
        "routing.toml, line 4: list x: symbol 'NO' is not known",
        "routing.toml, line 7: rule 'a': to: 'NO' is none of: LSE, SIM, paper, patient, slices",
        "routing.toml, line 8: rule 'a': order_qty: not a decimal number: 'x'",
    ]
    assert errors(path, 'rule = [{ name = "a", to = "NO" }]') == [
        "routing.toml, line 1: rule 'a': to: 'NO' is none of: LSE, SIM, paper, patient, slices"
    ]


# -- average daily volumes -----------------------------------------------------------------------------------


def test_every_line_of_the_volumes_that_is_wrong_is_named(path: Path) -> None:
    (path.parent / "v.csv").write_text(
        "symbol,average_daily_volume\nIBM,many\nVOD,0\nTOY\nSPY,5\nSPY,6\nNES,-1\n"
    )
    assert errors(path, f'volumes = "v.csv"\n{REST}') == [
        "v.csv, line 2: average_daily_volume: not a decimal number: 'many'",
        "v.csv, line 3: average_daily_volume: must be greater than 0",
        "v.csv, line 4: not 2 columns",
        "v.csv, line 6: symbol SPY stands here twice",
        "v.csv, line 7: average_daily_volume: -1 is negative",
    ]


def test_a_volumes_file_that_cannot_be_read(path: Path) -> None:
    there = path.parent / "v.csv"
    assert errors(path, f'volumes = "v.csv"\n{REST}') == [
        f"routing.toml, line 1: volumes: {there}: No such file or directory"
    ]
    there.write_text("symbol;volume\n")
    assert errors(path, f'volumes = "v.csv"\n{REST}') == [
        "v.csv, line 1: the columns must be symbol,average_daily_volume"
    ]


# -- rules that no order can come to -------------------------------------------------------------------------

NEVER = (
    # conditions                                        what is said, in which line
    ('symbol = "VOD"\nmarket = "XNYS"',                "line 4: rule 'one': symbol: VOD is not of market XNYS"),
    ('symbol = "VOD"\ncurrency = ["USD", "JPY"]',      "line 4: rule 'one': symbol: VOD is not of currency USD or JPY"),
    ('symbol = "VOD"\nasset_class = "fund"',           "line 4: rule 'one': symbol: VOD is not of asset_class fund"),
    ('symbol = ["IBM", "VOD"]\nlist = "large"',        "line 4: rule 'one': symbol: VOD is not of list large"),
    ('list = "large"\nmarket = "XLON"',                "line 5: rule 'one': market: there is no instrument of list large and market XLON"),
    ('market = "XNYS"\ncurrency = "GBP"',              "line 5: rule 'one': currency: there is no instrument of market XNYS and currency GBP"),
    ('market = "XPAR"',                                "line 4: rule 'one': market: there is no instrument of market XPAR"),
    ('account = "OWN"\nclient = "ALPHA"',              "line 4: rule 'one': account: ALPHA may not trade OWN"),
    ('up = ["SIM", "LSE"]\ndown = "LSE"',              "line 5: rule 'one': down: LSE is to be up as well"),
    ('order_qty = { from = "5", below = "5" }',        "line 4: rule 'one': order_qty: the range is empty"),
    ('notional = { below = 0 }',                       "line 4: rule 'one': notional: the range is empty"),
    ('zone = "UTC"\ntime = { from = "08:00", until = "08:00" }', "line 5: rule 'one': time: the range is empty"),
    ('adv_percent = { from = 5 }',                     "line 4: rule 'one': adv_percent: no instrument of it has an average daily volume"),
    ('order_qty = { below = "1" }',                    "line 1: rule 'one': no order meets all of its conditions"),
    ('symbol = "TOY"\norder_qty = { from = 101, below = 200 }', "line 1: rule 'one': no order meets all of its conditions"),
)  # fmt: skip


@pytest.mark.parametrize(("conditions", "said"), NEVER, ids=[conditions for conditions, _ in NEVER])
def test_a_rule_that_contradicts_itself(path: Path, conditions: str, said: str) -> None:
    lists = '\n[lists]\nlarge = ["IBM", "TOY"]\n'
    assert errors(path, one(conditions) + lists) == [f"routing.toml, {said}"]


def test_a_market_whose_clock_is_not_known_anywhere(path: Path) -> None:
    text = one('market = "XSWX"\nzone = "market"\nweekday = "mon"')
    known = replace(KNOWN, zones={"XLON": "Europe/London"})
    assert errors(path, text, known) == [
        "routing.toml, line 5: rule 'one': zone: the clock of none of its markets is known"
    ]
    known = replace(KNOWN, zones={**ZONES, "XSWX": "Europe/Nowhere"})
    assert (
        errors(path, text, known)[0]
        == "routing.toml, line 1: market XSWX: time zone 'Europe/Nowhere' is not known"
    )


COVERED = (
    ('name = "a"\nside = "buy"', 'name = "b"\nside = "1"\norder_qty = { from = 5 }', "'a' takes"),
    ('name = "a"', 'name = "b"\nsymbol = "IBM"', "'a' takes"),
)


@pytest.mark.parametrize(("first", "second", "by"), COVERED)
def test_a_rule_that_an_earlier_one_covers(path: Path, first: str, second: str, by: str) -> None:
    text = f'[[rule]]\nto = "SIM"\n{first}\n[[rule]]\nto = "LSE"\n{second}\n'
    line = text.splitlines().index("[[rule]]", 1) + 1
    found = errors(path, text)
    assert found == [f"routing.toml, line {line}: rule 'b': no order comes to it: {by} all that it is for"]


def test_a_rule_that_several_earlier_ones_cover_together(path: Path) -> None:
    text = """
[[rule]]
name = "buys"
side = "buy"
to = "SIM"

[[rule]]
name = "London"
market = "XLON"
to = "LSE"

[[rule]]
name = "small sells"
side = "sell"
order_qty = { below = "1000" }
to = "SIM"

[[rule]]
name = "in dollars"
symbol = ["IBM", "SPY"]
order_qty = { below = "500" }
to = "SIM"

[[rule]]
name = "rest"
to = "SIM"
"""
    assert errors(path, text) == [
        "routing.toml, line 18: rule 'in dollars': no order comes to it: 'buys' and 'small sells' take all that it is for"
    ]


def test_a_rule_behind_many_that_cover_it_is_told_how_many(path: Path) -> None:
    rules = "".join(
        f'[[rule]]\nname = "r{n}"\nto = "SIM"\norder_qty = {{ from = {n}, below = {n + 1} }}\n'
        for n in range(1, 12)
    )
    found = errors(path, f'{rules}[[rule]]\nname = "all"\nto = "SIM"\norder_qty = {{ below = 12 }}\n')
    assert found == [
        "routing.toml, line 45: rule 'all': no order comes to it: 11 rules before it take all that it is for"
    ]


def test_a_default_that_is_not_the_last_makes_the_others_idle(path: Path) -> None:
    assert errors(path, REST + REST.replace("rest", "more")) == [
        "routing.toml, line 6: rule 'more': no order comes to it: 'rest' takes all that it is for"
    ]


def test_everything_that_is_wrong_is_said_at_once_in_the_order_of_the_lines(path: Path) -> None:
    text = """[lists]
x = ["NO"]

[[rule]]
name = "a"
symbol = "NO"
side = "hold"
to = "NOWHERE"

[[rule]]
name = "b"
market = "XLON"
to = "LSE"

[[rule]]
name = "c"
symbol = "VOD"
to = "SIM"
"""
    assert errors(path, text) == [
        "routing.toml, line 2: list x: symbol 'NO' is not known",
        "routing.toml, line 6: rule 'a': symbol: 'NO' is none of: IBM, NES, SPY, TOY, VOD",
        "routing.toml, line 7: rule 'a': side: 'hold' is none of: 1, 2, B, C, as_defined, buy, opposite, sell",
        "routing.toml, line 8: rule 'a': to: 'NOWHERE' is none of: LSE, SIM, paper, patient, slices",
        "routing.toml, line 15: rule 'c': no order comes to it: 'b' takes all that it is for",
    ]


def test_a_search_that_was_given_up_is_a_warning(path: Path) -> None:
    path.write_text(one('side = "buy"\naccount = "ACC"'))
    loaded = load(path, KNOWN, MONDAY_NS, most_steps=0)
    assert loaded.warnings == [
        f"{path}, line {line}: rule '{name}': it was not found out in 0 steps whether any order comes to it"
        for line, name in ((1, "one"), (7, "rest"))
    ]
    assert len(loaded.table.rules) == 2


def test_a_table_that_no_record_of_the_journal_can_hold(path: Path) -> None:
    found = errors(path, REST, replace(KNOWN, most_bytes=20))
    assert found == ["routing.toml, line 1: the table takes 28 bytes, a record of the journal 20 at most"]


# -- the example ---------------------------------------------------------------------------------------------


def test_the_table_under_config_is_one_that_an_engine_of_the_desk_would_take() -> None:
    config = load_config(ROOT / "config" / "desk.toml")
    _, known = known_to(config)
    loaded = load(ROOT / "config" / "routing.toml", known, MONDAY_NS)
    assert loaded.warnings == []
    assert [rule.name for rule in loaded.table.rules] == [
        "tests",
        "large and patient",
        "the broker is down",
        "rest",
    ]


def test_the_table_under_config_tells_of_every_condition() -> None:
    text = (ROOT / "config" / "routing.toml").read_text()
    assert [name for name in CONDITIONS if not re.search(rf"^#.*\b{name}\b", text, re.M)] == []
