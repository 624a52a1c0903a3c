"""The routing table's file: read, checked as a whole, and turned into the event that the engine journals.

    volumes = "volumes.csv"                 # symbol,average_daily_volume: for adv_percent; beside this file

    [lists]
    liquid = ["AAPL", "MSFT"]               # named lists of symbols

    [[rule]]
    name = "large in London"
    market = "XLON"                         # a condition: one value, or a list of which one must be met
    order_qty = { from = "10000" }          # a range: from this on, and below that
    to = "LSE"

    [[rule]]
    name = "rest"                           # no condition: every order
    to = "SIM"

The rules are tried in their order, and the first of which all conditions hold decides. Conditions: see
`CONDITIONS`. A rule that no order can come to is wrong: it contradicts itself, names what is not known, or
rules before it take all of its orders (`core.reach`). Everything that is wrong is said at once, each with
file, line, rule and reason; where the search for the last kind was given up, that is a warning.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfoNotFoundError

from msgspec import Struct

from oms import destinations
from oms.config import Config, ConfigError, read_toml
from oms.core import events as ev
from oms.core.controls import MULTILEG_SIDES, ORD_TYPES, TIMES_IN_FORCE
from oms.core.reach import MOST_STEPS, find_unreachable
from oms.core.router import DAY_S, MARKET, NO_END, OF_INSTRUMENT, UTC, WEEKDAYS, Router
from oms.core.rules import MARKET_STATES
from oms.core.types import OrdType, Qty, Side, TimeInForce, parse_scaled, utc_date
from oms.reference import clock_of, timezones

CONDITIONS: Final = {
    "symbol": "the instrument: Symbol(55)",
    "list": "the instrument is in a list of [lists]",
    "asset_class": "of the instrument, as the instruments' file has it",
    "market": "of the instrument: ISO 10383 MIC",
    "currency": "of the instrument: ISO 4217",
    "account": "Account(1)",
    "client": "the session that it came from",
    "side": "buy, sell, as_defined, opposite, or Side(54)",
    "ord_type": "market, limit, stop, stop_limit, market_if_touched, pegged, or OrdType(40)",
    "time_in_force": "day, gtc, opg, ioc, fok, gtx, gtd, at_close, or TimeInForce(59)",
    "urgency": "a word: what TargetStrategyParameters(848) says, alone or as urgency=WORD, in lower case",
    "market_state": "of the instrument's market, where that is known",
    "up": "venues, or those of destinations, that take orders, logged on and not halted: all of them",
    "down": "those that are not: all of them",
    "weekday": f"{', '.join(WEEKDAYS)}: by the clock that `zone` names",
    "zone": '"market", the clock of the instrument\'s market, or "UTC": goes with weekday and time',
    "order_qty": 'OrderQty(38): { from = "100", below = "5000" }, either of them or both',
    "notional": "order_qty at its limit, or where risk holds it, in the instrument's currency: a range",
    "adv_percent": "order_qty in percent of the average daily volume; it does not hold where that is unknown",
    "time": '{ from = "08:00", until = "16:30" }: from one to the other, over midnight if that is earlier',
}
"""Every key that a rule may have beside `name` and `to`, and what it is about."""

NUMBERS: Final = ("order_qty", "notional", "adv_percent")
YEARS_AHEAD: Final = 5
"""How far a table knows the clocks of its markets: to the end of the fifth year after it was read."""


class RoutingError(ConfigError):
    """A routing table is wrong. `errors` are all of its mistakes, one line each."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class Known(Struct, frozen=True):
    """What a table may name."""

    destinations: frozenset[str]  # where orders may be sent
    venues: dict[str, str]  # what may be up or down: a name -> the session that is meant
    clients: frozenset[str]
    instruments: tuple[ev.InstrumentDefined, ...]
    accounts: tuple[ev.AccountDefined, ...]
    zones: dict[str, str]  # MIC -> IANA time zone
    market_states: frozenset[str] = MARKET_STATES
    most_bytes: int = 1 << 24  # that one record of the journal may have


def known(
    config: Config, defined: Iterable[ev.Event], clients: Iterable[str], venues: Iterable[str]
) -> Known:
    """What the table of a configuration may name. `defined`: its other reference data. Raises ConfigError."""
    defined, venues = tuple(defined), tuple(venues)
    sessions = {name: name for name in venues}
    sessions |= {name: table.venue for name, table in config.destination.items()}
    return Known(
        destinations.names(config, [*venues]),
        sessions,
        frozenset(clients),
        tuple(event for event in defined if isinstance(event, ev.InstrumentDefined)),
        tuple(event for event in defined if isinstance(event, ev.AccountDefined)),
        timezones(config),
        most_bytes=(config.files.segment_mib << 20) - _SEGMENT_OVERHEAD,
    )


