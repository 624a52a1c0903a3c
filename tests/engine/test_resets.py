"""Sequence numbers that begin again, or do not: by a client, by a venue, at every logon, at the end of the day.

Real sockets on both sides. What a refused ResetSeqNumFlag(141) must not do is change anything: the journal's
records and the digest over all of the state are compared.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from oms.core import events as ev
from oms.recovery import records
from tests.engine.conftest import Desk
from tests.support.engine_process import SYMBOLS, EngineProcess, free_port
from tests.support.raw_client import RawClient
from tests.support.raw_fix import TIMEOUT_S, Closed, Message, Peer
from tests.support.raw_venue import RawVenue

SYMBOL = SYMBOLS[0]


def desk_with(folder: Path, **profiles: dict[str, object]) -> Desk:
    """A desk of which CLIENT1 or SIM has a profile. Nothing of it is started."""
    port = free_port()
    changes = {f"profile.{name}": keys for name, keys in profiles.items()}
    process = EngineProcess(folder, port, changes)
    return Desk(process, RawVenue(port), RawClient(process.port))


@pytest.fixture
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """The desk with the profile that `profile` gives: session, key, value."""
    name, key, value = request.param
    desk = desk_with(tmp_path / "engine", **{name: {key: value}})
    yield desk
    desk.end()


def profile(name: str, key: str, value: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("made", [(name, key, value)], indirect=True, ids=[""])


def opened(desk: Desk) -> Desk:
    """Engine, venue and client are up, and the symbol has a price."""
    desk.engine.start()
    desk.venue.log_on()
    desk.venue.quote(SYMBOL, 100)
    desk.venue.ping()
    desk.client.log_on()
    desk.client.ping()
    return desk


def working(desk: Desk) -> tuple[str, Message]:
    """An order of the client that the venue has acknowledged: its ClOrdID, and what the venue got."""
    cl_ord_id = desk.client.order(SYMBOL, "1", 100, "99")
    order = desk.venue.take()
    desk.venue.accept_order(order)
    assert desk.client.take()[150] == "0"
    return cl_ord_id, order


def answer_reset(desk: Desk) -> None:
    """The venue begins again as well, and says that it has read all that there is."""
    desk.venue.send("A", [(98, 0), (108, 30), (141, "Y")])
    desk.venue.catch_up()


def journal(desk: Desk) -> list[ev.Event]:
    return [ev.decode(body) for _, body in records(desk.engine.folder / "journal")]


def all_of_it(desk: Desk) -> tuple[list[bytes], str]:
    """Every byte of state: the journal's records, and the digest."""
    digest = desk.engine.ask({"do": "status", "digest": True})["digest"]
    return [body for _, body in records(desk.engine.folder / "journal")], digest


def until_closed(peer: Peer) -> None:
    """What comes until the other side hangs up is not counted."""
    with contextlib.suppress(Closed):
        while True:
            peer._read(TIMEOUT_S)
    assert not peer.is_open
    peer._buffer = b""


# -- a client that may not ----------------------------------------------------------------------------------


@profile("CLIENT1", "reset", "refuse")
def test_a_client_s_reset_that_is_refused_changes_nothing(made: Desk) -> None:
    desk = opened(made)
    cl_ord_id, order = working(desk)
    desk.client.log_out()
    before = all_of_it(desk)
    again = RawClient(desk.engine.port)
    again.connect()
    again.send("A", again.logon_body(more={141: "Y"}))
    assert again.wait_closed() == []
    assert all_of_it(desk) == before
    # Its numbers are where they were, and what was sent can be asked for again.
    desk.client.log_on()
    desk.client.send("2", {7: 1, 16: 0})
    desk.client.ping()
    assert [m[11] for m in desk.client.possible_duplicates if m.type == "8"] == [cl_ord_id]
    desk.venue.fill(order, 100, "99", 100)
    assert desk.client.take()[150] == "F"


@profile("CLIENT1", "reset", "refuse")
def test_a_reset_within_a_session_is_refused_and_what_was_sent_is_kept(made: Desk) -> None:
    """QuickFIX has emptied its store by the time that it asks."""
    desk = opened(made)
    cl_ord_id, order = working(desk)
    numbers = (desk.client.next_out, desk.client.next_in)
    before = [e for e in journal(desk) if isinstance(e, ev.SessionMoved | ev.SessionReset | ev.MessageOut)]
    desk.client.send("A", desk.client.logon_body(more={141: "Y"}), seq=1)
    until_closed(desk.client)
    after = [e for e in journal(desk) if isinstance(e, ev.SessionMoved | ev.SessionReset | ev.MessageOut)]
    assert after == before
    # A fill while it is away waits under its number.
    desk.venue.fill(order, 100, "99", 100)
    desk.venue.ping()
    desk.client.drop()
    desk.client.next_out, desk.client.next_in = numbers
    desk.client.log_on()
    assert desk.client.take()[150] == "F"
    desk.client.send("2", {7: 1, 16: 0})
    desk.client.ping()
    told = [(m[11], m[150]) for m in desk.client.possible_duplicates if m.type == "8"]
    assert (cl_ord_id, "0") in told
    desk.engine.assert_alive()


