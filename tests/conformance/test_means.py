"""What a run is played with: that it fits what is allowed, or is not played."""

from decimal import Decimal
from pathlib import Path

import pytest

from oms.conformance.means import BUY, SELL, Asked, Means, able, asked, beyond, used_up
from oms.conformance.settings import USUAL, ClientSession, Limits, Target, VenueSession
from oms.conformance.transcript import Run, parse_text, runs


def run_of(*lines: str) -> Run:
    text = "\n".join(("# A title", "# Source: none", *lines))
    return runs(parse_text(text, Path("fix44/T.1.txt")))[0]


def client(**limits: tuple[str, str]) -> ClientSession:
    """A session with these accounts, by position limit and buying power."""
    of = {name: Limits(Decimal(qty), Decimal(money)) for name, (qty, money) in limits.items()}
    return ClientSession({"SenderCompID": "C"}, tuple(of), USUAL, of)


VENUE = VenueSession({"SenderCompID": "V"}, ("IBM",))
DAY = "t1 I 35=D 11=X 38=10000"


# -- what it asks for ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([DAY], Asked(Decimal(10000), (Decimal(50),), False)),
        ([f"{DAY} 44=130"], Asked(Decimal(10000), (Decimal(130),), False)),
        (["t1 ! phone P 38=500 44=20"], Asked(Decimal(500), (Decimal(20),), False)),
        (
            [DAY, "t1 S 35=D 11=v(X)", "t2 I 35=G 11=Y 41=X 38=12000 44=51"],
            Asked(Decimal(12000), (Decimal(50), Decimal(51)), False),
        ),
        ([f"{DAY} 40=4 99=55 44=56"], Asked(Decimal(10000), (Decimal(50), Decimal(56)), True)),
        (["t1 I 35=D 11=X 152=500000 44=25"], Asked(Decimal(0), (Decimal(25),), False)),
    ],
)
def test_the_most_that_a_run_asks_for(lines: list[str], found: Asked) -> None:
    assert asked(run_of(*lines), "50") == found


def test_the_market_is_where_no_limit_is_beyond_it() -> None:
    most = Asked(Decimal(1), (Decimal(50), Decimal(51)), False)
    assert (most.price(BUY), most.price(SELL)) == ("51", "50")
    assert Asked(Decimal(1), (Decimal(50), Decimal(56)), True).price(BUY) == "50", "it is to wait"


# -- what is not sent ----------------------------------------------------------------------------------------

SIMPLE = VenueSession(
    {"SenderCompID": "V"}, ("IBM",), {"40": frozenset("12"), "59": frozenset("03"), "18": frozenset("6")}
)

BEYOND = (
    # the order's terms   why it does not go there
    ("",                  ""),
    ("40=1 59=3 18=6",    ""),
    ("40=3 99=55",        "V is not sent OrdType 3"),
    ("59=1",              "V is not sent TimeInForce 1"),
    ('18="6 Z"',          "V is not sent ExecInst Z"),
    ("38=20001",          "an order of 20001 is more than the limit 20000"),
    ("44=101",            "an order worth 1010000 is more than the limit 1000000"),
)  # fmt: skip


@pytest.mark.parametrize(("terms", "why"), BEYOND)
def test_what_an_oms_may_not_send(terms: str, why: str) -> None:
    target = Target(Path(), (), (SIMPLE,), max_order_qty=Decimal(20000), max_order_worth=Decimal(1_000_000))
    order = DAY.replace("38=10000 ", "").removesuffix("38=10000") if "38=" in terms else DAY
    assert beyond(run_of(f"{order} {terms}"), SIMPLE, target) == why


def test_a_replace_asks_for_no_more_than_it_says() -> None:
    lines = [f"{DAY} 59=3", "t1 S 35=D 11=v(X)", "t2 I 35=G 11=Y 41=X 38=100"]
    venue = VenueSession({"SenderCompID": "V"}, ("IBM",), {"59": frozenset("3")})
    assert beyond(run_of(*lines), venue, Target(Path(), (), (venue,))) == ""


def test_an_oms_without_limits_takes_everything() -> None:
    assert beyond(run_of(f"{DAY} 59=1 40=3 99=55 18=Z"), VENUE, Target(Path(), (), (VENUE,))) == ""


# -- whose turn it is ----------------------------------------------------------------------------------------

MOST = Asked(Decimal(100), (Decimal(50),), False)


def test_what_was_bought_is_sold_before_more_is() -> None:
    means, of = Means(0), client(A=("150", "100000"))
    sides = []
    for _ in range(4):
        choice = means.choose(MOST, of, VENUE)
        assert choice is not None
        sides.append(choice.side)
        means.book(choice, Decimal(100), Decimal(5000))
    assert sides == [BUY, SELL, BUY, SELL]


def test_nothing_is_sold_short() -> None:
    means, of = Means(0), client(A=("150", "100000"))
    choice = means.choose(MOST, of, VENUE)
    assert choice is not None
    means.book(choice, Decimal(40), Decimal(2000))
    again = means.choose(MOST, of, VENUE)
    assert again is not None
    assert again.side == BUY


def test_a_run_with_a_stop_price_buys() -> None:
    means, of = Means(0), client(A=("1000", "100000"))
    for _ in range(2):
        choice = means.choose(Asked(Decimal(100), (Decimal(50), Decimal(56)), True), of, VENUE)
        assert choice is not None
        assert choice.side == BUY
        means.book(choice, Decimal(100), Decimal(5600))


@pytest.mark.parametrize("small", [("99", "100000"), ("1000", "4999")])
def test_an_account_with_too_little_is_passed_over(small: tuple[str, str]) -> None:
    of = client(SMALL=small, LARGE=("1000", "100000"))
    chosen = [Means(turn).choose(MOST, of, VENUE) for turn in range(4)]
    assert [choice.account for choice in chosen if choice is not None] == ["LARGE"] * 4
    assert able(of, MOST)
    alone = client(SMALL=small)
    assert Means(0).choose(MOST, alone, VENUE) is None
    assert not able(alone, MOST)


def test_accounts_and_instruments_are_taken_in_turn() -> None:
    means, of = Means(0), client(A=("1000", "100000"), B=("1000", "100000"))
    venue = VenueSession({"SenderCompID": "V"}, ("IBM", "KO", "PG"))
    chosen = [means.choose(MOST, of, venue) for _ in range(6)]
    assert len({(choice.account, choice.symbol) for choice in chosen if choice is not None}) == 6


@pytest.mark.parametrize(
    ("text", "so"), [("position_limit: 100 IBM would", True), ("price_collar: price 1", False), ("", False)]
)
def test_a_refusal_that_is_about_what_is_left(text: str, so: bool) -> None:
    assert used_up(text) is so