_SEGMENT_OVERHEAD: Final = 1 << 14
"""More than what a segment of the journal needs beside its records."""


class Loaded(Struct, frozen=True):
    """A table that is right, and what could not be made sure of, a line each."""

    table: ev.RoutingDefined
    warnings: list[str]


def load(path: Path, known: Known, at_ns: int, who: str = "", most_steps: int = MOST_STEPS) -> Loaded:
    """Read a table. Raises RoutingError with everything that is wrong; ConfigError if it cannot be read."""
    return _File(path, known, at_ns).load(who, most_steps)


# -- a file --------------------------------------------------------------------------------------------------


class _Rule(Struct):
    """A rule on its way from the file."""

    number: int  # from 1 on
    name: str
    to: str = ""
    words: dict[str, tuple[str, ...]] = {}
    ranges: list[tuple[str, int, int]] = []
    is_wrong: bool = False


class _File:
    def __init__(self, path: Path, known: Known, at_ns: int) -> None:
        self.path = path
        self.known = known
        self.at_ns = at_ns
        self.errors: list[tuple[Path, int, str]] = []
        self.raw = read_toml(path)
        self.lines = _Lines(path.read_text("utf-8"))
        self.instruments = {i.symbol: i for i in known.instruments}
        self.lists: dict[str, tuple[str, ...]] = {}
        self.volumes: dict[str, int] = {}

    def load(self, who: str, most_steps: int) -> Loaded:
        for key in self.raw:
            if key not in ("volumes", "lists", "rule"):
                self._wrong(self.lines.top(key), f"unknown key {key}: there are volumes, lists and rule")
        self._read_lists()
        self._read_volumes()
        rules = self._read_rules()
        right = [rule for rule in rules if not rule.is_wrong]
        table = self._table(who, right)
        undecided = self._look_for_idle(table, right, most_steps)
        size = len(ev.encode(table))
        if size > self.known.most_bytes:
            self._wrong(
                1, f"the table takes {size} bytes, a record of the journal {self.known.most_bytes} at most"
            )
        if self.errors:
            raise RoutingError([f"{path}, line {line}: {text}" for path, line, text in sorted(self.errors)])
        return Loaded(table, undecided)

    def _table(self, who: str, rules: list[_Rule]) -> ev.RoutingDefined:
        by_market = any(rule.words.get("zone") == (MARKET,) for rule in rules)
        return ev.RoutingDefined(
            self.at_ns,
            who,
            tuple(ev.RoutingRule(r.name, r.to, tuple(r.words.items()), tuple(r.ranges)) for r in rules),
            tuple(self.lists.items()),
            tuple((symbol, Qty(volume)) for symbol, volume in self.volumes.items()),
            self._clocks() if by_market else (),
        )

    def _wrong(self, line: int, text: str, path: Path | None = None) -> None:
        self.errors.append((path or self.path, line, text))

    # -- lists, volumes, clocks ------------------------------------------------------------------------------

    def _read_lists(self) -> None:
        lists = self.raw.get("lists", {})
        if not isinstance(lists, dict):
            self._wrong(self.lines.top("lists"), "lists: a table [lists] is expected")
            return
        for name, value in lists.items():
            line = self.lines.of_list(name)
            symbols = _texts(value)
            if symbols is None:
                self._wrong(line, f"list {name}: symbols are expected, one at least")
                symbols = ()
            for symbol in symbols:
                if symbol not in self.instruments:
                    self._wrong(line, f"list {name}: symbol {symbol!r} is not known")
            self.lists[name] = symbols

    def _read_volumes(self) -> None:
        name = self.raw.get("volumes")
        if name is None:
            return
        if not isinstance(name, str):
            self._wrong(self.lines.top("volumes"), "volumes: the name of a file is expected")
            return
        path = self.path.parent / name
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._wrong(self.lines.top("volumes"), f"volumes: {path}: {reason}")
            return
        reader = csv.reader(io.StringIO(text, newline=""))
        if next(reader, None) != ["symbol", "average_daily_volume"]:
            self._wrong(1, "the columns must be symbol,average_daily_volume", path)
            return
        seen: set[str] = set()
        for row in reader:
            if len(row) != 2:
                self._wrong(reader.line_num, "not 2 columns", path)
                continue
            symbol, volume = row[0], _number(row[1])
            if isinstance(volume, str) or not volume:
                reason = volume if isinstance(volume, str) else "must be greater than 0"
                self._wrong(reader.line_num, f"average_daily_volume: {reason}", path)
            elif symbol in seen:
                self._wrong(reader.line_num, f"symbol {symbol} stands here twice", path)
            elif symbol in self.instruments:
                # A file may tell of more instruments than are traded here.
                self.volumes[symbol] = volume
            seen.add(symbol)

    def _clocks(self) -> tuple[tuple[str, tuple[tuple[int, int], ...]], ...]:
        year = int(utc_date(self.at_ns)[:4])
        found = []
        for market in sorted({i.market for i in self.known.instruments} & self.known.zones.keys()):
            try:
                moves = clock_of(self.known.zones[market], year - 1, year + YEARS_AHEAD)
            except (ZoneInfoNotFoundError, ValueError):
                self._wrong(1, f"market {market}: time zone {self.known.zones[market]!r} is not known")
                continue
            found.append((market, moves))
        return tuple(found)

    # -- rules -----------------------------------------------------------------------------------------------

    def _read_rules(self) -> list[_Rule]:
        raw = self.raw.get("rule", [])
        if not isinstance(raw, list) or not all(isinstance(one, dict) for one in raw):
            self._wrong(self.lines.top("rule"), "rule: tables [[rule]] are expected")
            return []
        if not raw:
            self._wrong(1, "there is no rule: no order would go anywhere")
        rules = [self._read_rule(number, one) for number, one in enumerate(raw, 1)]
        first: dict[str, int] = {}
        for rule in rules:
            line = self.lines.of_rule(rule.number)
            if rule.name in first:
                self._wrong_rule(rule, "name", f"so is the rule of line {first[rule.name]} named")
            first.setdefault(rule.name, line)
        return rules

    def _wrong_rule(self, rule: _Rule, key: str, text: str) -> None:
        rule.is_wrong = True
        named = f"rule {rule.name!r}" if rule.name else f"rule {rule.number}"
        self._wrong(self.lines.of_rule(rule.number, key), f"{named}: {f'{key}: ' if key else ''}{text}")

    def _read_rule(self, number: int, raw: dict[str, Any]) -> _Rule:
        name = raw.get("name", "")
        rule = _Rule(number, name if isinstance(name, str) else "", words={}, ranges=[])
        if not rule.name or not rule.name.isprintable():
            self._wrong_rule(rule, "name", "every rule needs one: a text")
        to = raw.get("to", "")
        if not isinstance(to, str) or to not in self.known.destinations:
            self._wrong_rule(rule, "to", _none_of(to, self.known.destinations))
        else:
            rule.to = to
        for key, value in raw.items():
            if key in ("name", "to"):
                continue
            if key not in CONDITIONS:
                self._wrong_rule(rule, key, f"no condition is named so: {', '.join(CONDITIONS)}")
            elif key in NUMBERS:
                self._read_range(rule, key, value)
            elif key == "time":
                self._read_time(rule, value)
            else:
                self._read_words(rule, key, value)
        self._check_clock(rule, raw)
        if not rule.is_wrong:
            self._check_contradictions(rule)
        return rule

    def _read_words(self, rule: _Rule, key: str, value: object) -> None:
        texts = _texts(value)
        if texts is None:
            self._wrong_rule(rule, key, "a text or a list of texts is expected, none of them empty")
            return
        found: list[str] = []
        for text in texts:
            word = _WORDS.get(key, {}).get(text, text)
            if key == "urgency":
                reason = (
                    ""
                    if re.fullmatch(r"[!-~]+", word) and word == word.lower()
                    else (f"{word!r} is not a word in lower case")
                )
            else:
                values = self._values_of(key)
                reason = "" if word in values else _none_of(text, _WORDS.get(key, values))
            if reason:
                self._wrong_rule(rule, key, reason)
            else:
                found.append(self.known.venues[word] if key in ("up", "down") else word)
        if key == "zone" and len(found) > 1:
            self._wrong_rule(rule, key, "one clock is expected")
        rule.words[key] = tuple(dict.fromkeys(found))

    def _values_of(self, key: str) -> Iterable[str]:
        """What a condition may name."""
        known = self.known
        of: dict[str, Callable[[], Iterable[str]]] = {
            "symbol": lambda: self.instruments,
            "list": lambda: self.lists,
            "asset_class": lambda: {i.asset_class for i in known.instruments} - {""},
            "market": lambda: {i.market for i in known.instruments} | known.zones.keys(),
            "currency": lambda: {i.currency for i in known.instruments},
            "account": lambda: {a.account for a in known.accounts},
            "client": lambda: known.clients,
            "side": lambda: MULTILEG_SIDES,
            "ord_type": lambda: ORD_TYPES,
            "time_in_force": lambda: TIMES_IN_FORCE,
            "market_state": lambda: known.market_states,
            "up": lambda: known.venues,
            "down": lambda: known.venues,
            "weekday": lambda: WEEKDAYS,
            "zone": lambda: (MARKET, UTC),
        }
        return of[key]()

    def _read_range(self, rule: _Rule, key: str, value: object) -> None:
        if not isinstance(value, dict) or not value or not value.keys() <= {"from", "below"}:
            self._wrong_rule(rule, key, 'a range is expected: { from = "100", below = "5000" }')
            return
        low = _number(value["from"]) if "from" in value else 0
        high = _number(value["below"]) if "below" in value else NO_END
        for bound in (low, high):
            if isinstance(bound, str):
                self._wrong_rule(rule, key, bound)
                return
        assert isinstance(low, int)
        assert isinstance(high, int)
        if low >= high:
            self._wrong_rule(rule, key, "the range is empty")
            return
        rule.ranges.append((key, low, high))

    def _read_time(self, rule: _Rule, value: object) -> None:
        if not isinstance(value, dict) or not value or not value.keys() <= {"from", "until"}:
            self._wrong_rule(rule, "time", 'a range is expected: { from = "08:00", until = "16:30" }')
            return
        low, high = _time(value.get("from", "00:00")), _time(value.get("until", "24:00"))
        if low is None or high is None or low == DAY_S:
            self._wrong_rule(rule, "time", "HH:MM or HH:MM:SS is expected")
        elif low == high:
            self._wrong_rule(rule, "time", "the range is empty")
        elif low < high:
            rule.ranges.append(("time", low, high))
        else:
            rule.ranges.append(("time", low, DAY_S))
            if high:
                rule.ranges.append(("time", 0, high))

    def _check_clock(self, rule: _Rule, raw: dict[str, Any]) -> None:
        timed = next((key for key in ("time", "weekday") if key in raw), "")
        if timed and "zone" not in raw:
            self._wrong_rule(rule, timed, f'by which clock? zone = "{MARKET}" or "{UTC}"')
        if "zone" in raw and not timed:
            self._wrong_rule(rule, "zone", "says nothing without time or weekday")

    def _check_contradictions(self, rule: _Rule) -> None:
        """What no order can be at once. What escapes this is found by `find_unreachable`, in fewer words."""
        words = rule.words
        both = [name for name in words.get("up", ()) if name in words.get("down", ())]
        if both:
            self._wrong_rule(rule, "down", f"{both[0]} is to be up as well")
        for symbol in words.get("symbol", ()):
            for key in OF_INSTRUMENT[1:]:
                if key in words and not self._is_of(self.instruments[symbol], key, words[key]):
                    self._wrong_rule(rule, "symbol", f"{symbol} is not of {key} {_joined(words[key])}")
        left = list(self.known.instruments)
        said: list[str] = []
        for key in OF_INSTRUMENT:
            if key in words and not rule.is_wrong:
                left = [i for i in left if self._is_of(i, key, words[key])]
                if not left:
                    what = " and ".join([*said, f"{key} {_joined(words[key])}"])
                    self._wrong_rule(rule, key, f"there is no instrument of {what}")
                said.append(f"{key} {_joined(words[key])}")
        if rule.is_wrong:
            return
        if any(name == "adv_percent" for name, _, _ in rule.ranges) and not any(
            i.symbol in self.volumes for i in left
        ):
            self._wrong_rule(rule, "adv_percent", "no instrument of it has an average daily volume")
        if words.get("zone") == (MARKET,) and not any(i.market in self.known.zones for i in left):
            self._wrong_rule(rule, "zone", "the clock of none of its markets is known")
        if "account" in words and "client" in words:
            of = [a.sessions for a in self.known.accounts if a.account in words["account"]]
            if not any(client in sessions for sessions in of for client in words["client"]):
                who, which = _joined(words["client"]), _joined(words["account"])
                self._wrong_rule(rule, "account", f"{who} may not trade {which}")

    def _is_of(self, instrument: ev.InstrumentDefined, key: str, values: tuple[str, ...]) -> bool:
        if key == "list":
            return any(instrument.symbol in self.lists[value] for value in values)
        return getattr(instrument, key) in values

    # -- the table as a whole --------------------------------------------------------------------------------

    def _look_for_idle(self, table: ev.RoutingDefined, rules: list[_Rule], most_steps: int) -> list[str]:
        """Say which rules no order comes to; the warnings about those of which it was not found out."""
        known = self.known
        router = Router(table, known.instruments)
        found = find_unreachable(router, known.instruments, known.accounts, known.market_states, most_steps)
        for covered in found.covered:
            names = [repr(rules[n].name) for n in covered.by]
            text = "no order meets all of its conditions"
            if names:
                several = f" {len(names)} rules before it take" if len(names) > _MOST_NAMED else ""
                several = several or f"{_joined(names, 'and')} take{'s' if len(names) == 1 else ''}"
                text = f"no order comes to it: {several.strip()} all that it is for"
            self._wrong_rule(rules[covered.rule], "", text)
        return [self._undecided(rules[n], most_steps) for n in found.undecided]

    def _undecided(self, rule: _Rule, steps: int) -> str:
        where = f"{self.path}, line {self.lines.of_rule(rule.number)}: rule {rule.name!r}"
        return f"{where}: it was not found out in {steps} steps whether any order comes to it"


