"""The venue's side of an order: what a venue is sent, and what becomes of everything that it may answer.

The venue is scripted and speaks through simplefix; what a client is told is read by another such client.
"""

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.conftest import Desk, new_desk
from tests.support.raw_client import RawClient, values
from tests.support.raw_fix import Message, resummed, timestamp
from tests.support.raw_venue import RawVenue

SYMBOL = "T001"
REPORT = (150, 39, 38, 14, 151)


def bring_up(desk: Desk) -> Desk:
    """Engine, venue and client are up, and the venue has said that SYMBOL is worth 100."""
    desk.venue.listen()
    desk.engine.start()
    desk.venue.log_on()
    desk.client.log_on()
    desk.venue.quote(SYMBOL, 100)
    desk.venue.ping()
    return desk


@pytest.fixture
def fresh(desk: Desk) -> Desk:
    """A desk of the test's own: for what ends connections or the engine, or counts from the start."""
    return bring_up(desk)


class SharedDesk:
    """One desk for many tests, made anew when one of them has left it in disorder."""

    def __init__(self, folders: Iterator[Path]) -> None:
        self._folders = folders
        self._desk: Desk | None = None

    def get(self) -> Desk:
        if self._desk is None or not self._is_in_order():
            self.end()
            self._desk = bring_up(new_desk(next(self._folders)))
        assert self._desk is not None
        for peer in (self._desk.venue, self._desk.client):
            for heard in (peer.inbox, peer.admin, peer.possible_duplicates, peer.log):
                heard.clear()
        return self._desk

    def _is_in_order(self) -> bool:
        assert self._desk is not None
        try:
            for peer in (self._desk.venue, self._desk.client):
                peer.ping(2)
                peer.ping(2)
        except AssertionError:
            return False
        return True

    def end(self) -> None:
        if self._desk is not None:
            self._desk.end()
            self._desk = None


@pytest.fixture(scope="module")
def shared_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedDesk]:
    shared = SharedDesk(iter(lambda: tmp_path_factory.mktemp("desk"), None))
    yield shared
    shared.end()


@pytest.fixture
def up(shared_desk: SharedDesk) -> Desk:
    """A desk that is up, shared with other tests."""
    return shared_desk.get()


def settle(desk: Desk) -> None:
    """What the venue has sent is read, and what follows from it is sent."""
    desk.venue.ping()
    desk.venue.ping()


@dataclass
class Sent:
    """An order at the venue."""

    cl_ord_id: str  # the client's
    order: Message  # what the venue got


def route(desk: Desk, qty: int = 100, price: object = "100", **more: object) -> Sent:
    """An order that the venue has and has not answered."""
    cl_ord_id = desk.client.order(SYMBOL, "1", qty, price, **more)
    order = desk.venue.take()
    assert order.type == "D", order
    return Sent(cl_ord_id, order)


def live(desk: Desk, qty: int = 100) -> Sent:
    """An order that the venue has accepted, as the client knows."""
    sent = route(desk, qty)
    desk.venue.accept_order(sent.order)
    assert desk.client.seen(1, 150, 39) == [("0", "0")]
    return sent


def cancel(desk: Desk, sent: Sent) -> tuple[str, Message]:
    """The client asks to cancel; the venue has the request and has not answered."""
    request = desk.client.cancel(sent.cl_ord_id, SYMBOL, "1")
    assert desk.client.seen(1, 150, 39) == [("6", "6")]
    return request, desk.venue.take()


def replace(desk: Desk, sent: Sent, qty: int, price: object) -> tuple[str, Message]:
    """The client asks to replace; the venue has the request and has not answered."""
    request = desk.client.replace(sent.cl_ord_id, SYMBOL, "1", qty, price)
    assert desk.client.seen(1, 150, 39) == [("E", "E")]
    return request, desk.venue.take()


def questions(desk: Desk) -> int:
    """How often a counterparty contradicted itself or us."""
    return int(desk.engine.status()["counts"].get("questioned", 0))


def restart(desk: Desk) -> None:
    """SIGKILL, and a start on the same journal; nobody is logged on."""
    desk.engine.kill()
    desk.client.drop()
    desk.venue.drop()
    desk.engine.start()


# -- what the venue is sent ----------------------------------------------------------------------------------


