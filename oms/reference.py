"""Reference data files to definitions: instruments with their ticks and lots, accounts with their limits.

The definitions are events. At start the engine compares them with its state and journals what is new or
changed, so that state stays the fold of the journal alone, and a limit changed overnight leaves its trace.
"""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from oms import calendars
from oms.config import Config, ConfigError, Strict, convert, read_toml, relative_to
from oms.core import events as ev
from oms.core.state import State
from oms.core.types import SCALE, Px, Qty, parse_scaled

_DAY_S: Final = 86_400


class _Market(Strict, frozen=True):
    mic: str
    name: str
    country: str
    timezone: str
    currency: str
    venue_quote_unit: str
    lot_size: str
    tick_table: str
    sessions: list[tuple[str, str]]
    settlement_days: int
    source: str
    pre_open_minutes: int = 0
    day_end_minutes: int = 0


class _Markets(Strict, frozen=True):
    market: list[_Market]


class _TickTable(Strict, frozen=True):
    name: str
    source: str
    rows: list[tuple[str, str]]
    assumption: str = ""


class _TickTables(Strict, frozen=True):
    tick_table: list[_TickTable]


class _Firm(Strict, frozen=True):
    max_order_qty: str
    max_order_notional: dict[str, str]


class _Account(Strict, frozen=True):
    id: str
    name: str
    clients: list[str]
    position_limit: str
    buying_power: dict[str, str]


class _Member(Strict, frozen=True):
    account: str
    weight: str


class _Group(Strict, frozen=True):
    id: str
    members: list[_Member]


class _Accounts(Strict, frozen=True):
    firm: _Firm
    account: list[_Account]
    allocation_group: list[_Group] = []


def definitions(config: Config, at_ns: int) -> list[ev.Event]:
    """Everything that the configuration's reference files define, in their order. Raises ConfigError."""
    profiles = [
        ev.ProfileDefined(
            at_ns,
            name,
            p.pending_reports,
            p.poss_resend,
            p.second_request,
            p.required,
            p.forbidden,
            tuple(sorted(p.rewrite.items())),
            p.cl_ord_ids,
            p.exec_ids,
            p.busts,
            p.final_fill,
            p.late_cancel,
            p.reset,
            p.stop_px_reports,
        )
        for name, p in sorted(config.profile.items())
    ]
    venues = [
        ev.VenueDefined(at_ns, name, c.ord_types, c.times_in_force, c.terms, c.multileg_reports, c.exec_insts)
        for name, c in sorted(config.capability.items())
    ]
    instruments = _instruments(config, at_ns)
    days = _calendars(config, {i.market for i in instruments}, at_ns) if config.reference.calendars else []
    return [*instruments, *_accounts(config, at_ns), *profiles, *venues, *days]