_MOST_NAMED: Final = 8


# -- values --------------------------------------------------------------------------------------------------


def _named(kind: type, also: Iterable[str]) -> dict[str, str]:
    """The words for FIX's characters, and those themselves."""
    return {name.lower(): value for name, value in vars(kind).items() if name.isupper()} | {
        value: value for value in also
    }


_WORDS: Final[dict[str, dict[str, str]]] = {
    "side": _named(Side, MULTILEG_SIDES),
    "ord_type": _named(OrdType, ORD_TYPES),
    "time_in_force": _named(TimeInForce, TIMES_IN_FORCE),
}


def word(key: str, text: str) -> str:
    """FIX's character for a word of side, ord_type or time_in_force; any other text as it is."""
    return _WORDS.get(key, {}).get(text, text)


def _texts(value: object) -> tuple[str, ...] | None:
    """One text or several; None if that is not what it is, or one is empty."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) and t for t in texts):
        return None
    return tuple(texts)


def _number(value: object) -> int | str:
    """A decimal, written as text or as a whole number, in units of 1e-8; what is wrong with it, as text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return f'{value!r} is not a number as it is written here: "12.5"'
    try:
        number = parse_scaled(str(value))
    except ValueError as error:
        return str(error)
    return number if number >= 0 else f"{value} is negative"


