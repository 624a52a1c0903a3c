"""The inputs that all benchmarks share. Seeded: the same arguments give the same day, to the last byte.

A *day* is what an engine sees between morning and evening: prices from the venue, a client's orders, cancels
and replaces, good and bad, and the venue's answers to them. It is made by the real parties, without sockets:
the simulated client's `Workload` and `ClientView`, the `Kernel` with a journal in memory (`Tape`), and the
broker simulator's `Broker`. Every message between them is a whole FIX 4.4 text with header and
trailer, since that is what the engine parses and journals. The clock counts, it does not run.

What the day leaves behind is what the benchmarks are about: the inputs as texts and as commands, the bodies
of the journal, and a digest of the state that all of this must lead to, however fast.
"""

import os
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from msgspec import Struct

from oms import reference
from oms.config import load
from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.engine import decide
from oms.core.state import State
from oms.core.types import OrdType, format_scaled
from oms.fix.wire import fields, utc_timestamp
from oms.journal.reader import JournalReader
from oms.journal.writer import JournalWriter
from oms.kernel import Kernel, Ledger, read_message
from oms.sim.broker import Broker
from oms.sim.client_view import ClientView
from oms.sim.exchange import Exchange
from oms.sim.instruments import SimInstrument, load_instruments
from oms.sim.prices import first_prices
from oms.sim.workload import Action, Workload

REPOSITORY: Final = Path(__file__).resolve().parent.parent

CLIENT: Final = "CLIENT1"
VENUE: Final = "SIM"
ENGINE: Final = "OMS"
ACCOUNT: Final = "BENCH"

SYMBOLS: Final = 60
"""How many of the configured instruments are traded."""

START_NS: Final = 1_800_000_000_000_000_000
STEP_NS: Final = 1_000_000
"""By how much a day's clock moves each time it is read."""

ORDERS_PER_PRICE: Final = 10
"""After how many of the client's messages the venue's market moves."""

_ACCOUNTS: Final = f"""\
[firm]
max_order_qty = "1000000"

[firm.max_order_notional]
USD = "100000000"
EUR = "100000000"
GBP = "100000000"
JPY = "10000000000"
SEK = "1000000000"

[[account]]
id = "{ACCOUNT}"
name = "limits that a benchmark does not reach"
clients = ["{CLIENT}"]
position_limit = "50000000000"

[account.buying_power]
USD = "50000000000"
EUR = "50000000000"
GBP = "50000000000"
JPY = "50000000000"
SEK = "50000000000"
"""


# -- configuration -------------------------------------------------------------------------------------------


def write_config(
    directory: Path,
    *,
    venue: str = VENUE,
    durability: str = "process",
    spin_ms: float = 0.0,
    port: int = 0,
    venue_port: int = 0,
) -> Path:
    """A configuration with the project's instruments and limits out of reach, all its files below
    `directory`.

    Returns its path. Orders go to the session SIM, or to the paper venue.
    """
    (directory / "accounts.toml").write_text(_ACCOUNTS)
    sessions = REPOSITORY / "sessions"
    for name in ("clients.cfg", "venue-sim.cfg", "sim.cfg"):
        text = (sessions / name).read_text()
        (directory / name).write_text(text.replace("=9880", f"={venue_port}"))
    config = REPOSITORY / "config"
    path = directory / "bench.toml"
    path.write_text(
        f"""\
[engine]
venue = "{venue}"
durability = "{durability}"
spin_ms = {spin_ms}

[files]
journal = "{directory}/journal"
operator_socket = "{directory}/operator.sock"

[fix]
listen = "127.0.0.1:{port}"
clients = "clients.cfg"
venues = [{'"venue-sim.cfg"' if venue == VENUE else ""}]

[reference]
instruments = "{config}/instruments.csv"
markets = "{config}/markets.toml"
tick_rules = "{config}/tick_rules.toml"
accounts = "accounts.toml"

[sim]
settings = "sim.cfg"
trade_file = "{directory}/sim-trades.csv"
"""
    )
    return path


