"""Input that breaks the rules gets what FIX prescribes, and the engine serves the next order.

The numbers in brackets name the standard's session test cases.
"""

import socket
import time
from collections.abc import Callable

import pytest

from tests.engine.conftest import Market, learn
from tests.support.engine_process import EngineProcess
from tests.support.raw_client import RawClient, values
from tests.support.raw_fix import Closed, Message, resummed, timestamp

LOGON_LIMIT_S = 5.0
"""So long may a connection take for its Logon."""


def assert_served(client: RawClient, market: Market, within_s: float = 10.0) -> None:
    """The next order is served."""
    order = client.order(market.symbol, "1", 1)
    reports = [client.take(within_s), client.take(within_s)]
    assert [values(report, (11, 150)) for report in reports] == [(order, "0"), (order, "F")]


def let_it_work(client: RawClient) -> None:
    """Wait until the engine has read what it was sent, whatever it does to this client for it."""
    try:
        client.ping(2)
        client.ping(2)
    except AssertionError:
        pass


def rejected(client: RawClient, number: int, reason: str, tag: str | None) -> Message:
    """The next message is a session-level Reject(3) of that message."""
    reject = client.wait_type("3")
    assert values(reject, (45, 373)) == (str(number), reason), reject
    if tag is not None:
        assert reject[371] == tag
    return reject


def business_rejected(client: RawClient, number: int, reason: str, msg_type: str) -> Message:
    """The next application message is a BusinessMessageReject(j) of that message."""
    reject = client.take()
    assert values(reject, (35, 45, 380, 372)) == ("j", str(number), reason, msg_type), reject
    return reject


# -- garbled: ignored, and the number stays (2.d, 2.m, 2.t, 3.b, 3.e) ----------------------------------------


def wrong_checksum(raw: bytes) -> bytes:
    return raw[:-4] + b"%03d\x01" % ((int(raw[-4:-1]) + 1) % 256)


def body_length_too_short(raw: bytes) -> bytes:
    length = int(raw.split(b"\x01")[1][2:])
    return resummed(raw.replace(b"\x019=%d\x01" % length, b"\x019=%d\x01" % (length - 5)))


def msg_type_not_third(raw: bytes) -> bytes:
    fields = raw.split(b"\x01")
    fields[2], fields[3] = fields[3], fields[2]
    return resummed(b"\x01".join(fields))


def checksum_not_a_number(raw: bytes) -> bytes:
    return raw[:-4] + b"abc\x01"


def tag_not_a_number(raw: bytes) -> bytes:
    return resummed(raw.replace(b"\x0154=", b"\x01xx="))


def field_without_equal_sign(raw: bytes) -> bytes:
    return resummed(raw.replace(b"\x0154=1\x01", b"\x015411\x01"))


@pytest.mark.parametrize(
    "garble",
    [
        wrong_checksum,
        body_length_too_short,
        msg_type_not_third,
        checksum_not_a_number,
        tag_not_a_number,
        field_without_equal_sign,
    ],
)
def test_garbled_message_is_ignored_and_its_number_is_still_free(
    client: RawClient, market: Market, garble: Callable[[bytes], bytes]
) -> None:
    client.send_raw(garble(client.build("D", client.order_body(market.symbol, "1", 1))))
    assert_served(client, market)
    client.nothing_more()


def test_body_length_that_swallows_the_next_message_is_mended_by_a_resend(
    client: RawClient, market: Market
) -> None:
    body = client.order_body(market.symbol, "1", 1)
    raw = client.build("D", body)
    length = int(raw.split(b"\x01")[1][2:])
    client.send_raw(raw.replace(b"\x019=%d\x01" % length, b"\x019=%d\x01" % (length + 9)))
    client.send("D", body)
    client.send("0")
    assert client.wait_type("2")[7] == str(client.next_out - 2)
    assert client.seen(2, 11, 150) == [(body[11], "0"), (body[11], "F")]
    client.nothing_more()


def test_bytes_that_are_not_fix_are_passed_over(client: RawClient, market: Market) -> None:
    client.send_raw(b"GET / HTTP/1.1\r\nHost: oms\r\n\r\n")
    assert_served(client, market)


def test_body_length_that_is_no_number_is_ignored(client: RawClient, market: Market) -> None:
    client.send_raw(b"8=FIX.4.4\x019=abc\x0135=0\x0110=000\x01")
    time.sleep(0.05)
    assert_served(client, market)


