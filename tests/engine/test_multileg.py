"""Multileg orders on real sockets: clients and venues of 4.4 and 5.0 SP2 in every combination, and 4.2, which
has no such orders. Every message that the other ends get is held against their version's data dictionary.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from oms.core.types import format_notional, format_scaled
from oms.post import booking
from oms.post.runner import Runner
from tests.engine.test_versions import VERSIONS, Desk, _checked
from tests.support.engine_process import SYMBOLS, EngineProcess
from tests.support.raw_client import RawClient
from tests.support.raw_fix import Message, timestamp

NAME = "[N/A]"
WITH_LEGS = tuple(version for version in VERSIONS if version != "FIX.4.2")


@pytest.fixture(scope="module", params=WITH_LEGS)
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("desk"), request.param)
    try:
        yield made.open()
    finally:
        made.end()


Pairs = list[tuple[int, object]]


@dataclass
class Combination:
    """An order that buys ten of one instrument for each of which it sells twenty of another."""

    desk: Desk
    version: str

    def __post_init__(self) -> None:
        self.client = self.desk.client(self.version)
        self.venue = self.desk.venue
        self.bought, self.sold = next(self.desk.symbols), next(self.desk.symbols)
        more = [(779, timestamp())] if self.desk.venue_version == "FIX.5.0SP2" else []
        for symbol, price in ((self.bought, 90), (self.sold, 50)):
            self.venue.send("W", [(55, symbol), *more, (268, 1), (269, 2), (270, price), (271, 100)])
        self.venue.ping()

    # -- the client ------------------------------------------------------------------------------------------

    def legs(self) -> Pairs:
        price: Pairs = [(566, "90.5")]
        early = self.version == "FIX.5.0SP2"
        return [
            (555, 2),
            *[(600, self.bought), (623, 10), (624, 1), *(price if early else []), (564, "O"), (654, "long")],
            *([] if early else price),
            *[(600, self.sold), (623, 20), (624, 2)],
        ]

    def body(self, qty: object, price: object, *more: tuple[int, object], legs: bool = True) -> Pairs:
        terms: Pairs = [(40, 1)] if price is None else [(40, 2), (44, price)]
        what: Pairs = [(55, NAME), (54, "B"), (60, timestamp()), (38, qty), *terms, (59, 0)]
        return [(1, self.client.account), *what, *(self.legs() if legs else []), *more]

    def order(self, qty: object = 5, price: object = "-100", *more: tuple[int, object]) -> str:
        """NewOrderMultileg(AB); its ClOrdID."""
        id = self.client.new_id()
        self.client.send("AB", [(11, id), *self.body(qty, price, *more)])
        return id

    def replace(self, orig: str, qty: object, price: object, legs: bool = True) -> str:
        """MultilegOrderCancelReplace(AC); its ClOrdID."""
        id = self.client.new_id()
        self.client.send("AC", [(41, orig), (11, id), *self.body(qty, price, legs=legs)])
        return id

    def told(self, *tags: int) -> tuple[str | None, ...]:
        """The client's next message, which is valid in its version, as the values of these tags."""
        message = self.message()
        return tuple(message.get(tag) for tag in tags)

    def message(self) -> Message:
        return _checked(self.version, self.client.take())

    # -- the venue -------------------------------------------------------------------------------------------

    def at_venue(self) -> Message:
        return _checked(self.desk.venue_version, self.venue.take())

    def says(self, order: Message, kind: str, status: str, **more: object) -> dict[int, object]:
        """A report about the combination."""
        return self.venue.report(order, kind, status, **{"t442": 3, "t38": 5, **more})

    def of_leg(self, order: Message, symbol: str, kind: str, **more: object) -> dict[int, object]:
        """A report about a leg: its symbol and side, its quantity and price."""
        side = 1 if symbol == self.bought else 2
        return self.venue.report(
            order, kind, "1", **{"t55": symbol, "t54": side, "t442": 2, "t38": 50, **more}
        )

    def open(self, *more: tuple[int, object]) -> tuple[str, Message]:
        """An order that its venue has accepted, as the client knows: its ClOrdID, and what the venue got."""
        id = self.order(5, "-100", *more)
        order = self.at_venue()
        self.says(order, "0", "0")
        assert self.told(150, 39, 11, 442, 55, 54, 44) == ("0", "0", id, "3", NAME, "B", "-100")
        return id, order


def entries(message: Message) -> list[list[tuple[int, str]]]:
    """The legs in a message, field by field."""
    found: list[list[tuple[int, str]]] = []
    for tag, value in message.pairs:
        if tag == 600:
            found.append([])
        if found and tag in (600, 623, 624, 564, 654, 566):
            found[-1].append((tag, value))
    return found


