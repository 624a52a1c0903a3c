"""What a client was told, and was not told yet, survives the end of its connection and of the engine."""

import itertools
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.engine.conftest import Market, learn
from tests.support.engine_process import EngineProcess
from tests.support.raw_client import RawClient, values
from tests.support.raw_fix import Closed, Message

SYMBOL = "T001"


def as_sent(message: Message) -> tuple[int, str, list[tuple[int, str]]]:
    """What must be the same when it is sent again: number, original SendingTime, everything it says."""
    return message.seq, message[122] if message.poss_dup else message[52], message.body()


def everything_again(client: RawClient) -> list[Message]:
    """ResendRequest 1 to infinity: what comes, in order, and that it covers every number once."""
    client.ping()
    end = client.next_in
    client.possible_duplicates.clear()
    client.send("2", {7: 1, 16: 0})
    client.ping(60.0)  # thousands of messages may come first, and this client reads slowly
    again, expected = list(client.possible_duplicates), 1
    for message in again:
        assert message.seq == expected, f"number {expected} is missing: {again}"
        expected = int(message[36]) if message.type == "4" else expected + 1
    assert expected == end, f"numbers {expected} to {end - 1} are missing"
    return again


# -- a connection ends ---------------------------------------------------------------------------------------


def test_client_that_comes_back_goes_on_with_its_numbers(client: RawClient, market: Market) -> None:
    for end in (client.drop, client.reset_connection, client.log_out):
        end()
        logon = client.log_on()
        assert logon.seq == client.next_in - 1
        client.order(market.symbol, "1", 1)
        assert client.seen(2, 150) == [("0",), ("F",)]
        client.nothing_more()
    assert not [m for m in client.admin if m.type == "2"]


def test_reports_decided_while_the_client_was_away_come_when_it_is_back(
    client: RawClient, other: RawClient, market: Market
) -> None:
    order = client.order(market.symbol, "2", 100, market.middle)
    client.take_all(1)
    client.log_out()
    other.order(market.symbol, "1", 60, market.middle)
    other.take_all(2)
    client.log_on()
    (fill,) = client.take_all(1)
    assert values(fill, (11, 150, 32, 151)) == (order, "F", "60", "40")
    assert fill.poss_dup
    client.nothing_more()


def test_order_sent_before_a_reset_connection_is_answered_at_the_next_logon(
    client: RawClient, market: Market
) -> None:
    order = client.order(market.symbol, "1", 100)
    time.sleep(0.05)
    client.reset_connection()
    client.log_on()
    assert client.seen(2, 11, 150) == [(order, "0"), (order, "F")]
    client.nothing_more()


def test_reset_of_the_numbers_starts_both_sides_from_one_and_forgets_what_was(
    client: RawClient, market: Market
) -> None:
    order = client.order(market.symbol, "1", 100, market.at(-10))
    client.take_all(1)
    client.log_out()
    logon = client.reset()
    assert (logon.seq, logon[141]) == (1, "Y")
    client.ping()
    assert (client.next_in, client.next_out) == (3, 3)
    assert [m.type for m in everything_again(client)] == ["4"]
    client.cancel(order, market.symbol, "1")
    assert client.seen(2, 150) == [("6",), ("4",)]


def test_resend_request_returns_reports_and_fills_gaps_over_the_rest(
    client: RawClient, market: Market
) -> None:
    client.order(market.symbol, "1", 100)
    first = client.take_all(2)
    client.ping()
    client.send("B", [(148, "h"), (33, 1), (58, "l")])
    second = client.take_all(1)
    again = everything_again(client)
    assert [m.type for m in again if m.type != "4"] == ["8", "8", "8", "8", "j"]
    assert [as_sent(m) for m in again if m.type != "4"][2:] == [as_sent(m) for m in first + second]
    assert all(m[123] == "Y" for m in again if m.type == "4")


def test_resend_request_of_a_part_returns_that_part(client: RawClient, market: Market) -> None:
    client.order(market.symbol, "1", 100)
    new, fill = client.take_all(2)
    client.possible_duplicates.clear()
    client.send("2", {7: fill.seq, 16: fill.seq})
    client.send("2", {7: new.seq, 16: new.seq})
    client.ping()
    assert [as_sent(m) for m in client.possible_duplicates] == [as_sent(fill), as_sent(new)]


# -- heartbeats ----------------------------------------------------------------------------------------------


def test_test_request_is_answered_with_its_id(client: RawClient) -> None:
    client.send("1", {112: "are you there"})
    assert client.wait_type("0")[112] == "are you there"


