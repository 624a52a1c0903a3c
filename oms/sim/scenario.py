"""Scenarios: what a broker waits for, how it answers, and whether the counterparty did what it had to.

A scenario is a TOML file with a title and steps, which are done one after another. A message is written as
in the conformance kit's transcripts, `35=D 11=X 38=100`: fields by tag; numbers are compared as numbers;
`tag=-` must be absent, `tag=*` present; ids are symbols. `11=X` binds X to the ClOrdID that comes, if X is
new; from then on X stands for it, in `41=X` and in `order = "X"`.

A step is one of these:

    receive = "35=D 11=X"    wait for such a message, `within_s`; `answer` is a macro, and without one the
                             broker works it as its profile has it
    act = { do = "fill" }    do something to `order` now
    send = "150=F 32=5"      send a report about `order` with these fields, true or not; `tag=-` omits one
    stands = "39=2 151=0"    see whether the broker has `order` so
    tell = "phase closing"   what a person could tell the simulator: see `commands.py`
    pause_s = 0.5            do nothing; what comes meanwhile waits
    quiet_s = 1              see that no message comes

A message that no step waits for is worked by the profile; with `strict` it fails the scenario. The first
step begins when the counterparty is logged on. The first failure ends it: what comes after was not reached.
"""

import shlex
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Struct

from oms.core.types import ExecType, parse_scaled
from oms.fix.wire import SOH, fields
from oms.sim.acts import AnyAct
from oms.sim.commands import tell
from oms.sim.macros import AnyMacro, Macro, Message, Silent
from oms.sim.reports import VenueOrder, execution_report
from oms.sim.schedule import NEVER
from oms.sim.tables import Seconds, Table

if TYPE_CHECKING:
    from oms.sim.broker import Broker
    from oms.sim.house import House

PASSED, FAILED, NOT_REACHED = "passed", "failed", "not reached"

SECOND_NS: Final = 1_000_000_000

IDS: Final = frozenset(("11", "41"))  # ClOrdID, OrigClOrdID
NUMBERS: Final = frozenset(("6", "14", "31", "32", "38", "44", "99", "110", "111", "151"))
ABSENT, PRESENT = "-", "*"

_KINDS: Final = ("receive", "act", "send", "stands", "tell", "pause_s", "quiet_s")
_ABOUT_AN_ORDER: Final = ("act", "send", "stands")
_REQUESTS: Final = frozenset("FG")


class Step(Table, frozen=True):
    """[[step]]"""

    title: str = ""  # for the verdict
    receive: str = ""
    within_s: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    answer: AnyMacro | None = None
    order: str = ""
    act: AnyAct | None = None
    send: str = ""
    stands: str = ""
    tell: str = ""
    pause_s: Seconds | None = None
    quiet_s: Seconds | None = None

    def __post_init__(self) -> None:
        given = [name for name in _KINDS if getattr(self, name) not in ("", None)]
        if len(given) != 1:
            raise ValueError(f"a step is one of {', '.join(_KINDS)}, not {' and '.join(given) or 'nothing'}")
        if (given[0] in _ABOUT_AN_ORDER) != bool(self.order):
            needs = "needs an order" if given[0] in _ABOUT_AN_ORDER else "has no order"
            raise ValueError(f"{given[0]} {needs}")
        wanted = parse_fields(self.receive or self.send or self.stands)
        if self.receive and "35" not in wanted:
            raise ValueError("receive begins with MsgType, 35=")
        if self.answer is not None:
            _check_answer(self.answer, wanted.get("35", ""))

    @property
    def kind(self) -> str:
        """Which of the kinds of step it is."""
        return next(name for name in _KINDS if getattr(self, name) not in ("", None))

    @property
    def shown(self) -> str:
        """What it is about, for people."""
        if self.title:
            return self.title
        if self.act is not None:
            return f"{self.order}: {self.act.__struct_config__.tag}"
        value = getattr(self, self.kind)
        about = f"{self.order} " if self.order else ""
        return f"{about}{self.kind.replace('_s', '')} {value}" + (" s" if self.kind.endswith("_s") else "")


class Scenario(Table, frozen=True):
    """A scenario's file."""

    title: str
    about: str = ""  # what whoever is at the other side has to do
    source: str = ""
    broker: str = ""  # by default the first
    logon_within_s: Seconds = 60.0
    strict: bool = False
    step: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        if not self.step:
            raise ValueError("a scenario has at least one [[step]]")

    def unknown(self) -> tuple[int, str] | None:
        """The first step that names what no step before has received, from 0, and the name."""
        known = {ABSENT, PRESENT}
        for number, step in enumerate(self.step):
            found = parse_fields(step.receive)
            for name in (step.order, found.get("41", "")):
                if name and name not in known:
                    return number, name
            known.add(found.get("11", ""))
        return None


class Verdict(Struct):
    """What came of a step."""

    number: int
    kind: str
    what: str
    outcome: str = NOT_REACHED
    seconds: float = 0.0
    detail: str = ""