@profile("CLIENT1", "reset", "accept")
def test_a_client_s_reset_is_accepted_where_nothing_else_is_said(made: Desk) -> None:
    desk = opened(made)
    working(desk)
    desk.client.log_out()
    logon = desk.client.reset()
    assert (logon.seq, logon[141]) == (1, "Y")
    assert sum(isinstance(e, ev.SessionReset) for e in journal(desk)) == 1


# -- a venue that is asked at every logon ---------------------------------------------------------------------


@profile("SIM", "reset", "logon")
def test_a_venue_is_asked_for_new_numbers_at_every_logon(made: Desk) -> None:
    desk = made
    desk.engine.start()
    logon = desk.venue.accept()
    assert (logon.seq, logon[141]) == (1, "Y")
    answer_reset(desk)
    desk.venue.quote(SYMBOL, 100)
    desk.venue.ping()
    desk.client.log_on()
    cl_ord_id, order = working(desk)
    # It has something to say when the connection is lost, and that is lost with the numbers.
    desk.venue.stage("8", {11: order[11], 150: "F"})
    desk.venue.drop()
    desk.venue.next_out = desk.venue.next_in = 1
    desk.venue.sent.clear()
    logon = desk.venue.accept()
    assert (logon.seq, logon[141]) == (1, "Y")
    answer_reset(desk)
    # So it is asked how all that is open stands.
    question = desk.venue.take()
    assert (question.type, question[11]) == ("H", order[11])
    desk.venue.report(question, "I", "1", t38=100, t14=40, t151=60)
    desk.venue.fill(order, 40, "99", 40)
    assert desk.client.take()[150] == "F"
    assert desk.engine.status()["counts"]["questioned"] == 1
    # And a new start goes on from there.
    desk.engine.kill()
    desk.venue.drop()
    desk.engine.start()
    desk.venue.next_out = desk.venue.next_in = 1
    assert desk.venue.accept()[141] == "Y"
    assert cl_ord_id


# -- a venue whose numbers begin with the day -----------------------------------------------------------------


def next_day(desk: Desk) -> None:
    assert desk.engine.ask({"do": "next_day", "who": "jane"})["ok"]


@profile("SIM", "reset", "day")
def test_a_venue_s_numbers_begin_again_once_the_day_has_ended(made: Desk) -> None:
    desk = opened(made)
    assert desk.venue.admin[0].get(141) is None
    desk.client.order(SYMBOL, "1", 100, "99", t59="1")
    order = desk.venue.take()
    desk.venue.accept_order(order)
    assert desk.client.take()[150] == "0"
    next_day(desk)
    assert "sequence numbers begin again" in desk.venue.wait_type("5")[58]
    desk.venue.wait_closed()
    desk.venue.next_out = desk.venue.next_in = 1
    desk.venue.sent.clear()
    logon = desk.venue.accept()
    assert (logon.seq, logon[141]) == (1, "Y")
    answer_reset(desk)
    question = desk.venue.take()
    assert (question.type, question[11]) == ("H", order[11])
    desk.venue.report(question, "I", "0", t38=100, t151=100)
    # Only once: a connection that is lost on the same day goes on with its numbers.
    desk.venue.drop()
    logon = desk.venue.log_on()
    assert logon.get(141) is None
    assert logon.seq == 5
    desk.venue.quote(SYMBOL, 100)
    desk.venue.ping()


