"""Clients and venues of FIX 4.2, 4.4 and 5.0 SP2 on real sockets, in every combination.

The other ends are plain sockets with another codec, which say everything in their version's own terms; every
message that they get is held against the data dictionary of that version.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.dictionaries import BEGIN_STRINGS, FILES, faults, refused
from tests.support.engine_process import SYMBOLS, EngineProcess, free_port
from tests.support.raw_client import RawClient
from tests.support.raw_fix import Closed, Message, timestamp
from tests.support.raw_venue import RawVenue

VERSIONS = tuple(FILES)

CLIENTS = {"FIX.4.2": "CLIENT42", "FIX.4.4": "CLIENT1", "FIX.5.0SP2": "CLIENT50"}

SECTION = {
    "FIX.4.2": "BeginString=FIX.4.2\nDataDictionary=FIX42.xml\n",
    "FIX.4.4": "BeginString=FIX.4.4\nDataDictionary=FIX44.xml\n",
    "FIX.5.0SP2": "BeginString=FIXT.1.1\nDefaultApplVerID=FIX.5.0SP2\nAppDataDictionary=FIX50SP2.xml\n",
}

HEADER = (8, 9, 10, 34, 35, 43, 49, 52, 56, 97, 122)


class Desk:
    """An engine with one client of each version and one venue."""

    def __init__(self, folder: Path, venue_version: str) -> None:
        port = free_port()
        self.engine = EngineProcess(folder, venue_port=port)
        sessions = "".join(f"[SESSION]\nTargetCompID={CLIENTS[v]}\n{SECTION[v]}\n" for v in VERSIONS)
        (folder / "clients.cfg").write_text(f"[DEFAULT]\nSenderCompID=OMS\nHeartBtInt=30\n\n{sessions}")
        (folder / "venue.cfg").write_text(
            f"[SESSION]\nSenderCompID=OMS\nTargetCompID=SIM\n{SECTION[venue_version]}"
            f"SocketConnectHost=127.0.0.1\nSocketConnectPort={port}\nReconnectInterval=1\n"
        )
        accounts = folder / "accounts.toml"
        everybody = ", ".join(f'"{name}"' for name in CLIENTS.values())
        accounts.write_text(accounts.read_text().replace('"CLIENT1"', everybody))
        self.venue_version = venue_version
        self.venue = RawVenue(port, begin=BEGIN_STRINGS[venue_version])
        self.clients = {
            version: RawClient(self.engine.port, name, begin=BEGIN_STRINGS[version])
            for version, name in CLIENTS.items()
        }
        self.symbols = iter(SYMBOLS)

    def open(self) -> "Desk":
        self.venue.listen()
        self.engine.start()
        self.venue.log_on()
        return self

    def client(self, version: str) -> RawClient:
        client = self.clients[version]
        if not client.is_open:
            client.reset()
        return client

    def end(self) -> None:
        self.engine.end()
        self.venue.hang_up()
        for client in self.clients.values():
            client.drop()


@pytest.fixture(scope="module", params=VERSIONS)
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("desk"), request.param)
    try:
        yield made.open()
    finally:
        made.end()


@dataclass
class Order:
    """One order between a client and the venue, each told of it in its version."""

    desk: Desk
    version: str

    def __post_init__(self) -> None:
        self.client = self.desk.client(self.version)
        self.venue = self.desk.venue
        self.symbol = next(self.desk.symbols)
        self.cum = 0
        self.qty = 100
        # A reference price, which the price collar wants. LastUpdateTime is required in 5.0 SP2.
        more = [(779, timestamp())] if self.desk.venue_version == "FIX.5.0SP2" else []
        self.venue.send("W", [(55, self.symbol), *more, (268, 1), (269, 2), (270, 10), (271, 100)])
        self.venue.ping()

    def at_venue(self) -> Message:
        """The next message at the venue; valid in the venue's version."""
        return _checked(self.desk.venue_version, self.venue.take())

    def told(self) -> Message:
        """The client's next message; valid in the client's version."""
        return _checked(self.version, self.client.take())

    def says(self, order: Message, kind: str, status: str, **more: object) -> dict[int, object]:
        """The venue reports, in its version's terms; `kind` is ExecType of 4.4."""
        if self.desk.venue_version == "FIX.4.2":
            more["t20"] = {"H": "1", "G": "2", "I": "3"}.get(kind, "0")
            fill = "2" if self.cum >= self.qty else "1"
            kind = fill if kind in "FGH" else status if kind == "I" else kind
        left = {"t14": self.cum, "t151": 0 if status in "48" else self.qty - self.cum, "t38": self.qty}
        return self.venue.report(order, kind, status, **left, **more)

    def fills(self, order: Message, qty: int) -> dict[int, object]:
        self.cum += qty
        return self.says(order, "F", "1" if self.cum < self.qty else "2", t32=qty, t31=10, t6=10)


