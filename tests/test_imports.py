"""Who may import whom. The table is the rule, with the reason of each wall; every import is read."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

WALLS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    # files                     what of oms they may import                   why
    ("oms/core/",              ("oms.core",),                                "it is pure, so it replays"),
    ("oms/journal/",           ("oms.journal",),                             "bytes have no meaning there"),
    ("oms/fix/application.py", ("oms.core", "oms.fix", "oms.kernel"),        "hands over to the kernel"),
    ("oms/fix/",               ("oms.core", "oms.fix"),                      "translates, stores nothing"),
    ("oms/post/",              ("oms.core.types", "oms.core.events", "oms.journal.reader",
                                "oms.journal.errors", "oms.post"),           "learns from the journal"),
    ("oms/conformance/transcript.py", ("oms.fix.wire", "oms.conformance"),   "knows no engine"),
    ("oms/conformance/play.py", ("oms.fix.wire", "oms.conformance"),         "knows no engine"),
    ("oms/sim/",               ("oms.core", "oms.fix.tags", "oms.fix.wire",
                                "oms.sim"),                                  "stands where venues stand"),
)  # fmt: skip
"""The first line that fits a file holds. A file that none fits is wiring: it may import all but ENTRIES."""

ENTRIES = ("oms.app", "oms.cli", "oms.__main__")
MAY_IMPORT_ENTRIES = ("oms/cli.py", "oms/cli/", "oms/__main__.py")
"""Nothing depends on how the parts are wired but the command line."""

QUICKFIX = (
    "oms/fix/application.py", "oms/fix/sessions.py", "oms/sim/venue.py", "oms/sim/client.py",
    "oms/conformance/sockets.py",
)  # fmt: skip
"""The session library stays at the edge, so that all else is tested, and could be run, without it."""

CORE_LIBRARIES = ("msgspec", "sortedcontainers")
IMPURE = (
    "asyncio", "ctypes", "datetime", "multiprocessing", "os", "pathlib", "random", "secrets", "select",
    "selectors", "shutil", "signal", "socket", "ssl", "subprocess", "tempfile", "threading", "time", "uuid",
)  # fmt: skip
"""What would let a decision depend on more than its arguments: clock, chance, files, threads."""


def imports(root: Path, file: Path) -> Iterator[tuple[int, str]]:
    """Every name that a file imports, in full: `from oms.core import events` is oms.core.events."""
    package = file.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*above, *([node.module] if node.module else [])))
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def within(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in allowed)


def violations(root: Path) -> list[str]:
    """Every import that breaks a rule: file, line and name."""
    found = []
    for file in sorted((root / "oms").rglob("*.py")):
        path = file.relative_to(root).as_posix()
        allowed = next((names for prefix, names, _ in WALLS if path.startswith(prefix)), ("oms",))
        for line, name in imports(root, file):
            top = name.partition(".")[0]
            wrong = top == "oms" and not within(name, allowed)
            wrong |= within(name, ENTRIES) and not path.startswith(MAY_IMPORT_ENTRIES)
            wrong |= top == "quickfix" and path not in QUICKFIX
            if path.startswith("oms/core/") and top != "oms":
                wrong |= top in IMPURE or not (top in CORE_LIBRARIES or top in sys.stdlib_module_names)
            if wrong:
                found.append(f"{path}:{line} {name}")
    return found


def test_no_import_crosses_a_wall() -> None:
    assert violations(ROOT) == []


def test_the_files_that_the_rule_names_exist() -> None:
    named = [prefix for prefix, _, _ in WALLS] + list(QUICKFIX)
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert {p.relative_to(ROOT).as_posix() for p in (ROOT / "oms").rglob("*.py")
            if "quickfix" in {n.partition(".")[0] for _, n in imports(ROOT, p)}} == set(QUICKFIX)  # fmt: skip


PLANTED = (
    # file                      import                                       wrong
    ("oms/core/engine.py",     "import socket",                             "socket"),
    ("oms/core/engine.py",     "import time as t",                          "time"),
    ("oms/core/engine.py",     "from random import random",                 "random.random"),
    ("oms/core/engine.py",     "import numpy",                              "numpy"),
    ("oms/core/engine.py",     "import quickfix",                           "quickfix"),
    ("oms/core/engine.py",     "from oms.journal.writer import Writer",     "oms.journal.writer.Writer"),
    ("oms/core/engine.py",     "from oms import kernel",                    "oms.kernel"),
    ("oms/core/deep/x.py",     "from ...fix import wire",                   "oms.fix.wire"),
    ("oms/core/engine.py",     "def f():\n    import threading",            "threading"),
    ("oms/core/engine.py",     "if TYPE_CHECKING:\n    import oms.app",     "oms.app"),
    ("oms/journal/writer.py",  "from oms.core import events",               "oms.core.events"),
    ("oms/journal/writer.py",  "from ..core.types import Px",               "oms.core.types.Px"),
    ("oms/fix/encode.py",      "from oms.journal.reader import scan",       "oms.journal.reader.scan"),
    ("oms/fix/encode.py",      "from oms.kernel import Kernel",             "oms.kernel.Kernel"),
    ("oms/fix/encode.py",      "import quickfix",                           "quickfix"),
    ("oms/fix/application.py", "from oms.journal import reader",            "oms.journal.reader"),
    ("oms/post/booking.py",    "from oms.core.state import State",          "oms.core.state.State"),
    ("oms/post/booking.py",    "from oms.core import order",                "oms.core.order"),
    ("oms/post/booking.py",    "import oms.journal.writer",                 "oms.journal.writer"),
    ("oms/sim/exchange.py",    "from oms.kernel import Kernel",             "oms.kernel.Kernel"),
    ("oms/sim/exchange.py",    "from oms.fix.encode import render",         "oms.fix.encode.render"),
    ("oms/kernel.py",          "import quickfix",                           "quickfix"),
    ("oms/kernel.py",          "from oms import app",                       "oms.app"),
    ("oms/kernel.py",          "from oms.cli import main",                  "oms.cli.main"),
)  # fmt: skip


@pytest.mark.parametrize(("path", "line", "wrong"), PLANTED, ids=[f"{row[0]}: {row[2]}" for row in PLANTED])
def test_a_planted_import_is_found(tmp_path: Path, path: str, line: str, wrong: str) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(line + "\n")
    assert [violation.partition(" ")[2] for violation in violations(tmp_path)] == [wrong]


PERMITTED = (
    # file                      import
    ("oms/core/engine.py",     "import hashlib"),
    ("oms/core/engine.py",     "from oms.core import events as ev"),
    ("oms/core/engine.py",     "from .types import Px"),
    ("oms/core/engine.py",     "from sortedcontainers import SortedDict"),
    ("oms/journal/writer.py",  "import mmap, os, time"),
    ("oms/journal/writer.py",  "from .format import HEADER_BYTES"),
    ("oms/fix/application.py", "from oms.kernel import Kernel"),
    ("oms/post/booking.py",    "from oms.core import events as ev"),
    ("oms/post/booking.py",    "from oms.journal.reader import JournalReader"),
    ("oms/sim/venue.py",       "import quickfix"),
    ("oms/cli.py",             "from oms.app import run_engine"),
    ("oms/__main__.py",        "from oms.cli import main"),
    ("oms/history.py",         "from oms.journal import snapshot"),
)  # fmt: skip


@pytest.mark.parametrize(("path", "line"), PERMITTED, ids=[f"{path}: {line}" for path, line in PERMITTED])
def test_what_the_rule_permits_is_not_found(tmp_path: Path, path: str, line: str) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(line + "\n")
    assert violations(tmp_path) == []