def test_body_length_that_is_no_number_right_behind_an_order_does_not_repeat_it(
    client: RawClient, market: Market
) -> None:
    """QuickFIX gives the message before once more, which ends the session; the order is done once."""
    body = client.order_body(market.symbol, "1", 1)
    client.send_raw(client.stage("D", body) + b"8=FIX.4.4\x019=abc\x0135=0\x0110=000\x01")
    try:
        client.ping()
    except Closed:
        client.log_on()
    assert client.seen(2, 11, 150) == [(body[11], "0"), (body[11], "F")]
    assert_served(client, market)
    client.nothing_more()


def test_message_that_claims_a_gigabyte_costs_its_session_only(
    engine: EngineProcess, client: RawClient, other: RawClient, market: Market
) -> None:
    client.log_out()
    client.log_on(heart_bt_int=1)
    before_kib = engine.rss_kib()
    client.send_raw(b"8=FIX.4.4\x019=999999999\x0135=0\x01" + b"58=" + b"x" * (1 << 20))
    assert_served(other, market, within_s=1)
    client.wait_closed(timeout_s=6)
    assert engine.rss_kib() - before_kib < 16 << 10
    client.reset()
    assert_served(client, market)


# -- session-level rejects -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason", "tag"),
    [
        ({11: None}, "1", "11"),  # required tag missing (14.b)
        ({54: None}, "1", "54"),
        ({40: None}, "1", "40"),
        ({60: None}, "1", "60"),
        ({54: "Z"}, "5", "54"),  # value not in the list (14.e)
        ({40: "?"}, "5", "40"),
        ({59: "X"}, "5", "59"),
        ({54: "12"}, "6", "54"),  # wrong format (14.f)
        ({38: "many"}, "6", "38"),
        ({44: "1e3"}, "6", "44"),
        ({44: "+5"}, "6", "44"),
        ({60: "yesterday"}, "6", "60"),
        ({60: "20261341-25:61:61"}, "6", "60"),
        ({38: "0"}, "5", "38"),  # out of range (14.e)
        ({38: "-1"}, "5", "38"),
        ({44: "0"}, "5", "44"),
        ({44: "-185"}, "5", "44"),
        ({44: "184.123456789"}, "5", "44"),
        ({38: "9" * 30}, "5", "38"),
        ({44: "9" * 30}, "5", "44"),
        ({38: "9" * 5000}, "5", "38"),
        ({38: ""}, "4", "38"),  # tag without value (14.d)
        ({11: ""}, "4", "11"),
        ({37: "ORDER-1"}, "2", "37"),  # tag not for this MsgType (14.c)
        ({4999: "x"}, "0", "4999"),  # tag not in the standard (14.a)
        ({0: "x"}, "0", "0"),
    ],
    ids=str,
)
def test_order_with_a_wrong_field_is_rejected(
    client: RawClient, market: Market, change: dict[int, object], reason: str, tag: str
) -> None:
    number = client.next_out
    client.send("D", {**client.order_body(market.symbol, "1", 100, market.at(-10)), **change})
    rejected(client, number, reason, tag)
    assert_served(client, market)
    client.nothing_more()


def test_decimals_that_are_zeros_are_no_fault(client: RawClient, market: Market) -> None:
    client.order(market.symbol, "1", "100.0000000000", f"{market.at(-10)}000000000000")
    assert client.seen(1, 150, 38) == [("0", "100")]


def test_tag_that_appears_twice_is_rejected(client: RawClient, market: Market) -> None:
    number = client.next_out
    body = client.order_body(market.symbol, "1", 100, market.at(-10))
    client.send("D", [*body.items(), (38, 200)])
    rejected(client, number, "13", "38")
    assert_served(client, market)


def test_header_field_in_the_body_is_rejected(client: RawClient, market: Market) -> None:
    number = client.next_out
    client.send("D", [*client.order_body(market.symbol, "1", 100, market.at(-10)).items(), (50, "DESK")])
    rejected(client, number, "14", "50")
    assert_served(client, market)


def test_group_with_a_wrong_count_is_rejected(client: RawClient, market: Market) -> None:
    number = client.next_out
    client.send(
        "D", [*client.order_body(market.symbol, "1", 100).items(), (453, 2), (448, "P"), (447, "D"), (452, 1)]
    )
    rejected(client, number, "16", "453")
    assert_served(client, market)


def test_message_type_that_is_none_is_rejected(client: RawClient, market: Market) -> None:
    number = client.next_out
    client.send("ZZ", {58: "?"})
    rejected(client, number, "11", None)
    assert_served(client, market)