def test_silent_client_is_asked_then_dropped_and_may_come_back(client: RawClient) -> None:
    client.log_out()
    client.log_on(heart_bt_int=1)
    started = time.monotonic()
    client.send = lambda *_, **__: b""  # type: ignore[method-assign]
    messages = client.wait_closed(timeout_s=6)
    del client.send
    assert 1.5 < time.monotonic() - started < 5
    assert "1" in {m.type for m in messages}
    client.next_out = max(client.sent) + 1
    client.log_on()
    client.ping()


def test_heartbeats_go_on_beside_a_client_that_saturates_the_engine(
    clients: Callable[[str], RawClient], client: RawClient, market: Market
) -> None:
    quiet = clients("CLIENT2")
    quiet.reset()
    quiet.log_out()
    quiet.log_on(heart_bt_int=1)
    stop = threading.Event()
    sent = itertools.count()

    def saturate() -> None:
        while not stop.is_set():
            client.send_raw(
                b"".join(
                    client.stage("D", client.order_body(market.symbol, "12"[n % 2], 1)) for n in range(50)
                )
            )
            client.log.clear()
            next(sent)
            while not stop.is_set() and len(client.inbox) < 50:
                client.receive(0.01)
            client.inbox.clear()

    load = threading.Thread(target=saturate)
    load.start()
    try:
        gaps, last = [], time.monotonic()
        beats = 0
        sent_at = last
        while last - sent_at < 4:
            message = quiet.receive(0.5)
            now = time.monotonic()
            if now - sent_at > beats + 0.9:
                quiet.send("0")
                beats += 1
            if message is not None:
                gaps.append(now - last)
                last = now
            assert now - last < 3, "no heartbeat for 3 s"
    finally:
        stop.set()
        load.join()
    assert next(sent) > 20
    assert len(gaps) >= 2
    assert max(gaps) < 2.5
    quiet.ping()
    client.inbox.clear()


# -- the engine ends -----------------------------------------------------------------------------------------


def test_killed_engine_comes_back_with_its_numbers_and_all_it_had_said(
    alone: EngineProcess, alone_client: RawClient
) -> None:
    client = alone_client
    alone.start()
    client.log_on()
    market = learn(client, SYMBOL)
    order = client.order(SYMBOL, "1", 300, market.at(1))
    client.replace(order, SYMBOL, "1", 400, market.at(-10))
    client.order(SYMBOL, "1", 300_000)
    client.send("D", client.order_body(SYMBOL, "1", 100, None, t38=None))
    client.cancel("NEVER-SENT", SYMBOL, "1")
    client.status(order, SYMBOL, "1")
    told = client.take_all(8)
    client.ping()
    before = {m.seq: as_sent(m) for m in everything_again(client) if m.type != "4"}
    assert {m.seq for m in told} <= before.keys()
    alone.kill()
    client.drop()
    alone.start()

    logon = client.log_on()
    assert logon.seq == client.next_in - 1
    client.ping()
    assert not client.inbox
    assert not [m for m in client.admin[-2:] if m.type == "2"], "nothing was missing"
    after = {m.seq: as_sent(m) for m in everything_again(client) if m.type != "4"}
    assert after == before
    assert {m.seq: as_sent(m) for m in told}.items() <= after.items()
    client.status(order, SYMBOL, "1")
    report = client.take()
    assert values(report, (150, 39, 38, 14, 151)) == ("I", "1", "400", "200", "200")
    assert report[17] not in {m.get(17) for m in told}


def test_reports_in_a_resend_keep_their_sending_time_over_a_restart(
    alone: EngineProcess, alone_client: RawClient
) -> None:
    """Also those that the session layer writes: a time that moves makes two reports of one."""
    client = alone_client
    alone.start()
    client.log_on()
    for _ in range(150):
        client.send("B", [(148, "headline"), (33, 1), (58, "line")])
        client.ping()
    told = {m.seq: as_sent(m) for m in client.take_all(150)}
    alone.kill()
    client.drop()
    alone.start()
    client.log_on()
    after = {m.seq: as_sent(m) for m in everything_again(client) if m.type != "4"}
    assert after == told


def test_report_that_was_decided_but_not_read_is_delivered_after_a_kill(
    alone: EngineProcess, alone_client: RawClient
) -> None:
    client = alone_client
    alone.start()
    client.log_on()
    orders = [client.order(SYMBOL, "1", 1) for _ in range(20)]
    deadline = time.monotonic() + 10
    while alone.status()["counts"].get("fills", 0) < 20:
        assert time.monotonic() < deadline
    alone.kill()
    client.drop()
    alone.start()
    client.log_on()
    reports = client.take_all(40)
    assert all(m.poss_dup for m in reports)
    assert Counter((m[11], m[150]) for m in reports) == Counter(itertools.product(orders, "0F"))
    client.nothing_more()
    assert alone.status()["counts"]["fills"] == 20