def _checked(version: str, message: Message) -> Message:
    text = "".join(f"{tag}={value}\x01" for tag, value in message.pairs if tag not in HEADER)
    text = f"35={message.type}\x01{text}"
    assert faults(version, text) == [], message
    assert refused(version, text) == "", message
    return message


def is_told(order: Order, exec_type: str, ord_status: str, **also: object) -> Message:
    """The client's next report says that, `exec_type` and `ord_status` being those of 4.4."""
    message = order.told()
    expected: dict[int, object] = {35: "8", 150: exec_type, 39: ord_status, 14: order.cum}
    if order.version == "FIX.4.2":
        expected[20] = {"H": "1", "G": "2", "I": "3"}.get(exec_type, "0")
        if exec_type in "FGH":
            expected[150] = "2" if order.cum >= order.qty else "1"
        elif exec_type == "I":
            expected[150] = ord_status
    expected |= {int(name.removeprefix("t")): value for name, value in also.items()}
    assert {tag: message.get(tag) for tag in expected} == {tag: str(v) for tag, v in expected.items()}, (
        message
    )
    assert order.version == "FIX.4.2" or message.get(20) is None
    return message


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_s_life(desk: Desk, version: str) -> None:
    order = Order(desk, version)
    x = order.client.order(order.symbol, "1", 100, "10")
    new = order.at_venue()
    assert (new.type, new[8], new[38], new[44]) == ("D", BEGIN_STRINGS[desk.venue_version], "100", "10")
    assert new.get(1128) is None
    order.says(new, "0", "0")
    assert is_told(order, "0", "0", t11=x)[8] == BEGIN_STRINGS[version]
    first = order.fills(new, 30)
    told = is_told(order, "F", "1", t11=x, t32=30, t31=10, t151=70)
    assert told.get(1128) is None

    y = order.client.replace(x, order.symbol, "1", 120, "10")
    replace = order.at_venue()
    assert (replace.type, replace[38]) == ("G", "120")
    is_told(order, "E", "E", t11=y, t41=x)
    order.fills(new, 10)
    is_told(order, "F", "E", t11=x, t32=10)
    order.qty = 120
    order.says(replace, "5", "1")
    is_told(order, "5", "1", t11=y, t41=x, t38=120, t151=80)

    order.cum -= 30
    order.says(replace, "H", "1", t19=first[17])
    busted = is_told(order, "H", "1", t14=10, t151=110)
    assert busted[19] == told[17]
    second = order.fills(replace, 20)
    filled = is_told(order, "F", "1", t11=y, t32=20)
    order.cum -= 5
    order.says(replace, "G", "1", t19=second[17], t32=15, t31=10)
    assert is_told(order, "G", "1", t32=15, t31=10)[19] == filled[17]

    order.client.status(y, order.symbol, "1")
    is_told(order, "I", "1", t11=y, t151=95)

    z = order.client.cancel(y, order.symbol, "1")
    cancel = order.at_venue()
    assert cancel.type == "F"
    is_told(order, "6", "6", t11=z, t41=y)
    order.venue.cancel_reject(cancel, "1", 0)
    refusal = order.told()
    assert [refusal.get(tag) for tag in (35, 11, 41, 39, 434, 102)] == ["9", z, y, "1", "1", "0"]
    order.fills(replace, 95)
    is_told(order, "F", "2", t11=y, t151=0, t32=95)
    order.client.nothing_more()


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_that_is_replaced_before_it_fills_and_then_canceled(desk: Desk, version: str) -> None:
    """After the replace of an unfilled order OrdStatus is replaced in 4.2, both said and read."""
    order = Order(desk, version)
    replaced = {True: "5", False: "0"}
    x = order.client.order(order.symbol, "1", 100, "10")
    new = order.at_venue()
    order.says(new, "0", "0")
    is_told(order, "0", "0")
    y = order.client.replace(x, order.symbol, "1", 90, "10")
    replace = order.at_venue()
    is_told(order, "E", "E")
    order.qty = 90
    order.says(replace, "5", replaced[desk.venue_version == "FIX.4.2"])
    is_told(order, "5", replaced[version == "FIX.4.2"], t11=y, t41=x, t38=90)
    order.client.cancel(y, order.symbol, "1")
    cancel = order.at_venue()
    is_told(order, "6", "6")
    order.says(cancel, "4", "4")
    is_told(order, "4", "4", t151=0)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_venue_and_the_engine_refuse(desk: Desk, version: str) -> None:
    order = Order(desk, version)
    order.client.order(order.symbol, "1", 100, "10")
    new = order.at_venue()
    reason = {"FIX.4.2": 1, "FIX.4.4": 13, "FIX.5.0SP2": 18}[desk.venue_version]
    order.says(new, "8", "8", t103=reason, t58="no")
    known = {"FIX.4.2": {1: "1", 13: "0", 18: "0"}, "FIX.4.4": {1: "1", 13: "13", 18: "99"}}
    shown = known.get(version, known["FIX.4.4"])[reason]
    is_told(order, "8", "8", t103=shown, t58="no")
    # The engine's own: more than any order may have.
    order.client.order(order.symbol, "1", 10_000_000, "10")
    is_told(order, "8", "8")
    # What the venue's version has no words for is denied before it is routed; 4.2 has none for Z.
    if version != "FIX.4.2":
        order.client.order(order.symbol, "1", 100, "10", t18="Z")
        if desk.venue_version == "FIX.4.2":
            assert "does not support ExecInst Z" in is_told(order, "8", "8")[58]
        else:
            order.says(order.at_venue(), "8", "8", t58="no")
            is_told(order, "8", "8", t58="no")
    # An order that nobody knows.
    order.client.status("nobody", order.symbol, "1")
    is_told(order, "I", "8", t11="nobody", t37="NONE")
    order.client.cancel("nobody", order.symbol, "1")
    assert order.told()[102] == "1"
    order.client.nothing_more()


