"""The simulated venue over real sockets: with QuickFIX on the other side, and with a client made of a bare
socket."""

import csv
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from oms.core.types import SCALE, OrdType, Side, format_scaled
from oms.sim.client import Client, NotLoggedOn
from oms.sim.prices import first_prices
from oms.sim.profile import BrokerProfile, ExchangeProfile
from oms.sim.venue import Venue
from oms.sim.workload import Workload, run
from tests.sim.wire_kit import LISTED, RawClient, free_port

STILL = {"SIM": ExchangeProfile(steps_per_s=0)}


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def venue(port: int, tmp_path: Path) -> Iterator[Venue]:
    venue = Venue(
        LISTED,
        {"SIM": BrokerProfile(port=port, trade_file=str(tmp_path / "trades.csv"))},
        STILL,
        seed=3,
        orders_file=tmp_path / "orders.json",
    )
    venue.poll()
    yield venue
    venue.close()


@pytest.fixture
def client(venue: Venue, port: int) -> Iterator[Client]:
    client = Client(port=port, sender="OMS", target="SIM")
    client.connect(5, venue.poll)
    yield client
    client.close(venue.poll)


def test_listens_on_one_address_only(venue: Venue, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        pass
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=1):
        pass


def test_prices_of_all_instruments_follow_a_logon(venue: Venue, client: Client) -> None:
    assert client.wait(lambda: client.view.counts["35=W"] == len(LISTED), 5, venue.poll)
    venue.exchange.move_price("BBB", 0)
    assert client.wait(lambda: client.view.counts["35=W"] == len(LISTED) + 1, 5, venue.poll)


def test_order_is_filled_reported_and_recorded(venue: Venue, client: Client, tmp_path: Path) -> None:
    px = venue.exchange.prices.px["AAA"] + 5 * SCALE // 100
    cl_ord_id = client.send_new("AAA", Side.BUY, 2_000 * SCALE, price=px)
    order = client.orders[cl_ord_id]
    assert client.wait(lambda: order["status"] == "2", 5, venue.poll)
    assert order["cum"] == 2_000 * SCALE
    assert client.view.violations == []
    with (tmp_path / "trades.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "exec_id",
        "cl_ord_id",
        "order_id",
        "symbol",
        "side",
        "last_qty",
        "last_px",
        "transact_time",
        "exec_type",
        "exec_ref_id",
    ]
    assert [r["exec_id"] for r in rows] == list(client.view.executions)
    assert {r["cl_ord_id"] for r in rows} == {cl_ord_id}
    assert sum(int(r["last_qty"]) for r in rows) == 2_000
    assert client.measured == 1
    assert client.latencies_ns()[0] > 0


def test_cancel_replace_status(venue: Venue, client: Client) -> None:
    px = venue.exchange.prices.px["AAA"] - SCALE
    a = client.send_new("AAA", Side.BUY, 100 * SCALE, price=px)
    order = client.orders[a]
    assert client.wait(lambda: order["status"] == "0", 5, venue.poll)
    r = client.send_replace(a, 200 * SCALE, price=px)
    assert order["requests"] == {r: "replace"}
    assert client.wait(lambda: order["cl_ord_id"] == r, 5, venue.poll)
    assert (order["order_qty"], order["leaves"], order["requests"]) == (200 * SCALE, 200 * SCALE, {})
    client.send_status(a)
    assert client.wait(lambda: client.view.counts["I"] == 1, 5, venue.poll)
    c = client.send_cancel(r)
    assert client.wait(lambda: order["status"] == "4", 5, venue.poll)
    client.send_cancel(c)
    assert client.wait(lambda: client.view.counts["cancel reject"] == 1, 5, venue.poll)
    assert client.view.violations == []


def test_both_sides_agree_after_a_workload(venue: Venue, client: Client, tmp_path: Path) -> None:
    workload = Workload(LISTED, first_prices(3, LISTED), ["ACC-1", "ACC-2"], seed=11, max_open=40)
    progress: list[int] = []
    summary = run(
        client,
        workload,
        600,
        window=20,
        on_progress=lambda s: progress.append(s.sent),
        meanwhile=venue.poll,
    )
    assert (summary.sent, summary.answered, summary.stalled) == (600, 600, False)
    assert progress[-1] == 600
    assert client.view.violations == []
    assert len(client.view.open) <= 60
    venue.write_orders()
    for theirs in json.loads((tmp_path / "orders.json").read_text())["orders"]:
        ours = client.view.by_id[theirs["cl_ord_ids"][-1]]
        assert theirs["ord_status"] == ours["status"]
        for mine, name in (("cum", "cum_qty"), ("leaves", "leaves_qty"), ("avg", "avg_px")):
            assert format_scaled(ours[mine]) == theirs[name], (name, theirs, ours)
    # What no venue would take was among it, and each kind of order.
    assert venue.broker.stats["rejected"] > 0
    assert venue.broker.stats["duplicate_orders"] > 0
    assert client.view.counts["5"] > 0
    assert np.all(client.latencies_ns() > 0)


