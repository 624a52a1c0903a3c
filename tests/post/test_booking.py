"""Double entry: what is booked when, and that it sums to zero after every step."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from oms.core import risk
from oms.core.types import SCALE, Side, format_notional, format_scaled
from oms.post import booking, store
from oms.post.booking import UNALLOCATED, Balance, money
from oms.post.runner import Runner
from tests.post.day import Day, random_day


def _books(runner: Runner) -> dict[tuple[str, str], tuple[str, str]]:
    """(owner, account) -> (quantity, money), without those that are nothing."""
    return {
        (b.owner, b.account): (format_scaled(b.qty), format_notional(b.money))
        for b in booking.balances(runner.engine)
        if b.qty or b.money
    }


def test_a_fill_is_booked_at_once_and_moved_by_the_allocation(day: Day, runner: Runner) -> None:
    order = day.order("BLOCK1", qty=100)
    day.fill(order, 60, "10")
    runner.catch_up()
    assert _books(runner) == {
        (UNALLOCATED, "position"): ("60", "600"),
        (UNALLOCATED, "broker:SIM"): ("-60", "-600"),
    }
    day.fill(order, 40, "10")
    runner.catch_up()
    assert _books(runner) == {
        ("FUND-A", "position"): ("50", "500"),
        ("FUND-A", "broker:SIM"): ("-50", "-500"),  # payable
        ("FUND-B", "position"): ("30", "300"),
        ("FUND-B", "broker:SIM"): ("-30", "-300"),
        ("FUND-C", "position"): ("20", "200"),
        ("FUND-C", "broker:SIM"): ("-20", "-200"),
    }
    assert booking.trial_balance(runner.engine).is_ok


def test_a_sale_is_a_receivable_and_a_short_position(day: Day, runner: Runner) -> None:
    order = day.order("ACC-ALPHA", "VOD.L", side=Side.SELL, qty=100)
    day.fill(order, 100, "75.5")
    runner.catch_up()
    assert _books(runner) == {
        ("ACC-ALPHA", "position"): ("-100", "-75.5"),
        ("ACC-ALPHA", "broker:SIM"): ("100", "75.5"),
    }


def test_positions_of_one_account(day: Day, runner: Runner) -> None:
    for side, qty, px in ((Side.BUY, 100, "10"), (Side.SELL, 30, "12")):
        day.fill(day.order("ACC-ALPHA", side=side, qty=qty), qty, px)
    day.fill(day.order("ACC-BETA", qty=5), 5, "10")
    runner.catch_up()
    assert booking.positions(runner.engine, "ACC-ALPHA") == [
        Balance("ACC-ALPHA", "position", "IBM", "USD", 70 * SCALE, 640 * SCALE**2)
    ]
    assert [b.owner for b in booking.positions(runner.engine)] == ["ACC-ALPHA", "ACC-BETA"]


@pytest.mark.parametrize(
    ("px", "qty", "price_unit", "worth"),
    [
        (10_025_000_000, 300 * SCALE, SCALE, "30075"),
        (7_550_000_000, 1000 * SCALE, SCALE // 100, "755"),
        (1, SCALE, SCALE // 100, "0.0000000001"),
        (1, 1, SCALE, "0.0000000000000001"),
        (1, 1, SCALE // 100, "0"),  # finer than 1e-16: cut
    ],
)
def test_money(px: int, qty: int, price_unit: int, worth: str) -> None:
    assert format_notional(money(px, qty, price_unit)) == worth


@given(st.integers(0, 10**14), st.integers(0, 10**14), st.sampled_from([SCALE, SCALE // 100, SCALE // 1000]))
def test_money_is_what_the_risk_controls_take_it_for(px: int, qty: int, price_unit: int) -> None:
    assert money(px, qty, price_unit) == risk.money(px, qty, price_unit)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 12))
def test_the_books_sum_to_zero_after_every_step(seed: int, orders: int, batch: int) -> None:
    with tempfile.TemporaryDirectory() as directory, Day(Path(directory) / "journal") as day:
        day.define()
        random_day(day, seed, orders)
        with Runner(day.directory, Path(directory) / "post.db", batch=batch) as runner:
            while runner.run_once():
                proof = booking.trial_balance(runner.engine)
                assert proof.is_ok, proof
            owners: dict[str, list[int]] = {}
            for balance in booking.balances(runner.engine):
                sums = owners.setdefault(balance.owner, [0, 0])
                sums[0] += balance.qty
                sums[1] += balance.money
            assert not any(sum(map(abs, sums)) for sums in owners.values()), "each owner balances on its own"
            assert booking.positions(runner.engine, UNALLOCATED) == []


# -- the proof finds what is wrong ---------------------------------------------------------------------------


def test_the_trial_balance_finds_a_changed_amount(day: Day, runner: Runner) -> None:
    day.fill(day.order(qty=100), 100, "10")
    runner.catch_up()
    table = store.posting
    with runner.engine.begin() as connection:
        seq = connection.execute(select(table.c.seq)).scalars().first()
        change = update(table).where(table.c.seq == seq, table.c.line == 0).values(money=999 * SCALE**2)
        connection.execute(change)
    proof = booking.trial_balance(runner.engine)
    assert not proof.is_ok
    assert proof.currencies == {"USD": -(SCALE**2)}
    assert proof.unbalanced_seqs == (seq,)
    assert not proof.balances_agree


def test_the_trial_balance_finds_a_balance_that_nothing_was_posted_to(day: Day, runner: Runner) -> None:
    runner.catch_up()
    row = {"owner": "A", "account": "position", "symbol": "IBM", "currency": "USD", "qty": 1, "money": 0}
    with runner.engine.begin() as connection:
        connection.execute(insert(store.balance), [row])
    proof = booking.trial_balance(runner.engine)
    assert not proof.is_ok
    assert not proof.balances_agree
    assert not any(proof.securities.values())


def test_the_trial_balance_finds_a_fill_that_no_block_has(day: Day, runner: Runner) -> None:
    day.fill(day.order(qty=100), 60, "10")
    runner.catch_up()
    with runner.engine.begin() as connection:
        connection.execute(update(store.fill).values(last_px=11 * SCALE))
    proof = booking.trial_balance(runner.engine)
    assert not proof.is_ok
    assert not proof.blocks_agree


def test_the_trial_balance_finds_a_block_that_was_not_booked(day: Day, runner: Runner) -> None:
    day.fill(day.order(qty=100), 60, "10")
    runner.catch_up()
    with runner.engine.begin() as connection:
        connection.execute(update(store.block).values(qty=61 * SCALE))
    proof = booking.trial_balance(runner.engine)
    assert not proof.is_ok
    assert not proof.unallocated_agrees
