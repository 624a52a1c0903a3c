"""The door's reading of a Logon: how long it is, whether it can still become one, and whom it is from."""

import re

import pytest

from oms.fix.door import LOGON_BYTES, identity, logon_length
from tests.support.raw_fix import encode, timestamp

LOGON = encode(
    [(8, "FIX.4.4"), (35, "A"), (49, "CLIENT1"), (56, "OMS"), (34, 1), (52, timestamp()), (98, 0), (108, 30)]
)


def with_length(raw: bytes, length: int) -> bytes:
    return re.sub(rb"\x019=\d+\x01", b"\x019=%d\x01" % length, raw, count=1)


def test_every_prefix_is_not_complete_and_the_whole_is() -> None:
    for end in range(1, len(LOGON)):
        assert logon_length(LOGON[:end]) is None, LOGON[:end]
    assert logon_length(LOGON) == len(LOGON)


def test_what_follows_is_not_counted() -> None:
    order = encode(
        [(8, "FIX.4.4"), (35, "D"), (49, "CLIENT1"), (56, "OMS"), (34, 2), (52, timestamp()), (11, "x")]
    )
    for more in (b"8", b"8=FIX.4.4\x01", order, LOGON, b"\x00\xff"):
        assert logon_length(LOGON + more) == len(LOGON)


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"x",
        b" 8=FIX.4.4\x01",
        b"9=65\x018=FIX.4.4\x01",
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"8=FAX.4.4\x01",
        b"8=FIX.4.4\x0135=A\x0149=CLIENT1\x0156=OMS\x01",
        b"8=FIX.4.4\x019=abc\x0135=A\x0149=CLIENT1\x01",
        b"8=FIX.4.4\x019=-5\x0135=A\x0149=CLIENT1\x01\x01",
        b"8=FIX.4.4\x019=999999999\x0135=A\x0149=CLIE",
        b"8=FIX.4.4\x019=99999\x01",
        b"8=" + b"F" * 40,
        LOGON.replace(b"\x0135=A\x01", b"\x0135=D\x01"),
        LOGON.replace(b"\x0135=A\x01", b"\x0135=AE\x01"),
        LOGON[:-8].replace(b"\x0135=A\x01", b"\x0135=5\x01"),
        with_length(LOGON, 20),
        with_length(LOGON, 0),
        LOGON[:-4] + b"abc\x01",
        LOGON[:-1] + b"\x02",
    ],
)
def test_what_cannot_become_a_logon(data: bytes) -> None:
    with pytest.raises(ValueError):
        logon_length(data)


@pytest.mark.parametrize("size", [1, 2, 4, 9, 10, 12])
def test_first_bytes_that_are_wrong_are_seen_at_once(size: int) -> None:
    """The rest of a wrong start need not be waited for."""
    with pytest.raises(ValueError):
        logon_length(b"9" * size)


def test_body_that_does_not_end_with_soh_is_no_logon() -> None:
    """QuickFIX would look further for the CheckSum, and wait."""
    without = LOGON.replace(b"\x0110=", b"10=")
    length = int(re.findall(rb"\x019=(\d+)\x01", LOGON)[0])
    with pytest.raises(ValueError):
        logon_length(with_length(without, length - 1))


def test_logon_of_the_greatest_length_and_one_more() -> None:
    def padded(size: int) -> bytes:
        fields = [
            (8, "FIX.4.4"),
            (35, "A"),
            (49, "CLIENT1"),
            (56, "OMS"),
            (34, 1),
            (52, timestamp()),
            (98, 0),
            (108, 30),
        ]
        short = encode([*fields, (58, "x" * 3000)])
        return encode([*fields, (58, "x" * (3000 + size - len(short)))])

    assert logon_length(padded(LOGON_BYTES)) == LOGON_BYTES
    with pytest.raises(ValueError):
        logon_length(padded(LOGON_BYTES + 1))


@pytest.mark.parametrize(
    ("old", "new", "who"),
    [
        (b"", b"", ("FIX.4.4", "CLIENT1", "OMS")),
        (b"49=CLIENT1\x01", b"", ("FIX.4.4", "", "OMS")),
        (b"8=FIX.4.4", b"8=FIX.4.2", ("FIX.4.2", "CLIENT1", "OMS")),
        (b"56=OMS", b"56=OTHER", ("FIX.4.4", "CLIENT1", "OTHER")),
        (b"49=CLIENT1\x0156=OMS", b"56=OMS\x0149=CLIENT1", ("FIX.4.4", "CLIENT1", "OMS")),
        (b"98=0\x01", b"98=0\x0149=CLIENT2\x01", ("FIX.4.4", "CLIENT1", "OMS")),
        (b"98=0\x01", b"95=12\x0196=x\x0149=CLIENT2\x01", ("FIX.4.4", "CLIENT1", "OMS")),
    ],
    ids=["as it is", "no sender", "4.2", "other target", "other order", "sender twice", "sender inside data"],
)
def test_identity(old: bytes, new: bytes, who: tuple[str, str, str]) -> None:
    assert identity(LOGON.replace(old, new, 1) if old else LOGON) == who


def test_identity_outside_ascii_is_nobodys() -> None:
    assert identity(LOGON.replace(b"CLIENT1", b"CLIENT\xe9"))[1] != "CLIENT1"
