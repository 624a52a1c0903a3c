"""Orders that have a plan: which has something to be done, which waits for a time or a venue.

An order is *to work* when something has changed for it: one of its routes came to an end, a request was
answered, the venue it waits for is there. The kernel takes those up one by one (`commands.WorkOrder`), so
that each is decided about as the one before has left things, and every look is in the journal with what came
of it.

What an order waits for stands in its plan; all queues here are derived from there. A venue's rate is measured
by the time until which it is taken up by what was sent (`sent_until_ns`): a message may go while that is no
more than a burst ahead. *Source:* generic cell rate algorithm. Everything that is sent counts; only new
orders wait, so that a cancel never does.
"""

from collections.abc import Iterable

from sortedcontainers import SortedList

from oms.core import events as ev
from oms.core.fair_queue import FairQueue
from oms.core.order import Order

RATE = "rate:"
DOWN = "down:"

_SECOND_NS = 1_000_000_000


class Waiting:
    """All orders of a state that have a plan."""

    __slots__ = ("_for", "_timers", "queues", "rates", "sent_until_ns", "to_work")

    def __init__(self) -> None:
        self.to_work: dict[int, None] = {}
        self.rates: dict[str, ev.VenueRateDefined] = {}
        self.sent_until_ns: dict[str, int] = {}
        self.queues: dict[str, FairQueue] = {}  # by venue
        self._for: dict[str, dict[int, None]] = {}  # what is waited for -> orders, the oldest first
        self._timers: SortedList = SortedList()  # (time, order)

    # -- reading ---------------------------------------------------------------------------------------------

    def next(self, now_ns: int) -> int:
        """The order to be worked now; 0 if there is none. O(venues)."""
        if self.to_work:
            return next(iter(self.to_work))
        if self._timers and self._timers[0][0] <= now_ns:
            return int(self._timers[0][1])
        for venue, queue in self.queues.items():
            if queue and self.may_send(venue, now_ns):
                return queue.first()
        return 0

    @property
    def any(self) -> bool:
        """Whether there may be something for `next`."""
        return bool(self.to_work or self._timers or self.queues)

    def may_send(self, venue: str, now_ns: int, more: int = 0) -> bool:
        """Whether the venue's rate allows another message after `more`."""
        rate = self.rates.get(venue)
        if rate is None or not rate.per_s:
            return True
        each_ns = _SECOND_NS // rate.per_s
        ahead_ns = max(self.sent_until_ns.get(venue, 0) - now_ns, 0) + more * each_ns
        return ahead_ns <= (rate.burst - 1) * each_ns

    def round_for(self, venue: str, client: str) -> int:
        """The turn that a client's next order has."""
        queue = self.queues.get(venue)
        return queue.round_for(client) if queue is not None else 0

    def rounds(self) -> dict[str, int]:
        """The present round of every venue that had one."""
        return {venue: queue.round for venue, queue in self.queues.items() if queue.round}

    # -- folding ---------------------------------------------------------------------------------------------

    def sent(self, venue: str, at_ns: int) -> None:
        """A message has been decided for a venue."""
        rate = self.rates.get(venue)
        if rate is not None and rate.per_s:
            until_ns = max(self.sent_until_ns.get(venue, 0), at_ns)
            self.sent_until_ns[venue] = until_ns + _SECOND_NS // rate.per_s

    def look_at(self, order: Order) -> None:
        """Something has changed for an order with a plan."""
        self.to_work[order.order_id] = None

    def arrived(self, venue: str) -> None:
        """A venue is there: those who waited for it have something to do."""
        self.to_work.update(self._for.get(DOWN + venue, ()))

    def wait(self, order: Order) -> None:
        """Wait for what the order's plan says."""
        plan = order.plan
        assert plan is not None
        if plan.wake_ns:
            self._timers.add((plan.wake_ns, order.order_id))
        for what in plan.waits:
            if what.startswith(RATE):
                venue = what.removeprefix(RATE)
                queue = self.queues.setdefault(venue, FairQueue())
                queue.add(order.order_id, order.session_id, plan.round, plan.place)
            else:
                self._for.setdefault(what, {})[order.order_id] = None

    def leave(self, order: Order) -> None:
        """Wait for nothing, and have nothing to be done."""
        plan = order.plan
        assert plan is not None
        self.to_work.pop(order.order_id, None)
        if plan.wake_ns:
            self._timers.discard((plan.wake_ns, order.order_id))
        for what in plan.waits:
            # Of what had ended before a snapshot nothing waits.
            queue = self.queues.get(what.removeprefix(RATE)) if what.startswith(RATE) else None
            if queue is not None:
                queue.remove(order.order_id)
            self._for.get(what, {}).pop(order.order_id, None)

    def restore(
        self,
        rates: Iterable[ev.VenueRateDefined],
        sent_until_ns: dict[str, int],
        rounds: dict[str, int],
        orders: Iterable[Order],
        to_work: Iterable[int],
    ) -> None:
        """Everything as a snapshot has it."""
        self.rates = {rate.venue: rate for rate in rates}
        self.sent_until_ns = sent_until_ns
        self.queues = {venue: FairQueue(round) for venue, round in rounds.items()}
        open_orders = [(o.plan.place, o) for o in orders if o.plan is not None and not o.ended]
        for _, order in sorted(open_orders, key=lambda found: found[0]):
            self.wait(order)
        self.to_work = dict.fromkeys(to_work)
