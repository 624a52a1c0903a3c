"""What the documents show, runs: every `oms` command of the README, in its order, against a running engine; every link leads somewhere."""

import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "DECISIONS.md", "CHANGELOG.md")


def shown_commands() -> list[str]:
    """The command lines in the README's sh blocks, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place like a checkout: what the commands write goes there."""
    directory = tmp_path_factory.mktemp("checkout")
    for name in ("config", "sessions"):
        shutil.copytree(ROOT / name, directory / name)
    return directory


@pytest.fixture(scope="module")
def engine(checkout: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The engine of the README's first command."""
    process = subprocess.Popen([sys.executable, "-m", "oms", "run", "config/demo.toml"], cwd=checkout)
    deadline = time.monotonic() + 30
    while not (checkout / "var/demo/operator.sock").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield process
    process.terminate()
    assert process.wait(20) == 0


def test_every_oms_command_of_the_readme_succeeds(checkout: Path, engine: subprocess.Popen[bytes]) -> None:
    ran = 0
    for line in shown_commands():
        words = shlex.split(line)
        if words[0] != ".venv/bin/oms" or words[1] in ("run", "up"):
            continue
        done = subprocess.run(
            [sys.executable, "-m", "oms", *words[1:]],
            cwd=checkout,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        assert done.stdout.strip(), line
        ran += 1
    assert ran >= 8


def test_the_readme_shows_the_two_commands() -> None:
    assert {line for line in shown_commands() if line.startswith("make")} == {"make demo", "make test"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text()
    targets = [t for t in re.findall(r"\]\(([^)]+)\)", text) if "://" not in t]
    missing = [t for t in targets if not (ROOT / t.partition("#")[0]).exists()]
    assert missing == []


@pytest.mark.parametrize("name", re.findall(r"^  (\w+\.py)", (ROOT / "ARCHITECTURE.md").read_text(), re.M))
def test_the_map_names_modules_that_exist(name: str) -> None:
    assert list((ROOT / "oms").rglob(name)), name
