"""Several brokers in one process, over sockets: their sessions, versions and books; drop copies; restarts."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from oms.core.types import SCALE, utc_date
from oms.fix.wire import fields
from oms.sim import interventions as on
from oms.sim.commands import tell
from oms.sim.hours import DAY_NS
from oms.sim.house import House
from oms.sim.profile import BrokerProfile, Day, ExchangeProfile
from oms.sim.store import Store
from oms.sim.trade_file import COLUMNS, TradeFile
from oms.sim.venue import Venue
from tests.sim.broker_kit import NOW_NS, ask, brief, new
from tests.sim.wire_kit import LISTED, RawClient, free_port

ROOT = Path(__file__).resolve().parents[2]
QUIET = ExchangeProfile(liquidity_levels=0, steps_per_s=0)

Pairs = list[tuple[int, object]]


def order(cl_ord_id: str, side: int, qty: int, price: object, **more: object) -> Pairs:
    body: dict[int, object] = {11: cl_ord_id, 55: "AAA", 54: side, 38: qty, 40: 2, 44: price, 59: 0, 21: 1}
    body |= {int(tag.removeprefix("t")): value for tag, value in more.items()}
    return [*body.items(), (60, "20260102-10:00:00")]


def reports(client: RawClient, number: int) -> list[dict[str, str]]:
    client.wait(lambda: len(client.of_type("8")) + len(client.of_type("9")) >= number)
    return [m for m in client.application() if m["35"] in "89"]


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture
def venue(ports: tuple[int, int], tmp_path: Path) -> Iterator[Venue]:
    shared, own = ports
    profiles = {
        "ALPHA": BrokerProfile(
            port=shared,
            exchange="MAIN",
            prices=False,
            drop_copy="COPY",
            trade_file=str(tmp_path / "alpha.csv"),
        ),
        "BETA": BrokerProfile(
            port=shared, exchange="MAIN", prices=False, version="FIX.4.2", pending_new=True
        ),
        "GAMMA": BrokerProfile(
            port=own,
            prices=False,
            version="FIX.5.0SP2",
            drop_copy="COPY",
            drop_copy_version="FIX.4.2",
            drop_copy_port=shared,
        ),
    }
    with Venue(LISTED, profiles, {"MAIN": QUIET, "GAMMA": QUIET}) as made:
        made.poll()
        yield made


def connect(venue: Venue, port: int, broker: str, begin: str = "FIX.4.4", us: str = "OMS") -> RawClient:
    client = RawClient(port, venue.poll, us=us, them=broker, begin=begin)
    client.log_on()
    return client


def test_brokers_of_one_exchange_meet_and_one_with_its_own_does_not(
    venue: Venue, ports: tuple[int, int]
) -> None:
    alpha = connect(venue, ports[0], "ALPHA")
    beta = connect(venue, ports[0], "BETA", "FIX.4.2")
    gamma = connect(venue, ports[1], "GAMMA", "FIXT.1.1")
    gamma.send("D", *order("G", 2, 5, 50))
    alpha.send("D", *order("A", 1, 10, 50))
    assert brief(reports(alpha, 1)) == ["A 0/0 0+10"]
    beta.send("D", *order("B", 2, 4, 50))
    assert [(r["20"], r["150"], r["39"]) for r in reports(beta, 3)] == [
        ("0", "A", "A"),
        ("0", "0", "0"),
        ("0", "2", "2"),
    ]
    assert brief(reports(alpha, 2)) == ["A 0/0 0+10", "A F/1 4+6 4@50"]
    assert brief(reports(gamma, 1)) == ["G 0/0 0+5"]
    for client in (alpha, beta, gamma):
        client.drop()


def test_every_report_is_copied_even_while_the_orders_session_is_down(
    venue: Venue, ports: tuple[int, int]
) -> None:
    alpha = connect(venue, ports[0], "ALPHA")
    copies = connect(venue, ports[0], "ALPHA", us="COPY")
    alpha.send("D", *order("A", 1, 10, 50))
    alpha.send("F", (11, "C"), (41, "never"), (55, "AAA"), (54, 1), (60, "20260102-10:00:00"))
    reports(alpha, 2)
    [copy] = reports(copies, 1)
    assert (copy["11"], copy["150"], copy["797"]) == ("A", "0", "Y")
    alpha.drop()
    beta = connect(venue, ports[0], "BETA", "FIX.4.2")
    beta.send("D", *order("B", 2, 4, 50))
    fill = reports(copies, 2)[1]
    assert brief([fill]) == ["A F/1 4+6 4@50"]
    copies.send("D", *order("X", 1, 10, 50))
    time.sleep(0.02)
    venue.poll()
    assert venue.house.brokers["ALPHA"].stats["orders"] == 1, "orders are not taken there"
    again = RawClient(ports[0], venue.poll, alpha.next_seq, them="ALPHA")
    again.log_on()
    again.send("2", (7, 1), (16, 0))
    again.wait(lambda: any(m["150"] == "F" for m in again.of_type("8")))
    missed = next(m for m in again.of_type("8") if m["150"] == "F")
    assert missed["17"] == fill["17"]
    for client in (again, copies, beta):
        client.drop()


def test_a_copy_may_be_of_another_version(venue: Venue, ports: tuple[int, int]) -> None:
    gamma = connect(venue, ports[1], "GAMMA", "FIXT.1.1")
    copies = connect(venue, ports[0], "GAMMA", "FIX.4.2", us="COPY")
    gamma.send("D", *order("G", 2, 5, 50))
    [original], [copy] = reports(gamma, 1), reports(copies, 1)
    assert (original["8"], copy["8"]) == ("FIXT.1.1", "FIX.4.2")
    assert (original["17"], original.get("20"), copy["20"]) == (copy["17"], None, "0")
    assert "797" not in copy
    gamma.drop()
    copies.drop()


# -- restarts ------------------------------------------------------------------------------------------------

KEEPING = BrokerProfile(
    prices=False,
    ord_types=("1", "2", "4"),
    times_in_force=("0", "1", "7"),
    terms=("max_floor",),
    exec_ids="daily",
    order_ids="daily",
)


def start(port: int, folder: Path) -> Venue:
    profile = BrokerProfile(**{n: getattr(KEEPING, n) for n in KEEPING.__struct_fields__} | {"port": port})
    exchanges = {"SIM": ExchangeProfile(liquidity_levels=1, steps_per_s=0)}
    made = Venue(LISTED, {"SIM": profile}, exchanges, store_path=folder)
    made.poll()
    return made


def resting(venue: Venue) -> list[tuple[str, str, int, int]]:
    """Which orders rest, in their priority: ClOrdID, side, price, what is shown."""
    book = venue.exchange.market("AAA").book
    return [
        (venue.exchange.orders[r.id].cl_ord_id, side, r.price // SCALE, r.qty // SCALE)
        for side in "12"
        for r in book.orders(side)
        if isinstance(r.id, str)
    ]


def test_orders_outlive_the_simulator(tmp_path: Path) -> None:
    port = free_port()
    first = start(port, tmp_path)
    px = first.exchange.prices.px["AAA"] // SCALE
    client = RawClient(port, first.poll)
    client.log_on()
    low, high = px - 5, px + 5
    client.send("D", *order("late", 1, 10, low))
    client.send("D", *order("first", 1, 10, low))
    client.send("D", *order("ice", 2, 50, high, t111=20, t59=1))
    client.send("D", *order("stop", 2, 5, 1, t40=4, t99=1))
    client.send("D", *order("close", 1, 7, high, t59=7))
    client.send("D", *order("gone", 1, 7, low))
    client.send("G", *order("later", 1, 12, low), (41, "late"))
    client.send("F", (11, "C"), (41, "gone"), (55, "AAA"), (54, 1), (60, "20260102-10:00:00"))
    client.send("F", (11, "refused"), (41, "never"), (55, "AAA"), (54, 1), (60, "20260102-10:00:00"))
    client.send("D", *order("take", 1, 25, high, t40=1))
    fills = [r for r in reports(client, 11) if r.get("150") == "F"]
    before = resting(first)
    assert ("ice", "2", high, 20) in before or any(name == "ice" for name, *_ in before)
    client.drop()
    first.close()

    second = start(port, tmp_path)
    assert resting(second) == before
    broker = second.broker
    assert broker.order("stop") is not None
    assert set(second.exchange.market("AAA").parked) == {broker.order("close").key}  # type: ignore[union-attr]
    again = RawClient(port, second.poll, client.next_seq)
    again.log_on()
    again.received.clear()
    again.send("F", (11, "C2"), (41, "late"), (55, "AAA"), (54, 1), (60, "20260102-10:00:00"))
    again.send("H", (11, "take"), (55, "AAA"), (54, 1))
    again.send("D", *order("first", 1, 1, low))
    again.send("F", (11, "refused"), (41, "first"), (55, "AAA"), (54, 1), (60, "20260102-10:00:00"))
    canceled, status, duplicate, spent = reports(again, 4)
    assert brief([canceled]) == ["C2 4/4 0+0"]
    assert (status["14"], status["39"]) == (fills[-1]["14"], fills[-1]["39"])
    assert (duplicate["103"], spent["102"]) == ("6", "6"), "used ids stay used"
    assert int(canceled["17"].removeprefix("E")) > max(int(r["17"].removeprefix("E")) for r in fills)
    again.drop()
    second.close()


def test_an_execution_of_an_earlier_start_can_be_busted(tmp_path: Path) -> None:
    port = free_port()
    first = start(port, tmp_path)
    client = RawClient(port, first.poll)
    client.log_on()
    client.send("D", *order("A", 1, 5, 1_000_000))
    fill = next(r for r in reports(client, 2) if r["150"] == "F")
    client.drop()
    first.close()
    second = start(port, tmp_path)
    again = RawClient(port, second.poll, client.next_seq)
    again.log_on()
    again.received.clear()
    assert tell(second.house, f"bust A {fill['17']}", second.clock()) == f"{fill['17']} is busted"
    bust = reports(again, 1)[0]
    assert (bust["150"], bust["19"], bust["11"]) == ("H", fill["17"], "A")
    again.drop()
    second.close()


def test_what_was_forgotten_stays_so(tmp_path: Path) -> None:
    def house() -> House:
        return House(LISTED, {"SIM": BrokerProfile()}, {"SIM": QUIET}, now_ns=NOW_NS, store=tmp_path)

    first = house()
    broker = first.brokers["SIM"]
    ask(broker, new("A", "1", 5, 100, **{"55": "AAA"}), new("B", "1", 5, 100, **{"55": "AAA"}))
    forgotten = broker.order("A")
    assert forgotten is not None
    on.forget(broker, forgotten, NOW_NS)
    broker.take()
    first.close()
    again = house().brokers["SIM"]
    assert (again.order("A"), again.order("B") is not None) == (None, True)
    assert [o.cl_ord_id for o in again.orders()] == ["B"]


def test_day_orders_of_yesterday_expire_where_there_are_days(tmp_path: Path) -> None:
    day = ExchangeProfile(liquidity_levels=0, steps_per_s=0, day=Day(open="00:00", close="23:59:59"))

    def house(now_ns: int) -> House:
        profile = BrokerProfile(times_in_force=("0", "1", "6"))
        return House(LISTED, {"SIM": profile}, {"SIM": day}, now_ns=now_ns, store=tmp_path)

    first = house(NOW_NS)
    first_broker = first.brokers["SIM"]
    ask(
        first_broker,
        new("A", "1", 5, 100, **{"55": "AAA"}),
        new("B", "1", 5, 100, "1", **{"55": "AAA"}),
        new("C", "1", 5, 100, "6", **{"55": "AAA", "432": utc_date(NOW_NS + DAY_NS)}),
    )
    first.close()
    assert [o.ord_status for o in house(NOW_NS).brokers["SIM"].orders()] == ["0", "0", "0"]
    second = house(NOW_NS + DAY_NS).brokers["SIM"]
    assert [o.ord_status for o in second.orders()] == ["C", "0", "0"]
    assert brief([fields(text) for text in second.take()]) == ["A C/C 0+0"]


def test_a_session_may_start_its_numbers_anew_with_every_logon(tmp_path: Path) -> None:
    port = free_port()
    profile = BrokerProfile(port=port, prices=False, reset_on_logon=True)
    with Venue(LISTED, {"SIM": profile}, {"SIM": QUIET}) as venue:
        venue.poll()
        for _ in range(2):
            client = RawClient(port, venue.poll)
            client.log_on()
            assert client.of_type("A")[0]["34"] == "1"
            client.drop()
            while venue.logged_on:
                venue.poll()


def test_a_line_that_was_cut_off_is_left_out_and_a_wrong_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "SIM.orders.jsonl"
    path.write_bytes(b'{"refused":"A"}\n{"refused":"B')
    assert Store(path).load().refused_ids == ["A"]
    assert path.read_bytes() == b'{"refused":"A"}\n', "written anew, whole"
    path.write_bytes(b'{"refused":\n{"refused":"B"}\n')
    with pytest.raises(ValueError, match="line 1"):
        Store(path).load()


CONFIG = """
[sim]
store = "{folder}/store"

