"""Orders that a routing table sends to one of two venues, on real sockets; the table read again; what is told."""

import csv
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from oms import cli
from oms.core import events as ev
from oms.history import fold
from oms.recovery import records
from oms.sim.auditor import Auditor
from tests.support.engine_process import EngineProcess, free_port
from tests.support.raw_client import RawClient
from tests.support.raw_venue import RawVenue

TABLE = """
[lists]
few = ["T001", "T002"]

[[rule]]
name = "few, large"
list = "few"
order_qty = { from = "1000" }
to = "ALT"

[[rule]]
name = "ALT is down"
account = "MAIN2"
down = "ALT"
to = "SIM"

[[rule]]
name = "client two"
account = "MAIN2"
to = "ALT"

[[rule]]
name = "buys"
side = "buy"
to = "SIM"
"""


class Done(NamedTuple):
    """What a command of ours came to."""

    returncode: int
    stdout: str
    stderr: str


Oms = Callable[..., Done]


@pytest.fixture
def oms(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Oms:
    """The command line, in this process."""

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["oms", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        code = ended.value.code
        return Done(code if isinstance(code, int) else 0, *capsys.readouterr())

    return run


class Desk:
    """An engine with two venues, which it chooses by a table."""

    def __init__(self, folder: Path) -> None:
        ports = free_port(), free_port()
        changes: dict[str, dict[str, object]] = {
            "reference": {"routing": "routing.toml"},
            "fix": {"venues": ["venue.cfg", "alt.cfg"]},
        }
        self.engine = EngineProcess(folder, venue_port=ports[0], changes=changes)
        venue = (folder / "venue.cfg").read_text()
        (folder / "alt.cfg").write_text(venue.replace("=SIM", "=ALT").replace(str(ports[0]), str(ports[1])))
        self.table = folder / "routing.toml"
        self.table.write_text(TABLE)
        self.sim, self.alt = RawVenue(ports[0]), RawVenue(ports[1], us="ALT")
        self.one = RawClient(self.engine.port)
        self.two = RawClient(self.engine.port, "CLIENT2", account="MAIN2")

    def open(self) -> "Desk":
        self.sim.listen()
        self.alt.listen()
        self.engine.start()
        self.sim.log_on()
        self.alt.log_on()
        for symbol in ("T001", "T003"):
            self.sim.quote(symbol, 10)
        for client in (self.one, self.two):
            client.log_on() if client.next_out > 1 else client.reset()
        return self

    def end(self) -> None:
        self.engine.end()
        for party in (self.one, self.two):
            party.drop()
        for venue in (self.sim, self.alt):
            venue.hang_up()

    def reload(self, who: str = "jane") -> dict[str, Any]:
        return self.engine.ask({"do": "reload_routing", "who": who})

    def journal(self) -> list[ev.Event]:
        return [ev.decode(body) for _, body in records(self.engine.folder / "journal")]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "engine")
    try:
        yield made.open()
    finally:
        made.end()


def routed(client: RawClient, venue: RawVenue, symbol: str, side: str, qty: int) -> None:
    """An order that comes to a venue, is acknowledged and filled there."""
    client.order(symbol, side, qty, 10)
    order = venue.wait_type("D")
    assert (order[55], order[38]) == (symbol, str(qty))
    venue.accept_order(order)
    venue.fill(order, qty, 10, qty)
    assert client.seen(2, 150) == [("0",), ("F",)]


def test_orders_go_where_the_rules_send_them(desk: Desk, oms: Oms) -> None:
    routed(desk.one, desk.sim, "T001", "1", 999)
    routed(desk.one, desk.alt, "T001", "1", 1000)
    routed(desk.two, desk.alt, "T003", "2", 10)
    routed(desk.one, desk.sim, "T003", "1", 1000)
    desk.one.order("T003", "2", 10, 10)
    assert desk.one.seen(1, 150, 39, 103, 58) == [
        ("8", "8", "99", "no_route: no routing rule is for such an order")
    ]

    told = json.loads(oms("order", "2", "-c", str(desk.engine.config), "--json").stdout)
    went = next(line["facts"] for line in told["story"] if line["kind"] == "OrderRouted")
    assert (went["venue"], went["rule"], went["facts"]) == (
        "ALT",
        "few, large",
        "list=few; symbol=T001; order_qty=1000",
    )
    shown = oms("order", "2", "-c", str(desk.engine.config)).stdout
    assert "rule=few," in shown
    denied = json.loads(oms("order", "5", "-c", str(desk.engine.config), "--json").stdout)
    assert denied["orders"][0]["reason"] == "no_route"

    desk.alt.hang_up()
    while "ALT" in desk.engine.status()["sessions_up"]:
        time.sleep(0.01)
    routed(desk.two, desk.sim, "T003", "1", 10)
    desk.engine.stop()
    went_by = [(e.venue, e.rule, e.facts) for e in desk.journal() if isinstance(e, ev.OrderRouted)]
    assert went_by == [
        ("SIM", "buys", "side=1"),
        ("ALT", "few, large", "list=few; symbol=T001; order_qty=1000"),
        ("ALT", "client two", "account=MAIN2"),
        ("SIM", "buys", "side=1"),
        ("SIM", "ALT is down", "account=MAIN2; ALT=down"),
    ]
    auditor = Auditor()
    assert auditor.feed_all(desk.journal()) == []


def test_a_table_is_taken_as_a_whole_or_not_at_all(desk: Desk, oms: Oms) -> None:
    routed(desk.one, desk.sim, "T003", "1", 10)
    desk.table.write_text(TABLE.replace('"MAIN2"', '"MAIN3"').replace("few = ", "several = "))
    answer = desk.reload()
    assert answer["ok"] is False
    path = desk.table
    assert answer["errors"] == [
        f"{path}, line 7: rule 'few, large': list: 'few' is none of: several",
        *(
            f"{path}, line {line}: rule {name!r}: account: 'MAIN3' is none of: MAIN1, MAIN2, NARROW, POOR"
            for line, name in ((13, "ALT is down"), (19, "client two"))
        ),
    ]
    done = oms("routing", "reload", "--who", "jane", "-c", str(desk.engine.config))
    assert done.returncode == 3
    assert done.stderr.splitlines() == [f"oms: {answer['errors'][0]}", *answer["errors"][1:]]
    routed(desk.one, desk.sim, "T003", "1", 20)

    desk.table.write_text(TABLE + '\n[[rule]]\nname = "sells"\nto = "ALT"\n')
    assert desk.reload() == {"ok": True, "rules": 5, "changed": True, "warnings": []}
    routed(desk.one, desk.alt, "T003", "2", 10)
    # Nothing is journaled of what is as it was.
    assert desk.reload("joe") == {"ok": True, "rules": 5, "changed": False, "warnings": []}
    done = oms("routing", "reload", "--who", "joe", "-c", str(desk.engine.config))
    assert (done.returncode, done.stdout) == (0, "the routing table is as it was: 5 rules\n")

    before = desk.engine.ask({"do": "status", "digest": True})["digest"]
    desk.engine.kill()
    tables = [(e.who, len(e.rules)) for e in desk.journal() if isinstance(e, ev.RoutingDefined)]
    assert tables == [("", 4), ("jane", 5)]
    assert fold(desk.engine.folder / "journal").digest() == before
    # A start with the same file has nothing to journal.
    desk.one.drop()
    desk.two.drop()
    desk.sim.drop()
    desk.alt.drop()
    desk.open()
    assert [e for e in desk.journal() if isinstance(e, ev.RoutingDefined)][2:] == []
    routed(desk.one, desk.alt, "T003", "2", 30)


def test_a_rule_may_name_a_destination_or_a_strategy_of_the_configuration(tmp_path: Path, oms: Oms) -> None:
    made = Desk(tmp_path / "engine")
    config = made.engine.config
    config.write_text(
        config.read_text()
        + '[destination.PATIENT]\nvenue = "ALT"\nwhen_down = "park"\n'
        + '[strategy.HALVES]\nkind = "split"\nlegs = [["SIM", 1], ["ALT", 1]]\n'
    )
    made.table.write_text(
        '[[rule]]\nname = "large"\norder_qty = { from = 1000 }\nto = "HALVES"\n'
        '[[rule]]\nname = "patient"\nside = "sell"\nup = "PATIENT"\nto = "PATIENT"\n'
        '[[rule]]\nname = "not now"\nside = "sell"\nto = "paper"\n'
        '[[rule]]\nname = "rest"\nto = "SIM"\n'
    )
    orders = tmp_path / "orders.csv"
    orders.write_text(
        "client,account,symbol,side,order_qty,price,reference_px\n"
        "CLIENT1,MAIN1,T001,buy,1000,10,10\n"
        "CLIENT1,MAIN1,T001,sell,10,10,\n"
        "CLIENT1,MAIN1,T001,buy,10,10,\n"
    )
    words = ("route", "--dry-run", str(orders), "-c", str(config), "--json")
    for more, expected in (
        ((), [("planned", "HALVES", "large"), ("routed", "PATIENT", "patient"), ("routed", "SIM", "rest")]),
        (
            ("--down", "PATIENT"),
            [("planned", "HALVES", "large"), ("routed", "paper", "not now"), ("routed", "SIM", "rest")],
        ),
    ):
        rows = json.loads(oms(*words, *more).stdout)["orders"]
        assert [(row["outcome"], row["to"], row["rule"]) for row in rows] == expected
    try:
        made.open()
        made.one.order("T001", "1", 1000, 10)
        halves = made.sim.wait_type("D"), made.alt.wait_type("D")
        assert [order[38] for order in halves] == ["500", "500"]
        # The client has been told that its order is new, and by which rule it is worked is in the journal.
        assert made.one.seen(1, 150) == [("0",)]
        planned = [e for e in made.journal() if isinstance(e, ev.OrderPlanned)]
        assert [(e.to, e.rule, e.facts) for e in planned] == [("HALVES", "large", "order_qty=1000")]
    finally:
        made.end()


def test_a_reload_can_bring_the_paper_venue_into_play(desk: Desk) -> None:
    assert "paper" not in desk.engine.status()["sessions_up"]
    desk.table.write_text('[[rule]]\nname = "all"\nto = "paper"\n')
    assert desk.reload()["changed"] is True
    assert "paper" in desk.engine.status()["sessions_up"]
    desk.one.order("T003", "1", 10, 10)
    assert desk.one.seen(1, 150) == [("0",)]


def test_a_reload_needs_a_name_and_a_table(desk: Desk) -> None:
    assert desk.engine.ask({"do": "reload_routing"})["error"] == "who must be given, in printable ASCII"
    desk.table.unlink()
    assert desk.reload()["errors"] == [f"{desk.table}: No such file or directory"]


def test_an_engine_does_not_start_with_a_table_that_is_wrong(tmp_path: Path, oms: Oms) -> None:
    made = Desk(tmp_path / "engine")
    made.table.write_text(TABLE.replace('"ALT"', '"NYSE"'))
    done = oms("run", str(made.engine.config))
    assert done.returncode == 3
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert (
        lines[0]
        == f"oms: {made.table}, line 9: rule 'few, large': to: 'NYSE' is none of: ALT, SIM, cross, desk, paper"
    )
    assert not (made.engine.folder / "journal").exists()
    check = oms("routing", "check", str(made.engine.config), "--json")
    assert check.returncode == 3
    assert len(json.loads(check.stdout)["errors"]) == 3
    made.table.write_text(TABLE)
    check = oms("routing", "check", str(made.engine.config))
    assert (check.returncode, check.stdout.split(": ")[1]) == (
        0,
        "4 rules, an order can come to each of them\n",
    )


# -- what would happen ---------------------------------------------------------------------------------------

ORDERS = """client,account,symbol,side,order_qty,price,cl_ord_id,reference_px
CLIENT1,MAIN1,T001,buy,1000,10,A,10
CLIENT1,MAIN1,T001,buy,10,10,B,
CLIENT2,MAIN2,T001,sell,10,10,C,
CLIENT1,MAIN1,T001,sell,10,10,D,
CLIENT1,MAIN1,T001,buy,1000,,E,
CLIENT1,MAIN2,T001,buy,1000,10,F,
CLIENT1,MAIN1,NONE,buy,1000,10,G,
CLIENT1,MAIN1,T001,buy,ten,10,H,
CLIENT1,MAIN1,T001,hold,-5,x,,
CLIENT1,MAIN1,T001,buy
"""


def test_a_dry_run_tells_order_by_order_and_sends_nothing(tmp_path: Path, oms: Oms) -> None:
    made = Desk(tmp_path / "engine")
    orders = tmp_path / "orders.csv"
    orders.write_text(ORDERS)
    words = ("route", "--dry-run", str(orders), "-c", str(made.engine.config))
    done = oms(*words, "--json", "--all")
    found = json.loads(done.stdout)
    rows = [
        [row[name] for name in ("line", "cl_ord_id", "outcome", "to", "rule", "facts", "reason", "also")]
        for row in found["orders"]
    ]
    large = "list=few; symbol=T001; order_qty=1000"
    assert rows == [
        [2, "A", "routed", "ALT", "few, large", large, "", ["buys"]],
        [3, "B", "routed", "SIM", "buys", "side=1", "", []],
        [4, "C", "routed", "ALT", "client two", "account=MAIN2", "", []],
        [5, "D", "denied", "", "", "", "no_route", []],
        [6, "E", "routed", "ALT", "few, large", large, "", ["buys"]],
        [7, "F", "denied", "ALT", "few, large", large, "account_not_permitted", ["client two", "buys"]],
        [8, "G", "denied", "", "", "", "unknown_symbol", []],
    ]
    assert found["problems"] == [
        f"{orders}, line 9, column order_qty: not a decimal number: 'ten'",
        f"{orders}, line 10, column price: not a decimal number: 'x'",
        f"{orders}, line 10, column side: 'hold' is not known",
        f"{orders}, line 10, column order_qty: must be greater than 0, not -5",
        f"{orders}, line 11: not 8 columns",
    ]
    assert done.returncode == 1
    assert not (made.engine.folder / "journal").exists()

    down = json.loads(oms(*words, "--json", "--down", "ALT").stdout)["orders"]
    assert [(row["outcome"], row["to"], row["rule"], row["reason"]) for row in down[:3]] == [
        ("denied", "ALT", "few, large", "venue_down"),
        ("routed", "SIM", "buys", ""),
        ("routed", "SIM", "ALT is down", ""),
    ]
    shown = oms(*words)
    assert shown.stdout.splitlines() == [
        f"line 2, A, T001: routed to ALT by rule 'few, large' ({large})",
        "line 3, B, T001: routed to SIM by rule 'buys' (side=1)",
        "line 4, C, T001: routed to ALT by rule 'client two' (account=MAIN2)",
        "line 5, D, T001: denied, no_route: no routing rule is for such an order",
        f"line 6, E, T001: routed to ALT by rule 'few, large' ({large})",
        "line 7, F, T001: denied, account_not_permitted: CLIENT1 may not trade account MAIN2;"
        f" it would go to ALT by rule 'few, large' ({large})",
        "line 8, G, NONE: denied, unknown_symbol: symbol 'NONE' is not known",
    ]
    assert shown.stderr.splitlines() == [f"oms: {problem}" for problem in found["problems"]]
    every = oms(*words, "--all").stdout.splitlines()
    assert every[0] == f"line 2, A, T001: routed to ALT by rule 'few, large' ({large}); also for it: 'buys'"


def test_a_dry_run_beside_a_running_engine_uses_its_journal(desk: Desk, tmp_path: Path, oms: Oms) -> None:
    routed(desk.one, desk.sim, "T003", "1", 10)
    desk.engine.ask({"do": "halt", "scope": "symbol", "value": "T001", "who": "jane", "why": "test"})
    orders = tmp_path / "orders.csv"
    with orders.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["client", "account", "symbol", "side", "order_qty", "price", "cl_ord_id"])
        out.writerow(["CLIENT1", "MAIN1", "T003", "buy", "10", "10", "new"])
        out.writerow(["CLIENT1", "MAIN1", "T001", "buy", "10", "10", "new"])
    other = tmp_path / "other.toml"
    other.write_text('[[rule]]\nname = "all"\nto = "ALT"\n')
    before = len(desk.journal())
    words = ("route", "--dry-run", str(orders), "-c", str(desk.engine.config), "--json")
    for more, expected in (((), ("SIM", "buys")), (("--rules", str(other)), ("ALT", "all"))):
        done = oms(*words, *more)
        rows = json.loads(done.stdout)["orders"]
        assert [(row["outcome"], row["to"], row["rule"]) for row in rows[:1]] == [("routed", *expected)]
        assert rows[1]["reason"] == "trading_halted"
        assert done.returncode == 0
    assert len(desk.journal()) == before


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("client,account,symbol,side", "line 1: column 'order_qty' is missing"),
        ("client,account,symbol,side,order_qty,speed", "line 1: column 'speed': each of client, account"),
        ("client,account,symbol,side,order_qty,side", "line 1: column 'side': each of client, account"),
        ("", "line 1: column 'client' is missing"),
    ],
)
def test_a_header_that_is_wrong(tmp_path: Path, header: str, said: str) -> None:
    from oms.config import ConfigError
    from oms.dry_run import read_orders

    path = tmp_path / "orders.csv"
    path.write_text(header)
    with pytest.raises(ConfigError) as found:
        read_orders(path)
    assert said in str(found.value)


def test_a_time_and_a_venue_that_are_none(tmp_path: Path, oms: Oms) -> None:
    made = Desk(tmp_path / "engine")
    orders = tmp_path / "orders.csv"
    orders.write_text(ORDERS)
    words = ("route", "--dry-run", str(orders), "-c", str(made.engine.config))
    for more, said in (
        (("--at", "noon"), "oms: --at noon: not a time as 2026-11-25T14:30\n"),
        (("--up", "NYSE"), "oms: NYSE: no venue is named so: ALT, SIM, cross, desk, paper\n"),
    ):
        done = oms(*words, *more)
        assert (done.returncode, done.stderr) == (2, said)
