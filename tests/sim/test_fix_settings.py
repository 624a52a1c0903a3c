"""Settings for the simulators, and how a polling loop rests."""

import time
from pathlib import Path

import pytest

from oms.sim.fix_settings import SESSIONS, Idle, bind_listener, data_dictionary, overridden, settings_file
from tests.sim.wire_kit import free_port


def test_values_are_put_in_where_they_stand_or_as_defaults() -> None:
    text = "# note\n[DEFAULT]\nA=1\n\n[SESSION]\nPort=1\n"
    assert (
        overridden(text, {"Port": "2", "New": "x"}) == "# note\n[DEFAULT]\nNew=x\nA=1\n\n[SESSION]\nPort=2\n"
    )


@pytest.mark.parametrize("name", ["sim.cfg", "sim-client.cfg"])
def test_checked_in_settings_name_no_machine(name: str) -> None:
    text = (SESSIONS / name).read_text()
    assert "DataDictionary=FIX44.xml" in text
    assert "/" not in "".join(line for line in text.splitlines() if not line.startswith("#"))


def test_the_copy_is_complete_and_gone_afterwards() -> None:
    with settings_file(SESSIONS / "sim.cfg", {"SocketAcceptPort": "4711"}) as path:
        text = Path(path).read_text()
    assert "SocketAcceptPort=4711" in text
    assert f"DataDictionary={data_dictionary()}" in text
    assert not Path(path).exists()


def test_binding_needs_a_listener() -> None:
    with pytest.raises(OSError, match="no listener"):
        bind_listener(free_port(), "127.0.0.1")


def test_idle_rests_only_after_some_empty_turns() -> None:
    def elapsed(idle: Idle, turns: int, work: int) -> float:
        started = time.perf_counter()
        for _ in range(turns):
            idle.turn(work)
        return time.perf_counter() - started

    assert elapsed(Idle(sleep_s=0.05, spins=10), 10, 0) < 0.05
    assert elapsed(Idle(sleep_s=0.05, spins=10), 11, 0) >= 0.05
    assert elapsed(Idle(sleep_s=0.05, spins=10), 50, 1) < 0.05
    assert elapsed(Idle(sleep_s=0.05, spins=10, spin=True), 50, 0) < 0.05
