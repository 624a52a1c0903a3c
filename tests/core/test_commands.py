"""Commands: each has a decision, and each that is journaled as JSON comes back from it."""

import typing

import msgspec
import pytest

from oms.core import commands as cmd
from oms.core import engine
from oms.core.types import Leg, ListMember, Px, Qty, Terms
from tests.core.examples import MEMBER, TERMS

EXAMPLES: tuple[cmd.Command, ...] = (
    cmd.NewOrder("s", "c", "A", "S", "1", Qty(2**63 - 1), "2", Px(-5), "0", True, TERMS),
    cmd.NewOrder("s", "", "A", "S", "1", Qty(5), "1", Px(0), "0"),
    cmd.CancelOrder("s", "c", "o", "S", "1"),
    cmd.ReplaceOrder("s", "c", "o", "S", "1", Qty(5), "2", Px(6), Terms(stop_px=Px(7)), True),
    cmd.TakeQueued(5),
    cmd.WorkOrder(5),
    cmd.Emulate(5),
    cmd.AskStatus("v", "c"),
    cmd.StopAsking("v"),
    cmd.RequestStatus("s", "c", "S", "1", "i"),
    cmd.VenueReport(
        "v",
        "c",
        "F",
        "1",
        "x",
        "V",
        "o",
        Qty(1),
        Px(2),
        Qty(3),
        Qty(4),
        Px(5),
        6,
        "t",
        7,
        "r",
        "8",
        "N",
        "S",
        "2",
        "3",
        (cmd.LegExecution("r", "S", Px(5), Qty(6)), cmd.LegExecution("", "T", Px(-7))),
    ),
    cmd.VenueLegReport(cmd.VenueReport("v", "c", "F", "1", "x", symbol="S", side="2"), "r", "S"),
    cmd.VenueTrade((cmd.VenueReport("v", "c", "F", "1", "x"), cmd.VenueReport("v", "d", "F", "2", "y"))),
    cmd.VenueCancelReject("v", "c", "o", "0", 1, "t"),
    cmd.VenueRefusal("v", "D", "c", "t"),
    cmd.CancelAll("s", "c", "1", "S", "2"),
    cmd.RequestAllStatus("s", "m", "7", "S", "2"),
    cmd.NewList("s", "l", "3", "1", 2, (MEMBER, MEMBER), "Y", True, "tag 1385"),
    cmd.ExecuteList("s", "l"),
    cmd.CancelList("s", "l"),
    cmd.RequestListStatus("s", "l"),
    cmd.WorkList("s", "l"),
    cmd.DontKnow("s", "e-1", "x", "D", "t"),
    cmd.EndDay("w", "XNYS", 20261125),
    cmd.StartDay("XNYS", 20261125),
    cmd.PublishPrice("S", Px(5), "v"),
    cmd.UpdateBooks("v", (cmd.BookUpdate("S", True, (("0", 5, 6), ("1", 7, 8))),)),
    cmd.LogOn("s"),
    cmd.LogOut("s"),
    cmd.Halt("account", "A", "Jürgen", "why\x01not"),
    cmd.Resume("all", "", "w", "y"),
)

CLASSES = {
    kind for kind in vars(cmd).values() if isinstance(kind, type) and issubclass(kind, cmd.Command)
} - {cmd.Command}


def test_every_command_can_be_read_is_decided_and_has_an_example() -> None:
    assert set(typing.get_args(cmd.AnyCommand)) == CLASSES
    assert set(engine._DECIDE) == CLASSES
    assert {type(example) for example in EXAMPLES} == CLASSES


@pytest.mark.parametrize("command", EXAMPLES, ids=lambda command: type(command).__name__)
def test_a_command_comes_back_from_its_json(command: cmd.Command) -> None:
    text = msgspec.json.encode(command)
    assert msgspec.json.decode(text, type=cmd.AnyCommand) == command


@pytest.mark.parametrize("command", EXAMPLES, ids=lambda command: type(command).__name__)
def test_a_command_cannot_be_changed(command: cmd.Command) -> None:
    with pytest.raises(AttributeError):
        setattr(command, command.__struct_fields__[0], "x")


def test_numbers_are_ints_never_floats() -> None:
    structs = {
        *(cmd.VenueReport, tuple[cmd.VenueReport, ...], tuple[cmd.BookUpdate, ...]),
        *(tuple[cmd.LegExecution, ...], tuple[Leg, ...], tuple[ListMember, ...]),
    }
    plain = {int, str, bool, Px | None, Terms | None, *structs}
    for kind in {*CLASSES, Terms, Leg, ListMember, cmd.LegExecution}:
        hints = typing.get_type_hints(kind)
        assert {getattr(hint, "__supertype__", hint) for hint in hints.values()} <= plain, kind