def test_new_order_single_as_the_venue_gets_it(up: Desk) -> None:
    sent = route(up, 100, "99.5", t58="for the client's eyes", t526="desk 7")
    order = sent.order
    assert values(order, (1, 21, 55, 54, 38, 40, 44, 59)) == (
        "MAIN1",
        "1",
        SYMBOL,
        "1",
        "100",
        "2",
        "99.5",
        "0",
    )
    assert order[11] != sent.cl_ord_id
    assert order[60][:8].isdigit()
    assert (order.get(58), order.get(526)) == (None, None), "nothing of the client's text is forwarded"
    market = route(up, 7, None, t59="3").order
    assert values(market, (38, 40, 44, 59)) == ("7", "1", None, "3")
    assert market[11] != order[11]


def test_cancel_and_replace_requests_name_the_chain_of_our_own_ids(up: Desk) -> None:
    sent = live(up)
    second, first_replace = replace(up, sent, 150, "99")
    assert values(first_replace, (35, 41, 38, 44, 40, 55, 54, 1, 21, 59)) == (
        "G", sent.order[11], "150", "99", "2", SYMBOL, "1", "MAIN1", "1", "0",
    )  # fmt: skip
    assert first_replace[37] == f"V-{sent.order[11]}"
    up.venue.report(first_replace, "5", "0", t38=150, t151=150)
    assert up.client.seen(1, *REPORT, 11, 44) == [("5", "0", "150", "0", "150", second, "99")]
    _, request = cancel(up, Sent(second, first_replace))
    assert values(request, (35, 41, 55, 54, 38)) == ("F", first_replace[11], SYMBOL, "1", "150")
    assert len({sent.order[11], first_replace[11], request[11]}) == 3


# -- answers to an order -------------------------------------------------------------------------------------


def test_new_then_fills(up: Desk) -> None:
    sent = live(up)
    up.venue.fill(sent.order, 60, "99.9", 60)
    up.venue.fill(sent.order, 40, "100", 100)
    assert up.client.seen(2, *REPORT, 32, 31, 6, 11) == [
        ("F", "1", "100", "60", "40", "60", "99.9", "99.9", sent.cl_ord_id),
        ("F", "2", "100", "100", "0", "40", "100", "99.94", sent.cl_ord_id),
    ]
    up.client.nothing_more()


def test_fill_before_the_acknowledgement_acknowledges(up: Desk) -> None:
    sent = route(up)
    up.venue.fill(sent.order, 60, "100", 60)
    up.venue.accept_order(sent.order)
    settle(up)
    assert up.client.seen(2, *REPORT) == [("0", "0", "100", "0", "100"), ("F", "1", "100", "60", "40")]
    up.client.nothing_more()


def test_pending_new_and_a_repeated_new_tell_the_client_nothing(up: Desk) -> None:
    sent = route(up)
    up.venue.report(sent.order, "A", "A")
    settle(up)
    up.client.nothing_more()
    body = up.venue.accept_order(sent.order)
    up.venue.send("8", body)
    settle(up)
    assert up.client.seen(1, 150) == [("0",)]
    up.client.nothing_more()


@pytest.mark.parametrize(
    "header", [{}, {43: "Y", 122: timestamp(-5)}, {97: "Y"}], ids=["plain", "PossDup", "PossResend"]
)
def test_execution_that_is_sent_again_counts_once(up: Desk, header: dict[int, object]) -> None:
    sent = live(up)
    body = up.venue.fill(sent.order, 60, "100", 60)
    for _ in range(3):
        up.venue.send("8", body, header=header)
    settle(up)
    assert up.client.seen(1, *REPORT) == [("F", "1", "100", "60", "40")]
    up.client.nothing_more()
    up.venue.fill(sent.order, 40, "100", 100)
    assert up.client.seen(1, *REPORT) == [("F", "2", "100", "100", "0")]


def test_execution_that_is_sent_again_after_a_restart_counts_once(fresh: Desk) -> None:
    sent = live(fresh)
    body = fresh.venue.fill(sent.order, 60, "100", 60)
    fresh.client.take_all(1)
    restart(fresh)
    fresh.venue.log_on()
    fresh.client.log_on()
    fresh.venue.send("8", body)
    settle(fresh)
    fresh.client.nothing_more()
    assert fresh.engine.status()["counts"]["fills"] == 1


def test_reject_by_the_venue_reaches_the_client_with_its_words(up: Desk) -> None:
    sent = route(up)
    up.venue.report(sent.order, "8", "8", t103=3, t58="too large for us", t151=0)
    assert up.client.seen(1, *REPORT, 103, 58, 11) == [
        ("8", "8", "100", "0", "0", "3", "too large for us", sent.cl_ord_id)
    ]


