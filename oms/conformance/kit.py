"""The kit: every run of the transcripts that an OMS can be asked for, one after another, and what came of it.

A run needs certain things of the session it is played on: that pending requests are reported or not, that a
second request waits or is refused. It goes to the first client session that has what it needs. Where there is
none, where nobody is at the desk for what only a person can do, where the venue or the client would have to
speak another version, the run is skipped and says why. Where the OMS is set up so that it may not send an
order of the run to its venue, or takes none that large, the run is not compared: see `means`. Neither counts
as passed.

Every run has ids that no other run has or will have, and the next instrument and account in turn, so that
nothing an earlier run has left behind is mistaken for its own. After it, the venue cancels what is open, and
halts are lifted.
"""

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from oms.conformance.means import Choice, Means, able, asked, beyond, used_up
from oms.conformance.play import FIX42, Mismatch, Player, Setting, Unsupported
from oms.conformance.settings import USUAL, ClientSession, Target, VenueSession
from oms.conformance.sockets import Absent, Ask, Lost, Sockets, Wire
from oms.conformance.transcript import CLIENT_RECEIVES, CLIENT_SENDS, DIRECTIVE, Run, Transcript, load, runs

FAMILIES: Final = ("fix44", "more", "fix42")
"""In the order they are played."""

PASSED: Final = "passed"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"
NOT_COMPARABLE: Final = "not comparable"
"""The OMS is set up to do something else, rightly."""

AT_THE_DESK: Final = frozenset(("halt", "resume", "next", "phone"))
"""First words of the directives that a person at the OMS has to carry out."""

FIXT11: Final = "FIXT.1.1"
"""BeginString of FIX 5.0 SP2."""

TRIGGERED: Final = "L"
"""ExecType(150) of 5.0 and later."""

RELOGON_S: Final = 10.0

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class Case(Struct, frozen=True):
    """A run and where it comes from."""

    transcript: Transcript
    run: Run


class Result(Struct, frozen=True):
    """What came of a run. `why` is one line; `detail` what a person needs to see it."""

    run: str
    family: str
    scenario: str
    title: str
    outcome: str
    session: str = ""
    why: str = ""
    detail: str = ""
    seconds: float = 0.0


def cases(families: Iterable[str] = FAMILIES, only: Sequence[str] = ()) -> list[Case]:
    """The runs of these families; with `only`, those of these scenarios or of these names.

    Raises LookupError with a name that there is not.
    """
    found = [Case(t, run) for family in families for t in load(family) for run in runs(t)]
    if not only:
        return found
    for name in only:
        if not any(name in _names(case) for case in found):
            raise LookupError(name)
    return [case for case in found if not _names(case).isdisjoint(only)]


def _names(case: Case) -> set[str]:
    t = case.transcript
    return {t.name, f"{t.family}-{t.name}", case.run.name}


# -- which session a run is for ------------------------------------------------------------------------------


def needs(run: Run) -> dict[str, str]:
    """What a run needs of its session, in the words of the directives; only what makes a difference to it.

    Where it does and the transcript says nothing, the transcripts take it that the OMS does what is `USUAL`.
    """
    different: list[str] = []
    waiting: set[str] = set()
    used: set[str] = set()
    for line in run.lines:
        if line.kind == CLIENT_SENDS:
            if line.get("97") == "Y":
                different.append("poss_resend")
            if line.get("11") in used:
                different.append("cl_ord_ids")
            used.add(line.get("11"))
            if line.get("35") in ("F", "G"):
                different += ["pending", "second_request"] if waiting else ["pending"]
                waiting.add(line.get("11"))
        if line.kind == CLIENT_RECEIVES:
            if line.get("35") == "9" or line.get("150") in ("4", "5"):
                waiting.discard(line.get("11"))
            if line.get("35") == "9" and "final_fill" in different:
                different.append("late_cancel")
            if line.get("20") in ("1", "2") or line.get("150") in ("G", "H"):
                different.append("busts")
            if line.get("151") == "0" and line.get("14") == line.get("38"):
                different.append("final_fill")
    found = {word: USUAL[word] for word in different}
    for line in run.lines:
        if line.kind == DIRECTIVE and line.words[0] not in AT_THE_DESK:
            found[line.words[0]] = line.words[1]
    return found


def is_new(run: Run) -> bool:
    """Whether a run has something in it that FIX 4.4 does not know, so that it would reject it."""
    return any(line.get("150") == TRIGGERED for line in run.lines)


