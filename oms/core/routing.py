"""Where an order goes without a routing table: the venue of its instrument's market, or the default venue.

With one, `rules` chooses, and an order that no rule is for is denied.

A venue that is down takes nothing: the session layer would store the order and send it whenever the venue
comes back, which may be minutes after the client has given up on it. So the refusal is decided here.
"""

from typing import Final

from oms.core import events as ev
from oms.core.controls import Ask, Denial
from oms.core.state import State
from oms.core.types import ASKED_OF_US, TimeInForce

NO_ROUTE: Final = Denial("no_route", 99, "no routing rule is for such an order")


def choose_venue(state: State, instrument: ev.InstrumentDefined) -> str:
    """The name of the venue that instrument's orders go to."""
    venue = state.venue_of.get(instrument.market)
    if venue is None:
        assert state.firm is not None
        return state.firm.default_venue
    return venue


def venue_down(state: State, venue: str) -> Denial | None:
    """The venue is logged on and no person has halted it."""
    halt = state.halts.get(("venue", venue)) if state.halts else None
    if halt is not None:
        return Denial("trading_halted", 99, f"halted by {halt[0]} (venue {venue}): {halt[1]}")
    if venue not in state.sessions_up:
        return Denial("venue_down", 2, f"venue {venue} is not logged on")
    if state.questions and venue in state.questions:
        return Denial("venue_reconciling", 2, f"venue {venue} is being asked about the orders it has")
    return None


def venue_lacks(state: State, venue: str, ask: Ask) -> Denial | None:
    """The venue declares what it can do; what it cannot is done here (`emulation`), or refused."""
    known = state.venues.get(venue)
    if known is None:
        return None
    lacking = ""
    if ask.ord_type not in known.ord_types:
        lacking = f"OrdType {ask.ord_type}"
    elif ask.time_in_force not in known.times_in_force:
        lacking = f"TimeInForce {ask.time_in_force}"
    elif known.at_close and ask.time_in_force == TimeInForce.AT_CLOSE and ask.ord_type not in known.at_close:
        lacking = f"OrdType {ask.ord_type} at the close"
    elif ask.terms is not None:
        asked = (name for name in ask.terms.__struct_fields__ if getattr(ask.terms, name))
        lacking = next((name for name in asked if name not in known.terms and name not in ASKED_OF_US), "")
        if not lacking and known.exec_insts:
            codes = ask.terms.exec_inst.split()
            lacking = next((f"ExecInst {code}" for code in codes if code not in known.exec_insts), "")
    if not lacking:
        return None
    return Denial("venue_lacks", 11, f"venue {venue} does not support {lacking}")
