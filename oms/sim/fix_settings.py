"""Session settings for the simulators, and what QuickFIX has no setting for: one address to listen on, rest.

QuickFIX reads its settings from a file, nothing else. The files under sessions/ are complete but for what
differs from machine to machine and from run to run (ports, the path of the data dictionary, where a store
lives); those are put into a copy, which lives just long enough to be read. No quickfix import in here.
"""

import os
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

SESSIONS = Path(__file__).resolve().parents[2] / "sessions"


def data_dictionary() -> Path:
    """The FIX 4.4 dictionary that the quickfix package installs. Raises FileNotFoundError."""
    path = Path(sys.prefix) / "share" / "quickfix" / "FIX44.xml"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: is the quickfix package installed in this environment?")
    return path


def overridden(text: str, values: Mapping[str, str]) -> str:
    """Settings text with some values changed, wherever they stand, or added to the [DEFAULT] section.

    >>> overridden("[DEFAULT]\\nA=1\\n[SESSION]\\nB=2\\n", {"B": "3", "C": "4"})
    '[DEFAULT]\\nC=4\\nA=1\\n[SESSION]\\nB=3\\n'
    """
    lines, found = [], set()
    for line in text.splitlines():
        key = line.partition("=")[0].strip()
        if key in values and "=" in line:
            found.add(key)
            line = f"{key}={values[key]}"
        lines.append(line)
    added = [f"{key}={value}" for key, value in values.items() if key not in found]
    if added:
        at = lines.index("[DEFAULT]") + 1
        lines[at:at] = added
    return "\n".join(lines) + "\n"


@contextmanager
def settings_file(template: Path, values: Mapping[str, str]) -> Iterator[str]:
    """A file with the template's settings and these values in it, gone at the end of the block."""
    text = overridden(template.read_text("utf-8"), {"DataDictionary": str(data_dictionary()), **values})
    handle, name = tempfile.mkstemp(suffix=".cfg", prefix="oms-sim-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        yield name
    finally:
        os.unlink(name)


def bind_listener(port: int, host: str) -> None:
    """Replace this process's listener on `port`, which QuickFIX binds to every address, by one bound to
    `host`.

    The descriptor keeps its number, so QuickFIX never notices. Raises OSError if there is no such listener.
    """
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        try:
            if not stat.S_ISSOCK(os.fstat(fd).st_mode):
                continue
            old = socket.socket(fileno=os.dup(fd))
        except OSError:
            continue
        with old:
            if (
                old.family != socket.AF_INET
                or not old.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
                or old.getsockname()[1] != port
            ):
                continue
            old.shutdown(socket.SHUT_RDWR)  # stops listening, so that the port can be bound again
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as new:
                new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                new.bind((host, port))
                new.listen(16)
                os.dup2(new.fileno(), fd)
            return
    raise OSError(f"no listener on port {port}")


class Idle:
    """How a polling loop rests: not at all for the first empty turns, then a little while each.

    A wake-up costs 15-20 us on a virtual machine, a sleep of 0.2 ms in practice 0.26: so a loop that has just
    worked looks again at once.
    """

    __slots__ = ("_empty", "_sleep_s", "_spin", "_spins")

    def __init__(self, *, sleep_s: float = 0.000_2, spins: int = 200, spin: bool = False) -> None:
        self._sleep_s = sleep_s
        self._spins = spins
        self._spin = spin
        self._empty = 0

    def turn(self, work: int) -> None:
        """Call once a turn with how much it did."""
        if work or self._spin:
            self._empty = 0
            return
        self._empty += 1
        if self._empty > self._spins:
            time.sleep(self._sleep_s)