def test_unsolicited_cancel(up: Desk) -> None:
    sent = live(up)
    up.venue.fill(sent.order, 60, "100", 60)
    up.venue.report(sent.order, "4", "4", t14=60, t151=0, t58="market closed")
    assert up.client.seen(2, *REPORT, 11, 41, 58)[1] == (
        "4", "4", "100", "60", "0", sent.cl_ord_id, None, "market closed",
    )  # fmt: skip
    up.client.cancel(sent.cl_ord_id, SYMBOL, "1")
    assert up.client.seen(1, 35, 39, 102) == [("9", "4", "0")]


@pytest.mark.parametrize(("exec_type", "status"), [("C", "C"), ("3", "3")], ids=["expired", "done for day"])
def test_end_of_the_day_ends_the_order(up: Desk, exec_type: str, status: str) -> None:
    sent = live(up)
    up.venue.report(sent.order, exec_type, status, t151=0)
    assert up.client.seen(1, *REPORT) == [(exec_type, status, "100", "0", "0")]


def test_late_fill_after_a_cancel_is_a_fill_of_a_canceled_order(up: Desk) -> None:
    sent = live(up)
    _, request = cancel(up, sent)
    up.venue.report(request, "4", "4", t151=0)
    up.venue.fill(sent.order, 60, "100", 60, t39="4", t151=0)
    assert up.client.seen(2, *REPORT) == [("4", "4", "100", "0", "0"), ("F", "4", "100", "60", "0")]


def test_fill_while_a_cancel_is_pending_keeps_it_pending(up: Desk) -> None:
    sent = live(up)
    request_id, request = cancel(up, sent)
    up.venue.fill(sent.order, 60, "100", 60)
    assert up.client.seen(1, *REPORT, 11) == [("F", "6", "100", "60", "40", sent.cl_ord_id)]
    up.venue.report(request, "4", "4", t14=60, t151=0)
    assert up.client.seen(1, *REPORT, 11, 41) == [("4", "4", "100", "60", "0", request_id, sent.cl_ord_id)]


def test_overfill_is_booked_and_questioned(up: Desk) -> None:
    sent = live(up)
    before = questions(up)
    up.venue.fill(sent.order, 130, "100", 130)
    assert up.client.seen(1, 150, 39, 32, 14, 151) == [("F", "2", "130", "130", "0")]
    assert questions(up) == before + 1


# -- answers to a request ------------------------------------------------------------------------------------


def test_cancel_reject_leaves_the_order_live(up: Desk) -> None:
    sent = live(up)
    request_id, request = cancel(up, sent)
    up.venue.report(request, "6", "6", t151=100)
    up.venue.cancel_reject(request, reason=2, t58="not now")
    assert up.client.seen(1, 35, 11, 41, 39, 434, 102, 58) == [
        ("9", request_id, sent.cl_ord_id, "0", "1", "2", "not now")
    ]
    up.client.nothing_more()
    _, again = cancel(up, sent)
    up.venue.report(again, "4", "4", t151=0)
    assert up.client.seen(1, 150) == [("4",)]


def test_cancel_that_comes_too_late_for_a_fill(up: Desk) -> None:
    sent = live(up)
    _, request = cancel(up, sent)
    up.venue.fill(sent.order, 100, "100", 100)
    up.venue.cancel_reject(request, ord_status="2", reason=0)
    assert up.client.seen(2, 35, 150, 39, 102) == [("8", "F", "6", None), ("9", None, "2", "0")]


def test_replace_reject_leaves_the_old_terms(up: Desk) -> None:
    sent = live(up)
    _, request = replace(up, sent, 200, "99")
    up.venue.cancel_reject(request, reason=99)
    assert up.client.seen(1, 35, 39, 434, 102) == [("9", "0", "2", "99")]
    up.venue.fill(sent.order, 100, "100", 100)
    assert up.client.seen(1, *REPORT, 44, 11) == [("F", "2", "100", "100", "0", "100", sent.cl_ord_id)]


def test_second_cancel_while_one_is_pending_is_refused_here(up: Desk) -> None:
    sent = live(up)
    cancel(up, sent)
    up.client.cancel(sent.cl_ord_id, SYMBOL, "1")
    assert up.client.seen(1, 35, 39, 434, 102) == [("9", "6", "1", "3")]
    settle(up)
    assert not up.venue.inbox


# -- messages of ours that the venue's session layer refuses -------------------------------------------------


def refuse_by_session_reject(venue: RawVenue, message: Message) -> None:
    venue.send("3", {45: message.seq, 371: 55, 372: message.type, 373: 5, 58: "no such thing"})


