"""Brokers of FIX 4.2 and 5.0 SP2: what they say is valid there, and means the same."""

import pytest

from oms.core.types import SCALE, OrdType, Side, TimeInForce
from oms.fix.wire import fields
from oms.sim import interventions as on
from oms.sim.broker import Broker
from oms.sim.dialect import read, writer
from oms.sim.exchange import CONTINUOUS, Exchange
from oms.sim.market import CLOSING, OPENING
from oms.sim.profile import BrokerProfile
from tests.sim.broker_kit import NOW_NS, Fields, X, cancel, new, replace, status
from tests.support.dictionaries import faults, refused

BUY, SELL = Side.BUY, Side.SELL
VERSIONS = ("FIX.4.2", "FIX.4.4", "FIX.5.0SP2")
EVERYTHING = {
    "ord_types": ("1", "2", "3", "4"),
    "times_in_force": ("0", "1", "2", "3", "4", "6", "7"),
    "terms": ("max_floor", "min_qty"),
    "pending_new": True,
    "pending_cancel": True,
    "pending_replace": True,
    "final_fill": "calculated",
    "drop_copy": "COPY",
}


def market_data_request(md_req_id: str, **more: str) -> str:
    found = {"35": "V", "262": md_req_id, "263": "1", "264": "0", "265": "1", **more}
    head = "".join(f"{tag}={value}\x01" for tag, value in found.items())
    return head + "267=5\x01269=0\x01269=1\x01269=2\x01269=4\x01269=5\x01146=1\x0155=X\x01"


def everything(version: str, **profile: object) -> tuple[list[str], Broker]:
    """All kinds of things that a broker says, in the words of its version."""
    made = Broker(
        Exchange([X], liquidity_levels=0),
        BrokerProfile(version=version, **(EVERYTHING | profile)),  # type: ignore[arg-type]
        id_prefix="P-",
    )
    made.exchange.set_price("X", 100 * SCALE, NOW_NS)
    said: list[str] = []

    def ask(*messages: Fields) -> None:
        for message in messages:
            said.extend(made.handle(message, NOW_NS))

    said += made.handle({"35": "V"}, NOW_NS, market_data_request("M1"))
    ask(
        new("A", BUY, 10, 100, **{"1": "ACC"}),
        replace("A2", "A", 12, 101),
        status("A2"),
        new("S", SELL, 5, 101),
        new("I", SELL, 50, 120, TimeInForce.GTC, **{"111": "20"}),
        new("W", BUY, 5, **{"40": OrdType.STOP, "99": "110"}),
        new("C", SELL, 5, 130, TimeInForce.AT_CLOSE),
        new("M", BUY, 7, time_in_force=TimeInForce.IOC),
        new("M2", BUY, 60, 120, **{"110": "60"}),
        cancel("X1", "never"),
        cancel("X2", "S", SELL),
        cancel("A3", "A2"),
        new("A", BUY, 1, 100),
        new("bad", BUY, 1, 100, **{"55": "Y"}),
        new("G", SELL, 5, 140, TimeInForce.GTD, **{"432": "20231114"}),
        status("never"),
        {"35": "q", "34": "7"},
    )
    order = made.order("I")
    assert order is not None
    on.execute_share(made, order, 30, NOW_NS)
    on.correct_last(made, order, 50, 1, NOW_NS)
    on.bust_last(made, order, True, NOW_NS)
    on.suspend(made, order, NOW_NS)
    on.go_on(made, order, NOW_NS)
    on.restate(made, order, 50, 5, NOW_NS)
    made.exchange.set_price("X", 111 * SCALE, NOW_NS)
    made.exchange.halt("X", NOW_NS)
    made.exchange.resume("X", NOW_NS)
    assert made.market_data is not None
    for phase in (OPENING, CONTINUOUS, CLOSING):
        said += made.market_data.updates(["X"])
        made.exchange.set_phase(phase, NOW_NS)
    said += made.market_data.updates(["X"])
    said += made.handle({"35": "V"}, NOW_NS, market_data_request("M2", **{"265": "0"}))
    said += made.handle({"35": "V"}, NOW_NS, market_data_request("M2"))
    said += made.handle({"35": "V"}, NOW_NS, market_data_request("M3").replace("55=X", "55=Y"))
    made.exchange.end_day(NOW_NS)
    made.feed.all_due()
    said += made.take() + made.take_prices(5)
    write = writer(version, made.profile)
    texts = [*said, *made.copies]
    return [text if write is None else write(text, NOW_NS) for text in texts], made


