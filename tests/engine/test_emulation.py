"""What an engine does because its venue cannot, and trading days, on real sockets: between a client and a venue.

The venue declares market and limit orders for the day. Days that end and begin while a test looks are made of
calendars of the test's own: a time zone in which it is about noon, sessions that open or close within
seconds. A day that has passed is made by moving the market's time zone while the engine is down: what was
today is then yesterday.
"""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from oms.core import events as ev
from oms.core.state import State
from oms.history import fold
from oms.recovery import from_snapshot, records
from tests.engine.conftest import Desk
from tests.support.engine_process import START_S, EngineProcess, free_port
from tests.support.raw_client import RawClient
from tests.support.raw_venue import RawVenue

SYMBOL = "T001"
GTC = {"t59": "1"}
SENT = (35, 38, 40, 44, 59)
"""MsgType, OrderQty, OrdType, Price, TimeInForce: what a venue is told of an order."""
SEEN = (150, 39, 14, 151)
"""ExecType, OrdStatus, CumQty, LeavesQty."""

PLAIN: dict[str, dict[str, object]] = {
    "engine": {"snapshot_every": 7},
    "capability.SIM": {"ord_types": ["1", "2"], "times_in_force": ["0", "3"]},
}


# -- calendars -----------------------------------------------------------------------------------------------


def zone_at(hour: int) -> str:
    """A time zone without summer time in which it is that hour, or as near as there is one; -12 to +14."""
    offset = min(range(-12, 15), key=lambda o: abs((datetime.now(UTC).hour + o) % 24 - hour))
    return f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"


def local(zone: str) -> datetime:
    offset = -int(zone.removeprefix("Etc/GMT") or 0)
    return datetime.now(UTC) + timedelta(hours=offset)


def calendar(folder: Path, zone: str, **special: tuple[str, str]) -> None:
    """Every day from 00:00 to 24:00 in that zone, but for these dates ("d20261125")."""
    markets = folder / "markets.toml"
    lines = markets.read_text().splitlines()
    at = lines.index('mic = "XNAS"')
    for n in range(at, at + 15):
        if lines[n].startswith("timezone"):
            lines[n] = f'timezone = "{zone}"'
        if lines[n].startswith(("pre_open", "day_end")):
            lines[n] = lines[n].partition("=")[0] + "= 0"
    markets.write_text("\n".join(lines))
    today = local(zone).date()
    rows = {f"{today + timedelta(n)}": ("00:00", "24:00") for n in range(-3, 40)}
    rows |= {f"{date.fromisoformat(day[1:])}": hours for day, hours in special.items()}
    days = [f'["{day}", "{opens}", "{closes}"],' for day, (opens, closes) in rows.items()]
    (folder / "calendars.toml").write_text(
        f'source = "made up"\n[[calendar]]\nmarket = "XNAS"\nfirst = "{min(rows)}"\nuntil = "{max(rows)}"\n'
        "closed = []\nspecial = [\n" + "\n".join(days) + "\n]\n"
    )


def in_seconds(zone: str, seconds: float) -> str:
    """The time of day then, in that zone."""
    return f"{local(zone) + timedelta(seconds=seconds):%H:%M:%S}"


# -- desks ---------------------------------------------------------------------------------------------------


def make(folder: Path, changes: dict[str, dict[str, object]], zone: str = "") -> Desk:
    """A desk whose venue can do little, with a calendar if it is given a time zone."""
    port = free_port()
    if zone:
        changes = {**changes, "reference": {"calendars": "calendars.toml"}}
    engine = EngineProcess(folder, venue_port=port, changes=changes)
    if zone:
        calendar(folder, zone)
    return Desk(engine, RawVenue(port), RawClient(engine.port))


def bring_up(desk: Desk) -> Desk:
    """Everybody is there, and the venue has said that SYMBOL is worth 100."""
    desk.venue.listen()
    desk.engine.start()
    desk.venue.log_on()
    desk.client.log_on()
    desk.venue.quote(SYMBOL, 100)
    desk.venue.ping()
    return desk


def kill(desk: Desk) -> None:
    """SIGKILL. The state from the last snapshot on is the state from the first record on."""
    journal = desk.engine.folder / "journal"
    deadline = time.monotonic() + START_S
    while not from_snapshot(journal)[2]:
        # It is taken when nothing else is to be done.
        assert time.monotonic() < deadline
        time.sleep(0.02)
    desk.engine.kill()
    desk.client.drop()
    desk.venue.drop()
    whole = State()
    for _, body in records(journal):
        whole.apply(ev.decode(body))
    assert fold(journal).digest() == whole.digest()


