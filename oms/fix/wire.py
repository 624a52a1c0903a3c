"""FIX text: splitting it into fields, and writing times. No meaning, no QuickFIX.

A message is read once, as text, and written once, as text: a typed field of the session library costs as much
as splitting the whole message. `fields` keeps the last value of a repeated tag, which is enough for every
message without groups that this engine reads.
"""

import calendar
import re
import time
from typing import Final

SOH: Final = "\x01"

_FIELD: Final = re.compile(r"([^=\x01]+)=([^\x01]*)\x01")


def fields(text: str) -> dict[str, str]:
    """Tag -> value. About 3 us for a NewOrderSingle.

    >>> fields("35=D\\x0111=A1\\x01")["11"]
    'A1'
    """
    return dict(_FIELD.findall(text))


def pairs(text: str) -> list[tuple[str, str]]:
    """All fields in order, repeated tags included: what groups need."""
    return _FIELD.findall(text)


def group(text: str, count: str, tags: frozenset[str]) -> list[dict[str, str]]:
    """The entries of a repeating group, each of those tags only, which stand nowhere else in the message.

    Every entry begins with the tag that the first begins with.

    >>> group("555=2\\x01600=A\\x01624=1\\x01600=B\\x0138=5\\x01", "555", frozenset(("600", "624")))
    [{'600': 'A', '624': '1'}, {'600': 'B'}]
    """
    found = pairs(text)
    start = next((n for n, (tag, value) in enumerate(found, 1) if tag == count and value != "0"), len(found))
    entries: list[dict[str, str]] = []
    for tag, value in found[start:]:
        if tag == found[start][0]:
            entries.append({})
        if tag in tags:
            entries[-1][tag] = value
    return entries


class _Clock:
    """The texts of the last second and of the last millisecond that were written."""

    second = -1
    second_text = ""
    millisecond = -1
    text = ""


def utc_timestamp(ns: int) -> str:
    """UTCTimestamp in milliseconds: "20261122-14:30:00.123".

    Messages come in bursts: the text of the last millisecond, and of the last second, is kept.
    """
    millisecond = ns // 1_000_000
    if millisecond == _Clock.millisecond:
        return _Clock.text
    second, rest = divmod(millisecond, 1000)
    if second != _Clock.second:
        _Clock.second_text = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(second))
        _Clock.second = second
    _Clock.text = f"{_Clock.second_text}.{rest:03d}"
    _Clock.millisecond = millisecond
    return _Clock.text


def parse_utc_timestamp(text: str) -> int:
    """Nanoseconds since 1970 of a UTCTimestamp with 0 to 9 decimals. Raises ValueError."""
    whole, _, fraction = text.partition(".")
    if len(fraction) > 9 or (fraction and not fraction.isdigit()):
        raise ValueError(f"not a UTCTimestamp: {text!r}")
    seconds = calendar.timegm(time.strptime(whole, "%Y%m%d-%H:%M:%S"))
    return seconds * 1_000_000_000 + int(fraction.ljust(9, "0") or "0")


def readable(text: str) -> str:
    """For people: fields separated by a bar, as logs show them."""
    return text.replace(SOH, "|")
