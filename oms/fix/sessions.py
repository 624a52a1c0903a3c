"""QuickFIX sessions: settings, polling, stores that come back from the journal.

Everything runs in the caller's thread: `poll()` does one zero-time-out `poll(2)` per QuickFIX engine and runs
the callbacks. One acceptor serves all clients; every venue has an initiator of its own, since an engine under
constant load on one connection does no idle work (heartbeats, reconnects) for its others. For the same reason
`tick()` gives every session its second hand.

QuickFIX's own stores are not crash-safe, and the file store costs a quarter of the rate. So it gets a memory
store, and `refill` puts back into it, before anybody can log on, what the journal says was sent: each message
under its number and with its original SendingTime, a Heartbeat as a placeholder where an administrative
message stood (a resend fills a gap over those).

Settings are ordinary QuickFIX files in sessions/. What must be known only at run time is written into a copy:
the path of the data dictionary, ports, and what this engine depends on and a file may not change (`_FIXED`).
"""

import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import quickfix

from oms.core.events import MessageOut
from oms.fix.application import Application

log = logging.getLogger("oms.fix")

Section = dict[str, str]

_FIXED: Final = {
    "UseDataDictionary": "Y",
    "ResetOnLogon": "N",
    "ResetOnLogout": "N",
    "ResetOnDisconnect": "N",
    "PersistMessages": "Y",
    "RefreshOnLogon": "N",
}
"""What the journal's truth about sequence numbers depends on."""

_DEFAULTS: Final = {
    "NonStopSession": "Y",
    "ReconnectInterval": "1",
    "HeartBtInt": "30",
    "SocketNodelay": "Y",
    "ValidateUserDefinedFields": "N",
    "TimestampPrecision": "3",
    "CheckLatency": "Y",
    "MaxLatency": "120",
}


_NUMBERS: Final = ("HeartBtInt", "ReconnectInterval", "MaxLatency", "LogonTimeout", "LogoutTimeout")


class SettingsError(Exception):
    """A session file is wrong. The message names file, section and key."""


def read_settings(path: Path) -> list[Section]:
    """The sessions of a QuickFIX settings file, each with the defaults merged in. Raises SettingsError."""
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: {error}") from None
    default: Section = {}
    sessions: list[Section] = []
    current: Section | None = None
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.upper() == "[DEFAULT]":
            current = default
        elif line.upper() == "[SESSION]":
            current = {}
            sessions.append(current)
        elif "=" in line and current is not None:
            key, _, value = line.partition("=")
            current[key.strip()] = value.strip()
        else:
            raise SettingsError(f"{path}, line {number}: neither a section nor a setting: {line!r}")
    if not sessions:
        raise SettingsError(f"{path}: no [SESSION]")
    merged = [{**_DEFAULTS, **default, **session, **_FIXED} for session in sessions]
    for section in merged:
        for key in _NUMBERS:
            if key in section and not section[key].isdigit():
                raise SettingsError(f"{path}: {key} is not a number: {section[key]!r}")
        for key in ("BeginString", "SenderCompID", "TargetCompID"):
            if not section.get(key):
                raise SettingsError(f"{path}: a [SESSION] has no {key}")
        section.setdefault("DataDictionary", section["BeginString"].replace(".", "") + ".xml")
        section["DataDictionary"] = str(_dictionary(path, section["DataDictionary"]))
    return merged


def _dictionary(path: Path, name: str) -> Path:
    """A data dictionary: beside the settings file, or one of those that QuickFIX installs."""
    for folder in (path.parent, Path(sys.prefix) / "share" / "quickfix"):
        if (folder / name).exists():
            return folder / name
    raise SettingsError(f"{path}: DataDictionary {name} is neither beside it nor among QuickFIX's own")


def write_settings(sections: Iterable[Section]) -> quickfix.SessionSettings:
    """QuickFIX reads settings only from a file: give it one."""
    with tempfile.NamedTemporaryFile("w", suffix=".cfg", delete=False) as file:
        for section in sections:
            file.write("[SESSION]\n")
            file.writelines(f"{key}={value}\n" for key, value in section.items())
    try:
        return quickfix.SessionSettings(file.name)
    finally:
        os.unlink(file.name)


def session_key(section: Section) -> str:
    """The text that QuickFIX gives a SessionID."""
    return f"{section['BeginString']}:{section['SenderCompID']}->{section['TargetCompID']}"


