"""Market data on request, in three versions of FIX, over sockets and without."""

import random
from collections.abc import Iterator

import pytest
import simplefix

from oms.core.types import SCALE, Side, format_scaled
from oms.fix.wire import pairs
from oms.sim.broker import Broker
from oms.sim.exchange import CONTINUOUS, Exchange
from oms.sim.house import House
from oms.sim.market import OPENING
from oms.sim.profile import BrokerProfile, ExchangeProfile
from oms.sim.venue import Venue
from tests.sim.broker_kit import NOW_NS, X, ask, cancel, new
from tests.sim.wire_kit import LISTED, RawClient, free_port

BUY, SELL = Side.BUY, Side.SELL
PROFILE = BrokerProfile(
    ord_types=("1", "2"), times_in_force=("0", "2", "3"), terms=("max_floor",), prices=False
)


def request(md_req_id: str = "R", symbols: str = "X", types: str = "01", **more: str) -> str:
    found = {"262": md_req_id, "263": "1", "264": "0", "265": "1", **more}
    head = "".join(f"{tag}={value}\x01" for tag, value in found.items())
    wanted = f"267={len(types)}\x01" + "".join(f"269={kind}\x01" for kind in types)
    listed = symbols.split()
    return f"35=V\x01{head}{wanted}146={len(listed)}\x01" + "".join(f"55={s}\x01" for s in listed)


class Viewer:
    """Applies snapshots and increments, and so knows the book: the other side of it all."""

    def __init__(self) -> None:
        self.book: dict[str, dict[str, tuple[str, str]]] = {}  # symbol -> MDEntryID -> price, size

    def apply(self, text: str) -> None:
        found = pairs(text)
        kind = dict(found)["35"]
        if kind == "W":
            symbol = dict(found)["55"]
            self.book[symbol] = {}
        entries: list[dict[str, str]] = []
        first = "279" if kind == "X" else "269"
        for tag, value in found:
            if tag == first:
                entries.append({})
            if entries:
                entries[-1][tag] = value
        assert len(entries) == int(dict(found)["268"])
        for entry in entries:
            book = self.book[entry.get("55", dict(found).get("55", ""))]
            id = entry.get("278") or f"{entry['269']}-{entry['270']}"
            if entry["269"] not in "01":
                id = entry["269"]
            action = entry.get("279", "0")
            assert (id in book) == (action != "0"), entry
            if action == "2":
                del book[id]
            else:
                book[id] = entry["270"], entry.get("271", "")

    def depth(self, symbol: str, kind: str) -> list[tuple[str, str]]:
        return sorted(value for id, value in self.book[symbol].items() if id.startswith(kind))


def broker() -> Broker:
    return Broker(Exchange([X], liquidity_levels=0), PROFILE)


def market_data(made: Broker, text: str) -> list[str]:
    return made.handle({"35": "V"}, NOW_NS, text)


def updates(made: Broker) -> list[str]:
    """What a house's turn would send."""
    assert made.market_data is not None
    touched, made.exchange.touched = made.exchange.touched, {}
    return made.market_data.updates(touched)


@pytest.mark.parametrize("incremental", ["0", "1"])
@pytest.mark.parametrize("levels", [0, 1, 3])
def test_who_applies_them_has_the_book(incremental: str, levels: int) -> None:
    made, viewer, rng = broker(), Viewer(), random.Random(levels)
    for text in market_data(made, request(**{"264": str(levels), "265": incremental})):
        viewer.apply(text)
    sent: list[tuple[str, str]] = []
    for n in range(300):
        if sent and rng.random() < 0.4:
            name, side = sent.pop(rng.randrange(len(sent)))
            ask(made, cancel(f"C{n}", name, side))
        else:
            side = rng.choice((BUY, SELL))
            more = {"111": "2"} if rng.random() < 0.3 else {}
            ask(made, new(f"A{n}", side, rng.randint(2, 9), 100 + rng.randint(-6, 6), **more))
            sent.append((f"A{n}", side))
        for text in updates(made):
            viewer.apply(text)
        for kind, side in (("0", BUY), ("1", SELL)):
            depth = made.exchange.market("X").book.depth(side, levels or 99)
            assert viewer.depth("X", kind) == sorted((format_scaled(p), format_scaled(q)) for p, q in depth)


def test_a_snapshot_is_no_subscription() -> None:
    made = broker()
    ask(made, new("A", BUY, 5, 100))
    [text] = market_data(made, request(types="012", **{"263": "0"}))
    assert text.replace("\x01", "|") == (
        "35=W|262=R|55=X|268=2|269=0|270=100|271=5|290=1|"
        f"269=2|270={format_scaled(made.exchange.prices.px['X'])}|"
    )
    ask(made, new("B", BUY, 5, 100))
    assert updates(made) == []
    assert made.exchange.market("X").special is False, "an unwatched market goes the short way again"


