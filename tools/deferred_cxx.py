"""A stand-in for the C++ compiler: compiles QuickFIX on every core, and its shared headers only a few times.

Theory of operation
-------------------
setuptools compiles the files of an extension one after the other, and offers no way to ask for more. What it
does offer is the choice of compiler, by the variables CC and CXX. This program is put there. It plays three
parts, told apart by its arguments alone:

* *compile* (``-c FILE -o OBJECT``): note the command down and return at once. Nothing is compiled yet.
* *link* (``-o FILE`` without ``-c``): compile all that was noted down, on a pool of workers, the largest
  source first since it decides when the whole is finished; then link. The first failure stops the rest, is
  shown in the compiler's own words, and is the status of the link.
* *anything else* (``--version``, ``-E`` ...): hand over to the real compiler.

Three things then make it quick:

* The flags. CPython hands on those it was itself built with, commonly ``-O3 -g``. Each command gets ours
  instead.
* The cores, all of them.
* Grouping. Nearly every file of QuickFIX includes the same header of 6,000 field classes, five seconds of
  parsing for each, which is most of the work. So the files are compiled in a few groups, each one source that
  includes its members; the group's code goes into the first member's object, and the other members' objects
  stay empty. Should a group not compile (another compiler, another release), its files are compiled one by
  one.

What it relies on: nobody looks at an object between its compile step and the link step, and every object is
linked by this program. Both hold for setuptools, and if they ceased to, the link would fail; it cannot go
wrong silently.

Files in the state directory::

    jobs/ID      one noted command: working directory and arguments, separated by NUL
    group-N.cpp  the source of a group
    progress     a line per occurrence: "total FILES", "start NAME", "done FILES NAME"
    errors       what the compiler said about the job that failed

Only the modules that a compile step needs are imported at the top: it is started once per source file.
"""

from __future__ import annotations

import os
import sys

# The SWIG wrapper, six megabytes of generated glue. At -O1 it takes a third of the time of -O3, and the
# engine, whose work is done in the other files, is no slower for it.
GENERATED_WRAPPER = "QuickfixPython.cpp"

# Compiled on their own: the wrapper is long enough by itself; pugixml is another project's code, with macros
# of its own, and shares no headers with the rest.
UNGROUPED = {GENERATED_WRAPPER, "pugixml.cpp"}

# More groups spread better over many cores, but each parses the headers again. With three, one core is done
# with all of them about when another is done with the wrapper.
GROUPS = 3

# Options with which the compiler stops before, or does not get to, producing an object.
NOT_A_COMPILE = {"-E", "-S", "-M", "-MM", "-fsyntax-only"}


def rewrite_flags(arguments: list[str]) -> list[str]:
    """The same command with our optimisation level, without debug symbols and link-time optimisation."""
    source = source_of(arguments)
    level = "-O1" if source and os.path.basename(source) == GENERATED_WRAPPER else "-O2"
    return [a for a in arguments if not a.startswith(("-O", "-g", *LINK_TIME_OPTIMISATION))] + [level, "-g0"]


LINK_TIME_OPTIMISATION = ("-flto", "-fno-lto", "-ffat-lto-objects")


def source_of(arguments: list[str]) -> str | None:
    """The C++ file among the arguments, if there is one."""
    return next((a for a in arguments if a.endswith((".cpp", ".cc", ".cxx")) and not a.startswith("-")), None)


def object_of(arguments: list[str]) -> str | None:
    """What follows -o, if anything does."""
    position = arguments.index("-o") + 1 if "-o" in arguments else len(arguments)
    return arguments[position] if position < len(arguments) else None


def is_compile(arguments: list[str]) -> bool:
    """Whether the command turns one C++ file into one object, and so can be put off."""
    if "-c" not in arguments or NOT_A_COMPILE.intersection(arguments):
        return False
    return source_of(arguments) is not None and object_of(arguments) is not None


