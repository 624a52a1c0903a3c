"""The journal's schema: the bytes of every event type, as they will be read for years."""

import types
import typing
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms.core import events as ev
from oms.core.types import ListMember, Px, Qty, Terms
from tests.core.examples import EXAMPLES, TERMS

GOLDEN = {
    "EngineStarted":           "950101a3302e3104a165",
    "InstrumentDefined":       "9c0201a153a4584e5953a3555344a149a16e05929200069207080902a163",
    "AccountDefined":          "970301a141a16e92a173a1749192a3555344cf7fffffffffffffff05",
    "FirmDefined":             "970401059292a35553440692a34742500708a1769192a4584c4f4ea177",
    "AllocationGroupDefined":  "940501a1419292a1420592a14306",
    "MessageIn":               "950a01a17305aa33353d440131313d4101",
    "MessageOut":              "960b01a1730506a533353d3801",
    "SessionMoved":            "950c01a1730506",
    "SessionReset":            "930d01a173",
    "CommandTaken":            "940e01a574696d6572a27b7d",
    "SessionLoggedOn":         "930f01a173",
    "SessionLoggedOut":        "931001a173",
    "ReferencePriceChanged":   "951101a153fba176",
    "TradingHalted":           "961201a76163636f756e74a141a177a179",
    "TradingResumed":          "961301a76163636f756e74a141a177a179",
    "OrderReceived":           "9f140102a173a163a141a153a13105a13206a13007dc001405a33120470607a154a144f8a132a170a3302e319197a153a13205a172a14ffa07a13109a131a130a133a134a13509a53136383d78a16c",
    "OrderDenied":             "dc0010150102a173a163a141a153a13105a13206a130a17207a174a16c",
    "OrderAccepted":           "94160102a14e",
    "OrderRejected":           "9517010205a174",
    "OrderFilled":             "9818cf18ea64683115dd150201a178cf7fffffffffffffffd3800000000000000106",
    "CancelRequested":         "97190102a173a163a16fa0",
    "ReplaceRequested":        "9a1a0102a173a163a16f050607dc001405a00000a0a000a0a0a090a000a0a0a0a0a000a0",
    "RequestDenied":           "9a1b0102a173a163a16fa13105a172a174",
    "RequestRejected":         "981c0102a163a16fa13205a174",
    "OrderCanceled":           "961d0102a163a174a138",
    "OrderReplaced":           "941e0102a163",
    "OrderExpired":            "941f0102a174",
    "OrderDoneForDay":         "94200102a174",
    "StatusRequested":         "98210102a173a163a169a153a131",
    "OrderRouted":             "9e28010203a176a1630506a131a172a166a164dc001400a00000a0a000a132a0a090a000a0a0a0a0a000a0a133",
    "RouteAccepted":           "9529010203a156",
    "RouteRejected":           "962a01020305a174",
    "CancelRouted":            "982b010203a163a16fa172a16d",
    "ReplaceRouted":           "992c010203a163a16fa1720506",
    "RouteCanceled":           "962d010203a163a174",
    "RouteReplaced":           "962e010203a163a156",
    "RouteRequestRejected":    "972f010203a16305a174",
    "RouteExpired":            "9730010203c3a174a178",
    "StatusAsked":             "9531010203a163",
    "ReportQuestioned":        "97320102a173a172a178a174",
    "ExecutionBusted":         "9a33010203a178a179050607a174",
    "ExecutionCorrected":      "9c34010203a178a1790506070809a174",
    "OrderRestated":           "9c35010203a135060708a174a1780a05",
    "OrderStopped":            "98360102030506a174a178",
    "OrderSuspended":          "9637010203a174a178",
    "OrderTriggered":          "9638010203a174a178",
    "OrderCalculated":         "9739010203a174a178c3",
    "RequestQueued":           "9b3a0102a173a163a16fa1320506dc001400a1470000a0a000a0a0a090a000a0a0a0a0a000a0c3",
    "DayEnded":                "953b01a177a4584e595305",
    "ProfileDefined":          "dc00103c01a173c3a6737461747573a47061737391a2313592a23437a1379292a131a14892a132a0a3646179a56f72646572a772657374617465a57472616465a673696c656e74a56c6f676f6ec3",
    "TradeUnknown":            "9b3d01a176a156a178a144a153a1310506a174",
    "VenueDefined":            "993e01a17692a131a13291a13092a773746f705f7078a76d696e5f717479a46c65677391a14791a135",
    "MassCancelRequested":     "993f01a173a163a131a153a132ffa174",
    "MassStatusRequested":     "97400102a173a16d05c3",
    "OrderHeld":               "96410102a176a172a166",
    "ListReceived":            "974601a173a16c05a132929a05a163a141a153a13106a13207a130dc001405a33120470607a154a144f8a132a170a3302e319197a153a13205a172a14ffa07a13109a131a130a133a134a13509a53136383d789a06a164a141a153a13207a13100a130c0",
    "ListDenied":              "9a4701a173a16c06a17405010292a163a164",
    "ListRequestDenied":       "9a4801a173a16c05a17406020391a163",
    "ListExecuted":            "944901a173a16c",
    "ListCanceled":            "944a01a173a16c",
    "ListStatusDue":           "964b01a173a16ca132a174",
    "ListStatusReported":      "9c4c01a173a16ca131a133a1740905040203",
    "ListWorked":              "974d01a173a16c0501a174",
    "LegFilled":               "9b5001020304a153a132a178050607",
    "LegBusted":               "9b5101020304a178a179050607a174",
    "LegCorrected":            "9d5201020304a178a1790506070809a174",
    "MassCancelRejected":      "965a0102a16d05a174",
    "CalendarDefined":         "975f01a4584e595302039293040506950708090a0ba173",
    "DayStarted":              "946001a4584e595305",
    "OrderEmulated":           "98610102a17692a769636562657267a9676f6f645f74696c6ca164a172a166",
    "OrderWaits":              "95620102ab6d61726b65743a584e5953a174",
    "StopPxMoved":             "9463010205",
    "RoutingDefined":          "976401a1779194a16ea1769192a2757092a174a1759193a474696d6505069192a16c92a153a1549192a153079192a14d919208f7",
    "DestinationDefined":      "976901a164a176a77265726f757465a165dc001400a00000a0a000a132a0a090a000a0a0a0a0a000a0",
    "StrategyDefined":         "9a6a01a173a4747761709292a1640592a16506a46465736b0708090a",
    "OrderPlanned":            "966b0102a173a172a166",
    "OrderWorked":             "986c01020592a6726174653a76a6646f776e3a770607a174",
    "VenueRateDefined":        "956d01a1760506",
    "BookChanged":             "967101a153a176c39293a130050693a1320708",
    "ReconcileDefined":        "947201a176c3",
    "StatusAnswered":          "9773010203a163a13005",
    "AskingStopped":           "947401a17605",
}  # fmt: skip
"""Never change a line. Where a field is appended, its line moves to FORMERLY and the new bytes stand here."""

