"""deferred_cxx.py: flags, order and grouping on paper; then the real thing on C++ files of one line."""

import ctypes
import shlex
import shutil
import subprocess

import pytest

from tools import build_quickfix, deferred_cxx
from tools.deferred_cxx import Job

CPYTHON_FLAGS = "-O3 -g -fwrapv -Wall -fPIC -flto -IC++"


@pytest.mark.parametrize(
    ("source", "level"),
    [
        ("C++/QuickfixPython.cpp", "-O1"),
        ("C++/Session.cpp", "-O2"),
        ("C++/pugixml.cpp", "-O2"),
    ],
)
def test_flags_are_chosen_per_file(source, level):
    command = f"{CPYTHON_FLAGS} -c {source} -o x.o -std=c++17"
    expected = f"-fwrapv -Wall -fPIC -IC++ -c {source} -o x.o -std=c++17 {level} -g0"
    assert deferred_cxx.rewrite_flags(command.split()) == expected.split()


@pytest.mark.parametrize(
    ("command", "is_compile"),
    [
        ("-c a.cpp -o a.o", True),
        ("-O2 -c -o a.o dir/a.cc", True),
        ("-c a.cpp", False),  # where the object would go, only the compiler knows
        ("-c -o a.o", False),
        ("-E -c a.cpp -o a.i", False),
        ("-shared a.o -o a.so", False),
        ("--version", False),
    ],
)
def test_only_a_plain_compile_is_put_off(command, is_compile):
    assert deferred_cxx.is_compile(command.split()) is is_compile


def jobs_of(directory, **sizes):
    """Jobs whose sources have these sizes in bytes."""
    for name, size in sizes.items():
        (directory / f"{name}.cpp").write_bytes(b" " * size)
    return [Job(str(directory), ["-c", f"{name}.cpp", "-o", f"{name}.o"]) for name in sizes]


def names(groups):
    return [[job.name.removesuffix(".cpp") for job in group] for group in groups]


def test_plan_starts_with_the_wrapper_and_spreads_the_rest(tmp_path):
    jobs = jobs_of(tmp_path, a=10, b=20, c=30, d=40, pugixml=25, QuickfixPython=900)
    assert names(deferred_cxx.plan(jobs)) == [["QuickfixPython"], ["d"], ["c"], ["b", "a"], ["pugixml"]]


def test_plan_groups_only_what_has_the_same_options(tmp_path):
    one, other = jobs_of(tmp_path, a=10, b=10)
    other.arguments.append("-DX")
    assert names(deferred_cxx.plan([one, other])) == [["a"], ["b"]]


# --- with the compiler --------------------------------------------------------------------------------------

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")


class Build:
    """A directory with sources, and the launcher that setuptools would be given as its compiler."""

    def __init__(self, directory, monkeypatch):
        monkeypatch.delenv("CXX", raising=False)
        self.directory = directory
        self.state = directory / "state"
        self.state.mkdir()
        self._compiler = shlex.split(build_quickfix.build_environment(self.state, workers=2)["CXX"])

    def compile(self, name, text, *options):
        (self.directory / f"{name}.cpp").write_text(text)
        result = self.run("-O3", "-g", "-fPIC", *options, "-c", f"{name}.cpp", "-o", f"{name}.o")
        assert result.returncode == 0, result.stderr

    def link(self, *names):
        return self.run("-shared", *[f"{name}.o" for name in names], "-o", "library.so")

    def run(self, *arguments):
        command = [*self._compiler, *arguments]
        return subprocess.run(command, cwd=self.directory, capture_output=True, text=True, check=False)

    def library(self):
        return ctypes.CDLL(str(self.directory / "library.so"))

    def progress(self):
        return (self.state / "progress").read_text().splitlines()


@pytest.fixture
def cxx(tmp_path, monkeypatch):
    return Build(tmp_path, monkeypatch)


def function(name, value):
    return f'extern "C" int {name}() {{ return {value}; }}\n'


@needs_compiler
def test_compile_returns_before_compiling_and_link_does_both(cxx):
    cxx.compile("a", function("a", 1))
    cxx.compile("b", function("b", 2))
    assert not list(cxx.directory.glob("*.o"))
    result = cxx.link("a", "b")
    assert result.returncode == 0, result.stderr
    assert (cxx.library().a(), cxx.library().b()) == (1, 2)
    assert cxx.progress()[0] == "total 2"


@needs_compiler
def test_group_is_compiled_as_one_and_every_member_has_an_object(cxx):
    letters = "abcdefg"
    for value, name in enumerate(letters):
        cxx.compile(name, function(name, value))
    assert cxx.link(*letters).returncode == 0
    assert [getattr(cxx.library(), name)() for name in letters] == list(range(7))
    done = [line for line in cxx.progress() if line.startswith("done")]
    assert len(done) == deferred_cxx.GROUPS
    assert sum(int(line.split()[1]) for line in done) == 7


@needs_compiler
def test_group_whose_members_clash_is_compiled_file_by_file(cxx):
    letters = "abcdefg"
    for value, name in enumerate(letters):
        cxx.compile(name, f"static int helper() {{ return {value}; }}\n" + function(name, "helper()"))
    result = cxx.link(*letters)
    assert result.returncode == 0, result.stderr
    assert [getattr(cxx.library(), name)() for name in letters] == list(range(7))
    assert sum(int(line.split()[1]) for line in cxx.progress() if line.startswith("done")) == 7


@needs_compiler
def test_failed_job_is_reported_at_the_link_in_the_compilers_words(cxx):
    cxx.compile("good", function("good", 1))
    cxx.compile("bad", "int bad() { return no_such_name; }\n")
    result = cxx.link("good", "bad")
    assert result.returncode != 0
    assert "bad.cpp:1" in result.stderr
    assert "no_such_name" in result.stderr
    assert "no_such_name" in (cxx.state / "errors").read_text()
    assert not (cxx.directory / "library.so").exists()


@needs_compiler
def test_missing_source_is_reported_at_the_link(cxx):
    cxx.compile("a", function("a", 1))
    (cxx.directory / "a.cpp").unlink()
    result = cxx.link("a")
    assert result.returncode != 0
    assert "a.cpp" in result.stderr


@needs_compiler
def test_compiling_a_file_again_replaces_the_earlier_command(cxx):
    cxx.compile("a", function("a", "X"), "-DX=1")
    cxx.compile("a", function("a", "X"), "-DX=2")
    assert cxx.link("a").returncode == 0
    assert cxx.library().a() == 2


@needs_compiler
def test_anything_else_goes_to_the_compiler(cxx):
    assert "Free Software Foundation" in cxx.run("--version").stdout
