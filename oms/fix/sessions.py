"""QuickFIX sessions: settings, polling, stores that come back from the journal.

Everything runs in the caller's thread: `poll()` does one zero-time-out `poll(2)` per QuickFIX engine and runs
the callbacks. One acceptor serves all clients; every venue has an initiator of its own, since an engine under
constant load on one connection does no idle work (heartbeats, reconnects) for its others. For the same reason
`tick()` gives every session its second hand.

QuickFIX's own stores are not crash-safe, and the file store costs a quarter of the rate. So it gets a memory
store, and `refill` puts back into it, before anybody can log on, what the journal says was sent: each message
under its number and with its original SendingTime, a Heartbeat as a placeholder where an administrative
message stood (a resend fills a gap over those).

A session whose counterparty may not reset its sequence numbers has its store filled again if that is tried:
QuickFIX empties it before it asks. So what is sent to those is kept here as well.

Settings are ordinary QuickFIX files in sessions/. What must be known only at run time is written into a copy:
the paths of data dictionaries, ports, and what this engine depends on and a file may not change (`_FIXED`).
A session speaks FIX 4.2, 4.4, or 5.0 SP2 over FIXT 1.1 (`version_of`), in either role. The last has two
data dictionaries, one of the session layer and one of the application.
"""

import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import quickfix

from oms.core.events import MessageOut
from oms.fix import tags
from oms.fix.application import Application
from oms.fix.dialect import APPL_VER_ID, FIX42, FIX44, FIX50SP2, FIXT11
from oms.fix.wire import SOH, pairs

log = logging.getLogger("oms.fix")

Section = dict[str, str]

_FIXED: Final = {
    "UseDataDictionary": "Y",
    "ResetOnLogon": "N",
    "ResetOnLogout": "N",
    "ResetOnDisconnect": "N",
    "PersistMessages": "Y",
    "RefreshOnLogon": "N",
    "CheckCompID": "Y",
    "TimestampPrecision": "3",
}
"""What the journal's truth depends on: numbers, whose a message is, and the SendingTime it left with."""

_DEFAULTS: Final = {
    "NonStopSession": "Y",
    "ReconnectInterval": "1",
    "HeartBtInt": "30",
    "SocketNodelay": "Y",
    "ValidateUserDefinedFields": "N",
    "CheckLatency": "Y",
    "MaxLatency": "120",
}


_PATIENCE_NS: Final = 5_000_000_000
"""How long a venue may take to say that it has caught up."""

_NUMBERS: Final = ("HeartBtInt", "ReconnectInterval", "MaxLatency", "LogonTimeout", "LogoutTimeout")


_DICTIONARIES: Final[dict[str, dict[str, tuple[str, str]]]] = {
    FIX42: {"DataDictionary": (FIX42, "FIX42.xml")},
    FIX44: {"DataDictionary": (FIX44, "FIX44.xml")},
    FIX50SP2: {
        "TransportDataDictionary": (FIXT11, "FIXT11.xml"),
        "AppDataDictionary": (FIX50SP2, "FIX50SP2.xml"),
    },
}
"""Version -> the settings that name its data dictionaries, what each must describe, and its usual name."""

_DICTIONARY_KEYS: Final = ("DataDictionary", "TransportDataDictionary", "AppDataDictionary")

_APPL_VER_IDS: Final = (FIX50SP2, APPL_VER_ID)
"""DefaultApplVerID(1137), in words and as it stands on the wire."""

_LEGS: Final = (tags.NO_LEGS, frozenset(("600", "623", "624", "564", "654", "566")))

_GROUPS: Final[dict[str, tuple[str, frozenset[str]]]] = {
    "N": ("73", frozenset()),
    "r": ("534", frozenset()),
    "AB": _LEGS,
    "AC": _LEGS,
}
"""MsgType(35) -> the count of the repeating group in a text of ours, NoOrders, NoAffectedOrders, NoLegs, and
the tags in it; none: the group ends the text.

QuickFIX sorts by tag what it is not told to keep together.
"""

_OF_A_LEG: Final = f"{tags.MULTI_LEG_REPORTING_TYPE}=2{SOH}"
"""What an ExecutionReport(8) with a group, that of a leg, begins with."""

_KNOWN_MESSAGES: Final = (*"DEFGHJKLMNPQVWY89jqr", "AB", "AC", "AF")
"""What is kept of the dictionary of 5.0 SP2: to read all of it takes QuickFIX seconds, at every start."""

_MESSAGE: Final = re.compile(r"""<message\b[^>]*\bmsgtype=(['"])(\w+)\1.*?</message>\s*""", re.S)


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
    for section, own in zip(merged, sessions, strict=True):
        _set_dictionaries(path, section, own)
    return merged


