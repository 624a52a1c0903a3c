"""The command line: exit codes, one-line errors, JSON of every question; and the demonstration, small."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from oms import __version__
from oms.core import events as ev
from oms.fix.door import free_port
from oms.journal.writer import JournalWriter

ROOT = Path(__file__).resolve().parents[1]


def oms(*arguments: str, cwd: Path = ROOT, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "oms", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def test_demo_agrees_and_exits_0(tmp_path: Path) -> None:
    done = oms("demo", "--count", "300", "--seed", "7", "--dir", str(tmp_path / "demo"), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["disagreements"] == []
    numbers = found["numbers"]
    assert numbers["messages sent"] == 300
    assert numbers["reconciliation breaks"] == "none"
    assert numbers["recovered records"] > 0
    for name in ("orders", "fills", "cancels", "replaces", "denials", "allocations", "confirmations"):
        assert numbers[name] > 0, name

    # The same desk, asked afterwards.
    config = str(tmp_path / "demo/config/desk.toml")
    orders = json.loads(oms("orders", "-c", config, "--last", "0", "--json").stdout)
    assert len(orders) == numbers["orders"] + numbers["denials"]
    filled = next(order for order in orders if order["ord_status"] == "filled")
    story = json.loads(oms("order", str(filled["order_id"]), "-c", config, "--json").stdout)
    kinds = [line["kind"] for line in story["story"]]
    assert kinds[:3] == ["MessageIn", "OrderReceived", "OrderRouted"]
    fill = next(line for line in story["story"] if line["kind"] == "OrderFilled")

    # Any name finds the same order: the fill's ExecID, the client's ClOrdID, our OrderID.
    message = next(
        line for line in story["story"] if line["kind"] == "MessageOut" and "|150=F|" in line["facts"]["text"]
    )
    fields = dict(part.split("=", 1) for part in message["facts"]["text"].split("|") if part)
    for name in (fill["facts"]["exec_id"], fields["17"], fields["37"], filled["cl_ord_id"]):
        again = json.loads(oms("order", name, "-c", config, "--json").stdout)
        assert [order["order_id"] for order in again["orders"]] == [filled["order_id"]], name

    report = json.loads(oms("report", config, "--json").stdout)
    assert report["trial_balance_ok"] is True
    assert report["fills"] == numbers["fills"]
    verified = json.loads(oms("journal", "verify", "-c", config, "--json").stdout)
    assert verified["damage"] is None
    dumped = oms("journal", "dump", "-c", config, "--json").stdout.splitlines()
    assert len(dumped) == verified["records"]

    # A trade that the broker has and we do not is a break, and the exit code says so.
    trades = tmp_path / "demo/sim-trades.csv"
    lines = trades.read_text().splitlines(keepends=True)
    planted = tmp_path / "planted.csv"
    planted.write_text("".join(lines) + lines[1].replace(lines[1].split(",")[0], "PLANTED-1"))
    broken = oms("reconcile", config, "--trade-file", str(planted), "--json")
    assert broken.returncode == 1
    assert [found["kind"] for found in json.loads(broken.stdout)["breaks"]] == ["missing_here"]


def test_demo_notices_a_disagreement() -> None:
    """The check can fail: a fill taken out of one party's record is found."""
    from oms.core.order import Order, Route, Version
    from oms.core.state import State
    from oms.demo import compare_venue

    state = State()
    route = Route(1, "SIM", "e-1-1-1", ev.Qty(100), ev.Px(1), cum_qty=50, working="0")
    state.orders[1] = Order(
        1,
        "C",
        "A",
        "S",
        "1",
        "2",
        "0",
        1,
        1,
        [Version("x", ev.Qty(100), ev.Px(1), ev.Px(1), 1)],
        routes=[route],
    )
    state.routes["e-1-1-1"] = (state.orders[1], route)
    venue: list[dict[str, Any]] = [
        {"cl_ord_ids": ["e-1-1-1"], "cum_qty": "0.00000051", "leaves_qty": "0.00000049"}
    ]
    assert len(compare_venue(state, venue, "SIM")) == 2
    assert len(compare_venue(state, [], "SIM")) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("[engine]", "[engine]\nspeed = 3"), "desk.toml, line 6: unknown key engine.speed"),
        (('durability = "process"', 'durability = "hope"'), "line 7: engine.durability"),
        (('venue = "SIM"', 'venue = "NYSE"'), "venue 'NYSE'"),
        (('listen = "127.0.0.1:9878"', 'listen = "9878"'), "listen is not host:port"),
        (("[fix]", "[fix"), "not valid TOML"),
        (("clients.cfg", "nobody.cfg"), "nobody.cfg: No such file or directory"),
    ],
)
def test_wrong_configuration_is_one_line_and_exit_3(
    tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    for name in ("config", "sessions"):
        shutil.copytree(ROOT / name, tmp_path / name)
    path = tmp_path / "config/desk.toml"
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change, 1))
    done = oms("run", "config/desk.toml", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert says in done.stderr, done.stderr


def test_no_configuration_is_exit_3() -> None:
    done = oms("run", "config/nowhere.toml")
    assert (done.returncode, done.stderr) == (3, "oms: config/nowhere.toml: No such file or directory\n")


def test_a_question_without_a_journal_is_exit_4(tmp_path: Path) -> None:
    done = oms("orders", "-j", str(tmp_path))
    assert (done.returncode, done.stderr) == (4, f"oms: {tmp_path}: no journal here\n")


def test_a_second_engine_is_exit_4(tmp_path: Path) -> None:
    for name in ("config", "sessions"):
        shutil.copytree(ROOT / name, tmp_path / name)
    with JournalWriter.open(tmp_path / "var/demo/journal", durability="process"):
        done = oms("run", "config/demo.toml", cwd=tmp_path)
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert "var/demo/journal" in done.stderr


def test_status_without_an_engine_is_exit_5(tmp_path: Path) -> None:
    for name in ("config", "sessions"):
        shutil.copytree(ROOT / name, tmp_path / name)
    done = oms("status", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (5, "oms: var/demo/operator.sock: no engine listens here\n")


def test_version() -> None:
    assert json.loads(oms("version", "--json").stdout) == {"version": __version__}


def test_a_damaged_journal_is_named_by_verify(tmp_path: Path) -> None:
    with JournalWriter.open(tmp_path, durability="process") as writer:
        for number in range(20):
            writer.append(ev.encode(ev.SessionLoggedOn(number, "X" * 50)))
        writer.commit()
    path = next(tmp_path.glob("*.journal"))
    data = bytearray(path.read_bytes())
    place = data.index(b"X" * 50, 600)
    data[place] ^= 1
    path.write_bytes(data)
    done = oms("journal", "verify", "-j", str(tmp_path), "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["damage"] is not None


def test_the_state_after_sigkill_is_the_state_before(tmp_path: Path) -> None:
    """The digest of a running engine, and of the one that comes back from its journal, by way of the command line."""
    for name in ("config", "sessions"):
        shutil.copytree(ROOT / name, tmp_path / name)
    port = free_port()
    toml = tmp_path / "config/demo.toml"
    toml.write_text(toml.read_text().replace("9878", str(port)))

    def start() -> subprocess.Popen[bytes]:
        engine = subprocess.Popen([sys.executable, "-m", "oms", "run", "config/demo.toml"], cwd=tmp_path)
        deadline = time.monotonic() + 30
        while oms("status", cwd=tmp_path).returncode:
            assert time.monotonic() < deadline
        return engine

    def digest() -> str:
        return str(json.loads(oms("status", "--digest", "--json", cwd=tmp_path).stdout)["digest"])

    engine = start()
    sent = oms("client", "config/demo.toml", "--count", "200", "--json", cwd=tmp_path)
    assert sent.returncode == 0, sent.stdout + sent.stderr
    before = digest()
    engine.kill()
    engine.wait()
    engine = start()
    try:
        assert digest() == before
    finally:
        engine.terminate()
        assert engine.wait(20) == 0
