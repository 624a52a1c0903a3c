"""The kinds of value that the simulator's TOML tables have. A table's keys are all known; a wrong one is an
error that names it.
"""

from typing import Annotated

import msgspec
from msgspec import Struct

Count = Annotated[int, msgspec.Meta(ge=0)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Delay = Count | tuple[Count, ...]
"""Milliseconds, or a range of two of which each time is drawn under the seed.

Not a tuple of two by its type: msgspec 0.22 crashes in the next garbage collection after it has seen one with
limits in it.
"""


class Table(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A table of a file."""


def check_delay(name: str, delay: Delay | None) -> None:
    """Raises ValueError for a range that is none."""
    if isinstance(delay, tuple) and (len(delay) != 2 or delay[0] > delay[1]):
        raise ValueError(f"{name}: a range is two numbers, the smaller first")


def seconds_of_day(time: str) -> int:
    """HH:MM or HH:MM:SS as seconds since midnight. Raises ValueError."""
    parts = time.split(":")
    if len(parts) not in (2, 3) or not all(len(p) == 2 and p.isascii() and p.isdigit() for p in parts):
        raise ValueError(f"not a time, HH:MM or HH:MM:SS: {time!r}")
    hours, minutes, rest = (*map(int, parts), 0)[:3]
    if hours > 23 or minutes > 59 or rest > 59:
        raise ValueError(f"not a time of the day: {time!r}")
    return hours * 3600 + minutes * 60 + rest