def sessions_for(target: Target, case: Case) -> tuple[ClientSession, VenueSession] | str:
    """The first client session and the first venue that a run can be played on, or why there are none."""
    old, new = case.transcript.family == "fix42", is_new(case.run)
    spoken = "FIX 4.2" if old else "FIX 5.0 SP2" if new else "FIX 4.4 or later"
    speaking = [
        client
        for client in target.clients
        if (client.dialect == FIX42) == old and (client.dialect == FIXT11 or not new)
    ]
    if not speaking:
        return f"no client session speaks {spoken}"
    venues = [v for v in target.venues if v.dialect == FIXT11 or not (new or v.dialect == FIX42)]
    if not venues:
        return f"no venue speaks {spoken if new else 'FIX 4.4 or later'}"
    # One that may be sent all of it, if there is one.
    venue = next((v for v in venues if not beyond(case.run, v, target)), venues[0])
    needed = needs(case.run)
    having = [c for c in speaking if all(c.profile[name] == value for name, value in needed.items())]
    if having:
        most = asked(case.run, target.price)
        return next((client for client in having if able(client, most)), having[0]), venue
    had = {item for client in speaking for item in client.profile.items()}
    missing = [item for item in needed.items() if item not in had] or [*needed.items()]
    return "no client session has " + ", ".join(f"{name} {value}" for name, value in missing)


# -- playing -------------------------------------------------------------------------------------------------


class Kit:
    """Plays runs over `sockets`, which is connected. `ask` brings a matter to the OMS's desk."""

    def __init__(self, sockets: Sockets, ask: Ask | None = None) -> None:
        self.sockets = sockets
        self.target = sockets.target
        self.ask = ask
        self._prefix = _base36(time.time_ns() // 100_000_000)  # one for every tenth of a second
        self._count = 0
        # Not always the same ones first, so that their limits, if they have any, last longer.
        self._means = Means(random.randrange(1_000_000))
        self._gone = ""

    def play(self, chosen: Iterable[Case]) -> Iterator[Result]:
        """Every run's result, as it comes."""
        for case in chosen:
            yield self.play_one(case)

    def play_one(self, case: Case) -> Result:
        """One run, and whatever it needs to have no consequences."""
        chosen = sessions_for(self.target, case)
        if isinstance(chosen, str):
            return _result(case, SKIPPED, why=chosen)
        client, venue = chosen
        why = beyond(case.run, venue, self.target)
        if why:
            return _result(case, NOT_COMPARABLE, client.name, why)
        missing = self._nobody(case.run)
        if missing:
            return _result(case, SKIPPED, client.name, missing)
        if self._gone or not self._back():
            return _result(case, SKIPPED, client.name, self._gone)
        began = time.perf_counter()
        outcome, why, detail = self._play(case.run, client, venue)
        return _result(case, outcome, client.name, why, detail, time.perf_counter() - began)

    def _nobody(self, run: Run) -> str:
        words = [line.words for line in run.lines if line.kind == DIRECTIVE and line.words[0] in AT_THE_DESK]
        return f"{' '.join(words[0])}: nobody is at the desk of the OMS" if words and not self.ask else ""

    def _back(self) -> bool:
        """Whether all sessions are up, after a run that has cost one, too."""
        if not all(link.up for link in self.sockets.links):
            try:
                self.sockets.connect(RELOGON_S)
            except Absent as error:
                self._gone = str(error)
                return False
        return True

    def _play(self, run: Run, client: ClientSession, venue: VenueSession) -> tuple[str, str, str]:
        chosen = self._means.choose(asked(run, self.target.price), client, venue)
        if chosen is None:
            return (
                NOT_COMPARABLE,
                f"no account of {client.name} has enough left for an order of this size",
                "",
            )
        self._count += 1
        wire = Wire(self.sockets, client, venue, chosen.symbol, self.ask)
        setting = Setting(
            chosen.account,
            chosen.symbol,
            chosen.side,
            self.target.price,
            f"{self._prefix}{_base36(self._count)}-",
            client.dialect,
        )
        player = Player(run, wire, setting, wire.settle)
        try:
            return self._play_with(player, wire, chosen)
        finally:
            self._means.book(chosen, *player.executed())

    def _play_with(self, player: Player, wire: Wire, chosen: Choice) -> tuple[str, str, str]:
        run = player.run
        try:
            self.sockets.publish(wire.venue, chosen.symbol, chosen.price)
            player.play()
            found = PASSED, "", ""
        except Mismatch as error:
            refused = any(used_up(text) for text in error.texts())
            found = NOT_COMPARABLE if refused else FAILED, error.brief(), error.describe()
        except Unsupported as error:
            found = SKIPPED, str(error), ""
        except Lost as error:
            return FAILED, str(error), f"{run.name}: {run.title}\n    {error}"
        try:
            wire.lift()
            player.clean_up()
        except (Unsupported, Lost) as error:
            if found[0] == PASSED:
                found = FAILED, f"while cleaning up: {error}", ""
        return found


def _result(
    case: Case, outcome: str, session: str = "", why: str = "", detail: str = "", seconds: float = 0.0
) -> Result:
    t = case.transcript
    return Result(
        case.run.name, t.family, t.name, case.run.title, outcome, session, why, detail, round(seconds, 3)
    )


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text or "0"
