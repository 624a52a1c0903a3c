"""The callbacks of QuickFIX, and nothing else: each hands over to the kernel and returns.

What this module guards against, all of it tried:

- An exception that leaves a callback ends the process. So everything is caught here; only the exceptions by
  which QuickFIX is told to reject a message are let through. Anything else is a broken invariant: it is kept
  in `failure`, and the loop stops the engine after this poll, to start again from the journal.
- A message object dies with its callback: its text is copied out at once.
- MsgSeqNum of a message moves on only after the callback has returned. So the message is journaled inside it;
  what the journal has is known, what it has not is asked for again.
- A message sent while a session is down is stored and goes out at the next logon, however old. Orders and
  replaces to a venue are not: one that the venue asks for is dropped (`DoNotSend`). What was sent before this
  logon was asked about at the logon; what has been sent since then, behind a gap that the venue has just
  found, is asked about now. Cancels and questions may go late.

A venue is *up* for the engine when it has answered a TestRequest that was sent after its logon, and not
sooner: until then it may still find that messages of the connection before are missing, and everything that
is sent meanwhile would lie behind that gap. Each of its ResendRequests starts the question anew.

Sequence numbers are journaled here where they move without the kernel: by administrative messages, and by the
rejects that QuickFIX writes itself.

ResetSeqNumFlag(141)=Y of a counterparty's Logon is taken up before any callback: QuickFIX has emptied its
store and is at 1 by the time that it asks. Where the profile refuses that, the Logon is rejected, nothing is
journaled, and `to_restore` has the session's store filled again with what was there (`kept`): the next logon
goes on from where the last one was. Most such Logons are turned away at the door, and QuickFIX hears of none.
"""

import logging
import re
import sys
from collections.abc import Callable
from typing import Final

import quickfix

from oms.core import commands as cmd
from oms.core import events as ev
from oms.fix.decode import Malformed
from oms.fix.dialect import APPL_VER_ID, FIXT11
from oms.fix.tags import MsgType
from oms.fix.wire import SOH, fields, parse_utc_timestamp, utc_timestamp
from oms.kernel import Kernel, ascii_only

log = logging.getLogger("oms.fix")

_HEADER_OR_TRAILER: Final = re.compile(r"(?:^|(?<=\x01))(?:8|9|10|34|43|49|52|56|97|122)=[^\x01]*\x01")
_MAX_MESSAGE: Final = 1 << 16  # far below a journal segment, far above any order
_MAX_LIST: Final = 1 << 18  # the same of a list of some thousand orders; a longer one comes in fragments
_IS_LIST: Final = re.compile(f"8=[^{SOH}]*{SOH}9=[0-9]*{SOH}35={MsgType.NEW_ORDER_LIST}{SOH}")
_DEFAULT_APPL_VER_ID: Final = 1137
_MILLISECOND: Final = 1_000_000
_MAX_SEQ_NUM: Final = 1 << 31
_NEVER_LATE: Final = (
    MsgType.NEW_ORDER_SINGLE,
    MsgType.ORDER_CANCEL_REPLACE_REQUEST,
    MsgType.NEW_ORDER_MULTILEG,
    MsgType.MULTILEG_ORDER_CANCEL_REPLACE,
)