def refuse_by_business_reject(venue: RawVenue, message: Message) -> None:
    venue.send("j", {45: message.seq, 372: message.type, 379: message[11], 380: 0, 58: "no such thing"})


def refuse_by_business_reject_without_id(venue: RawVenue, message: Message) -> None:
    """As QuickFIX itself writes it: BusinessRejectRefID(379) is optional, RefSeqNum(45) names the message."""
    venue.send("j", {45: message.seq, 372: message.type, 380: 3, 58: "no such thing"})


REFUSALS = [refuse_by_session_reject, refuse_by_business_reject, refuse_by_business_reject_without_id]
Refuse = Callable[[RawVenue, Message], None]


@pytest.mark.parametrize("refuse", REFUSALS)
def test_refused_order_is_rejected_to_the_client(up: Desk, refuse: Refuse) -> None:
    sent = route(up)
    refuse(up.venue, sent.order)
    assert up.client.seen(1, *REPORT, 11, 58) == [
        ("8", "8", "100", "0", "0", sent.cl_ord_id, "no such thing")
    ]


@pytest.mark.parametrize("refuse", REFUSALS)
def test_refused_request_is_rejected_to_the_client_and_the_order_lives(up: Desk, refuse: Refuse) -> None:
    sent = live(up)
    request_id, request = cancel(up, sent)
    refuse(up.venue, request)
    assert up.client.seen(1, 35, 11, 39, 434, 58) == [("9", request_id, "0", "1", "no such thing")]
    _, request = replace(up, sent, 50, "99")
    refuse(up.venue, request)
    assert up.client.seen(1, 35, 39, 434) == [("9", "0", "2")]


@pytest.mark.parametrize("refuse", REFUSALS)
def test_refused_question_says_nothing_about_the_order(fresh: Desk, refuse: Refuse) -> None:
    """A venue may not know OrderStatusRequest: the order it is about may well be live there."""
    sent = route(fresh)
    restart(fresh)
    fresh.venue.log_on()
    fresh.client.log_on()
    question = fresh.venue.take()
    assert question.type == "H"
    refuse(fresh.venue, question)
    settle(fresh)
    fresh.client.nothing_more()
    fresh.venue.accept_order(sent.order)
    assert fresh.client.seen(1, 150, 11) == [("0", sent.cl_ord_id)]


def test_reject_in_other_than_ascii_does_not_stop_the_engine(fresh: Desk) -> None:
    sent = route(fresh)
    fresh.venue.send("3", {45: sent.order.seq, 372: "D", 373: 5, 58: "Stra\xdfe gesperrt"})
    assert fresh.client.seen(1, 150, 11) == [("8", sent.cl_ord_id)]
    live(fresh)


# -- nonsense from the venue ---------------------------------------------------------------------------------


def test_report_about_an_order_that_is_not_ours_is_questioned(up: Desk) -> None:
    sent = live(up)
    before = questions(up)
    up.venue.report(sent.order, "F", "2", t11="WHO-KNOWS", t32=100, t31=100, t14=100, t151=0)
    up.venue.report(sent.order, "4", "4", t11=None, t151=0)
    reject = {11: "NEITHER", 41: "NOR", 37: "V", 39: "0", 434: "1", 102: 0}
    up.venue.send("9", reject)
    settle(up)
    up.client.nothing_more()
    assert questions(up) == before + 3
    unknown = up.venue.take()
    assert (unknown.type, unknown[127], unknown[32]) == ("Q", "D", "100")


def test_bust_and_correction_of_no_execution_are_questioned(up: Desk) -> None:
    sent = live(up)
    before = questions(up)
    up.venue.report(sent.order, "H", "0", t19="NO-SUCH")
    up.venue.report(sent.order, "G", "0", t19="NO-SUCH", t32=100, t31=100)
    settle(up)
    up.client.nothing_more()
    assert questions(up) == before + 2


