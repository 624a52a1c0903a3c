"""The wire benchmark, run small: that it starts, loads and stops what it says, and counts right."""

import numpy as np
import pytest

from bench import figures, load, plot, wire
from bench.figures import Counted, Figure

TINY = wire.Sizes(rounds=1, ping=20, fill=10, saturated=100, window=8)


@pytest.mark.parametrize(
    ("name", "spin"), [("echo, file store", True), ("engine, machine", True), ("engine, broker", False)]
)
def test_every_order_is_answered(name: str, spin: bool) -> None:
    variant = wire.Variant(name, spin)
    # The load generator itself fails if an order is not accepted, or answered twice.
    samples = wire.measure(variant, TINY)
    assert samples["new"].shape == (TINY.ping,)
    assert (samples["new"] > 0).all()
    assert samples["saturated"][1] == TINY.saturated
    # The scheduler's account moves by whole ticks: so few orders may have cost none.
    assert (samples["cpu_saturated"] >= 0).all()
    assert len(samples["cpu_saturated"]) == (3 if "broker" in name else 2)
    assert ("fill" in samples) == (not variant.is_echo)
    if "fill" in samples:
        assert (samples["fill"] >= samples["fill_first"]).all()


def test_messages_are_split_where_they_end() -> None:
    first, second = b"8=FIX.4.4\x019=5\x0135=0\x0110=163\x01", b"8=FIX.4.4\x019=5\x0135=1\x0110=164\x01"
    for cut in range(len(second)):
        assert load.split(first + second[:cut]) == ([first], second[:cut])
    assert load.split(first + second) == ([first, second], b"")


def test_a_test_request_is_answered_before_the_next_block() -> None:
    session = load.Session.__new__(load.Session)
    sent: list[bytes] = []
    session.next_out, session._asked, session._sent_s = 5, [], np.inf
    session.send = lambda data, messages: sent.append(data)  # type: ignore[method-assign]
    session._administrative([b"8=FIX.4.4\x019=20\x0135=1\x0134=9\x01112=ABC\x0110=000\x01"])
    session.keep_alive()
    assert [b"\x0135=0\x0134=5\x01" in data and b"\x01112=ABC\x01" in data for data in sent] == [True]


def test_ratios_are_taken_within_a_round() -> None:
    """A machine that is half as fast in the second round changes no ratio."""
    results = [
        wire.Result(n, wire.Variant(name, True), _samples(us * slow))
        for n, slow in enumerate((1, 2, 1))
        for name, us in (("echo, file store", 40), ("engine, process", 100))
    ]
    engine = next(f for f in wire.figures(results) if f.name == "spin: engine, process: first report, median")
    assert engine.ratio == pytest.approx(2.5)
    assert (engine.value, engine.low, engine.high) == (100.0, 100.0, 200.0)
    assert engine.met is False


def test_a_missed_target_is_said_to_be_missed() -> None:
    missed = figures.with_target(Figure("core", "transitions/s", 149_999.0))
    assert figures.cells(missed)[-1] == "MISSED"
    assert figures.cells(figures.with_target(Figure("core", "transitions/s", 150_000.0)))[-1] == "yes"


def test_timings_become_figures() -> None:
    counted = [Counted("a", "us", 1000, baseline="b"), Counted("b", "things/s", 1000), Counted("c", "ms")]
    stats = {"median": 0.002, "q1": 0.001, "q3": 0.004}
    report = {"benchmarks": [{"stats": stats, "extra_info": {"figures": [c.as_dict() for c in counted]}}]}
    a, b, c = figures.from_benchmarks(report)
    assert (a.value, a.low, a.high) == (2.0, 1.0, 4.0)
    assert (b.value, b.low, b.high) == (500_000.0, 250_000.0, 1_000_000.0)
    assert c.value == 2.0


def test_the_axis_of_percentiles_grows_towards_the_top() -> None:
    assert plot.position(np.array([0.0, 90.0, 99.0])) == pytest.approx([0.0, 1.0, 2.0])


def _samples(us: int) -> wire.Samples:
    times = np.full(10, us * 1_000, np.int64)
    return {"new": times, "saturated": np.array([1_000_000, 10]), "cpu_saturated": np.array([10_000, 5_000])}
