"""`oms sim` as a command: scenarios and their verdicts, and what a running simulator can be told."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from oms.sim.control import ask
from tests.sim.broker_kit import brief
from tests.sim.wire_kit import RawClient, free_port

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
[sim]
control = "{folder}/sim.sock"

[reference]
instruments = "{root}/config/instruments.csv"
tick_rules = "{root}/config/tick_rules.toml"

[broker.SIM]
port = {port}
prices = false
exchange = "MAIN"
times_in_force = ["0", "2", "3", "7"]

[exchange.MAIN]
liquidity_levels = 0
steps_per_s = 0.0
"""

SCENARIO = """
title = "A cancel is [expected]"
about = "Send an order and cancel it."

[[step]]
receive = "35=D 11=X"
within_s = 30
answer = {{ do = "hold" }}

[[step]]
receive = "35=F 41=X"
within_s = {within_s}
"""


class Simulator:
    """`oms sim` as a process, and a client of it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.port = free_port()
        self.config = folder / "sim.toml"
        self.config.write_text(CONFIG.format(folder=folder, root=ROOT, port=self.port))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "oms", "sim", str(self.config), *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "200"},
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                self.client = RawClient(self.port, lambda: None)
                self.client.log_on()
                break
            except ConnectionError:
                # Not yet there, or in the moment in which the listener is moved to one address.
                assert self.process.poll() is None, self.process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def order(self, cl_ord_id: str, side: int, price: int, **more: str) -> None:
        body: dict[int, object] = {11: cl_ord_id, 55: "AAPL", 54: side, 38: 10, 40: 2, 44: price, 59: 0}
        body |= {int(tag.removeprefix("t")): value for tag, value in more.items()}
        self.client.send("D", *body.items(), (60, "20260102-10:00:00"))

    def reports(self, number: int) -> list[str]:
        self.client.wait(lambda: len(self.client.of_type("8")) >= number)
        return brief(self.client.of_type("8"))

    def ended(self) -> tuple[int, str]:
        out, err = self.process.communicate(timeout=60)
        assert err == ""
        return self.process.returncode, out


@contextmanager
def simulator(folder: Path, *arguments: str) -> Iterator[Simulator]:
    made = Simulator(folder, *arguments)
    try:
        yield made
    finally:
        made.client.drop()
        made.process.kill()
        made.process.communicate()


def scenario(folder: Path, within_s: float) -> str:
    path = folder / f"within_{within_s}.toml"
    path.write_text(SCENARIO.format(within_s=within_s))
    return str(path)


def test_scenarios_that_pass(tmp_path: Path) -> None:
    file = scenario(tmp_path, 30)
    with simulator(tmp_path, "--scenario", file, "--scenario", file) as sim:
        for n in (1, 2):
            sim.order(f"A{n}", 1, 1)
            sim.reports(2 * n - 1)
            sim.client.send(
                "F", (11, f"C{n}"), (41, f"A{n}"), (55, "AAPL"), (54, 1), (60, "20260102-10:00:00")
            )
            sim.reports(2 * n)
        code, out = sim.ended()
    assert code == 0
    assert "A cancel is [expected]: passed" in out
    assert "Send an order and cancel it." in out
    assert "2 of 2 scenarios passed" in out


@pytest.mark.parametrize("as_json", [False, True])
def test_a_scenario_that_fails(tmp_path: Path, as_json: bool) -> None:
    with simulator(tmp_path, "--scenario", scenario(tmp_path, 0.2), *(["--json"] if as_json else [])) as sim:
        sim.order("A", 1, 1)
        code, out = sim.ended()
    assert code == 1
    if not as_json:
        assert "nothing of the kind within 0.2 s" in " ".join(out.split())
        return
    found = json.loads(out)
    assert found["passed"] is False
    [one] = found["scenarios"]
    assert [step["outcome"] for step in one["steps"]] == ["passed", "failed"]
    assert one["steps"][1]["detail"] == "nothing of the kind within 0.2 s"


def test_a_wrong_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text('title = "T"\n[[step]]\nrecieve = "35=D"\n')
    done = subprocess.run(
        [sys.executable, "-m", "oms", "sim", "config/desk.toml", "--scenario", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (3, f"oms: {path}, line 3: unknown key step[0].recieve\n")


def tell(sim: Simulator, words: str, code: int = 0) -> str:
    """`oms sim CONFIG --tell WORDS`, as its one line."""
    done = subprocess.run(
        [sys.executable, "-m", "oms", "sim", str(sim.config), "--tell", words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return (done.stdout or done.stderr).strip()


def test_what_a_running_simulator_can_be_told(tmp_path: Path) -> None:
    with simulator(tmp_path) as sim:
        assert tell(sim, "status") == "SIM on MAIN, continuous: 0 orders work"
        assert tell(sim, "dance", 2).startswith("oms: no command 'dance': it is one of status, phase,")
        socket = tmp_path / "sim.sock"

        def told(words: str) -> object:
            answer = ask(socket, words)
            return answer.get("said", answer.get("error"))

        assert told("price AAPL 100") == "AAPL is worth 100"
        assert told("phase opening") == "opening"
        sim.order("A", 1, 101, t59="2")
        sim.order("B", 2, 99)
        sim.order("C", 2, 103)
        assert sim.reports(3) == ["A 0/0 0+10", "B 0/0 0+10", "C 0/0 0+10"]
        assert told("phase continuous MAIN") == "continuous"
        assert sim.reports(5)[3:] == ["A F/2 10+0 10@100", "B F/2 10+0 10@100"]
        fill = sim.client.of_type("8")[-1]
        assert told(f"correct B {fill['17']} 6 99.5") == f"{fill['17']} is corrected"
        correction = sim.client.of_type("8")[-1] if len(sim.reports(6)) == 6 else {}
        assert told(f"bust {fill['37']} {correction['17']}") == f"{correction['17']} is busted"
        assert told("suspend C")
        assert told("go-on C")
        assert told("cancel C")
        assert [line.split()[1] for line in sim.reports(10)[5:]] == ["G/1", "H/0", "9/9", "D/0", "4/4"]
        assert told("halt AAPL") == "AAPL is halted"
        assert told("resume AAPL") == "AAPL is traded"
        assert told("uncross AAPL") == "AAPL: nothing crossed"
        assert told("end-day") == "the day has ended"
        assert sim.reports(13)[10:] == ["B 9/9 0+10", "B D/0 0+10", "B C/C 0+0"]
        for words, why in (
            ("phase noon", "no phase 'noon': it is one of opening, continuous, closing, closed"),
            ("halt NONE", "no instrument NONE"),
            ("halt AAPL OTHER", "no exchange OTHER: there are MAIN"),
            ("cancel X", "no order X"),
            ("bust A X", f"{fill['37'][:-1]}1 has no execution X that stands"),
            ("price AAPL 100.001", "AAPL: the price is not on a tick"),
            ("price AAPL x", "not a decimal number: 'x'"),
            ("halt", "halt takes 1 to 2 words, not 0"),
            ("disconnect NOBODY", "no broker NOBODY: there are SIM"),
            ("disconnect SIM x", "not a number of seconds: 'x'"),
        ):
            assert told(words) == why
        assert told("disconnect SIM 0") == "SIM is away"
        with pytest.raises(ConnectionError):
            sim.client.wait(lambda: False)
    assert tell(sim, "status", 5).endswith("sim.sock: no simulator listens here")
