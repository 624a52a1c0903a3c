"""An order's way through the engine as a client sees it: every report, its order and its fields.

The venue is the paper venue.
"""

import itertools
import time
from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.engine.conftest import Market
from tests.support.engine_process import LOTTED, EngineProcess
from tests.support.raw_client import RawClient, text, values

REPORT = (150, 39, 38, 14, 151)
NEW_100 = ("0", "0", "100", "0", "100")


# -- new orders ----------------------------------------------------------------------------------------------


def test_market_order_is_acknowledged_then_filled_with_every_field(client: RawClient, market: Market) -> None:
    cl_ord_id = client.order(market.symbol, "1", 100)
    new, fill = client.take_all(2)
    assert values(new, REPORT) == NEW_100
    assert values(fill, REPORT) == ("F", "2", "100", "100", "0")
    for report in (new, fill):
        assert report.type == "8"
        assert values(report, (11, 1, 55, 54, 40, 59)) == (cl_ord_id, "MAIN1", market.symbol, "1", "1", "0")
        assert report.get(41) is None
        assert report[60][:8].isdigit()
    price = text(market.at(1))
    assert (new[6], new.get(31), new.get(32)) == ("0", None, None)
    assert (fill[6], fill[31], fill[32]) == (price, price, "100")
    assert new[37] == fill[37]
    assert new[17] != fill[17]
    client.nothing_more()


def test_market_order_walks_the_levels_and_its_remainder_is_canceled(
    client: RawClient, market: Market
) -> None:
    client.order(market.symbol, "2", 700)
    assert client.seen(5, 150, 39, 32, 31, 14, 151, 6) == [
        ("0", "0", None, None, "0", "700", "0"),
        ("F", "1", "200", text(market.at(-1)), "200", "500", text(market.at(-1))),
        ("F", "1", "200", text(market.at(-2)), "400", "300", text((market.at(-1) + market.at(-2)) / 2)),
        ("F", "1", "200", text(market.at(-3)), "600", "100", text(market.at(-2))),
        ("4", "4", None, None, "600", "0", text(market.at(-2))),
    ]
    client.nothing_more()


def test_limit_order_rests_at_its_price(client: RawClient, market: Market) -> None:
    client.order(market.symbol, "1", 100, market.at(-10))
    (new,) = client.take_all(1)
    assert values(new, (*REPORT, 44, 40, 6)) == (*NEW_100, text(market.at(-10)), "2", "0")
    client.nothing_more()


def test_limit_order_fills_what_it_can_and_rests_with_the_remainder(
    client: RawClient, market: Market
) -> None:
    client.order(market.symbol, "1", 300, market.at(1))
    assert client.seen(2, *REPORT, 6) == [
        ("0", "0", "300", "0", "300", "0"),
        ("F", "1", "300", "200", "100", text(market.at(1))),
    ]
    client.nothing_more()


def test_average_price_of_fills_at_two_prices(client: RawClient, market: Market) -> None:
    client.order(market.symbol, "1", 300, market.at(2))
    last = client.take_all(3)[-1]
    expected = (200 * market.at(1) + 100 * market.at(2)) / 300
    assert abs(Decimal(last[6]) - expected) <= Decimal("0.00000001")
    assert values(last, REPORT) == ("F", "2", "300", "300", "0")


def test_ioc_fills_what_it_can_and_cancels_the_rest(client: RawClient, market: Market) -> None:
    cl_ord_id = client.order(market.symbol, "1", 300, market.at(1), t59="3")
    assert client.seen(3, *REPORT, 59, 11, 41) == [
        ("0", "0", "300", "0", "300", "3", cl_ord_id, None),
        ("F", "1", "300", "200", "100", "3", cl_ord_id, None),
        ("4", "4", "300", "200", "0", "3", cl_ord_id, None),
    ]
    client.nothing_more()


def test_ioc_that_meets_nobody_is_canceled(client: RawClient, market: Market) -> None:
    client.order(market.symbol, "1", 100, market.at(0), t59="3")
    assert client.seen(2, *REPORT) == [NEW_100, ("4", "4", "100", "0", "0")]


def test_fok_fills_whole(client: RawClient, market: Market) -> None:
    client.order(market.symbol, "1", 200, market.at(1), t59="4")
    assert client.seen(2, *REPORT) == [("0", "0", "200", "0", "200"), ("F", "2", "200", "200", "0")]


