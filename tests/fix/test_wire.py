"""Splitting text into fields, and times."""

import calendar

import pytest
import simplefix

from oms.fix.wire import SOH, fields, pairs, parse_utc_timestamp, readable, utc_timestamp

SECOND = 1_000_000_000
NOON = calendar.timegm((2026, 11, 22, 12, 0, 0)) * SECOND


def soh(text: str) -> str:
    return text.replace("|", SOH)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("35=D|11=A1|", {"35": "D", "11": "A1"}),
        ("58=a=b=c|", {"58": "a=b=c"}),
        ("58=|11=x|", {"58": "", "11": "x"}),
        ("58=with spaces, and: signs|", {"58": "with spaces, and: signs"}),
        ("11=unfinished", {}),
    ],
)
def test_fields(text: str, expected: dict[str, str]) -> None:
    assert fields(soh(text)) == expected


def test_pairs_keep_order_and_repeated_tags() -> None:
    assert pairs(soh("268=2|269=0|270=99|269=1|270=101|")) == [
        ("268", "2"), ("269", "0"), ("270", "99"), ("269", "1"), ("270", "101"),
    ]  # fmt: skip


def test_fields_agree_with_simplefix() -> None:
    message = simplefix.FixMessage()
    for tag, value in (
        (8, "FIX.4.4"),
        (35, "D"),
        (49, "C"),
        (56, "O"),
        (34, 7),
        (11, "A=1"),
        (58, "x y"),
        (38, "100"),
    ):
        message.append_pair(tag, value)
    raw = message.encode()
    parser = simplefix.FixParser()
    parser.append_buffer(raw)
    expected = [
        (tag.decode() if isinstance(tag, bytes) else str(tag), value.decode())
        for tag, value in parser.get_message().pairs
    ]
    assert pairs(raw.decode()) == expected


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "19700101-00:00:00.000"),
        (NOON, "20261122-12:00:00.000"),
        (NOON + 1_999_999, "20261122-12:00:00.001"),
        (NOON + 999_999_999, "20261122-12:00:00.999"),
        (NOON + SECOND, "20261122-12:00:01.000"),
        (calendar.timegm((2028, 2, 29, 23, 59, 59)) * SECOND, "20280229-23:59:59.000"),
    ],
)
def test_utc_timestamp(ns: int, text: str) -> None:
    assert utc_timestamp(ns) == text
    assert parse_utc_timestamp(text) == ns - ns % 1_000_000


def test_utc_timestamp_does_not_mix_up_seconds() -> None:
    times = [NOON, NOON + SECOND, NOON, NOON + 59 * SECOND, NOON + 60 * SECOND, NOON - 1, NOON]
    assert [utc_timestamp(t)[9:] for t in times] == [
        "12:00:00.000", "12:00:01.000", "12:00:00.000", "12:00:59.000",
        "12:01:00.000", "11:59:59.999", "12:00:00.000",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "extra_ns"),
    [("", 0), (".5", 500_000_000), (".123456", 123_456_000), (".123456789", 123_456_789)],
)
def test_parse_utc_timestamp_takes_0_to_9_decimals(text: str, extra_ns: int) -> None:
    assert parse_utc_timestamp(f"20261122-12:00:00{text}") == NOON + extra_ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "20261122",
        "2026-11-22 12:00:00",
        "20261322-12:00:00",
        "20261131-12:00:00",
        "20261122-25:00:00",
        "20261122-12:00:00.1234567890",
        "20261122-12:00:00.12x",
        "20261122-12:00:00.-12",
        "20261122-12:00:00Z",
    ],
)
def test_parse_utc_timestamp_refuses_what_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        parse_utc_timestamp(text)


def test_readable() -> None:
    assert readable(soh("35=D|11=x|")) == "35=D|11=x|"