def come_back(desk: Desk) -> None:
    """A start on the same journal, with everybody logged on again."""
    desk.engine.start()
    desk.venue.log_on()
    desk.client.log_on()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "engine"


@pytest.fixture
def desk(folder: Path) -> Iterator[Desk]:
    """A desk without a calendar, up."""
    made = bring_up(make(folder, PLAIN))
    yield made
    made.end()


# -- slices --------------------------------------------------------------------------------------------------


def test_an_iceberg_comes_in_slices_and_is_one_order_to_the_client(desk: Desk) -> None:
    cl_ord_id = desk.client.order(SYMBOL, "1", 250, 100, t111=100)
    first = desk.venue.take()
    assert [first.get(tag) for tag in (*SENT, 111)] == ["D", "100", "2", "100", "0", None]
    desk.venue.accept_order(first)
    desk.venue.fill(first, 60, 100, 60)
    desk.venue.nothing_more()
    desk.venue.fill(first, 40, 100, 100)
    second = desk.venue.take()
    assert second[38] == "100"
    assert second[11] != first[11]
    desk.venue.accept_order(second)
    desk.venue.fill(second, 100, 100, 100)
    third = desk.venue.take()
    assert third[38] == "50"
    desk.venue.fill(third, 50, 100, 50)
    assert desk.client.seen(5, *SEEN, 11, 111) == [
        ("0", "0", "0", "250", cl_ord_id, "100"),
        ("F", "1", "60", "190", cl_ord_id, "100"),
        ("F", "1", "100", "150", cl_ord_id, "100"),
        ("F", "1", "200", "50", cl_ord_id, "100"),
        ("F", "2", "250", "0", cl_ord_id, "100"),
    ]
    desk.client.nothing_more()
    desk.venue.nothing_more()


def test_a_kill_between_two_slices_sends_none_twice(desk: Desk) -> None:
    """The second slice has been sent and is unanswered: it is asked about, not sent again."""
    desk.client.order(SYMBOL, "1", 250, 100, t111=100)
    first = desk.venue.take()
    desk.venue.accept_order(first)
    desk.venue.fill(first, 100, 100, 100)
    second = desk.venue.take()
    assert desk.client.seen(2, *SEEN) == [("0", "0", "0", "250"), ("F", "1", "100", "150")]
    kill(desk)
    come_back(desk)
    question = desk.venue.take()
    assert (question.type, question[11]) == ("H", second[11])
    desk.venue.report(second, "I", "0", t151="100")
    desk.venue.fill(second, 100, 100, 100)
    assert desk.venue.take()[38] == "50"
    assert desk.client.seen(1, *SEEN) == [("F", "1", "200", "50")]


def test_a_slice_that_was_lost_in_a_crash_is_sent_again_under_another_id(desk: Desk) -> None:
    desk.client.order(SYMBOL, "1", 250, 100, t111=100)
    first = desk.venue.take()
    desk.venue.accept_order(first)
    desk.venue.fill(first, 100, 100, 100)
    second = desk.venue.take()
    desk.client.take_all(2)
    kill(desk)
    come_back(desk)
    assert desk.venue.take().type == "H"
    desk.venue.report(second, "I", "8", t151="0", t58="no such order")
    third = desk.venue.take()
    assert (third.type, third[38]) == ("D", "100")
    assert third[11] not in (first[11], second[11])


def test_a_cancel_that_crosses_the_end_of_a_slice_ends_the_order(desk: Desk) -> None:
    cl_ord_id = desk.client.order(SYMBOL, "1", 250, 100, t111=100)
    first = desk.venue.take()
    desk.venue.accept_order(first)
    assert desk.client.seen(1, *SEEN) == [("0", "0", "0", "250")]
    request = desk.client.cancel(cl_ord_id, SYMBOL, "1")
    asked = desk.venue.take()
    assert asked.type == "F"
    desk.venue.fill(first, 100, 100, 100)
    desk.venue.nothing_more()
    desk.venue.cancel_reject(asked, "2")
    assert desk.client.seen(3, *SEEN, 11) == [
        ("6", "6", "0", "250", request),
        ("F", "6", "100", "150", cl_ord_id),
        ("4", "4", "100", "0", request),
    ]
    desk.venue.nothing_more()


