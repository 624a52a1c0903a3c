"""Rules that no order can ever come to, because rules before them take every order that they are for.

The values of an attribute fall into classes: all values of a class are accepted by the same rules. Only
classes matter, so the question is finite: is there a class of every attribute such that the rule accepts all
of them and no earlier rule does? That is a search (in general it is as hard as satisfiability), and it is
exact: it ends with an order that comes to the rule, or with the proof that there is none. Where it takes more
than a given number of steps, the rule is reported as undecided.

What makes it short in practice: only the rules before, as far as they accept what the rule does, are to be
avoided (`blockers`); what no attribute can avoid ends the search at once; a blocker that one attribute alone
can avoid leaves that attribute few classes; a class is passed over if another avoids the same blockers and
more.

Attributes that depend on each other are one: what an instrument fixes, and whether it is a combination of
several; quantity and, through the instrument's average daily volume, the part of that volume, in whole lots;
an account and who may trade it; the time of UTC and of a market. Two simplifications remain, and both only
let a rule pass: the value of an order is taken to be independent of its quantity (its price is free), and
every venue may be up or down.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from oms.core import events as ev
from oms.core.controls import MULTILEG_SIDES, ORD_TYPES, SIDES, TIMES_IN_FORCE
from oms.core.router import DAY_S, PERCENT, Clock, Router, Words, adv_percent
from oms.core.types import MAX_SCALED, SCALE, OrdType

MOST_STEPS: Final = 20_000
"""How many steps the search for one rule may take."""

MULTILEG_ORD_TYPES: Final = (OrdType.MARKET, OrdType.LIMIT)
"""See `controls.unsupported_legs`."""

WEEK_S: Final = 7 * DAY_S


class Axis(Struct, frozen=True):
    """The classes of one attribute."""

    name: str
    masks: list[int]  # for each, the rules that accept its values
    common: int  # the rules that accept all of them


class Covered(Struct, frozen=True):
    """A rule that no order comes to, and rules before it that take all of its orders: as few as were found.

    `by` is empty where the rule accepts no order at all, whatever is before it.
    """

    rule: int
    by: tuple[int, ...]


class Reach(Struct):
    """What the search found of a table. Rules by their place, from 0 on."""

    covered: list[Covered]
    undecided: list[int]


class _TooManySteps(Exception):
    """The search was given up."""


def find_unreachable(
    router: Router,
    instruments: Iterable[ev.InstrumentDefined],
    accounts: Iterable[ev.AccountDefined],
    market_states: Iterable[str],
    most_steps: int = MOST_STEPS,
) -> Reach:
    """The rules of a table that no order can come to, and those of which that could not be found out."""
    search = _Search(router, instruments, accounts, market_states, most_steps)
    found = Reach([], [])
    for n in range(len(router.rules)):
        try:
            covered = search.covered(n)
        except _TooManySteps:
            found.undecided.append(n)
            continue
        if covered is not None:
            found.covered.append(covered)
    return found


# -- one table -----------------------------------------------------------------------------------------------


class _Profile(Struct, frozen=True):
    """What the search needs to know of an instrument: all with the same one are one class."""

    mask: int
    lot: int
    volume: int  # 0 where no rule asks, or it is not known
    offsets: tuple[int, ...]  # of its market's clock from UTC, where rules ask for both
    has_legs: bool = False  # a combination of instruments, traded as one


class _Search:
    """The classes of a table's attributes, and the search over them."""

    def __init__(
        self,
        router: Router,
        instruments: Iterable[ev.InstrumentDefined],
        accounts: Iterable[ev.AccountDefined],
        market_states: Iterable[str],
        most_steps: int,
    ) -> None:
        self._router = router
        self._count = len(router.rules)
        self._most_steps = most_steps
        self._steps = 0
        both_clocks = router.utc is not None and router.local is not None
        self._asks_own = 0  # the rules that ask for an attribute whose classes depend on the instrument
        for n, rule in enumerate(router.rules):
            names = {name for name, _, _ in rule.ranges}
            is_timed = both_clocks and ("time" in names or any(name == "weekday" for name, _ in rule.words))
            if is_timed or "order_qty" in names or "adv_percent" in names:
                self._asks_own |= 1 << (self._count - 1 - n)
        self._accepts: dict[str, Axis] = {}
        self._accepts_of = 0
        self._of_lot: dict[tuple[int, int], Axis] = {}
        self._of_offsets: dict[tuple[int, ...], Axis] = {}
        self._profiles = list(dict.fromkeys((*map(self._profile, instruments), *self._combinations())))
        common = list(self._common(list(accounts), market_states))
        self._axes = [
            [*self._kinds(SIDES, ORD_TYPES), *common],
            [*self._kinds(MULTILEG_SIDES, MULTILEG_ORD_TYPES), *common],
        ]
        """The attributes that all orders have in common: without legs, and with."""

    def _profile(self, instrument: ev.InstrumentDefined) -> _Profile:
        router = self._router
        volume = router.volumes.get(instrument.symbol, 0) if router.adv is not None else 0
        mask = router.by_symbol[instrument.symbol]
        return _Profile(mask, instrument.lot_size, volume, self._offsets(instrument.market))

    def _combinations(self) -> Iterator[_Profile]:
        """What multileg orders may be of: they have no symbol, and are in lots of one."""
        for (market, _, _), mask in self._router.by_group.items():
            yield _Profile(mask, SCALE, 0, self._offsets(market), True)

    def _offsets(self, market: str) -> tuple[int, ...]:
        router = self._router
        if router.utc is None or router.local is None:
            return ()
        _, found = router.clocks.get(market, ((), (0,)))
        return tuple(sorted(set(found)))

    def _kinds(self, sides: Iterable[str], ord_types: Iterable[str]) -> Iterator[Axis]:
        """Attributes whose classes depend on whether the order has legs."""
        for name, words, values in (
            ("side", self._router.side, sides),
            ("ord_type", self._router.ord_type, ord_types),
        ):
            if words is not None:
                yield _axis(name, (words.masks[value] for value in values))

    def _common(self, accounts: list[ev.AccountDefined], market_states: Iterable[str]) -> Iterator[Axis]:
        """Attributes whose classes are the same whatever the order is of."""
        router = self._router
        if router.account is not None or router.client is not None:
            by_account, by_client = _looked_up(router.account), _looked_up(router.client)
            yield _axis(
                "account, client",
                (
                    by_account(account.account) & by_client(client)
                    for account in accounts
                    for client in account.sessions
                ),
            )
        if router.time_in_force is not None:
            masks = router.time_in_force.masks
            yield _axis("time_in_force", (masks[value] for value in TIMES_IN_FORCE))
        if router.urgency is not None:
            yield _axis("urgency", (*router.urgency.masks.values(), router.urgency.other))
        if router.market_state is not None:
            yield _axis("market_state", map(_looked_up(router.market_state), ("", *market_states)))
        if router.notional is not None:
            yield _axis("notional", router.notional.masks)
        for name, pair in router.venues.items():
            yield _axis(f"venue {name}", pair)
        clocks = [clock for clock in (router.utc, router.local) if clock is not None]
        if len(clocks) == 1:
            yield from _of_clock(clocks[0])

    def _own(self, profile: _Profile) -> Iterator[Axis]:
        """Attributes whose classes depend on the instrument."""
        router = self._router
        if router.order_qty is not None or router.adv is not None:
            key = (profile.lot, profile.volume)
            if key not in self._of_lot:
                self._of_lot[key] = _quantities(router, *key)
            yield self._of_lot[key]
        if profile.offsets:
            if profile.offsets not in self._of_offsets:
                assert router.utc is not None
                assert router.local is not None
                self._of_offsets[profile.offsets] = _moments(router.utc, router.local, profile.offsets)
            yield self._of_offsets[profile.offsets]

    # -- one rule --------------------------------------------------------------------------------------------

    def covered(self, n: int) -> Covered | None:
        """Whether the n-th rule is covered; None if an order can come to it. Raises _TooManySteps."""
        bit = 1 << (self._count - 1 - n)
        before = (1 << self._count) - 2 * bit
        mine = [[_accepted(axis, bit) for axis in axes] for axes in self._axes]
        possible = [all(axis.masks for axis in axes) for axes in mine]
        profiles = [p for p in self._profiles if p.mask & bit and possible[p.has_legs]]
        profiles.sort(key=lambda profile: (profile.mask & before).bit_count())
        if self._order_past(bit, before, mine, profiles) is not None:
            return None
        try:
            return Covered(n, self._blame(bit, mine, profiles))
        except _TooManySteps:
            return Covered(n, tuple(range(n)))

    def _order_past(
        self, bit: int, blockers: int, mine: list[list[Axis]], profiles: list[_Profile]
    ) -> int | None:
        """The rules that hold for some order that the rule accepts and none of the blockers does.

        None if there is no such order. Raises _TooManySteps.
        """
        self._steps = 0
        # What no class of an attribute avoids is avoided by none of its values.
        always = [blockers, blockers]
        for has_legs, axes in enumerate(mine):
            for axis in axes:
                always[has_legs] &= axis.common
        in_vain: set[tuple[int, bool]] = set()
        for profile in profiles:
            avoid = profile.mask & blockers
            stuck = avoid & always[profile.has_legs] & ~self._asks_own
            # Own attributes make no difference that neither the rule nor a blocker asks for.
            asked = (avoid | bit) & self._asks_own
            if stuck or (not asked and (avoid, profile.has_legs) in in_vain):
                continue
            axes = mine[profile.has_legs]
            own = self._own_of(profile, bit) if asked else []
            chosen = self._past(avoid, [*own, *axes]) if all(axis.masks for axis in own) else None
            if chosen is not None:
                bits = profile.mask
                for axis in (*self._own_of(profile, bit), *axes):
                    # Any class will do of an attribute that did not matter.
                    bits &= chosen.get(axis.name, axis.masks[0])
                return bits
            if not asked:
                in_vain.add((avoid, profile.has_legs))
        return None

    def _own_of(self, profile: _Profile, bit: int) -> list[Axis]:
        """An instrument's own attributes as far as a rule accepts them; remembered for the same rule."""
        if self._accepts_of != bit:
            self._accepts.clear()
            self._accepts_of = bit
        found = []
        for axis in self._own(profile):
            if axis.name not in self._accepts:
                self._accepts[axis.name] = _accepted(axis, bit)
            found.append(self._accepts[axis.name])
        return found

    def _past(self, blockers: int, axes: list[Axis]) -> dict[str, int] | None:
        """The classes to choose so that no blocker is left, of the axes that matter; None if there are none.

        By the names of the axes. Raises _TooManySteps.
        """
        self._steps += 1
        if self._steps > self._most_steps:
            raise _TooManySteps
        if not blockers:
            return {}
        # Which blockers one axis at least can avoid, and which two.
        once = twice = 0
        able: list[tuple[Axis, int]] = []
        for axis in axes:
            avoids = blockers & ~axis.common
            if avoids:
                able.append((axis, avoids))
                twice |= once & avoids
                once |= avoids
        if blockers & ~once:
            return None
        lonely = blockers & ~twice
        if lonely:
            chosen, avoids = next(found for found in able if found[1] & lonely)
            options = _fewest(chosen, blockers, avoids & lonely)
        else:
            options, chosen = min(
                ((_fewest(axis, blockers, 0), axis) for axis, _ in able), key=lambda found: len(found[0])
            )
        rest = [axis for axis, _ in able if axis is not chosen]
        for option in options:
            found = self._past(blockers & option, rest)
            if found is not None:
                return {**found, chosen.name: option}
        return None

    def _blame(self, bit: int, mine: list[list[Axis]], profiles: list[_Profile]) -> tuple[int, ...]:
        """A few rules before that cover the rule between them; without any one of them they would not."""
        blamed = 0
        while (found := self._order_past(bit, blamed, mine, profiles)) is not None:
            # It would come to an earlier rule: the first that accepts it.
            first = 1 << (found.bit_length() - 1)
            assert first > bit
            blamed |= first
        for n in range(self._count - 1, -1, -1):
            one = 1 << n
            if blamed & one and self._order_past(bit, blamed & ~one, mine, profiles) is None:
                blamed &= ~one
        return tuple(n for n in range(self._count) if blamed & 1 << (self._count - 1 - n))