FORMERLY: tuple[tuple[str, ev.Event], ...] = (
    (
        "9d140102a173a163a141a153a13105a13206a13007",
        ev.OrderReceived(1, 2, "s", "c", "A", "S", "1", Qty(5), "2", Px(6), "0", Px(7)),
    ),
    (
        "9f150102a173a163a141a153a13105a13206a130a17207a174",
        ev.OrderDenied(1, 2, "s", "c", "A", "S", "1", Qty(5), "2", Px(6), "0", "r", 7, "t"),
    ),
    ("93160102", ev.OrderAccepted(1, 2)),
    ("991a0102a173a163a16f050607", ev.ReplaceRequested(1, 2, "s", "c", "o", Qty(5), Px(6), Px(7))),
    ("951d0102a163a174", ev.OrderCanceled(1, 2, "c", "t")),
    ("9630010203c3a174", ev.RouteExpired(1, 2, 3, True, "t")),
    (
        "9b0201a153a4584e5953a3555344a149a16e05929200069207080902",
        ev.InstrumentDefined(
            1, "S", "XNYS", "USD", "I", "n", Qty(5), ((Px(0), Px(6)), (Px(7), Px(8))), Px(9), 2
        ),
    ),
    ("94410102a176", ev.OrderHeld(1, 2, "v")),
    ("9828010203a176a1630506", ev.OrderRouted(1, 2, 3, "v", "c", Qty(5), Px(6))),
    ("9928010203a176a1630506a131", ev.OrderRouted(1, 2, 3, "v", "c", Qty(5), Px(6), "1")),
    (
        "9e28010203a176a1630506a131a172a166a1649a00a00000a0a000a132a0a0a133",
        ev.OrderRouted(
            1, 2, 3, "v", "c", Qty(5), Px(6), "1", "r", "f", "d", Terms(target_strategy="2"), "3"
        ),
    ),
    (
        "976901a164a176a77265726f757465a1659a00a00000a0a000a132a0a0",
        ev.DestinationDefined(1, "d", "v", "reroute", "e", Terms(target_strategy="2")),
    ),
    (
        "976901a164a176a77265726f757465a1659c00a00000a0a000a132a0a090a0",
        ev.DestinationDefined(1, "d", "v", "reroute", "e", Terms(target_strategy="2")),
    ),
    (
        "9e140102a173a163a141a153a13105a13206a130079a05a33120470607a154a144f8a132a170a3302e31",
        ev.OrderReceived(
            1, 2, "s", "c", "A", "S", "1", Qty(5), "2", Px(6), "0", Px(7),
            Terms(Px(5), "1 G", Qty(6), Qty(7), "T", "D", Px(-8), "2", "p", "0.1"),
        ),
    ),
    (
        "9a1a0102a173a163a16f0506079a05a00000a0a000a0a0a0",
        ev.ReplaceRequested(1, 2, "s", "c", "o", Qty(5), Px(6), Px(7), Terms(Px(5))),
    ),
    (
        "9a3a0102a173a163a16fa13205069a00a1470000a0a000a0a0a0",
        ev.RequestQueued(1, 2, "s", "c", "o", "2", Qty(5), Px(6), Terms(exec_inst="G")),
    ),
    ("96190102a173a163a16f", ev.CancelRequested(1, 2, "s", "c", "o")),
    ("972b010203a163a16fa172", ev.CancelRouted(1, 2, 3, "c", "o", "r")),
    ("9639010203a174a178", ev.OrderCalculated(1, 2, 3, "t", "x")),
    (
        "9a35010203a135060708a174a178",
        ev.OrderRestated(1, 2, 3, "5", Qty(6), Px(7), Qty(8), "t", "x"),
    ),
    (
        "993c01a173c3a6737461747573a47061737391a2313592a23437a1379292a131a14892a132a0",
        ev.ProfileDefined(
            1, "s", True, "status", "pass", ("15",), ("47", "7"), (("1", "H"), ("2", ""))
        ),
    ),
    (
        "963e01a17692a131a13291a13092a773746f705f7078a76d696e5f717479",
        ev.VenueDefined(1, "v", ("1", "2"), ("0",), ("stop_px", "min_qty")),
    ),
    ("933b01a177", ev.DayEnded(1, "w")),
    (
        "9f140102a173a163a141a153a13105a13206a130079d05a33120470607a154a144f8a132a170a3302e319197a153a13205a172a14ffa07"
        "a13109a16c",
        ev.OrderReceived(
            1, 2, "s", "c", "A", "S", "1", Qty(5), "2", Px(6), "0", Px(7),
            Terms(Px(5), "1 G", Qty(6), Qty(7), "T", "D", Px(-8), "2", "p", "0.1", TERMS.legs, "1", Qty(9)), "l",
        ),
    ),
    (
        "9a1a0102a173a163a16f0506079d05a00000a0a000a0a0a090a000",
        ev.ReplaceRequested(1, 2, "s", "c", "o", Qty(5), Px(6), Px(7), Terms(Px(5))),
    ),
    (
        "9b3a0102a173a163a16fa13205069d00a1470000a0a000a0a0a090a000c3",
        ev.RequestQueued(1, 2, "s", "c", "o", "2", Qty(5), Px(6), Terms(exec_inst="G"), True),
    ),
    (
        "9e28010203a176a1630506a131a172a166a1649d00a00000a0a000a132a0a090a000a133",
        ev.OrderRouted(
            1, 2, 3, "v", "c", Qty(5), Px(6), "1", "r", "f", "d", Terms(target_strategy="2"), "3"
        ),
    ),
    (
        "976901a164a176a77265726f757465a1659d00a00000a0a000a132a0a090a000",
        ev.DestinationDefined(1, "d", "v", "reroute", "e", Terms(target_strategy="2")),
    ),
    (
        "9f3c01a173c3a6737461747573a47061737391a2313592a23437a1379292a131a14892a132a0a3646179a56f72646572a7726573746174"
        "65a57472616465a673696c656e74a56c6f676f6e",
        ev.ProfileDefined(
            1, "s", True, "status", "pass", ("15",), ("47", "7"), (("1", "H"), ("2", "")),
            "day", "order", "restate", "trade", "silent", "logon",
        ),
    ),
    (
        "973e01a17692a131a13291a13092a773746f705f7078a76d696e5f717479a46c656773",
        ev.VenueDefined(1, "v", ("1", "2"), ("0",), ("stop_px", "min_qty"), "legs"),
    ),
)  # fmt: skip
"""Lines of older versions, with the event that they must still be read as: new fields have defaults."""

