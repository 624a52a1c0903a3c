"""What is to happen later: calls with a time, in the order of their times, and of their making within one.

Nothing here asks a clock. `advance` is told what time it is, and every call is told the same: who feeds the
same times gets the same calls.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Final

MS: Final = 1_000_000
"""Nanoseconds of a millisecond."""

NEVER: Final = 2**63 - 1


class Schedule:
    """Calls to come.

    >>> calls = Schedule()
    >>> calls.at(20, lambda now_ns: print("second at", now_ns))
    >>> calls.at(10, lambda now_ns: print("first at", now_ns))
    >>> calls.advance(25)
    first at 25
    second at 25
    2
    """

    __slots__ = ("_heap", "_made", "next_ns")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Callable[..., object], tuple[Any, ...]]] = []
        self._made = 0
        self.next_ns = NEVER  # when the first is due

    def __len__(self) -> int:
        return len(self._heap)

    def at(self, at_ns: int, call: Callable[..., object], *arguments: Any) -> None:
        """Have `call(*arguments, now_ns)` made once it is `at_ns`. O(log of what is to come)."""
        self._made += 1
        heappush(self._heap, (at_ns, self._made, call, arguments))
        self.next_ns = self._heap[0][0]

    def advance(self, now_ns: int) -> int:
        """Make the calls that are due, also those that these add. How many there were."""
        made = 0
        while self.next_ns <= now_ns:
            _, _, call, arguments = heappop(self._heap)
            self.next_ns = self._heap[0][0] if self._heap else NEVER
            call(*arguments, now_ns)
            made += 1
        return made
