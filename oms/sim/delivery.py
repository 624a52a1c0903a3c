"""How a broker's reports leave: at once or late, once or more often, in order or not; and who gets a copy.

The books lead, the messages follow: what has happened has happened, whenever it is told. Delays are the
profile's, or those of the macro that an order is dealt with by; a range is drawn under the seed. The reports
about one order never overtake each other, unless a macro swaps them.
"""

import random
from typing import TYPE_CHECKING

from oms.core.types import ExecType
from oms.fix.wire import SOH
from oms.sim.reports import VenueOrder
from oms.sim.schedule import MS
from oms.sim.tables import Delay

if TYPE_CHECKING:
    from oms.sim.broker import Broker

_COPY = f"797=Y{SOH}"  # CopyMsgIndicator


class Delivery:
    """The way out of one broker."""

    def __init__(self, broker: "Broker", seed: int) -> None:
        profile = broker.profile
        self._broker = broker
        self._store = broker.store
        self._copies = bool(profile.drop_copy)
        self._ack: Delay = profile.ack_ms
        self._fill: Delay = profile.fill_ms
        self._rng = random.Random(f"{seed}:{broker.name}:delays")
        self._free_ns: dict[str, int] = {}  # by key: when an order's last report leaves
        self._held: dict[
            str, tuple[str, int]
        ] = {}  # by key: a report that waits to be overtaken, and its count
        self._last: dict[str, str] = {}  # by key: an order's last report
        self._holds = 0

    def report(self, order: VenueOrder, exec_type: str, text: str, now_ns: int) -> None:
        """Something new of an order."""
        if self._store is not None:
            self._store.touch(order)
        script = order.script
        if script is not None and not script.answers:
            return
        if self._copies:
            self._broker.copies.append(text + _COPY)
        if script is None:
            self._leave(order.key, self._fill if exec_type == ExecType.TRADE else self._ack, text, now_ns)
            return
        self._last[order.key] = text
        delay = script.fill_delay if exec_type == ExecType.TRADE else script.ack_delay
        if delay is None:
            delay = self._fill if exec_type == ExecType.TRADE else self._ack
        if script.swaps_within_ms:
            self._swap(order.key, script.swaps_within_ms, delay, text, now_ns)
        else:
            self._leave(order.key, delay, text, now_ns)
        copies, after_ms = script.repeats
        for n in range(copies):
            self._broker.later(after_ms * (n + 1), now_ns, self._leave, order.key, delay, text)

    def answer(self, order: VenueOrder | None, text: str, now_ns: int) -> None:
        """What answers a request."""
        if order is None:
            self._leave("", self._ack, text, now_ns)
        elif order.script is None or order.script.answers:
            delay = order.script.ack_delay if order.script is not None else None
            self._leave(order.key, self._ack if delay is None else delay, text, now_ns)

    def repeat(self, order: VenueOrder, now_ns: int) -> None:
        """The last report of an order that a macro deals with, again."""
        if order.key in self._last:
            self._leave(order.key, 0, self._last[order.key], now_ns)

    # -- inside ----------------------------------------------------------------------------------------------

    def _leave(self, key: str, delay: Delay, text: str, now_ns: int) -> None:
        """Send it after the delay, but not before what was said of the same order."""
        at_ns = now_ns + self._drawn(delay) * MS if delay else now_ns
        if self._free_ns:
            at_ns = max(at_ns, self._free_ns.get(key, 0))
        if at_ns <= now_ns:
            self._broker.outbox.append(text)
            return
        self._free_ns[key] = at_ns
        self._broker.schedule.at(at_ns, self._send, key, text)

    def _send(self, key: str, text: str, now_ns: int) -> None:
        self._broker.outbox.append(text)
        if self._free_ns.get(key, 0) <= now_ns:
            self._free_ns.pop(key, None)

    def _swap(self, key: str, within_ms: int, delay: Delay, text: str, now_ns: int) -> None:
        held = self._held.pop(key, None)
        if held is None:
            self._holds += 1
            self._held[key] = text, self._holds
            self._broker.later(within_ms, now_ns, self._give_up, key, self._holds, delay)
            return
        self._leave(key, delay, text, now_ns)
        self._leave(key, delay, held[0], now_ns)

    def _give_up(self, key: str, count: int, delay: Delay, now_ns: int) -> None:
        """Nothing has overtaken it."""
        held = self._held.get(key)
        if held is not None and held[1] == count:
            del self._held[key]
            self._leave(key, delay, held[0], now_ns)

    def _drawn(self, delay: Delay) -> int:
        return delay if isinstance(delay, int) else self._rng.randint(*delay)
