"""Background liquidity and prices: seeded, repeatable, never in the way of a resting order."""

from pathlib import Path

import pytest

from oms.core.types import SCALE, Side, format_scaled
from oms.fix.wire import fields
from oms.sim.broker import Broker
from oms.sim.exchange import Exchange
from oms.sim.instruments import SimInstrument, load_instruments
from oms.sim.prices import ReferencePrices, first_prices
from tests.sim.broker_kit import NOW_NS, ask

CONFIG = Path(__file__).resolve().parents[2] / "config"


@pytest.fixture(scope="module")
def instruments() -> list[SimInstrument]:
    return load_instruments(CONFIG / "instruments.csv", CONFIG / "tick_rules.toml")


def order(cl_ord_id: str, symbol: str, side: str, shares: int, px: int, tif: str = "0") -> dict[str, str]:
    return {
        "35": "D",
        "11": cl_ord_id,
        "55": symbol,
        "54": side,
        "38": str(shares),
        "40": "2",
        "44": format_scaled(px),
        "59": tif,
    }


def day(seed: int, instruments: list[SimInstrument]) -> list[str]:
    """Everything a venue says on a short day."""
    broker = Broker(Exchange(instruments, seed=seed))
    said: list[str] = []
    for n in range(200):
        instrument = instruments[n % 20]
        px = broker.exchange.prices.px[instrument.symbol]
        side = Side.BUY if n % 3 else Side.SELL
        away = (n % 7 - 3) * (1 if side == Side.BUY else -1)
        shares = 100 * (1 + n % 11)
        said += broker.handle(
            order(f"A{n}", instrument.symbol, side, shares, instrument.move(px, away)), NOW_NS + n
        )
        broker.exchange.step(NOW_NS + n)
        said += broker.take()
        said += broker.take_prices(1)
    return said


def test_same_seed_same_day(instruments: list[SimInstrument]) -> None:
    assert day(7, instruments) == day(7, instruments)
    assert day(7, instruments) != day(8, instruments)


def test_first_prices_are_on_ticks_and_known_without_asking(instruments: list[SimInstrument]) -> None:
    prices = first_prices(3, instruments)
    assert all(i.on_tick(prices[i.symbol]) for i in instruments)
    assert Exchange(instruments, seed=3).prices.px == prices


def test_prices_do_not_depend_on_the_other_instruments(instruments: list[SimInstrument]) -> None:
    few = first_prices(3, instruments[10:12])
    assert few.items() <= first_prices(3, instruments).items()


def test_walk_stays_near_and_on_ticks(instruments: list[SimInstrument]) -> None:
    instrument = next(i for i in instruments if i.symbol == "AAPL")
    prices = ReferencePrices([instrument], 1)
    first = prices.px["AAPL"]
    for _ in range(20_000):
        px = prices.step("AAPL")
        assert instrument.on_tick(px)
        assert abs(px - first) * 100 < first * 4


def test_quotes_stand_on_ticks_on_both_sides(instruments: list[SimInstrument]) -> None:
    broker = Broker(Exchange(instruments, seed=3))
    for instrument in instruments[::50]:
        book = broker.exchange.market(instrument.symbol).book
        book.check()
        bids, asks = book.depth(Side.BUY, 9), book.depth(Side.SELL, 9)
        assert len(bids) == len(asks) == 5
        assert bids[0][0] < broker.exchange.prices.px[instrument.symbol] < asks[0][0]
        for price, qty in bids + asks:
            assert instrument.on_tick(price)
            assert qty % instrument.lot_size == 0


def test_marketable_limit_fills_in_parts_and_its_rest_is_left_alone(instruments: list[SimInstrument]) -> None:
    """An order that takes the whole ladder up to its limit rests: new quotes stay behind it."""
    broker = Broker(Exchange(instruments, seed=3))
    px = broker.exchange.prices.px["AAPL"]
    tick = broker.exchange.instruments["AAPL"].move(px, 2)
    reports = ask(broker, order("A", "AAPL", Side.BUY, 50_000, tick))
    assert [r["150"] for r in reports] == ["0", "F", "F"]
    assert reports[-1]["39"] == "1"
    book = broker.exchange.market("AAPL").book
    best_bid, best_ask = book.best(Side.BUY), book.best(Side.SELL)
    assert best_bid is not None
    assert best_ask is not None
    assert (best_bid.id, best_bid.price) == ("O1", tick)
    assert best_ask.price > tick


def test_a_passive_order_is_filled_when_the_price_moves_through_it(instruments: list[SimInstrument]) -> None:
    broker = Broker(Exchange(instruments, seed=3))
    px = broker.exchange.prices.px["AAPL"]
    instrument = broker.exchange.instruments["AAPL"]
    ask(broker, order("A", "AAPL", Side.BUY, 100, instrument.move(px, -1)))
    ask(broker, order("B", "AAPL", Side.SELL, 100, instrument.move(px, 1)))
    filled: dict[str, dict[str, str]] = {}
    for _ in range(200):
        broker.exchange.move_price("AAPL", NOW_NS)
        for report in map(fields, broker.take()):
            assert report["150"] == "F"
            filled[report["11"]] = report
        broker.exchange.market("AAPL").book.check()
    assert {i: r["39"] for i, r in filled.items()} == {"A": "2", "B": "2"}
    assert filled["A"]["31"] == format_scaled(instrument.move(px, -1)), "at the resting order's price"


def test_quotes_come_back_after_they_were_taken(instruments: list[SimInstrument]) -> None:
    broker = Broker(Exchange(instruments, seed=3))
    px = broker.exchange.prices.px["AAPL"]
    far = broker.exchange.instruments["AAPL"].move(px, 5)
    for n in range(20):
        reports = ask(broker, order(f"A{n}", "AAPL", Side.BUY, 50_000, far, "3"))
        assert len(reports) == 7, "new, five executions, the rest canceled"


def test_prices_are_published_once_however_often_they_moved(instruments: list[SimInstrument]) -> None:
    broker = Broker(Exchange(instruments[:3], seed=3))
    for _ in range(5):
        broker.exchange.move_price(instruments[1].symbol, NOW_NS)
    broker.exchange.move_price(instruments[0].symbol, NOW_NS)
    first = [fields(text) for text in broker.take_prices(1)]
    assert [(m["35"], m["55"], m["269"]) for m in first] == [("W", instruments[1].symbol, "2")]
    assert first[0]["270"] == format_scaled(broker.exchange.prices.px[instruments[1].symbol])
    assert [fields(text)["55"] for text in broker.take_prices(9)] == [instruments[0].symbol]
    assert broker.take_prices(9) == []
    broker.feed.all_due()
    assert len(broker.feed.moved) == 3


def test_lots_of_a_hundred(instruments: list[SimInstrument]) -> None:
    tokyo = next(i for i in instruments if i.lot_size == 100 * SCALE)
    broker = Broker(Exchange([tokyo], seed=3))
    [report] = ask(broker, order("A", tokyo.symbol, Side.BUY, 50, broker.exchange.prices.px[tokyo.symbol]))
    assert (report["150"], report["103"]) == ("8", "13")
