"""Where an order goes: the venue of its instrument's market, or the default venue.

A venue that is down takes nothing: the session layer would store the order and send it whenever the venue
comes back, which may be minutes after the client has given up on it. So the refusal is decided here.
"""

from oms.core import events as ev
from oms.core.controls import Denial
from oms.core.state import State


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
    return None