LEG = (150, 39, 442, 55, 54, 38, 14, 151, 32, 31, 654)
WHOLE = (150, 39, 442, 55, 38, 14, 151, 6, 32, 31)


@pytest.mark.parametrize("version", WITH_LEGS)
def test_a_multileg_order_s_life(desk: Desk, version: str) -> None:
    of = Combination(desk, version)
    x = of.order()
    new = of.at_venue()
    assert (new.type, new[55], new[54], new[38], new[44], new[563]) == ("AB", NAME, "B", "5", "-100", "1")
    price = [(566, "90.5")]
    early = desk.venue_version == "FIX.5.0SP2"
    first = [(600, of.bought), (623, "10"), (624, "1"), *(price if early else []), (564, "O"), (654, "long")]
    second = [(600, of.sold), (623, "20"), (624, "2"), (654, "2")]
    assert entries(new) == [[*first, *([] if early else price)], second]
    of.says(new, "0", "0")
    assert of.told(150, 39, 11, 442) == ("0", "0", x, "3")

    leg = of.of_leg(new, of.bought, "F", t32=20, t31=89)
    ours = of.message()
    assert tuple(map(ours.get, LEG)) == (
        "F", "1", "2", of.bought, "1", "50", "20", "30", "20", "89", "long",
    )  # fmt: skip
    of.of_leg(new, of.sold, "F", t32=40, t31="50.5")
    assert of.told(*LEG) == ("F", "1", "2", of.sold, "2", "100", "40", "60", "40", "50.5", "2")
    whole = of.says(new, "F", "1", t32=2, t31=-120, t14=2, t151=3)
    told = of.message()
    assert tuple(map(told.get, WHOLE)) == ("F", "1", "3", NAME, "5", "2", "3", "-120", "2", "-120")

    of.of_leg(new, of.bought, "G", t19=leg[17], t32=20, t31=90)
    assert of.told(*LEG, 19) == (
        "G", "1", "2", of.bought, "1", "50", "20", "30", "20", "90", "long", ours[17],
    )  # fmt: skip
    of.of_leg(new, of.bought, "H", t19=leg[17])
    assert of.told(150, 442, 55, 14, 151) == ("H", "2", of.bought, "0", "50")
    of.says(new, "H", "0", t19=whole[17])
    assert of.told(150, 39, 442, 14, 151, 19) == ("H", "0", "3", "0", "5", told[17])

    y = of.replace(x, 6, 0)
    replace = of.at_venue()
    assert (replace.type, replace[38], replace[44], len(entries(replace))) == ("AC", "6", "0", 2)
    assert of.told(150, 39, 11, 41, 44) == ("E", "E", y, x, "-100")
    of.says(replace, "5", "0", t38=6, t151=6)
    assert of.told(150, 39, 11, 41, 38, 44) == ("5", "0", y, x, "6", "0")

    z = of.client.cancel(y, NAME, "B", t38=6)
    cancel = of.at_venue()
    assert (cancel.type, cancel[55], cancel[54]) == ("F", NAME, "B")
    assert of.told(150, 39, 11) == ("6", "6", z)
    of.says(cancel, "4", "4", t38=6, t151=0)
    assert of.told(150, 39, 11, 41, 151) == ("4", "4", z, y, "0")
    of.client.nothing_more()


@pytest.mark.parametrize("version", WITH_LEGS)
@pytest.mark.parametrize("asked", ["0", "1", "2"])
def test_executions_are_reported_as_the_client_asked(desk: Desk, version: str, asked: str) -> None:
    of = Combination(desk, version)
    x, order = of.open((563, asked))
    leg = of.of_leg(order, of.bought, "F", t32=50, t31=90)
    whole = of.says(order, "F", "2", t32=5, t31=-100, t14=5, t151=0)
    of.of_leg(order, of.bought, "H", t19=leg[17])
    of.says(order, "H", "0", t19=whole[17])
    wanted = [("F", "2", "2"), ("F", "2", "3"), ("H", "0", "2"), ("H", "0", "3")]
    for kind in wanted if asked == "1" else [w for w in wanted if (w[2] == "3") == (asked == "0")]:
        assert of.told(150, 39, 442) == kind
    # What is no execution is about the order, and always told.
    of.client.cancel(x, NAME, "B", t38=5)
    cancel = of.at_venue()
    of.says(cancel, "4", "4", t151=0)
    assert [of.told(150, 442), of.told(150, 442)] == [("6", "3"), ("4", "3")]
    of.client.nothing_more()


