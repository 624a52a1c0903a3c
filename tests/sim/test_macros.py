"""Every macro on the wire: a venue with a rule for each, and a client made of a socket and another codec.

The venue's clock is the test's: it goes on while something is waited for that has to come, a millisecond a turn,
and stands while it is looked whether anything does.
"""

import time
from collections.abc import Iterator
from itertools import count

import pytest

from oms.sim.macros import NAMES
from oms.sim.profile import BrokerProfile, ExchangeProfile
from oms.sim.schedule import MS
from oms.sim.venue import Venue
from tests.sim.broker_kit import NOW_NS, brief
from tests.sim.wire_kit import LISTED, RawClient, free_port

Fields = dict[str, str]

MACROS: dict[str, dict[str, object]] = {
    "plain": {},
    "late": {"ack_ms": 60, "fill_ms": 0},
    "duplicate": {"copies": 2},
    "out_of_order": {"within_ms": 60},
    "silent": {},
    "reject": {"reason": 3, "text": "not today"},
    "disconnect": {"for_ms": 80, "answer": "after"},
    "refuse": {"reason": 2, "text": "no"},
    "pending": {"after_ms": 30},
    "crossing": {"percent": 100},
    "hold": {},
    "pieces": {"pieces": 3, "every_ms": 5},
    "bust": {"after_ms": 10},
    "correct": {"after_ms": 10, "to_percent": 50, "ticks": -1},
    "cancel": {"percent": 30, "after_ms": 10, "reason": 8},
    "suspend": {"after_ms": 10, "for_ms": 20},
    "restate": {"percent": 50, "after_ms": 10},
    "forget": {"after_ms": 10},
}

MORE: dict[str, dict[str, object]] = {
    "crossing-part": {"percent": 40, "pending": True},
    "bust-closed": {"after_ms": 10, "reopen": False},
    "reject-later": {"acknowledge": True, "after_ms": 10},
    "disconnect-lost": {"for_ms": 80, "answer": "never", "how": "logout"},
    "out_of_order-fill": {},
}
"""A second way to use some of them."""


def rules() -> tuple[object, ...]:
    """A rule for each, by the beginning of the ClOrdID; the longer names first."""
    tables = {**MORE, **MACROS}
    made = []
    for name, parameters in tables.items():
        made.append(NAMES[name.partition("-")[0]](cl_ord_id=f"{name}_", **parameters))
    return tuple(made)


class Desk:
    """A venue and whoever talks to it, in one thread."""

    def __init__(self) -> None:
        self.now_ns = NOW_NS
        self.goes = True  # whether time does
        self.port = free_port()
        profile = BrokerProfile(port=self.port, macro=rules(), prices=False)  # type: ignore[arg-type]
        exchanges = {"SIM": ExchangeProfile(liquidity_levels=0, steps_per_s=0)}
        self.venue = Venue(LISTED, {"SIM": profile}, exchanges, seed=3, clock=lambda: self.now_ns)
        self.venue.poll()
        self.client = RawClient(self.port, self.turn)
        self.client.log_on()
        self._ids = count(1)
        self._looked = 0

    def turn(self) -> None:
        self.now_ns += MS * self.goes
        self.venue.poll()

    def pass_by(self, ms: int) -> None:
        """So much time goes by."""
        for _ in range(ms):
            self.now_ns += MS
            self.venue.poll()

    def is_let_in(self) -> bool:
        """Try to connect anew; time stands meanwhile."""
        self.client.drop()
        self.goes = False
        client = RawClient(self.port, self.turn, self.client.next_seq)
        try:
            client.log_on()
        except ConnectionError:
            client.drop()
            return False
        finally:
            self.goes = True
        missed = max(int(m["34"]) for m in self.client.of_type("A") + self.client.application()) + 1
        self.client, self._looked = client, 0
        self.client.send("2", (7, missed), (16, 0))
        return True

    def close(self) -> None:
        self.client.drop()
        self.venue.close()

    def order(self, name: str, qty: int = 100, **more: str) -> str:
        cl_ord_id = f"{name}_{next(self._ids)}"
        fields = {"11": cl_ord_id, "55": "AAA", "54": "1", "38": str(qty), "40": "2", "44": "50", "59": "0"}
        self._send("D", fields | more)
        return cl_ord_id

    def ask(self, kind: str, orig: str, **more: str) -> str:
        """A cancel, replace or status request; its ClOrdID."""
        cl_ord_id = f"r{next(self._ids)}"
        fields = {"11": cl_ord_id, "41": orig, "55": "AAA", "54": "1"}
        if kind == "G":
            fields |= {"38": "150", "40": "2", "44": "50"}
        if kind == "H":
            fields = {"11": orig, "55": "AAA", "54": "1"}
        self._send(kind, fields | more)
        return cl_ord_id

    def _send(self, kind: str, fields: Fields) -> None:
        pairs = [(int(tag), value) for tag, value in fields.items()]
        if kind != "H":
            pairs.append((60, "20260102-10:00:00"))
        self.client.send(kind, *pairs)

    def came(self, number: int, timeout_s: float = 30.0) -> list[Fields]:
        """The next so many messages."""
        self.client.wait(lambda: len(self.client.application()) >= self._looked + number, timeout_s)
        found = self.client.application()[self._looked : self._looked + number]
        self._looked += number
        return found

    def nothing_more(self) -> None:
        """What was sent before is answered, and nothing else came. Time stands."""
        before = len(self.client.of_type("0"))
        self.goes = False
        self.client.send("1", (112, "end"))
        self.client.wait(lambda: len(self.client.of_type("0")) > before)
        self.goes = True
        assert brief(self.client.application()[self._looked :]) == []

    def said(self, number: int) -> list[str]:
        """The next so many, in brief and without the order's name."""
        return [line.partition(" ")[2] for line in brief(self.came(number))]


