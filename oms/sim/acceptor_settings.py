"""QuickFIX settings for the sessions of a simulator: which ones, where, in which version. No quickfix import.

What all sessions have in common stands in a file under sessions/; its [SESSION] is taken for a simulator with
one session. What differs comes from the brokers. The data dictionaries are copies of QuickFIX's own, in which
no field is of type DATA: QuickFIX would believe the length that such a field claims and read past the end of
the message. Of the many messages of 5.0 SP2 the copy keeps those that are spoken here, since reading all of
them takes seconds.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from msgspec import Struct

from oms.sim.profile import FIX42, FIX44, FIX50SP2

FIXT11: Final = "FIXT.1.1"

_SPOKEN: Final = frozenset((*"DFGHQqVWXY89jr", "AF"))
_FILES: Final = {FIX42: "FIX42.xml", FIX44: "FIX44.xml", FIX50SP2: "FIX50SP2.xml", FIXT11: "FIXT11.xml"}

Section = dict[str, str]


class SessionSpec(Struct, frozen=True):
    """One session of a simulator. `key` is how QuickFIX spells its SessionID."""

    version: str
    sender: str
    target: str
    port: int
    reset_on_logon: bool = False

    @property
    def begin_string(self) -> str:
        """BeginString(8)."""
        return FIXT11 if self.version == FIX50SP2 else self.version

    @property
    def key(self) -> str:
        """SessionID as text."""
        return f"{self.begin_string}:{self.sender}->{self.target}"


class Dictionaries:
    """Copies of data dictionaries in a folder, made when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, Path] = {}

    def path(self, version: str) -> Path:
        """The dictionary of a version, or of FIXT.1.1. Raises FileNotFoundError."""
        if version not in self._made:
            self._made[version] = self._copy(_FILES[version], trimmed=version == FIX50SP2)
        return self._made[version]

    def settings(self, version: str) -> Section:
        """What a session's settings say of dictionaries."""
        if version != FIX50SP2:
            return {"DataDictionary": str(self.path(version))}
        return {
            "TransportDataDictionary": str(self.path(FIXT11)),
            "AppDataDictionary": str(self.path(version)),
        }

    def _copy(self, name: str, trimmed: bool) -> Path:
        source = Path(sys.prefix) / "share" / "quickfix" / name
        if not source.is_file():
            raise FileNotFoundError(f"{source}: is the quickfix package installed in this environment?")
        tree = ElementTree.parse(source)
        for field in tree.iterfind("fields/field"):
            if field.get("type") == "DATA":
                field.set("type", "STRING")
        messages = tree.find("messages")
        if trimmed and messages is not None:
            for message in list(messages):
                if message.get("msgtype") not in _SPOKEN:
                    messages.remove(message)
        made = self._folder / name
        tree.write(made, encoding="utf-8")
        return made


def settings_text(
    template: str, specs: Sequence[SessionSpec], dictionaries: Dictionaries, values: Mapping[str, str]
) -> str:
    """The text of a settings file: `values` are the same for all."""
    default, sessions = _sections(template)
    default.pop("DataDictionary", None)
    own = sessions[0] if len(sessions) == len(specs) == 1 else {}
    lines = ["[DEFAULT]", *(f"{key}={value}" for key, value in (default | dict(values)).items())]
    for spec in specs:
        section = {
            **own,
            "BeginString": spec.begin_string,
            "SenderCompID": spec.sender,
            "TargetCompID": spec.target,
            "SocketAcceptPort": str(spec.port),
            **dictionaries.settings(spec.version),
        }
        if spec.version == FIX50SP2:
            section["DefaultApplVerID"] = FIX50SP2
        if spec.reset_on_logon:
            section["ResetOnLogon"] = "Y"
        lines += ["[SESSION]", *(f"{key}={value}" for key, value in section.items())]
    return "\n".join(lines) + "\n"


def _sections(text: str) -> tuple[Section, list[Section]]:
    """[DEFAULT] and every [SESSION] of a settings file."""
    default: Section = {}
    sessions: list[Section] = []
    current = default
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if key.upper() == "[SESSION]":
            current = {}
            sessions.append(current)
        elif key.upper() == "[DEFAULT]":
            current = default
        elif equals and not key.startswith("#"):
            current[key.strip()] = value.strip()
    return default, sessions
