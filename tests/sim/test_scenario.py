"""How a scenario is played: what it waits for, what fails it, what it says then. With a clock that is set."""

import pytest

from oms.core.types import Side
from oms.fix.wire import fields
from oms.sim.house import House
from oms.sim.profile import BrokerProfile, ExchangeProfile
from oms.sim.scenario import FAILED, NOT_REACHED, PASSED, Run, Scenario, Step, same
from oms.sim.schedule import MS
from tests.sim.broker_kit import NOW_NS, Fields, X, brief, cancel, new, replace, status

BUY = Side.BUY


class Stage:
    """A house with one broker, a scenario, and the time."""

    def __init__(self, *steps: dict[str, object], up: bool = True, **more: object) -> None:
        import msgspec

        exchanges = {"SIM": ExchangeProfile(liquidity_levels=0, steps_per_s=0)}
        self.house = House([X], {"SIM": BrokerProfile()}, exchanges, now_ns=NOW_NS)
        self.broker = self.house.brokers["SIM"]
        scenario = msgspec.convert({"title": "T", "step": steps, **more}, Scenario)
        self.up = up
        self.now_ns = NOW_NS
        self.run = Run(scenario, self.house, lambda name: self.up)
        self.run.turn(self.now_ns)

    def send(self, *messages: Fields) -> list[str]:
        """What these messages cause, in brief."""
        said = []
        for message in messages:
            said += self.broker.handle(message, self.now_ns)
        return brief([fields(text) for text in said])

    def wait(self, ms: int) -> list[str]:
        self.now_ns += ms * MS
        self.house.turn(self.now_ns)
        self.run.turn(self.now_ns)
        return brief([fields(text) for text in self.broker.take()])

    @property
    def outcomes(self) -> list[str]:
        return [verdict.outcome for verdict in self.run.verdicts]

    @property
    def failure(self) -> str:
        [failed] = [verdict for verdict in self.run.verdicts if verdict.outcome == FAILED]
        assert self.run.finished
        assert not self.run.passed
        return failed.detail


def test_from_the_first_step_to_the_last() -> None:
    stage = Stage(
        {"receive": "35=D 11=X 38=10", "answer": {"do": "hold"}},
        {"order": "X", "act": {"do": "fill", "qty": "4"}},
        {"pause_s": 0.1},
        {"receive": "35=F 11=Y 41=X", "within_s": 2},
        {"order": "X", "stands": "11=Y 39=4 14=4.0 151=0 44=* 99=-"},
        {"quiet_s": 0.5},
    )
    assert stage.send(new("A", BUY, 10, 100)) == ["A 0/0 0+10", "A F/1 4+6 4@100"]
    assert stage.send(cancel("C", "A")) == [], "the broker is busy"
    assert stage.wait(100) == ["C 4/4 4+0"]
    assert stage.outcomes == [PASSED] * 5 + [NOT_REACHED]
    stage.wait(500)
    assert stage.run.passed
    assert stage.run.finished
    assert [v.seconds for v in stage.run.verdicts] == [0.0, 0.0, 0.1, 0.0, 0.0, 0.5]


def test_the_first_step_begins_with_the_logon() -> None:
    stage = Stage({"receive": "35=D"}, up=False, logon_within_s=1)
    stage.send(new("A", BUY, 10, 100))
    assert stage.outcomes == [NOT_REACHED], "what comes before is no business of the scenario's"
    stage.up = True
    stage.wait(10)
    stage.send(new("B", BUY, 10, 100))
    assert stage.run.passed


def test_nobody_logs_on() -> None:
    stage = Stage({"receive": "35=D"}, {"quiet_s": 1}, up=False, logon_within_s=1)
    stage.wait(1_000)
    assert stage.failure == "nobody has logged on within 1 s"
    assert stage.outcomes == [FAILED, NOT_REACHED]


def test_nothing_comes_in_time() -> None:
    stage = Stage({"receive": "35=D 11=X"}, {"receive": "35=F 41=X", "within_s": 2})
    stage.send(new("A", BUY, 10, 100))
    stage.wait(1_999)
    assert not stage.run.finished
    stage.wait(1)
    assert stage.failure == "nothing of the kind within 2 s"


def test_what_came_instead_is_told_and_worked_as_ever() -> None:
    stage = Stage({"receive": "35=D 11=X 54=2"}, {"receive": "35=F 41=X"})
    assert stage.send(new("A", BUY, 10, 100)) == ["A 0/0 0+10"]
    stage.wait(10_000)
    assert stage.failure == ("nothing of the kind within 10 s; 35=D 11=A 38=10 44=100 came: 54 is 1, not 2")
    assert stage.run.besides == 1


def test_strict() -> None:
    stage = Stage({"receive": "35=D 11=X"}, {"receive": "35=F 41=X"}, strict=True)
    stage.send(new("A", BUY, 10, 100), new("B", BUY, 10, 100))
    assert stage.failure == "35=D 11=B 38=10 44=100 came: 35 is D, not F"


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (cancel("C", "B"), "41 is B, not X"),
        (cancel("A", "A"), "11 is A, not Y"),
        (replace("C", "A", 7, 100), "35 is G, not F"),
    ],
    ids=["another order", "an id that is known", "another message"],
)
def test_ids_are_symbols(message: Fields, why: str) -> None:
    stage = Stage({"receive": "35=D 11=X"}, {"receive": "35=F 11=Y 41=X"})
    stage.send(new("A", BUY, 10, 100), message)
    stage.wait(10_000)
    assert stage.failure.endswith(why)