@pytest.mark.parametrize(
    ("change", "ours"),
    [
        ({"t32": None}, None),
        ({"t31": None}, None),
        ({"t32": "0"}, None),
        ({"t32": "-60"}, None),
        ({"t31": "-1"}, None),
        ({"t31": "0"}, None),
        ({"t32": "60.123456789"}, "3"),
        ({"t31": "9" * 30}, "3"),
        ({"t17": None}, "3"),
        ({"t39": None}, "3"),
        ({"t39": "?"}, "3"),
        ({"t150": None}, "3"),
        ({"t54": "x"}, "3"),
        ({"t60": "soon"}, "3"),
    ],
    ids=str,
)
def test_execution_that_makes_no_sense_is_not_booked(
    up: Desk, change: dict[str, object], ours: str | None
) -> None:
    """`ours` is the type of our answer where the rules leave no choice."""
    sent = live(up)
    up.venue.fill(sent.order, 60, "100", 60, **change)
    settle(up)
    up.client.nothing_more()
    answers = [m.type for m in (*up.venue.admin, *up.venue.inbox) if m.type in "3j"]
    assert answers in ([["3"]] if ours else [[], ["j"], ["3"]])
    up.venue.inbox.clear()
    up.venue.fill(sent.order, 60, "100", 60)
    assert up.client.seen(1, *REPORT) == [("F", "1", "100", "60", "40")]


def test_garbled_report_is_ignored_and_asked_for_again(up: Desk) -> None:
    sent = route(up)
    body = up.venue.accept_order(sent.order)
    up.client.take_all(1)
    raw = up.venue.build("8", body)
    up.venue.send_raw(raw[:-4] + b"%03d\x01" % ((int(raw[-4:-1]) + 1) % 256))
    up.venue.send_raw(resummed(raw.replace(b"\x0154=", b"\x01xx=")))
    up.venue.fill(sent.order, 100, "100", 100)
    settle(up)
    assert up.client.seen(1, 150, 39) == [("F", "2")]


def test_lost_report_is_asked_for_again(up: Desk) -> None:
    sent = live(up)
    body = {11: sent.order[11], 37: "V", 17: "LOST", 150: "F", 39: "1", 55: SYMBOL, 54: "1", 32: 60, 31: 100}
    up.venue.stage("8", {**body, 151: 40, 14: 60, 6: 100})
    up.venue.fill(sent.order, 40, "100", 100)
    settle(up)
    assert up.client.seen(2, *REPORT) == [("F", "1", "100", "60", "40"), ("F", "2", "100", "100", "0")]
    up.client.nothing_more()


@pytest.mark.parametrize("msg_type", ["D", "B", "ZZ"])
def test_message_that_no_venue_may_send(up: Desk, msg_type: str) -> None:
    body = {
        "D": up.client.order_body(SYMBOL, "1", 100),
        "B": [(148, "h"), (33, 1), (58, "l")],
        "ZZ": [(58, "?")],
    }
    up.venue.send(msg_type, body[msg_type])
    settle(up)
    answers = [m for m in (*up.venue.admin, *up.venue.inbox) if m.type in "3j"]
    assert [m.type for m in answers] == (["3"] if msg_type == "ZZ" else ["j"])
    up.venue.inbox.clear()
    live(up)


def test_text_in_other_than_ascii_reaches_the_client_as_ascii(up: Desk) -> None:
    sent = route(up)
    up.venue.report(sent.order, "8", "8", t103=99, t58="Stra\xdfe gesperrt \x80", t151=0)
    report = up.client.take()
    assert report[150] == "8"
    assert report.raw.isascii()
    assert "gesperrt" in report[58]


@pytest.mark.parametrize("claimed", [99_999_999, -60], ids=["too long", "negative"])
def test_data_field_of_a_wrong_length_from_the_venue_does_not_harm_the_engine(
    fresh: Desk, claimed: int
) -> None:
    fresh.venue.send_raw(fresh.venue.build("0", [(93, claimed), (89, "x")]))
    time.sleep(0.2)
    fresh.client.status("NEVER-SENT", SYMBOL, "1")
    assert fresh.client.seen(1, 39) == [("8",)]


# -- a venue that is down ------------------------------------------------------------------------------------


