"""The routing table read rule by rule, as a person would: a second implementation, which shares nothing with
the first but the event that holds the table.

An order is a dict of what is known of it:

    symbol market currency asset_class account client side ord_type time_in_force     text
    urgency market_state      text, "" for not known
    order_qty                 in units of 1e-8
    notional                  in units of 1e-16, 0 for not known
    at_ns                     UTC
    up                        the names of the venues that take orders
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final

from oms.core import events as ev
from oms.core.types import Terms

Order = Mapping[str, Any]

PLAIN: Final = (
    "symbol",
    "market",
    "currency",
    "asset_class",
    "account",
    "client",
    "side",
    "ord_type",
    "time_in_force",
    "urgency",
    "market_state",
)
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UNIT: Final = 10**8
OPEN_END: Final = 2**63 - 1


class Reader:
    """One table, to be read for many orders."""

    def __init__(self, table: ev.RoutingDefined) -> None:
        self.rules = table.rules
        self.lists = {name: frozenset(symbols) for name, symbols in table.lists}
        self.volumes = dict(table.volumes)
        self.clocks = dict(table.clocks)

    def first_match(self, order: Order) -> ev.RoutingRule | None:
        """The rule that decides about an order; None if none does. O(rules)."""
        return next(self.matches(order), None)

    def matches(self, order: Order) -> Iterator[ev.RoutingRule]:
        """Every rule that holds for an order, in the table's order."""
        return (rule for rule in self.rules if self.holds(rule, order))

    def asks(self, name: str) -> bool:
        """Whether any rule has a condition of that name."""
        return any(name == condition for rule in self.rules for condition, _ in rule.words)

    def holds(self, rule: ev.RoutingRule, order: Order) -> bool:
        """Whether all conditions of a rule hold for an order."""
        if not self._has_clock(rule, order):
            return False
        for name, values in rule.words:
            if name in PLAIN:
                if order[name] not in values:
                    return False
            elif name == "list":
                if not any(order["symbol"] in self.lists[value] for value in values):
                    return False
            elif name == "up":
                if not order["up"] >= set(values):
                    return False
            elif name == "down" and not order["up"].isdisjoint(values):
                return False
        for name in {name for name, _, _ in rule.ranges}:
            value = self._number(name, rule, order)
            pieces = [(low, high) for condition, low, high in rule.ranges if condition == name]
            if value is None or not any(
                value >= low and (value < high or high == OPEN_END) for low, high in pieces
            ):
                return False
        days = next((values for name, values in rule.words if name == "weekday"), None)
        return days is None or DAYS[self._clock(rule, order).weekday()] in days

    def _number(self, name: str, rule: ev.RoutingRule, order: Order) -> Fraction | int | None:
        """What ranges of that name are about; None if it is not known."""
        if name == "order_qty":
            return int(order["order_qty"])
        if name == "notional":
            return Fraction(order["notional"], UNIT) if order["notional"] else None
        if name == "adv_percent":
            volume = self.volumes.get(order["symbol"])
            return Fraction(order["order_qty"] * 100 * UNIT, volume) if volume is not None else None
        now = self._clock(rule, order)
        return now.hour * 3600 + now.minute * 60 + now.second

    def _has_clock(self, rule: ev.RoutingRule, order: Order) -> bool:
        """Whether the clock that the rule goes by is known."""
        return ("zone", ("market",)) not in rule.words or order["market"] in self.clocks

    def _clock(self, rule: ev.RoutingRule, order: Order) -> datetime:
        """The time by the clock that the rule goes by."""
        second = order["at_ns"] // 10**9
        now = datetime.fromtimestamp(second, UTC)
        if ("zone", ("market",)) not in rule.words:
            return now
        moves = self.clocks[order["market"]]
        passed = [offset for since, offset in moves if since <= second]
        return now + timedelta(seconds=passed[-1] if passed else moves[0][1])


def urgency(terms: Terms | None) -> str:
    """What TargetStrategyParameters(848) says of urgency: its one word, or its parameter of that name."""
    text = terms.strategy_parameters.lower() if terms is not None else ""
    if "=" not in text:
        return text.strip()
    for sign in ",; ":
        text = text.replace(sign, "\n")
    pairs: Iterable[list[str]] = (line.split("=", 1) for line in text.split("\n"))
    return next((pair[1] for pair in pairs if len(pair) == 2 and pair[0] == "urgency"), "")