def test_order_that_a_killed_engine_had_not_read_is_asked_for_again(
    alone: EngineProcess, alone_client: RawClient
) -> None:
    client = alone_client
    alone.start()
    client.log_on()
    client.ping()
    alone.signal(signal.SIGSTOP)
    time.sleep(0.05)
    orders = [client.order(SYMBOL, "1", 1) for _ in range(5)]
    alone.kill()
    client.drop()
    alone.start()
    client.log_on()
    reports = client.take_all(10)
    assert Counter((m[11], m[150]) for m in reports) == Counter(itertools.product(orders, "0F"))
    client.nothing_more()
    assert client.admin[-3].type == "2" or any(m.type == "2" for m in client.admin)
    assert alone.status()["counts"] == {"orders": 5, "fills": 5}


def test_killed_at_any_moment_of_traffic_nothing_is_lost_or_done_twice(
    alone: EngineProcess, alone_client: RawClient
) -> None:
    """Four kills at moments drawn from a seed; the client sends on in between and believes what it reads."""
    draw = random.Random(20261122)
    client = alone_client
    sent: list[str] = []
    reports: list[Message] = []
    for _ in range(4):
        alone.start()
        client.log_on()
        kill_at = time.monotonic() + draw.uniform(0.02, 0.12)
        try:
            while time.monotonic() < kill_at:
                for _ in range(draw.randint(1, 10)):
                    sent.append(client.order(SYMBOL, "12"[len(sent) % 2], 1))
                client.receive(0.002)
        except Closed:
            raise AssertionError(alone.log()) from None
        alone.kill()
        with_what_came = iter(lambda: client.receive(0.2), None)
        try:
            for _ in with_what_came:
                pass
        except Closed:
            pass
        client.drop()
    alone.start()
    client.log_on()
    while len(reports) < 2 * len(sent):
        reports.append(client.take())
    client.nothing_more()
    assert Counter((m[11], m[150]) for m in reports) == Counter(itertools.product(sent, "0F"))
    assert len({m[17] for m in reports}) == len(reports)
    assert alone.status()["counts"] == {"orders": len(sent), "fills": len(sent)}
    told = {m.seq: as_sent(m) for m in reports}
    assert {m.seq: as_sent(m) for m in everything_again(client) if m.type != "4"} == told


def test_resting_order_can_be_traded_and_canceled_after_a_kill(
    alone: EngineProcess, alone_client: RawClient
) -> None:
    client = alone_client
    alone.start()
    client.log_on()
    market = learn(client, SYMBOL)
    order = client.order(SYMBOL, "2", 100, market.middle)
    client.take_all(1)
    alone.kill()
    client.drop()
    alone.start()
    client.log_on()
    client.order(SYMBOL, "1", 30, market.middle)
    assert sorted(client.seen(3, 54, 150, 151)) == [("1", "0", "30"), ("1", "F", "0"), ("2", "F", "70")]
    client.cancel(order, SYMBOL, "2")
    assert client.seen(2, 150, 14, 151) == [("6", "30", "70"), ("4", "30", "0")]


def test_numbers_that_only_administrative_messages_moved_survive_a_kill(
    alone: EngineProcess, alone_client: RawClient
) -> None:
    client = alone_client
    alone.start()
    client.log_on()
    for _ in range(5):
        client.ping()
    alone.kill()
    client.drop()
    alone.start()
    client.log_on()
    client.ping()
    assert not [m for m in client.admin if m.type == "2"], "the engine had lost count"
    assert [m.type for m in everything_again(client)] == ["4"]


@pytest.mark.parametrize("body", [{38: "many"}, {11: None}], ids=["wrong format", "required tag missing"])
def test_number_of_a_rejected_message_is_counted_over_a_kill(
    alone: EngineProcess, alone_client: RawClient, body: dict[int, object]
) -> None:
    client = alone_client
    alone.start()
    client.log_on()
    client.send("D", {**client.order_body(SYMBOL, "1", 1), **body})
    client.wait_type("3")
    client.ping()
    alone.kill()
    client.drop()
    alone.start()
    client.log_on()
    client.ping()
    assert not [m for m in client.admin if m.type == "2"], "the engine had lost count"


def test_reset_of_the_numbers_survives_a_kill(alone: EngineProcess, alone_client: RawClient) -> None:
    client = alone_client
    alone.start()
    client.log_on()
    client.order(SYMBOL, "1", 1)
    client.take_all(2)
    client.log_out()
    client.reset()
    order = client.order(SYMBOL, "1", 1)
    told = client.take_all(2)
    alone.kill()
    client.drop()
    alone.start()
    client.log_on()
    client.ping()
    assert not [m for m in client.admin if m.type == "2"]
    again = [m for m in everything_again(client) if m.type != "4"]
    assert [as_sent(m) for m in again] == [as_sent(m) for m in told]
    assert {m[11] for m in again} == {order}