# -- classes -------------------------------------------------------------------------------------------------


def _axis(name: str, masks: Iterable[int]) -> Axis:
    """An attribute with these classes; such as the same rules accept are one."""
    distinct = list(dict.fromkeys(masks))
    common = -1
    for mask in distinct:
        common &= mask
    return Axis(name, distinct, common)


def _accepted(axis: Axis, bit: int) -> Axis:
    """Those of the classes that a rule accepts."""
    if axis.common & bit:
        return axis
    return _axis(axis.name, (mask for mask in axis.masks if mask & bit))


def _fewest(axis: Axis, blockers: int, needed: int) -> list[int]:
    """The classes worth trying, the most promising first: those that avoid all that is needed, without those
    that avoid no more than another does."""
    best: dict[int, int] = {}
    for mask in axis.masks:
        if not mask & needed:
            best.setdefault(mask & blockers, mask)
    left = sorted(best, key=int.bit_count)
    kept: list[int] = []
    for mask in left:
        # With very many it costs more to see that one can be passed over than to try it.
        if len(kept) > _COMPARED or not any(mask & other == other for other in kept):
            kept.append(mask)
    return [best[mask] for mask in kept]


_COMPARED: Final = 256


def _looked_up(words: Words | None) -> Callable[[str], int]:
    if words is None:
        return lambda value: -1
    masks: Mapping[str, int] = words.masks
    other = words.other
    return lambda value: masks.get(value, other)