def test_a_replace_during_a_slice_is_of_the_whole(desk: Desk) -> None:
    cl_ord_id = desk.client.order(SYMBOL, "1", 250, 100, t111=100)
    first = desk.venue.take()
    desk.venue.accept_order(first)
    desk.venue.fill(first, 30, 100, 30)
    assert [row[0] for row in desk.client.seen(2, *SEEN)] == ["0", "F"]
    replaced = desk.client.replace(cl_ord_id, SYMBOL, "1", 300, "99.5", t111=100)
    asked = desk.venue.take()
    assert [asked.get(tag) for tag in (*SENT, 41)] == ["G", "100", "2", "99.5", "0", first[11]]
    desk.venue.report(asked, "5", "1", t14="30", t151="70")
    assert [row[0] for row in desk.client.seen(2, *SEEN)] == ["E", "5"]
    # Only the quantity: what is at the venue stays as it is, and nobody has to be asked.
    again = desk.client.replace(replaced, SYMBOL, "1", 150, "99.5", t111=100)
    assert [row[0] for row in desk.client.seen(2, *SEEN)] == ["E", "5"]
    desk.venue.nothing_more()
    desk.venue.fill(asked, 70, "99.5", 100, t11=asked[11])
    last = desk.venue.take()
    assert [last.get(tag) for tag in SENT] == ["D", "50", "2", "99.5", "0"]
    desk.venue.fill(last, 50, "99.5", 50)
    assert desk.client.seen(2, *SEEN, 11) == [("F", "1", "100", "50", again), ("F", "2", "150", "0", again)]


# -- days ----------------------------------------------------------------------------------------------------


def test_a_good_till_order_is_sent_anew_on_the_next_day_after_a_kill(folder: Path) -> None:
    """What was today is yesterday when the engine comes back: it was down over the close."""
    zones = morning, evening = zone_at(6), ""
    offset = -int(morning.removeprefix("Etc/GMT") or 0) + 20
    evening = f"Etc/GMT-{offset}" if offset > 0 else f"Etc/GMT+{-offset}"
    assert local(morning).date() + timedelta(1) == local(evening).date(), zones
    desk = make(folder, PLAIN, morning)
    try:
        bring_up(desk)
        cl_ord_id = desk.client.order(SYMBOL, "1", 100, 100, **GTC)
        for_the_day = desk.client.order(SYMBOL, "1", 50, 100)
        first, other = desk.venue.take(), desk.venue.take()
        assert [first.get(tag) for tag in SENT] == ["D", "100", "2", "100", "0"]
        desk.venue.accept_order(first)
        desk.venue.accept_order(other)
        desk.venue.fill(first, 40, 100, 40)
        day = (424, 425, 426)
        assert desk.client.seen(3, *SEEN, *day) == [
            ("0", "0", "0", "100", "100", "0", "0"),
            ("0", "0", "0", "50", None, None, None),
            ("F", "1", "40", "60", "100", "40", "100"),
        ]
        kill(desk)
        calendar(folder, evening)
        come_back(desk)
        assert desk.client.seen(2, *SEEN, 11, 378, *day) == [
            ("C", "C", "0", "0", for_the_day, None, None, None, None),
            ("D", "1", "40", "60", cl_ord_id, "1", "60", "0", "0"),
        ]
        second = desk.venue.take()
        assert [second.get(tag) for tag in SENT] == ["D", "60", "2", "100", "0"]
        assert second[11] != first[11]
        desk.venue.accept_order(second)
        # Yesterday's execution is taken back: today's quantities stay as they are.
        desk.venue.fill(second, 10, 101, 10)
        desk.venue.report(first, "H", "C", t19="X3", t14="0", t151="0")
        assert desk.client.seen(2, *SEEN, *day) == [
            ("F", "1", "50", "50", "60", "10", "101"),
            ("H", "1", "10", "90", "100", "10", "101"),
        ]
        kill(desk)
        come_back(desk)
        desk.client.nothing_more()
        desk.venue.nothing_more()
        desk.venue.fill(second, 50, 100, 60)
        assert desk.client.seen(1, *SEEN) == [("F", "1", "60", "40")]
        assert desk.venue.take()[38] == "40", "what was busted has ended with its day: the rest is sent again"
        assert desk.engine.status()["markets"] == {"XNAS": "open"}
    finally:
        desk.end()