@pytest.fixture(scope="module")
def shared() -> Iterator[list[Desk]]:
    """A desk for all tests, until one of them has left it in disorder."""
    made: list[Desk] = []
    yield made
    for desk in made:
        desk.close()


@pytest.fixture
def desk(shared: list[Desk]) -> Iterator[Desk]:
    if not shared:
        shared.append(Desk())
    made = shared[0]
    made.goes = True
    yield made
    try:
        made.nothing_more()
    except (AssertionError, TimeoutError, OSError):
        shared.remove(made)
        made.close()
        raise


def test_there_is_a_case_for_every_macro() -> None:
    assert set(MACROS) == set(NAMES)
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {name for name in NAMES if not any(t.startswith(name) for t in tested)} == set()


def test_plain(desk: Desk) -> None:
    name = desk.order("plain")
    desk.ask("F", name)
    assert desk.said(2) == ["0/0 0+100", "4/4 0+0"]


def test_late(desk: Desk) -> None:
    name = desk.order("late")
    desk.nothing_more()
    desk.pass_by(59)
    desk.nothing_more()
    desk.pass_by(1)
    assert desk.said(1) == ["0/0 0+100"]
    desk.ask("F", name)
    desk.nothing_more()
    desk.pass_by(60)
    assert desk.said(1) == ["4/4 0+0"]


def test_duplicate(desk: Desk) -> None:
    desk.order("duplicate")
    reports = desk.came(3)
    assert len({r["34"] for r in reports}) == 3
    assert len({r["17"] for r in reports}) == 1, "the same report, not another one"


def test_out_of_order(desk: Desk) -> None:
    desk.goes = False
    name = desk.order("out_of_order")
    desk.ask("F", name)
    assert desk.said(2) == ["4/4 0+0", "0/0 0+100"]
    desk.order("out_of_order")
    desk.nothing_more()
    desk.pass_by(60)
    assert desk.said(1) == ["0/0 0+100"], "a report that nothing overtakes comes after a while"


def test_out_of_order_fill_before_its_acknowledgement(desk: Desk) -> None:
    desk.order("plain", 40, **{"54": "2", "55": "BBB"})
    desk.came(1)
    desk.order("out_of_order-fill", 40, **{"55": "BBB"})
    # The resting order's report is plain and comes when it happens.
    lines = desk.said(3)
    assert [line.split()[0] for line in lines] == ["F/2", "F/2", "0/0"]


def test_silent(desk: Desk) -> None:
    name = desk.order("silent")
    desk.ask("F", name)
    desk.ask("H", name)
    desk.nothing_more()


def test_reject(desk: Desk) -> None:
    desk.order("reject")
    [report] = desk.came(1)
    assert (report["150"], report["39"], report["103"], report["58"]) == ("8", "8", "3", "not today")


def test_reject_after_the_acknowledgement(desk: Desk) -> None:
    desk.order("reject-later")
    assert desk.said(2) == ["0/0 0+100", "8/8 0+0"]


def test_refuse(desk: Desk) -> None:
    name = desk.order("refuse")
    desk.ask("F", name)
    desk.ask("G", name)
    assert desk.said(1) == ["0/0 0+100"]
    refusals = desk.came(2)
    assert [(r["35"], r["434"], r["102"], r["39"], r["58"]) for r in refusals] == [
        ("9", "1", "2", "0", "no"),
        ("9", "2", "2", "0", "no"),
    ]


def test_pending(desk: Desk) -> None:
    desk.goes = False
    name = desk.order("pending")
    desk.ask("G", name)
    assert desk.said(2) == ["0/0 0+100", "E/E 0+100"]
    desk.pass_by(29)
    desk.nothing_more()
    desk.pass_by(1)
    [replaced] = desk.came(1)
    assert (replaced["150"], replaced["39"], replaced["38"], replaced["41"]) == ("5", "0", "150", name)
    desk.ask("F", replaced["11"])
    assert desk.said(2) == ["6/6 0+150", "4/4 0+0"]