def test_unsubscribed_or_gone() -> None:
    house = House([X], {"SIM": PROFILE}, {"SIM": ExchangeProfile(liquidity_levels=0)}, now_ns=NOW_NS)
    made = house.brokers["SIM"]
    market_data(made, request("R1"))
    market_data(made, request("R2"))
    ask(made, new("A", BUY, 5, 100))
    house.turn(NOW_NS)
    assert [t.split("\x01")[1] for t in made.take()] == ["262=R1", "262=R2"]
    assert market_data(made, request("R1", **{"263": "2"})) == []
    ask(made, new("B", BUY, 5, 100))
    house.turn(NOW_NS)
    assert [t.split("\x01")[1] for t in made.take()] == ["262=R2"]
    house.left(made)
    ask(made, new("C", BUY, 5, 100))
    house.turn(NOW_NS)
    assert made.take() == []
    assert made.exchange.market("X").watched == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (request(symbols="X Y"), "0"),
        (request("R0"), "1"),
        (request(**{"263": "7"}), "4"),
        (request(**{"264": "-1"}), "5"),
        (request(**{"265": "3"}), "6"),
        (request(types="09"), "8"),
    ],
    ids=["unknown symbol", "id in use", "request type", "depth", "update type", "entry type"],
)
def test_refused_requests(text: str, reason: str) -> None:
    made = broker()
    market_data(made, request("R0"))
    [answer] = market_data(made, text)
    found = dict(pairs(answer))
    assert (found["35"], found["281"]) == ("Y", reason)
    assert found["58"]


def test_a_broker_may_have_none() -> None:
    made = Broker(Exchange([X]), BrokerProfile(market_data=False))
    [answer] = market_data(made, request())
    assert answer.startswith("35=j\x01")


def test_indicative_price_of_an_auction_and_what_it_cleared_at() -> None:
    made = broker()
    made.exchange.set_price("X", 100 * SCALE, NOW_NS)
    made.exchange.set_phase(OPENING, NOW_NS)
    market_data(made, request(types="4"))
    ask(made, new("B", BUY, 5, 101), new("S", SELL, 3, 101))
    [indicative] = updates(made)
    assert indicative.replace("\x01", "|") == "35=X|262=R|268=1|279=0|269=4|278=4|55=X|270=101|271=3|286=3|"
    ask(made, new("S2", SELL, 9, 100))
    [indicative] = updates(made)
    assert "279=1\x01269=4\x01278=4\x0155=X\x01270=100\x01271=5\x01286=3" in indicative
    made.exchange.set_phase(CONTINUOUS, NOW_NS)
    [cleared] = updates(made)
    assert "279=1\x01269=4\x01278=4\x0155=X\x01270=100\x01271=5\x01" in cleared
    assert "286=" not in cleared


# -- over sockets --------------------------------------------------------------------------------------------


@pytest.fixture(params=["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"])
def session(request: pytest.FixtureRequest) -> Iterator[tuple[Venue, RawClient]]:
    port = free_port()
    profile = BrokerProfile(version=request.param, port=port)
    exchanges = {"SIM": ExchangeProfile(liquidity_levels=2, steps_per_s=0)}
    with Venue(LISTED, {"SIM": profile}, exchanges) as venue:
        venue.poll()
        begin = "FIXT.1.1" if request.param == "FIX.5.0SP2" else request.param
        client = RawClient(port, venue.poll, begin=begin)
        client.log_on()
        client.wait(lambda: len(client.of_type("W")) == len(LISTED))
        client.received.clear()
        yield venue, client
        client.drop()


def groups(message: simplefix.FixMessage, first: int) -> list[dict[int, str]]:
    """The entries of a message with one group."""
    found: list[dict[int, str]] = []
    for tag, value in message.pairs:
        if int(tag) == first:
            found.append({})
        if found:
            found[-1][int(tag)] = value.decode()
    return found


def test_on_the_wire(session: tuple[Venue, RawClient]) -> None:
    venue, client = session
    wanted = [(267, 3), (269, "0"), (269, "1"), (269, "2"), (146, 2), (55, "AAA"), (55, "BBB")]
    client.send("V", (262, "R"), (263, 1), (264, 2), (265, 1), *wanted)
    client.wait(lambda: len(client.of_type("W")) == 2)
    snapshots = [m for m in client.received if m.get(35) == b"W"]
    assert [(m.get(55), m.get(262), m.get(268)) for m in snapshots] == [
        (b"AAA", b"R", b"5"),
        (b"BBB", b"R", b"5"),
    ]
    depth = venue.exchange.market("AAA").book.depth(SELL, 2)
    offers = [e for e in groups(snapshots[0], 269) if e[269] == "1"]
    assert [(e[270], e[271], e[290]) for e in offers] == [
        (format_scaled(px), format_scaled(qty), str(n)) for n, (px, qty) in enumerate(depth, start=1)
    ]
    best = depth[0]
    order = [
        (11, "A"),
        (55, "AAA"),
        (54, 1),
        (38, format_scaled(best[1])),
        (40, 2),
        (44, format_scaled(best[0])),
    ]
    client.send("D", *order, (59, 0), (21, 1), (60, "20260102-10:00:00"))
    client.wait(lambda: bool(client.of_type("X")))
    [change] = [m for m in client.received if m.get(35) == b"X"]
    entries = groups(change, 279)
    assert len(entries) == int(change.get(268))
    assert {e[55] for e in entries} == {"AAA"}
    trade = next(e for e in entries if e[269] == "2")
    assert (trade[279], trade[270]) == ("1", format_scaled(best[0]))
    client.send("V", (262, "R"), (263, 2), (264, 2), *wanted)
    client.send("V", (262, "Q"), (263, 1), (264, 1), (267, 1), (269, "0"), (146, 1), (55, "ZZZ"))
    client.wait(lambda: bool(client.of_type("Y")))
    [refusal] = client.of_type("Y")
    assert (refusal["262"], refusal["281"], refusal["58"]) == ("Q", "0", "unknown symbol ZZZ")
    assert venue.errors == 0