def test_fok_that_cannot_fill_whole_is_canceled_without_a_trade(client: RawClient, market: Market) -> None:
    client.order(market.symbol, "1", 201, market.at(1), t59="4")
    assert client.seen(2, *REPORT) == [("0", "0", "201", "0", "201"), ("4", "4", "201", "0", "0")]
    client.nothing_more()


# -- cancel and replace --------------------------------------------------------------------------------------


def test_cancel_is_pending_then_done_under_its_own_cl_ord_id(client: RawClient, market: Market) -> None:
    order = client.order(market.symbol, "1", 100, market.at(-10))
    (new,) = client.take_all(1)
    cancel = client.cancel(order, market.symbol, "1")
    pending, done = client.take_all(2)
    assert values(pending, (*REPORT, 11, 41)) == ("6", "6", "100", "0", "100", cancel, order)
    assert values(done, (*REPORT, 11, 41)) == ("4", "4", "100", "0", "0", cancel, order)
    for report in (pending, done):
        assert values(report, (37, 1, 55, 54, 40, 44)) == values(new, (37, 1, 55, 54, 40, 44))
    client.nothing_more()


def test_cancel_of_a_part_filled_order_keeps_what_was_executed(client: RawClient, market: Market) -> None:
    order = client.order(market.symbol, "1", 300, market.at(1))
    client.take_all(2)
    client.cancel(order, market.symbol, "1")
    price = text(market.at(1))
    assert client.seen(2, *REPORT, 6) == [
        ("6", "6", "300", "200", "100", price),
        ("4", "4", "300", "200", "0", price),
    ]


def test_replace_up_then_down_is_pending_with_the_old_terms_and_done_with_the_new(
    client: RawClient, market: Market
) -> None:
    first = client.order(market.symbol, "1", 100, market.at(-10))
    (new,) = client.take_all(1)
    was, then = text(market.at(-10)), text(market.at(-9))
    tags = (*REPORT, 44, 11, 41, 37)
    second = client.replace(first, market.symbol, "1", 150, market.at(-9))
    assert client.seen(2, *tags) == [
        ("E", "E", "100", "0", "100", was, second, first, new[37]),
        ("5", "0", "150", "0", "150", then, second, first, new[37]),
    ]
    third = client.replace(second, market.symbol, "1", 50, market.at(-9))
    assert client.seen(2, *tags) == [
        ("E", "E", "150", "0", "150", then, third, second, new[37]),
        ("5", "0", "50", "0", "50", then, third, second, new[37]),
    ]
    client.cancel(third, market.symbol, "1")
    assert client.seen(2, 150, 41) == [("6", third), ("4", third)]
    client.nothing_more()


def test_two_replaces_in_one_segment_are_both_done(client: RawClient, market: Market) -> None:
    first = client.order(market.symbol, "1", 100, market.at(-10))
    client.take_all(1)
    second, third = client.new_id(), client.new_id()
    terms = [(second, first, 150), (third, second, 50)]
    client.send_raw(
        b"".join(
            client.stage(
                "G", {**client.order_body(market.symbol, "1", qty, market.at(-9)), 11: mine, 41: orig}
            )
            for mine, orig, qty in terms
        )
    )
    reports = client.take_all(4)
    assert sorted((m[11], m[150]) for m in reports) == sorted(
        [(second, "E"), (second, "5"), (third, "E"), (third, "5")]
    )
    assert values(reports[-1], (*REPORT, 11, 41)) == ("5", "0", "50", "0", "50", third, second)


def test_replace_that_crosses_trades_under_the_new_cl_ord_id(client: RawClient, market: Market) -> None:
    first = client.order(market.symbol, "1", 100, market.at(-10))
    client.take_all(1)
    second = client.replace(first, market.symbol, "1", 100, market.at(1))
    assert client.seen(3, *REPORT, 11) == [
        ("E", "E", "100", "0", "100", second),
        ("5", "0", "100", "0", "100", second),
        ("F", "2", "100", "100", "0", second),
    ]


# -- refused requests ----------------------------------------------------------------------------------------

REFUSAL = (39, 434, 102)


