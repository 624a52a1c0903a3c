"""What a person may tell a running simulator, in words; a scenario may say the same.

    status                      brokers, their exchanges and phases, how many orders work
    phase PHASE [EXCHANGE]      opening, continuous, closing or closed; without a name all exchanges
    halt SYMBOL [EXCHANGE]      collect its orders
    resume SYMBOL [EXCHANGE]    end that by an auction
    uncross SYMBOL [EXCHANGE]   hold its auction now
    price SYMBOL PX [EXCHANGE]  have its reference price be another
    end-day [EXCHANGE]          orders of the day expire
    bust ID EXECID              take an execution back; ID is an order's OrderID, or any ClOrdID of it
    correct ID EXECID QTY PX    or correct it
    cancel ID                   cancel an order, unasked
    suspend ID, go-on ID        take it off the market, and back
    disconnect BROKER [SECONDS] drop its session; no logon for so long

Everything that is wrong is a ValueError of one line.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from oms.core.types import format_scaled, parse_scaled
from oms.sim import interventions as on

if TYPE_CHECKING:
    from oms.sim.broker import Broker
    from oms.sim.exchange import Exchange
    from oms.sim.house import House
    from oms.sim.reports import VenueOrder

Command = Callable[["House", list[str], int], str]


def tell(house: "House", text: str, now_ns: int) -> str:
    """Do what is said. What there is to say to that. Raises ValueError."""
    name, *words = text.split() or [""]
    if name not in COMMANDS:
        raise ValueError(f"no command {name!r}: it is one of {', '.join(COMMANDS)}")
    command, least, most = COMMANDS[name]
    if not least <= len(words) <= most:
        raise ValueError(
            f"{name} takes {least if least == most else f'{least} to {most}'} words, not {len(words)}"
        )
    return command(house, words, now_ns)


def _status(house: "House", words: list[str], now_ns: int) -> str:
    told = []
    for name, broker in house.brokers.items():
        place = next(n for n, exchange in house.exchanges.items() if exchange is broker.exchange)
        working = sum(1 for order in broker.orders() if order.leaves_qty)
        told.append(f"{name} on {place}, {broker.exchange.phase}: {working} orders work")
    return "; ".join(told)


def _phase(house: "House", words: list[str], now_ns: int) -> str:
    for exchange in _exchanges(house, words[1:]):
        exchange.set_phase(words[0], now_ns)
    return words[0]


def _halt(house: "House", words: list[str], now_ns: int) -> str:
    for exchange in _exchanges(house, words[1:]):
        exchange.halt(_listed(exchange, words[0]), now_ns)
    return f"{words[0]} is halted"


def _resume(house: "House", words: list[str], now_ns: int) -> str:
    for exchange in _exchanges(house, words[1:]):
        exchange.resume(_listed(exchange, words[0]), now_ns)
    return f"{words[0]} is traded"


def _uncross(house: "House", words: list[str], now_ns: int) -> str:
    told = []
    for exchange in _exchanges(house, words[1:]):
        cleared = exchange.uncross(_listed(exchange, words[0]), now_ns)
        told.append(
            "nothing crossed"
            if cleared is None
            else f"{format_scaled(cleared.volume)} at {format_scaled(cleared.price)}"
        )
    return f"{words[0]}: {'; '.join(told)}"


def _price(house: "House", words: list[str], now_ns: int) -> str:
    for exchange in _exchanges(house, words[2:]):
        exchange.set_price(_listed(exchange, words[0]), parse_scaled(words[1]), now_ns)
    return f"{words[0]} is worth {words[1]}"


def _end_day(house: "House", words: list[str], now_ns: int) -> str:
    for exchange in _exchanges(house, words):
        exchange.end_day(now_ns)
    return "the day has ended"


def _bust(house: "House", words: list[str], now_ns: int) -> str:
    broker, order = _execution(house, *words)
    on.bust(broker, order, words[1], True, now_ns)
    return f"{words[1]} is busted"


def _correct(house: "House", words: list[str], now_ns: int) -> str:
    broker, order = _execution(house, words[0], words[1])
    on.correct(broker, order, words[1], parse_scaled(words[2]), parse_scaled(words[3]), now_ns)
    return f"{words[1]} is corrected"


def _cancel(house: "House", words: list[str], now_ns: int) -> str:
    broker, order = _order(house, words[0])
    on.cancel_unasked(broker, order, "canceled by the broker", None, now_ns)
    return f"{order.order_id} is canceled"


def _suspend(house: "House", words: list[str], now_ns: int) -> str:
    broker, order = _order(house, words[0])
    on.suspend(broker, order, now_ns)
    return f"{order.order_id} is suspended"


def _go_on(house: "House", words: list[str], now_ns: int) -> str:
    broker, order = _order(house, words[0])
    on.go_on(broker, order, now_ns)
    return f"{order.order_id} goes on"


def _disconnect(house: "House", words: list[str], now_ns: int) -> str:
    broker = house.brokers.get(words[0])
    if broker is None:
        raise ValueError(f"no broker {words[0]}: there are {', '.join(house.brokers)}")
    if words[1:] and not words[1].isdigit():
        raise ValueError(f"not a number of seconds: {words[1]!r}")
    on.disconnect(broker, "drop", int(words[1]) * 1_000 if words[1:] else 1_000, now_ns)
    return f"{words[0]} is away"


COMMANDS: Final[dict[str, tuple[Command, int, int]]] = {
    "status": (_status, 0, 0),
    "phase": (_phase, 1, 2),
    "halt": (_halt, 1, 2),
    "resume": (_resume, 1, 2),
    "uncross": (_uncross, 1, 2),
    "price": (_price, 2, 3),
    "end-day": (_end_day, 0, 1),
    "bust": (_bust, 2, 2),
    "correct": (_correct, 4, 4),
    "cancel": (_cancel, 1, 1),
    "suspend": (_suspend, 1, 1),
    "go-on": (_go_on, 1, 1),
    "disconnect": (_disconnect, 1, 2),
}
"""Name -> what does it, the least and the most words that it takes."""


def _exchanges(house: "House", names: list[str]) -> list["Exchange"]:
    if not names:
        return list(house.exchanges.values())
    if names[0] not in house.exchanges:
        raise ValueError(f"no exchange {names[0]}: there are {', '.join(house.exchanges)}")
    return [house.exchanges[names[0]]]


def _listed(exchange: "Exchange", symbol: str) -> str:
    if symbol not in exchange.instruments:
        raise ValueError(f"no instrument {symbol}")
    return symbol


def _order(house: "House", name: str) -> tuple["Broker", "VenueOrder"]:
    """An order by its OrderID or any of its ClOrdIDs."""
    for broker in house.brokers.values():
        order = broker.order(name)
        if order is None:
            order = next((o for o in broker.orders() if o.order_id == name), None)
        if order is not None:
            return broker, order
    raise ValueError(f"no order {name}")


def _execution(house: "House", name: str, exec_id: str) -> tuple["Broker", "VenueOrder"]:
    broker, order = _order(house, name)
    if exec_id not in order.executions:
        raise ValueError(f"{order.order_id} has no execution {exec_id} that stands")
    return broker, order
