"""The broker simulator, wired: a configuration's brokers on the wire, and scenarios with them.

Without a [broker.NAME] table there is one broker, as the session file of [sim] settings has it, that answers
everything at once.
"""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from oms.config import Config, ConfigError, convert, line_at, read_toml, relative_to
from oms.sim import acts, macros
from oms.sim.commands import tell
from oms.sim.control import Control
from oms.sim.profile import BrokerProfile, ExchangeProfile, Version
from oms.sim.scenario import Run, Scenario
from oms.sim.venue import Venue

VERSIONS: Final[dict[str, Version]] = {"FIX.4.2": "FIX.4.2", "FIX.4.4": "FIX.4.4", "FIXT.1.1": "FIX.5.0SP2"}
"""By BeginString(8)."""

_LOOK_NS: Final = 10_000_000


class Simulator:
    """A venue with what the configuration says. A context manager: leaving it logs out."""

    def __init__(self, config: Config, *, orders_file: Path | None = None, spin: bool = False) -> None:
        """Raises ConfigError, OSError."""
        from oms.sim.instruments import load_instruments

        brokers, exchanges = profiles(config)
        instruments = load_instruments(
            relative_to(config, config.reference.instruments),
            relative_to(config, config.reference.tick_rules),
        )
        try:
            self.venue = Venue(
                instruments,
                brokers,
                exchanges,
                seed=config.sim.seed,
                settings=_settings(config),
                orders_file=orders_file,
                store_path=Path(config.sim.store) if config.sim.store else None,
                spin=spin,
            )
        except ValueError as error:
            raise ConfigError(str(error)) from None
        self.instruments = len(instruments)
        self.runs: list[Run] = []
        self._to_play: deque[Scenario] = deque()
        self._begun: Callable[[Run], object] = lambda run: None
        self._control: Control | None = None
        if config.sim.control:
            house = self.venue.house
            self._control = Control(Path(config.sim.control), lambda words, now: tell(house, words, now))
            house.schedule.at(self.venue.clock(), self._look)

    def __enter__(self) -> "Simulator":
        return self

    def __exit__(self, *_: object) -> None:
        self.venue.close()
        if self._control is not None:
            self._control.close()

    def run(self) -> None:
        """Until a signal."""
        self.venue.run()

    def play(self, scenarios: Sequence[Scenario], begun: Callable[[Run], object] = lambda run: None) -> None:
        """Scenarios, one after another, until the last is over or a signal comes. Their verdicts are `runs`.

        One begins in the moment in which the one before ends: whoever has had the last answer may go on.
        Raises ConfigError for a scenario of a broker that there is not.
        """
        for scenario in scenarios:
            if scenario.broker not in ("", *self.venue.house.brokers):
                raise ConfigError(f"{scenario.title}: there is no broker {scenario.broker}")
        self._to_play = deque(scenarios)
        self._begun = begun
        self._begin_next(self.venue.clock())
        self.venue.on_turn = self._turn
        self.venue.run()
        if not self.runs[-1].finished:
            self.runs[-1].close()  # A signal has come.
        self.venue.flush(self.venue.clock())

    def _begin_next(self, now_ns: int) -> None:
        if not self._to_play:
            self.venue.stop()
            return
        house = self.venue.house
        run = Run(self._to_play.popleft(), house, self.venue.is_logged_on, self._begin_next)
        self.runs.append(run)
        self._begun(run)
        run.turn(now_ns)

    def _turn(self, now_ns: int) -> None:
        self.runs[-1].turn(now_ns)

    def _look(self, now_ns: int) -> None:
        """See whether somebody has something to tell, a hundred times a second."""
        if self._control is not None:
            self._control.turn(now_ns)
        self.venue.house.schedule.at(now_ns + _LOOK_NS, self._look)


def profiles(config: Config) -> tuple[dict[str, BrokerProfile], dict[str, ExchangeProfile]]:
    """The brokers and exchanges of a configuration. Raises ConfigError."""
    path = Path(config.path)
    if not config.broker:
        return _one_plain(config), {}
    brokers = {}
    for name, raw in config.broker.items():
        for n, macro in enumerate(raw.get("macro", ())):
            check_name(path, macro, macros.NAMES, f"broker.{name}.macro[{n}]")
        brokers[name] = convert(path, raw, BrokerProfile, f"broker.{name}")
        if not (name.isascii() and name.isprintable()):
            raise ConfigError(f"{path}, line {line_at(path, f'broker.{name}')}: not a CompID: {name!r}")
    exchanges = {
        name: convert(path, raw, ExchangeProfile, f"exchange.{name}") for name, raw in config.exchange.items()
    }
    used = {profile.exchange or name for name, profile in brokers.items()}
    for name, profile in brokers.items():
        if profile.exchange and profile.exchange not in exchanges:
            where = f"broker.{name}.exchange"
            raise ConfigError(
                f"{path}, line {line_at(path, where)}: {where}: there is no [exchange.{profile.exchange}]"
            )
    for name in exchanges:
        if name not in used:
            where = f"exchange.{name}"
            raise ConfigError(f"{path}, line {line_at(path, where)}: {where}: no broker uses it")
    return brokers, exchanges


def scenario_of(path: Path) -> Scenario:
    """A scenario's file. Raises ConfigError."""
    raw = read_toml(path)
    for n, step in enumerate(raw.get("step", ())):
        if isinstance(step, dict):
            check_name(path, step.get("answer"), macros.NAMES, f"step[{n}].answer")
            check_name(path, step.get("act"), acts.NAMES, f"step[{n}].act")
    scenario = convert(path, raw, Scenario)
    unknown = scenario.unknown()
    if unknown is not None:
        where = f"step[{unknown[0]}]"
        raise ConfigError(f"{path}, line {line_at(path, where)}: {where}: nothing before has 11={unknown[1]}")
    return scenario


def check_name(path: Path, table: Any, names: dict[str, Any], where: str) -> None:
    """Raises ConfigError for a `do` that is none, with those that there are."""
    if isinstance(table, dict) and table.get("do") not in names:
        line = line_at(path, f"{where}.do")
        raise ConfigError(
            f"{path}, line {line}: {where}.do: {table.get('do')!r} is not one of {', '.join(names)}"
        )


def _settings(config: Config) -> Path:
    if config.sim.settings:
        return relative_to(config, config.sim.settings)
    from oms.sim.fix_settings import SESSIONS

    return SESSIONS / "sim.cfg"


def _one_plain(config: Config) -> dict[str, BrokerProfile]:
    """The broker of a session file."""
    from oms.fix.sessions import SettingsError, read_settings

    if not config.sim.settings:
        raise ConfigError(f"{config.path}: [sim] settings is missing: the simulator's session file")
    file = relative_to(config, config.sim.settings)
    try:
        section = read_settings(file)[0]
    except SettingsError as error:
        raise ConfigError(str(error)) from None
    port = section.get("SocketAcceptPort", "")
    if not port.isdigit():
        raise ConfigError(f"{file}: no SocketAcceptPort")
    profile = BrokerProfile(
        version=VERSIONS[section["BeginString"]],
        target=section["TargetCompID"],
        port=int(port),
        trade_file=config.sim.trade_file,
    )
    return {section["SenderCompID"]: profile}