def _quantities(router: Router, lot: int, volume: int) -> Axis:
    """The classes of quantities in whole lots, the part of the daily volume that they are included."""
    order_qty, adv = router.order_qty, router.adv
    points = {lot}
    if order_qty is not None:
        points.update(order_qty.points)
    if adv is not None and volume:
        # The least quantity that is so many percent of the volume.
        points.update(-(-point * volume // PERCENT) for point in adv.points)
    masks = []
    # Every class has a least quantity: the first whole lots from a point on.
    for qty in sorted({-(-point // lot) * lot for point in points if point <= MAX_SCALED}):
        mask = order_qty.at(qty) if order_qty is not None else -1
        if adv is not None and volume:
            mask &= adv.at(adv_percent(qty, volume))
        masks.append(mask)
    return _axis(f"order_qty {lot} {volume}", masks)


def _of_clock(clock: Clock) -> Iterator[Axis]:
    """Time of day and weekday of one clock: each may come with each."""
    time, weekdays = clock.parts()
    if time is not None:
        yield _axis("time", time.masks)
    yield _axis("weekday", weekdays)


def _moments(utc: Clock, local: Clock, offsets: tuple[int, ...]) -> Axis:
    """The classes of moments of a week, by UTC and by a market's clock that differs by one of `offsets`."""
    masks: list[int] = []
    for offset in offsets:
        points = {0}
        for clock, behind in ((utc, 0), (local, offset)):
            time, _ = clock.parts()
            of_day = [0, *(time.points if time is not None else ())]
            points.update((point + day * DAY_S - behind) % WEEK_S for point in of_day for day in range(7))
        masks += (utc.of_week(point) & local.of_week(point + offset) for point in points)
    return _axis(f"time {offsets}", masks)
