"""When make installs, and when it starts at once. make is only asked what it would do (-n)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def checkout(tmp_path):
    """A directory in which everything is installed, as far as make can tell."""
    for name in ("Makefile", "setup.cfg", "constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
        os.utime(tmp_path / name, (1, 1))
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / ".venv" / "checkout").write_text(f"{tmp_path}\n")
    (tmp_path / ".venv" / "installed").touch()
    return tmp_path


def would_do(directory, *arguments):
    # Under make, its own variables are in the environment.
    environment = {
        key: value for key, value in os.environ.items() if key not in ("PYTHON", "MAKEFLAGS", "MAKELEVEL")
    }
    command = ["make", "-n", *arguments]
    result = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=True
    )
    return result.stdout


@pytest.mark.parametrize(("target", "starts"), [("test", "-m pytest"), ("demo", "oms demo")])
def test_second_run_starts_at_once(checkout, target, starts):
    commands = would_do(checkout, target)
    assert starts in commands
    assert "bootstrap" not in commands


@pytest.mark.parametrize("name", ["setup.cfg", "constraints.txt", "pyproject.toml"])
def test_changed_description_installs_again(checkout, name):
    os.utime(checkout / name)
    os.utime(checkout / ".venv" / "installed", (2, 2))
    assert "bootstrap" in would_do(checkout, "test")


def test_fresh_checkout_installs(checkout):
    shutil.rmtree(checkout / ".venv")
    assert "bootstrap.sh python3 " in would_do(checkout, "test")


def test_another_python_installs_again(checkout):
    other = checkout / "other"
    other.write_text("#!/bin/sh\necho 3.99\n")
    other.chmod(0o755)
    assert f"bootstrap.sh {other}" in would_do(checkout, "test", f"PYTHON={other}")


def test_the_same_python_by_another_name_starts_at_once(checkout):
    assert "bootstrap" not in would_do(checkout, "test", f"PYTHON={sys.executable}")


def test_copied_checkout_installs_again(checkout, tmp_path_factory):
    copy = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(checkout, copy, symlinks=True)
    assert "bootstrap" in would_do(copy, "test")


def test_check_installs_the_development_tools(checkout):
    assert " dev" in would_do(checkout, "check")
