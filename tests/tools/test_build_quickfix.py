"""build_quickfix.py: what it takes from the cache, what it builds, what it says. Nothing is compiled here."""

import configparser
import sys
import zipfile
from pathlib import Path

import pytest

from tools import build_quickfix as bq

ROOT = Path(__file__).resolve().parents[2]
WHEEL_NAME = f"quickfix-{bq.VERSION}-cp311-cp311-linux_x86_64.whl"
SOUND_MODULE = "class Message: pass\n"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache directory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    directory = bq.cache_directory()
    directory.mkdir(parents=True)
    return directory


@pytest.fixture
def built(monkeypatch):
    """Replaces the build; lists the versions that were asked for."""
    builds = []

    def fake_build(directory, version=bq.VERSION, workers=None, fresh=False):
        builds.append(version)
        return write_wheel(directory / WHEEL_NAME)

    monkeypatch.setattr(bq, "build", fake_build)
    return builds


def write_wheel(path: Path, module: str = SOUND_MODULE) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("quickfix.py", module)
    return path


# --- the cache ----------------------------------------------------------------------------------------------


def test_cache_directory_is_keyed_by_version_and_interpreter(cache):
    assert cache.parts[-3:-1] == ("oms-engine", "wheels")
    assert cache.name.startswith(f"quickfix-{bq.VERSION}-")
    assert f"{sys.version_info.major}{sys.version_info.minor}" in cache.name
    assert bq.cache_directory("9.9") != cache


def test_sound_wheel_in_the_cache_is_used(cache, built):
    wheel = write_wheel(cache / WHEEL_NAME)
    assert bq.obtain(rebuild=False, workers=1) == wheel
    assert built == []


def test_empty_cache_builds(cache, built):
    assert bq.obtain(rebuild=False, workers=1) == cache / WHEEL_NAME
    assert built == [bq.VERSION]


def test_rebuild_builds_though_a_wheel_is_there(cache, built):
    write_wheel(cache / WHEEL_NAME)
    bq.obtain(rebuild=True, workers=1)
    assert built == [bq.VERSION]


def test_wheel_of_another_version_is_left_alone(cache, built):
    other = write_wheel(cache / "quickfix-1.15.1-cp311-cp311-linux_x86_64.whl")
    bq.obtain(rebuild=False, workers=1)
    assert built == [bq.VERSION]
    assert other.exists()


def cut_short(wheel: Path) -> None:
    wheel.write_bytes(wheel.read_bytes()[:-30])


def flip_a_bit(wheel: Path) -> None:
    data = bytearray(wheel.read_bytes())
    data[data.index(b"class Message")] ^= 1
    wheel.write_bytes(data)


def empty(wheel: Path) -> None:
    wheel.write_bytes(b"")


def make_unimportable(wheel: Path) -> None:
    write_wheel(wheel, "raise ImportError('libstdc++.so.99: cannot open shared object file')\n")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (cut_short, "zip"),
        (flip_a_bit, "quickfix.py is damaged"),
        (empty, "zip"),
        (make_unimportable, "libstdc++.so.99"),
    ],
)
def test_unsound_wheel_is_named_and_built_again(cache, built, capsys, damage, reason):
    damage(write_wheel(cache / WHEEL_NAME))
    assert bq.wheel_fault(bq.obtain(rebuild=False, workers=1)) is None
    assert built == [bq.VERSION]
    assert reason in capsys.readouterr().err


def test_cache_that_cannot_be_written_falls_back_to_the_environment(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    assert bq.writable(tmp_path / "file" / "wheels") == tmp_path / "venv" / "wheels"


# --- the build ----------------------------------------------------------------------------------------------


def pip_that(monkeypatch, *outcomes):
    """Replace pip: each outcome is a status, or the module in the wheel it makes. Returns its commands."""
    commands = []
    remaining = list(outcomes)

    def fake(command, environment, log, state):
        commands.append(command)
        outcome = remaining.pop(0)
        if isinstance(outcome, str):
            out = Path(command[command.index("--wheel-dir") + 1])
            out.mkdir()
            write_wheel(out / WHEEL_NAME, outcome)
            return 0
        log.write_text("pip: building\npip: it went wrong\n")
        return outcome

    monkeypatch.setattr(bq, "_run_with_progress", fake)
    return commands


def test_built_wheel_is_put_into_the_cache(cache, monkeypatch):
    pip_that(monkeypatch, SOUND_MODULE)
    assert bq.build(cache, workers=1) == cache / WHEEL_NAME
    assert bq.find_cached(cache) == cache / WHEEL_NAME


def test_unusable_wheel_that_pip_had_kept_is_built_afresh(cache, monkeypatch):
    commands = pip_that(monkeypatch, "raise ImportError('old')\n", SOUND_MODULE)
    assert bq.build(cache, workers=1) == cache / WHEEL_NAME
    assert ["--no-cache-dir" in command for command in commands] == [False, True]


def test_wheel_that_cannot_be_imported_even_when_fresh_is_an_error(cache, monkeypatch):
    pip_that(monkeypatch, "raise ImportError('first')\n", "raise ImportError('second')\n")
    with pytest.raises(bq.BuildError, match="cannot be used: ImportError: second"):
        bq.build(cache, workers=1)
    assert not list(cache.glob("*.whl"))


def test_failed_build_is_one_message_with_the_log(cache, monkeypatch):
    pip_that(monkeypatch, 1)
    with pytest.raises(bq.BuildError) as caught:
        bq.build(cache, workers=1)
    assert "pip: it went wrong" in str(caught.value)
    assert str(cache / "build.log") in str(caught.value)
    assert (cache / "build.log").exists()


def test_failure_message_prefers_the_compilers_own_words(tmp_path):
    log = tmp_path / "build.log"
    log.write_text("error: command failed with exit code 1\n")
    (tmp_path / "errors").write_text("".join(f"line {n}\n" for n in range(100)))
    message = bq.failure_message("1.0", log, tmp_path, lines=2)
    assert "    line 98\n    line 99\n" in message
    assert "line 97" not in message
    assert "command failed" not in message


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("g++: fatal error: Killed signal terminated program cc1plus", "out of memory"),
        ("swig.cpp:1:10: fatal error: Python.h: No such file or directory", "python3-dev"),
        ("Temporary failure in name resolution", "cannot be reached"),
    ],
)
def test_failure_message_says_what_to_do_where_it_is_known(tmp_path, said, hint):
    (tmp_path / "build.log").write_text(said)
    assert hint in bq.failure_message("1.0", tmp_path / "build.log", tmp_path)