PARTS = (Terms, ListMember, ev.RoutingRule)
"""What events are made of beside numbers and words."""

BY_NAME = {type(event).__name__: event for event in EXAMPLES}


def event_classes() -> Iterator[type[ev.Event]]:
    """Every class of the module that has a tag of its own."""
    waiting: list[type[ev.Event]] = [ev.Event]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__ == ev.__name__ and kind not in (ev.Event, ev.OrderEvent):
            yield kind


CLASSES = sorted(event_classes(), key=lambda kind: kind.__struct_config__.tag)


# -- the schema ----------------------------------------------------------------------------------------------


def test_every_event_class_can_be_decoded() -> None:
    assert set(CLASSES) == set(typing.get_args(ev.AnyEvent))


def test_tags_are_unique_numbers() -> None:
    tags = [kind.__struct_config__.tag for kind in CLASSES]
    assert all(isinstance(tag, int) for tag in tags)
    assert len(set(tags)) == len(tags)


def test_every_event_class_has_an_example_and_golden_bytes() -> None:
    assert [type(event) for event in EXAMPLES] == CLASSES
    assert list(GOLDEN) == [kind.__name__ for kind in CLASSES]


def test_examples_differ_in_neighbouring_fields() -> None:
    """Otherwise two fields could change places unnoticed."""
    for event in EXAMPLES:
        values = [getattr(event, name) for name in event.__struct_fields__]
        assert all(a != b or type(a) is not type(b) for a, b in pairwise(values)), event