@pytest.mark.parametrize("version", VERSIONS)
def test_all_that_is_said_is_valid(version: str) -> None:
    said, _ = everything(version)
    kinds = {text.split("\x01")[0] for text in said}
    assert kinds == {"35=8", "35=9", "35=j", "35=W", "35=X", "35=Y"}
    for text in said:
        assert faults(version, text) == [], text
        if text[3] in "89j":
            assert refused(version, text) == "", text


def reports(version: str, **profile: object) -> list[Fields]:
    return [fields(text) for text in everything(version, **profile)[0] if text.startswith("35=8")]


def test_in_4_2_executions_are_partial_fills_and_fills() -> None:
    found = reports("FIX.4.2")
    fills = [r for r in found if r["150"] in "12" and r["20"] == "0"]
    assert fills
    assert all((r["150"] == "2") == (r["39"] in "2B") for r in fills if r["39"] != "B")
    assert {r["20"] for r in found} == {"0", "1", "2", "3"}
    assert all(r["150"] == r["39"] for r in found if r["20"] == "3")


@pytest.mark.parametrize(
    ("version", "style", "busts"),
    [
        ("FIX.4.2", "version", [("2", "1"), ("1", "1")]),
        ("FIX.4.2", "exec_type", [("0", "G"), ("0", "H")]),
        ("FIX.4.4", "version", [(None, "G"), (None, "H")]),
        ("FIX.4.4", "exec_trans_type", [("2", "1"), ("1", "1")]),
        ("FIX.5.0SP2", "exec_trans_type", [("2", "1"), ("1", "1")]),
        ("FIX.5.0SP2", "exec_type", [(None, "G"), (None, "H")]),
    ],
)
def test_bust_style(version: str, style: str, busts: list[tuple[str | None, str]]) -> None:
    found = [r for r in reports(version, bust_style=style) if "19" in r]
    half = found[: len(found) // 2]  # The other half are copies.
    assert [(r.get("20"), r["150"]) for r in half] == busts


def test_in_4_2_a_replaced_order_is_replaced_until_it_trades() -> None:
    """*Source:* FIX 4.2, OrdStatus replaced."""
    found = [r for r in reports("FIX.4.2") if r["11"] == "A2"]
    assert [(r["20"], r["150"], r["39"]) for r in found[:4]] == [
        ("0", "E", "E"),
        ("0", "5", "5"),
        ("3", "5", "5"),
        ("0", "1", "1"),
    ]


def test_triggered_has_a_word_of_its_own_in_5_0_only() -> None:
    kinds = {}
    for version in VERSIONS:
        kinds[version] = [r["150"] for r in reports(version) if r["11"] == "W"][2]
    assert kinds == {"FIX.4.2": "D", "FIX.4.4": "D", "FIX.5.0SP2": "L"}


def test_the_close_in_4_2() -> None:
    message = {"35": "D", "40": "B", "44": "10"}
    assert read("FIX.4.2", message) == {"35": "D", "40": "2", "44": "10", "59": "7"}
    assert read("FIX.4.2", {"35": "D", "40": "5"}) == {"35": "D", "40": "1", "59": "7"}
    assert read("FIX.4.2", {"35": "D", "40": "2"}) == {"35": "D", "40": "2"}
    report = next(r for r in reports("FIX.4.2") if r["11"] == "C")
    assert (report["40"], report.get("59")) == ("B", None)


def test_a_copy_says_that_it_is_one() -> None:
    said, made = everything("FIX.4.4")
    originals = [t for t in said if t.startswith("35=8") and "797=Y" not in t and "150=I" not in t]
    assert [t.replace("797=Y\x01", "") for t in made.copies] == originals
