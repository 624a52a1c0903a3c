"""The engine as a process of its own, to be killed, stopped and started again, and a configuration for it."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

START_S = 30.0

SYMBOLS = [f"T{n:03d}" for n in range(1, 81)]
"""Made-up instruments of a made-up market place: a test may have one to itself."""

LOTTED = "LOT100"
"""An instrument in lots of 100."""

_INSTRUMENTS = "symbol,market,currency,isin,name,tick_table,lot_size\n" + "".join(
    f"{symbol},XNAS,USD,US0000000000,Test {symbol},CENT,{100 if symbol == LOTTED else 1}\n"
    for symbol in (*SYMBOLS, LOTTED)
)

_TICKS = """
[[tick_table]]
name = "CENT"
source = "made up"
rows = [["0", "0.01"]]
"""

_ACCOUNTS = """
[firm]
max_order_qty = "200000"

[firm.max_order_notional]
USD = "1000000"

[[account]]
id = "MAIN1"
name = "Client one"
clients = ["CLIENT1"]
position_limit = "100000000"
[account.buying_power]
USD = "10000000000"

[[account]]
id = "MAIN2"
name = "Client two"
clients = ["CLIENT2"]
position_limit = "100000000"
[account.buying_power]
USD = "10000000000"

[[account]]
id = "POOR"
name = "Little money"
clients = ["CLIENT1"]
position_limit = "100000000"
[account.buying_power]
USD = "1000"

[[account]]
id = "NARROW"
name = "Small positions"
clients = ["CLIENT1"]
position_limit = "50"
[account.buying_power]
USD = "10000000000"
"""

_CLIENTS = """
[DEFAULT]
BeginString=FIX.4.4
SenderCompID=OMS
DataDictionary=FIX44.xml
HeartBtInt=30

[SESSION]
TargetCompID=CLIENT1

[SESSION]
TargetCompID=CLIENT2
"""

_VENUE = """
[DEFAULT]
BeginString=FIX.4.4
SenderCompID=OMS
DataDictionary=FIX44.xml
HeartBtInt=30
ReconnectInterval=1

[SESSION]
TargetCompID=SIM
SocketConnectHost=127.0.0.1
SocketConnectPort={port}
"""


def free_port() -> int:
    """A port of 127.0.0.1 that is free, below those that the system gives to outgoing connections."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def write_config(
    folder: Path, port: int, venue_port: int = 0, changes: dict[str, dict[str, object]] | None = None
) -> Path:
    """A configuration with all that it names. Orders go to the paper venue, or to SIM at `venue_port`.

    `changes` sets single keys: {"engine": {"snapshot_every": 10}}.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "instruments.csv").write_text(_INSTRUMENTS)
    (folder / "tick_rules.toml").write_text(_TICKS)
    (folder / "accounts.toml").write_text(_ACCOUNTS)
    (folder / "markets.toml").write_text((ROOT / "config" / "markets.toml").read_text())
    (folder / "clients.cfg").write_text(_CLIENTS)
    (folder / "venue.cfg").write_text(_VENUE.format(port=venue_port))
    tables: dict[str, dict[str, object]] = {
        "engine": {"venue": "SIM" if venue_port else "paper", "durability": "process"},
        "files": {
            "journal": str(folder / "journal"),
            "operator_socket": str(folder / "op.sock"),
            "segment_mib": 1,
        },
        "fix": {
            "listen": f"127.0.0.1:{port}",
            "clients": "clients.cfg",
            "venues": ["venue.cfg"] if venue_port else [],
        },
        "risk": {"price_collar_percent": "10"},
    }
    for table, keys in (changes or {}).items():
        tables.setdefault(table, {}).update(keys)
    lines = []
    for table, keys in tables.items():
        lines += [f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items()), ""]
    path = folder / "engine.toml"
    path.write_text("\n".join(lines))
    return path


class _Zygote:
    """The one process that forks engines. See `zygote`."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def ask(self, *words: object) -> str:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.zygote"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\t".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that forks engines has ended"
        return answer.strip()


_zygote = _Zygote()


class EngineProcess:
    """`oms run` with a configuration of `write_config`, as a process of its own."""

    def __init__(
        self, folder: Path, venue_port: int = 0, changes: dict[str, dict[str, object]] | None = None
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.config = write_config(folder, self.port, venue_port, changes)
        self.pid = 0
        self.log_path = folder / "engine.log"
        self.options: list[str] = []

    def start(self) -> "EngineProcess":
        """Start it and wait until it answers its operators."""
        (self.folder / "op.sock").unlink(missing_ok=True)
        self.pid = int(_zygote.ask("start", self.log_path, "run", *self.options, self.config))
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.ask({"do": "status"})
                return self
            except OSError:
                self.assert_alive()
                assert time.monotonic() < deadline, f"not up after {START_S:g} s\n{self.log()}"
                time.sleep(0.005)

    def poll(self) -> int | None:
        """The exit code, as `subprocess` gives it; None while it runs."""
        answer = _zygote.ask("poll", self.pid)
        return int(answer) if answer else None

    def assert_alive(self) -> None:
        """It has not ended."""
        code = self.poll()
        assert code is None, f"the engine ended with {code}\n{self.log()}"

    def kill(self) -> None:
        """SIGKILL: no last word."""
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self, number: int = signal.SIGINT, timeout_s: float = 15.0) -> int:
        """A signal to stop; the exit code."""
        self.signal(number)
        return self.wait(timeout_s)

    def signal(self, number: int) -> None:
        """Any signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, timeout_s: float = 15.0) -> int:
        """The exit code, once it has ended."""
        deadline = time.monotonic() + timeout_s
        while (code := self.poll()) is None:
            assert time.monotonic() < deadline, f"still running after {timeout_s:g} s\n{self.log()}"
            time.sleep(0.002)
        return code

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """One question to the operators' socket. Raises OSError if nobody is there."""
        with socket.socket(socket.AF_UNIX) as operator:
            operator.settimeout(5)
            operator.connect(str(self.folder / "op.sock"))
            operator.sendall(json.dumps(question).encode() + b"\n")
            with operator.makefile("rb") as answers:
                answer = answers.readline()
        if not answer.endswith(b"\n"):
            raise OSError("no whole answer")
        found: dict[str, Any] = json.loads(answer)
        return found

    def status(self) -> dict[str, Any]:
        """How it is."""
        return self.ask({"do": "status"})

    def rss_kib(self) -> int:
        """Resident memory."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def cpu_s(self) -> float:
        """Processor time used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def log(self) -> str:
        """The end of what it wrote."""
        return self.log_path.read_text(errors="replace")[-4000:] if self.log_path.exists() else ""

    def end(self) -> None:
        """Kill it if it is still there."""
        if self.pid and self.poll() is None:
            self.kill()