class Run:
    """One scenario with one broker. `turn` is called with the time, again and again; `finished` says when to
    stop."""

    def __init__(
        self,
        scenario: Scenario,
        house: "House",
        is_logged_on: Callable[[str], bool],
        on_end: Callable[[int], object] = lambda now_ns: None,
    ) -> None:
        """`on_end` is called with the time when it is over. Raises KeyError for an unknown broker."""
        self.scenario = scenario
        self.verdicts = [Verdict(n, s.kind, s.shown) for n, s in enumerate(scenario.step, start=1)]
        self.finished = False
        self.besides = 0  # messages that no step waited for
        self.broker: Broker = house.brokers[scenario.broker or next(iter(house.brokers))]
        self._house = house
        self._is_logged_on = is_logged_on
        self._on_end = on_end
        self._at = -1  # the step; -1 before the logon
        self._began_ns = 0
        self._deadline_ns = NEVER
        self._ids: dict[str, str] = {}  # symbol -> ClOrdID
        self._orders: dict[str, VenueOrder] = {}  # symbol -> order, also a forgotten one
        self._waiting: deque[Message] = deque()  # what has come in a pause
        self._near = ""  # why the last message did not fit
        self._sent = 0
        self.broker.scenario = self._received

    @property
    def passed(self) -> bool:
        """Whether every step was done."""
        return all(verdict.outcome == PASSED for verdict in self.verdicts)

    def turn(self, now_ns: int) -> None:
        """Do what can be done now."""
        if self.finished:
            return
        if self._at < 0:
            if not self._began_ns:
                self._began_ns = now_ns
                self._deadline_ns = now_ns + int(self.scenario.logon_within_s * SECOND_NS)
            if self._is_logged_on(self.broker.name):
                self._begin(0, now_ns)
            elif now_ns >= self._deadline_ns:
                self._fail(f"nobody has logged on within {self.scenario.logon_within_s:g} s", now_ns, at=0)
            return
        if now_ns >= self._deadline_ns:
            self._time_is_up(now_ns)

    def close(self) -> None:
        """Let the broker go on by itself."""
        self.broker.scenario = None

    # -- messages --------------------------------------------------------------------------------------------

    def _received(self, broker: "Broker", message: Message, now_ns: int) -> bool:
        """A message has come. Whether it has been dealt with."""
        if self.finished or self._at < 0:
            return False
        step = self.scenario.step[self._at]
        if step.kind == "pause_s":
            self._waiting.append(message)
            return True
        if step.kind == "quiet_s":
            self._fail(f"{_brief(message)} came", now_ns)
            return False
        return self._offer(message, now_ns)

    def _offer(self, message: Message, now_ns: int) -> bool:
        """See whether the step waits for a message. Whether it was dealt with."""
        step = self.scenario.step[self._at]
        why, bound = self._fits(parse_fields(step.receive), message)
        if why:
            self.besides += 1
            self._near = f"{_brief(message)} came: {why}"
            if self.scenario.strict:
                self._fail(self._near, now_ns)
            return False
        self._ids |= bound
        self._answer(step, message, now_ns)
        self._passed(now_ns, _brief(message))
        return True

    def _answer(self, step: Step, message: Message, now_ns: int) -> None:
        name = parse_fields(step.receive).get("11", "")
        kind, script = message["35"], step.answer
        order = None
        if script is None:
            self.broker.work(message, now_ns)
        elif kind == "D":
            order = self.broker.new_order_by(script, message, now_ns)
        elif kind in _REQUESTS:
            self.broker.requests.answer_by(script, message, now_ns)
        if order is None:
            order = self.broker.order(message.get("11", "")) or self.broker.order(message.get("41", ""))
        if order is not None and name:
            self._orders[name] = order

    def _fits(self, wanted: dict[str, str], message: Message) -> tuple[str, dict[str, str]]:
        """Why a message is not what is waited for, empty if it is; and the symbols that it would bind."""
        bound: dict[str, str] = {}
        for tag, value in wanted.items():
            got = message.get(tag)
            if tag in IDS and value not in (ABSENT, PRESENT):
                known = self._ids.get(value)
                if known is None and got is not None and got not in self._ids.values():
                    bound[value] = got
                elif known is None or got != known:
                    return f"{tag} is {got or 'absent'}, not {value}", {}
            elif not same(tag, value, got):
                return f"{tag} is {got or 'absent'}, not {value}", {}
        return "", bound

    # -- steps -----------------------------------------------------------------------------------------------

    def _begin(self, at: int, now_ns: int) -> None:
        """Begin a step, and do it if it does not take time."""
        self._at, self._began_ns, self._deadline_ns, self._near = at, now_ns, NEVER, ""
        if at == len(self.scenario.step):
            self._end(now_ns)
            return
        step = self.scenario.step[at]
        if step.kind == "receive":
            self._deadline_ns = now_ns + int(step.within_s * SECOND_NS)
            self._take_waiting(at, now_ns)
        elif step.kind in ("pause_s", "quiet_s"):
            wait_s = step.pause_s if step.pause_s is not None else step.quiet_s
            self._deadline_ns = now_ns + int((wait_s or 0) * SECOND_NS)
            if step.kind == "quiet_s" and self._waiting:
                self._fail(f"{_brief(self._waiting[0])} came", now_ns)
        else:
            self._do(step, now_ns)

    def _take_waiting(self, at: int, now_ns: int) -> None:
        """What has come in a pause comes now."""
        while self._waiting and not self.finished and self._at == at:
            message = self._waiting.popleft()
            if not self._offer(message, now_ns):
                self.broker.work(message, now_ns)

    def _time_is_up(self, now_ns: int) -> None:
        step = self.scenario.step[self._at]
        if step.kind != "receive":
            self._passed(now_ns)
            return
        near = f"; {self._near}" if self._near else ""
        self._fail(f"nothing of the kind within {step.within_s:g} s{near}", now_ns)

    def _do(self, step: Step, now_ns: int) -> None:
        """A step that takes no time."""
        try:
            detail = self._done(step, now_ns)
        except ValueError as error:
            self._fail(str(error), now_ns)
            return
        self._passed(now_ns, detail)

    def _done(self, step: Step, now_ns: int) -> str:
        """Raises ValueError with the reason why it could not be done, or did not hold."""
        if step.tell:
            return tell(self._house, step.tell, now_ns)
        order = self._orders.get(step.order)
        if order is None:
            raise ValueError(f"the broker has no order {step.order}")
        if step.act is not None:
            step.act.now(self.broker, order, now_ns)
            return ""
        report = execution_report(order, "", ExecType.ORDER_STATUS, now_ns)
        if step.send:
            self._send(parse_fields(step.send), fields(report))
            return ""
        found = fields(report)
        for tag, value in parse_fields(step.stands).items():
            expected = self._ids.get(value, value) if tag in IDS else value
            if not same(tag, expected, found.get(tag)):
                raise ValueError(f"{tag} is {found.get(tag, 'absent')}, not {value}")
        return ""

    def _send(self, given: dict[str, str], base: Message) -> None:
        """A report with these fields; the others are true."""
        self._sent += 1
        base["17"] = f"{self.broker.name}-said{self._sent}"
        for tag, value in given.items():
            base[tag] = self._ids.get(value, value) if tag in IDS else value
        text = "".join(f"{tag}={value}{SOH}" for tag, value in base.items() if value not in ("", ABSENT))
        self.broker.outbox.append(text)

    def _passed(self, now_ns: int, detail: str = "") -> None:
        verdict = self.verdicts[self._at]
        verdict.outcome, verdict.detail = PASSED, detail
        verdict.seconds = round((now_ns - self._began_ns) / SECOND_NS, 3)
        self._begin(self._at + 1, now_ns)

    def _fail(self, why: str, now_ns: int, at: int | None = None) -> None:
        verdict = self.verdicts[self._at if at is None else at]
        verdict.outcome, verdict.detail = FAILED, why
        verdict.seconds = round((now_ns - self._began_ns) / SECOND_NS, 3)
        self._end(now_ns)

    def _end(self, now_ns: int) -> None:
        """It is over: the broker goes on by itself."""
        self.finished = True
        self.close()
        self._on_end(now_ns)