def test_fields_of_the_user_and_in_any_order_are_no_fault(client: RawClient, market: Market) -> None:
    body = list(client.order_body(market.symbol, "1", 1).items())
    client.send("D", [(9001, "mine"), *reversed(body)])
    assert client.seen(2, 150) == [("0",), ("F",)]


# -- business-level rejects (2.r, 14.m) ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "body"), [(44, {40: 2, 44: None}), (38, {38: None}), (1, {1: None}), (55, {55: None})]
)
def test_order_without_a_field_that_it_needs_is_business_rejected(
    client: RawClient, market: Market, tag: int, body: dict[int, object]
) -> None:
    number = client.next_out
    client.send("D", {**client.order_body(market.symbol, "1", 100), **body})
    assert str(tag) in business_rejected(client, number, "5", "D")[58]
    assert_served(client, market)


@pytest.mark.parametrize(
    ("msg_type", "body"),
    [
        ("B", [(148, "headline"), (33, 1), (58, "line")]),
        ("x", [(320, "R1"), (559, "0")]),
        ("8", {37: "O", 17: "E", 150: "0", 39: "0", 55: "T001", 54: "1", 151: 0, 14: 0, 6: 0}),
    ],
    ids=["news", "security list request", "execution report from a client"],
)
def test_message_type_that_clients_may_not_send_is_business_rejected(
    client: RawClient, market: Market, msg_type: str, body: dict[int, object]
) -> None:
    number = client.next_out
    client.send(msg_type, body)
    business_rejected(client, number, "3", msg_type)
    assert_served(client, market)


def test_reject_from_a_client_is_taken_note_of(client: RawClient, market: Market) -> None:
    client.send("3", {45: 1, 373: 5, 58: "not to my taste"})
    client.send("j", {45: 1, 372: "8", 380: 0})
    business_rejected(client, client.next_out - 1, "3", "j")
    assert_served(client, market)


# -- numbers and times ---------------------------------------------------------------------------------------


def test_number_too_low_is_answered_by_a_logout(client: RawClient, market: Market) -> None:
    client.order(market.symbol, "1", 1)
    client.send("0", seq=1)
    logout = client.wait_type("5")
    assert f"expecting {client.next_out - 1} but received 1" in logout[58]
    client.wait_closed()
    client.next_out -= 1  # The answer to the Logout was not read any more.
    client.log_on()
    if len(client.inbox) < 2:
        assert client.wait_type("8")[150] == "0"
    assert client.seen(2, 150) == [("0",), ("F",)]
    assert_served(client, market)


def test_number_too_low_at_the_logon_is_answered_by_a_logout(client: RawClient, market: Market) -> None:
    client.ping()
    client.log_out()
    client.connect()
    client.send("A", client.logon_body(), seq=1)
    messages = client.wait_closed()
    assert [m.type for m in messages] == ["5"]
    assert "MsgSeqNum too low" in messages[0][58]


def test_number_too_high_is_asked_for_and_nothing_is_done_twice(client: RawClient, market: Market) -> None:
    lost = client.order_body(market.symbol, "1", 1)
    client.stage("D", lost)
    found = client.order(market.symbol, "1", 1)
    request = client.wait_type("2")
    assert values(request, (7, 16)) == (str(client.next_out - 2), "0")
    assert [m for m in client.seen(4, 11, 150) if m[1] == "0"] == [(str(lost[11]), "0"), (found, "0")]
    client.nothing_more()


def test_gap_filled_by_a_sequence_reset_is_closed(client: RawClient, market: Market) -> None:
    client.resends = False
    client.stage("D", client.order_body(market.symbol, "1", 1))
    client.send("0")
    client.wait_type("2")
    client.ping()
    client.resends = True
    assert_served(client, market)
    client.nothing_more()


def test_duplicate_of_an_order_is_ignored_if_it_says_so(client: RawClient, market: Market) -> None:
    """(2.e)"""
    body = client.order_body(market.symbol, "1", 1)
    client.send("D", body)
    client.take_all(2)
    client.send("D", body, seq=client.next_out - 1, header={43: "Y", 122: timestamp(-1)})
    client.nothing_more()
    assert_served(client, market)


def test_duplicate_without_its_original_time_is_rejected(client: RawClient, market: Market) -> None:
    """(2.g)"""
    client.ping()
    client.send("0", seq=2, header={43: "Y"})
    rejected(client, 2, "1", "122")
    assert_served(client, market)


