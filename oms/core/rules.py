"""Where an order goes by the routing table: what is known of the order, and the first rule that holds for it.

The table is state, journaled as a whole (`events.RoutingDefined`); `router` finds the rules that hold. Its
compiled form is derived: made when the first order needs it, thrown away when the table or an instrument
changes. Time is the caller's `now_ns`; local time comes from the table, not from this machine's time zone
files, so that a recorded day chooses again as it did.
"""

from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from oms.core.controls import Ask
from oms.core.risk import money
from oms.core.router import Choice, Facts, Router
from oms.core.state import State
from oms.core.types import Terms

MARKET_STATES: Final[frozenset[str]] = frozenset()
"""What `facts_of` may say of a market. A condition on anything else could never hold and is refused."""


def choose(state: State, ask: Ask, now_ns: int) -> Choice | None:
    """Where the table sends an order that the controls have passed; None if no rule holds.

    O(attributes); the first order after a change of the table or of the reference data compiles it as well.
    """
    return (state.router or router_of(state)).choose(facts_of(state, ask, now_ns))


def facts_of(state: State, ask: Ask, now_ns: int) -> Facts:
    """What rules may look at, of an order that the controls have seen.

    A multileg order has no symbol that a rule could name; its market, currency and asset class are those of
    its first leg.
    """
    instrument = ask.instrument
    terms = ask.terms
    if ask.legs:
        instrument = replace(instrument, symbol="")
    return Facts(
        instrument,
        ask.account,
        ask.session_id,
        ask.side,
        ask.ord_type,
        ask.time_in_force,
        "" if terms is None else urgency_of(terms),
        "",  # The state has nothing that says how the market stands: see MARKET_STATES.
        ask.order_qty,
        money(ask.hold_px, ask.order_qty, instrument.price_unit) if not ask.legs else _worth_of_legs(ask),
        now_ns,
    )


def _worth_of_legs(ask: Ask) -> int:
    """What the legs of a multileg order are worth together, whichever of them are sold."""
    return sum(money(asked.leg.hold_px, asked.qty, asked.instrument.price_unit) for asked in ask.legs)


def urgency_of(terms: Terms) -> str:
    """How urgent the client says its order is: a word in lower case, or nothing.

    *Source:* TargetStrategyParameters(848). FIX leaves its contents to the parties; where they agree on one
    word it is the urgency as a rule. If there are several parameters, NAME=VALUE, it is the one of that name.
    """
    return _urgency(terms.strategy_parameters) if terms.strategy_parameters else ""


@lru_cache(maxsize=1 << 10)
def _urgency(text: str) -> str:
    found = text.lower()
    if "=" not in found:
        return found.strip()
    for parameter in found.replace(",", ";").replace(" ", ";").split(";"):
        name, _, value = parameter.partition("=")
        if name == "urgency":
            return value
    return ""


def router_of(state: State) -> Router:
    """The state's table, compiled: at once if it was before. There must be a table."""
    router = state.router
    if router is None:
        assert state.routing is not None
        router = state.router = Router(state.routing, state.instruments.values())
        router.look_at(state.venues_up())
    return router
