"""The scenarios that are shipped, played against an engine of config/desk.toml over real sockets.

The engine is a process of its own; the simulator and the client, a socket with another codec, run in this one, so
that nothing has to be waited for by the clock.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oms.config import load
from oms.core.types import format_scaled
from oms.demo import prepare
from oms.operator import ask
from oms.sim.scenario import PASSED, Run
from oms.sim.venue import Venue
from oms.simulation import Simulator, scenario_of
from tests.sim.wire_kit import RawClient
from tests.support.raw_fix import timestamp

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "config" / "scenarios"
START_S = 60.0

Fields = dict[str, str]


class Desk:
    """An engine, the simulator, and a client of the engine."""

    def __init__(self, folder: Path) -> None:
        self.config = prepare(folder / "desk", ROOT / "config" / "desk.toml")
        self.loaded = load(self.config)
        self.simulator = Simulator(self.loaded)
        self.venue: Venue = self.simulator.venue
        self.venue.house.stand_still()
        self.venue.poll()
        self.log = (folder / "engine.log").open("wb")
        self.engine = subprocess.Popen(
            [sys.executable, "-m", "oms", "run", str(self.config)], cwd=ROOT, stdout=self.log, stderr=self.log
        )
        self.until(lambda: Path(self.loaded.files.operator_socket).exists() and self.venue.logged_on)
        self.until(lambda: not self.venue.broker.feed.moved)
        port = int(self.loaded.fix.listen.rpartition(":")[2])
        self.client = RawClient(port, self.turn, us="CLIENT1", them="OMS")
        self.client.send("A", (98, 0), (108, 30), (141, "Y"))
        self.client.wait(lambda: bool(self.client.of_type("A")))
        self.run: Run | None = None
        self._count = 0
        self._wait_for_prices()

    def _wait_for_prices(self) -> None:
        """Until the engine has read them: before, it denies what it cannot price."""
        deadline = time.monotonic() + START_S
        while True:
            name = self.order(1)
            self.client.wait(lambda: bool(self.client.application()))
            if self.client.application()[-1]["150"] == "0":
                break
            self.client.received.clear()
            assert time.monotonic() < deadline
        self.cancel(name)
        self.told("4")

    def turn(self) -> None:
        self.venue.poll()

    def until(self, done: Callable[[], object]) -> None:
        deadline = time.monotonic() + START_S
        while not done():
            self.venue.poll()
            assert self.engine.poll() is None, "the engine has ended"
            assert time.monotonic() < deadline
            time.sleep(0.0005)

    def play(self, name: str) -> Run:
        """Begin a scenario."""
        self.client.received.clear()
        self.run = Run(scenario_of(FOLDER / f"{name}.toml"), self.venue.house, self.venue.is_logged_on)
        self.venue.on_turn = self.run.turn
        self.venue.poll()
        return self.run

    def end(self) -> None:
        """Until the verdict."""
        assert self.run is not None
        self.until(lambda: self.run is not None and self.run.finished)
        self.run.close()
        self.venue.on_turn = None
        self.client.wait(lambda: True)

    def price(self, ticks: int = 0) -> str:
        """A price of AAPL so many ticks from the reference price."""
        exchange = self.venue.exchange
        return format_scaled(exchange.instruments["AAPL"].move(exchange.prices.px["AAPL"], ticks))

    def order(self, qty: int = 100, ticks: int = -20, **more: str) -> str:
        fields = {"38": str(qty), "40": "2", "44": self.price(ticks), "59": "0", "54": "1", "1": "ACC-ALPHA"}
        return self._send("D", fields | more)

    def cancel(self, orig: str) -> str:
        return self._send("F", {"41": orig, "54": "1"})

    def replace(self, orig: str, qty: int) -> str:
        fields = {"41": orig, "38": str(qty), "40": "2", "44": self.price(-20), "59": "0", "54": "1"}
        return self._send("G", fields | {"1": "ACC-ALPHA"})

    def _send(self, kind: str, fields: Fields) -> str:
        self._count += 1
        cl_ord_id = f"S{self._count}"
        body = {"11": cl_ord_id, "55": "AAPL", **fields, "60": timestamp()}
        self.client.send(kind, *((int(tag), value) for tag, value in body.items()))
        return cl_ord_id

    def told(self, exec_type: str, number: int = 1) -> Fields:
        """The client's report of a kind, once there are so many of it: the last."""

        def found() -> list[Fields]:
            return [m for m in self.client.application() if m.get("150", m["35"]) == exec_type]

        self.client.wait(lambda: len(found()) >= number)
        return found()[-1]

    def close(self) -> None:
        self.client.drop()
        self.engine.terminate()
        deadline = time.monotonic() + 20
        while self.engine.poll() is None and time.monotonic() < deadline:
            self.venue.poll()
            time.sleep(0.001)
        self.engine.kill()
        self.engine.wait()
        self.log.close()
        self.simulator.__exit__()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("scenarios"))
    yield made
    made.close()


