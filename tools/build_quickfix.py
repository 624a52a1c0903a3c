"""Install QuickFIX into the Python that runs this script, compiling it at most once per machine.

Theory of operation
-------------------
PyPI has QuickFIX only as source, and pip compiles it silently, on one core, for five minutes and more. This
script does the same through the same pip, with the compiler replaced by deferred_cxx.py, which uses all cores
and knows which flags pay; shows how far it is; and keeps the wheel, so that a new .venv, or another checkout,
has it at once.

In order, the first that works:

1. it is installed already, in this version, and can be imported;
2. a sound wheel for this interpreter is in the cache directory;
3. pip makes one (or finds a ready-made one, should QuickFIX ever publish wheels), which then goes into the
   cache.

A wheel is *sound* when its zip checksums hold and the module can be imported from it by this interpreter.
Anything else in the cache (cut short, built against a C++ library that is gone) is removed and built again.

The cache is ``${XDG_CACHE_HOME:-~/.cache}/oms-engine/wheels/quickfix-VERSION-SOABI/``, where SOABI names
interpreter, architecture and C library, as in ``cpython-311-x86_64-linux-gnu``. A lock in it keeps two builds
from doing the same work; the wheel is moved there when it is complete, so that a reader never sees a part of
one.

Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import fcntl
import importlib.metadata
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

VERSION = "1.16.0"  # As in setup.cfg; a test compares them.

# What compiles the sdist. Pinned because the sdist names no version, and its setup.py leans on old parts of
# setuptools that may go any day.
BUILD_REQUIREMENT = "setuptools==84.2.1"

TOOLS = Path(__file__).resolve().parent

# Memory that the wrapper file takes at -O1, and a group of the others, in MiB, rounded up from 1,620 and 640.
WRAPPER_MIB = 2000
GROUP_MIB = 800

TTY_INTERVAL_S = 0.2
LOG_INTERVAL_S = 10.0

# Words in a failed build's output, and what to do about them.
HINTS = {
    "Killed signal terminated": f"The compiler ran out of memory; it needs about {WRAPPER_MIB} MB.",
    "No space left on device": "The disk is full; the build needs about 200 MB in the temporary directory.",
    "Python.h: No such file": "The Python headers are missing: apt-get install python3-dev",
    "cc1plus: No such file": "The C++ compiler is missing: apt-get install g++",
    "Name or service not known": "The network, or the package index, cannot be reached.",
    "Temporary failure in name resolution": "The network, or the package index, cannot be reached.",
    "Connection refused": "The network, or the package index, cannot be reached.",
}


class BuildError(Exception):
    """The wheel could not be made. The message is for the user, and complete."""


# --- the cache ----------------------------------------------------------------------------------------------


def cache_directory(version: str = VERSION) -> Path:
    """Where the wheel for this interpreter is kept. Not created here."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    soabi = sysconfig.get_config_var("SOABI") or f"{sys.implementation.cache_tag}-{sysconfig.get_platform()}"
    return base / "oms-engine" / "wheels" / f"quickfix-{version}-{soabi}"


def writable(directory: Path) -> Path:
    """The directory, made if need be; where it cannot be, one inside the virtual environment, which can."""
    for candidate in (directory, Path(sys.prefix) / "wheels"):
        try:
            candidate.mkdir(parents=True, exist_ok=True)
            if os.access(candidate, os.W_OK):
                return candidate
        except OSError:
            continue
    raise BuildError(f"error: neither {directory} nor {sys.prefix} can be written to.")


def find_cached(directory: Path, version: str = VERSION) -> Path | None:
    """A sound wheel from the cache, or None. Removes unsound ones."""
    for wheel in sorted(directory.glob(f"quickfix-{version}-*.whl")):
        fault = wheel_fault(wheel)
        if fault is None:
            return wheel
        say(f"quickfix: the cached wheel is of no use ({fault}); building it again")
        wheel.unlink()
    return None


def wheel_fault(wheel: Path) -> str | None:
    """What is wrong with the wheel, or None if this interpreter can import QuickFIX from it. 0.5 s."""
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            tempfile.TemporaryDirectory(prefix="quickfix-check-") as directory,
        ):
            damaged = archive.testzip()
            if damaged:
                return f"{damaged} is damaged"
            modules = [n for n in archive.namelist() if n == "quickfix.py" or n.startswith("_quickfix.")]
            archive.extractall(directory, modules)
            return import_fault(directory)
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        return str(error) or type(error).__name__


def import_fault(directory: str | None = None) -> str | None:
    """Why ``import quickfix`` fails, or None. In a process of its own, since a bad library may crash it."""
    # -I keeps out the current directory and the user's own site-packages.
    path = f"sys.path.insert(0, {directory!r}); " if directory else ""
    code = f"import sys; {path}import quickfix; quickfix.Message()"
    result = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return None
    lines = result.stderr.strip().splitlines()
    return lines[-1] if lines else f"importing it ended with status {result.returncode}"