# -- fields --------------------------------------------------------------------------------------------------


def parse_fields(text: str) -> dict[str, str]:
    """`35=D 58="two words"` as fields. Raises ValueError."""
    found: dict[str, str] = {}
    for word in shlex.split(text):
        tag, equals, value = word.partition("=")
        if not (tag.isdigit() and equals and value):
            raise ValueError(f"not a field: {word!r}; it reads tag=value")
        if tag in found:
            raise ValueError(f"tag {tag} twice in {text!r}")
        found[tag] = value
    return found


def same(tag: str, wanted: str, got: str | None) -> bool:
    """Whether a value is what is wanted."""
    if wanted == ABSENT or got is None:
        return wanted == ABSENT and got is None
    if wanted == PRESENT:
        return True
    if tag in NUMBERS:
        try:
            return parse_scaled(wanted) == parse_scaled(got)
        except ValueError:
            return False
    return wanted == got


def _check_answer(answer: Macro, msg_type: str) -> None:
    """Raises ValueError for an answer that is none to such a message."""
    name = answer.__struct_config__.tag
    if msg_type == "D" and not answer.for_orders:
        raise ValueError(f"{name} does not answer an order")
    if msg_type in _REQUESTS and not answer.for_requests:
        raise ValueError(f"{name} does not answer a request")
    if msg_type not in ("D", *_REQUESTS) and not isinstance(answer, Silent):
        raise ValueError(f"35={msg_type} is answered as the profile has it, or not at all: silent")


def _brief(message: Message) -> str:
    told = (tag for tag in ("35", "11", "41", "38", "44") if tag in message)
    return " ".join(f"{tag}={message[tag]}" for tag in told)
