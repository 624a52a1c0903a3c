"""Destinations, strategies and rates of the configuration, as definitions.

A name that orders can be sent to is a venue's session, "paper", a `[destination.NAME]` or a
`[strategy.NAME]`. A destination is a venue with what its orders say besides (a broker's algorithm) and what
becomes of an order while the venue is not there. A strategy works an order in parts over several of them: see
`core/working.py` for the kinds, and which of the keys each reads.
"""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from oms.config import Config, ConfigError, StrategyTable, line_of
from oms.core import events as ev
from oms.core.types import Qty, Terms, parse_scaled

_SECOND: Final = 1_000_000_000

KEYS: Final[dict[str, tuple[str, ...]]] = {
    "split": (),
    "sequential": (),
    "iceberg": ("slice_qty",),
    "twap": ("duration_s", "interval_s", "slice_qty"),
    "sweep": (),
    "participation": ("interval_s", "slice_qty", "rate_percent"),
}
"""Kind of strategy -> the keys that it reads besides its legs."""

_NEEDED: Final = {
    "iceberg": ("slice_qty",),
    "twap": ("duration_s", "interval_s"),
    "participation": ("interval_s", "rate_percent"),
}


def names(config: Config, venues: list[str]) -> frozenset[str]:
    """Everything that an order can be sent to. `venues` are the sessions, and those of this process."""
    return frozenset((*venues, *config.destination, *config.strategy))


def definitions(config: Config, venues: list[str], at_ns: int) -> list[ev.Event]:
    """What the configuration defines. Raises ConfigError."""
    path = Path(config.path)
    for name in (*config.destination, *config.strategy):
        # A destination may have its venue's own name: then it says what holds for that.
        own = name in config.destination and config.destination[name].venue == name
        if (name in venues and not own) or (name in config.destination and name in config.strategy):
            raise ConfigError(
                f"{path}, line {line_of(path, name)}: {name} is the name of something else already"
            )
    events: list[ev.Event] = []
    for name, table in sorted(config.destination.items()):
        where = f"{path}, line {line_of(path, name)}: destination.{name}"
        if table.venue not in venues:
            raise ConfigError(
                f"{where}.venue: {table.venue!r} is neither 'paper' nor a session of [fix] venues"
            )
        if (table.when_down == "reroute") != bool(table.reroute_to):
            raise ConfigError(f"{where}: reroute_to goes with when_down = 'reroute', and only with that")
        _check_detour(config, name, venues, where)
        terms = Terms(
            target_strategy=table.target_strategy,
            strategy_parameters=table.strategy_parameters,
            participation_rate=table.participation_rate,
        )
        events.append(
            ev.DestinationDefined(
                at_ns,
                name,
                table.venue,
                table.when_down,
                table.reroute_to,
                terms if terms != Terms() else None,
            )
        )
    for name, strategy in sorted(config.strategy.items()):
        events.append(_strategy(config, name, strategy, venues, at_ns))
    for name, rate in sorted(config.rate.items()):
        where = f"{path}, line {line_of(path, name)}: rate.{name}"
        if name not in venues:
            raise ConfigError(f"{where}: no session of [fix] venues is named so")
        if rate.per_s < 1 or rate.burst < 1:
            raise ConfigError(f"{where}: per_s and burst must be at least 1")
        events.append(ev.VenueRateDefined(at_ns, name, rate.per_s, rate.burst))
    for name, reconcile in sorted(config.reconcile.items()):
        if name not in venues:
            where = f"{path}, line {line_of(path, name)}: reconcile.{name}"
            raise ConfigError(f"{where}: no session of [fix] venues is named so")
        events.append(ev.ReconcileDefined(at_ns, name, reconcile.ask == "all"))
    return events


def _check_detour(config: Config, name: str, venues: list[str], where: str) -> None:
    """A detour leads to a destination or a venue, and not in a circle."""
    seen = [name]
    while (to := config.destination[seen[-1]].reroute_to) != "":
        if to in seen:
            raise ConfigError(f"{where}.reroute_to: {' to '.join([*seen, to])} is a circle")
        if to in venues:
            return
        if to not in config.destination:
            raise ConfigError(f"{where}.reroute_to: {to!r} is neither a venue nor a destination")
        seen.append(to)


def _strategy(
    config: Config, name: str, table: StrategyTable, venues: list[str], at_ns: int
) -> ev.StrategyDefined:
    path = Path(config.path)
    where = f"{path}, line {line_of(path, name)}: strategy.{name}"
    if not table.legs:
        raise ConfigError(f"{where}.legs: at least one destination is needed")
    for leg, number in table.legs:
        if leg not in venues and leg not in config.destination:
            raise ConfigError(f"{where}.legs: {leg!r} is neither a venue nor a destination")
        if number < 0 or (number == 0 and table.kind == "split"):
            raise ConfigError(f"{where}.legs: {leg}: {number} is not a {_number_of(table.kind)}")
    if table.kind in ("split", "sweep") and len({leg for leg, _ in table.legs}) < len(table.legs):
        raise ConfigError(f"{where}.legs: a destination stands there twice")
    for key in ("slice_qty", "duration_s", "interval_s", "rate_percent"):
        if getattr(table, key) and key not in KEYS[table.kind]:
            raise ConfigError(f"{where}.{key}: a strategy of kind {table.kind!r} takes no such key")
        if not getattr(table, key) and key in _NEEDED.get(table.kind, ()):
            raise ConfigError(f"{where}: a strategy of kind {table.kind!r} needs {key}")
    duration_ns, interval_ns = (
        _nanoseconds(where, key, getattr(table, key)) for key in ("duration_s", "interval_s")
    )
    if duration_ns and interval_ns > duration_ns:
        raise ConfigError(f"{where}.interval_s is longer than duration_s")
    try:
        slice_qty = parse_scaled(table.slice_qty or "0")
    except ValueError as error:
        raise ConfigError(f"{where}.slice_qty: {error}") from None
    if slice_qty < 0:
        raise ConfigError(f"{where}.slice_qty must not be negative")
    rate_bps = _rate_bps(where, table.rate_percent)
    return ev.StrategyDefined(
        at_ns,
        name,
        table.kind,
        table.legs,
        table.when_refused,
        duration_ns,
        interval_ns,
        Qty(slice_qty),
        rate_bps,
    )


def _number_of(kind: str) -> str:
    return "number of milliseconds" if kind == "sequential" else "weight"


def _rate_bps(where: str, text: str) -> int:
    try:
        bps = Decimal(text or "0") * 100
    except InvalidOperation:
        bps = Decimal(-1)
    if not bps.is_finite() or bps != int(bps) or not 0 <= bps <= 10_000:
        raise ConfigError(
            f"{where}.rate_percent: {text!r} is not a share between 0 and 100, in steps of 0.01"
        )
    return int(bps)


def _nanoseconds(where: str, key: str, text: str) -> int:
    try:
        seconds = Decimal(text or "0")
    except InvalidOperation:
        raise ConfigError(f"{where}.{key}: not a number of seconds: {text!r}") from None
    if not seconds.is_finite() or seconds < 0:
        raise ConfigError(f"{where}.{key}: not a number of seconds: {text!r}")
    return int(seconds * _SECOND)