def version_of(section: Section) -> str:
    """The FIX version that a session speaks: "FIX.4.2", "FIX.4.4" or "FIX.5.0SP2"."""
    return FIX50SP2 if section["BeginString"] == FIXT11 else section["BeginString"]


def _set_dictionaries(path: Path, section: Section, own: Section) -> None:
    """Find the data dictionaries of a session's version; `own` is what stands in its [SESSION]."""
    who = f"{path}: session {section['TargetCompID']}"
    begin_string = section["BeginString"]
    if begin_string == FIXT11:
        if section.get("DefaultApplVerID") not in _APPL_VER_IDS:
            raise SettingsError(
                f"{who}: BeginString {FIXT11} needs DefaultApplVerID={FIX50SP2}"
                f", not {section.get('DefaultApplVerID') or 'nothing'}: no other version is spoken over it"
            )
        section["DefaultApplVerID"] = FIX50SP2
    elif begin_string not in _DICTIONARIES or begin_string == FIX50SP2:
        raise SettingsError(
            f"{who}: BeginString {begin_string} is not supported; it is one of {FIX42}, {FIX44}, {FIXT11}"
        )
    dictionaries = _DICTIONARIES[version_of(section)]
    for key in list(section):
        # What [DEFAULT] says is for the sessions that it fits.
        if key.startswith(_DICTIONARY_KEYS) and key not in dictionaries:
            if key in own:
                raise SettingsError(
                    f"{who}: {key} is nothing that {begin_string} takes; it takes {', '.join(dictionaries)}"
                )
            del section[key]
    for key, (version, usual) in dictionaries.items():
        file = _dictionary(path, key, section.setdefault(key, usual))
        found = _described(file)
        if found != version:
            raise SettingsError(f"{who}: {key} {file.name} describes {found}, the session speaks {version}")
        section[key] = str(file)


def _dictionary(path: Path, key: str, name: str) -> Path:
    """A data dictionary: beside the settings file, or one of those that QuickFIX installs."""
    for folder in (path.parent, Path(sys.prefix) / "share" / "quickfix"):
        if (folder / name).is_file():
            return folder / name
    raise SettingsError(f"{path}: {key} {name} is neither beside it nor among QuickFIX's own")


def _described(file: Path) -> str:
    """The version that a data dictionary is of. Raises SettingsError."""
    try:
        _, root = next(ElementTree.iterparse(file, ("start",)))
    except (OSError, ElementTree.ParseError) as error:
        raise SettingsError(f"{file}: not a data dictionary: {error}") from None
    pack = root.get("servicepack", "0")
    version = f"{root.get('type', 'FIX')}.{root.get('major')}.{root.get('minor')}"
    return version if pack in ("", "0") else f"{version}SP{pack}"


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


def fill(message: quickfix.Message, text: str) -> None:
    """Make a message of a text of ours, with the group in it, if it has one: see `_GROUPS`."""
    known = _GROUPS.get(text[3 : text.index(SOH)])
    if known is None:
        if not text.startswith(_OF_A_LEG, 5):
            message.setString(text, False)
            return
        known = _LEGS
    count, inside = known
    head, there, rest = text.partition(f"{SOH}{count}=")
    entries = pairs(rest.partition(SOH)[2])
    if inside:
        # What else stands behind the group, as where a profile has added it.
        head += "".join(f"{SOH}{tag}={value}" for tag, value in entries if tag not in inside)
        entries = [field for field in entries if field[0] in inside]
    message.setString(head + SOH if there else text, False)
    names = _in_order(entries)
    order = quickfix.IntArray(len(names) + 1)
    for place, name in enumerate((*names, 0)):
        order[place] = name
    group = None
    for tag, value in entries:
        if int(tag) == names[0]:
            if group is not None:
                message.addGroup(group)
            group = quickfix.Group(int(count), names[0], order)
        assert group is not None
        group.setField(int(tag), value)
    if group is not None:
        message.addGroup(group)


def _in_order(entries: list[tuple[str, str]]) -> list[int]:
    """The tags of a group's entries, each behind those that it stands behind in an entry.

    >>> _in_order([("600", "A"), ("654", "1"), ("600", "B"), ("564", "O"), ("654", "2")])
    [600, 564, 654]
    """
    names: list[int] = []
    place = 0
    for tag, _ in entries:
        name = int(tag)
        if name not in names:
            names.insert(place, name)
        place = names.index(name) + 1
    return names