[reference]
instruments = "{root}/config/instruments.csv"
tick_rules = "{root}/config/tick_rules.toml"

[broker.SIM]
port = {port}
prices = false
trade_file = "{folder}/trades.csv"

[exchange.SIM]
steps_per_s = 0.0
"""


def test_a_killed_simulator_knows_its_working_orders(tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "sim.toml"
    config.write_text(CONFIG.format(folder=tmp_path, root=ROOT, port=port))

    @contextmanager
    def run() -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "oms", "sim", str(config)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            assert "listens" in process.stdout.readline()
            yield process
        finally:
            process.kill()
            process.communicate()

    def client_of(next_seq: int) -> RawClient:
        deadline = time.monotonic() + 20
        while True:
            try:
                made = RawClient(port, lambda: None, next_seq)
                made.log_on()
                return made
            except ConnectionError:
                # Not yet there, or in the moment in which the listener is moved to one address.
                assert time.monotonic() < deadline
                time.sleep(0.05)

    with run() as process:
        client = client_of(1)
        client.send("D", *order("A", 1, 10, 1, t55="AAPL"))
        assert brief(reports(client, 1)) == ["A 0/0 0+10"]
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        client.drop()
    with run() as process:
        client = client_of(client.next_seq)
        client.send("H", (11, "A"), (55, "AAPL"), (54, 1))
        client.send("F", (11, "C"), (41, "A"), (55, "AAPL"), (54, 1), (60, "20260102-10:00:00"))
        assert brief(reports(client, 2))[-2:] == ["A I/0 0+10", "C 4/4 0+0"]
        client.drop()
        process.terminate()
        assert process.wait(15) == 0


# -- the trade file ------------------------------------------------------------------------------------------


def test_busts_and_corrections_are_lines_of_the_trade_file(
    venue: Venue, ports: tuple[int, int], tmp_path: Path
) -> None:
    alpha = connect(venue, ports[0], "ALPHA")
    beta = connect(venue, ports[0], "BETA", "FIX.4.2")
    alpha.send("D", *order("A", 1, 10, 50))
    beta.send("D", *order("B", 2, 4, 50))
    fill = reports(alpha, 2)[1]
    tell(venue.house, f"correct A {fill['17']} 3 49.5", venue.clock())
    correction = reports(alpha, 3)[2]
    tell(venue.house, f"bust A {correction['17']}", venue.clock())
    bust = reports(alpha, 4)[3]
    assert (bust["14"], bust["151"], bust["39"]) == ("0", "10", "0")
    with (tmp_path / "alpha.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["exec_type"], r["exec_id"], r["exec_ref_id"], r["last_qty"], r["last_px"]) for r in rows] == [
        ("F", fill["17"], "", "4", "50"),
        ("G", correction["17"], fill["17"], "3", "49.5"),
        ("H", bust["17"], correction["17"], "3", "49.5"),
    ]
    for client in (alpha, beta):
        client.drop()


def test_a_trade_file_of_before_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    old = "exec_id,cl_ord_id,order_id,symbol,side,last_qty,last_px,transact_time\nE1,A,O1,X,1,5,10,20260102-10:00:00\n"
    path.write_text(old)
    TradeFile(path).close()
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert (rows[0]["exec_id"], rows[0]["exec_type"], rows[0]["exec_ref_id"]) == ("E1", "F", "")
    again = path.read_text()
    TradeFile(path).close()
    assert path.read_text() == again