def traded_instruments() -> list[SimInstrument]:
    """Every n-th of the configured instruments."""
    config = REPOSITORY / "config"
    listed = load_instruments(config / "instruments.csv", config / "tick_rules.toml")
    return listed[:: len(listed) // SYMBOLS][:SYMBOLS]


@cache
def definitions() -> tuple[ev.Event, ...]:
    """The reference data as an engine with `write_config`'s configuration records it."""
    with TemporaryDirectory() as directory:
        return tuple(reference.definitions(load(write_config(Path(directory))), START_NS))


def us_symbols() -> list[str]:
    """Symbols with a tick of 0.01 at any price from 1 on and a lot of 1: those of the wire benchmark."""
    listed = (d for d in definitions() if isinstance(d, ev.InstrumentDefined) and d.market == "XNAS")
    return [instrument.symbol for instrument in listed][:SYMBOLS]


# -- messages ------------------------------------------------------------------------------------------------


def framed(text: str, sender: str, target: str, msg_seq_num: int, at: str) -> str:
    """Header and trailer around MsgType(35) and body fields. `at` is SendingTime(52).

    >>> framed("35=0\x01", "A", "B", 7, "20270115-08:00:00").replace("\x01", "|")
    '8=FIX.4.4|9=45|35=0|34=7|49=A|52=20270115-08:00:00|56=B|10=135|'
    """
    kind, _, fields_of_body = text.partition("\x01")
    body = f"{kind}\x0134={msg_seq_num}\x0149={sender}\x0152={at}\x0156={target}\x01{fields_of_body}"
    head = f"8=FIX.4.4\x019={len(body)}\x01"
    return f"{head}{body}10={sum((head + body).encode()) & 255:03d}\x01"


def new_order_text(
    cl_ord_id: str, symbol: str, side: str, qty: str, at: str, *, account: str = ACCOUNT, price: str = ""
) -> str:
    """A day order, NewOrderSingle(D): a limit order if it has a price, else a market order."""
    terms = f"40=2\x0144={price}\x01" if price else "40=1\x01"
    return (
        f"35=D\x011={account}\x0111={cl_ord_id}\x0121=1\x0138={qty}\x01{terms}"
        f"54={side}\x0155={symbol}\x0159=0\x0160={at}\x01"
    )


def report_text(cl_ord_id: str, exec_id: str, symbol: str, exec_type: str, cum: int, last: int) -> str:
    """A venue's ExecutionReport(8) on a buy order of 100 shares at 99.5: `last` executed, `cum` in all."""
    executed = f"32={last}\x0131=99.5\x01" if last else ""
    status = "2" if cum == 100 else "1" if cum else "0"
    return (
        f"35=8\x016={99.5 if cum else 0}\x0111={cl_ord_id}\x0114={cum}\x0117={exec_id}\x01{executed}"
        f"37=V{cl_ord_id}\x0138=100\x0139={status}\x0140=2\x0144=99.5\x0154=1\x0155={symbol}\x0159=0\x01"
        f"60={utc_timestamp(START_NS)}\x01150={exec_type}\x01151={100 - cum}\x01"
    )


def _action_text(action: Action, cl_ord_id: str, at: str) -> str:
    """What a client writes for an action of the workload."""
    common = f"55={action.symbol}\x0154={action.side}\x0138={format_scaled(action.order_qty)}\x0160={at}\x01"
    if action.is_cancel:
        return f"35=F\x0111={cl_ord_id}\x0141={action.cl_ord_id}\x01{common}"
    price = f"44={format_scaled(action.price)}\x01" if action.ord_type == OrdType.LIMIT else ""
    terms = f"{common}40={action.ord_type}\x0159={action.time_in_force}\x01{price}"
    if action.is_replace:
        return f"35=G\x0111={cl_ord_id}\x0141={action.cl_ord_id}\x01{terms}"
    return f"35=D\x0111={cl_ord_id}\x011={action.account}\x01{terms}"


# -- a day ---------------------------------------------------------------------------------------------------


class Tape:
    """A journal in memory: what `Kernel` needs of one."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def append(self, body: bytes) -> int:
        self.bodies.append(body)
        return len(self.bodies)

    def commit(self) -> int:
        return len(self.bodies)


class Input(Struct, frozen=True):
    """A message as the kernel got it, and when."""

    session_id: str
    msg_seq_num: int
    text: str
    at_ns: int


class Day(Struct, frozen=True):
    """What a day leaves behind."""

    facts: list[ev.Event]  # what was recorded before the first message
    inputs: list[Input]
    commands: list[tuple[int, cmd.Command]]  # the inputs as `decide` got them, with their time
    bodies: list[bytes]  # the journal
    transitions: int  # how many events the commands led to
    digest: str  # of the state at the end


class _Party:
    """One end of a session to the kernel: numbers what it sends, wraps it, and keeps it."""

    def __init__(self, name: str, kernel: Kernel, sent: list[Input]) -> None:
        self.name = name
        self.waiting: deque[str] = deque()  # what the kernel has sent to it
        self._kernel = kernel
        self._next = count(1)
        self._sent = sent

    def send(self, text: str, clock: "Clock") -> None:
        number = next(self._next)
        text = framed(text, self.name, ENGINE, number, utc_timestamp(clock.now_ns))
        # The kernel reads the clock once when a message comes: that is the time of its decision.
        self._sent.append(Input(self.name, number, text, clock.now_ns + STEP_NS))
        self._kernel.on_message(self.name, number, text)


class Clock:
    """Moves by one step each time it is read."""

    def __init__(self) -> None:
        self.now_ns = START_NS

    def __call__(self) -> int:
        self.now_ns += STEP_NS
        return self.now_ns


@cache
def day(messages: int, seed: int = 1) -> Day:
    """A day on which the client sends that many orders, cancels and replaces. About 0.3 ms each."""
    clock, tape = Clock(), Tape()
    kernel = Kernel(State(), Ledger(), tape, [VENUE], clock=clock)
    facts = opening()
    for fact in facts:
        kernel.record(fact)
    inputs: list[Input] = []
    client, venue = _Party(CLIENT, kernel, inputs), _Party(VENUE, kernel, inputs)
    instruments = traded_instruments()
    broker = Broker(Exchange(instruments, seed=seed), id_prefix="SIM-")
    view = ClientView()
    workload = Workload(instruments, first_prices(seed, instruments), [ACCOUNT], seed=seed)

    def settle() -> None:
        """Pass on messages until nobody has anything to say."""
        kernel.flush(lambda session_id, text, *_: waiting[session_id].append(text))
        while client.waiting or venue.waiting:
            while venue.waiting:
                for report in broker.handle(fields(venue.waiting.popleft()), clock.now_ns):
                    venue.send(report, clock)
            while client.waiting:
                view.received(fields(client.waiting.popleft()))
            kernel.flush(lambda session_id, text, *_: waiting[session_id].append(text))

    waiting = {CLIENT: client.waiting, VENUE: venue.waiting}
    broker.feed.all_due()
    for text in broker.take_prices(len(instruments)):
        venue.send(text, clock)
    for n in range(messages):
        action = workload.next(view)
        client.send(_remembered(view, action, f"C{n}", clock.now_ns), clock)
        settle()
        if n % ORDERS_PER_PRICE == 0:
            broker.exchange.step(clock.now_ns)
            for text in (*broker.take(), *broker.take_prices(1)):
                venue.send(text, clock)
            settle()
    assert not view.violations, view.violations[:3]
    commands = [(i.at_ns, _command(i)) for i in inputs]
    transitions = sum(1 for body in tape.bodies if is_transition(body)) - len(facts)
    return Day(facts, inputs, commands, tape.bodies, transitions, kernel.state.digest())


def opening() -> list[ev.Event]:
    """What an engine records before it takes the first message."""
    return [
        ev.EngineStarted(START_NS, "0", 1, "bench"),
        *definitions(),
        ev.SessionLoggedOn(START_NS, VENUE),
        ev.SessionLoggedOn(START_NS, CLIENT),
    ]


def opened() -> State:
    """A state that has seen the opening."""
    state = State()
    for fact in opening():
        state.apply(fact)
    return state


_INPUT_OR_OUTPUT: Final = (10, 11, 14)  # tags of MessageIn, MessageOut, CommandTaken


def is_transition(body: bytes) -> bool:
    """Whether a record is an event that state is the fold of, not the text of a message or a command.

    A msgpack array of up to 15 elements has one byte of header; then comes the tag.
    """
    return body[1] not in _INPUT_OR_OUTPUT


def _remembered(view: ClientView, action: Action, cl_ord_id: str, now_ns: int) -> str:
    """The text of an action that the client's view has been told of."""
    if action.is_cancel or action.is_replace:
        view.sent_request(cl_ord_id, action.cl_ord_id, "cancel" if action.is_cancel else "replace", now_ns)
    else:
        cl_ord_id = action.cl_ord_id or cl_ord_id
        view.sent_new(
            cl_ord_id,
            now_ns,
            account=action.account,
            symbol=action.symbol,
            side=action.side,
            order_qty=action.order_qty,
            ord_type=action.ord_type,
            price=action.price,
            time_in_force=action.time_in_force,
        )
    return _action_text(action, cl_ord_id, utc_timestamp(now_ns))


def _command(message: Input) -> cmd.Command:
    command = read_message(message.session_id, message.text, frozenset([VENUE]))
    assert command is not None
    return command


# -- what is measured in more than one place -----------------------------------------------------------------


def transit(state: State, commands: Sequence[tuple[int, cmd.Command]], append: Callable[[bytes], int]) -> int:
    """The core alone: decide, encode, append, apply. Returns the number of transitions."""
    encode, apply = ev.encode, state.apply
    transitions = 0
    for at_ns, command in commands:
        for event in decide(state, command, at_ns):
            append(encode(event))
            apply(event)
            transitions += 1
    return transitions


def write_journal(directory: Path, bodies: Sequence[bytes], commit_every: int = 8) -> int:
    """A journal on disk made by the real writer. Returns its last sequence."""
    with JournalWriter.open(directory, durability="process") as writer:
        for n, body in enumerate(bodies, 1):
            writer.append(body)
            if n % commit_every == 0:
                writer.commit()
        return writer.last_seq


def sized_bodies(number: int, size: int) -> list[bytes]:
    """Bodies of that size, each different."""
    return [n.to_bytes(8, "little") * (size // 8) + bytes(size % 8) for n in range(number)]


def checksum(bodies: Iterable[bytes]) -> int:
    """One number for a sequence of bodies."""
    crc = 0
    for body in bodies:
        crc = zlib.crc32(body, crc)
    return crc


# -- what a reading process does -----------------------------------------------------------------------------


def read_records(directory: Path, number: int, answer: Connection) -> None:
    """Say "ready", tail that many records without sleeping, and answer their checksum."""
    answer.send("ready")
    answer.send(checksum(body for bodies in _tail(directory, number) for body in bodies))


def lag_of_records(directory: Path, number: int, answer: Connection) -> None:
    """Say "ready", tail that many records, and answer how long after their time they came: the median, in us.

    A record starts with the time of its commit, by the clock that all processes share.
    """
    answer.send("ready")
    lags = sorted(
        time.monotonic_ns() - int.from_bytes(body[:8], "little")
        for bodies in _tail(directory, number)
        for body in bodies
    )
    answer.send(lags[len(lags) // 2] / 1e3)


def _tail(directory: Path, number: int) -> Iterator[list[bytes]]:
    """Tail from the first record on, on the last core: the first is the writer's."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    reader = JournalReader(directory)
    while reader.position <= number:
        yield [body for _, body in reader.read(1000)]
    reader.close()