def test_duplicate_that_was_sent_before_its_original_is_rejected(client: RawClient, market: Market) -> None:
    """(2.f)"""
    client.ping()
    client.send("0", seq=2, header={43: "Y", 122: timestamp(60)})
    rejected(client, 2, "10", None)
    client.wait_type("5")
    client.wait_closed()
    client.log_on()
    assert_served(client, market)


@pytest.mark.parametrize("offset_s", [-3600, 3600], ids=["an hour ago", "in an hour"])
def test_sending_time_far_off_is_rejected_and_the_session_ends(
    client: RawClient, market: Market, offset_s: float
) -> None:
    """(2.o)"""
    number = client.next_out
    client.send("D", client.order_body(market.symbol, "1", 1), header={52: timestamp(offset_s)})
    rejected(client, number, "10", None)
    client.wait_type("5")
    client.wait_closed()
    client.log_on()
    assert_served(client, market)


def test_message_without_a_number_is_rejected_or_ignored_and_takes_none(
    client: RawClient, market: Market
) -> None:
    for number in ("two", None):
        client.send_raw(client.build("D", client.order_body(market.symbol, "1", 1), header={34: number}))
    assert_served(client, market)
    client.nothing_more()


@pytest.mark.parametrize("number", ["0", "-1", "99999999999999999999999"])
def test_number_out_of_range_does_not_harm_others(
    client: RawClient, other: RawClient, market: Market, number: str
) -> None:
    client.send_raw(client.build("0", header={34: number}))
    let_it_work(client)
    assert_served(other, market)


def test_sequence_reset_moves_forward_but_not_back(client: RawClient, market: Market) -> None:
    """(11.a, 11.c)"""
    client.send("4", {36: 40})
    client.next_out = 40
    assert_served(client, market)
    client.send("4", {36: 5}, seq=client.next_out)
    rejected(client, client.next_out, "5", None)
    assert_served(client, market)


@pytest.mark.parametrize("number", [2**31, 2**63, 2**64 - 1, 10**30, -1, 0])
def test_sequence_reset_to_any_number_does_not_harm_others(
    client: RawClient, other: RawClient, market: Market, number: int
) -> None:
    client.send("4", {36: number})
    client.send("0", seq=number)
    let_it_work(client)
    assert_served(other, market)


@pytest.mark.parametrize(
    ("begin", "end"), [(1, 0), (2, 2), (5, 3), (1, 999_999_999), (999_999_999, 0), (0, 0)]
)
def test_resend_request_of_any_range_is_survived(
    client: RawClient, market: Market, begin: int, end: int
) -> None:
    assert_served(client, market)
    client.send("2", {7: begin, 16: end})
    client.ping()
    assert_served(client, market)


# -- who it is from ------------------------------------------------------------------------------------------


def test_message_under_a_wrong_comp_id_is_rejected_and_the_session_ends(
    client: RawClient, market: Market
) -> None:
    """(2.k)"""
    number = client.next_out
    client.send("D", client.order_body(market.symbol, "1", 1), header={49: "SOMEBODY"})
    rejected(client, number, "9", None)
    client.wait_type("5")
    client.wait_closed()
    client.reset()
    assert_served(client, market)


def test_message_in_the_name_of_another_client_is_not_taken_for_his(
    client: RawClient, other: RawClient, market: Market
) -> None:
    number = client.next_out
    client.send("D", client.order_body(market.symbol, "1", 1, t1="MAIN2"), header={49: "CLIENT2"})
    rejected(client, number, "9", None)
    other.nothing_more()
    assert_served(other, market)


def test_other_begin_string_ends_the_session(client: RawClient, market: Market) -> None:
    """(2.i)"""
    client.send("0", header={8: "FIX.4.2"})
    assert "BeginString" in client.wait_type("5")[58]
    client.wait_closed()
    client.log_on()
    assert_served(client, market)


# -- before the logon: nothing is said, the connection ends (1S.b, 1S.c, 1S.e) -------------------------------


def closed_without_a_word(client: RawClient, raw: bytes) -> None:
    client.connect()
    client.send_raw(raw)
    assert client.wait_closed(timeout_s=LOGON_LIMIT_S + 3) == []


def test_first_message_that_is_no_logon(clients: Callable[[str], RawClient], market: Market) -> None:
    stranger = clients("CLIENT2")
    closed_without_a_word(stranger, stranger.build("D", stranger.order_body(market.symbol, "1", 1)))
    closed_without_a_word(stranger, stranger.build("0"))
    closed_without_a_word(stranger, b"GET / HTTP/1.1\r\nHost: oms.example.com\r\n\r\n")