def leaves(kind: Any) -> Iterator[Any]:
    """The scalar types that a field is made of."""
    kind = getattr(kind, "__supertype__", kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for hint in typing.get_type_hints(kind).values():
            yield from leaves(hint)
        return
    inner = [arg for arg in typing.get_args(kind) if arg is not ...]
    if not inner:
        yield kind
    for arg in inner:
        yield from leaves(arg)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_fields_are_ints_texts_and_flags_never_floats(kind: type[ev.Event]) -> None:
    for name, hint in typing.get_type_hints(kind).items():
        assert set(leaves(hint)) <= {int, str, bool, types.NoneType}, name


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_event_starts_with_its_time_and_an_order_event_goes_on_with_its_order(
    kind: type[ev.Event],
) -> None:
    about_order = issubclass(kind, ev.OrderEvent)
    assert kind.__struct_fields__[: 2 if about_order else 1] == (
        ("at_ns", "order_id") if about_order else ("at_ns",)
    )
    assert ev.order_id_of(BY_NAME[kind.__name__]) == (2 if about_order else 0)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_events_cannot_be_changed(kind: type[ev.Event]) -> None:
    with pytest.raises(AttributeError):
        BY_NAME[kind.__name__].at_ns = 5  # type: ignore[misc]


# -- the bytes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_bytes_are_written(name: str) -> None:
    assert ev.encode(BY_NAME[name]).hex() == GOLDEN[name]


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_bytes_are_read(name: str) -> None:
    assert ev.decode(bytes.fromhex(GOLDEN[name])) == BY_NAME[name]


@pytest.mark.parametrize(("line", "event"), FORMERLY, ids=[type(event).__name__ for _, event in FORMERLY])
def test_bytes_of_older_versions_are_read(line: str, event: ev.Event) -> None:
    assert ev.decode(bytes.fromhex(line)) == event
    assert len(bytes.fromhex(line)) < len(ev.encode(event)), "nothing was appended"


def test_terms_that_are_shorter_or_longer_are_read() -> None:
    """They are part of an event, and grow like one."""
    decoder = msgspec.msgpack.Decoder(Terms)
    assert decoder.decode(b"\x91\x05") == Terms(Px(5))
    whole = msgspec.msgpack.decode(msgspec.msgpack.encode(TERMS))
    assert decoder.decode(msgspec.msgpack.encode([*whole, "new"])) == TERMS


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_appended_field_with_a_default_keeps_old_bytes_readable(kind: type[ev.Event]) -> None:
    old = bytes.fromhex(GOLDEN[kind.__name__])
    tag = kind.__struct_config__.tag
    longer = msgspec.defstruct(
        kind.__name__, [("appended", str, "default")], bases=(kind,), frozen=True, array_like=True, tag=tag
    )
    read = msgspec.msgpack.decode(old, type=longer)
    assert [getattr(read, n) for n in kind.__struct_fields__] == [
        getattr(BY_NAME[kind.__name__], n) for n in kind.__struct_fields__
    ]
    assert read.appended == "default"


@pytest.mark.parametrize("name", GOLDEN)
def test_a_field_of_a_newer_version_is_passed_over(name: str) -> None:
    """An older reader beside a newer engine. More than 15 elements take a longer header."""
    old = bytes.fromhex(GOLDEN[name])
    count, elements = (old[0] - 0x90, old[1:]) if old[0] != 0xDC else (int.from_bytes(old[1:3]), old[3:])
    header = bytes([0x90 + count + 1]) if count < 15 else b"\xdc" + (count + 1).to_bytes(2)
    assert ev.decode(header + elements + msgspec.msgpack.encode("new")) == BY_NAME[name]


DAMAGED = (
    # bytes                     what they are
    ("93630102",               "a tag that is not known"),
    ("92160102"[:4],           "an array that ends early"),
    ("921601",                 "a required field is missing"),
    ("9316a13102",             "text where a number belongs"),
    ("931601cb3ff0000000000000", "a float where a number belongs"),
    ("80",                     "a map"),
    ("",                       "nothing"),
)  # fmt: skip


@pytest.mark.parametrize(("line", "what"), DAMAGED, ids=[what for _, what in DAMAGED])
def test_what_is_no_event_is_refused(line: str, what: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        ev.decode(bytes.fromhex(line))


# -- round trips ---------------------------------------------------------------------------------------------

SCALARS = {int: st.integers(-(2**63), 2**63 - 1), str: st.text(max_size=8), bool: st.booleans()}


def strategy_of(hint: Any) -> st.SearchStrategy[Any]:
    hint = {Px: int, Qty: int}.get(hint, hint)
    if hint in SCALARS:
        return SCALARS[hint]
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return st.builds(hint, **{name: strategy_of(of) for name, of in typing.get_type_hints(hint).items()})
    inner = typing.get_args(hint)
    if type(None) in inner:
        return st.one_of(st.none(), *(strategy_of(arg) for arg in inner if arg is not type(None)))
    if inner[-1] is ...:
        return st.lists(strategy_of(inner[0]), max_size=3).map(tuple)
    return st.tuples(*(strategy_of(arg) for arg in inner))


any_event = st.one_of(
    [
        st.builds(kind, **{name: strategy_of(hint) for name, hint in typing.get_type_hints(kind).items()})
        for kind in CLASSES
    ]
)


@given(any_event)
def test_every_event_comes_back_from_its_bytes(event: ev.Event) -> None:
    assert ev.decode(ev.encode(event)) == event
