"""config/*.toml to strict typed structs. A wrong file is one line that names file, key, line and reason.

Paths in a file are relative to the file, except those under `[files]`, where the engine writes: they are
relative to the working directory, so that a configuration can be run from anywhere.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct, field

from oms.core.types import Terms


class ConfigError(Exception):
    """A configuration file is wrong. The message is complete: file, line, key, reason."""


class Strict(Struct, forbid_unknown_fields=True, frozen=True):
    """A table whose keys are all known."""


class EngineTable(Strict, frozen=True):
    """[engine]"""

    venue: str = "paper"  # where orders go that no market of [venues] claims
    durability: Literal["process", "machine"] = "process"
    spin_ms: float = 0.0  # how long to spin without work before sleeping
    snapshot_every: int = 200_000  # records between snapshots, taken when idle


class FilesTable(Strict, frozen=True):
    """[files]: what the engine writes, relative to the working directory."""

    journal: str = "var/journal"
    operator_socket: str = "var/operator.sock"
    segment_mib: int = 64


class FixTable(Strict, frozen=True):
    """[fix]: where clients connect, and the QuickFIX session files, relative to this file."""

    listen: str = "127.0.0.1:9878"
    clients: str = ""
    venues: tuple[str, ...] = ()


class RiskTable(Strict, frozen=True):
    """[risk]"""

    price_collar_percent: str = "10"


class ReferenceTable(Strict, frozen=True):
    """[reference]: relative to this file."""

    instruments: str = "instruments.csv"
    markets: str = "markets.toml"
    tick_rules: str = "tick_rules.toml"
    accounts: str = "accounts.toml"
    routing: str = ""  # the routing table; without one an order goes to its market's venue, or the default
    calendars: str = ""  # trading days; without them a day ends when a person says so


class SimTable(Strict, frozen=True):
    """[sim]: the broker simulator."""

    settings: str = ""
    trade_file: str = "var/sim-trades.csv"
    store: str = ""  # where its sessions and orders survive a restart; empty keeps them in memory
    seed: int = 1
    control: str = ""  # a local socket for whoever steers it; empty: none


class PostTable(Strict, frozen=True):
    """[post]: the post-trade worker."""

    database: str = "var/post.db"
    trade_file: str = "var/sim-trades.csv"
    broker: str = "SIM"


class ProfileTable(Strict, frozen=True):
    """[profile.SESSION]: how a client or a venue wants to be talked to."""

    pending_reports: bool = True  # ExecutionReports that say pending cancel and pending replace
    poss_resend: Literal["status", "ignore"] = "status"  # the answer to a repetition that says it is one
    second_request: Literal["pass", "queue", "refuse"] = "pass"  # a replace while a request is unanswered
    required: tuple[str, ...] = ()  # tags that an order or a replace must have
    forbidden: tuple[str, ...] = ()  # tags that it must not have
    rewrite: dict[str, str] = field(default_factory=dict)  # tags of what is sent to it; "" drops the tag
    cl_ord_ids: Literal["session", "day", "open"] = "session"  # for how long one may not be used again
    exec_ids: Literal["order", "day"] = "order"  # a venue's: for how long one stays that execution's
    busts: Literal["cancel", "restate"] = "cancel"  # ExecType(150) H and G, or D with the quantities
    final_fill: Literal["pass", "trade", "done_for_day", "calculated"] = "pass"  # what follows the last fill
    late_cancel: Literal["reject", "silent"] = "reject"  # where the last fill came first
    reset: Literal["accept", "refuse", "logon", "day"] = "accept"  # of sequence numbers
    stop_px_reports: bool = False  # ExecutionReports that say where a trailing stop that is held has moved to


class CapabilityTable(Strict, frozen=True):
    """[capability.VENUE]: what a venue can do. Without it, a venue is taken to do everything.

    What it lacks is done here or refused: see docs/emulation.md.
    """

    ord_types: tuple[str, ...]  # OrdType(40)
    times_in_force: tuple[str, ...]  # TimeInForce(59)
    terms: tuple[str, ...] = ()  # stop_px, exec_inst, min_qty, legs, ...: see core/types.py
    multileg_reports: Literal["both", "legs", "multileg"] = "both"  # see core/multileg.py
    exec_insts: tuple[str, ...] = ()  # codes of ExecInst(18); none means all that its version of FIX has


class DestinationTable(Strict, frozen=True):
    """[destination.NAME]: a venue by another name, with what its orders say besides."""

    venue: str
    when_down: Literal["deny", "park", "reroute"] = "deny"
    reroute_to: str = ""  # a venue or a destination
    target_strategy: str = ""  # TargetStrategy(847): the broker's algorithm
    strategy_parameters: str = ""  # TargetStrategyParameters(848)
    participation_rate: str = ""  # ParticipationRate(849)


class StrategyTable(Strict, frozen=True):
    """[strategy.NAME]: an order is worked in parts."""

    kind: Literal["split", "sequential", "iceberg", "twap", "sweep", "participation"]
    legs: tuple[tuple[str, int], ...]  # (destination, weight; of a sequence: milliseconds, 0 for no end)
    when_refused: Literal["desk", "end"] = "desk"  # what no destination takes waits for a person, or ends
    slice_qty: str = ""  # what a part shows at most
    duration_s: str = ""
    interval_s: str = ""
    rate_percent: str = ""  # share of what is traded


class ReconcileTable(Strict, frozen=True):
    """[reconcile.VENUE]: what it is asked when it comes back. New orders wait until it has answered."""

    ask: Literal["doubtful", "all"] = (
        "doubtful"  # about orders that are in doubt, or about all that work there
    )


class RateTable(Strict, frozen=True):
    """[rate.VENUE]: what it takes in a second; new orders wait for it, cancels do not."""

    per_s: int
    burst: int = 1


class Config(Strict, frozen=True):
    """One configuration file."""

    engine: EngineTable = field(default_factory=EngineTable)
    files: FilesTable = field(default_factory=FilesTable)
    fix: FixTable = field(default_factory=FixTable)
    risk: RiskTable = field(default_factory=RiskTable)
    reference: ReferenceTable = field(default_factory=ReferenceTable)
    venues: dict[str, str] = field(default_factory=dict)  # [venues]: MIC = "session name"
    profile: dict[str, ProfileTable] = field(default_factory=dict)
    capability: dict[str, CapabilityTable] = field(default_factory=dict)
    destination: dict[str, DestinationTable] = field(default_factory=dict)
    strategy: dict[str, StrategyTable] = field(default_factory=dict)
    rate: dict[str, RateTable] = field(default_factory=dict)
    reconcile: dict[str, ReconcileTable] = field(default_factory=dict)
    sim: SimTable = field(default_factory=SimTable)
    broker: dict[str, dict[str, Any]] = field(default_factory=dict)  # see oms/sim/profile.py
    exchange: dict[str, dict[str, Any]] = field(default_factory=dict)
    post: PostTable = field(default_factory=PostTable)
    path: str = ""  # of the file itself; filled in by load


NOT_REWRITTEN = frozenset(
    (
        *("6", "8", "9", "10", "11", "14", "17", "19", "31", "32", "34", "35", "37", "38", "39", "41"),
        *("43", "49", "52", "54", "55", "56", "97", "122", "150", "151"),
    )
)
"""Tags that say what happened to which order, or belong to the session: nobody may change those."""

TERMS = tuple(name for name in Terms.__struct_fields__ if name != "unread")
"""What a venue may know of an order."""

T = TypeVar("T")


def load(path: Path) -> Config:
    """Read a configuration. Raises ConfigError."""
    raw = read_toml(path)
    if "path" in raw:
        raise ConfigError(f"{path}, line {line_of(path, 'path')}: unknown key path")
    config = convert(path, raw, Config)
    for key, value, least in (
        ("segment_mib", config.files.segment_mib, 1),
        ("snapshot_every", config.engine.snapshot_every, 1),
    ):
        if value < least:
            raise ConfigError(f"{path}, line {line_of(path, key)}: {key} must be at least {least}")
    for venue, table in config.capability.items():
        for name in table.terms:
            if name not in TERMS:
                known = ", ".join(TERMS)
                raise ConfigError(
                    f"{path}, line {line_of(path, venue)}: capability.{venue}.terms: {name!r} is not one"
                    f" of {known}"
                )
        for code in table.exec_insts:
            if len(code) != 1 or not code.isalnum():
                where = f"{path}, line {line_of(path, venue)}: capability.{venue}.exec_insts"
                raise ConfigError(f"{where}: {code!r} is not a code of ExecInst(18)")
    for session, profile in config.profile.items():
        where = f"{path}, line {line_of(path, session)}: profile.{session}"
        for tag in (*profile.required, *profile.forbidden, *profile.rewrite):
            if not tag.isdigit():
                raise ConfigError(f"{where}: {tag!r} is not a tag's number")
        for tag, new in profile.rewrite.items():
            if tag in NOT_REWRITTEN or not new.isprintable() or not new.isascii():
                raise ConfigError(f"{where}.rewrite: tag {tag} cannot be rewritten to {new!r}")
    return msgspec.structs.replace(config, path=str(path))


def relative_to(config: Config, name: str) -> Path:
    """A path that the configuration gives relative to itself."""
    return Path(config.path).parent / name


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as plain data. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None


def convert(path: Path, raw: object, kind: type[T], inside: str = "") -> T:
    """Plain data as a strict struct; `inside` is the table of the file that it was. Raises ConfigError naming
    the key and its line."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(path, str(error), inside)) from None