# What whoever sits at the client has to do, by scenario; and what the client must have been told in the end.


def pieces(desk: Desk) -> None:
    desk.order()
    assert desk.told("F", 3)["39"] == "2"
    desk.end()
    assert len([m for m in desk.client.application() if m["150"] == "F"]) == 3


def crossing(desk: Desk) -> None:
    name = desk.order()
    desk.told("0")
    desk.cancel(name)
    end = desk.told("4")
    assert (end["14"], end["151"], end["39"]) == ("60", "0", "4")
    assert desk.told("F")["14"] == "60"
    desk.end()


def too_late(desk: Desk) -> None:
    name = desk.order()
    desk.told("0")
    desk.cancel(name)
    refusal = desk.told("9")
    assert (refusal["102"], refusal["39"]) == ("0", "2")
    assert desk.told("F")["14"] == "100"
    desk.end()


def bust(desk: Desk) -> None:
    name = desk.order()
    fill, correction, gone = desk.told("F"), desk.told("G"), desk.told("H")
    assert (correction["14"], correction["32"], correction["19"]) == ("50", "50", fill["17"])
    assert (gone["14"], gone["151"], gone["39"]) == ("0", "100", "0")
    desk.cancel(name)
    desk.told("4")
    desk.end()


def lost(desk: Desk) -> None:
    name = desk.order()
    rejected = desk.told("8")
    assert rejected["11"] == name
    desk.end()


def replace(desk: Desk) -> None:
    name = desk.order()
    desk.told("0")
    desk.replace(name, 200)
    assert desk.told("9")["102"] == "2"
    second = desk.replace(name, 150)
    replaced = desk.told("5")
    assert (replaced["11"], replaced["38"], replaced["14"], replaced["151"]) == (second, "150", "30", "120")
    desk.cancel(second)
    desk.told("4")
    desk.end()


def halt(desk: Desk) -> None:
    desk.order(ticks=3)
    desk.told("0")
    assert desk.told("F")["39"] in "12"
    desk.end()


def unasked(desk: Desk) -> None:
    desk.order()
    end = desk.told("4")
    assert (end["14"], end["38"]) == ("20", "60")
    kinds = [m["150"] for m in desk.client.application()]
    assert kinds == ["0", "9", "D", "D", "F", "4"]
    desk.end()


def nonsense(desk: Desk) -> None:
    desk.order()
    desk.told("F")
    desk.until(lambda: desk.run is not None and desk.run.verdicts[5].outcome == PASSED)
    desk.order()
    desk.end()
    assert desk.client.is_open


SCRIPTS: dict[str, Callable[[Desk], None]] = {
    script.__name__: script
    for script in (pieces, crossing, too_late, bust, replace, halt, unasked, nonsense, lost)
}


def test_every_scenario_that_is_shipped_has_a_script() -> None:
    assert set(SCRIPTS) == {path.stem for path in FOLDER.glob("*.toml")}


def test_a_bust_and_a_correction_reconcile_with_the_brokers_trade_file(desk: Desk) -> None:
    desk.play("bust")
    bust(desk)
    desk.play("pieces")
    pieces(desk)
    done = subprocess.run(
        [sys.executable, "-m", "oms", "reconcile", str(desk.config), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found = json.loads(done.stdout)
    assert (done.returncode, found["breaks"], found["matched"]) == (0, [], 3), done.stdout + done.stderr
    assert found["lines"] == 6, "three pieces, and a fill, its correction and its bust"


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_played_with_the_engine(desk: Desk, name: str) -> None:
    run = desk.play(name)
    SCRIPTS[name](desk)
    assert [(v.number, v.outcome, v.detail) for v in run.verdicts if v.outcome != PASSED] == []
    assert run.passed
    assert desk.venue.errors == 0
    assert ask(Path(desk.loaded.files.operator_socket), {"do": "status"})["ok"]
