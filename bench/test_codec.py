"""The FIX edge alone: text to command, event to text. simplefix and QuickFIX parse the same texts beside it.

What the others do is less: simplefix splits into pairs, QuickFIX into its own fields; neither makes a typed
command of them. They are here for scale.
"""

import quickfix
import simplefix

from bench import cases
from bench.conftest import Measure, Scaled
from bench.figures import Counted
from oms.core import events as ev
from oms.core.state import State
from oms.core.types import SCALE, Px, Qty
from oms.fix.decode import from_client, from_venue
from oms.fix.encode import render

SIMPLEFIX = "simplefix: parse"

_AT = "20270115-08:00:00.000"


def test_decode_new_order(measure: Measure, scaled: Scaled) -> None:
    texts = _orders(scaled(50, 5_000))
    commands = measure(
        lambda: [from_client(cases.CLIENT, text) for text in texts],
        Counted("decode NewOrderSingle(D)", "us", len(texts), baseline=f"{SIMPLEFIX} NewOrderSingle(D)"),
    )
    assert [command.cl_ord_id for command in commands] == _ids(len(texts))
    assert commands[1].price == 99_510_000_00
    assert commands[1].order_qty == 100 * SCALE


def test_decode_report(measure: Measure, scaled: Scaled) -> None:
    texts = _reports(scaled(50, 5_000))
    commands = measure(
        lambda: [from_venue(cases.VENUE, text) for text in texts],
        Counted("decode ExecutionReport(8)", "us", len(texts), baseline=f"{SIMPLEFIX} ExecutionReport(8)"),
    )
    assert [command.cl_ord_id for command in commands] == _ids(len(texts))
    assert commands[1].last_px == 99_500_000_00
    assert commands[1].transact_time_ns == cases.START_NS


def test_encode_report(measure: Measure, scaled: Scaled) -> None:
    """ExecutionReport(8) to a client about a fill."""
    # One execution, as many times: the state knows it, and the report names it.
    events = [ev.OrderFilled(cases.START_NS, 1, 1, "X0", Qty(100 * SCALE), Px(99_500_000_00), 0)]
    events *= scaled(50, 5_000)
    state = _filled(events[0])
    written = measure(
        lambda: [render(event, seq, state) for seq, event in enumerate(events)],
        Counted("encode ExecutionReport(8)", "us", len(events)),
    )
    assert all(session_id == cases.CLIENT for session_id, _ in written)
    assert "\x0131=99.5\x01" in written[-1][1]
    assert "\x0117=bench-1-1-X1\x01" in written[-1][1]


def test_encode_order(measure: Measure, scaled: Scaled) -> None:
    """NewOrderSingle(D) to a venue."""
    number = scaled(50, 5_000)
    state = _working()
    qty, price = Qty(100 * SCALE), Px(99_500_000_00)
    events = [
        ev.OrderRouted(cases.START_NS, 1, 1, cases.VENUE, f"bench-1-1-{n}", qty, price) for n in range(number)
    ]
    written = measure(
        lambda: [render(event, seq, state) for seq, event in enumerate(events)],
        Counted("encode NewOrderSingle(D)", "us", number),
    )
    assert all(session_id == cases.VENUE for session_id, _ in written)
    assert f"35=D\x0111=bench-1-1-{number - 1}\x01" in written[-1][1]


def test_simplefix_new_order(measure: Measure, scaled: Scaled) -> None:
    _simplefix(measure, _orders(scaled(50, 5_000)), f"{SIMPLEFIX} NewOrderSingle(D)")


def test_simplefix_report(measure: Measure, scaled: Scaled) -> None:
    _simplefix(measure, _reports(scaled(50, 5_000)), f"{SIMPLEFIX} ExecutionReport(8)")


def test_quickfix_new_order(measure: Measure, scaled: Scaled) -> None:
    _quickfix(measure, _orders(scaled(50, 5_000)), "QuickFIX: parse NewOrderSingle(D)")


def test_quickfix_report(measure: Measure, scaled: Scaled) -> None:
    _quickfix(measure, _reports(scaled(50, 5_000)), "QuickFIX: parse ExecutionReport(8)")


def _simplefix(measure: Measure, texts: list[str], name: str) -> None:
    messages = [text.encode() for text in texts]

    def run() -> list[bytes]:
        parser = simplefix.FixParser()
        found = []
        for message in messages:
            parser.append_buffer(message)
            found.append(parser.get_message().get(11))
        return found

    assert [found.decode() for found in measure(run, Counted(name, "us", len(texts)))] == _ids(len(texts))


def _quickfix(measure: Measure, texts: list[str], name: str) -> None:
    message = quickfix.Message()

    def run() -> list[str]:
        found = []
        for text in texts:
            message.setString(text, False)
            found.append(message.getField(11))
        return found

    assert measure(run, Counted(name, "us", len(texts))) == _ids(len(texts))


def _ids(number: int) -> list[str]:
    return [f"C{n}" for n in range(number)]


def _orders(number: int) -> list[str]:
    return [
        cases.framed(
            cases.new_order_text(f"C{n}", "AAPL", "1", "100", _AT, price=f"{99.5 + n % 100 / 100:.2f}"),
            cases.CLIENT,
            cases.ENGINE,
            n + 1,
            _AT,
        )
        for n in range(number)
    ]


def _reports(number: int) -> list[str]:
    return [
        cases.framed(
            cases.report_text(f"C{n}", f"X{n}", "AAPL", "F", 100, 100), cases.VENUE, cases.ENGINE, n + 1, _AT
        )
        for n in range(number)
    ]


def _working() -> State:
    """A state with one order at the venue."""
    state = cases.opened()
    at_ns, qty, price = cases.START_NS, Qty(100 * SCALE), Px(99_500_000_00)
    symbol = cases.us_symbols()[0]
    state.apply(
        ev.OrderReceived(
            at_ns, 1, cases.CLIENT, "C0", cases.ACCOUNT, symbol, "1", qty, "2", price, "0", price
        )
    )
    state.apply(ev.OrderRouted(at_ns, 1, 1, cases.VENUE, "bench-1-1-1", qty, price))
    return state


def _filled(event: ev.OrderFilled) -> State:
    state = _working()
    state.apply(event)
    return state
