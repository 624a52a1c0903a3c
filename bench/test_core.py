"""The core alone, and one order's whole life through the kernel.

A *transition* is one event from decision to state: decided, encoded, appended to a memory-mapped journal on
disk, and applied. A new order is two of them (received, routed), its acknowledgement two (route accepted,
order accepted), a fill one. Not in it: parsing and writing FIX, and the records that keep messages and
commands as they came and went.
"""

from collections.abc import Sequence
from itertools import count

from bench import cases
from bench.conftest import Measure, OpenJournal, Scaled
from bench.figures import Counted
from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.controls import Ask, check
from oms.core.order import ord_status
from oms.core.state import State, route_cl_ord_id
from oms.core.types import SCALE, OrdStatus, Px, Qty
from oms.journal.writer import JournalWriter
from oms.kernel import Kernel, Ledger


def test_core_transitions(measure: Measure, scaled: Scaled, open_journal: OpenJournal) -> None:
    """A day's commands, journaled and applied, lead to the day's state."""
    day = cases.day(scaled(100, 20_000))
    ended: list[tuple[State, int]] = []

    def setup() -> tuple[State, JournalWriter]:
        ended.clear()
        return cases.opened(), open_journal("process")

    def run(state: State, journal: JournalWriter) -> None:
        transitions = cases.transit(state, day.commands, journal.append)
        journal.commit()
        ended.append((state, transitions))

    measure(run, Counted("core", "transitions/s", day.transitions), setup=setup)
    state, transitions = ended[-1]
    assert transitions == day.transitions
    assert state.digest() == day.digest


def test_decide_alone(measure: Measure, scaled: Scaled) -> None:
    """New orders decided against a state that does not change: two events each."""
    state, orders = _market(), _new_orders(scaled(50, 5_000))

    def run() -> int:
        return sum(len(_decide(state, order)) for order in orders)

    assert measure(run, Counted("core: decide a new order", "us", len(orders))) == 2 * len(orders)


def test_controls(measure: Measure, scaled: Scaled) -> None:
    """All pre-trade controls over an order that passes them."""
    state = _market()
    asks = [
        Ask(o.session_id, o.cl_ord_id, o.account, o.symbol, o.side, o.order_qty, o.ord_type, o.price,
        o.time_in_force, None) for o in _new_orders(scaled(50, 5_000))
    ]  # fmt: skip

    def run() -> int:
        return sum(check(state, ask) is None for ask in asks)

    assert measure(run, Counted("core: all controls", "us", len(asks))) == len(asks)


def test_order_life(measure: Measure, scaled: Scaled, open_journal: OpenJournal) -> None:
    """An order, its acknowledgement and two fills, from FIX text to FIX text: four messages in, four out."""
    lives = [_life(n) for n in range(scaled(20, 2_000))]
    ended: list[tuple[Kernel, int]] = []

    def setup() -> tuple[Kernel]:
        ended.clear()
        return (Kernel(_market(), Ledger(), open_journal("process"), [cases.VENUE]),)

    def run(kernel: Kernel) -> None:
        sent: list[str] = []
        at_client, at_venue = count(1), count(1)
        for order, *reports in lives:
            kernel.on_message(cases.CLIENT, next(at_client), order)
            kernel.flush(lambda session_id, text, number, at_ns: sent.append(text))
            for report in reports:
                kernel.on_message(cases.VENUE, next(at_venue), report)
                kernel.flush(lambda session_id, text, number, at_ns: sent.append(text))
        ended.append((kernel, len(sent)))

    measure(run, Counted("kernel: one order life, text to text", "us", len(lives)), setup=setup)
    kernel, sent = ended[-1]
    assert sent == 4 * len(lives)
    assert {ord_status(order) for order in kernel.state.orders.values()} == {OrdStatus.FILLED}


def _market() -> State:
    """A state with a reference price for what is traded here."""
    state = cases.opened()
    for symbol in cases.us_symbols():
        state.apply(ev.ReferencePriceChanged(cases.START_NS, symbol, Px(100 * SCALE), cases.VENUE))
    return state


def _new_orders(number: int) -> list[cmd.NewOrder]:
    symbols = cases.us_symbols()
    return [
        cmd.NewOrder(
            cases.CLIENT,
            f"C{n}",
            cases.ACCOUNT,
            symbols[n % len(symbols)],
            "12"[n % 2],
            Qty(100 * SCALE),
            "2",
            Px((95_00 + n % 1000) * SCALE // 100),
            "0",
        )
        for n in range(number)
    ]


def _decide(state: State, order: cmd.NewOrder) -> Sequence[ev.Event]:
    return cases.decide(state, order, cases.START_NS)


def _life(n: int) -> list[str]:
    """The texts of one order's life: NewOrderSingle(D), then the venue's three ExecutionReports(8)."""
    symbols = cases.us_symbols()
    symbol = symbols[n % len(symbols)]
    order = cases.new_order_text(f"C{n}", symbol, "1", "100", _AT, price="99.5")
    reports = [
        cases.report_text(route_cl_ord_id("bench", n + 1, 1, 1), f"X{n}.{k}", symbol, exec_type, cum, last)
        for k, (exec_type, cum, last) in enumerate((("0", 0, 0), ("F", 60, 60), ("F", 100, 40)))
    ]
    return [
        cases.framed(order, cases.CLIENT, cases.ENGINE, n + 1, _AT),
        *(
            cases.framed(report, cases.VENUE, cases.ENGINE, 3 * n + k + 1, _AT)
            for k, report in enumerate(reports)
        ),
    ]


_AT = "20270115-08:00:00.000"