def test_durability_of_the_level_machine_serves_and_survives_as_well(
    alone: EngineProcess, alone_client: RawClient
) -> None:
    alone.config.write_text(alone.config.read_text().replace('"process"', '"machine"'))
    client = alone_client
    alone.start()
    client.log_on()
    orders = [client.order(SYMBOL, "12"[n % 2], 1) for n in range(50)]
    told = client.take_all(100)
    assert Counter((m[11], m[150]) for m in told) == Counter(itertools.product(orders, "0F"))
    alone.kill()
    client.drop()
    alone.start()
    client.log_on()
    client.nothing_more()
    assert [as_sent(m) for m in everything_again(client) if m.type != "4"] == [as_sent(m) for m in told]


# -- the engine is stopped -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_stopped_engine_logs_out_and_goes_on_from_its_snapshot(
    alone: EngineProcess, alone_client: RawClient, number: signal.Signals
) -> None:
    client = alone_client
    alone.start()
    client.log_on()
    market = learn(client, SYMBOL)
    order = client.order(SYMBOL, "1", 100, market.at(-10))
    client.take_all(1)
    before = {m.seq: as_sent(m) for m in everything_again(client) if m.type != "4"}
    counts = alone.status()["counts"]
    alone.signal(number)
    logout = client.wait_type("5")
    assert logout[58]
    assert client.wait_closed() == []
    assert alone.wait() == 0, alone.log()

    alone.start()
    status = alone.status()
    assert status["recovered_from_snapshot"] > 0
    assert status["recovered_records"] < 20
    assert (status["counts"], status["open_orders"]) == (counts, 1)
    client.log_on()
    client.ping()
    assert not [m for m in client.admin if m.type == "2"]
    after = {m.seq: as_sent(m) for m in everything_again(client) if m.type != "4"}
    assert after == before
    client.cancel(order, SYMBOL, "1")
    assert client.seen(2, 150) == [("6",), ("4",)]


def test_stopped_engine_does_not_wait_long_for_a_client_that_does_not_answer(
    alone: EngineProcess, alone_client: RawClient
) -> None:
    alone.start()
    alone_client.log_on()
    started = time.monotonic()
    assert alone.stop() == 0, alone.log()
    assert time.monotonic() - started < 6


def test_snapshot_taken_in_the_day_and_the_rest_of_the_journal_give_the_same(
    tmp_path: object, alone: EngineProcess, alone_client: RawClient
) -> None:
    text = alone.config.read_text()
    alone.config.write_text(text.replace("[engine]", "[engine]\nsnapshot_every = 50"))
    client = alone_client
    alone.start()
    client.log_on()
    market = learn(client, SYMBOL)
    resting = client.order(SYMBOL, "1", 100, market.at(-10))
    client.take_all(1)
    for _ in range(30):
        client.order(SYMBOL, "12"[_ % 2], 1)
        client.take_all(2)
    before = {m.seq: as_sent(m) for m in everything_again(client) if m.type != "4"}
    counts = alone.status()["counts"]
    alone.kill()
    client.drop()
    alone.start()
    status = alone.status()
    assert status["recovered_from_snapshot"] > 0
    assert status["recovered_records"] > 0
    assert status["counts"] == counts
    client.log_on()
    after = {m.seq: as_sent(m) for m in everything_again(client) if m.type != "4"}
    assert after == before
    client.cancel(resting, SYMBOL, "1")
    assert client.seen(2, 150) == [("6",), ("4",)]


def test_number_of_an_early_resend_request_does_not_hold_up_what_came_after_it(
    client: RawClient, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both sides missed something. QuickFIX answers a ResendRequest that comes behind a gap, but does not count it."""
    client.ping()
    missed = client.next_out
    monkeypatch.setattr(
        client, "resend", lambda begin, end: None
    )  # answered below, up to the early request only
    client.stage("0")
    client.send("2", {7: 1, 16: 0})
    order = client.order(market.symbol, "1", 1)
    asked = client.wait_type("2")
    assert int(asked[7]) == missed
    monkeypatch.undo()
    client.fill_gap(missed, missed + 1)
    # The engine makes the client say something, instead of waiting for its next heartbeat.
    assert client.wait(lambda m: m.type == "1" and m.get(112) == "gap", 5.0)
    client.fill_gap(missed + 1, missed + 2)
    assert [m for m in client.seen(2, 11, 150) if m[1] == "0"] == [(order, "0")]