def note_down(state: str, arguments: list[str]) -> None:
    """Keep the command for the link step."""
    directory = os.path.join(state, "jobs")
    os.makedirs(directory, exist_ok=True)
    temporary = os.path.join(state, f"job-{os.getpid()}")
    with open(temporary, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write("\0".join([os.getcwd(), *arguments]))
    # The object's path makes the name, so that compiling a file again replaces the earlier command.
    target = os.path.join(os.getcwd(), object_of(arguments) or "").replace("%", "%25").replace("/", "%2F")
    os.replace(temporary, os.path.join(directory, target[-200:]))


class Job:
    """One compile command as it was noted down, flags already ours."""

    def __init__(self, directory: str, arguments: list[str]) -> None:
        self.directory = directory
        self.arguments = rewrite_flags(arguments)
        self.source = os.path.join(directory, source_of(arguments) or "")
        self.object = os.path.join(directory, object_of(arguments) or "")
        self.name = os.path.basename(self.source)

    def size(self) -> int:
        """The source's length in bytes, our guess at how long it takes."""
        try:
            return os.path.getsize(self.source)
        except OSError:
            return 0  # The compiler will say what is wrong with it.

    def options(self) -> list[str]:
        """The command without its source and object."""
        own = {source_of(self.arguments), object_of(self.arguments), "-o"}
        return [a for a in self.arguments if a not in own]


def take_jobs(state: str) -> list[Job]:
    """Read and remove the noted commands."""
    directory = os.path.join(state, "jobs")
    jobs = []
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
        path = os.path.join(directory, name)
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            cwd, *arguments = file.read().split("\0")
        os.remove(path)
        jobs.append(Job(cwd, arguments))
    return jobs


def plan(jobs: list[Job]) -> list[list[Job]]:
    """Put the jobs in groups to be compiled as one, the longest first.

    Only jobs with the same options share a group: they differ in nothing but their source.
    """
    groups = [[job] for job in jobs if job.name in UNGROUPED]
    rest = sorted((job for job in jobs if job.name not in UNGROUPED), key=Job.size, reverse=True)
    kinds: dict[tuple[str, ...], list[list[Job]]] = {}
    for job in rest:
        bins = kinds.setdefault((job.directory, *job.options()), [[] for _ in range(GROUPS)])
        min(bins, key=_total_size).append(job)
    groups += [members for bins in kinds.values() for members in bins if members]
    return sorted(groups, key=_total_size, reverse=True)


def _total_size(group: list[Job]) -> int:
    return sum(job.size() for job in group)


class Pool:
    """Runs groups of jobs side by side; the first that fails stops them all."""

    def __init__(self, state: str, compiler: list[str], workers: int) -> None:
        import subprocess
        import threading

        self._state = state
        self._compiler = compiler
        self._workers = max(1, workers)
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False
        self._lock = threading.Lock()
        self._progress = os.open(
            os.path.join(state, "progress"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644
        )

    def run(self, groups: list[list[Job]]) -> int:
        """Compile all groups. Return 0, or the status of the first compiler that failed."""
        from concurrent.futures import ThreadPoolExecutor, as_completed

        self._tell(f"total {sum(map(len, groups))}")
        with ThreadPoolExecutor(self._workers) as executor:
            futures = [
                executor.submit(self._compile_group, number, group) for number, group in enumerate(groups)
            ]
            for future in as_completed(futures):
                status, output = future.result()
                sys.stderr.write(output)
                if status:
                    self._stop()
                    with open(os.path.join(self._state, "errors"), "w", encoding="utf-8") as file:
                        file.write(output)
                    return status
        return 0

    def _compile_group(self, number: int, group: list[Job]) -> tuple[int, str]:
        if len(group) > 1:
            name = f"{group[0].name} and {len(group) - 1} more"
            self._tell(f"start {name}")
            status, output = self._compile_together(number, group)
            self._tell(f"done {0 if status else len(group)} {name}")
            if status == 0 or self._stopped:
                return status, output
        for job in group:
            self._tell(f"start {job.name}")
            status, output = self._call(job.directory, job.arguments)
            self._tell(f"done {0 if status else 1} {job.name}")
            if status:
                return status, output
        return 0, ""

    def _compile_together(self, number: int, group: list[Job]) -> tuple[int, str]:
        source = os.path.join(self._state, f"group-{number}.cpp")
        with open(source, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(f'#include "{job.source}"\n' for job in sorted(group, key=lambda job: job.name))
        first, *others = group
        status, output = self._call(first.directory, [*first.options(), source, "-o", first.object])
        for job in others:
            if status == 0:
                # The link names every object. -x c++ makes an empty one of an empty file.
                empty = ["-x", "c++", "-c", os.devnull, "-o", job.object]
                status, output = self._call(job.directory, empty)
        return status, output

    def _call(self, directory: str, arguments: list[str]) -> tuple[int, str]:
        """Run the compiler. Return its status as a shell would, and what it said."""
        import subprocess

        with self._lock:
            if self._stopped:
                return 1, ""
            process = subprocess.Popen(
                [*self._compiler, *arguments],
                cwd=directory,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            self._running.add(process)
        output, _ = process.communicate()
        with self._lock:
            self._running.discard(process)
        status = process.returncode
        if status and not output:
            output = f"{self._compiler[0]} ended with status {status} and said nothing.\n"
        return (128 - status if status < 0 else status), output

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.terminate()

    def _tell(self, line: str) -> None:
        os.write(self._progress, (line + "\n").encode())


def main(argv: list[str]) -> int:
    """``deferred_cxx.py STATE WORKERS COMPILER... -- ARGUMENT...``, as the launcher calls it."""
    state, workers = argv[:2]
    separator = argv.index("--")
    compiler, arguments = argv[2:separator], argv[separator + 1 :]
    if is_compile(arguments):
        note_down(state, arguments)
        return 0
    if "-c" not in arguments and object_of(arguments) is not None:
        jobs = take_jobs(state)
        status = Pool(state, compiler, int(workers)).run(plan(jobs)) if jobs else 0
        if status:
            return status
        arguments = [a for a in arguments if not a.startswith(LINK_TIME_OPTIMISATION)]
    os.execvp(compiler[0], [*compiler, *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