def _time(value: object) -> int | None:
    """HH:MM or HH:MM:SS as seconds of the day; 24:00 is its end."""
    found = re.fullmatch(r"(\d\d):([0-5]\d)(?::([0-5]\d))?", value) if isinstance(value, str) else None
    if found is None:
        return None
    second = int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3] or 0)
    return second if second <= DAY_S else None


def _none_of(text: object, known: Iterable[str]) -> str:
    names = sorted(known)
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"{text!r} is none of: {shown}" if names else f"{text!r}: none is known here"


def _joined(words: Iterable[str], last: str = "or") -> str:
    """
    >>> _joined(["a", "b", "c"]), _joined(["a"])
    ('a, b or c', 'a')
    """
    *most, end = words
    return f"{', '.join(most)} {last} {end}" if most else end


# -- lines ---------------------------------------------------------------------------------------------------


class _Lines:
    """Where in a file something stands: TOML's reader does not say."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._rules = [n for n, line in enumerate(self._lines) if re.match(r"\s*\[\[\s*rule\s*\]\]", line)]

    def top(self, key: str) -> int:
        """The line that sets a key of the file, or opens its table."""
        return self._find(rf"\s*(?:{_key(key)}\s*=|\[+\s*{_key(key)}\s*[\].])", 0, len(self._lines)) or 1

    def of_list(self, name: str) -> int:
        """The line that sets a list."""
        start = self.top("lists")
        return self._find(rf"\s*(?:lists\s*\.\s*)?{_key(name)}\s*=", start - 1, len(self._lines)) or start

    def of_rule(self, number: int, key: str = "") -> int:
        """The line where the n-th rule begins, or where it sets a key."""
        if number > len(self._rules):
            return self.top("rule")
        start = self._rules[number - 1]
        end = self._rules[number] if number < len(self._rules) else len(self._lines)
        pattern = rf"\s*(?:{_key(key)}\s*[=.]|\[\s*rule\s*\.\s*{_key(key)}\s*\])"
        return (self._find(pattern, start, end) if key else 0) or start + 1

    def _find(self, pattern: str, start: int, end: int) -> int:
        return next((n + 1 for n in range(start, end) if re.match(pattern, self._lines[n])), 0)


def _key(name: str) -> str:
    """A key as TOML lets it be written."""
    return rf"[\"']?{re.escape(name)}[\"']?"
