"""The manual desk over a real session: what people enter, who may, and what a restart leaves of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine_process import EngineProcess, free_port
from tests.support.raw_client import RawClient
from tests.support.raw_venue import RawVenue

SYMBOL = "T001"
PEOPLE = {"who": "jane", "approved_by": "joe", "why": "dealt by telephone"}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineProcess]:
    """An engine whose orders go to the desk; a venue tells it prices."""
    port = free_port()
    process = EngineProcess(tmp_path / "engine", port, {"engine": {"venue": "desk"}})
    venue = RawVenue(port).listen()
    process.start()
    venue.log_on()
    venue.quote(SYMBOL, 100)
    venue.ping()
    yield process
    process.end()
    venue.hang_up()


@pytest.fixture
def client(engine: EngineProcess) -> Iterator[RawClient]:
    made = RawClient(engine.port)
    made.log_on()
    yield made
    made.drop()


def fill(engine: EngineProcess, qty: int, price: str = "99") -> dict[str, Any]:
    return engine.ask({"do": "fill", "order": "1", "qty": str(qty), "price": price, **PEOPLE})


def test_order_is_the_desks_and_two_people_fill_it(engine: EngineProcess, client: RawClient) -> None:
    client.order(SYMBOL, "1", 100, "99")
    assert client.seen(1, 150, 39) == [("0", "0")]
    assert fill(engine, 60) == {"ok": True}
    assert client.seen(1, 150, 39, 32, 31, 151) == [("F", "1", "60", "99", "40")]
    assert fill(engine, 40, "98.5") == {"ok": True}
    assert client.seen(1, 150, 39, 14) == [("F", "2", "100")]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"approved_by": "jane"}, "jane cannot approve what jane entered"),
        ({"approved_by": ""}, "approved_by must be given"),
        ({"why": ""}, "why must be given"),
        ({"order": "7"}, "order '7' is not known"),
        ({"order": "x"}, "order 'x' is not known"),
        ({"qty": "101"}, "101 is more than the desk has left of the order, 100"),
        ({"qty": "0"}, "qty and price must be greater than 0"),
        ({"price": "abc"}, "not a decimal number"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(
    engine: EngineProcess, client: RawClient, more: dict[str, str], reason: str
) -> None:
    client.order(SYMBOL, "1", 100, "99")
    client.take_all(1)
    answer = engine.ask({"do": "fill", "order": "1", "qty": "10", "price": "99", **PEOPLE, **more})
    assert answer["ok"] is False
    assert reason in answer["error"]
    client.nothing_more()


def test_fill_that_was_entered_wrongly_is_busted_once(engine: EngineProcess, client: RawClient) -> None:
    client.order(SYMBOL, "1", 100, "99")
    fill(engine, 60)
    client.take_all(2)
    wrong = engine.ask({"do": "bust", "order": "1", "exec_id": "no such", **PEOPLE})
    exec_id = wrong["error"].rpartition(": ")[2]
    assert exec_id.startswith("MANUAL-1-")
    assert engine.ask({"do": "bust", "order": "1", "exec_id": exec_id, **PEOPLE}) == {"ok": True}
    assert client.seen(1, 150, 39, 14, 151) == [("H", "0", "0", "100")]
    assert engine.ask({"do": "bust", "order": "1", "exec_id": exec_id, **PEOPLE})["ok"] is False


def test_client_changes_and_cancels_what_the_desk_has(engine: EngineProcess, client: RawClient) -> None:
    order = client.order(SYMBOL, "1", 100, "99")
    changed = client.replace(order, SYMBOL, "1", 150, "98")
    assert client.seen(3, 150, 39, 38) == [("0", "0", "100"), ("E", "E", "100"), ("5", "0", "150")]
    client.cancel(changed, SYMBOL, "1")
    assert client.seen(2, 150, 39) == [("6", "6"), ("4", "4")]
    assert "is more than the desk has left" in fill(engine, 1)["error"]


def test_desk_goes_on_after_a_kill(engine: EngineProcess, client: RawClient) -> None:
    client.order(SYMBOL, "1", 100, "99")
    fill(engine, 60)
    client.take_all(2)
    client.ping()
    engine.kill()
    client.drop()
    engine.start()
    client.log_on()
    assert fill(engine, 40) == {"ok": True}
    assert client.seen(1, 150, 39, 14) == [("F", "2", "100")]