@pytest.mark.parametrize(("request_name", "response_to"), [("cancel", "1"), ("replace", "2")])
def test_request_for_an_unknown_order_is_refused(
    client: RawClient, market: Market, request_name: str, response_to: str
) -> None:
    terms = () if request_name == "cancel" else (100, market.at(-10))
    request = getattr(client, request_name)("NEVER-SENT", market.symbol, "1", *terms)
    refusal = client.take()
    assert refusal.type == "9"
    assert values(refusal, (37, 11, 41, *REFUSAL)) == ("NONE", request, "NEVER-SENT", "8", response_to, "1")
    assert refusal[58].startswith("unknown_order")


def test_cancel_of_a_filled_order_is_too_late(client: RawClient, market: Market) -> None:
    order = client.order(market.symbol, "1", 100)
    fill = client.take_all(2)[1]
    request = client.cancel(order, market.symbol, "1")
    refusal = client.take()
    assert values(refusal, (35, 37, 11, 41, *REFUSAL)) == ("9", fill[37], request, order, "2", "1", "0")


def test_cancel_of_a_canceled_order_is_too_late(client: RawClient, market: Market) -> None:
    order = client.order(market.symbol, "1", 100, market.at(-10))
    first = client.cancel(order, market.symbol, "1")
    client.take_all(3)
    client.cancel(order, market.symbol, "1")
    client.replace(first, market.symbol, "1", 50, market.at(-10))
    assert client.seen(2, *REFUSAL) == [("4", "1", "0"), ("4", "2", "0")]


def test_replace_of_a_filled_order_is_refused_by_the_venue(client: RawClient, market: Market) -> None:
    order = client.order(market.symbol, "1", 100, market.at(1))
    client.take_all(2)
    client.replace(order, market.symbol, "1", 100, market.at(-10))
    last = client.take()
    if last.type == "8":
        assert last[150] == "E"
        last = client.take()
    assert values(last, (35, *REFUSAL)) == ("9", "2", "2", "0")


def test_request_under_a_used_cl_ord_id_is_refused_and_the_order_lives(
    client: RawClient, market: Market
) -> None:
    order = client.order(market.symbol, "1", 100, market.at(-10))
    client.take_all(1)
    client.cancel(order, market.symbol, "1", t11=order)
    client.replace(order, market.symbol, "1", 50, market.at(-10), t11=order)
    assert client.seen(2, 35, 11, 41, *REFUSAL) == [
        ("9", order, order, "0", "1", "6"),
        ("9", order, order, "0", "2", "6"),
    ]
    client.status(order, market.symbol, "1")
    assert client.seen(1, *REPORT) == [("I", "0", "100", "0", "100")]


def test_request_that_names_another_symbol_or_side_is_refused(client: RawClient, market: Market) -> None:
    order = client.order(market.symbol, "1", 100, market.at(-10))
    client.take_all(1)
    client.cancel(order, LOTTED, "1")
    client.cancel(order, market.symbol, "2")
    assert client.seen(2, *REFUSAL) == [("0", "1", "99"), ("0", "1", "99")]


def test_replace_is_measured_by_the_controls_and_the_order_lives(client: RawClient, market: Market) -> None:
    order = client.order(market.symbol, "1", 100, market.at(-10))
    client.take_all(1)
    client.replace(order, market.symbol, "1", 300_000, market.at(-10))
    refusal = client.take()
    assert values(refusal, REFUSAL) == ("0", "2", "99")
    assert refusal[58].startswith("max_order_qty")
    client.cancel(order, market.symbol, "1")
    assert client.seen(2, 150, 38) == [("6", "100"), ("4", "100")]


# -- status --------------------------------------------------------------------------------------------------


def test_status_of_a_live_order_repeats_how_it_stands(client: RawClient, market: Market) -> None:
    order = client.order(market.symbol, "1", 300, market.at(1))
    new = client.take_all(2)[0]
    client.status(order, market.symbol, "1", t790="REQ-1")
    report = client.take()
    assert values(report, (*REPORT, 6, 11, 790)) == (
        "I",
        "1",
        "300",
        "200",
        "100",
        text(market.at(1)),
        order,
        "REQ-1",
    )
    assert report[37] == new[37]
    assert report[17] != new[17]


def test_status_after_a_replace_answers_with_the_last_cl_ord_id(client: RawClient, market: Market) -> None:
    first = client.order(market.symbol, "1", 100, market.at(-10))
    second = client.replace(first, market.symbol, "1", 50, market.at(-10))
    client.take_all(3)
    client.status(first, market.symbol, "1")
    assert client.seen(1, *REPORT, 11) == [("I", "0", "50", "0", "50", second)]


