"""Which venue takes an order, and what a venue that is down means."""

import pytest

from oms.core.routing import choose_venue, venue_down
from tests.core.desk import ALPHA, INSTRUMENTS, LSE, REFERENCE_DATA, SIM, Desk

VENUES = (
    # symbol   market    venue
    ("IBM",    "XNYS",   SIM),
    ("VOD",    "XLON",   LSE),
    ("TOY",    "XTKS",   SIM),
)  # fmt: skip


@pytest.mark.parametrize(("symbol", "market", "venue"), VENUES)
def test_the_market_names_the_venue_or_the_default_takes_it(symbol: str, market: str, venue: str) -> None:
    instrument = {i.symbol: i for i in INSTRUMENTS}[symbol]
    assert instrument.market == market
    assert choose_venue(Desk().state, instrument) == venue


def test_an_order_goes_to_the_venue_of_its_market() -> None:
    assert Desk().new("A", "10", "80", symbol="VOD", account="ACC") == [
        "OrderReceived A",
        "OrderRouted LSE e-1-1-1",
    ]


def test_a_venue_that_never_logged_on_takes_nothing() -> None:
    desk = Desk(up=())
    assert desk.new("A") == ["OrderDenied A venue_down 2"]
    assert desk.up(SIM) == ["SessionLoggedOn SIM"]
    assert desk.new("B") == ["OrderReceived B", "OrderRouted SIM e-2-1-1"]


def test_a_venue_that_logged_out_takes_no_order_no_cancel_and_no_replace() -> None:
    desk = Desk()
    desk.new("A")
    desk.ack()
    assert desk.down(SIM) == ["SessionLoggedOut SIM"]
    assert desk.new("B") == ["OrderDenied B venue_down 2"]
    assert desk.cancel("C", "A") == ["RequestDenied C venue_down 99"]
    assert desk.replace("D", "A", "50") == ["RequestDenied D venue_down 99"]
    assert desk.now() == "new 0 of 100, 100 open, as A"
    assert desk.new("E", "10", "80", symbol="VOD", account="ACC") == [
        "OrderReceived E",
        "OrderRouted LSE e-3-1-1",
    ]


def test_a_start_of_the_engine_finds_every_session_down() -> None:
    desk = Desk(REFERENCE_DATA[0])
    assert desk.state.sessions_up == set()
    assert desk.new("A") == ["OrderDenied A venue_down 2"]


def test_a_client_that_is_down_has_no_say_in_where_orders_go() -> None:
    desk = Desk()
    desk.down(ALPHA)
    assert venue_down(desk.state, SIM) is None


def test_logging_out_twice_is_said_once() -> None:
    desk = Desk()
    assert desk.down(SIM) == ["SessionLoggedOut SIM"]
    assert desk.down(SIM) == []
