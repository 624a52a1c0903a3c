"""A venue gets orders once it has said that it missed nothing of what was sent before."""

import time

from tests.engine.conftest import Desk
from tests.engine.test_venue_side import SYMBOL, bring_up, cancel, live
from tests.support.raw_client import values


def log_on_without_an_answer(desk: Desk) -> str:
    """The Logon is answered, the question that follows it is read and left. The TestReqID."""
    desk.venue.listen()
    desk.engine.start()
    desk.venue.answers = desk.venue.asks = False
    desk.venue.log_on()
    return desk.venue.wait_type("1")[112]


def is_up(desk: Desk) -> bool:
    return "SIM" in desk.engine.status()["sessions_up"]


def test_venue_that_has_not_answered_gets_no_order(desk: Desk) -> None:
    question = log_on_without_an_answer(desk)
    desk.client.log_on()
    desk.venue.quote(SYMBOL, 100)
    desk.venue.ping()
    desk.client.order(SYMBOL, "1", 100, "99")
    assert "venue_down" in desk.client.take()[58]
    desk.venue.send("0", {112: "something else"})
    assert not is_up(desk)
    desk.venue.answers = True
    desk.venue.send("0", {112: question})
    desk.venue.ping()
    desk.client.order(SYMBOL, "1", 100, "99")
    assert desk.venue.take()[38] == "100"


def test_venue_that_never_answers_is_taken_to_be_up_after_a_while(desk: Desk) -> None:
    log_on_without_an_answer(desk)
    assert not is_up(desk)
    deadline = time.monotonic() + 30
    while not is_up(desk):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "does not answer a TestRequest" in desk.engine.log()


def test_gap_is_closed_before_anything_is_asked(desk: Desk) -> None:
    """A cancel was lost: it comes again before the question about it, and once."""
    bring_up(desk)
    sent = live(desk)
    _, request = cancel(desk, sent)
    desk.venue.forget()
    desk.venue.drop()
    desk.venue.log_on()
    again = desk.venue.take()
    assert values(again, (35, 11)) == ("F", request[11])
    question = desk.venue.take()
    assert values(question, (35, 11)) == ("H", request[11])
    desk.venue.report(request, "4", "4", t151=0)
    assert desk.client.seen(1, 150, 39) == [("4", "4")]
    assert is_up(desk)
    assert sent.order[55] == SYMBOL
    desk.venue.nothing_more()