def test_status_of_a_canceled_order(client: RawClient, market: Market) -> None:
    order = client.order(market.symbol, "1", 100, market.at(-10))
    client.cancel(order, market.symbol, "1")
    client.take_all(3)
    client.status(order, market.symbol, "1")
    assert client.seen(1, *REPORT) == [("I", "4", "100", "0", "0")]


def test_status_of_an_unknown_order_is_rejected_with_zeros(client: RawClient, market: Market) -> None:
    client.status("NEVER-SENT", market.symbol, "1")
    assert client.seen(1, 35, 11, 37, 150, 39, 14, 151, 6, 103) == [
        ("8", "NEVER-SENT", "NONE", "I", "8", "0", "0", "0", "5")
    ]


# -- denials -------------------------------------------------------------------------------------------------


def denied(
    client: RawClient, symbol: str, name: str, reason: str, *, side: str = "1", **order: object
) -> None:
    """Send an order and see it refused by the control `name`, and nothing more."""
    cl_ord_id = client.order(symbol, side, order.pop("qty", 100), order.pop("price", None), **order)
    report = client.take()
    assert values(report, (150, 39, 11, 14, 151, 103)) == (
        "8",
        "8",
        order.get("t11", cl_ord_id),
        "0",
        "0",
        reason,
    ), report
    assert report[58].startswith(f"{name}: "), report[58]
    client.nothing_more()


def test_unknown_account(client: RawClient, market: Market) -> None:
    denied(client, market.symbol, "unknown_account", "15", t1="NOBODY")


def test_account_of_another_client(client: RawClient, market: Market) -> None:
    denied(client, market.symbol, "account_not_permitted", "15", t1="MAIN2")


def test_unknown_symbol(client: RawClient) -> None:
    denied(client, "NO.SUCH", "unknown_symbol", "1")


@pytest.mark.parametrize(
    ("order", "control"),
    [
        ({"side": "5"}, "unsupported_order"),
        ({"t59": "2"}, "venue_lacks"),
        ({"t18": "6"}, "venue_lacks"),
    ],
    ids=["sell short", "at the opening, which the paper venue lacks", "an instruction that it lacks"],
)
def test_kinds_of_orders_that_are_not_worked(
    client: RawClient, market: Market, order: dict[str, object], control: str
) -> None:
    denied(client, market.symbol, control, "11", price=market.at(-1), **order)


def test_quantity_off_the_lot(client: RawClient) -> None:
    denied(client, LOTTED, "lot_size", "13", qty=150)


def test_quantity_of_a_fraction(client: RawClient, market: Market) -> None:
    denied(client, market.symbol, "lot_size", "13", qty="0.5")


def test_price_off_the_tick(client: RawClient, market: Market) -> None:
    denied(client, market.symbol, "tick_size", "99", price=market.middle + Decimal("0.005"))


def test_more_than_the_greatest_quantity(client: RawClient, market: Market) -> None:
    denied(client, market.symbol, "max_order_qty", "3", qty=200_001)


def test_more_than_the_greatest_value(client: RawClient, market: Market) -> None:
    qty = int(1_000_000 / market.at(-1)) + 1
    denied(client, market.symbol, "max_order_notional", "3", qty=qty, price=market.at(-1))


def test_price_through_the_collar_and_at_it(client: RawClient, market: Market) -> None:
    edge = market.middle * Decimal("1.1")
    denied(
        client, market.symbol, "price_collar", "99", price=edge.quantize(Decimal("0.01")) + Decimal("0.01")
    )
    denied(
        client,
        market.symbol,
        "price_collar",
        "99",
        side="2",
        price=market.middle * Decimal("0.9") - Decimal("0.01"),
    )
    client.order(market.symbol, "1", 1, edge.quantize(Decimal("0.01")))
    assert client.seen(2, 150) == [("0",), ("F",)]


def test_more_than_the_buying_power(client: RawClient, market: Market) -> None:
    denied(client, market.symbol, "buying_power", "3", qty=200, price=market.at(-1), t1="POOR")


