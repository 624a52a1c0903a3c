"""The routing table, compiled: the rules that hold for an order are found without looking at every rule.

For every attribute of an order there is a look-up from its value to the set of rules that accept it, those
that say nothing of the attribute among them. A set is an int with one bit per rule, the first rule's the
highest. A choice ANDs one set per attribute that the table speaks of and takes the highest bit that is left:
what it costs depends on how many attributes there are, not on how many rules.

Words (account, side ...) are dicts. Numbers are breakpoints and a bisect; a range is [from, below). All that
an instrument fixes is one attribute: symbol, lists, market, currency, asset class; also whether its average
daily volume and its market's local time are known, since a condition on what is not known does not hold.
Which venues are up is one set as well, made anew when that changes, not when an order comes.

Conditions and their values, as `events.RoutingRule` has them. A rule without any holds for every order.

    symbol list asset_class market currency          of the instrument: one of the values
    account client side ord_type time_in_force       one of the values
    urgency market_state                             one of the values; empty is not known
    order_qty notional adv_percent                   in one of the ranges, in units of 1e-8
    up down                                          all of these venues are up, or down
    zone                                             whose clock: "UTC", or "market"
    time weekday                                     by that clock: in one of the ranges, in seconds of the
                                                     day; one of the values
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import product
from operator import attrgetter
from typing import Final

from msgspec import Struct

from oms.core import events as ev
from oms.core.controls import MULTILEG_SIDES, ORD_TYPES, TIMES_IN_FORCE
from oms.core.types import MAX_SCALED, SCALE, format_notional, format_scaled

NO_END: Final = MAX_SCALED
"""The end of a range that has none."""

PERCENT: Final = 100 * SCALE
"""A part in percent, in units of 1e-8, is that times the part."""

DAY_S: Final = 86_400
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday.
_NEVER_S: Final = MAX_SCALED

UTC, MARKET = "UTC", "market"
"""Values of `zone`."""

OF_INSTRUMENT: Final = ("symbol", "list", "asset_class", "market", "currency")
OF_GROUP: Final = ("asset_class", "market", "currency")
"""What an instrument shares with others."""


class Choice(Struct, frozen=True):
    """Where an order goes, by which rule, and what of the order that rule looked at."""

    to: str
    rule: str
    facts: str


class Facts(Struct, gc=False):
    """What rules may look at."""

    instrument: ev.InstrumentDefined
    account: str
    client: str
    side: str
    ord_type: str
    time_in_force: str
    urgency: str  # empty: nothing was said
    market_state: str  # empty: not known
    order_qty: int
    notional: int  # at the price that risk holds it at, in units of 1e-16 of its currency; 0: not known
    now_ns: int


class Words(Struct):
    """One attribute with names for values: value -> the rules that accept it."""

    masks: dict[str, int]
    other: int  # those that accept a value that no rule names


class Ranges(Struct):
    """One attribute that is a number. `masks[n]` are the rules that accept what is below `points[n]` and not
    below the point before."""

    points: list[int]
    masks: list[int]
    unknown: int  # the rules that accept it if it is not known

    def at(self, value: int) -> int:
        """The rules that accept a value. O(log rules)."""
        return self.masks[bisect_right(self.points, value)]


class Clock:
    """Time of day and weekday by one clock: that of UTC, or of each market."""

    __slots__ = ("_moves", "_time", "_weekday")

    def __init__(
        self, time: Ranges | None, weekday: list[int], moves: Mapping[str, tuple[list[int], list[int]]]
    ) -> None:
        self._time = time
        self._weekday = weekday  # the rules that accept it, from Monday on
        self._moves = moves  # market -> (seconds, seconds that are added to UTC from then on)

    def at(self, market: str, second: int) -> tuple[int, int, int]:
        """(from, until, the rules that accept the seconds from one to the other), around a second.

        It ends where a range does, or the day, or the clock is put forward or back. Seconds are counted from
        1970-01-01 UTC. O(log rules).
        """
        begins, ends, offset = self._offset(market, second)
        midnight, of_day = divmod(second + offset, DAY_S)
        bits = self._weekday[(midnight + _EPOCH_WEEKDAY) % 7]
        midnight = midnight * DAY_S - offset
        low, high = 0, DAY_S
        if self._time is not None:
            points = self._time.points
            n = bisect_right(points, of_day)
            bits &= self._time.masks[n]
            low = points[n - 1] if n else 0
            high = points[n] if n < len(points) else DAY_S
        return max(begins, midnight + low), min(ends, midnight + high), bits

    def local(self, market: str, second: int) -> int:
        """The same second by the market's clock; by UTC where that is not known."""
        return second + self._offset(market, second)[2]

    def parts(self) -> tuple[Ranges | None, list[int]]:
        """Time of day, and the rules that accept each weekday from Monday on."""
        return self._time, self._weekday

    def of_week(self, second: int) -> int:
        """The rules that accept a second by this clock, counted from a Thursday's midnight."""
        bits = self._weekday[(second // DAY_S + _EPOCH_WEEKDAY) % 7]
        return bits if self._time is None else bits & self._time.at(second % DAY_S)

    def _offset(self, market: str, second: int) -> tuple[int, int, int]:
        """(from, until, what is added to UTC meanwhile)."""
        moves = self._moves.get(market)
        if moves is None:
            return 0, _NEVER_S, 0
        since, offsets = moves
        n = max(bisect_right(since, second) - 1, 0)
        return since[n] if n else 0, since[n + 1] if n + 1 < len(since) else _NEVER_S, offsets[n]


class Router:
    """A table, compiled for the instruments that there are. O(rules * instruments) to make."""

    __slots__ = (
        "account",
        "adv",
        "by_group",
        "by_symbol",
        "client",
        "clocks",
        "local",
        "market_state",
        "market_wide",
        "notional",
        "order_qty",
        "ord_type",
        "rules",
        "side",
        "table",
        "time_in_force",
        "urgency",
        "utc",
        "venues",
        "venues_mask",
        "volumes",
        "_fixed",
        "_kinds",
        "_listed",
        "_moments",
        "_unsaid",
        "_wordings",
    )

    def __init__(self, table: ev.RoutingDefined, instruments: Iterable[ev.InstrumentDefined]) -> None:
        self.table = table
        self.rules = rules = table.rules
        self.volumes = dict(table.volumes)
        self.clocks: dict[str, tuple[list[int], list[int]]] = {
            mic: ([since for since, _ in moves], [offset for _, offset in moves])
            for mic, moves in table.clocks
        }
        self._compile_instruments(instruments)
        self.account = _words(rules, "account")
        self.client = _words(rules, "client")
        self.side = _words(rules, "side", MULTILEG_SIDES)
        self.ord_type = _words(rules, "ord_type", ORD_TYPES)
        self.time_in_force = _words(rules, "time_in_force", TIMES_IN_FORCE)
        self.urgency = _words(rules, "urgency")
        self.market_state = _words(rules, "market_state")
        self.order_qty = _ranges(rules, "order_qty")
        self.notional = _ranges(rules, "notional", SCALE)
        self.adv = _ranges(rules, "adv_percent")
        self.utc = _clock(rules, UTC, {})
        self.local = _clock(rules, MARKET, self.clocks)
        # Name -> (the rules that accept it up, and down).
        self.venues: dict[str, tuple[int, int]] = _venues(rules)
        self.venues_mask = -1
        # What is looked up at once: all of an order that is one of few combinations, and of its instrument.
        self._kinds: dict[tuple[str, str, str], int] = {}
        if self.side or self.ord_type or self.time_in_force:
            for kind in product(MULTILEG_SIDES, ORD_TYPES, TIMES_IN_FORCE):
                self._kinds[kind] = self._kind(*kind)
        self._listed = {
            symbol: (mask, self.volumes.get(symbol, 0) if self.adv is not None else 0)
            for symbol, mask in self.by_symbol.items()
        }
        # Market -> (from, until, the rules that accept the time between): found once for all until then.
        self._moments: dict[str, tuple[int, int, int]] | None = None
        if self.utc is not None or self.local is not None:
            self._moments = {}
        self._unsaid = -1
        self.look_at(frozenset())
        # What is said of a choice: all of it, where a rule leaves no room, or how to say it.
        self._fixed: list[Choice | None] = []
        self._wordings = [_wording(rule) for rule in rules]
        for rule, wording in zip(rules, self._wordings, strict=True):
            is_fixed = wording.read is None and not wording.more
            self._fixed.append(Choice(rule.to, rule.name, wording.text) if is_fixed else None)

    def _compile_instruments(self, instruments: Iterable[ev.InstrumentDefined]) -> None:
        """Symbol -> the rules that accept all that the instrument fixes."""
        lists = {name: frozenset(symbols) for name, symbols in self.table.lists}
        by_symbol: dict[str, int] = {}
        groups: dict[tuple[str, str, str], list[str]] = {}
        for i in instruments:
            by_symbol[i.symbol] = 0
            groups.setdefault((i.market, i.currency, i.asset_class), []).append(i.symbol)
        # Rules that name no symbol hold for whole groups; those that do, for their symbols of these groups.
        by_group = dict.fromkeys(groups, 0)
        self.market_wide = 0
        for rule, bit in _bits(self.rules):
            words = dict(rule.words)
            asks_volume = any(name == "adv_percent" for name, _, _ in rule.ranges)
            asks_clock = words.get("zone") == (MARKET,)
            named: frozenset[str] | None = None
            if "symbol" in words:
                named = frozenset(words["symbol"])
            if "list" in words:
                listed = frozenset().union(*(lists[name] for name in words["list"]))
                named = listed if named is None else named & listed
            if asks_volume:
                named = frozenset(self.volumes) if named is None else named & self.volumes.keys()
            if not asks_clock and named is None and not any(name in words for name in OF_GROUP):
                self.market_wide |= bit
            for key, symbols in groups.items():
                market, currency, asset_class = key
                if market not in words.get("market", (market,)) or (asks_clock and market not in self.clocks):
                    continue
                if currency not in words.get("currency", (currency,)):
                    continue
                if asset_class not in words.get("asset_class", (asset_class,)):
                    continue
                if named is None:
                    by_group[key] |= bit
                    continue
                for symbol in named.intersection(symbols):
                    by_symbol[symbol] |= bit
        self.by_group = by_group
        self.by_symbol = {
            symbol: by_symbol[symbol] | by_group[key] for key, symbols in groups.items() for symbol in symbols
        }

    def _kind(self, side: str, ord_type: str, time_in_force: str) -> int:
        """The rules that accept all three."""
        bits = _accepting(self.side, side) & _accepting(self.ord_type, ord_type)
        return bits & _accepting(self.time_in_force, time_in_force)

    # -- choosing --------------------------------------------------------------------------------------------

    def look_at(self, up: Iterable[str]) -> None:
        """Which venues are up has changed, or may have. O(venues that rules name)."""
        up = frozenset(up)
        bits = -1
        for name, (if_up, if_down) in self.venues.items():
            bits &= if_up if name in up else if_down
        self.venues_mask = bits
        # Of most orders nothing is said of how urgent they are, and nothing known of how their market stands.
        self._unsaid = bits & _accepting(self.urgency, "") & _accepting(self.market_state, "")

    def choose(self, facts: Facts) -> Choice | None:
        """Where the first rule that holds sends an order; None if none holds."""
        bits = self.holding(facts)
        if not bits:
            return None
        n = len(self.rules) - bits.bit_length()
        choice = self._fixed[n]
        if choice is None:
            rule = self.rules[n]
            choice = Choice(rule.to, rule.name, self._wordings[n].of(self, facts))
        return choice

    def holding(self, facts: Facts) -> int:
        """The rules that hold for an order, the first one's bit the highest."""
        instrument = facts.instrument
        listed = self._listed.get(instrument.symbol)
        if listed is None:
            # A multileg order has no symbol.
            key = (instrument.market, instrument.currency, instrument.asset_class)
            bits, volume = self.by_group.get(key, self.market_wide), 0
        else:
            bits, volume = listed
        if facts.urgency or facts.market_state:
            bits &= self.venues_mask & _accepting(self.urgency, facts.urgency)
            bits &= _accepting(self.market_state, facts.market_state)
        else:
            bits &= self._unsaid
        axis = self.account
        if axis is not None:
            bits &= axis.masks.get(facts.account, axis.other)
        axis = self.client
        if axis is not None:
            bits &= axis.masks.get(facts.client, axis.other)
        kinds = self._kinds
        if kinds:
            kind = kinds.get((facts.side, facts.ord_type, facts.time_in_force))
            bits &= kind if kind is not None else self._kind(facts.side, facts.ord_type, facts.time_in_force)
        qty = facts.order_qty
        ranges = self.order_qty
        if ranges is not None:
            bits &= ranges.masks[bisect_right(ranges.points, qty)]
        ranges = self.notional
        if ranges is not None:
            worth = facts.notional
            bits &= ranges.masks[bisect_right(ranges.points, worth)] if worth else ranges.unknown
        if volume:
            # Where it is not known, the instrument's own set has no rule that asks for it.
            ranges = self.adv
            assert ranges is not None
            bits &= ranges.masks[bisect_right(ranges.points, qty * PERCENT // volume)]
        moments = self._moments
        if moments is not None:
            moment = moments.get(instrument.market)
            if moment is None or not moment[0] <= facts.now_ns < moment[1]:
                moment = moments[instrument.market] = self._moment(instrument.market, facts.now_ns)
            bits &= moment[2]
        return bits

    def _moment(self, market: str, now_ns: int) -> tuple[int, int, int]:
        """(from, until, the rules that accept the time between), around now. Nanoseconds."""
        begins, ends, bits = 0, _NEVER_S, -1
        for clock in (self.utc, self.local):
            if clock is not None:
                low, high, accepted = clock.at(market, now_ns // 1_000_000_000)
                begins, ends, bits = max(begins, low), min(ends, high), bits & accepted
        return begins * 1_000_000_000, ends * 1_000_000_000, bits

    def names(self, bits: int) -> list[str]:
        """The rules of a set, in their order."""
        return [rule.name for rule, bit in _bits(self.rules) if bits & bit]


def adv_percent(order_qty: int, volume: int) -> int:
    """A quantity as a part of the average daily volume: percent in units of 1e-8, rounded down.

    Rounding moves nothing across the bound of a range, which is a whole number of these units.
    """
    return order_qty * PERCENT // volume


# -- sets of rules -------------------------------------------------------------------------------------------


def _bits(rules: tuple[ev.RoutingRule, ...]) -> Iterable[tuple[ev.RoutingRule, int]]:
    """Every rule with its bit, in their order."""
    return ((rule, 1 << n) for rule, n in zip(rules, range(len(rules) - 1, -1, -1), strict=True))


def _words(rules: tuple[ev.RoutingRule, ...], name: str, all_of_them: Iterable[str] = ()) -> Words | None:
    """The sets of one attribute; None if no rule asks for it."""
    other = 0
    named: dict[str, int] = {}
    for rule, bit in _bits(rules):
        values = next((values for condition, values in rule.words if condition == name), None)
        if values is None:
            other |= bit
            continue
        for value in values:
            named[value] = named.get(value, 0) | bit
    if not named:
        return None
    return Words({value: named.get(value, 0) | other for value in (*named, *all_of_them)}, other)


def _ranges(rules: tuple[ev.RoutingRule, ...], name: str, scale: int = 1, zone: str = "") -> Ranges | None:
    """The sets of one number, whose bounds are `scale` times those in the table; None if no rule asks."""
    unknown = 0
    moves: dict[int, int] = {}  # point -> the rules that begin or end to accept there
    first = 0  # those that accept what is below every point
    for rule, bit in _bits(rules):
        pieces = [(low, high) for condition, low, high in rule.ranges if condition == name]
        if not pieces or (zone and ("zone", (zone,)) not in rule.words):
            unknown |= bit
            first |= bit
            continue
        for low, high in joined(pieces):
            if low <= 0:
                first |= bit
            else:
                moves[low * scale] = moves.get(low * scale, 0) ^ bit
            if high != NO_END:
                moves[high * scale] = moves.get(high * scale, 0) ^ bit
    if first == unknown and not moves:
        return None
    points = sorted(moves)
    masks = [first]
    for point in points:
        masks.append(masks[-1] ^ moves[point])
    return Ranges(points, masks, unknown)


def _accepting(words: Words | None, value: str) -> int:
    """The rules that accept a value of one attribute."""
    return -1 if words is None else words.masks.get(value, words.other)


def joined(pieces: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges as few that do not touch, ascending.

    >>> joined([(5, 9), (1, 3), (3, 4), (6, 7)])
    [(1, 4), (5, 9)]
    """
    found: list[tuple[int, int]] = []
    for low, high in sorted(pieces):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found


def _clock(
    rules: tuple[ev.RoutingRule, ...], zone: str, moves: Mapping[str, tuple[list[int], list[int]]]
) -> Clock | None:
    """Time and weekday by one clock; None if no rule asks for either."""
    time = _ranges(rules, "time", zone=zone)
    other = 0
    days = [0] * 7
    for rule, bit in _bits(rules):
        words = dict(rule.words)
        if "weekday" not in words or words.get("zone") != (zone,):
            other |= bit
            continue
        for day in words["weekday"]:
            days[WEEKDAYS.index(day)] |= bit
    if time is None and not any(days):
        return None
    return Clock(time, [day | other for day in days], moves)


def _venues(rules: tuple[ev.RoutingRule, ...]) -> dict[str, tuple[int, int]]:
    """Venue -> (the rules that accept it up, and down)."""
    needs: dict[str, dict[str, int]] = {}
    for rule, bit in _bits(rules):
        for condition, names in rule.words:
            if condition in ("up", "down"):
                for name in names:
                    asked = needs.setdefault(name, {"up": 0, "down": 0})
                    asked[condition] |= bit
    everything = (1 << len(rules)) - 1
    return {name: (everything & ~asked["down"], everything & ~asked["up"]) for name, asked in needs.items()}


# -- what a rule looked at, in words -------------------------------------------------------------------------

Say = Callable[[Router, Facts], str]


class Wording(Struct, frozen=True):
    """How to say what a rule looked at: what it leaves no choice of, and what is read from an order."""

    text: str  # with a place for each of what `read` gives
    read: Callable[[Facts], object] | None
    more: tuple[Say, ...]

    def of(self, router: Router, facts: Facts) -> str:
        """What a rule that holds looked at in an order: "market=XLON; order_qty=5000"."""
        text = self.text if self.read is None else self.text % self.read(facts)
        more = self.more
        if not more:
            return text
        if len(more) == 1:
            return text + more[0](router, facts)
        return text + "; ".join([say(router, facts) for say in more])


def _say_order_qty(router: Router, facts: Facts) -> str:
    return f"order_qty={format_scaled(facts.order_qty)}"


def _say_notional(router: Router, facts: Facts) -> str:
    return f"notional={format_notional(facts.notional)} {facts.instrument.currency}"


def _say_adv(router: Router, facts: Facts) -> str:
    percent = adv_percent(facts.order_qty, router.volumes[facts.instrument.symbol])
    return f"adv_percent={format_scaled(percent)}"


def _say_utc(router: Router, facts: Facts) -> str:
    return _time_text(facts.now_ns // 1_000_000_000, UTC)


def _say_local(router: Router, facts: Facts) -> str:
    market = facts.instrument.market
    assert router.local is not None
    return _time_text(router.local.local(market, facts.now_ns // 1_000_000_000), market)


@lru_cache(maxsize=64)
def _time_text(second: int, clock: str) -> str:
    minutes, seconds = divmod(second % DAY_S, 60)
    day = WEEKDAYS[(second // DAY_S + _EPOCH_WEEKDAY) % 7]
    return f"time={day} {minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d} {clock}"


_NUMBERS: Final[Mapping[str, Say]] = {
    "order_qty": _say_order_qty,
    "notional": _say_notional,
    "adv_percent": _say_adv,
}


def _wording(rule: ev.RoutingRule) -> Wording:
    """How to say what a rule looked at. All of an order is not repeated: only what the rule asks for."""
    texts: list[str] = []
    read: list[str] = []
    words = dict(rule.words)
    for name, values in rule.words:
        if name in ("up", "down"):
            texts += [f"{value}={name}".replace("%", "%%") for value in values]
        elif name in ("zone", "weekday"):
            continue
        elif name == "list" or len(values) == 1:
            texts.append(f"{name}={'|'.join(values)}".replace("%", "%%"))
        else:
            texts.append(f"{name}=%s")
            read.append(f"instrument.{name}" if name in OF_INSTRUMENT else name)
    if "list" in words and "symbol" not in words:
        texts.append("symbol=%s")
        read.append("instrument.symbol")
    more = [_NUMBERS[name] for name in dict.fromkeys(name for name, _, _ in rule.ranges) if name != "time"]
    if "zone" in words and ("weekday" in words or any(name == "time" for name, _, _ in rule.ranges)):
        more.append(_say_utc if words["zone"] == (UTC,) else _say_local)
    if texts and more:
        texts.append("")
    text = "; ".join(texts)
    if not read:
        return Wording(text.replace("%%", "%"), None, tuple(more))
    return Wording(text, attrgetter(*read), tuple(more))
