"""Who is next where not all can go at once: fair between clients, first come first served within each.

Every order that waits for a venue's rate gets a round: the present one, or the one after its client's last
that waits. Orders go by round, then by age. A client with a thousand orders and one with a single order so
take turns, whoever came first. *Source:* start-time fair queueing, with every order of the same length.

Round and age are facts of the order (`Plan`), the present round is one of the state: the queue itself is
derived and can be built again.

>>> queue = FairQueue()
>>> for order_id, client in ((1, "A"), (2, "A"), (3, "A"), (4, "B")):
...     queue.add(order_id, client, queue.round_for(client), order_id)
>>> [queue.pop() for _ in range(4)]
[1, 4, 2, 3]
"""

from sortedcontainers import SortedList


class FairQueue:
    """The orders that wait for one venue."""

    __slots__ = ("_entries", "_rounds", "_waiting", "round")

    def __init__(self, round: int = 0) -> None:
        self.round = round  # of whoever was served last
        self._waiting: SortedList = SortedList()
        self._entries: dict[int, tuple[int, int, int, str]] = {}
        self._rounds: dict[str, SortedList] = {}  # client -> those of its orders that wait

    def __len__(self) -> int:
        return len(self._entries)

    def round_for(self, client: str) -> int:
        """The round of the next order of a client."""
        rounds = self._rounds.get(client)
        return max(self.round, rounds[-1] + 1) if rounds is not None else self.round

    def add(self, order_id: int, client: str, round: int, place: int) -> None:
        """Wait. O(log n)."""
        self.remove(order_id)
        entry = (round, place, order_id, client)
        self._entries[order_id] = entry
        self._waiting.add(entry)
        self._rounds.setdefault(client, SortedList()).add(round)

    def remove(self, order_id: int) -> None:
        """Wait no more."""
        entry = self._entries.pop(order_id, None)
        if entry is None:
            return
        self._waiting.remove(entry)
        rounds = self._rounds[entry[3]]
        rounds.remove(entry[0])
        if not rounds:
            del self._rounds[entry[3]]

    def first(self) -> int:
        """The order that is next; 0 if none waits."""
        return self._waiting[0][2] if self._waiting else 0

    def served(self, order_id: int) -> None:
        """An order has gone: its round is the present one."""
        entry = self._entries.get(order_id)
        if entry is not None:
            self.round = max(self.round, entry[0])
            self.remove(order_id)

    def pop(self) -> int:
        """The next order, gone."""
        order_id = self.first()
        self.served(order_id)
        return order_id
