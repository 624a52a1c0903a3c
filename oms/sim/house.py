"""All brokers and exchanges of one simulator, in one hand: no socket, no clock, no QuickFIX.

Whoever has the sessions gives it what comes (`Broker.handle`), tells it the time (`turn`), and sends what it
finds in the outboxes. The same profiles, the same seed, the same messages at the same times: the same words.

A broker uses the books of the exchange that its profile names, or those of an exchange of its own, which has
its name. Orders of brokers that share an exchange meet each other.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from oms.core.types import utc_date
from oms.sim.broker import Broker
from oms.sim.exchange import CONTINUOUS, Exchange
from oms.sim.hours import next_change, phase_at
from oms.sim.instruments import SimInstrument
from oms.sim.profile import BrokerProfile, Day, ExchangeProfile
from oms.sim.schedule import Schedule
from oms.sim.store import Store
from oms.sim.trade_file import TradeFile

PRICES_AT_ONCE: Final = 50
"""After a logon all prices are due. This many are sent per turn, so that orders are not kept waiting."""

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class House:
    """Brokers by name, and the exchanges that they use."""

    def __init__(
        self,
        instruments: Iterable[SimInstrument],
        brokers: Mapping[str, BrokerProfile],
        exchanges: Mapping[str, ExchangeProfile] | None = None,
        *,
        seed: int = 1,
        now_ns: int = 0,
        store: Path | None = None,
    ) -> None:
        """`store` is a folder in which orders outlive the simulator. Raises ValueError for one that cannot be
        read, OSError."""
        listed = list(instruments)
        profiles = exchanges or {}
        self.schedule = Schedule()
        self.exchanges: dict[str, Exchange] = {}
        self.brokers: dict[str, Broker] = {}
        self._trade_files: dict[str, TradeFile] = {}
        self._watching: dict[Exchange, list[Broker]] = {}
        self._due: dict[str, bool] = {}  # broker: all prices are due
        self._next_price_ns: dict[str, int] = {}
        self._standing_still = False
        for name, profile in brokers.items():
            place = profile.exchange or name
            if place not in self.exchanges:
                self.exchanges[place] = self._exchange(
                    listed, profiles.get(place, ExchangeProfile()), seed, now_ns
                )
            exchange = self.exchanges[place]
            kept = Store(store / f"{name}.orders.jsonl") if store is not None else None
            # The prefix makes the ids of this start unlike those of every other.
            broker = self.brokers[name] = Broker(
                exchange,
                profile,
                name=name,
                seed=seed,
                id_prefix=f"{name}-{base36(now_ns // 1_000_000)}-",
                schedule=self.schedule,
                store=kept,
            )
            if profile.trade_file:
                path = str(Path(profile.trade_file).resolve())
                if path not in self._trade_files:
                    self._trade_files[path] = TradeFile(Path(path))
                broker.on_execution = self._trade_files[path].write
            self._watching.setdefault(exchange, []).append(broker)
        self._restore(profiles, now_ns)

    # -- time ------------------------------------------------------------------------------------------------

    def turn(self, now_ns: int) -> None:
        """Do what is due, and tell those who look on what has changed."""
        self.schedule.advance(now_ns)
        for exchange, brokers in self._watching.items():
            if exchange.touched:
                touched, exchange.touched = exchange.touched, {}
                for broker in brokers:
                    if broker.market_data is not None:
                        broker.outbox += broker.market_data.updates(touched)

    def publish(self, broker: Broker, now_ns: int) -> None:
        """Tell a broker's counterparty, which is there, of reference prices that have moved."""
        if not broker.feed.moved:
            return
        if self._due.get(broker.name):
            broker.outbox += broker.take_prices(PRICES_AT_ONCE)
            self._due[broker.name] = bool(broker.feed.moved)
            return
        per_s = broker.profile.prices_per_s
        if per_s and now_ns >= self._next_price_ns.get(broker.name, 0):
            self._next_price_ns[broker.name] = now_ns + int(1e9 / per_s)
            broker.outbox += broker.take_prices(1)

    def stand_still(self) -> None:
        """Let prices walk no more: from now on only orders cause executions."""
        self._standing_still = True

    # -- sessions --------------------------------------------------------------------------------------------

    def came(self, broker: Broker) -> None:
        """A broker's counterparty has logged on: all prices are due."""
        broker.stats["logons"] += 1
        if broker.profile.prices:
            broker.feed.all_due()
            self._due[broker.name] = True

    def left(self, broker: Broker) -> None:
        """It has logged out: its subscriptions end."""
        if broker.market_data is not None:
            broker.market_data.end_all()

    # -- looking ---------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Every order of every broker, and the sum of their counters, ready for JSON."""
        stats: dict[str, int] = {}
        orders: list[dict[str, Any]] = []
        for name, broker in self.brokers.items():
            found = broker.dump()
            for what, count in found["stats"].items():
                stats[what] = stats.get(what, 0) + count
            orders += [{"broker": name, **order} for order in found["orders"]]
        return {"stats": dict(sorted(stats.items())), "orders": orders}

    def close(self) -> None:
        """Close the files."""
        for file in self._trade_files.values():
            file.close()
        for broker in self.brokers.values():
            if broker.store is not None:
                broker.save()
                broker.store.close()

    # -- inside ----------------------------------------------------------------------------------------------

    def _exchange(
        self, listed: list[SimInstrument], profile: ExchangeProfile, seed: int, now_ns: int
    ) -> Exchange:
        exchange = Exchange(
            listed,
            seed=profile.seed if profile.seed is not None else seed,
            liquidity_levels=profile.liquidity_levels,
        )
        if profile.steps_per_s:
            step_ns = int(1e9 / profile.steps_per_s)
            self.schedule.at(now_ns + step_ns, self._step, exchange, step_ns)
        if profile.day is not None:
            self._plan(exchange, profile.day, now_ns)
        return exchange

    def _step(self, exchange: Exchange, step_ns: int, now_ns: int) -> None:
        if self._standing_still:
            return
        exchange.step(now_ns)
        # What was missed is not made up for: the walk is slow, not punctual.
        self.schedule.at(now_ns + step_ns, self._step, exchange, step_ns)

    def _plan(self, exchange: Exchange, day: Day, now_ns: int) -> None:
        at_ns, phase = next_change(day, now_ns)
        self.schedule.at(at_ns, self._change, exchange, day, phase)

    def _change(self, exchange: Exchange, day: Day, phase: str, now_ns: int) -> None:
        exchange.date = utc_date(now_ns)
        exchange.set_phase(phase, now_ns)
        self._plan(exchange, day, now_ns)

    def _restore(self, profiles: Mapping[str, ExchangeProfile], now_ns: int) -> None:
        """Every broker has its orders again, and every exchange its books and its phase."""
        for name, exchange in self.exchanges.items():
            orders = []
            prices: dict[str, int] = {}
            last_day = ""
            for broker in self._watching[exchange]:
                if broker.store is not None:
                    kept = broker.store.load()
                    orders += broker.restore(kept, now_ns)
                    prices |= kept.prices
                    last_day = max(last_day, kept.counts.date)
            exchange.restore(orders, prices)
            exchange.date = utc_date(now_ns)
            day = profiles[name].day if name in profiles else None
            if day is None:
                continue
            if last_day and last_day < utc_date(now_ns):
                exchange.end_day(now_ns, last_day)
            phase = phase_at(day, now_ns)
            if phase != CONTINUOUS:
                exchange.set_phase(phase, now_ns)


def base36(number: int) -> str:
    """A short spelling of a number; of a time in milliseconds, eight characters."""
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text or "0"