@pytest.mark.parametrize("version", WITH_LEGS)
def test_a_replace_without_legs_leaves_them(desk: Desk, version: str) -> None:
    """FIX 5.0 SP2 only: in 4.4 the group is required."""
    of = Combination(desk, version)
    x, _ = of.open()
    y = of.replace(x, 4, "-90", legs=False)
    if version == "FIX.4.4":
        assert of.client.wait_type("3")[371] == "555"
        return
    replace = of.at_venue()
    assert (replace.type, replace[38], replace[44]) == ("AC", "4", "-90")
    assert [entry[0] for entry in entries(replace)] == [(600, of.bought), (600, of.sold)]
    assert of.told(150, 11) == ("E", y)
    of.venue.cancel_reject(replace, "0")
    assert of.told(35, 11, 41, 39, 434) == ("9", y, x, "0", "2")


@pytest.mark.parametrize("version", WITH_LEGS)
def test_what_is_refused_before_it_leaves(desk: Desk, version: str) -> None:
    of = Combination(desk, version)
    refused = (
        ([(600, of.bought), (623, 10), (624, 1)], "unsupported_legs"),
        ([(600, of.bought), (623, 10), (624, 1), (600, "XXX"), (623, 1), (624, 1)], "unknown_leg"),
        ([(600, of.bought), (623, "0.1"), (624, 1), (600, of.sold), (623, 1), (624, 1)], "leg_lot_size"),
        ([(600, of.bought), (623, 10), (624, 7), (600, of.sold), (623, 1), (624, 1)], "unsupported_legs"),
    )
    for legs, reason in refused:
        group: Pairs = [(555, len(legs) // 3), *legs]
        of.client.send("AB", [(11, of.client.new_id()), *of.body(5, "-100", legs=False), *group])
        message = of.message()
        assert (message[150], message[39]) == ("8", "8")
        assert message[58].startswith(reason), message
    # What breaks a rule of FIX gets the reject that FIX has for it, and the session goes on.
    of.client.send("AB", [(11, of.client.new_id()), *of.body(5, "-100", legs=False), (555, 1), (600, "X")])
    assert of.client.take()[380] == "5"
    of.venue.nothing_more()
    of.client.nothing_more()


@pytest.mark.parametrize("version", WITH_LEGS)
def test_a_multileg_order_survives_a_crash(tmp_path: Path, version: str) -> None:
    desk = Desk(tmp_path / "desk", version)
    try:
        desk.open()
        of = Combination(desk, version)
        _, order = of.open()
        leg = of.of_leg(order, of.bought, "F", t32=20, t31=89)
        of.says(order, "F", "1", t32=2, t31=-120, t14=2, t151=3)
        before = [of.message().body() for _ in range(2)]
        y = of.order(1, "-90")
        second = of.at_venue()
        digest = desk.engine.ask({"do": "status", "digest": True})["digest"]
        desk.engine.kill()
        of.client.drop()
        of.venue.drop()
        desk.engine.start()
        of.venue.log_on()
        asked = of.at_venue()
        # What was not answered is asked about, and not sent again.
        assert (asked.type, asked[11], asked[55], asked[54]) == ("H", second[11], NAME, "B")
        of.venue.next_in -= 2
        of.venue.send("2", {7: of.venue.next_in, 16: 0})
        of.venue.ping()
        assert [m.type for m in of.venue.inbox if m.type == "AB"] == []
        of.says(asked, "I", "0", t38=1)
        of.client.next_in -= 2
        of.client.log_on()
        again = of.client.take_all(2)
        assert all(message.poss_dup for message in again)
        assert [message.body() for message in again] == before
        assert of.told(150, 39, 11) == ("0", "0", y)
        # It goes on where it was: the same report changes nothing, a bust puts everything back.
        assert digest
        of.of_leg(order, of.bought, "H", t19=leg[17])
        assert of.told(150, 442, 14, 151) == ("H", "2", "0", "50")
    finally:
        desk.end()


def test_legs_are_booked_after_the_trade(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk", "FIX.4.4")
    try:
        desk.open()
        of = Combination(desk, "FIX.4.4")
        _, order = of.open()
        wrong = of.of_leg(order, of.bought, "F", t32=7, t31=1)
        of.of_leg(order, of.bought, "H", t19=wrong[17])
        of.of_leg(order, of.bought, "F", t32=50, t31=90)
        of.of_leg(order, of.sold, "F", t32=100, t31=50)
        of.says(order, "F", "2", t32=5, t31=-100, t14=5, t151=0)
        of.client.take_all(5)
        with Runner(desk.engine.folder / "journal", tmp_path / "post.db") as post:
            post.catch_up()
            found = {
                (p.owner, p.symbol): (format_scaled(p.qty), format_notional(p.money))
                for p in booking.positions(post.engine)
            }
            assert found == {("MAIN1", of.bought): ("50", "4500"), ("MAIN1", of.sold): ("-100", "-5000")}
            assert booking.trial_balance(post.engine).is_ok
    finally:
        desk.end()


# -- what a venue can do -------------------------------------------------------------------------------------


def configured(folder: Path, version: str, capability: str) -> Desk:
    """A desk whose venue is described in the configuration."""
    desk = Desk(folder, version)
    path = desk.engine.config
    path.write_text(f"{path.read_text()}\n[capability.SIM]\n{capability}\n")
    return desk


ALL = 'ord_types = ["1", "2"]\ntimes_in_force = ["0"]\n'


def test_a_venue_that_reports_legs_only(tmp_path: Path) -> None:
    desk = configured(tmp_path / "desk", "FIX.4.4", f'{ALL}terms = ["legs"]\nmultileg_reports = "legs"')
    try:
        desk.open()
        of = Combination(desk, "FIX.4.4")
        _, order = of.open((563, "0"))
        of.of_leg(order, of.bought, "F", t32=50, t31=90)
        of.of_leg(order, of.sold, "F", t32=100, t31=51)
        assert of.told(*WHOLE) == ("F", "2", "3", NAME, "5", "5", "0", "-120", "5", "-120")
        of.client.nothing_more()
    finally:
        desk.end()


def test_a_venue_that_reports_combinations_only(tmp_path: Path) -> None:
    desk = configured(
        tmp_path / "desk", "FIX.5.0SP2", f'{ALL}terms = ["legs"]\nmultileg_reports = "multileg"'
    )
    try:
        desk.open()
        of = Combination(desk, "FIX.5.0SP2")
        _, order = of.open((563, "2"))
        body = of.says(order, "F", "2", t32=5, t31=-100, t14=5, t151=0)
        of.client.nothing_more()  # It has no prices of the legs.
        legs: Pairs = [(555, 2), (600, of.bought), (637, 90), (600, of.sold), (637, 50), (1418, 100)]
        of.venue.send("8", [*{**body, 17: of.venue.exec_id(), 150: "G", 19: body[17]}.items(), *legs])
        assert of.told(*LEG) == ("F", "2", "2", of.bought, "1", "50", "50", "0", "50", "90", "long")
        assert of.told(*LEG) == ("F", "2", "2", of.sold, "2", "100", "100", "0", "100", "50", "2")
    finally:
        desk.end()


@pytest.mark.parametrize("capability", [ALL, ""])
def test_a_venue_that_has_no_multileg_orders_gets_none(tmp_path: Path, capability: str) -> None:
    """One that says so, and one of 4.2, which cannot."""
    version = "FIX.4.4" if capability else "FIX.4.2"
    desk = (
        configured(tmp_path / "desk", version, capability) if capability else Desk(tmp_path / "desk", version)
    )
    try:
        desk.open()
        of = Combination(desk, "FIX.4.4")
        x = of.order()
        message = of.message()
        assert (message[150], message[39], message[11], message[103]) == ("8", "8", x, "11")
        assert message[58] == "venue_lacks: venue SIM does not support legs"
        of.venue.nothing_more()
    finally:
        desk.end()


def test_a_venue_of_4_2_cannot_be_configured_to_take_them(tmp_path: Path) -> None:
    desk = configured(tmp_path / "desk", "FIX.4.2", f'{ALL}terms = ["legs"]')
    try:
        with pytest.raises(AssertionError, match="the engine ended with 3"):
            desk.engine.start()
        assert "[capability.SIM]: terms: FIX 4.2 has no words for legs" in desk.engine.log()
    finally:
        desk.end()


def test_the_paper_venue_has_none(tmp_path: Path) -> None:
    engine = EngineProcess(tmp_path / "engine")
    client = RawClient(engine.port)
    try:
        engine.start()
        client.reset()
        body: Pairs = [(11, "A"), (1, "MAIN1"), (55, NAME), (54, "B"), (60, timestamp()), (38, 1), (40, 1)]
        for symbol in SYMBOLS[:2]:
            body += [(555, 2)] * (symbol == SYMBOLS[0]) + [(600, symbol), (623, 1), (624, 1)]
        client.send("AB", body)
        assert client.take()[58] == "venue_lacks: venue paper does not support legs"
    finally:
        client.drop()
        engine.end()


def test_a_client_of_4_2_cannot_send_them(desk: Desk) -> None:
    client = desk.client("FIX.4.2")
    for msg_type in ("AB", "AC"):
        client.send(msg_type, [(11, client.new_id()), (41, "x"), (55, NAME), (54, 1), (38, 1), (40, 1)])
        reject = client.wait_type("3")
        assert (reject[372], reject[373]) == (msg_type, "11")  # invalid MsgType
    client.nothing_more()