def is_installed(version: str = VERSION) -> bool:
    """Whether this interpreter has that version and can import it."""
    try:
        return importlib.metadata.version("quickfix") == version and import_fault() is None
    except importlib.metadata.PackageNotFoundError:
        return False


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock. It goes away with the process, however that ends."""
    with (directory / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("quickfix: another build is under way; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


# --- the build ----------------------------------------------------------------------------------------------


def build(directory: Path, version: str = VERSION, workers: int | None = None, fresh: bool = False) -> Path:
    """Have pip make the wheel; put it in the directory. Raises BuildError.

    fresh: take no notice of a wheel that pip itself may have kept from an earlier install.
    """
    workers = workers or worker_count(usable_cores(), available_mib())
    say(
        f"quickfix: compiling {version} from source, once, on {_count(workers, 'core')}\n"
        f"quickfix: that takes 1 to 3 minutes on an idle machine; the result will be kept in {directory}"
    )
    log = directory / "build.log"
    with tempfile.TemporaryDirectory(prefix="quickfix-build-") as scratch:
        state, out = Path(scratch, "state"), Path(scratch, "out")
        state.mkdir()
        command = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--no-deps",
            "--disable-pip-version-check",
            "--no-input",
        ]
        command += ["--no-cache-dir"] if fresh else []
        command += ["--wheel-dir", str(out), f"quickfix=={version}"]
        status = _run_with_progress(command, build_environment(state, workers), log, state)
        wheels = sorted(out.glob("quickfix-*.whl"))
        if status or not wheels:
            raise BuildError(failure_message(version, log, state))
        fault = wheel_fault(wheels[0])
        if fault and not fresh:
            # pip may have served a wheel that it kept from other days. Only a build of our own is final.
            return build(directory, version, workers, fresh=True)
        if fault:
            raise BuildError(
                f"error: quickfix {version} was built but cannot be used: {fault}\n  The log: {log}"
            )
        # The scratch directory may be on another file system, so copy beside the target, then rename.
        partial = directory / "partial"
        shutil.copyfile(wheels[0], partial)
        return partial.replace(directory / wheels[0].name)


def build_environment(state: Path, workers: int) -> dict[str, str]:
    """The environment in which pip finds our stand-in for the compiler."""
    compiler = shlex.split(os.environ.get("CXX", "")) or ["g++"]
    launcher = state / "c++"
    # -I and -S: it is started once per file, and needs neither site-packages nor the user's settings.
    parts = [
        sys.executable,
        "-I",
        "-S",
        str(TOOLS / "deferred_cxx.py"),
        str(state),
        str(workers),
        *compiler,
        "--",
    ]
    launcher.write_text(f'#!/bin/sh\nexec {shlex.join(parts)} "$@"\n')
    launcher.chmod(0o755)
    constraint = state / "constraint.txt"
    constraint.write_text(BUILD_REQUIREMENT + "\n")
    # Newer releases of pip read the second, older ones the first, when they make the environment for the
    # build.
    constraints = {"PIP_CONSTRAINT": str(constraint), "PIP_BUILD_CONSTRAINT": str(constraint)}
    # LDSHARED and the like would bypass the launcher at the link step.
    linkers = {"LDSHARED", "LDCXXSHARED"}
    inherited = {key: value for key, value in os.environ.items() if key not in linkers}
    quoted = shlex.quote(str(launcher))
    # The pip of Debian 12 would otherwise run setup.py in this environment, which has no package wheel. By
    # variable, not option: a pip that no longer knows it takes no notice.
    isolated = {"PIP_USE_PEP517": "1"}
    return {**inherited, **constraints, **isolated, "CC": quoted, "CXX": quoted}


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_mib() -> int | None:
    """Memory that can be had without swapping, as far as Linux tells."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        host = next(int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return None
    try:  # A container may be allowed less.
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text()) // 2**20
        used = int(Path("/sys/fs/cgroup/memory.current").read_text()) // 2**20
        return min(host, limit - used)
    except (OSError, ValueError):
        return host


def worker_count(cores: int, mib: int | None) -> int:
    """One worker per core, but no more than there is memory for."""
    if mib is None:
        return cores
    beside_the_wrapper = max(0, mib - WRAPPER_MIB) // GROUP_MIB
    return max(1, min(cores, 1 + beside_the_wrapper))


def failure_message(version: str, log: Path, state: Path, lines: int = 25) -> str:
    """What failed, the compiler's own last words (else pip's), a hint if we know one, and the log."""
    output = log.read_text(errors="replace") if log.exists() else ""
    errors = state / "errors"
    tail = (errors.read_text(errors="replace") if errors.exists() else output).strip().splitlines()[-lines:]
    hint = next((f"\n  {text}" for words, text in HINTS.items() if words in output), "")
    quoted = "\n".join("    " + line for line in tail)
    return (
        f"error: quickfix {version} could not be built. The last lines:\n{quoted}\n{hint}\n"
        f"  The whole log: {log}"
    )