class Sessions:
    """All FIX sessions of the engine."""

    def __init__(self, application: Application, clients: list[Section], venues: list[Section]) -> None:
        self.application = application
        self._message = quickfix.Message()
        self._folder = tempfile.TemporaryDirectory()
        self._store = quickfix.MemoryStoreFactory()
        self._sessions: dict[str, quickfix.Session] = {}
        self._polls: list[Callable[[], bool]] = []
        self._questions = 0
        self._keep: list[object] = []  # QuickFIX holds plain references to these
        self.acceptor: quickfix.SocketAcceptor | None = None
        if clients:
            self.acceptor = self._add(quickfix.SocketAcceptor, clients)
        for venue in venues:
            self._add(quickfix.SocketInitiator, [{**venue, "ConnectionType": "initiator"}])

    def _add(self, kind: type, sections: list[Section]) -> object:
        if kind is quickfix.SocketAcceptor:
            sections = [{**section, "ConnectionType": "acceptor"} for section in sections]
        sections = [
            section | {key: self._copy(key, section[key]) for key in _DICTIONARY_KEYS if key in section}
            for section in sections
        ]
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

    def _copy(self, key: str, path: str) -> str:
        """A copy of a data dictionary in which no field's length is believed.

        QuickFIX reads a field of type DATA to the length that the field before it claims, past the end of the
        message if need be. Of the many messages of an application's dictionary some are kept.
        """
        plain = Path(self._folder.name) / (str(abs(hash(path))) + ".xml")
        if plain.exists():
            return str(plain)
        text = re.sub(r"""type=(['"])DATA\1""", "type='STRING'", Path(path).read_text())
        if key == "AppDataDictionary":
            text = _MESSAGE.sub(lambda found: found[0] if found[2] in _KNOWN_MESSAGES else "", text)
        plain.write_text(text)
        return str(plain)

    def refill(self, session_id: str, next_out: int, next_in: int, sent: dict[int, MessageOut]) -> None:
        """Put back what the journal says was sent, by MsgSeqNum, and both next numbers.

        Of a session that is not connected. About 10 us a message.
        """
        session = self._sessions[session_id]
        application = self.application
        if session_id in application.kept:
            application.kept[session_id] = sent
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
                    session.send(self._read(message.text))
                    application.sending_ns = 0
            session.setNextSenderMsgSeqNum(next_out)
            session.setNextTargetMsgSeqNum(next_in)
        finally:
            application.refilling = False
            application.sending_ns = 0

    def restore(self) -> None:
        """Give those sessions back what they lost when they were refused new sequence numbers."""
        for name in dict.fromkeys(self.application.to_restore):
            self._restore(name, self.application.kernel.ledger.of(name).next_out)

    def _restore(self, name: str, next_out: int) -> None:
        application = self.application
        self.refill(name, next_out, application.kernel.ledger.of(name).next_in, application.kept[name])
        application.to_restore = [other for other in application.to_restore if other != name]

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
        if self.application.to_restore and session_id in self.application.to_restore:
            self._restore(session_id, msg_seq_num)
        if session.getExpectedSenderNum() != msg_seq_num:
            raise RuntimeError(
                f"{session_id}: the journal numbered a message {msg_seq_num},"
                f" the session is at {session.getExpectedSenderNum()}"
            )
        application = self.application
        application.sending_ns = at_ns
        session.send(self._read(text))
        application.sending_ns = 0
        if application.kept and session_id in application.kept:
            message = MessageOut(at_ns, session_id, msg_seq_num, 0, text)
            application.kept[session_id][msg_seq_num] = message

    def _read(self, text: str) -> quickfix.Message:
        """A text of ours as a message of QuickFIX; the next call uses it again."""
        fill(self._message, text)
        return self._message

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

    def catch_up(self) -> None:
        """Ask venues that have just logged on whether they have read everything: see `application`."""
        waiting = self.application.catching_up
        now_ns = self.application.kernel.clock()
        for name, (asked, since_ns) in list(waiting.items()):
            if now_ns - since_ns > _PATIENCE_NS:
                log.warning("%s does not answer a TestRequest: it is taken to be up", name)
                self.application.is_up(name)
            elif not asked:
                self._questions += 1
                question = f"caught-up-{self._questions}"
                waiting[name] = (question, since_ns)
                message = quickfix.Message()
                message.setString(f"35=1\x01112={question}\x01", False)
                self._sessions[name].send(message)

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

    def restart(self, session_id: str, reason: str) -> None:
        """One step towards a new logon of a venue's session: it ends, and once it has, it begins again."""
        session = self._sessions[session_id]
        if session.isLoggedOn():
            session.logout(reason)
        elif not session.isEnabled():
            session.logon()

    def any_up(self) -> bool:
        """Whether any session is still logged on."""
        return any(session.isLoggedOn() for session in self._sessions.values())