class Application(quickfix.Application):
    """One for all sessions of the engine.

    `names` maps a SessionID's text to the name the configuration gives it.
    """

    def __init__(self, kernel: Kernel, names: dict[str, str], machine: bool) -> None:
        super().__init__()
        self.kernel = kernel
        self.names = names
        self.activity = 0  # how many callbacks there were: the loop sees by it that there is work
        self.failure: BaseException | None = None
        self.sending_ns = 0  # SendingTime of the message being sent by us; 0 while QuickFIX sends by itself
        self.refilling = False  # while the store is filled from the journal nothing is journaled again
        self.flush: Callable[[], int] = int  # sends what was decided; the engine puts its own here
        self.first = (
            False  # whether the next message is the first of its turn, and no sync has to be waited for
        )
        self._machine = machine  # durability: an administrative message, too, is synced before it leaves
        # Sessions whose counterparty may not have the numbers reset: what was sent to them, by number.
        self.kept: dict[str, dict[int, ev.MessageOut]] = {}
        self.to_restore: list[str] = []  # of those: who tried it, and lost what is to be put back
        self._asked_reset: set[str] = set()  # venues that were asked for new numbers, until they are up
        self._answering = ""  # the session whose Logon with new numbers is being answered
        # ResendRequests that came while something before them was missing: see Sessions.tick.
        self.early_resend_requests: dict[str, int] = {}
        self.on_up: list[str] = []  # sessions that came up since the loop looked last
        # Venues that have logged on and may still miss something -> the TestReqID(112) whose answer says that
        # they do not, empty until it is sent, and when they logged on.
        self.catching_up: dict[str, tuple[str, int]] = {}
        self._first_number: dict[str, int] = {}  # session -> the first MsgSeqNum(34) after its logon

    # -- application messages --------------------------------------------------------------------------------

    def fromApp(self, message: quickfix.Message, session_id: quickfix.SessionID) -> None:
        """A message of a counterparty that has passed the session layer."""
        self.activity += 1
        try:
            text = message.toString()
            if len(text) > _MAX_MESSAGE and (len(text) > _MAX_LIST or not _IS_LIST.match(text)):
                raise quickfix.IncorrectTagValue(9)
            start = text.index("\x0134=") + 4
            number = int(text[start : text.index(SOH, start)])
            start = text.index("\x0149=") + 4
            # Checked by the session layer, and the name of the session: see `names`.
            self.kernel.on_message(text[start : text.index(SOH, start)], number, text)
            if self.first:
                # What it led to leaves before QuickFIX has done with it. Where more come at once, they are
                # cheaper together, at the end of the turn.
                self.first = False
                self.flush()
        except quickfix.IncorrectTagValue:
            raise
        except Malformed as error:
            raise _reject(error) from None
        except Exception as error:
            self._fail(error)

    def toApp(self, message: quickfix.Message, session_id: quickfix.SessionID) -> None:
        """A message about to be numbered and sent, or sent again."""
        self.activity += 1
        try:
            if self.sending_ns:
                # QuickFIX has just put the present time there: often the same, to the millisecond.
                if self.kernel.clock() // _MILLISECOND != self.sending_ns // _MILLISECOND:
                    message.getHeader().setField(52, utc_timestamp(self.sending_ns))
                return
            if message.isSetField(_DEFAULT_APPL_VER_ID):
                # Over FIXT, QuickFIX puts it into rejects of its own, where it is not allowed.
                message.removeField(_DEFAULT_APPL_VER_ID)
            text = message.toString()
            found = fields(text)
            name = self.names[session_id.toString()]
            if found.get("43") == "Y":
                stale = name in self.kernel.venues and found["35"] in _NEVER_LATE
                asked_later = name in self.catching_up
                if stale and not asked_later and int(found["34"]) >= self._first_number.get(name, 0):
                    self.kernel.on_command(cmd.AskStatus(name, found["11"]), "session")
            else:
                # Written by QuickFIX itself, a BusinessMessageReject: it has taken a number.
                stale = False
                body = _HEADER_OR_TRAILER.sub("", text)
                at_ns = parse_utc_timestamp(found["52"])
                sent = ev.MessageOut(at_ns, name, int(found["34"]), 0, body)
                self.kernel.record(sent)
                if name in self.kept:
                    self.kept[name][sent.msg_seq_num] = sent
        except Exception as error:
            self._fail(error)
            return
        if stale:
            raise quickfix.DoNotSend()

    # -- administrative messages -----------------------------------------------------------------------------

    def fromAdmin(self, message: quickfix.Message, session_id: quickfix.SessionID) -> None:
        """An administrative message that has passed the session layer."""
        self.activity += 1
        try:
            found = fields(ascii_only(message.toString()))
            name = self.names[session_id.toString()]
            numbers = self.kernel.ledger.of(name)
            number = int(found["34"])
            if found["35"] == MsgType.LOGON:
                self._check_logon(name, found)
            if found["35"] == MsgType.RESEND_REQUEST and int(found["7"]) < 1:
                # QuickFIX would answer with a gap fill under a number that has not been sent yet.
                raise quickfix.IncorrectTagValue(7)
            if found["35"] == MsgType.RESEND_REQUEST and number > numbers.next_in:
                self.early_resend_requests[name] = number
            if found["35"] == MsgType.SEQUENCE_RESET and int(found["36"]) > _MAX_SEQ_NUM:
                raise quickfix.IncorrectTagValue(36)
            if found["35"] == MsgType.SEQUENCE_RESET:
                moved = max(int(found["36"]), numbers.next_in)
            else:
                moved = number + 1 if number == numbers.next_in else numbers.next_in
            if moved != numbers.next_in:
                self.kernel.record(ev.SessionMoved(self.kernel.clock(), name, 0, moved))
            if found["35"] == MsgType.REJECT:
                self._refused(name, found)
            if name in self.catching_up:
                self._catch_up(name, found)
        except (quickfix.IncorrectTagValue, quickfix.RejectLogon):
            raise
        except Exception as error:
            self._fail(error)

    def _check_logon(self, name: str, found: dict[str, str]) -> None:
        """Raises RejectLogon for another version of FIX, or for new sequence numbers that are not wanted."""
        if name in self.to_restore:
            raise quickfix.RejectLogon("too early")
        if found["8"] == FIXT11 and found.get("1137") != APPL_VER_ID:
            # QuickFIX would take any, and read what follows without a data dictionary.
            raise quickfix.RejectLogon("DefaultApplVerID is not 9, FIX 5.0 SP2")
        if found.get("141") != "Y" or name in self._asked_reset:
            return
        if name in self.kept:
            log.warning("%s asks for new sequence numbers, which its profile refuses", name)
            self.to_restore.append(name)
            raise quickfix.RejectLogon("sequence numbers are not reset in this session")
        self._answering = name

    def toAdmin(self, message: quickfix.Message, session_id: quickfix.SessionID) -> None:
        """An administrative message about to be sent."""
        self.activity += 1
        if self.refilling:
            return
        try:
            found = fields(message.toString())
            kind = found["35"]
            if kind == MsgType.SEQUENCE_RESET:
                return  # fills a gap under an old number
            name = self.names[session_id.toString()]
            if name in self.to_restore:
                return  # a Logout under a number that does not count
            numbers = self.kernel.ledger.of(name)
            number = int(found["34"])
            now_ns = self.kernel.clock()
            if kind == MsgType.LOGON and self._wants_reset(name):
                message.setField(141, "Y")
                found["141"] = "Y"
                self._asked_reset.add(name)
            reset = kind == MsgType.LOGON and (
                found.get("141") == "Y" or (number == 1 and numbers.next_out > 1)
            )
            if reset:
                # When we answer a Logon it has been counted; a venue's comes after our own, as a rule.
                next_in = 1 if name in self.kernel.venues and name != self._answering else 2
                self._answering = ""
                self.kernel.record(ev.SessionReset(now_ns, name))
                self.kernel.record(ev.SessionMoved(now_ns, name, 2, next_in))
            elif number >= numbers.next_out:
                # What is rejected without having been read counts as received.
                counted = (
                    kind == MsgType.REJECT
                    and found.get("45") == str(numbers.next_in)
                    and found.get("372") not in (MsgType.SEQUENCE_RESET, MsgType.LOGON)
                )
                next_in = numbers.next_in + 1 if counted else 0
                self.kernel.record(ev.SessionMoved(now_ns, name, number + 1, next_in))
            if self._machine:
                self.kernel.commit()
        except Exception as error:
            self._fail(error)

    def _wants_reset(self, name: str) -> bool:
        """Whether a venue is to be asked for new sequence numbers, now that we log on to it."""
        if name not in self.kernel.venues or name == self._answering:
            return False
        profile = self.kernel.state.profiles.get(name)
        return name in self.kernel.state.resets_due or (profile is not None and profile.reset == "logon")

    def _catch_up(self, name: str, found: dict[str, str]) -> None:
        asked, since_ns = self.catching_up[name]
        if found["35"] == MsgType.RESEND_REQUEST:
            # What fills the gap goes over the question as well: it has to be asked again.
            self.catching_up[name] = ("", since_ns)
        elif found["35"] == MsgType.HEARTBEAT and asked and found.get("112") == asked:
            self.is_up(name)

    def _refused(self, name: str, found: dict[str, str]) -> None:
        """A counterparty's session-level Reject(3) of a message of ours."""
        log.warning("%s rejected message %s: %s", name, found.get("45"), found.get("58", ""))
        if name in self.kernel.venues:
            self.kernel.refused(name, found)

    # -- sessions --------------------------------------------------------------------------------------------

    def onCreate(self, session_id: quickfix.SessionID) -> None:
        """A session was configured."""

    def onLogon(self, session_id: quickfix.SessionID) -> None:
        """A session is up."""
        self.activity += 1
        try:
            name = self.names[session_id.toString()]
            log.info("%s logged on", name)
            self._asked_reset.discard(name)
            self.on_up.append(name)
            if name in self.kernel.venues:
                self.catching_up[name] = ("", self.kernel.clock())
            else:
                self.kernel.on_command(cmd.LogOn(name), "session")
        except Exception as error:
            self._fail(error)

    def is_up(self, name: str) -> None:
        """A venue has caught up with what was sent: it is asked about what is in doubt, and gets orders."""
        del self.catching_up[name]
        self._first_number[name] = self.kernel.ledger.of(name).next_out
        self.kernel.on_command(cmd.LogOn(name), "session")

    def onLogout(self, session_id: quickfix.SessionID) -> None:
        """A session is down."""
        self.activity += 1
        try:
            name = self.names[session_id.toString()]
            log.info("%s logged out", name)
            self._asked_reset.discard(name)
            self.catching_up.pop(name, None)
            self.kernel.on_command(cmd.LogOut(name), "session")
        except Exception as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        log.critical("the engine stops: %s", error, exc_info=sys.exc_info())
        if self.failure is None:
            self.failure = error


def _reject(error: Malformed) -> Exception:
    """The QuickFIX exception that makes the reject which FIX prescribes."""
    tag = int(error.tag)
    if error.kind == Malformed.UNSUPPORTED:
        return quickfix.UnsupportedMessageType()
    if error.kind == Malformed.BAD_VALUE:
        return quickfix.IncorrectTagValue(tag)
    return quickfix.FieldNotFound(tag)