def test_the_close_ends_the_day_while_the_engine_runs(folder: Path) -> None:
    zone = zone_at(12)
    desk = make(folder, PLAIN, zone)
    try:
        calendar(folder, zone, **{f"d{local(zone):%Y%m%d}": ("00:00", in_seconds(zone, 6))})
        bring_up(desk)
        for_the_day = desk.client.order(SYMBOL, "1", 50, 100)
        desk.client.order(SYMBOL, "1", 100, 100, **GTC)
        for order in (desk.venue.take(), desk.venue.take()):
            desk.venue.accept_order(order)
        assert [row[0] for row in desk.client.seen(2, *SEEN)] == ["0", "0"]
        ended = desk.client.take()
        assert (ended[150], ended[11], ended[58]) == ("C", for_the_day, "the day has ended")
        assert desk.engine.status()["markets"] == {"XNAS": "closed"}
        # What comes now is for tomorrow; what is good till canceled is kept, and nobody gets it today.
        kept = desk.client.order(SYMBOL, "1", 70, 100, **GTC)
        assert desk.client.seen(1, *SEEN, 11, 636) == [("0", "0", "0", "70", kept, "N")]
        gone = desk.client.cancel(kept, SYMBOL, "1")
        assert desk.client.seen(2, *SEEN, 11) == [("6", "6", "0", "70", gone), ("4", "4", "0", "0", gone)]
        desk.venue.nothing_more()
    finally:
        desk.end()


def test_an_order_that_came_before_the_open_goes_out_with_it(folder: Path) -> None:
    zone = zone_at(12)
    desk = make(folder, PLAIN, zone)
    try:
        calendar(folder, zone, **{f"d{local(zone):%Y%m%d}": (in_seconds(zone, 6), "24:00")})
        bring_up(desk)
        until = f"{local(zone).date() + timedelta(3):%Y%m%d}"
        cl_ord_id = desk.client.order(SYMBOL, "1", 100, 100, t59="6", t432=until)
        assert desk.client.seen(1, *SEEN, 636, 432) == [("0", "0", "0", "100", "N", until)]
        desk.venue.nothing_more()
        order = desk.venue.take()
        assert [order.get(tag) for tag in (*SENT, 432)] == ["D", "100", "2", "100", "0", None]
        desk.venue.accept_order(order)
        desk.venue.fill(order, 100, 100, 100)
        assert desk.client.seen(1, *SEEN, 11) == [("F", "2", "100", "0", cl_ord_id)]
    finally:
        desk.end()


def test_an_order_ends_at_its_time_of_day(folder: Path) -> None:
    desk = make(folder, PLAIN, zone_at(12))
    try:
        bring_up(desk)
        until = f"{datetime.now(UTC) + timedelta(seconds=4):%Y%m%d-%H:%M:%S}"
        desk.client.order(SYMBOL, "1", 100, 100, t59="6", t126=until)
        order = desk.venue.take()
        desk.venue.accept_order(order)
        asked = desk.venue.take()
        assert (asked.type, asked[41]) == ("F", order[11])
        desk.venue.report(asked, "4", "4", t151="0")
        assert desk.client.seen(2, *SEEN) == [("0", "0", "0", "100"), ("C", "C", "0", "0")]
    finally:
        desk.end()


def test_a_person_ends_the_day_of_one_market(desk: Desk) -> None:
    desk.client.order(SYMBOL, "1", 50, 100)
    desk.venue.accept_order(desk.venue.take())
    desk.client.take()
    assert desk.engine.ask({"do": "next_day", "who": "jane", "market": "XLON"}) == {
        "ok": False,
        "error": "no instrument is of market 'XLON'",
    }
    desk.client.nothing_more()
    assert desk.engine.ask({"do": "next_day", "who": "jane", "market": "XNAS"}) == {"ok": True}
    assert desk.client.seen(1, *SEEN) == [("C", "C", "0", "0")]
    assert desk.engine.status()["markets"] == {"XNAS": "unknown"}


# -- trailing stops ------------------------------------------------------------------------------------------


