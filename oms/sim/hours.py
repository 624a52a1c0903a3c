"""The phases of an exchange's day, by the time of the day.

Every day is a trading day: a simulator is wanted on Sundays, too.
"""

from typing import Final

from oms.sim.exchange import CLOSED, CONTINUOUS
from oms.sim.market import CLOSING, OPENING
from oms.sim.profile import Day
from oms.sim.tables import seconds_of_day

DAY_NS: Final = 86_400_000_000_000
SECOND_NS: Final = 1_000_000_000


def phase_at(day: Day, now_ns: int) -> str:
    """The phase at a time.

    >>> phase_at(Day(open="07:00", close="15:30"), 8 * 3600 * SECOND_NS)
    'continuous'
    """
    since_midnight = now_ns % DAY_NS
    begun = [phase for at_ns, phase in _changes(day) if at_ns <= since_midnight]
    return begun[-1] if begun else CLOSED


def next_change(day: Day, now_ns: int) -> tuple[int, str]:
    """When the next phase begins, after `now_ns`, and which."""
    midnight = now_ns - now_ns % DAY_NS
    coming = [(midnight + at_ns, phase) for at_ns, phase in _changes(day) if midnight + at_ns > now_ns]
    if coming:
        return coming[0]
    at_ns, phase = _changes(day)[0]
    return midnight + DAY_NS + at_ns, phase


def _changes(day: Day) -> list[tuple[int, str]]:
    times = ((day.opening, OPENING), (day.open, CONTINUOUS), (day.closing, CLOSING), (day.close, CLOSED))
    return [(seconds_of_day(time) * SECOND_NS, phase) for time, phase in times if time]