def _calendars(config: Config, used: set[str], at_ns: int) -> list[ev.Event]:
    path = relative_to(config, config.reference.markets)
    hours = {}
    for mic, market in _read_markets(config).items():
        if market.pre_open_minutes < 0 or market.day_end_minutes < 0:
            raise ConfigError(f"{path}: {mic}: pre_open_minutes and day_end_minutes must not be negative")
        try:
            ZoneInfo(market.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ConfigError(f"{path}: {mic}: {market.timezone!r} is not a time zone") from None
        hours[mic] = calendars.Hours(
            market.timezone, market.sessions, market.pre_open_minutes, market.day_end_minutes
        )
    return calendars.definitions(relative_to(config, config.reference.calendars), hours, used, at_ns)


def timezones(config: Config) -> dict[str, str]:
    """MIC -> IANA time zone. Raises ConfigError."""
    return {mic: market.timezone for mic, market in _read_markets(config).items()}


def clock_of(zone: str, first_year: int, last_year: int) -> tuple[tuple[int, int], ...]:
    """A time zone's clock in those years: (from this second on, seconds to add to UTC).

    Raises ZoneInfoNotFoundError or ValueError for a zone that is not known.
    """
    info = ZoneInfo(zone)

    def offset(second: int) -> int:
        found = datetime.fromtimestamp(second, UTC).astimezone(info).utcoffset() or timedelta()
        return int(found.total_seconds())

    at = int(datetime(first_year, 1, 1, tzinfo=UTC).timestamp())
    end = int(datetime(last_year + 1, 1, 1, tzinfo=UTC).timestamp())
    moves = [(at, offset(at))]
    # Clocks are moved for weeks at least.
    while at < end:
        later = min(at + 7 * _DAY_S, end)
        if offset(later) != moves[-1][1]:
            low, high = at, later
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == moves[-1][1] else (low, middle)
            moves.append((high, offset(high)))
        at = later
    return tuple(moves)


def changes(state: State, defined: list[ev.Event]) -> list[ev.Event]:
    """Those definitions that the state does not have, or has otherwise.

    What is gone from the files stays as it was, but for the routing table: where none is named any more, none
    holds.
    """
    found = [event for event in defined if not _known(state, event)]
    if state.routing is not None and not any(isinstance(event, ev.RoutingDefined) for event in defined):
        found.append(ev.RoutingDefined(defined[0].at_ns, "", ()))
    return found


def _known(state: State, event: ev.Event) -> bool:
    current: ev.Event | None
    if isinstance(event, ev.InstrumentDefined):
        current = state.instruments.get(event.symbol)
    elif isinstance(event, ev.AccountDefined):
        current = state.accounts.get(event.account)
    elif isinstance(event, ev.AllocationGroupDefined):
        current = state.groups.get(event.account)
    elif isinstance(event, ev.ProfileDefined):
        current = state.profiles.get(event.session_id)
    elif isinstance(event, ev.VenueDefined):
        current = state.venues.get(event.venue)
    elif isinstance(event, ev.DestinationDefined):
        current = state.destinations.get(event.name)
    elif isinstance(event, ev.StrategyDefined):
        current = state.strategies.get(event.name)
    elif isinstance(event, ev.ReconcileDefined):
        current = state.reconciles.get(event.venue)
    elif isinstance(event, ev.VenueRateDefined):
        current = state.waiting.rates.get(event.venue)
    elif isinstance(event, ev.RoutingDefined):
        current = state.routing
    elif isinstance(event, ev.CalendarDefined):
        known = state.calendars.get(event.market)
        current = known.event if known is not None else None
    else:
        current = state.firm
    return current is not None and is_same(current, event)


def is_same(one: ev.Event, other: ev.Event) -> bool:
    """Whether two definitions say the same, whenever and by whomever they were made."""
    names = (name for name in one.__struct_fields__ if name not in ("at_ns", "who"))
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _instruments(config: Config, at_ns: int) -> list[ev.InstrumentDefined]:
    tables_path = relative_to(config, config.reference.tick_rules)
    tables = {
        table.name: tuple(
            (Px(_decimal(tables_path, table.name, low)), Px(_positive(tables_path, table.name, tick)))
            for low, tick in table.rows
        )
        for table in convert(tables_path, read_toml(tables_path), _TickTables).tick_table
    }
    for name, rows in tables.items():
        if not rows or any(tick <= 0 for _, tick in rows) or list(rows) != sorted(rows):
            raise ConfigError(
                f"{tables_path}: {name}: needs at least one row, ascending prices and positive ticks"
            )
    markets_path = relative_to(config, config.reference.markets)
    markets = _read_markets(config)
    path = relative_to(config, config.reference.instruments)
    columns = ["symbol", "market", "currency", "isin", "name", "tick_table", "lot_size"]
    events: list[ev.InstrumentDefined] = []
    seen: dict[str, int] = {}
    try:
        file = io.StringIO(path.read_text(encoding="utf-8"), newline="")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
    with file:
        reader = csv.DictReader(file)
        if reader.fieldnames not in (columns, [*columns, "asset_class"]):
            raise ConfigError(
                f"{path}, line 1: the columns must be {','.join(columns)}, or these and asset_class"
            )
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if None in row or None in row.values():
                raise ConfigError(f"{where}: not {len(reader.fieldnames)} columns")
            if row["symbol"] in seen:
                raise ConfigError(
                    f"{where}: symbol {row['symbol']} stands in line {seen[row['symbol']]} already"
                )
            if row["market"] not in markets:
                raise ConfigError(f"{where}: market {row['market']} is not in {markets_path}")
            if row["tick_table"] not in tables:
                raise ConfigError(f"{where}: tick_table {row['tick_table']} is not in {tables_path}")
            seen[row["symbol"]] = reader.line_num
            events.append(
                ev.InstrumentDefined(
                    at_ns,
                    row["symbol"],
                    row["market"],
                    row["currency"],
                    row["isin"],
                    row["name"],
                    Qty(_positive(path, f"line {reader.line_num}, lot_size", row["lot_size"])),
                    tables[row["tick_table"]],
                    Px(SCALE),
                    markets[row["market"]].settlement_days,
                    row.get("asset_class", ""),
                )
            )
    return events


def _read_markets(config: Config) -> dict[str, _Market]:
    path = relative_to(config, config.reference.markets)
    return {market.mic: market for market in convert(path, read_toml(path), _Markets).market}


def _accounts(config: Config, at_ns: int) -> list[ev.Event]:
    path = relative_to(config, config.reference.accounts)
    accounts = convert(path, read_toml(path), _Accounts)
    collar = _decimal(Path(config.path), "risk.price_collar_percent", config.risk.price_collar_percent)
    if collar < 0:
        raise ConfigError(f"{config.path}: risk.price_collar_percent must not be negative")
    ids = [account.id for account in accounts.account]
    for id in ids:
        if ids.count(id) > 1:
            raise ConfigError(f"{path}: account {id} is defined twice")
    events: list[ev.Event] = [
        ev.FirmDefined(
            at_ns,
            Qty(_decimal(path, "firm.max_order_qty", accounts.firm.max_order_qty)),
            _amounts(path, "firm.max_order_notional", accounts.firm.max_order_notional),
            collar * 100 // SCALE,
            config.engine.venue,
            tuple(sorted(config.venues.items())),
        )
    ]
    events += [
        ev.AccountDefined(
            at_ns,
            account.id,
            account.name,
            tuple(account.clients),
            _amounts(path, f"account {account.id}", account.buying_power),
            Qty(_decimal(path, f"account {account.id}, position_limit", account.position_limit)),
        )
        for account in accounts.account
    ]
    events += [
        ev.AllocationGroupDefined(
            at_ns,
            group.id,
            tuple(
                (m.account, _decimal(path, f"allocation_group {group.id}", m.weight)) for m in group.members
            ),
        )
        for group in accounts.allocation_group
    ]
    return events


def _amounts(path: Path, key: str, amounts: dict[str, str]) -> tuple[tuple[str, int], ...]:
    return tuple((currency, _decimal(path, f"{key}, {currency}", text)) for currency, text in amounts.items())


def _positive(path: Path, key: str, text: str) -> int:
    value = _decimal(path, key, text)
    if value <= 0:
        raise ConfigError(f"{path}: {key}: must be greater than 0, not {text}")
    return value


def _decimal(path: Path, key: str, text: str) -> int:
    try:
        return parse_scaled(text)
    except ValueError as error:
        raise ConfigError(f"{path}: {key}: {error}") from None