def test_buying_power_is_held_by_open_orders_and_given_back_by_a_cancel(
    client: RawClient, market: Market
) -> None:
    price = Decimal(10)  # 60 of them cost 600 of the 1000
    order = client.order(market.symbol, "1", 60, price, t1="POOR")
    client.take_all(1)
    denied(client, market.symbol, "buying_power", "3", qty=60, price=price, t1="POOR")
    client.cancel(order, market.symbol, "1")
    client.take_all(2)
    order = client.order(market.symbol, "1", 60, price, t1="POOR")
    assert client.seen(1, 150) == [("0",)]
    client.cancel(order, market.symbol, "1")
    client.take_all(2)


@pytest.mark.parametrize("side", ["1", "2"])
def test_beyond_the_position_limit(client: RawClient, market: Market, side: str) -> None:
    denied(client, market.symbol, "position_limit", "3", side=side, qty=51, t1="NARROW")


def test_halted_symbol_is_denied_until_it_is_resumed_and_cancels_pass(
    engine: EngineProcess, client: RawClient, market: Market
) -> None:
    order = client.order(market.symbol, "1", 100, market.at(-10))
    client.take_all(1)
    switch = {"scope": "symbol", "value": market.symbol, "who": "jane", "why": "news"}
    assert engine.ask({"do": "halt", **switch})["ok"]
    denied(client, market.symbol, "trading_halted", "99")
    client.cancel(order, market.symbol, "1")
    assert client.seen(2, 150) == [("6",), ("4",)]
    assert engine.ask({"do": "resume", **switch})["ok"]
    client.order(market.symbol, "1", 1)
    assert client.seen(2, 150) == [("0",), ("F",)]


@pytest.mark.parametrize("why", ["Störung €", "two\nlines", "news\x0139=2\x0132=100", "news\x01", "\ud800"])
def test_reason_of_a_halt_may_hold_any_character(
    engine: EngineProcess, client: RawClient, market: Market, why: str
) -> None:
    """It is written by a person and ends in Text(58): it must stay there, and the message must stay whole."""
    switch = {"scope": "symbol", "value": market.symbol, "who": "jane", "why": why}
    if not engine.ask({"do": "halt", **switch})["ok"]:
        return
    client.order(market.symbol, "1", 100)
    report = client.take()
    assert values(report, (150, 39, 32)) == ("8", "8", None)
    assert len(report.pairs) == len({tag for tag, _ in report.pairs})
    assert report[58].startswith("trading_halted: ")
    client.nothing_more()
    assert engine.ask({"do": "resume", **switch})["ok"]


def test_cl_ord_id_of_a_denied_order_cannot_be_used_again(client: RawClient, market: Market) -> None:
    denied(client, market.symbol, "max_order_qty", "3", qty=200_001, t11="DENIED-ONCE")
    denied(client, market.symbol, "duplicate_cl_ord_id", "6", t11="DENIED-ONCE")


def test_duplicate_of_a_live_order_is_refused_with_the_first_orders_terms(
    client: RawClient, market: Market
) -> None:
    """FIX order state matrix F.1.a: the reject describes the first order, which lives."""
    order = client.order(market.symbol, "1", 300, market.at(1))
    new = client.take_all(2)[0]
    client.order(market.symbol, "1", 500, market.at(1), t11=order)
    refusal = client.take()
    assert values(refusal, (150, 103, 11)) == ("8", "6", order)
    assert refusal[58].startswith("duplicate_cl_ord_id")
    client.status(order, market.symbol, "1")
    assert client.seen(1, *REPORT, 37) == [("I", "1", "300", "200", "100", new[37])]
    assert values(refusal, (39, 38, 14, 151)) == ("1", "300", "200", "100")


def test_possible_resend_of_a_known_order_is_answered_with_its_status(
    client: RawClient, market: Market
) -> None:
    """FIX order state matrix F.1.b: PossResend(97) asks whether the order has arrived; it is no duplicate."""
    body = client.order_body(market.symbol, "1", 100, market.at(-10))
    client.send("D", body)
    new = client.take()
    client.send("D", body, header={97: "Y"})
    answer = client.take()
    assert values(answer, (*REPORT, 11, 37)) == ("I", "0", "100", "0", "100", body[11], new[37])


def test_possible_resend_of_a_new_order_is_a_new_order(client: RawClient, market: Market) -> None:
    client.send("D", client.order_body(market.symbol, "1", 100, market.at(-10)), header={97: "Y"})
    assert client.seen(1, *REPORT) == [NEW_100]


# -- two clients ---------------------------------------------------------------------------------------------