@pytest.mark.parametrize(
    "header", [{49: "NOBODY"}, {56: "OTHER"}, {8: "FIX.4.2"}, {49: None}, {49: "SIM"}], ids=str
)
def test_logon_of_nobody_known(client: RawClient, market: Market, header: dict[int, object]) -> None:
    stranger = RawClient(client.port, "CLIENT2")
    closed_without_a_word(stranger, stranger.build("A", stranger.logon_body(), header=header))
    assert_served(client, market)


def test_logon_with_a_wrong_checksum_or_without_heartbeat_interval(client: RawClient, market: Market) -> None:
    stranger = RawClient(client.port, "CLIENT2")
    closed_without_a_word(stranger, wrong_checksum(stranger.build("A", stranger.logon_body())))
    stranger.connect()
    stranger.send_raw(stranger.build("A", {98: 0}))
    assert {m.type for m in stranger.wait_closed()} <= {"3", "5"}
    assert_served(client, market)


@pytest.mark.parametrize("interval", ["-1", "0", "999999999", "99999999999999999999", "soon"])
def test_logon_with_an_odd_heartbeat_interval_does_not_harm_others(
    client: RawClient, market: Market, interval: str
) -> None:
    stranger = RawClient(client.port, "CLIENT2").connect()
    stranger.send("A", [(98, 0), (108, interval), (141, "Y")])
    try:
        stranger.receive(0.3)
    except Closed:
        pass
    assert_served(client, market)
    stranger.drop()


def test_second_logon_of_a_connected_session_is_refused_and_the_first_goes_on(
    client: RawClient, market: Market
) -> None:
    closed_without_a_word(RawClient(client.port), client.build("A", client.logon_body()))
    closed_without_a_word(
        RawClient(client.port), client.build("A", client.logon_body(more={141: "Y"}), seq=1)
    )
    assert_served(client, market)


def test_logon_again_within_a_session_does_not_confuse_it(
    client: RawClient, other: RawClient, market: Market
) -> None:
    client.send("A", client.logon_body())
    assert_served(other, market)


def test_silent_half_and_many_connections_are_dropped_and_delay_nobody(
    engine: EngineProcess, client: RawClient, market: Market
) -> None:
    """Half a Logon, a byte now and then, a claimed gigabyte, and a hundred that say nothing."""
    logon = RawClient(engine.port, "CLIENT2").build("A", [(98, 0), (108, 30)])
    started = time.monotonic()
    half = socket.create_connection(("127.0.0.1", engine.port))
    half.sendall(logon[:40])
    huge = socket.create_connection(("127.0.0.1", engine.port))
    huge.sendall(b"8=FIX.4.4\x019=999999999\x01")
    trickle = socket.create_connection(("127.0.0.1", engine.port))
    idle = [socket.create_connection(("127.0.0.1", engine.port)) for _ in range(100)]
    slowest_s = 0.0
    for byte in logon[:-1]:
        with_time_left = LOGON_LIMIT_S + 0.5 - (time.monotonic() - started)
        if with_time_left <= 0:
            break
        before = time.monotonic()
        assert_served(client, market)
        slowest_s = max(slowest_s, time.monotonic() - before)
        try:
            trickle.sendall(bytes([byte]))
        except OSError:
            pass
        time.sleep(min(with_time_left, 0.1))
    assert slowest_s < 1.0
    for connection in (half, huge, trickle, *idle):
        connection.settimeout(2)
        try:
            assert connection.recv(100) == b""
        except ConnectionError:
            pass
        connection.close()
    assert time.monotonic() - started < LOGON_LIMIT_S + 3
    assert_served(client, market)


def test_half_a_logon_does_not_keep_the_processor_busy(engine: EngineProcess, client: RawClient) -> None:
    """What lies unread in a connection that waits must not wake the loop again and again."""
    with socket.create_connection(("127.0.0.1", engine.port)) as half:
        half.sendall(client.build("A", client.logon_body())[:40])
        client.ping()
        before = engine.cpu_s()
        time.sleep(1)
        assert engine.cpu_s() - before < 0.25


# -- bytes outside ASCII, and data fields --------------------------------------------------------------------