def address(path: Path, key: str, text: str) -> tuple[str, int]:
    """ "host:port" as a pair. Raises ConfigError."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"{path}, line {line_of(path, key)}: {key} is not host:port: {text!r}")
    return host, int(port)


def _explain(path: Path, message: str, inside: str = "") -> str:
    """msgspec says "Object contains unknown field `x` - at `$.engine`": say it as file, line and key."""
    what, _, where = message.partition(" - at ")
    where = where.strip("`").removeprefix("$").removeprefix(".")
    if inside:
        where = f"{inside}.{where}" if where and not where.startswith("[") else inside + where
    unknown = re.search(r"unknown field `([^`]+)`", what)
    if unknown is not None:
        key = f"{where}.{unknown.group(1)}" if where else unknown.group(1)
        line = line_at(path, key) or line_of(path, unknown.group(1))
        return f"{path}, line {line}: unknown key {key}"
    leaf = re.sub(r"\[[^\]]*\]", "", where).rpartition(".")[2]
    line = line_at(path, where) or line_of(path, leaf)
    return f"{path}, line {line}: {where or 'file'}: {what}"


_PART = re.compile(r"\[(\d+|\.\.\.)\]|([^.\[\]]+)")
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


def line_at(path: Path, where: str) -> int:
    """The line that sets a key or opens a table given by its whole way, as "broker.A.macro[1].do". Else the
    first line of what is in it, or of what it would be in; 0 if there is nothing. "[...]" is any name."""
    wanted = [index or name for index, name in _PART.findall(where)]
    best = found = inside = 0
    if not wanted:
        return 0
    here: list[str] = []
    counts: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        header, key = _HEADER.fullmatch(line), _KEY.match(line)
        if header is not None:
            place = here = _table(_names(header[2]), counts, is_new_entry=header[1] == "[[")
        elif key is not None:
            place = here + _names(key[1])
        else:
            continue
        if not _fits(place, wanted):
            continue
        if best < len(place) <= len(wanted):
            best, found = len(place), number
        elif len(place) > len(wanted) and not inside:
            inside = number
    return inside if inside and best < len(wanted) else found


def _table(names: list[str], counts: dict[tuple[str, ...], int], is_new_entry: bool) -> list[str]:
    """The whole way of a header: with the numbers of the entries that its tables are, counted so far."""
    place: list[str] = []
    for n, name in enumerate(names, start=1):
        place.append(name)
        table = tuple(place)
        if is_new_entry and n == len(names):
            counts[table] = counts.get(table, -1) + 1
        if table in counts:
            place.append(str(counts[table]))
    return place


def _names(dotted: str) -> list[str]:
    return [name.strip().strip("\"'") for name in dotted.split(".")]


def _fits(place: list[str], wanted: list[str]) -> bool:
    return all(want in (name, "...") for name, want in zip(place, wanted, strict=False))


def line_of(path: Path, key: str) -> int:
    """The first line that sets `key` or opens its table; 1 if there is none (a key that is missing)."""
    pattern = re.compile(rf"^\s*(?:{re.escape(key)}\s*=|\[+[\w.\-]*\b{re.escape(key)}\b)")
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if pattern.match(line):
            return number
    return 1
