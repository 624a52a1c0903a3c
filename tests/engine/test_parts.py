"""Orders in parts over real sessions: a scripted venue, the paper venue beside it, and kills in between."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.conftest import Desk
from tests.support.engine_process import EngineProcess, free_port
from tests.support.raw_client import RawClient, values
from tests.support.raw_venue import RawVenue

SYMBOL = "T001"
Tables = dict[str, dict[str, object]]


@pytest.fixture
def desk_with(tmp_path: Path) -> Iterator[Callable[[str, Tables], Desk]]:
    """Makes a desk whose orders go to a destination or strategy, up and with a price for SYMBOL."""
    made: list[Desk] = []

    def make(to: str, tables: Tables) -> Desk:
        port = free_port()
        engine = EngineProcess(tmp_path / "engine", port, {"engine": {"venue": to}, **tables})
        desk = Desk(engine, RawVenue(port), RawClient(engine.port))
        made.append(desk)
        desk.venue.listen()
        engine.start()
        desk.venue.log_on()
        desk.client.log_on()
        desk.venue.quote(SYMBOL, 100)
        desk.venue.ping()
        return desk

    yield make
    for desk in made:
        desk.end()


HALVES: Tables = {"strategy.HALVES": {"kind": "split", "legs": [["SIM", 60], ["paper", 40]]}}


def test_order_in_two_parts_is_one_order_to_its_client(desk_with: Callable[[str, Tables], Desk]) -> None:
    desk = desk_with("HALVES", HALVES)
    desk.client.order(SYMBOL, "1", 100)
    part = desk.venue.take()
    assert values(part, (35, 38)) == ("D", "60")
    desk.venue.accept_order(part)
    assert desk.client.seen(2, 150, 14, 151) == [("0", "0", "100"), ("F", "40", "60")]
    desk.venue.fill(part, 60, "100", 60)
    assert desk.client.seen(1, 150, 39, 14, 151) == [("F", "2", "100", "0")]


def test_parts_are_as_they_were_after_a_kill(desk_with: Callable[[str, Tables], Desk]) -> None:
    desk = desk_with("HALVES", HALVES)
    order = desk.client.order(SYMBOL, "1", 100, "90")
    part = desk.venue.take()
    desk.venue.accept_order(part)
    assert desk.client.seen(1, 150) == [("0",)]
    desk.venue.ping()
    desk.engine.kill()
    desk.client.drop()
    desk.venue.drop()
    desk.engine.start()
    desk.venue.log_on()
    desk.client.log_on()
    request = desk.client.cancel(order, SYMBOL, "1")
    # The paper venue answers at once; the client hears of the end when the other part has ended too.
    assert desk.client.seen(1, 150, 39, 151) == [("6", "6", "100")]
    asked = desk.venue.take()
    assert values(asked, (35, 41)) == ("F", part[11])
    desk.venue.report(asked, "4", "4", t151=0)
    assert desk.client.seen(1, 11, 150, 39, 151) == [(request, "4", "4", "0")]


def test_order_waits_for_its_venue_through_a_kill(desk_with: Callable[[str, Tables], Desk]) -> None:
    desk = desk_with("PATIENT", {"destination.PATIENT": {"venue": "SIM", "when_down": "park"}})
    desk.venue.hang_up()
    deadline = time.monotonic() + 5
    while "SIM" in desk.engine.status()["sessions_up"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    desk.client.order(SYMBOL, "1", 100, "99")
    assert desk.client.seen(1, 150, 39) == [("0", "0")]
    assert desk.engine.status()["waiting"] == 1
    desk.engine.kill()
    desk.client.drop()
    desk.engine.start()
    desk.venue.log_on()
    order = desk.venue.take()
    assert values(order, (35, 38, 44)) == ("D", "100", "99")
    desk.client.log_on()
    desk.venue.fill(order, 100, "99", 100)
    assert desk.client.seen(1, 150, 39, 14) == [("F", "2", "100")]


def test_next_destination_has_its_turn_when_the_time_is_up(desk_with: Callable[[str, Tables], Desk]) -> None:
    tables: Tables = {"strategy.TURNS": {"kind": "sequential", "legs": [["SIM", 200], ["paper", 0]]}}
    desk = desk_with("TURNS", tables)
    desk.client.order(SYMBOL, "1", 100)
    order = desk.venue.take()
    desk.venue.accept_order(order)
    desk.venue.fill(order, 30, "100", 30)
    assert desk.client.seen(2, 150, 14) == [("0", "0"), ("F", "30")]
    request = desk.venue.take()
    assert values(request, (35, 41)) == ("F", order[11])
    desk.venue.report(request, "4", "4", t14=30, t151=0)
    assert desk.client.seen(1, 150, 39, 14, 151) == [("F", "2", "100", "0")]


def test_slices_go_on_after_a_kill(desk_with: Callable[[str, Tables], Desk]) -> None:
    slices = {"kind": "twap", "legs": [["SIM", 1]], "duration_s": "2", "interval_s": "0.5"}
    desk = desk_with("SLICES", {"strategy.SLICES": slices})
    desk.client.order(SYMBOL, "1", 100, "99")
    assert desk.venue.take()[38] == "25"
    desk.venue.ping()
    desk.engine.kill()
    desk.venue.drop()
    desk.client.drop()
    desk.engine.start()
    desk.venue.log_on()
    question = desk.venue.take()
    assert question.type == "H"
    desk.venue.report(question, "I", "0", t151=25)
    quantities: list[int] = []
    while sum(quantities) < 75:
        quantities.append(int(desk.venue.take()[38]))
    assert {qty % 25 for qty in quantities} == {0}, "slices that were missed come with the next"


def test_algorithm_of_a_broker_gets_its_name_and_parameters(
    desk_with: Callable[[str, Tables], Desk],
) -> None:
    table = {"venue": "SIM", "target_strategy": "1", "strategy_parameters": "START=0930"}
    desk = desk_with("VWAP", {"destination.VWAP": table})
    new = desk.client.order(SYMBOL, "1", 100, "99")
    order = desk.venue.take()
    assert values(order, (847, 848)) == ("1", "START=0930")
    desk.venue.accept_order(order)
    desk.client.take_all(1)
    desk.client.replace(new, SYMBOL, "1", 120, "99")
    assert values(desk.venue.take(), (35, 38, 847, 848)) == ("G", "120", "1", "START=0930")


def test_venue_gets_no_more_than_its_rate(desk_with: Callable[[str, Tables], Desk]) -> None:
    desk = desk_with("SIM", {"rate.SIM": {"per_s": 20, "burst": 2}})
    for _ in range(12):
        desk.client.order(SYMBOL, "1", 1, "99")
    started = time.monotonic()
    for _ in range(12):
        assert desk.venue.take().type == "D"
    assert time.monotonic() - started > 0.4, "ten of them had to wait 50 ms each"


def test_orders_of_two_clients_cross_before_they_go_out(desk_with: Callable[[str, Tables], Desk]) -> None:
    tables: Tables = {"strategy.CROSS": {"kind": "sequential", "legs": [["cross", 300], ["SIM", 0]]}}
    desk = desk_with("CROSS", tables)
    other = RawClient(desk.engine.port, "CLIENT2", account="MAIN2")
    other.log_on()
    desk.client.order(SYMBOL, "1", 100, "99")
    assert desk.client.seen(1, 150, 39) == [("0", "0")]
    desk.client.ping()
    other.order(SYMBOL, "2", 60, "98")
    assert other.seen(2, 150, 32, 31) == [("0", None, None), ("F", "60", "99")]
    assert desk.client.seen(1, 150, 32, 31, 151) == [("F", "60", "99", "40")]
    rest = desk.venue.take()
    assert values(rest, (35, 38)) == ("D", "40"), "what found nobody goes to the venue"
    other.drop()


def test_cross_is_as_it_was_after_a_kill(desk_with: Callable[[str, Tables], Desk]) -> None:
    desk = desk_with("cross", {})
    desk.client.order(SYMBOL, "1", 100, "99")
    assert desk.client.seen(1, 150) == [("0",)]
    desk.client.ping()
    desk.engine.kill()
    desk.client.drop()
    desk.engine.start()
    desk.client.log_on()
    other = RawClient(desk.engine.port, "CLIENT2", account="MAIN2")
    other.log_on()
    other.order(SYMBOL, "2", 100, "99")
    assert other.seen(2, 150, 39) == [("0", "0"), ("F", "2")]
    assert desk.client.seen(1, 150, 39) == [("F", "2")]
    other.drop()