def test_crossing(desk: Desk) -> None:
    name = desk.order("crossing")
    request = desk.ask("F", name)
    assert desk.said(2) == ["0/0 0+100", "F/2 100+0 100@50"]
    [refusal] = desk.came(1)
    assert (refusal["35"], refusal["11"], refusal["102"], refusal["39"]) == ("9", request, "0", "2")


def test_crossing_in_part_and_pending(desk: Desk) -> None:
    name = desk.order("crossing-part")
    desk.ask("F", name)
    assert desk.said(4) == ["0/0 0+100", "6/6 0+100", "F/6 40+60 40@50", "4/4 40+0"]


def test_hold(desk: Desk) -> None:
    desk.order("hold", 100, **{"55": "CCC"})
    desk.order("plain", 10, **{"54": "2", "55": "CCC"})
    assert desk.said(2) == ["0/0 0+100", "0/0 0+10"], "they would have met in the book"


def test_pieces(desk: Desk) -> None:
    desk.order("pieces", 100)
    assert desk.said(4) == ["0/0 0+100", "F/1 34+66 34@50", "F/1 67+33 33@50", "F/2 100+0 33@50"]


def test_bust(desk: Desk) -> None:
    desk.order("bust")
    new, fill, bust = desk.came(3)
    assert (bust["150"], bust["39"], bust["14"], bust["151"]) == ("H", "0", "0", "100")
    assert (bust["19"], bust["32"], bust["31"], bust["6"]) == (fill["17"], "100", "50", "0")
    desk.ask("F", new["11"])
    assert desk.said(1) == ["4/4 0+0"]


def test_bust_that_does_not_open_the_order_again(desk: Desk) -> None:
    desk.order("bust-closed")
    assert desk.said(4) == ["0/0 0+100", "F/2 100+0 100@50", "H/0 0+100", "4/4 0+0"]


def test_correct(desk: Desk) -> None:
    desk.order("correct")
    _, fill, correction = desk.came(3)
    assert (correction["150"], correction["39"], correction["19"]) == ("G", "1", fill["17"])
    assert (correction["32"], correction["31"], correction["14"], correction["151"]) == (
        "50",
        "49.99",
        "50",
        "50",
    )


def test_cancel_unsolicited(desk: Desk) -> None:
    desk.order("cancel")
    new, fill, end = desk.came(3)
    assert brief([fill, end]) == [f"{new['11']} F/1 30+70 30@50", f"{new['11']} 4/4 30+0"]
    assert ("41" in end, end["378"]) == (False, "8")


def test_suspend(desk: Desk) -> None:
    name = desk.order("suspend")
    assert desk.said(3) == ["0/0 0+100", "9/9 0+100", "D/0 0+100"]
    desk.ask("F", name)
    assert desk.said(1) == ["4/4 0+0"]


def test_restate(desk: Desk) -> None:
    desk.order("restate")
    _, restated = desk.came(2)
    assert (restated["150"], restated["378"], restated["38"], restated["151"]) == ("D", "5", "50", "50")


def test_forget(desk: Desk) -> None:
    name = desk.order("forget")
    desk.came(1)
    desk.pass_by(10)
    desk.ask("F", name)
    desk.ask("H", name)
    refusal, status = desk.came(2)
    assert (refusal["35"], refusal["102"], refusal["37"]) == ("9", "1", "NONE")
    assert (status["150"], status["39"], status["58"]) == ("I", "8", "unknown order")


def wait_closed(desk: Desk) -> None:
    desk.client.wait(lambda: not desk.client.is_open)
    deadline = time.monotonic() + 5
    while desk.venue.logged_on and time.monotonic() < deadline:
        desk.venue.poll()


def test_disconnect_and_the_acknowledgement_comes_by_resend(desk: Desk) -> None:
    desk.goes = False
    name = desk.order("disconnect")
    wait_closed(desk)
    assert desk.client.of_type("5") == [], "the connection was dropped without a word"
    desk.pass_by(79)
    assert not desk.is_let_in(), "no logon is taken for a while"
    desk.pass_by(1)
    assert desk.is_let_in()
    [report] = desk.came(1)
    assert (report["11"], report["150"], report["43"]) == (name, "0", "Y")


def test_disconnect_with_a_logout_and_the_order_lost(desk: Desk) -> None:
    name = desk.order("disconnect-lost")
    wait_closed(desk)
    assert len(desk.client.of_type("5")) == 1
    desk.pass_by(80)
    assert desk.is_let_in()
    desk.ask("H", name)
    [status] = desk.came(1)
    assert (status["11"], status["39"], status["37"]) == (name, "8", "NONE")
