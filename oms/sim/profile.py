"""What a simulated broker is like: who it is, what it can do, what its habits are.

Each struct is a table of a TOML file, with all its keys; whoever reads the file passes the structs in. A
broker that nothing is said of answers at once, reports nothing as pending, and takes market and limit orders
for the day, IOC and FOK. docs/simulator.md explains every key.
"""

from typing import Annotated, Final, Literal

import msgspec

from oms.core.types import parse_scaled
from oms.sim.macros import AnyMacro
from oms.sim.tables import Count, Delay, Table, check_delay, seconds_of_day

FIX42: Final = "FIX.4.2"
FIX44: Final = "FIX.4.4"
FIX50SP2: Final = "FIX.5.0SP2"

Version = Literal["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"]
Term = Literal["stop_px", "min_qty", "max_floor", "expire_date", "expire_time"]


class Day(Table, frozen=True):
    """[exchange.NAME.day]: when what begins, HH:MM or HH:MM:SS, UTC. Without it an exchange never closes."""

    open: str  # the opening auction is held, then orders meet as they come
    close: str  # the closing auction is held, then nothing is taken until the next day
    opening: str = ""  # orders are collected for the opening auction; empty: there is none
    closing: str = ""  # orders are collected for the closing auction; empty: there is none

    def __post_init__(self) -> None:
        times = [seconds_of_day(time) for time in (self.opening, self.open, self.closing, self.close) if time]
        if times != sorted(set(times)):
            raise ValueError("opening, open, closing, close must follow each other within a day")


class ExchangeProfile(Table, frozen=True):
    """[exchange.NAME]: where orders meet."""

    seed: int | None = None  # of its prices and quotes; by default that of the simulator
    liquidity_levels: Count = 5  # quotes in the background on each side; 0: only what brokers bring
    steps_per_s: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 20.0  # how often a price moves
    day: Day | None = None


class BrokerProfile(Table, frozen=True):
    """[broker.NAME]: a broker. NAME is its SenderCompID."""

    # Who it is.
    version: Version = FIX44
    target: str = "OMS"  # TargetCompID
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 9880  # several brokers may share one
    reset_on_logon: bool = False  # every logon starts the sequence numbers anew
    exchange: str = ""  # whose books it uses; by default it has its own
    trade_file: str = ""
    drop_copy: str = ""  # TargetCompID of a session that gets a copy of every ExecutionReport
    drop_copy_version: Version | None = None  # by default the broker's
    drop_copy_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0  # by default the broker's

    # What it can do.
    ord_types: tuple[Literal["1", "2", "3", "4"], ...] = ("1", "2")  # OrdType(40)
    times_in_force: tuple[Literal["0", "1", "2", "3", "4", "6", "7"], ...] = ("0", "3", "4")  # (59)
    terms: tuple[Term, ...] = ()
    min_order_qty: str = "0"
    orders_per_s: Count = 0  # orders and replaces beyond are refused; 0: no limit
    prices: bool = True  # publishes reference prices, unasked
    prices_per_s: Annotated[float, msgspec.Meta(ge=0)] = 100.0
    market_data: bool = True  # answers MarketDataRequest(V)

    # How it does it.
    ack_ms: Delay = 0  # until an order or a request is answered
    fill_ms: Delay = 0  # until an execution is reported
    pending_new: bool = False
    pending_cancel: bool = False
    pending_replace: bool = False
    bust_style: Literal["version", "exec_type", "exec_trans_type"] = "version"
    final_fill: Literal["trade", "calculated", "done_for_day"] = "trade"  # what follows it, too
    exec_ids: Literal["global", "daily"] = "global"
    order_ids: Literal["global", "daily", "cl_ord_id"] = "global"
    status_requests: Literal["answer", "ignore", "reject"] = "answer"
    reports_halts: bool = True  # a halt suspends its orders in their reports, too
    macro: tuple[AnyMacro, ...] = ()

    def __post_init__(self) -> None:
        check_delay("ack_ms", self.ack_ms)
        check_delay("fill_ms", self.fill_ms)
        if parse_scaled(self.min_order_qty) < 0:
            raise ValueError("min_order_qty is negative")
        for name in ("target", "drop_copy"):
            text = getattr(self, name)
            if not (text.isascii() and text.isprintable()) or (name == "target" and not text):
                raise ValueError(f"{name} is not a CompID: {text!r}")
        if self.drop_copy == self.target:
            raise ValueError("drop_copy is a session of its own: it cannot have the target's CompID")
