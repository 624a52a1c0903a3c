"""Lists of orders on real sockets, in FIX 4.2, 4.4 and 5.0 SP2, against the data dictionary of each.

The client's codec is another one; the venue speaks 4.4. A `Session` takes every message as its version's
dictionary has it.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from oms.core.order import Order
from oms.history import dump, fold, order_row, story
from tests.engine.conftest import Market
from tests.engine.test_versions import VERSIONS, Desk, _checked
from tests.support.engine_process import EngineProcess
from tests.support.raw_client import RawClient
from tests.support.raw_fix import Message

_names = (f"LIST{n}" for n in itertools.count(1))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("desk"), "FIX.4.4")
    try:
        yield made.open()
    finally:
        made.end()


class Session:
    """A client of one version, with an instrument of its own that has a price."""

    def __init__(self, desk: Desk, version: str) -> None:
        self.desk = desk
        self.version = version
        self.client: RawClient = desk.client(version)
        self.venue = desk.venue
        self.symbol = next(desk.symbols)
        self.venue.quote(self.symbol, 10)
        self.venue.ping()
        self.list_id = next(_names)

    def order(self, qty: object = 100, price: object = 10, **more: object) -> dict[int, object]:
        return self.client.order_body(self.symbol, "1", qty, price, **more)

    def told(self) -> Message:
        return _checked(self.version, self.client.take())

    def status(self) -> str:
        """The next message, which is a ListStatus of our list, in short: "1 3 A8A 444"."""
        message = self.told()
        assert (message.type, message[66]) == ("N", self.list_id), message
        return short(message)

    def report(self) -> str:
        """The next message, which is a report on an order of our list: ExecType and OrdStatus of 4.4."""
        message = self.told()
        assert (message.type, message[66]) == ("8", self.list_id), message
        fill = self.version == "FIX.4.2" and message[150] in "12" and message[20] == "0"
        return f"{'F' if fill else message[150]} {message[39]} {message[11]}"

    def at_venue(self, count: int) -> list[Message]:
        return [self.venue.take() for _ in range(count)]


def short(message: Message) -> str:
    each = "".join(value for tag, value in message.pairs if tag == 39)
    return " ".join(filter(None, (message[429], message[431], each, message.get(444))))


@pytest.fixture(params=VERSIONS)
def session(desk: Desk, request: pytest.FixtureRequest) -> Session:
    return Session(desk, request.param)


def test_a_list_at_once_of_which_one_order_is_denied(session: Session) -> None:
    a, b, c = session.client.new_list(session.list_id, session.order(), session.order(0.5), session.order(50))
    assert session.report() == f"8 8 {b}"
    assert session.status() == "1 3 A8A"
    first, second = session.at_venue(2)
    assert [m.get(66) for m in (first, second)] == [None, None]
    for new, qty in ((first, 100), (second, 50)):
        session.venue.accept_order(new)
        session.venue.fill(new, qty, 10, qty)
    assert [session.report() for _ in range(4)] == [f"0 0 {a}", f"F 2 {a}", f"0 0 {c}", f"F 2 {c}"]
    assert session.status() == "5 6 282"
    session.client.ask_list("M", session.list_id)
    message = session.told()
    assert short(message) == "2 6 282"
    entries = [(tag, value) for tag, value in message.pairs if tag in (11, 14, 151, 84, 6, 103)]
    assert entries[:5] == [(11, a), (14, "100"), (151, "0"), (84, "0"), (6, "10")]
    refused = dict(entries[5:11])
    assert refused[11] == b and refused[103] == ("0" if session.version == "FIX.4.2" else "13")
    session.client.nothing_more()


def test_a_list_in_fragments_that_waits_is_executed_and_canceled(session: Session) -> None:
    client = session.client
    orders = [session.order() for _ in range(3)]
    a, b, c = (str(order[11]) for order in orders)
    last = {"FIX.4.2": ()}.get(session.version, ((893, "N"),))
    client.send("E", client.list_body(session.list_id, orders[:1], 2, total=3, more=last))
    client.ask_list("L", session.list_id)
    assert session.status() == "2 2 A the list is not complete"
    client.send("E", client.list_body(session.list_id, orders[1:], 2, total=3, first=2))
    assert session.status() == "1 2 AAA"
    x = client.cancel(b, session.symbol, "1")
    assert [session.report() for _ in range(2)] == [f"6 6 {x}", f"4 4 {x}"]
    y = client.replace(a, session.symbol, "1", 80, 9)
    session.told()
    replaced = session.told()
    assert (replaced[150], replaced[11], replaced[38]) == ("5", y, "80")
    session.client.nothing_more()
    client.ask_list("L", session.list_id)
    assert session.status() == "4 3 A4A"
    first, second = session.at_venue(2)
    assert [(m[38], m[44]) for m in (first, second)] == [("80", "9"), ("100", "10")]
    session.venue.accept_order(first)
    session.told()
    client.ask_list("K", session.list_id)
    assert session.status() in ("2 4 04A", "2 4 54A")  # 4.2 says replaced in reports, and new in lists
    for request in session.at_venue(2):
        assert request.type == "F"
        session.venue.report(request, "4", "4")
    assert [session.report() for _ in range(2)] == [f"4 4 {y}", f"4 4 {c}"]
    assert session.status() == "5 6 444"
    client.nothing_more()


def test_lists_that_are_refused(session: Session) -> None:
    client = session.client
    for msg_type in "LKM":
        client.ask_list(msg_type, "nobody")
        message = session.told()
        assert (message[66], short(message)) == ("nobody", "2 7 8 no list with ListID nobody")
    client.send("E", client.list_body(session.list_id, [session.order()], 1, total=2, more=[(391, "bid")]))
    client.send("E", client.list_body(session.list_id, [session.order(), session.order()], 1, total=2))
    assert session.status() == "1 7 888 3 of 2 orders have come"
    twice = session.order()
    session.list_id = next(_names)
    client.new_list(session.list_id, twice, twice)
    assert session.status() == f"1 7 88 ClOrdID {twice[11]} comes twice"
    session.list_id = next(_names)
    client.new_list(session.list_id, session.order(), kind=2)
    assert session.status() == "1 2 A"
    client.new_list(session.list_id, session.order())
    message = session.told()
    assert short(message) == f"1 7 8 ListID {session.list_id} has been used"
    assert message.get(1386) == ("6" if session.version == "FIX.5.0SP2" else None)
    client.ask_list("K", session.list_id)
    assert session.report().startswith("4 4")
    assert [session.status(), session.status()] == ["2 6 4", "5 6 4"]
    client.nothing_more()


def test_a_list_that_breaks_a_rule_is_rejected_and_the_session_goes_on(session: Session) -> None:
    client = session.client
    client.new_list(session.list_id, session.order(), session.order(t40=2, t44=None))
    assert client.take()[380] == "5"
    body = client.list_body(session.list_id, [session.order(), session.order()])
    client.send("E", [(tag, 3 if tag == 73 else value) for tag, value in body])
    assert client.wait_type("3")[371] == "73"
    client.new_list(session.list_id, session.order(0.5))
    assert session.report().startswith("8 8")
    assert session.status() == "1 6 8"
    assert session.status() == "5 6 8"
    client.nothing_more()


def test_a_long_list_in_one_message_is_told_of_in_several(session: Session) -> None:
    """Meanwhile another client is answered."""
    client = session.client
    orders = [session.order(1, 1) for _ in range(900)]
    raw = client.send("E", client.list_body(session.list_id, orders, 2))
    assert len(raw) > 1 << 16
    other = session.desk.client(next(v for v in VERSIONS if v != session.version))
    other.status("nobody", session.symbol, "1")
    assert other.take()[37] == "NONE"
    messages = [session.told() for _ in range(9)]
    assert [(m[82], m[83], m[68], m[431]) for m in messages] == [
        ("9", str(n), "900", "2") for n in range(1, 10)
    ]
    said = [value for m in messages for tag, value in m.pairs if tag == 11]
    assert said == [order[11] for order in orders]
    client.ask_list("K", session.list_id)
    ended = Counter(session.told().type for _ in range(900 + 2 * 9))
    assert ended == {"8": 900, "N": 18}
    client.nothing_more()


def test_a_list_at_the_venue_inside_the_engine(client: RawClient, market: Market) -> None:
    """Two orders cross the quotes, the third rests until the list is canceled."""
    orders = [client.order_body(market.symbol, "1", 10, market.at(ticks)) for ticks in (1, 2, -3)]
    client.new_list("PAPER", *orders)
    assert short(client.take()) == "1 3 AAA"
    reports = [client.take() for _ in range(5)]
    assert Counter((m[66], m[150]) for m in reports) == {("PAPER", "0"): 3, ("PAPER", "F"): 2}
    client.ask_list("K", "PAPER")
    told = [client.take() for _ in range(3)]
    assert sorted(short(m) if m.type == "N" else m[150] for m in told) == ["2 4 220", "4", "5 6 224"]
    client.nothing_more()


MANY = 2000
"""So many orders take a few turns: the first of them is at its venue long before the last."""


def test_a_list_that_is_too_long_for_one_message_is_rejected(session: Session) -> None:
    """It has to come in fragments."""
    order = session.order()
    body = session.client.list_body(session.list_id, [order] * 4000)
    assert len(session.client.send("E", body)) > 1 << 18
    assert session.client.wait_type("3")[371] == "9"
    session.client.ask_list("M", session.list_id)
    assert short(session.told()).startswith("2 7 8 no list")
    session.client.nothing_more()


def test_an_order_s_story_says_of_which_list_it_is(session: Session) -> None:
    a, b = session.client.new_list(session.list_id, session.order(), session.order(), kind=2)
    assert session.status() == "1 2 AA"
    session.client.ask_list("L", session.list_id)
    assert session.status() == "4 3 AA"
    session.at_venue(2)
    session.client.ask_list("K", session.list_id)
    assert session.status() == "2 4 AA"
    session.at_venue(2)
    journal = session.desk.engine.folder / "journal"
    state = fold(journal)
    assert [state.orders[number].cl_ord_id for number in story(journal, session.list_id)[0]] == [a, b]
    [number], lines = story(journal, b)
    kinds = [line.kind for line in lines if line.kind not in ("MessageOut", "CommandTaken")]
    assert kinds == [
        "ListReceived",
        "OrderReceived",
        "ListExecuted",
        "OrderRouted",
        "ListCanceled",
        "CancelRouted",
    ]
    assert order_row(state, state.orders[number])["list_id"] == session.list_id
    received = [line for line in dump(journal) if line.kind == "ListReceived"][-1]
    assert received.facts["members"][1] == f"2 {b} MAIN1 buy 100 {session.symbol} at 10"


# -- crashes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_list_that_a_crash_cut_in_half_goes_on_after_the_restart(tmp_path: Path, version: str) -> None:
    """Every order of it goes out once; what was said before is there to be asked for again."""
    desk = Desk(tmp_path / "desk", "FIX.4.4")
    try:
        desk.open()
        session = Session(desk, version)
        orders = [session.order(1, 10) for _ in range(MANY)]
        session.client.send("E", session.client.list_body(session.list_id, orders))
        seen = [session.venue.take()]
        desk.engine.kill()
        session.client.drop()
        desk.venue.drop()
        assert len(_orders(desk.engine)) == MANY, "one went out before all were taken"
        desk.engine.start()
        desk.venue.log_on()
        session.client.log_on()
        while len({m[11] for m in seen}) < MANY:
            seen.append(session.venue.take())
            if seen[-1].type == "H":
                session.venue.report(seen[-1], "I", "A", t151=10)
        session.venue.ping()
        seen += session.venue.inbox
        assert Counter(m[11] for m in seen if m.type == "D").most_common(1)[0][1] == 1
        assert len(_orders(desk.engine)) == MANY
        messages = [session.told() for _ in range(MANY // 100)]
        assert {m.type for m in messages} == {"N"}
        assert sum(tag == 11 for m in messages for tag, _ in m.pairs) == MANY
        session.client.nothing_more()
    finally:
        desk.end()


def _orders(engine: EngineProcess) -> list[Order]:
    """What the journal has, whether the engine runs or not."""
    return list(fold(engine.folder / "journal").orders.values())