def test_prices_can_be_made_to_stand_still(port: int) -> None:
    with Venue(
        LISTED, {"SIM": BrokerProfile(port=port)}, {"SIM": ExchangeProfile(steps_per_s=1_000)}
    ) as venue:
        first = dict(venue.exchange.prices.px)
        deadline = time.monotonic() + 5
        while venue.exchange.prices.px == first and time.monotonic() < deadline:
            venue.poll()
        venue.house.stand_still()
        moved = dict(venue.exchange.prices.px)
        assert moved != first
        for _ in range(20):
            time.sleep(0.001)
            venue.poll()
        assert venue.exchange.prices.px == moved


def test_no_exception_leaves_a_callback(
    venue: Venue, client: Client, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(message: object, now_ns: int, text: str) -> list[str]:
        raise RuntimeError("made to fail")

    with monkeypatch.context() as patch:
        patch.setattr(venue.broker, "handle", fails)
        client.send_new("AAA", Side.BUY, SCALE, ord_type=OrdType.MARKET)
        assert client.wait(lambda: venue.errors == 1, 5, venue.poll)
    assert "made to fail" in capfd.readouterr().err
    after = client.send_new("AAA", Side.BUY, SCALE, ord_type=OrdType.MARKET)
    assert client.wait(lambda: client.orders[after]["status"] == "2", 5, venue.poll)


# -- connections that end ------------------------------------------------------------------------------------


def test_what_was_missed_while_away_comes_by_resend_at_present_prices(venue: Venue, port: int) -> None:
    raw = RawClient(port, venue.poll)
    raw.log_on()
    px = venue.exchange.prices.px["AAA"]
    resting = format_scaled(px - SCALE // 100)
    raw.send(
        "D",
        (11, "A"),
        (55, "AAA"),
        (54, 1),
        (38, 10),
        (40, 2),
        (44, resting),
        (59, 0),
        (60, "20260102-10:00:00"),
    )
    raw.wait(lambda: bool(raw.of_type("8")) and len(raw.of_type("W")) == len(LISTED))
    raw.drop()
    deadline = time.monotonic() + 5
    while venue.logged_on and time.monotonic() < deadline:
        venue.poll()
    assert not venue.logged_on
    # While nobody is there the order is filled, and prices move.
    for _ in range(200):
        venue.exchange.move_price("AAA", time.time_ns())
    venue.poll()
    order = venue.broker.order("A")
    assert order is not None
    assert order.ord_status == "2"

    again = RawClient(port, venue.poll, raw.next_seq)
    again.log_on()
    again.send("2", (7, 1), (16, 0))
    again.wait(lambda: any(m["150"] == "F" for m in again.of_type("8")))
    fills = [m for m in again.of_type("8") if m["150"] == "F"]
    assert {m["43"] for m in fills} == {"Y"}
    assert fills[-1]["14"] == "10"
    assert venue.errors == 0
    again.wait(lambda: any("43" in m for m in again.of_type("W")))
    # A price that is sent again is sent as it is now, not as it was.
    now = {symbol: format_scaled(px) for symbol, px in venue.exchange.prices.px.items()}
    assert now["AAA"] != format_scaled(px)
    assert {(m["55"], m["270"]) for m in again.of_type("W")} == set(now.items())
    again.drop()


def test_nothing_waits_behind_a_resend_request_that_came_early(venue: Venue, port: int) -> None:
    """Both sides miss something: QuickFIX answers the peer's ResendRequest(2) at once but does not keep it, so
    that its number stays missing once the gap before it is filled, and what follows waits for the next message.
    """
    order = ((55, "AAA"), (54, 1), (38, 1), (40, 1), (59, 0), (60, "20260102-10:00:00"))
    raw = RawClient(port, venue.poll)
    raw.log_on()
    raw.next_seq = 3  # number 2 is lost
    raw.send("D", (11, "third"), *order)
    raw.wait(lambda: bool(raw.of_type("2")))
    raw.send("2", (7, 1), (16, 0))  # number 4, while the venue still waits for number 2
    raw.send("D", (11, "fifth"), *order)
    raw.next_seq = 2
    raw.send("4", (43, "Y"), (122, "20260102-10:00:00"), (123, "Y"), (36, 3))
    raw.wait(lambda: venue.broker.order("third") is not None)
    # The venue notices that it still waits, and provokes an answer.
    raw.wait(lambda: bool(raw.of_type("1")))
    raw.next_seq = 6
    raw.send("0", (112, raw.of_type("1")[0]["112"]))
    raw.wait(lambda: len(raw.of_type("2")) == 2)
    assert raw.of_type("2")[1]["7"] == "4"
    raw.next_seq = 4
    raw.send("4", (43, "Y"), (122, "20260102-10:00:00"), (123, "Y"), (36, 5))
    raw.wait(lambda: venue.broker.order("fifth") is not None)
    raw.drop()


def test_survives_many_connections_that_are_dropped(venue: Venue, port: int) -> None:
    next_seq = 1
    for n in range(20):
        raw = RawClient(port, venue.poll, next_seq)
        raw.log_on()
        raw.send(
            "D", (11, f"A{n}"), (55, "AAA"), (54, 1), (38, 1), (40, 1), (59, 0), (60, "20260102-10:00:00")
        )
        if n % 2:
            raw.wait(lambda: venue.broker.stats["orders"] == n + 1)  # noqa: B023
        next_seq = raw.next_seq
        raw.drop()
        if not n % 2:
            deadline = time.monotonic() + 5
            while venue.broker.stats["orders"] < n + 1 and time.monotonic() < deadline:
                venue.poll()
        while venue.logged_on:
            venue.poll()
    assert venue.broker.stats["logons"] == 20
    assert venue.broker.stats["duplicate_orders"] == 0
    assert venue.errors == 0


def test_client_comes_back_by_itself(port: int, tmp_path: Path) -> None:
    """The venue goes away and comes back with its sequence numbers; the client notices and goes on."""
    profiles = {"SIM": BrokerProfile(port=port)}
    first = Venue(LISTED, profiles, STILL, seed=3, store_path=tmp_path / "store")
    client = Client(port=port, sender="OMS", target="SIM")
    client.connect(5, first.poll)
    a = client.send_new("AAA", Side.BUY, 100 * SCALE, ord_type=OrdType.MARKET)
    assert client.wait(lambda: client.orders[a]["status"] in ("2", "4"), 5, first.poll)
    first.close()
    assert client.wait(lambda: not client.logged_on, 5)
    with pytest.raises(NotLoggedOn):
        client.send_new("AAA", Side.BUY, SCALE, ord_type=OrdType.MARKET)
    del first
    second = Venue(LISTED, profiles, STILL, seed=3, store_path=tmp_path / "store")
    client.connect(10, second.poll)
    b = client.send_new("AAA", Side.BUY, 100 * SCALE, ord_type=OrdType.MARKET)
    assert client.wait(lambda: client.orders[b]["status"] in ("2", "4"), 5, second.poll)
    assert client.view.violations == []
    assert len(set(client.view.executions)) == len(client.view.executions)
    client.close(second.poll)
    second.close()


def test_client_says_why_it_could_not_log_on(port: int) -> None:
    with (
        Client(port=port, sender="OMS", target="SIM") as client,
        pytest.raises(TimeoutError, match="no logon"),
    ):
        client.connect(0.2)


def test_first_logon_may_reset_the_sequence_numbers(venue: Venue, port: int) -> None:
    with Client(port=port, sender="OMS", target="SIM") as client:
        client.connect(5, venue.poll)
        client.close(venue.poll)
    # A client without a memory would be told that its numbers are too low.
    with Client(port=port, sender="OMS", target="SIM", reset_first_logon=True) as client:
        client.connect(5, venue.poll)
        a = client.send_new("AAA", Side.BUY, SCALE, ord_type=OrdType.MARKET)
        assert client.wait(lambda: client.orders[a]["status"] == "2", 5, venue.poll)
        client.close(venue.poll)


# -- a process of its own ------------------------------------------------------------------------------------

PROGRAM = """
import sys
from pathlib import Path
from oms.sim.profile import BrokerProfile
from oms.sim.venue import Venue
from tests.sim.wire_kit import LISTED
with Venue(LISTED, {"SIM": BrokerProfile(port=int(sys.argv[1]))}, orders_file=Path(sys.argv[2])) as venue:
    venue.poll()
    print("listening", flush=True)
    venue.run()
"""


def test_signals(port: int, tmp_path: Path) -> None:
    """SIGUSR1 writes the orders file; SIGTERM logs out and ends with status 0."""
    orders = tmp_path / "orders.json"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(port), str(orders)],
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        with Client(port=port, sender="OMS", target="SIM") as client:
            client.connect(5)
            a = client.send_new("AAA", Side.BUY, SCALE, ord_type=OrdType.MARKET)
            assert client.wait(lambda: client.orders[a]["status"] == "2", 5)
            process.send_signal(signal.SIGUSR1)
            assert client.wait(orders.exists, 5)
            assert json.loads(orders.read_text())["orders"][0]["cl_ord_ids"] == [a]
            process.terminate()
            assert client.wait(lambda: not client.logged_on, 5)
            assert any("35=5" in text for text in client.refusals)
        assert process.wait(10) == 0