def wait_down(desk: Desk) -> None:
    desk.venue.hang_up()
    deadline = time.monotonic() + 10
    while "SIM" in desk.engine.status()["sessions_up"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_order_while_the_venue_is_down_is_denied_and_not_sent_later(fresh: Desk) -> None:
    wait_down(fresh)
    fresh.client.order(SYMBOL, "1", 100, "100")
    (denied,) = fresh.client.take_all(1)
    assert values(denied, (150, 39)) == ("8", "8")
    assert denied[58].startswith("venue_down: ")
    fresh.venue.log_on()
    settle(fresh)
    assert not fresh.venue.inbox
    assert [m for m in fresh.venue.possible_duplicates if m.type == "D"] == []
    live(fresh)


def test_venue_that_was_down_is_logged_on_to_as_soon_as_it_is_back(fresh: Desk) -> None:
    wait_down(fresh)
    time.sleep(2.5)
    fresh.venue.listen()
    started = time.monotonic()
    fresh.venue.log_on()
    assert time.monotonic() - started < 4
    settle(fresh)
    live(fresh)


def test_order_before_the_venue_ever_logged_on_is_denied(desk: Desk) -> None:
    desk.engine.start()
    desk.client.log_on()
    desk.client.order(SYMBOL, "1", 100)
    assert desk.client.take()[150] == "8"


def test_request_while_the_venue_is_down_is_refused_and_not_sent_later(fresh: Desk) -> None:
    sent = live(fresh)
    wait_down(fresh)
    fresh.client.cancel(sent.cl_ord_id, SYMBOL, "1")
    fresh.client.replace(sent.cl_ord_id, SYMBOL, "1", 50, "100")
    assert fresh.client.seen(2, 35, 39, 434, 102) == [("9", "0", "1", "99"), ("9", "0", "2", "99")]
    fresh.venue.log_on()
    settle(fresh)
    assert not fresh.venue.inbox
    cancel(fresh, sent)


def test_market_without_a_price_yet_is_denied(up: Desk) -> None:
    up.client.order("T002", "1", 100)
    denied = up.client.take()
    assert denied[58].startswith("no_reference_price: ")


def test_halted_venue_is_denied(up: Desk) -> None:
    assert up.engine.ask({"do": "halt", "scope": "venue", "value": "SIM", "who": "jane", "why": "odd fills"})[
        "ok"
    ]
    up.client.order(SYMBOL, "1", 100, "100")
    assert up.client.take()[58].startswith("trading_halted: ")
    assert up.engine.ask({"do": "resume", "scope": "venue", "value": "SIM", "who": "jane", "why": "fine"})[
        "ok"
    ]


def test_order_that_meets_a_vanishing_venue_is_never_sent_a_second_time(fresh: Desk) -> None:
    fresh.venue.reset_connection()
    cl_ord_id = fresh.client.order(SYMBOL, "1", 100, "100")
    fresh.venue.log_on()
    settle(fresh)
    for question in [fresh.venue.inbox.popleft() for _ in range(len(fresh.venue.inbox))]:
        assert question.type == "H"
        fresh.venue.report(question, "I", "8", t151=0)
    assert fresh.client.seen(1, 150, 39, 11) == [("8", "8", cl_ord_id)]
    fresh.client.nothing_more()


# -- in doubt: sent and not answered -------------------------------------------------------------------------


def doubt_by_kill(desk: Desk) -> None:
    restart(desk)
    desk.client.log_on()


def doubt_by_disconnect(desk: Desk) -> None:
    desk.venue.drop()


DOUBTS = pytest.mark.parametrize("doubt", [doubt_by_kill, doubt_by_disconnect])
Doubt = Callable[[Desk], None]


@DOUBTS
def test_unanswered_order_is_asked_about_and_never_sent_again(fresh: Desk, doubt: Doubt) -> None:
    sent = route(fresh)
    fresh.venue.forget()
    doubt(fresh)
    fresh.venue.possible_duplicates.clear()
    fresh.venue.log_on()
    question = fresh.venue.take()
    assert values(question, (35, 11, 55, 54)) == ("H", sent.order[11], SYMBOL, "1")
    settle(fresh)
    assert not fresh.venue.inbox
    gaps = [m for m in fresh.venue.possible_duplicates if m.type == "4"]
    assert {m.type for m in fresh.venue.possible_duplicates} <= {"4", "H"}
    assert any(m.seq <= sent.order.seq < int(m[36]) and m[123] == "Y" for m in gaps), (
        "a gap fill over the order"
    )
    fresh.venue.report(question, "I", "8", t58="unknown order", t151=0)
    assert fresh.client.seen(1, 150, 39, 11) == [("8", "8", sent.cl_ord_id)]
    fresh.client.nothing_more()


@DOUBTS
def test_unanswered_order_that_the_venue_knows_is_new(fresh: Desk, doubt: Doubt) -> None:
    sent = route(fresh)
    doubt(fresh)
    fresh.venue.log_on()
    question = fresh.venue.take()
    fresh.venue.report(question, "I", "0", t38=100, t151=100)
    assert fresh.client.seen(1, 150, 39, 11) == [("0", "0", sent.cl_ord_id)]
    fresh.venue.fill(sent.order, 100, "100", 100)
    assert fresh.client.seen(1, *REPORT) == [("F", "2", "100", "100", "0")]


@DOUBTS
def test_venue_may_answer_a_question_with_the_report_itself(fresh: Desk, doubt: Doubt) -> None:
    sent = route(fresh)
    doubt(fresh)
    fresh.venue.log_on()
    fresh.venue.take()
    fresh.venue.accept_order(sent.order)
    assert fresh.client.seen(1, 150, 39, 11) == [("0", "0", sent.cl_ord_id)]


@DOUBTS
def test_answered_order_is_not_asked_about(fresh: Desk, doubt: Doubt) -> None:
    live(fresh)
    doubt(fresh)
    fresh.venue.log_on()
    settle(fresh)
    assert not fresh.venue.inbox
    fresh.client.nothing_more()


@DOUBTS
def test_reports_that_the_venue_sent_meanwhile_arrive_once(fresh: Desk, doubt: Doubt) -> None:
    sent = route(fresh)
    doubt(fresh)
    new = {
        11: sent.order[11],
        37: "V",
        17: "N1",
        150: "0",
        39: "0",
        55: SYMBOL,
        54: "1",
        151: 100,
        14: 0,
        6: 0,
    }
    fill = {**new, 17: "N2", 150: "F", 39: "2", 32: 100, 31: 100, 151: 0, 14: 100, 6: 100}
    fresh.venue.stage("8", new)
    fresh.venue.stage("8", fill)
    fresh.venue.log_on()
    settle(fresh)
    assert fresh.client.seen(2, *REPORT, 11) == [
        ("0", "0", "100", "0", "100", sent.cl_ord_id),
        ("F", "2", "100", "100", "0", sent.cl_ord_id),
    ]
    fresh.venue.send("8", fill)
    settle(fresh)
    fresh.client.nothing_more()


@DOUBTS
def test_unanswered_cancel_may_be_sent_again_and_is_asked_about(fresh: Desk, doubt: Doubt) -> None:
    sent = live(fresh)
    _, request = cancel(fresh, sent)
    fresh.venue.forget()
    doubt(fresh)
    fresh.venue.log_on()
    again = fresh.venue.take()
    assert values(again, (35, 11, 41)) == ("F", request[11], request[41])
    assert again.poss_dup
    question = fresh.venue.take()
    assert values(question, (35, 11)) == ("H", request[11])
    fresh.venue.report(request, "4", "4", t151=0)
    assert fresh.client.seen(1, 150, 39) == [("4", "4")]
    fresh.venue.report(question, "I", "4", t151=0)
    settle(fresh)
    fresh.client.nothing_more()


@DOUBTS
def test_unanswered_replace_is_not_sent_again(fresh: Desk, doubt: Doubt) -> None:
    sent = live(fresh)
    request_id, request = replace(fresh, sent, 150, "99")
    fresh.venue.forget()
    doubt(fresh)
    fresh.venue.possible_duplicates.clear()
    fresh.venue.log_on()
    question = fresh.venue.take()
    assert values(question, (35, 11)) == ("H", request[11])
    assert not [m for m in fresh.venue.possible_duplicates if m.type == "G"]
    fresh.venue.report(question, "I", "8", t58="unknown order", t151=0)
    assert fresh.client.seen(1, 35, 11, 39, 434) == [("9", request_id, "0", "2")]
    fresh.client.status(sent.cl_ord_id, SYMBOL, "1")
    assert fresh.client.seen(1, *REPORT) == [("I", "0", "100", "0", "100")]


def test_resend_of_everything_holds_no_order_and_no_replace(fresh: Desk) -> None:
    sent = live(fresh)
    second, request = replace(fresh, sent, 150, "99")
    fresh.venue.report(request, "5", "0", t151=150)
    fresh.client.take_all(1)
    fresh.client.cancel(second, SYMBOL, "1")
    fresh.client.take_all(1)
    fresh.venue.possible_duplicates.clear()
    fresh.venue.send("2", {7: 1, 16: 0})
    settle(fresh)
    assert {m.type for m in fresh.venue.possible_duplicates} <= {"4", "F", "H"}
    assert fresh.venue.possible_duplicates[0].seq == 1
    assert fresh.venue.possible_duplicates[-1].seq > request.seq


def test_order_behind_a_gap_that_the_venue_finds_late_is_asked_about(fresh: Desk) -> None:
    """Asked for again in the connection in which it was sent: it was in doubt at no logon."""
    new = fresh.client.order(SYMBOL, "1", 100, "99")
    order = fresh.venue.take()
    fresh.venue.possible_duplicates.clear()
    fresh.venue.send("2", {7: order.seq, 16: 0})
    question = fresh.venue.take()
    assert values(question, (35, 11)) == ("H", order[11])
    assert {m.type for m in fresh.venue.possible_duplicates} == {"4"}
    fresh.venue.report(question, "I", "8", t58="unknown order", t151=0)
    assert fresh.client.seen(1, 11, 150, 39) == [(new, "8", "8")]


# -- the session with the venue ------------------------------------------------------------------------------


def test_numbers_with_the_venue_go_on_over_kills_and_stops(fresh: Desk) -> None:
    for end in (fresh.engine.kill, lambda: fresh.engine.stop(signal.SIGINT)):
        live(fresh)
        fresh.venue.ping()
        next_in = fresh.venue.next_in
        fresh.client.drop()
        if end == fresh.engine.kill:
            end()
        else:
            fresh.engine.signal(signal.SIGINT)
            fresh.venue.wait_type("5")
            assert fresh.engine.wait() == 0
            next_in = fresh.venue.next_in
        fresh.venue.drop()
        fresh.engine.start()
        logon = fresh.venue.log_on()
        assert logon.seq == next_in
        assert logon.get(141) is None
        fresh.client.log_on()
        fresh.venue.ping()
        assert not [m for m in fresh.venue.admin if m.type == "2"]


def test_venue_that_starts_its_numbers_anew_does_not_stop_the_engine(fresh: Desk) -> None:
    """The venue answers the Logon with ResetSeqNumFlag."""
    live(fresh)
    fresh.venue.drop()
    fresh.venue.accept()
    fresh.venue.next_out = 1
    fresh.venue.send("A", {98: 0, 108: 30, 141: "Y"})
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline and "SIM" not in fresh.engine.status()["sessions_up"]:
        time.sleep(0.02)
    fresh.client.status("NEVER-SENT", SYMBOL, "1")
    assert fresh.client.seen(1, 39) == [("8",)]
    fresh.engine.assert_alive()


def test_venue_with_a_number_too_low_is_left_and_called_again(fresh: Desk) -> None:
    live(fresh)
    fresh.venue.drop()
    fresh.venue.accept()
    number, fresh.venue.next_out = fresh.venue.next_out, 1
    fresh.venue.send("A", {98: 0, 108: 30})
    assert "MsgSeqNum too low" in fresh.venue.wait_type("5")[58]
    fresh.venue.drop()
    fresh.client.order(SYMBOL, "1", 100, "100")
    assert fresh.client.take()[58].startswith("venue_down: ")
    fresh.venue.next_out = number
    fresh.venue.log_on()
    settle(fresh)
    live(fresh)


def test_engine_that_logs_every_session_event_works_as_well(desk: Desk) -> None:
    desk.engine.options = ["--verbose"]
    desk.venue.listen()
    desk.engine.start()
    desk.venue.log_on()
    desk.client.log_on()
    desk.venue.quote(SYMBOL, 100)
    desk.venue.ping()
    live(desk)
    assert "Received logon response" in desk.engine.log()


def test_silent_venue_is_tested_and_left(desk: Desk) -> None:
    config = desk.engine.folder / "venue.cfg"
    config.write_text(config.read_text().replace("HeartBtInt=30", "HeartBtInt=1"))
    desk.venue.listen()
    desk.engine.start()
    desk.venue.log_on()
    desk.venue.send = lambda *_, **__: b""  # type: ignore[method-assign]
    messages = desk.venue.wait_closed(timeout_s=6)
    assert {"0", "1"} <= {m.type for m in messages}


def test_client_that_is_away_gets_the_venues_reports_when_it_is_back(up: Desk) -> None:
    sent = live(up)
    up.client.drop()
    up.venue.fill(sent.order, 60, "100", 60)
    up.venue.report(sent.order, "4", "4", t14=60, t151=0)
    settle(up)
    up.client.log_on()
    assert up.client.seen(2, *REPORT) == [("F", "1", "100", "60", "40"), ("4", "4", "100", "60", "0")]


def test_reports_of_one_clients_order_go_to_that_client_only(up: Desk) -> None:
    other = RawClient(up.engine.port, "CLIENT2", account="MAIN2")
    other.log_on()
    sent = live(up)
    order = other.order(SYMBOL, "1", 50, "100")
    theirs = up.venue.take()
    up.venue.fill(theirs, 50, "100", 50)
    assert other.seen(2, 150, 11) == [("0", order), ("F", order)]
    up.client.nothing_more()
    up.venue.fill(sent.order, 100, "100", 100)
    assert up.client.seen(1, 150, 11) == [("F", sent.cl_ord_id)]
    other.nothing_more()
    other.log_out()