def test_a_trailing_stop_follows_the_price_over_a_kill_and_is_triggered(folder: Path) -> None:
    desk = bring_up(make(folder, {**PLAIN, "profile.CLIENT1": {"stop_px_reports": True}}))
    try:
        cl_ord_id = desk.client.order(SYMBOL, "2", 100, None, t40="P", t18="a", t211=2)
        assert desk.client.seen(1, *SEEN, 99, 636) == [("0", "0", "0", "100", "98", "N")]
        desk.venue.quote(SYMBOL, 101)
        desk.venue.quote(SYMBOL, "100.5")
        assert desk.client.seen(1, *SEEN, 99, 378) == [("D", "0", "0", "100", "99", "3")]
        kill(desk)
        come_back(desk)
        desk.venue.quote(SYMBOL, 103)
        assert desk.client.seen(1, *SEEN, 99) == [("D", "0", "0", "100", "101")]
        desk.venue.nothing_more()
        desk.venue.quote(SYMBOL, 101)
        order = desk.venue.take()
        assert [order.get(tag) for tag in (*SENT, 18, 99, 211)] == [
            "D",
            "100",
            "1",
            None,
            "0",
            None,
            None,
            None,
        ]
        desk.venue.fill(order, 100, 101, 100)
        assert desk.client.seen(2, *SEEN, 11) == [
            # FIX 4.4 has no ExecType for triggered.
            ("D", "0", "0", "100", cl_ord_id),
            ("F", "2", "100", "0", cl_ord_id),
        ]
    finally:
        desk.end()


# -- passed or refused ---------------------------------------------------------------------------------------

SPECIAL = (
    # what is asked              what is said where it is not declared
    ({"t59": "2"},               "TimeInForce 2"),  # at the opening
    ({"t59": "7"},               "TimeInForce 7"),  # at the close
    ({"t110": "50"},             "min_qty"),
    ({"t18": "G"},               "exec_inst"),      # all or none
    ({"t18": "6"},               "exec_inst"),      # post only
    ({"t18": "1"},               "exec_inst"),      # not held
    ({"t210": "50"},             "max_show"),
)  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = bring_up(make(tmp_path_factory.mktemp("plain"), PLAIN))
    yield made
    made.end()


@pytest.fixture(scope="module")
def able(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    declared = {
        "ord_types": ["1", "2"],
        "times_in_force": ["0", "2", "7"],
        "terms": ["exec_inst", "min_qty", "max_show"],
        "exec_insts": ["1", "6", "G"],
    }
    made = bring_up(make(tmp_path_factory.mktemp("able"), {**PLAIN, "capability.SIM": declared}))
    yield made
    made.end()


@pytest.mark.parametrize(("asked", "said"), SPECIAL, ids=[str(asked) for asked, _ in SPECIAL])
def test_what_a_venue_does_not_declare_is_refused_with_the_reason(
    plain: Desk, asked: dict[str, str], said: str
) -> None:
    plain.client.order(SYMBOL, "1", 100, 100, **asked)
    assert plain.client.seen(1, 150, 103, 58) == [
        ("8", "11", f"venue_lacks: venue SIM does not support {said}")
    ]


@pytest.mark.parametrize(("asked", "said"), SPECIAL, ids=[str(asked) for asked, _ in SPECIAL])
def test_what_a_venue_declares_passes(able: Desk, asked: dict[str, str], said: str) -> None:
    able.client.order(SYMBOL, "1", 100, 100, **asked)
    order = able.venue.take()
    assert [order.get(int(tag.removeprefix("t"))) for tag in asked] == list(asked.values())
    able.venue.accept_order(order)
    assert able.client.seen(1, *SEEN) == [("0", "0", "0", "100")]


@pytest.mark.parametrize("asked", [{"t168": "20261125-10:00:00"}, {"t388": "0", "t389": "1"}])
def test_what_nobody_here_reads_is_refused_wherever_it_would_go(able: Desk, asked: dict[str, str]) -> None:
    able.client.order(SYMBOL, "1", 100, 100, **asked)
    tag, value = next(iter(asked.items()))
    said = f"unread_instruction: tag {tag.removeprefix('t')}={value} is not supported"
    assert able.client.seen(1, 150, 58) == [("8", said)]


def test_codes_that_are_not_among_those_declared_are_refused(able: Desk) -> None:
    able.client.order(SYMBOL, "1", 100, 100, t18="1 B")
    said = "venue_lacks: venue SIM does not support ExecInst B"
    assert able.client.seen(1, 150, 58) == [("8", said)]


def test_a_start_with_a_table_that_has_ended_is_refused(folder: Path) -> None:
    desk = make(folder, PLAIN, zone_at(12))
    (folder / "calendars.toml").write_text(
        'source = "old"\n[[calendar]]\nmarket = "XNAS"\nfirst = "2026-01-01"\nuntil = "2026-01-31"\n'
        "closed = []\nspecial = []\n"
    )
    with pytest.raises(AssertionError, match="XNAS ended on 2026-01-31"):
        desk.engine.start()
    assert f"{folder / 'calendars.toml'}, line 5: " in desk.engine.log()
