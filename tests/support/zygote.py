"""Has imported the engine once and forks it as often as asked: importing takes longer than most tests.

Started by `engine_process`. One request per line on standard input, one answer per line on standard output:

    start LOG ARGUMENTS...   forks `oms ARGUMENTS...`, which writes to LOG; answers its pid
    poll PID                 answers its exit code as `subprocess` gives it, or nothing while it runs

At the end of the input whatever still runs is killed.
"""

import contextlib
import os
import signal
import sys
import traceback

import oms.app  # noqa: F401  # Imported late by the command line.
from oms.cli import main


def start(log: str, *arguments: str) -> int:
    """Fork the engine."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for number in (1, 2):
            os.dup2(fd, number)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        sys.argv = ["oms", *arguments]
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    """Answer until the input ends."""
    running: set[int] = set()
    ended: dict[int, int] = {}
    for line in sys.stdin:
        what, *arguments = line.rstrip("\n").split("\t")
        if what == "start":
            pid = start(*arguments)
            running.add(pid)
            answer = str(pid)
        else:
            pid = int(arguments[0])
            if pid in running:
                found, status = os.waitpid(pid, os.WNOHANG)
                if found:
                    running.discard(pid)
                    ended[pid] = os.waitstatus_to_exitcode(status)
            answer = str(ended[pid]) if pid in ended else ""
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()
    for pid in running:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    serve()