@pytest.mark.parametrize(
    ("cores", "mib", "workers"),
    [
        # cores  MiB    workers
        (2, None, 2),  # no Linux, no figure: trust the cores
        (2, 24_000, 2),
        (2, 2_900, 2),  # the wrapper and one group
        (2, 2_500, 1),
        (1, 24_000, 1),
        (16, 5_000, 4),
        (2, 500, 1),  # likely to fail, but it is the user's to try
    ],
)
def test_worker_count(cores, mib, workers):
    assert bq.worker_count(cores, mib) == workers


def test_compiler_of_the_environment_is_the_one_behind_the_launcher(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "ccache g++")
    monkeypatch.setenv("LDCXXSHARED", "g++ -shared")
    environment = bq.build_environment(tmp_path, workers=3)
    assert " 3 ccache g++ -- " in (tmp_path / "c++").read_text()
    assert environment["CXX"] == environment["CC"] == str(tmp_path / "c++")
    assert "LDCXXSHARED" not in environment


# --- progress -----------------------------------------------------------------------------------------------


def test_progress_from_start_to_end():
    progress = bq.Progress()
    assert progress.log_line(1.0) == "quickfix: 0/? files  0:01, fetching the source and what builds it"
    progress.feed(["total 3", "start Big.cpp", "start A.cpp and 1 more"], 2.0)
    assert progress.log_line(65.0) == "quickfix: 0/3 files  1:05, Big.cpp (63 s), A.cpp and 1 more (63 s)"
    progress.feed(["done 2 A.cpp and 1 more"], 66.0)
    assert progress.bar_line(66.0, 200) == "[#############-------] 2/3 files  1:06  Big.cpp (64 s)"
    progress.feed(["done 1 Big.cpp"], 67.0)
    assert progress.activity(68.0) == "linking"


def test_bar_fits_a_narrow_terminal():
    progress = bq.Progress(total=3, compiling={"a-rather-long-name-of-a-source-file.cpp": 0.0})
    assert len(progress.bar_line(1.0, 40)) == 39


def test_log_without_a_terminal_gets_a_line_now_and_then(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bq, "LOG_INTERVAL_S", 0.3)
    monkeypatch.setattr(bq, "TTY_INTERVAL_S", 0.05)
    (tmp_path / "progress").write_text("total 2\ndone 1 A.cpp\nstart B.cpp\n")
    command = [sys.executable, "-c", "import time; print('hello'); time.sleep(1)"]
    assert bq._run_with_progress(command, {}, tmp_path / "log", tmp_path) == 0
    said = capsys.readouterr().err
    assert said.count("1/2 files") >= 2
    assert "\r" not in said
    assert (tmp_path / "log").read_text() == "hello\n"


def test_half_a_line_of_progress_is_left_for_the_next_read(tmp_path):
    file = tmp_path / "progress"
    file.write_text("total 3\nsta")
    position, lines = bq._read_lines(file, 0)
    assert lines == ["total 3"]
    file.write_text("total 3\nstart A.cpp\n")
    assert bq._read_lines(file, position)[1] == ["start A.cpp"]


# --- the project's own files --------------------------------------------------------------------------------


def test_version_is_the_one_in_setup_cfg_and_constraints():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    wanted = f"quickfix=={bq.VERSION}"
    assert wanted in setup["options"]["install_requires"].splitlines()
    assert wanted in (ROOT / "constraints.txt").read_text().splitlines()