class Sessions:
    """All FIX sessions of the engine."""

    def __init__(self, application: Application, clients: list[Section], venues: list[Section]) -> None:
        self.application = application
        self._message = quickfix.Message()
        self._folder = tempfile.TemporaryDirectory()
        self._store = quickfix.MemoryStoreFactory()
        self._sessions: dict[str, quickfix.Session] = {}
        self._polls: list[Callable[[], bool]] = []
        self._keep: list[object] = []  # QuickFIX holds plain references to these
        self.acceptor: quickfix.SocketAcceptor | None = None
        if clients:
            self.acceptor = self._add(quickfix.SocketAcceptor, clients)
        for venue in venues:
            self._add(quickfix.SocketInitiator, [{**venue, "ConnectionType": "initiator"}])

    def _add(self, kind: type, sections: list[Section]) -> object:
        if kind is quickfix.SocketAcceptor:
            sections = [{**section, "ConnectionType": "acceptor"} for section in sections]
        sections = [{**s, "DataDictionary": self._without_data_fields(s["DataDictionary"])} for s in sections]
        settings = write_settings(sections)
        # Session events on the screen, for who asks for them; messages are in the journal.
        events = quickfix.ScreenLogFactory(False, False, True) if log.isEnabledFor(logging.DEBUG) else None
        engine = kind(self.application, self._store, settings, events)
        self._keep += [settings, events, engine]
        self._polls.append(engine.poll)
        for section in sections:
            key = quickfix.SessionID(section["BeginString"], section["SenderCompID"], section["TargetCompID"])
            self._sessions[section["TargetCompID"]] = quickfix.Session.lookupSession(key)
        return engine

    def _without_data_fields(self, path: str) -> str:
        """A copy of a data dictionary in which no field's length is believed.

        QuickFIX reads a field of type DATA to the length that the field before it claims, past the end of the
        message if need be.
        """
        plain = Path(self._folder.name) / (str(abs(hash(path))) + ".xml")
        plain.write_text(re.sub(r"""type=(['"])DATA\1""", "type='STRING'", Path(path).read_text()))
        return str(plain)

    def refill(self, session_id: str, next_out: int, next_in: int, sent: dict[int, MessageOut]) -> None:
        """Put back what the journal says was sent, by MsgSeqNum, and both next numbers.

        Call before the first poll. About 10 us a message.
        """
        session = self._sessions[session_id]
        application = self.application
        heartbeat = quickfix.Message()
        heartbeat.getHeader().setField(35, "0")
        application.refilling = True
        try:
            session.setNextSenderMsgSeqNum(1)
            for number in range(1, next_out):
                message = sent.get(number)
                if message is None:
                    session.send(heartbeat)
                else:
                    application.sending_ns = message.at_ns
                    self._message.setString(message.text, False)
                    session.send(self._message)
                    application.sending_ns = 0
            session.setNextSenderMsgSeqNum(next_out)
            session.setNextTargetMsgSeqNum(next_in)
        finally:
            application.refilling = False
            application.sending_ns = 0

    def poll(self) -> None:
        """One turn of every QuickFIX engine: callbacks run in here."""
        for poll in self._polls:
            poll()

    def poll_clients(self) -> None:
        """One turn of the acceptor alone."""
        assert self.acceptor is not None
        self.acceptor.poll()

    def send(self, session_id: str, text: str, msg_seq_num: int, at_ns: int) -> None:
        """Send a message under the number that the journal has given it."""
        session = self._sessions[session_id]
        if session.getExpectedSenderNum() != msg_seq_num:
            raise RuntimeError(
                f"{session_id}: the journal numbered a message {msg_seq_num},"
                f" the session is at {session.getExpectedSenderNum()}"
            )
        application = self.application
        application.sending_ns = at_ns
        message = self._message
        message.setString(text, False)
        session.send(message)
        application.sending_ns = 0

    def tick(self) -> None:
        """Heartbeats, test requests and time-outs of every session, however busy its neighbours are.

        Once a second.
        """
        now = quickfix.UtcTimeStamp()
        for session in self._sessions.values():
            if session.isLoggedOn():  # Else an initiator would "send" a Logon without a connection.
                session.next(now)
        if self.application.early_resend_requests:
            self._close_gaps()

    def _close_gaps(self) -> None:
        """Get past a number that QuickFIX loses: that of a ResendRequest which came behind a gap.

        It is answered but not counted, so when the gap is filled its number is still waited for, and all that
        came after it waits too, until the peer's next message shows the gap. Its answer to a TestRequest is
        such a message.
        """
        early = self.application.early_resend_requests
        for name, number in list(early.items()):
            session = self._sessions[name]
            expected = session.getExpectedTargetNum()
            if expected < number and session.isLoggedOn():
                continue
            del early[name]
            if expected == number and session.isLoggedOn():
                message = quickfix.Message()
                message.setString("35=1\x01112=gap\x01", False)
                session.send(message)

    def is_logged_on(self, session_id: str) -> bool:
        """Whether a session is up."""
        return bool(self._sessions[session_id].isLoggedOn())

    def names(self) -> list[str]:
        """All sessions."""
        return list(self._sessions)

    def log_out(self, reason: str) -> None:
        """Ask every session to end; keep polling until they have."""
        for session in self._sessions.values():
            if session.isLoggedOn():
                session.logout(reason)

    def any_up(self) -> bool:
        """Whether any session is still logged on."""
        return any(session.isLoggedOn() for session in self._sessions.values())
