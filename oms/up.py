"""Several processes as one desk: the broker simulator, the engine and the post-trade worker, started and
watched over.

Each role runs as `python -m oms ROLE CONFIG`, exactly as a person would start it, with its output in a log
file. A role that ends by itself is started again: the engine comes back from its journal, the worker from its
cursor. One that keeps ending is given up, with the last lines of its log.
"""

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, Final, Self

from oms.config import load
from oms.operator import ask

ROLES: Final = ("sim", "run", "post")
"""In the order they start; they stop in the opposite order."""

NAMES: Final = {"sim": "broker simulator", "run": "engine", "post": "post-trade worker"}

_START_S: Final = 30.0
_STOP_S: Final = 10.0
_MAX_RESTARTS: Final = 5


class DeskError(Exception):
    """A role did not start or kept ending. The message has the last lines of its log."""


class Desk:
    """The processes of one configuration. A context manager: leaving it stops them all."""

    def __init__(
        self, config: Path, logs: Path | None = None, arguments: dict[str, list[str]] | None = None
    ) -> None:
        self.config = config
        loaded = load(config)
        self.socket = Path(loaded.files.operator_socket)
        self.logs = logs or Path(loaded.files.journal).parent
        self.logs.mkdir(parents=True, exist_ok=True)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.restarts: dict[str, int] = dict.fromkeys(ROLES, 0)
        self._arguments = arguments or {}
        self._files: list[IO[bytes]] = []
        self._stopping = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start every role and wait until the engine answers. Raises DeskError."""
        for role in ROLES:
            self.start_role(role)
        self.wait_for_engine()

    def start_role(self, role: str) -> None:
        """Start one role."""
        log = (self.logs / f"{role}.log").open("ab")
        self._files.append(log)
        command = [sys.executable, "-m", "oms", role, str(self.config), *self._arguments.get(role, [])]
        # A session of its own: Ctrl-C at the terminal reaches the supervisor alone; it stops them in order.
        self.processes[role] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )

    def wait_for_engine(self) -> dict[str, Any]:
        """Wait until the engine answers; its status. Raises DeskError."""
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            self.check("run")
            with contextlib.suppress(OSError):
                answer = ask(self.socket, {"do": "status"})
                if answer.get("pid") == self.processes["run"].pid:
                    return answer
            time.sleep(0.01)
        raise DeskError(f"the engine did not answer within {_START_S:g} s\n{self.tail('run')}")

    def check(self, role: str) -> None:
        """Raises DeskError if a role has ended."""
        code = self.processes[role].poll()
        if code is not None:
            raise DeskError(f"the {NAMES[role]} ended with code {code}\n{self.tail(role)}")

    def kill(self, role: str) -> None:
        """SIGKILL: no goodbye, nothing flushed."""
        process = self.processes[role]
        process.kill()
        process.wait()

    def supervise(self) -> None:
        """Start again what ends, until `stop` or Ctrl-C. Raises DeskError."""
        with contextlib.suppress(KeyboardInterrupt):
            while not self._stopping:
                for role, process in self.processes.items():
                    if process.poll() is not None and not self._stopping:
                        self.restarts[role] += 1
                        if self.restarts[role] > _MAX_RESTARTS:
                            self.check(role)
                        self.start_role(role)
                time.sleep(0.2)

    def stop(self) -> None:
        """Let `supervise` return."""
        self._stopping = True

    def close(self) -> None:
        """Stop every role, the last started first."""
        self._stopping = True
        for role in reversed(ROLES):
            self.stop_role(role)
        for log in self._files:
            log.close()
        self._files.clear()

    def stop_role(self, role: str) -> int | None:
        """Ask one role to end, and wait for it; its exit code."""
        process = self.processes.get(role)
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return process.returncode

    def tail(self, role: str, lines: int = 12) -> str:
        """The last lines of a role's log."""
        text = (self.logs / f"{role}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])
