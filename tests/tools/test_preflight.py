"""preflight.sh on machines that lack something: a PATH of a few scripts, a Python with something left out."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PREFLIGHT = Path(__file__).resolve().parents[2] / "tools" / "preflight.sh"

# What a Python says that lacks the module, or the header, or is too old.
WITHOUT_ENSUREPIP = """case "$2" in *ensurepip*) exit 1 ;; esac"""
WITHOUT_HEADERS = """case "$2" in *include*) echo /nowhere; exit ;; esac"""
OLD = """case "$2" in *version_info*) exit 1 ;; *python_version*) echo 3.10.4; exit ;; esac"""


class Machine:
    """A directory that is the whole PATH."""

    def __init__(self, directory):
        self.directory = directory
        for program in ("id",):
            (directory / program).symlink_to(shutil.which(program))

    def add(self, name, text=""):
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return self

    def add_python(self, name="python3", quirk=""):
        return self.add(name, f'{quirk}\nexec {sys.executable} "$@"')

    def preflight(self, *arguments):
        environment = {"PATH": str(self.directory)}
        command = ["/bin/sh", str(PREFLIGHT), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def suggestion(result):
    """The packages it suggests to install."""
    (line,) = [line for line in result.stderr.splitlines() if "apt-get" in line]
    return line.split("apt-get install ")[1].split()


needs_headers = pytest.mark.skipif(
    not os.path.exists(
        subprocess.run(
            [sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('include') + '/Python.h')"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
    ),
    reason="the Python headers are not installed",
)


@needs_headers
def test_complete_machine_is_silent(machine):
    result = machine.add_python().add("g++").add("make").preflight()
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_bare_machine_gets_one_command_for_all(machine):
    result = machine.preflight()
    assert result.returncode == 1
    assert suggestion(result) == ["python3", "python3-venv", "python3-dev", "g++", "make"]


@needs_headers
@pytest.mark.parametrize(
    ("quirk", "programs", "words", "packages"),
    [
        ("", ["make"], "C++ compiler", ["g++"]),
        ("", ["g++"], "make", ["make"]),
        (WITHOUT_ENSUREPIP, ["g++", "make"], "ensurepip", ["python3-venv"]),
        (WITHOUT_HEADERS, ["g++", "make"], "Python.h", ["python3-dev"]),
        (WITHOUT_HEADERS, ["make"], "Python.h", ["python3-dev", "g++"]),
        (OLD, ["g++", "make"], "python3 is 3.10.4", ["python3.11", "python3.11-venv", "python3.11-dev"]),
    ],
)
def test_what_is_missing_is_named(machine, quirk, programs, words, packages):
    machine.add_python(quirk=quirk)
    for program in programs:
        machine.add(program)
    result = machine.preflight()
    assert result.returncode == 1
    assert words in result.stderr
    assert suggestion(result) == packages


def test_old_python_beside_a_newer_one_names_the_newer(machine):
    machine.add_python(quirk=OLD).add_python("python3.12").add("g++").add("make")
    result = machine.preflight()
    assert result.returncode == 1
    assert "make PYTHON=python3.12" in result.stderr


def test_packages_belong_to_the_python_asked_for(machine):
    machine.add_python("python3.12", WITHOUT_ENSUREPIP).add("g++").add("make")
    result = machine.preflight("python3.12")
    assert "python3.12-venv" in suggestion(result)
    assert "python3-venv" not in suggestion(result)