def test_two_clients_trade_and_each_sees_its_own_reports(
    client: RawClient, other: RawClient, market: Market
) -> None:
    sell = client.order(market.symbol, "2", 100, market.middle)
    assert client.seen(1, *REPORT) == [NEW_100]
    buy = other.order(market.symbol, "1", 100, market.middle)
    mine, theirs = client.take_all(1), other.take_all(2)
    price = text(market.middle)
    assert [values(m, (*REPORT, 11, 54, 1, 31)) for m in mine] == [
        ("F", "2", "100", "100", "0", sell, "2", "MAIN1", price)
    ]
    assert [values(m, (*REPORT, 11, 54, 1, 31)) for m in theirs] == [
        (*NEW_100, buy, "1", "MAIN2", None),
        ("F", "2", "100", "100", "0", buy, "1", "MAIN2", price),
    ]
    client.nothing_more()
    other.nothing_more()


def test_two_clients_may_use_the_same_cl_ord_id(client: RawClient, other: RawClient, market: Market) -> None:
    for who in (client, other):
        who.order(market.symbol, "1", 100, market.at(-10), t11="SAME")
    first, second = client.take(), other.take()
    assert (first[11], first[150], second[11], second[150]) == ("SAME", "0", "SAME", "0")
    assert first[37] != second[37]
    client.cancel("SAME", market.symbol, "1")
    assert client.seen(2, 150, 37) == [("6", first[37]), ("4", first[37])]
    other.nothing_more()


def test_order_of_another_client_can_be_neither_canceled_nor_seen(
    client: RawClient, other: RawClient, market: Market
) -> None:
    order = client.order(market.symbol, "1", 100, market.at(-10))
    client.take_all(1)
    other.cancel(order, market.symbol, "1")
    other.replace(order, market.symbol, "1", 1, market.at(-10))
    other.status(order, market.symbol, "1")
    assert other.seen(3, 35, 39, 37) == [("9", "8", "NONE"), ("9", "8", "NONE"), ("8", "8", "NONE")]
    client.nothing_more()
    client.status(order, market.symbol, "1")
    assert client.seen(1, *REPORT) == [("I", "0", "100", "0", "100")]


# -- how messages arrive -------------------------------------------------------------------------------------


def test_order_in_the_segment_of_the_logon_is_served(
    clients: Callable[[str], RawClient], client: RawClient, market: Market
) -> None:
    client.log_out()
    again = clients("CLIENT1").connect()
    logon = again.stage("A", again.logon_body(more={141: "Y"}))
    orders = b"".join(again.stage("D", again.order_body(market.symbol, "1", 1)) for _ in range(20))
    again.send_raw(logon + orders)
    assert sorted(again.seen(40, 150)) == [("0",)] * 20 + [("F",)] * 20
    again.nothing_more()


def test_logon_and_order_in_single_bytes(
    clients: Callable[[str], RawClient], client: RawClient, market: Market
) -> None:
    client.log_out()
    again = clients("CLIENT1").connect()
    logon = again.stage("A", again.logon_body(more={141: "Y"}))
    order = again.stage("D", again.order_body(market.symbol, "1", 100))
    for byte in logon + order:
        again.send_raw(bytes([byte]))
        time.sleep(0.0005)
    again.log.clear()
    assert again.seen(2, *REPORT) == [NEW_100, ("F", "2", "100", "100", "0")]


def test_message_in_two_segments_waits_for_its_second_half(client: RawClient, market: Market) -> None:
    raw = client.stage("D", client.order_body(market.symbol, "1", 100))
    client.send_raw(raw[:60])
    time.sleep(0.1)
    client.send_raw(raw[60:])
    assert client.seen(2, *REPORT) == [NEW_100, ("F", "2", "100", "100", "0")]


def test_many_orders_in_one_segment_are_all_answered_in_order(client: RawClient, market: Market) -> None:
    bodies = [client.order_body(market.symbol, "12"[n % 2], 1) for n in range(400)]
    client.send_raw(b"".join(client.stage("D", body) for body in bodies))
    reports = client.take_all(800)
    for exec_type in "0F":
        assert [m[11] for m in reports if m[150] == exec_type] == [body[11] for body in bodies]
    for _, story in itertools.groupby(sorted(reports, key=lambda m: m[11]), key=lambda m: m[11]):
        assert [m[150] for m in story] == ["0", "F"]
    assert len({m[17] for m in reports}) == 800
    assert len({m[37] for m in reports}) == 400
    client.nothing_more()
