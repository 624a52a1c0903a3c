"""Which macro an order gets: the first of a profile's whose conditions it meets.

A rule counts the orders that fit everything but `nth`, `every` and `probability`, whatever came of them; then
`nth` and `every` decide by the count, and `probability` by a number drawn under the seed. A rule draws only
for orders that fit, from a sequence of its own: the same seed and the same orders give the same choices, and
another rule in front changes nothing but what it takes away.
"""

import random
from collections.abc import Sequence

from oms.core.types import parse_scaled
from oms.sim.macros import Macro
from oms.sim.reports import VenueOrder


class Rules:
    """The macros of one broker.

    >>> from oms.sim.macros import Reject
    >>> rules = Rules((Reject(side="2"), Reject(every=2)), seed="1:SIM")
    >>> orders = [VenueOrder("O", ["A"], "X", side, "2", "0", 1, 1) for side in "1211"]
    >>> [rules.choose(order) is not None for order in orders]
    [False, True, True, False]
    """

    def __init__(self, macros: Sequence[Macro], seed: str) -> None:
        self._rules = [_Rule(macro, f"{seed}:rule:{n}") for n, macro in enumerate(macros)]

    def choose(self, order: VenueOrder) -> Macro | None:
        """The macro for a new order; None if no rule is for it. Counts and draws: ask once."""
        for rule in self._rules:
            if rule.takes(order):
                return rule.macro
        return None


class _Rule:
    """One macro and how often it was asked for."""

    def __init__(self, macro: Macro, seed: str) -> None:
        self.macro = macro
        self._min_qty = parse_scaled(macro.min_qty or "0")
        self._max_qty = parse_scaled(macro.max_qty) if macro.max_qty else None
        self._rng = random.Random(seed)
        self._count = 0

    def takes(self, order: VenueOrder) -> bool:
        macro = self.macro
        if not (
            (not macro.symbol or macro.symbol == order.symbol)
            and (not macro.side or macro.side == order.side)
            and (not macro.account or macro.account == order.account)
            and order.cl_ord_id.startswith(macro.cl_ord_id)
            and order.order_qty >= self._min_qty
            and (self._max_qty is None or order.order_qty <= self._max_qty)
        ):
            return False
        self._count += 1
        drawn = macro.probability >= 1 or self._rng.random() < macro.probability
        if macro.nth and self._count != macro.nth:
            return False
        if macro.every and self._count % macro.every:
            return False
        return drawn