def test_bytes_outside_ascii_are_kept_apart_and_harmless(client: RawClient, market: Market) -> None:
    client.order(market.symbol, "1", 1, t58="caf\xe9 \x80\xff")
    client.take_all(2)
    client.order(market.symbol, "1", 1, t11="\xe9-1")
    client.order(market.symbol, "1", 1, t11="\xe8-1")
    reports = client.take_all(4)
    assert sorted(m[150] for m in reports) == ["0", "0", "F", "F"]
    assert len({m[11] for m in reports}) == 2
    client.order("\xe9\xe8", "1", 1)
    assert client.seen(1, 150, 103) == [("8", "1")]
    assert_served(client, market)


def test_long_client_order_id_comes_back_whole(client: RawClient, market: Market) -> None:
    client.order(market.symbol, "1", 1, t11="x" * 3000)
    assert client.seen(2, 11) == [("x" * 3000,)] * 2


def test_text_that_looks_like_fields_inside_a_data_field_is_not_read_as_fields(
    client: RawClient, market: Market
) -> None:
    """EncodedText(355) may hold any byte, SOH as well: what stands in it is not the order's quantity."""
    hidden = "\x0138=77\x01x"
    number = client.next_out
    client.send(
        "D", {**client.order_body(market.symbol, "1", 10, market.at(-10)), 354: len(hidden), 355: hidden}
    )
    client.send("0")
    answer = client.receive()
    assert answer is not None
    if answer.type == "8":
        assert answer[38] == "10"
    else:
        assert answer.type in "3j2", answer
        assert number in (int(answer.get(45) or 0), int(answer.get(7) or 0))


def test_number_inside_a_data_field_does_not_stop_the_engine(
    client: RawClient, other: RawClient, market: Market
) -> None:
    hidden = "\x0134=abc\x01x"
    client.send("0", [(93, len(hidden)), (89, hidden)])
    let_it_work(client)
    assert_served(other, market, within_s=3)


@pytest.mark.parametrize("claimed", [99_999_999, 300, -60], ids=["far too long", "too long", "negative"])
@pytest.mark.parametrize(("length_tag", "data_tag"), [(93, 89), (90, 91), (354, 355)])
def test_data_field_with_a_wrong_length_does_not_harm_the_engine(
    client: RawClient, other: RawClient, market: Market, length_tag: int, data_tag: int, claimed: int
) -> None:
    body = [*client.order_body(market.symbol, "1", 1).items(), (length_tag, claimed), (data_tag, "x")]
    client.send("D", body)
    let_it_work(client)
    assert_served(other, market, within_s=3)


@pytest.mark.parametrize("claimed", [99_999_999, -50], ids=["too long", "negative"])
def test_logon_with_a_data_field_of_a_wrong_length_does_not_harm_the_engine(
    client: RawClient, market: Market, claimed: int
) -> None:
    stranger = RawClient(client.port, "CLIENT2").connect()
    stranger.send_raw(stranger.build("A", stranger.logon_body(more=[(95, claimed), (96, "x")])))
    time.sleep(0.2)
    assert_served(client, market, within_s=3)
    stranger.drop()


def test_logon_whose_body_does_not_end_with_soh_delays_nobody(client: RawClient, market: Market) -> None:
    """The session layer would wait for the SOH before CheckSum(10): the door must not let it in."""
    stranger = RawClient(client.port, "CLIENT2")
    whole = stranger.build("A", stranger.logon_body())
    length = int(whole.split(b"\x01")[1][2:])
    raw = whole.replace(b"\x019=%d\x01" % length, b"\x019=%d\x01" % (length - 1)).replace(b"\x0110=", b"10=")
    stranger.connect()
    stranger.send_raw(resummed(raw))
    slowest_s = 0.0
    for _ in range(15):
        before = time.monotonic()
        assert_served(client, market)
        slowest_s = max(slowest_s, time.monotonic() - before)
        time.sleep(0.02)
    stranger.drop()
    assert slowest_s < 0.5


def test_message_larger_than_a_journal_segment_does_not_stop_the_engine(
    client: RawClient, other: RawClient, market: Market
) -> None:
    client.send_raw(client.build("D", client.order_body(market.symbol, "1", 1, t58="x" * (2 << 20))))
    client.log.clear()
    client.next_out += 1
    let_it_work(client)
    assert_served(other, market)


def test_every_kind_of_nonsense_left_the_state_as_it_was(engine: EngineProcess, client: RawClient) -> None:
    """A restart from the journal comes to the same orders: nothing of the above was half taken."""
    market = learn(client, "T080")
    before = engine.status()
    client.log_out()
    engine.kill()
    engine.start()
    after = engine.status()
    assert after["counts"] == before["counts"]
    assert after["orders"] == before["orders"]
    client.reset()
    assert_served(client, market)
