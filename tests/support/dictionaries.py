"""Messages held against the data dictionaries that QuickFIX installs: by QuickFIX, and by a reader of our own.

The reader knows the tags of a message, those of its groups among them, which are required, and their codes.
"""

import os
import re
import sys
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import quickfix

from tests.support.raw_fix import encode, timestamp

FOLDER = Path(sys.prefix) / "share" / "quickfix"

FILES = {"FIX.4.2": "FIX42.xml", "FIX.4.4": "FIX44.xml", "FIX.5.0SP2": "FIX50SP2.xml"}
BEGIN_STRINGS = {"FIX.4.2": "FIX.4.2", "FIX.4.4": "FIX.4.4", "FIX.5.0SP2": "FIXT.1.1"}

KEPT = frozenset(("8", "9", "D", "F", "G", "H", "N", "Q", "q", "r", "j", "AB", "AC"))
"""Messages that QuickFIX is told of in 5.0 SP2: all of them would take it seconds."""


class Dictionary:
    """One dictionary. `tags` of a message are those of its groups, too; `groups` are counts and what they count."""

    def __init__(self, file: str) -> None:
        root = ET.parse(FOLDER / file).getroot()
        self.numbers = {f.get("name"): f.get("number", "") for f in root.iterfind("fields/field")}
        self.codes = {
            f.get("number", ""): frozenset(v.get("enum", "") for v in f)
            for f in root.iterfind("fields/field")
        }
        self.multiple = {
            f.get("number") for f in root.iterfind("fields/field") if "MULTIPLE" in f.get("type", "")
        }
        self._components = {c.get("name"): c for c in root.iterfind("components/component")}
        self._messages = {m.get("msgtype", ""): m for m in root.iterfind("messages/message")}

    def __contains__(self, msg_type: str) -> bool:
        return msg_type in self._messages

    @cache  # noqa: B019
    def tags(self, msg_type: str) -> dict[str, bool]:
        """The tags of a message, and whether each is required."""
        found: dict[str, bool] = {}
        self._walk(self._messages[msg_type], True, found, {})
        return found

    @cache  # noqa: B019
    def groups(self, msg_type: str) -> dict[str, list[str]]:
        """The counts of a message's groups, and the tags in one entry, the first of them first."""
        found: dict[str, list[str]] = {}
        self._walk(self._messages[msg_type], True, {}, found)
        return found

    def _walk(
        self, node: ET.Element, needed: bool, tags: dict[str, bool], groups: dict[str, list[str]]
    ) -> None:
        for child in node:
            required = needed and child.get("required") == "Y"
            if child.tag == "component":
                self._walk(self._components[child.get("name")], required, tags, groups)
                continue
            number = self.numbers[child.get("name")]
            tags[number] = tags.get(number, False) or required
            if child.tag == "group":
                inside: dict[str, bool] = {}
                self._walk(child, False, inside, groups)
                groups[number] = list(inside)
                tags.update({tag: tags.get(tag, False) for tag in inside})


@cache
def dictionary(version: str) -> Dictionary:
    """The dictionary of a version's messages."""
    return Dictionary(FILES[version])


def faults(version: str, text: str) -> list[str]:
    """What is wrong with a body, MsgType(35) first: unknown tags and codes, tags that miss or repeat."""
    known = dictionary(version)
    fields = re.findall("([^=\x01]+)=([^\x01]*)\x01", text)
    assert fields[0][0] == "35", text
    msg_type, body = fields[0][1], fields[1:]
    if msg_type not in known:
        return [f"no message {msg_type}"]
    tags, groups = known.tags(msg_type), known.groups(msg_type)
    in_groups = {tag for inside in groups.values() for tag in inside}
    found = [f"{msg_type} has no tag {tag}" for tag, _ in body if tag not in tags]
    found += [f"tag {tag} is empty" for tag, value in body if not value]
    for tag, value in body:
        codes = known.codes.get(tag)
        if codes:
            found += [
                f"tag {tag} has no code {code}"
                for code in (value.split() if tag in known.multiple else [value])
                if code not in codes
            ]
    there = [tag for tag, _ in body]
    found += [
        f"required tag {tag} is missing" for tag, required in tags.items() if required and tag not in there
    ]
    found += [f"tag {tag} twice" for tag in set(there) if there.count(tag) > 1 and tag not in in_groups]
    return found


@cache
def _quickfix(file: str) -> quickfix.DataDictionary:
    root = ET.parse(FOLDER / file).getroot()
    messages = root.find("messages")
    assert messages is not None
    for message in list(messages):
        if file == FILES["FIX.5.0SP2"] and message.get("msgtype") not in KEPT:
            messages.remove(message)
    known = quickfix.DataDictionary()
    known.readFromURL(f"/proc/self/fd/{_memory(ET.tostring(root))}")
    for check in (known.checkFieldsOutOfOrder, known.checkFieldsHaveValues, known.checkUserDefinedFields):
        check(True)
    return known


def _memory(content: bytes) -> int:
    fd = os.memfd_create("dictionary")
    os.write(fd, content)
    return fd


def framed(version: str, text: str) -> bytes:
    """A body with header and trailer around it."""
    body = [(int(tag), value) for tag, value in re.findall("([^=\x01]+)=([^\x01]*)\x01", text)]
    header = [(8, BEGIN_STRINGS[version]), body[0], (49, "OMS"), (56, "THEM"), (34, 1), (52, timestamp())]
    return encode([*header, *body[1:]])


def refused(version: str, text: str) -> str:
    """What QuickFIX has against a body; empty if nothing."""
    app = _quickfix(FILES[version])
    session = _quickfix("FIXT11.xml") if version == "FIX.5.0SP2" else app
    raw = framed(version, text).decode("latin-1")
    try:
        message = quickfix.Message(raw, session, app, True)
        if session is app:
            app.validate(message)
        else:
            quickfix.DataDictionary.validate(message, session, app)
    except Exception as error:
        return f"{type(error).__name__} {error}"
    return ""
