"""[destination], [strategy] and [rate] of a configuration: what is read, and what is refused and where."""

from pathlib import Path

import pytest

from oms.config import ConfigError, load
from oms.core import events as ev
from oms.core.types import Qty, Terms
from oms.core.working import STRATEGIES
from oms.destinations import KEYS, definitions, names

VENUES = ["SIM", "paper"]


def read(tmp_path: Path, text: str) -> list[ev.Event]:
    path = tmp_path / "engine.toml"
    path.write_text(text)
    return definitions(load(path), VENUES, 7)


def test_all_of_it_is_read(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        [destination.ALGO]
        venue = "SIM"
        when_down = "reroute"
        reroute_to = "paper"
        target_strategy = "1"
        [strategy.TIMED]
        kind = "twap"
        legs = [["ALGO", 1], ["paper", 1]]
        when_refused = "end"
        duration_s = "60"
        interval_s = "0.5"
        slice_qty = "100"
        [rate.SIM]
        per_s = 50
        burst = 5
        """,
    )
    legs = (("ALGO", 1), ("paper", 1))
    assert found == [
        ev.DestinationDefined(7, "ALGO", "SIM", "reroute", "paper", Terms(target_strategy="1")),
        ev.StrategyDefined(7, "TIMED", "twap", legs, "end", 60 * 10**9, 5 * 10**8, Qty(100 * 10**8)),
        ev.VenueRateDefined(7, "SIM", 50, 5),
    ]
    assert names(load(tmp_path / "engine.toml"), VENUES) == {"SIM", "paper", "ALGO", "TIMED"}


def test_every_kind_of_strategy_can_be_configured() -> None:
    assert set(KEYS) == set(STRATEGIES)


STRATEGY = '[strategy.S]\nkind = "{kind}"\nlegs = {legs}\n'
SPLIT = STRATEGY.format(kind="split", legs='[["SIM", 1]]')
TWAP = STRATEGY.format(kind="twap", legs='[["SIM", 1]]')

WRONG = (
    ('[destination.D]\nvenue = "X"', 1, "destination.D.venue: 'X' is neither"),
    ('[destination.D]\nvenue = "SIM"\nwhen_down = "reroute"', 1, "reroute_to goes with"),
    ('[destination.D]\nvenue = "SIM"\nreroute_to = "paper"', 1, "reroute_to goes with"),
    ('[destination.D]\nvenue = "SIM"\nwhen_down = "reroute"\nreroute_to = "X"', 1, "'X' is neither a venue"),
    ('[destination.D]\nvenue = "SIM"\nwhen_down = "reroute"\nreroute_to = "D"', 1, "D to D is a circle"),
    ('[destination.D]\nvenue = "SIM"\nwhen_down = "hope"', 3, "when_down: Invalid enum value 'hope'"),
    ('[destination.SIM]\nvenue = "paper"', 1, "SIM is the name of something else"),
    ('[destination.S]\nvenue = "SIM"\n' + SPLIT, 1, "S is the name of something else"),
    (STRATEGY.format(kind="split", legs="[]"), 1, "at least one destination"),
    (STRATEGY.format(kind="split", legs='[["X", 1]]'), 1, "legs: 'X' is neither"),
    (STRATEGY.format(kind="split", legs='[["SIM", 0]]'), 1, "SIM: 0 is not a weight"),
    (STRATEGY.format(kind="sequential", legs='[["SIM", -1]]'), 1, "SIM: -1 is not a number of milliseconds"),
    (STRATEGY.format(kind="split", legs='[["SIM", 1], ["SIM", 1]]'), 1, "stands there twice"),
    (STRATEGY.format(kind="magic", legs='[["SIM", 1]]'), 2, "kind: Invalid enum value 'magic'"),
    (SPLIT + 'slice_qty = "1"', 1, "slice_qty: a strategy of kind 'split' takes no such key"),
    (TWAP + 'duration_s = "1"', 1, "needs interval_s"),
    (TWAP + 'duration_s = "1"\ninterval_s = "2"', 1, "interval_s is longer"),
    (TWAP + 'duration_s = "x"\ninterval_s = "2"', 1, "not a number of seconds: 'x'"),
    (TWAP + 'duration_s = "inf"\ninterval_s = "2"', 1, "not a number of seconds: 'inf'"),
    (STRATEGY.format(kind="iceberg", legs='[["SIM", 1]]') + 'slice_qty = "1e3"', 1, "strategy.S.slice_qty"),
    (STRATEGY.format(kind="iceberg", legs='[["SIM", 1]]') + 'slice_qty = "-1"', 1, "must not be negative"),
    ("[rate.X]\nper_s = 1", 1, "rate.X: no session"),
    ("[rate.SIM]\nper_s = 0", 1, "must be at least 1"),
)


@pytest.mark.parametrize(("text", "line", "reason"), WRONG, ids=[reason for _, _, reason in WRONG])
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    with pytest.raises(ConfigError) as found:
        read(tmp_path, text)
    said = str(found.value)
    assert said.startswith(f"{tmp_path / 'engine.toml'}, line {line}: ")
    assert reason in said
