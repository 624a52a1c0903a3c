"""kill -9 at 50 random moments under traffic: after each, client, engine and broker must tell the same story.

One broker simulator and one client live through all rounds, as they would in production; the engine is a subprocess
that gets SIGKILL at a moment drawn from the seed, in the middle of a seeded workload, and is started again on its journal.
When the round's messages are answered, the market stands still for a moment and the three views are compared order by
order: the client's (from the reports it got), the engine's (a fold of its journal) and the simulator's own. A failing round names its
number and the seed.
"""

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from oms.config import Config, load
from oms.core import events as ev
from oms.demo import client_for, compare_client, compare_venue, prepare, workload_for
from oms.history import fold
from oms.recovery import records
from oms.sim.auditor import Auditor
from oms.sim.client import Client
from oms.sim.workload import Summary, run
from oms.up import Desk

SEED = int(os.environ.get("OMS_SEED", "20261122"))
ROUNDS = 50
ANSWER_S = 30.0


class Parties:
    """Everybody who has a view, and the seeded randomness of the rounds."""

    def __init__(self, directory: Path) -> None:
        self.path = prepare(directory)
        self.config: Config = load(self.path)
        self.orders_file = directory / "sim-orders.json"
        self.desk = Desk(self.path, directory, {"sim": ["--orders-file", str(self.orders_file)]})
        self.client: Client = client_for(self.config, "CLIENT1")
        self.rng = random.Random(SEED)
        self.workload = workload_for(self.config, "CLIENT1", SEED)

    def start(self) -> None:
        for role in ("sim", "run"):
            self.desk.start_role(role)
        self.wait_for_venue()
        self.client.connect(timeout_s=20)

    def wait_for_venue(self) -> None:
        deadline = time.monotonic() + ANSWER_S
        while "SIM" not in self.desk.wait_for_engine()["sessions_up"]:
            assert time.monotonic() < deadline, f"no venue\n{self.desk.tail('run')}"
            time.sleep(0.02)

    def traffic(self, messages: int, kill_after: int, delay_s: float) -> None:
        """Send messages; once so many are sent, wait a moment of this length and kill."""
        kill_at: list[float] = []

        def kill_in_time() -> None:
            if kill_at and kill_at[0] <= time.monotonic() and self.desk.processes["run"].poll() is None:
                self.desk.kill("run")
                self.desk.start_role("run")
                kill_at[0] = float("inf")

        def progress(summary: Summary) -> None:
            if summary.sent >= kill_after and not kill_at:
                kill_at.append(time.monotonic() + delay_s)

        summary = run(
            self.client,
            self.workload,
            messages,
            on_progress=progress,
            meanwhile=kill_in_time,
            stall_timeout_s=ANSWER_S,
        )
        assert not summary.stalled, f"unanswered: {self.client.view.waiting}\n{self.desk.tail('run')}"
        if not kill_at or kill_at[0] != float("inf"):
            self.desk.kill("run")
            self.desk.start_role("run")
        self.wait_for_venue()
        assert self.client.wait(lambda: self.client.logged_on, ANSWER_S)

    def venue_orders(self) -> list[dict[str, object]]:
        """What the simulator says now."""
        self.orders_file.unlink(missing_ok=True)
        self.desk.processes["sim"].send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + ANSWER_S
        while not self.orders_file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        found: list[dict[str, object]] = json.loads(self.orders_file.read_text())["orders"]
        return found

    def disagreements(self) -> list[str]:
        """Compare the three views, giving what is still on its way a moment to arrive."""
        deadline = time.monotonic() + ANSWER_S
        while True:
            self.client.wait(lambda: False, 0.05)
            venue = self.venue_orders()
            state = fold(Path(self.config.files.journal))
            wrong = compare_client(state, self.client) + compare_venue(state, venue, "SIM")
            if not wrong or time.monotonic() > deadline:
                return wrong + self.client.view.violations

    def close(self) -> None:
        self.client.close()
        self.desk.close()


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parties]:
    found = Parties(tmp_path_factory.mktemp("crash") / "desk")
    try:
        found.start()
        # The walk of prices would fill resting orders between one view and the next.
        found.desk.processes["sim"].send_signal(signal.SIGUSR2)
        yield found
    finally:
        found.close()


@pytest.mark.timeout(600)
def test_three_views_agree_after_each_of_50_kills(parties: Parties) -> None:
    for number in range(ROUNDS):
        messages = parties.rng.randint(20, 120)
        parties.traffic(messages, parties.rng.randint(1, messages), parties.rng.random() * 0.05)
        wrong = parties.disagreements()
        assert not wrong, f"round {number} of OMS_SEED={SEED}: {wrong[:5]}\n{parties.desk.tail('run')}"


def test_the_auditor_finds_nothing_in_the_journal_of_all_kills(parties: Parties) -> None:
    directory = Path(parties.config.files.journal)
    auditor = Auditor()
    starts = 0
    for _, body in records(directory):
        event = ev.decode(body)
        starts += isinstance(event, ev.EngineStarted)
        auditor.feed(event)
    assert starts > ROUNDS
    assert auditor.violations == []
    assert auditor.compare(fold(directory).dump()) == []


def test_no_order_reached_the_venue_twice(parties: Parties) -> None:
    parties.venue_orders()
    stats = json.loads(parties.orders_file.read_text())["stats"]
    assert stats.get("duplicate_orders", 0) == 0