@pytest.mark.parametrize("version", VERSIONS)
def test_messages_that_break_a_rule_are_rejected_and_the_session_goes_on(desk: Desk, version: str) -> None:
    client = desk.client(version)
    symbol = next(desk.symbols)
    client.send(
        "D", client.order_body(symbol, "1", 100, "10", t40=2, t44=None)
    )  # a limit order without limit
    assert client.take()[380] == "5"
    client.send("D", client.order_body(symbol, "x", 100, "10"))
    reject = client.wait_type("3")
    assert (reject[371], reject[373]) == ("54", "5")
    client.send("V", {262: "1", 263: 0, 264: 1, 265: 0} | {146: 1, 55: symbol})
    client.wait(lambda message: message.type in "3j")
    client.inbox.clear()
    client.nothing_more()


@pytest.mark.parametrize("version", VERSIONS)
def test_reports_are_sent_again_after_a_crash_as_they_were(tmp_path: Path, version: str) -> None:
    desk = Desk(tmp_path / "desk", version)
    try:
        desk.open()
        order = Order(desk, version)
        x = order.client.order(order.symbol, "1", 100, "10")
        new = order.at_venue()
        order.says(new, "0", "0")
        order.fills(new, 40)
        z = order.client.cancel(x, order.symbol, "1")
        cancel = order.at_venue()
        before = [order.told().body() for _ in range(3)]
        desk.engine.kill()
        order.client.drop()
        desk.venue.drop()
        desk.engine.start()
        desk.venue.log_on()
        asked = order.at_venue()
        assert (asked.type, asked[11]) == ("H", cancel[11])
        order.says(asked, "I", "1")
        order.client.next_in -= 3  # as if the reports had never arrived
        order.client.log_on()
        again = order.client.take_all(3)
        assert all(message.poss_dup for message in again)
        assert [message.body() for message in again] == before
        order.says(cancel, "4", "4")
        is_told(order, "4", "4", t11=z, t41=x)
    finally:
        desk.end()


# -- versions over FIXT 1.1 ----------------------------------------------------------------------------------


@pytest.mark.parametrize("appl_ver_id", [None, 4, 7, "FIX.5.0SP2"])
def test_a_logon_for_another_application_version_is_not_let_in(desk: Desk, appl_ver_id: object) -> None:
    client = RawClient(desk.engine.port, "CLIENT50", begin="FIXT.1.1")
    desk.clients["FIX.5.0SP2"].drop()
    client.connect()
    client.send("A", [(98, 0), (108, 30), (141, "Y"), (1137, appl_ver_id)])
    with pytest.raises(Closed):
        client.receive()
    desk.engine.assert_alive()


@pytest.mark.parametrize(
    ("name", "begin"), [("CLIENT42", "FIX.4.4"), ("CLIENT1", "FIX.4.2"), ("CLIENT50", "FIX.4.4")]
)
def test_a_logon_in_another_version_than_configured_is_not_let_in(desk: Desk, name: str, begin: str) -> None:
    client = RawClient(desk.engine.port, name, begin=begin)
    client.connect()
    client.send("A", client.logon_body())
    with pytest.raises(Closed):
        client.receive()


@pytest.mark.parametrize("appl_ver_id", ["4", "99"])
def test_one_message_of_another_application_version_is_rejected(desk: Desk, appl_ver_id: str) -> None:
    """ApplVerID(1128) in a header. QuickFIX, which has no dictionary for it, lets everything through."""
    client = desk.client("FIX.5.0SP2")
    symbol = next(desk.symbols)
    client.send("D", client.order_body(symbol, "x", 100, "10"), header={1128: appl_ver_id})
    reject = client.wait_type("3")
    assert (reject[371], reject[373]) == ("1128", "5")
    client.send("H", {11: "nobody", 55: symbol, 54: 1}, header={1128: "9"})
    assert client.take()[37] == "NONE"
    client.nothing_more()
