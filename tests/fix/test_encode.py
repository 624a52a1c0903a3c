"""Event to text: every message that the engine can write is one that the standard's dictionary accepts.

A small firm's day is decided and applied here, and everything that it sends is rendered, read again with
simplefix, and validated by QuickFIX against the FIX 4.4 data dictionary with every check on.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import quickfix

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.engine import decide
from oms.core.state import State
from oms.core.types import Px, Qty, parse_scaled
from oms.fix import encode as encoder
from oms.fix.decode import from_client, from_venue
from tests.support.raw_fix import Message, encode, timestamp

NOW = 1_795_348_800_123_456_789
DICTIONARY = Path(sys.prefix) / "share" / "quickfix" / "FIX44.xml"


def n(number: object) -> int:
    return parse_scaled(str(number))


class Firm:
    """A core without edges: commands in, rendered messages out."""

    def __init__(self) -> None:
        self.state = State()
        self.seq = 0
        self.sent: list[tuple[ev.Event, str, str]] = []  # event, session, text
        self.again: list[str] = []  # the same texts, written a second time
        big = tuple((currency, n("9000000000")) for currency in ("USD", "JPY"))
        for event in (
            ev.EngineStarted(NOW, "test", 1, "epoch"),
            ev.InstrumentDefined(
                NOW, "IBM", "XNYS", "USD", "", "IBM", Qty(n(1)), ((Px(0), Px(n("0.01"))),), Px(n(1)), 1
            ),
            ev.InstrumentDefined(
                NOW, "TOY", "XTKS", "JPY", "", "Toy", Qty(n(100)), ((Px(0), Px(n(1))),), Px(n(1)), 2
            ),
            ev.FirmDefined(NOW, Qty(n(100000)), big, 1000, "SIM", ()),
            ev.AccountDefined(NOW, "ACC", "Account", ("CLIENT1",), big, Qty(n(1000000))),
            ev.AccountDefined(NOW, "POOR", "Poor", ("CLIENT1",), (("USD", n(10)),), Qty(n(1))),
            ev.AccountDefined(NOW, "OTHER", "Other", ("CLIENT2",), big, Qty(n(1))),
            ev.ReferencePriceChanged(NOW, "IBM", Px(n(100)), "SIM"),
            ev.SessionLoggedOn(NOW, "SIM"),
        ):
            self.apply(event)

    def apply(self, event: ev.Event) -> None:
        self.seq += 1
        self.state.apply(event)
        message = encoder.render(event, self.seq, self.state)
        again = encoder.render(event, self.seq, self.state)
        if message is not None:
            assert again is not None
            self.sent.append((event, *message))
            self.again.append(again[1])

    def do(self, command: cmd.Command) -> None:
        for event in decide(self.state, command, NOW + self.seq * 1_000_000):
            self.apply(event)

    # -- what clients ask and venues answer ------------------------------------------------------------------

    def order(self, cl_ord_id: str, qty: object = 100, price: object = "99.5", **more: str) -> None:
        terms = {
            "account": "ACC",
            "symbol": "IBM",
            "side": "1",
            "ord_type": "2",
            "time_in_force": "0",
            **more,
        }
        px = 0 if terms["ord_type"] == "1" else n(price)
        self.do(
            cmd.NewOrder(
                "CLIENT1",
                cl_ord_id,
                terms["account"],
                terms["symbol"],
                terms["side"],
                Qty(n(qty)),
                terms["ord_type"],
                Px(px),
                terms["time_in_force"],
            )
        )

    def report(self, ours: str, exec_type: str, status: str, **more: object) -> None:
        self.do(
            cmd.VenueReport(
                "SIM", ours, exec_type, status, exec_id=f"X{self.seq}", venue_order_id="V", **more
            )
        )  # type: ignore[arg-type]

    def last_id(self) -> str:
        """Our ClOrdID of the last message to the venue."""
        return next(
            re.findall("\x0111=([^\x01]*)", text)[0] for _, to, text in reversed(self.sent) if to == "SIM"
        )


def a_day() -> Firm:
    """Every event that sends a message, at least once."""
    firm = Firm()
    # Filled in two parts, replaced in between, asked about.
    firm.order("A1", 300)
    first = firm.last_id()
    firm.report(first, "0", "0")
    firm.report(first, "F", "1", last_qty=Qty(n(100)), last_px=Px(n("99.12345678")))
    firm.do(cmd.ReplaceOrder("CLIENT1", "A2", "A1", "IBM", "1", Qty(n(400)), "2", Px(n("99.25"))))
    second = firm.last_id()
    firm.report(first, "F", "1", last_qty=Qty(n(1)), last_px=Px(n("0.00000001")))
    firm.report(second, "5", "0")
    firm.do(cmd.RequestStatus("CLIENT1", "A2", "IBM", "1", "REQ"))
    firm.do(cmd.RequestStatus("CLIENT1", "A1", "IBM", "1"))
    firm.report(second, "F", "2", last_qty=Qty(n(299)), last_px=Px(n("99.25")))
    # Canceled, with a fill while pending and one too late.
    firm.order("B1", side="2")
    third = firm.last_id()
    firm.report(third, "0", "0")
    firm.do(cmd.CancelOrder("CLIENT1", "B2", "B1", "IBM", "2"))
    canceled = firm.last_id()
    firm.report(third, "F", "1", last_qty=Qty(n(10)), last_px=Px(n("99.5")))
    firm.do(cmd.CancelOrder("CLIENT1", "B3", "B1", "IBM", "2"))
    firm.report(canceled, "4", "4", text="done")
    firm.report(third, "F", "4", last_qty=Qty(n(10)), last_px=Px(n("99.5")))
    firm.do(cmd.CancelOrder("CLIENT1", "B4", "B1", "IBM", "2"))
    # A market order canceled by the venue; an IOC, an FOK; one expired, one done for the day, one rejected.
    for name, exec_type, status, terms in (
        ("C1", "4", "4", {"ord_type": "1"}),
        ("C2", "4", "4", {"time_in_force": "3"}),
        ("C3", "4", "4", {"time_in_force": "4"}),
        ("C4", "C", "C", {}),
        ("C5", "3", "3", {}),
        ("C6", "8", "8", {}),
    ):
        firm.order(name, **terms)
        ours = firm.last_id()
        if exec_type != "8":
            firm.report(ours, "0", "0")
        firm.report(ours, exec_type, status, ord_rej_reason=99, text="the venue's words: 1=2")
    # Requests that the venue refuses, for every reason that the dictionary knows.
    firm.order("D1")
    firm.report(firm.last_id(), "0", "0")
    for count, reason in enumerate((0, 1, 2, 3, 4, 5, 6, 99)):
        firm.do(cmd.CancelOrder("CLIENT1", f"D-F{count}", "D1", "IBM", "1"))
        firm.do(cmd.VenueCancelReject("SIM", firm.last_id(), cxl_rej_reason=reason, text="no"))
    firm.do(cmd.ReplaceOrder("CLIENT1", "D-G", "D1", "IBM", "1", Qty(n(50)), "2", Px(n("99.5"))))
    firm.do(cmd.VenueCancelReject("SIM", firm.last_id(), cxl_rej_reason=99))
    # Requests that we refuse.
    firm.do(cmd.CancelOrder("CLIENT1", "E1", "UNKNOWN", "IBM", "1"))
    firm.do(cmd.ReplaceOrder("CLIENT1", "E2", "UNKNOWN", "IBM", "1", Qty(n(50)), "2", Px(n("99.5"))))
    firm.do(cmd.CancelOrder("CLIENT1", "D1", "D1", "IBM", "1"))
    firm.do(cmd.CancelOrder("CLIENT1", "E3", "D1", "IBM", "2"))
    firm.do(cmd.ReplaceOrder("CLIENT1", "E4", "D1", "IBM", "1", Qty(n(50)), "1", Px(0)))
    firm.do(cmd.ReplaceOrder("CLIENT1", "E5", "D1", "IBM", "1", Qty(n(500000)), "2", Px(n("99.5"))))
    firm.do(cmd.RequestStatus("CLIENT1", "UNKNOWN", "IBM", "1", "REQ"))
    firm.do(cmd.RequestStatus("CLIENT1", "UNKNOWN", "IBM", "1"))
    # Every control's denial.
    for count, (qty, price, terms) in enumerate(
        [
            (100, "99.5", {"account": "NOBODY"}),
            (100, "99.5", {"account": "OTHER"}),
            (100, "99.5", {"symbol": "NONE"}),
            (100, "99.5", {"ord_type": "3"}),
            (100, "99.5", {"time_in_force": "1"}),
            (100, "99.5", {"side": "5"}),
            ("0.5", "99.5", {}),
            (100, "99.505", {}),
            (200000, "99.5", {}),
            (100, "99", {"symbol": "TOY"}),
            (100, "0", {"symbol": "TOY", "ord_type": "1"}),
            (100, "120", {}),
            (100, "99.5", {"account": "POOR"}),
            (2, "99.5", {"account": "POOR", "side": "2"}),
        ]
    ):
        firm.order(f"F{count}", qty, price, **terms)
    firm.order("A1")
    firm.do(cmd.Halt("symbol", "IBM", "jane", "news"))
    firm.order("F20")
    firm.do(cmd.Resume("symbol", "IBM", "jane", "news"))
    # In doubt when the venue comes back; a venue that is down.
    firm.order("G1")
    firm.do(cmd.LogOut("SIM"))
    firm.order("G2")
    firm.do(cmd.CancelOrder("CLIENT1", "G3", "D1", "IBM", "1"))
    firm.do(cmd.LogOn("SIM"))
    return firm


@pytest.fixture(scope="module")
def day() -> Firm:
    return a_day()


def on_the_wire(session: str, text: str) -> bytes:
    """A text with header and trailer around it."""
    body = [(int(tag), value) for tag, value in re.findall("([^=\x01]+)=([^\x01]*)\x01", text)]
    assert body[0][0] == 35
    header = [(8, "FIX.4.4"), body[0], (49, "OMS"), (56, session), (34, 1), (52, timestamp())]
    return encode([*header, *body[1:]])


def test_the_day_holds_every_message_that_the_encoder_writes(day: Firm) -> None:
    assert {type(event) for event, _, _ in day.sent} == set(encoder._WRITERS)
    controls = {event.reason for event, _, _ in day.sent if isinstance(event, ev.OrderDenied)}
    assert len(controls) >= 14, controls


def test_every_message_is_one_that_the_dictionary_accepts(day: Firm) -> None:
    dictionary = quickfix.DataDictionary(str(DICTIONARY))
    for check in (
        dictionary.checkFieldsOutOfOrder,
        dictionary.checkFieldsHaveValues,
        dictionary.checkUserDefinedFields,
    ):
        check(True)
    for event, session, text in day.sent:
        raw = on_the_wire(session, text).decode("ascii")
        try:
            dictionary.validate(quickfix.Message(raw, dictionary, True))
        except Exception as error:
            pytest.fail(f"{type(error).__name__} {error}: {event}\n{raw}".replace("\x01", "|"))


def test_every_message_reads_the_same_in_another_codec(day: Firm) -> None:
    for _, session, text in day.sent:
        message = Message(on_the_wire(session, text))
        assert "".join(f"{tag}={value}\x01" for tag, value in message.body()) == text
        tags = [tag for tag, _ in message.pairs]
        assert len(tags) == len(set(tags)), text
        assert all(value for _, value in message.pairs), text


def test_rendering_again_gives_the_same_text(day: Firm) -> None:
    assert [text for _, _, text in day.sent] == day.again


def test_numbers_are_plain_decimals(day: Firm) -> None:
    for _, _, text in day.sent:
        for tag, value in re.findall("\x01(38|44|14|151|6|31|32)=([^\x01]*)", text):
            assert re.fullmatch(r"\d+(\.\d*[1-9])?", value), (tag, value)


def test_quantities_of_every_report_add_up(day: Firm) -> None:
    """CumQty and LeavesQty make OrderQty while the order is open; LeavesQty is 0 when it has ended."""
    for _, _, text in day.sent:
        found = dict(re.findall("([^=\x01]+)=([^\x01]*)\x01", text))
        if found["35"] != "8" or "38" not in found:
            continue
        leaves, cum, qty = (n(found[tag]) for tag in ("151", "14", "38"))
        if found["39"] in "4C38":
            assert leaves == 0, text
        else:
            assert leaves == max(qty - cum, 0), text
        assert (found["6"] == "0") == (cum == 0), text


def test_exec_ids_are_unique_and_order_ids_are_the_orders(day: Firm) -> None:
    exec_ids, order_ids = [], defaultdict(set)
    for event, session, text in day.sent:
        found = dict(re.findall("([^=\x01]+)=([^\x01]*)\x01", text))
        if session == "CLIENT1" and found["35"] == "8":
            exec_ids.append(found["17"])
            if found["37"] != "NONE" and not isinstance(event, ev.OrderDenied):
                order_ids[ev.order_id_of(event)].add(found["37"])
    assert len(exec_ids) == len(set(exec_ids))
    assert all(len(ids) == 1 for ids in order_ids.values())
    assert len(set().union(*order_ids.values())) == len(order_ids)


def test_client_ids_never_reach_the_venue_nor_ours_the_client(day: Firm) -> None:
    for _, session, text in day.sent:
        for value in re.findall("\x01(?:11|41)=([^\x01]*)", text):
            assert value.startswith("epoch-") == (session == "SIM"), text


def test_what_we_send_a_venue_reads_as_the_order_it_is_about(day: Firm) -> None:
    """Our own decoder, on the other side, finds the same terms."""
    for event, session, text in day.sent:
        if session != "SIM":
            continue
        command = from_client("OMS", on_the_wire(session, text).decode())
        if isinstance(event, ev.OrderRouted):
            assert isinstance(command, cmd.NewOrder)
            assert (command.cl_ord_id, command.order_qty, command.price) == (
                event.cl_ord_id,
                event.order_qty,
                event.price,
            )
        elif isinstance(event, ev.CancelRouted):
            assert isinstance(command, cmd.CancelOrder)
            assert (command.cl_ord_id, command.orig_cl_ord_id) == (event.cl_ord_id, event.orig_cl_ord_id)
        elif isinstance(event, ev.ReplaceRouted):
            assert isinstance(command, cmd.ReplaceOrder)
            assert (command.cl_ord_id, command.order_qty, command.price) == (
                event.cl_ord_id,
                event.order_qty,
                event.price,
            )


def test_fill_reads_back_to_the_last_unit(day: Firm) -> None:
    fills = [(event, text) for event, _, text in day.sent if isinstance(event, ev.OrderFilled)]
    assert len(fills) >= 5
    for event, text in fills:
        command = from_venue("OMS", on_the_wire("CLIENT1", text).decode())
        assert isinstance(command, cmd.VenueReport)
        assert (command.last_qty, command.last_px) == (event.last_qty, event.last_px)
        assert command.transact_time_ns == event.at_ns // 1_000_000 * 1_000_000


def test_words_of_a_person_cannot_become_fields() -> None:
    """The reason of a halt comes from outside FIX, and may hold any character."""
    firm = Firm()
    firm.do(cmd.Halt("symbol", "IBM", "jane", "news\x0139=2\x0132=100"))
    firm.order("A1")
    _, _, text = firm.sent[-1]
    found = re.findall("([^=\x01]+)=([^\x01]*)\x01", text)
    assert dict(found)["39"] == "8"
    assert "32" not in dict(found)
    assert len(found) == len(dict(found))