def test_a_symbol_that_did_not_fit_is_not_bound() -> None:
    stage = Stage({"receive": "35=D 11=X 38=5"}, {"receive": "35=D 11=Y"})
    stage.send(new("A", BUY, 10, 100), new("B", BUY, 5, 100), new("C", BUY, 1, 100))
    assert stage.run.passed


def test_quiet() -> None:
    stage = Stage({"receive": "35=D 11=X"}, {"quiet_s": 1})
    stage.send(new("A", BUY, 10, 100), status("A"))
    assert stage.failure == "35=H 11=A came"


def test_what_came_in_a_pause_breaks_the_quiet() -> None:
    stage = Stage({"pause_s": 0.1}, {"quiet_s": 1})
    stage.send(new("A", BUY, 10, 100))
    stage.wait(100)
    assert stage.failure == "35=D 11=A 38=10 44=100 came"


def test_an_order_does_not_stand_so() -> None:
    stage = Stage({"receive": "35=D 11=X"}, {"order": "X", "stands": "39=0 14=1"})
    stage.send(new("A", BUY, 10, 100))
    assert stage.failure == "14 is 0, not 1"


def test_an_order_that_the_broker_refused_is_none() -> None:
    stage = Stage({"receive": "35=D 11=X"}, {"order": "X", "act": {"do": "fill"}})
    stage.send(new("A", BUY, 10, 100, **{"55": "Y"}))
    assert stage.failure == "the broker has no order X"


def test_what_is_told_may_be_wrong() -> None:
    stage = Stage({"tell": "halt Y"})
    assert stage.failure == "no instrument Y"


def test_a_report_that_is_not_true() -> None:
    stage = Stage(
        {"receive": "35=D 11=X", "answer": {"do": "hold"}},
        {"order": "X", "send": "150=F 32=50 31=1 11=X 44=-"},
        {"order": "X", "stands": "14=0"},
    )
    said = stage.broker.handle(new("A", BUY, 10, 100), NOW_NS)
    report = fields(said[1])
    assert (report["150"], report["32"], report["11"], report["14"]) == ("F", "50", "A", "0")
    assert "44" not in report
    assert stage.run.passed


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"do": "refuse"}, ["C refused 1/2 0"]),
        ({"do": "silent"}, []),
        ({"do": "pending", "after_ms": 0}, ["C 6/6 0+10", "C 4/4 0+0"]),
        ({"do": "crossing", "percent": 50}, ["A F/1 5+5 5@100", "C 4/4 5+0"]),
        ({"do": "plain"}, ["C 4/4 0+0"]),
        (None, ["C 4/4 0+0"]),
    ],
)
def test_answers_to_a_cancel(answer: dict[str, object] | None, said: list[str]) -> None:
    step = {"receive": "35=F 41=X"} | ({"answer": answer} if answer else {})
    stage = Stage({"receive": "35=D 11=X"}, step)
    stage.send(new("A", BUY, 10, 100))
    assert stage.send(cancel("C", "A")) == said
    assert stage.run.passed


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ({"do": "enter"}, []),
        ({"do": "fill", "percent": 30, "px": "99"}, ["A F/1 3+7 3@99"]),
        ({"do": "cancel"}, ["A 4/4 0+0"]),
        ({"do": "reject", "reason": 3}, ["A 8/8 0+0"]),
        ({"do": "expire"}, ["A C/C 0+0"]),
        ({"do": "suspend"}, ["A 9/9 0+10"]),
        ({"do": "restate", "percent": 50}, ["A D/0 0+5"]),
        ({"do": "restate", "percent": 0}, ["A 4/4 0+0"]),
        ({"do": "forget"}, []),
        ({"do": "repeat"}, ["A 0/0 0+10"]),
        ({"do": "bust"}, []),
        ({"do": "correct"}, []),
    ],
)
def test_acts(act: dict[str, object], said: list[str]) -> None:
    stage = Stage({"receive": "35=D 11=X", "answer": {"do": "hold"}}, {"order": "X", "act": act})
    assert stage.send(new("A", BUY, 10, 100)) == ["A 0/0 0+10", *said]
    assert stage.run.passed


def test_a_disconnect_comes_behind_what_was_said() -> None:
    stage = Stage(
        {"receive": "35=D 11=X", "answer": {"do": "hold"}},
        {"order": "X", "act": {"do": "disconnect", "how": "logout", "for_ms": 5}},
    )
    said = stage.broker.handle(new("A", BUY, 10, 100), NOW_NS)
    assert (said[1].how, said[1].for_ms) == ("logout", 5)


@pytest.mark.parametrize(
    ("tag", "wanted", "got", "expected"),
    [
        ("38", "100", "100.00", True),
        ("38", "100", "1e2", False),
        ("58", "100", "100.00", False),
        ("58", "-", None, True),
        ("58", "-", "x", False),
        ("58", "*", "x", True),
        ("58", "*", None, False),
        ("58", "x", None, False),
    ],
)
def test_same(tag: str, wanted: str, got: str | None, expected: bool) -> None:
    assert same(tag, wanted, got) is expected


def test_what_a_step_is_about() -> None:
    steps = [
        Step(receive="35=D 11=X"),
        Step(quiet_s=0.5),
        Step(order="X", stands="39=0"),
        Step(tell="halt X", title="a halt"),
    ]
    assert [step.shown for step in steps] == ["receive 35=D 11=X", "quiet 0.5 s", "X stands 39=0", "a halt"]