# --- progress -----------------------------------------------------------------------------------------------


@dataclass
class Progress:
    """How far the build is, folded from the lines that deferred_cxx.py writes."""

    total: int = 0
    done: int = 0
    compiling: dict[str, float] = field(
        default_factory=dict
    )  # name -> when it began, seconds since the start

    def feed(self, lines: list[str], elapsed_s: float) -> None:
        """Take in further lines, read at that time."""
        for line in lines:
            kind, _, rest = line.partition(" ")
            if kind == "total":
                self.total = int(rest)
            elif kind == "start":
                self.compiling[rest] = elapsed_s
            elif kind == "done":
                count, _, name = rest.partition(" ")
                self.done += int(count)
                self.compiling.pop(name, None)

    def activity(self, elapsed_s: float) -> str:
        """What is going on, in words."""
        if not self.total:
            return "fetching the source and what builds it"
        if not self.compiling:
            return "linking"
        return ", ".join(f"{name} ({elapsed_s - began:.0f} s)" for name, began in self.compiling.items())

    def bar_line(self, elapsed_s: float, width: int) -> str:
        """One line for a terminal of that width."""
        cells = 20
        filled = cells * self.done // self.total if self.total else 0
        bar = "#" * filled + "-" * (cells - filled)
        return f"[{bar}] {self._counts(elapsed_s)}  {self.activity(elapsed_s)}"[: max(20, width - 1)]

    def log_line(self, elapsed_s: float) -> str:
        """One line for a log."""
        return f"quickfix: {self._counts(elapsed_s)}, {self.activity(elapsed_s)}"

    def _counts(self, elapsed_s: float) -> str:
        minutes, seconds = divmod(int(elapsed_s), 60)
        return f"{self.done}/{self.total or '?'} files  {minutes}:{seconds:02d}"


def _run_with_progress(command: list[str], environment: dict[str, str], log: Path, state: Path) -> int:
    """Run the command with its output in the log, and show how far it is until it ends. Return its status."""
    progress, source = Progress(), state / "progress"
    tty = sys.stderr.isatty()
    started = time.monotonic()
    next_line_s = LOG_INTERVAL_S
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        position = 0
        while process.poll() is None:
            time.sleep(TTY_INTERVAL_S)
            elapsed_s = time.monotonic() - started
            position, lines = _read_lines(source, position)
            progress.feed(lines, elapsed_s)
            if tty:
                width = shutil.get_terminal_size().columns
                print(f"\r\033[K{progress.bar_line(elapsed_s, width)}", end="", file=sys.stderr, flush=True)
            elif elapsed_s >= next_line_s:
                say(progress.log_line(elapsed_s))
                next_line_s += LOG_INTERVAL_S
    if tty:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    if process.returncode == 0:
        say(f"quickfix: built in {time.monotonic() - started:.0f} s")
    return process.returncode


def _read_lines(path: Path, position: int) -> tuple[int, list[str]]:
    """The whole lines after the position, and the position after them."""
    try:
        with path.open("rb") as file:
            file.seek(position)
            data = file.read()
    except FileNotFoundError:
        return position, []
    end = data.rfind(b"\n") + 1
    return position + end, data[:end].decode(errors="replace").splitlines()


def say(text: str) -> None:
    """A line to the user, on standard error, where the progress is."""
    print(text, file=sys.stderr, flush=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# --- the command --------------------------------------------------------------------------------------------


def obtain(rebuild: bool, workers: int | None) -> Path:
    """A sound wheel, from the cache if it has one."""
    directory = writable(cache_directory())
    with locked(directory):
        cached = None if rebuild else find_cached(directory)
        return cached or build(directory, workers=workers, fresh=rebuild)


def install(wheel: Path) -> None:
    """Install the wheel into this interpreter's environment."""
    say(f"quickfix: installing {wheel.name}")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-index", "--find-links", str(wheel.parent), "--force-reinstall", f"quickfix=={VERSION}"]
    if subprocess.run(command, check=False).returncode:
        raise BuildError(f"error: {wheel} could not be installed; pip says why above.")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Install QuickFIX, compiling it only if there is no wheel yet."
    )
    parser.add_argument("--rebuild", action="store_true", help="compile even if a wheel is there")
    parser.add_argument("--no-install", action="store_true", help="only make the wheel, and print its path")
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="compilers at a time (default: cores, memory permitting)"
    )
    options = parser.parse_args()
    try:
        if not (options.rebuild or options.no_install) and is_installed():
            return 0
        wheel = obtain(options.rebuild, options.jobs)
        if options.no_install:
            print(wheel)
        else:
            install(wheel)
    except BuildError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("\ninterrupted")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