@profile("SIM", "reset", "day")
def test_a_venue_that_is_away_when_the_day_ends_is_asked_when_it_is_back_also_after_a_crash(
    made: Desk,
) -> None:
    desk = opened(made)
    desk.venue.hang_up()
    next_day(desk)
    deadline = time.monotonic() + 5  # it knocks in vain, and asks for new numbers each time
    while not any(isinstance(e, ev.SessionReset) for e in journal(desk)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    desk.engine.kill()
    desk.engine.start()
    desk.venue.next_out = desk.venue.next_in = 1
    desk.venue.sent.clear()
    logon = desk.venue.accept()
    assert (logon.seq, logon[141]) == (1, "Y")
    answer_reset(desk)
    desk.venue.quote(SYMBOL, 101)
    desk.venue.ping()
    # It is the journal that knows: a new start does not ask again.
    desk.engine.kill()
    desk.venue.drop()
    desk.engine.start()
    assert desk.venue.log_on().get(141) is None
    desk.venue.ping()


# -- a venue that begins again unasked ------------------------------------------------------------------------


def returns_with_new_numbers(desk: Desk) -> Message:
    """The venue is back after it has lost everything: it answers the Logon with ResetSeqNumFlag."""
    desk.venue.drop()
    asks, desk.venue.asks = desk.venue.asks, False
    logon = desk.venue.accept()
    desk.venue.next_out = desk.venue.next_in = 1
    desk.venue.sent.clear()
    desk.venue.send("A", [(98, 0), (108, 30), (141, "Y")])
    desk.venue.asks = asks
    return logon


@profile("SIM", "reset", "accept")
def test_a_venue_s_own_reset_is_taken_and_all_that_is_open_asked_about(made: Desk) -> None:
    desk = opened(made)
    _, order = working(desk)
    logon = returns_with_new_numbers(desk)
    assert logon.get(141) is None
    answer = desk.venue.wait_type("A")
    assert (answer.seq, answer[141]) == (1, "Y")
    desk.venue.catch_up()
    question = desk.venue.take()
    assert (question.seq, question.type, question[11]) == (4, "H", order[11])
    desk.venue.fill(order, 100, "99", 100)
    assert desk.client.take()[150] == "F"
    # The journal knows the new numbers.
    desk.engine.kill()
    desk.venue.drop()
    desk.engine.start()
    logon = desk.venue.log_on()
    assert (logon.seq, logon.get(141)) == (5, None)
    desk.venue.ping()


@profile("SIM", "reset", "refuse")
def test_a_venue_s_own_reset_is_refused_and_changes_nothing(made: Desk) -> None:
    desk = opened(made)
    _, order = working(desk)
    desk.client.cancel(order[11], SYMBOL, "1")  # an id that nobody knows: something more for the journal
    assert desk.client.take().type == "9"
    numbers = (desk.venue.next_out, desk.venue.next_in)
    desk.venue.drop()
    asks, desk.venue.asks = desk.venue.asks, False
    logon = desk.venue.accept()
    reset = [e for e in journal(desk) if isinstance(e, ev.SessionReset)]
    before = journal(desk)
    desk.venue.send("A", [(98, 0), (108, 30), (141, "Y")], seq=1)
    until_closed(desk.venue)
    assert reset == [e for e in journal(desk) if isinstance(e, ev.SessionReset)] == []
    added = journal(desk)[len(before) :]
    assert [e for e in added if isinstance(e, ev.SessionMoved | ev.SessionReset | ev.MessageOut)] == []
    # It comes back as it should: its numbers go on, and it can have again what it was sent.
    desk.venue.asks = asks
    desk.venue.next_out, desk.venue.next_in = numbers[0], logon.seq + 1
    desk.venue.drop()
    desk.venue.log_on()
    desk.venue.ping()
    desk.venue.possible_duplicates.clear()
    desk.venue.send("2", {7: 1, 16: 0})
    desk.venue.ping()
    assert all(m.type == "4" for m in desk.venue.possible_duplicates), "an order is not sent twice"
    desk.venue.fill(order, 100, "99", 100)
    assert desk.client.take()[150] == "F"


# -- the version of a venue's Logon ---------------------------------------------------------------------------


@pytest.mark.parametrize("appl_ver_id", [8, 7, None, "FIX.5.0SP2"])
def test_a_venue_that_logs_on_for_another_application_version_is_not_let_in(
    tmp_path: Path, appl_ver_id: object
) -> None:
    port = free_port()
    engine = EngineProcess(tmp_path / "engine", port)
    (tmp_path / "engine" / "venue.cfg").write_text(
        "[SESSION]\nSenderCompID=OMS\nTargetCompID=SIM\nBeginString=FIXT.1.1\nDefaultApplVerID=FIX.5.0SP2\n"
        f"AppDataDictionary=FIX50SP2.xml\nSocketConnectHost=127.0.0.1\nSocketConnectPort={port}\n"
        "ReconnectInterval=1\n"
    )
    venue = RawVenue(port, begin="FIXT.1.1")
    try:
        engine.start()
        logon = venue.accept()
        assert logon[1137] == "9"
        version = [] if appl_ver_id is None else [(1137, appl_ver_id)]
        venue.send("A", [(98, 0), (108, 30), *version])
        last = venue.wait_closed()
        # A Logon that lacks a required field is no Logon: QuickFIX hangs up.
        assert [m.type for m in last] == (["5"] if appl_ver_id is not None else []), last
        assert "SIM" not in engine.status()["sessions_up"]
        venue.next_out = 1
        venue.log_on()
        venue.ping()
        assert "SIM" in engine.status()["sessions_up"]
        engine.assert_alive()
    finally:
        engine.end()
        venue.hang_up()
