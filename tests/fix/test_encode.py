"""Event to text: every message that the engine can write is one that the standard's dictionary accepts.

A small firm's day is decided and applied here, and everything that it sends is rendered, read again with
simplefix, and validated by QuickFIX against the FIX 4.4 data dictionary with every check on.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest
import quickfix

from oms.core import commands as cmd
from oms.core import events as ev
from oms.core.engine import decide
from oms.core.state import State
from oms.core.types import Leg, ListMember, Px, Qty, Terms, parse_scaled
from oms.fix import encode as encoder
from oms.fix.decode import from_client, from_venue
from oms.fix.dialect import FIX44, WRITERS
from tests.support.raw_fix import Message, encode, timestamp

NOW = 1_795_348_800_123_456_789
DICTIONARY = Path(sys.prefix) / "share" / "quickfix" / "FIX44.xml"


OF_A_LEG = (600, 623, 624, 564, 654, 566)


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
            ev.InstrumentDefined(
                NOW, "BIG", "XNYS", "USD", "", "Big", Qty(n(10)), ((Px(0), Px(n("0.01"))),), Px(n(1)), 1
            ),
            ev.FirmDefined(NOW, Qty(n(100000)), big, 1000, "SIM", ()),
            ev.AccountDefined(NOW, "ACC", "Account", ("CLIENT1",), big, Qty(n(1000000))),
            ev.AccountDefined(NOW, "POOR", "Poor", ("CLIENT1",), (("USD", n(10)),), Qty(n(1))),
            ev.AccountDefined(NOW, "OTHER", "Other", ("CLIENT2",), big, Qty(n(1))),
            ev.ReferencePriceChanged(NOW, "IBM", Px(n(100)), "SIM"),
            ev.ReferencePriceChanged(NOW, "BIG", Px(n(50)), "SIM"),
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

    def work(self, list_id: str) -> None:
        """All that a list has to do."""
        while self.state.lists_due:
            self.do(cmd.WorkList("CLIENT1", list_id))

    # -- what clients ask and venues answer ------------------------------------------------------------------

    def order(
        self,
        cl_ord_id: str,
        qty: object = 100,
        price: object = "99.5",
        said: Terms | None = None,
        **more: str,
    ) -> None:
        terms = {
            "account": "ACC",
            "symbol": "IBM",
            "side": "1",
            "ord_type": "2",
            "time_in_force": "0",
            **more,
        }
        px = n(price) if terms["ord_type"] in "24" else 0
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
                terms=said,
            )
        )

    def report(self, ours: str, exec_type: str, status: str, **more: object) -> None:
        self.do(
            cmd.VenueReport(
                "SIM", ours, exec_type, status, **{"exec_id": f"X{self.seq}", "venue_order_id": "V", **more}
            )
        )  # type: ignore[arg-type]

    def leg_report(self, ours: str, exec_type: str, symbol: str, **more: object) -> None:
        report = cmd.VenueReport("SIM", ours, exec_type, "1", symbol=symbol, **more)  # type: ignore[arg-type]
        self.do(cmd.VenueLegReport(report))

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
            (100, "99.5", {"ord_type": "9"}),
            (100, "99.5", {"ord_type": "3"}),
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
    # Terms that few orders have, each of them; a replace that changes them.
    for count, (ord_type, tif, said) in enumerate(
        (
            ("3", "0", Terms(stop_px=Px(n(101)))),
            ("4", "1", Terms(stop_px=Px(n(99)), exec_inst="G 1")),
            ("J", "7", Terms(stop_px=Px(n("98.5")))),
            ("P", "0", Terms(exec_inst="R", peg_offset=Px(n("-0.05")))),
            ("2", "6", Terms(expire_date="20270101", min_qty=Qty(n(10)), max_floor=Qty(n(20)))),
            ("2", "6", Terms(expire_time="20270101-15:00:00")),
            ("2", "0", Terms(target_strategy="2", strategy_parameters="x", participation_rate="0.1")),
        )
    ):
        firm.order(f"T{count}", 100, "99.5", said, ord_type=ord_type, time_in_force=tif)
    stop = firm.last_id()
    firm.order("T9", 100, "99.5", Terms(stop_px=Px(n(99))), ord_type="4")
    stop = firm.last_id()
    firm.report(stop, "0", "0", working_indicator="N")
    moved = Terms(stop_px=Px(n(98)))
    firm.do(cmd.ReplaceOrder("CLIENT1", "T10", "T9", "IBM", "1", Qty(n(90)), "4", Px(n("99.5")), moved))
    stop = firm.last_id()
    firm.report(stop, "5", "0")
    firm.report(stop, "L", "0", text="triggered")
    # Executions corrected and busted, an order restated, stopped, suspended, calculated, without an id.
    firm.order("", time_in_force="1")
    phone = firm.last_id()
    firm.report(phone, "F", "1", last_qty=Qty(n(10)), last_px=Px(n(99)), exec_id="first")
    firm.report(phone, "3", "3")
    firm.do(cmd.EndDay("jane"))
    firm.report(phone, "D", "1", exec_restatement_reason="1")
    firm.report(phone, "D", "1", exec_restatement_reason="5", order_qty=Qty(n(90)))
    firm.report(
        phone, "G", "1", exec_ref_id="first", exec_id="second", last_qty=Qty(n(12)), last_px=Px(n("98.5"))
    )
    firm.report(phone, "7", "7", last_qty=Qty(n(78)), last_px=Px(n(99)))
    firm.report(phone, "9", "9", text="not now")
    firm.report(phone, "H", "0", exec_ref_id="first")
    firm.report(phone, "4", "4", exec_restatement_reason="8")
    firm.order("U1")
    firm.report(firm.last_id(), "B", "B")
    firm.report("never ours", "F", "2", last_qty=Qty(n(10)), last_px=Px(n(99)), symbol="IBM", side="2")
    firm.report("never ours", "F", "2", last_qty=Qty(n(10)), last_px=Px(n(99)), venue_order_id="")
    # Orders with legs, at a limit of nothing and at the market; executed, corrected and busted by leg and as
    # combinations; replaced.
    legs = (
        Leg("IBM", "1", Qty(n(10)), "1", "O", Px(n("99.5"))),
        Leg("BIG", "2", Qty(n(20)), "big"),
    )
    for name, ord_type in (("V1", "2"), ("V2", "1")):
        said = Terms(min_qty=Qty(n(1)), legs=legs, multi_leg_rpt_type_req="1")
        firm.order(name, 5, "0", said, symbol="[N/A]", side="C", ord_type=ord_type)
        combination = firm.last_id()
        firm.report(combination, "F", "1", last_qty=Qty(n(1)), last_px=Px(n("-0.5")), exec_id="s1")
        firm.leg_report(combination, "F", "IBM", exec_id="l1", last_qty=Qty(n(10)), last_px=Px(n(99)))
        firm.leg_report(
            combination, "G", "IBM", exec_id="l2", exec_ref_id="l1", last_qty=Qty(n(9)), last_px=Px(n(98))
        )
        firm.leg_report(combination, "H", "IBM", exec_id="l3", exec_ref_id="l2", text="an error")
        firm.report(combination, "G", "1", exec_ref_id="s1", exec_id="s2", last_qty=Qty(n(1)), last_px=Px(0))
        firm.report(combination, "H", "0", exec_ref_id="s2")
        asked = (f"{name}R", name, "[N/A]", "C", Qty(n(6)), ord_type, Px(0), Terms(legs=legs))
        firm.do(cmd.ReplaceOrder("CLIENT1", *asked, is_multileg=True))
        firm.report(firm.last_id(), "5", "0")
        firm.do(cmd.CancelOrder("CLIENT1", f"{name}C", f"{name}R", "[N/A]", "C"))
        firm.report(firm.last_id(), "4", "4")
    # All at once; a venue that knows no stop orders.
    firm.order("U2")
    firm.do(cmd.RequestAllStatus("CLIENT1", "all", "7"))
    firm.do(cmd.CancelAll("CLIENT1", "U3", "1", "IBM", "1"))
    firm.do(cmd.VenueCancelReject("SIM", firm.last_id(), cxl_rej_reason=0, text="too late"))
    firm.do(cmd.CancelAll("CLIENT1", "U3", "7"))
    firm.do(cmd.RequestAllStatus("CLIENT1", "none", "1", "TOY"))
    # For an amount of money, and its execution taken back as a client wants it that is told quantities only.
    firm.order("W1", 0, "99.5", Terms(cash_order_qty=Qty(n(2000))))
    firm.report(firm.last_id(), "F", "1", last_qty=Qty(n(10)), last_px=Px(n(99)), exec_id="w")
    firm.apply(ev.ProfileDefined(NOW, "CLIENT1", True, "status", "pass", busts="restate"))
    firm.report(firm.last_id(), "H", "0", exec_ref_id="w", text="wrong side")
    firm.order("W2", 0, "99.5", Terms(cash_order_qty=Qty(n(2))))
    firm.apply(ev.VenueDefined(NOW, "SIM", ("1", "2"), ("0",), ()))
    firm.order("U4", 100, "99.5", Terms(stop_px=Px(n(101))), ord_type="3")
    firm.order("U5", time_in_force="3")
    firm.do(cmd.PublishPrice("IBM", Px(n(101)), "SIM"))
    firm.apply(ev.ProfileDefined(NOW, "CLIENT1", True, "status", "pass", stop_px_reports=True))
    peg = Terms(exec_inst="a", peg_offset=Px(n(1)), peg_offset_type="0", peg_move_type="0")
    firm.order("U6", 100, "0", peg, ord_type="P", side="2")
    firm.do(cmd.PublishPrice("IBM", Px(n("102")), "SIM"))
    firm.do(cmd.CancelOrder("CLIENT1", "U7", "U6", "IBM", "2"))
    # In doubt when the venue comes back; a venue that is down.
    firm.order("G1")
    firm.do(cmd.LogOut("SIM"))
    firm.order("G2")
    firm.do(cmd.CancelOrder("CLIENT1", "G3", "D1", "IBM", "1"))
    firm.do(cmd.LogOn("SIM"))
    # A list of which one order is denied and one fills in part; one that is refused, one that nobody knows.
    orders = [member(f"H{place}", place) for place in range(1, 131)]
    orders[1] = msgspec.structs.replace(orders[1], account="NOBODY")
    firm.do(cmd.NewList("CLIENT1", "H", "3", "2", 130, tuple(orders)))
    firm.work("H")
    firm.do(cmd.ExecuteList("CLIENT1", "H"))
    firm.work("H")
    firm.report(firm.last_id(), "F", "1", last_qty=Qty(n(1)), last_px=Px(n("99.5")))
    firm.do(cmd.CancelOrder("CLIENT1", "H-X", "H2", "IBM", "1"))
    firm.do(cmd.CancelList("CLIENT1", "H"))
    firm.work("H")
    firm.do(cmd.RequestListStatus("CLIENT1", "NONE"))
    firm.do(cmd.NewList("CLIENT1", "I", "3", "3", 1, (member("I1", 1),)))
    return firm


def member(cl_ord_id: str, list_seq_no: int) -> ListMember:
    return ListMember(list_seq_no, cl_ord_id, "ACC", "IBM", "1", Qty(n(100)), "2", Px(n("99.5")), "0")


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
    assert len(controls) >= 16, controls


def test_every_message_is_one_that_the_dictionary_accepts(day: Firm) -> None:
    dictionary = quickfix.DataDictionary(str(DICTIONARY))
    for check in (
        dictionary.checkFieldsOutOfOrder,
        dictionary.checkFieldsHaveValues,
        dictionary.checkUserDefinedFields,
    ):
        check(True)
    for event, session, text in day.sent:
        raw = on_the_wire(session, WRITERS[FIX44](text, None)).decode("ascii")
        try:
            dictionary.validate(quickfix.Message(raw, dictionary, True))
        except Exception as error:
            pytest.fail(f"{type(error).__name__} {error}: {event}\n{raw}".replace("\x01", "|"))


def test_every_message_reads_the_same_in_another_codec(day: Firm) -> None:
    for _, session, text in day.sent:
        message = Message(on_the_wire(session, text))
        assert "".join(f"{tag}={value}\x01" for tag, value in message.body()) == text
        tags = [tag for tag, _ in message.pairs if tag not in OF_A_LEG]
        if message.type == "N":
            tags = tags[: tags.index(73)]  # the orders of a list
        assert len(tags) == len(set(tags)), text
        assert all(value for _, value in message.pairs), text


def test_rendering_again_gives_the_same_text(day: Firm) -> None:
    assert [text for _, _, text in day.sent] == day.again


def test_numbers_are_plain_decimals(day: Firm) -> None:
    for _, _, text in day.sent:
        net = "\x01442=3\x01" in text or text.startswith(("35=AB\x01", "35=AC\x01"))
        for tag, value in re.findall("\x01(38|44|14|151|6|31|32|623|566)=([^\x01]*)", text):
            negative = "-?" if net and tag in ("44", "6", "31") else ""
            assert re.fullmatch(negative + r"\d+(\.\d*[1-9])?", value), (tag, value)


def test_quantities_of_every_report_add_up(day: Firm) -> None:
    """CumQty and LeavesQty make OrderQty while the order is open; LeavesQty is 0 when it has ended."""
    for _, _, text in day.sent:
        found = dict(re.findall("([^=\x01]+)=([^\x01]*)\x01", text))
        if found["35"] != "8" or "38" not in found:
            continue
        leaves, cum, qty = (n(found[tag]) for tag in ("151", "14", "38"))
        if found["39"] in "4C8B" or (found["39"] == "3" and found["59"] not in "16"):
            assert leaves == 0, text
        else:
            assert leaves == max(qty - cum, 0), text
        assert (found["6"] == "0") == (cum == 0) or found.get("442") == "3", text


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


def said(terms: Terms | None) -> Terms | None:
    """What of an order's terms is for others: not the prices at which legs are held, nor an amount of money."""
    if terms is None or terms == Terms(cash_order_qty=terms.cash_order_qty):
        return None
    legs = tuple(msgspec.structs.replace(leg, hold_px=Px(0)) for leg in terms.legs)
    return msgspec.structs.replace(terms, legs=legs, cash_order_qty=Qty(0))


def test_what_we_send_a_venue_reads_as_the_order_it_is_about(day: Firm) -> None:
    """Our own decoder, on the other side, finds the same terms."""
    for event, session, text in day.sent:
        if session != "SIM":
            continue
        if isinstance(event, ev.TradeUnknown):
            continue  # what a client may say as well, but of our orders
        command = from_client("OMS", on_the_wire(session, text).decode())
        if isinstance(event, ev.OrderRouted):
            assert isinstance(command, cmd.NewOrder)
            assert (command.cl_ord_id, command.order_qty, command.price) == (
                event.cl_ord_id,
                event.order_qty,
                event.price,
            )
            order = day.state.orders[event.order_id]
            if not event.ord_type:
                assert (command.ord_type, command.terms) == (order.ord_type, said(order.versions[0].terms))
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


def test_every_field_that_few_orders_have_reaches_the_venue_and_the_client(day: Firm) -> None:
    wanted = {"99", "18", "110", "111", "126", "432", "211", "847", "848", "849"}
    for session, msg_type in (("SIM", "D"), ("CLIENT1", "8")):
        texts = [text for _, to, text in day.sent if to == session and text.startswith(f"35={msg_type}\x01")]
        found = {tag for text in texts for tag in re.findall("\x01([0-9]+)=", text)}
        assert wanted <= found, session
    replace = next(
        text for event, _, text in day.sent if isinstance(event, ev.ReplaceRouted) and "\x0199=98\x01" in text
    )
    assert replace.startswith("35=G\x01")


def test_a_bust_and_a_correction_name_the_execution_that_they_are_about(day: Firm) -> None:
    names = {}
    for event, _, text in day.sent:
        if isinstance(event, ev.OrderFilled | ev.ExecutionCorrected | ev.ExecutionBusted):
            found = dict(re.findall("([^=\x01]+)=([^\x01]*)\x01", text))
            names[event.order_id, event.exec_id] = found["17"]
            if found["150"] == "D":
                # Who wants it so is told in words.
                assert "19" not in found
                assert found["58"] == f"{names[event.order_id, event.exec_ref_id]} was 10 at 99: wrong side"
            elif not isinstance(event, ev.OrderFilled):
                assert found["19"] == names[event.order_id, event.exec_ref_id] != found["17"]
    assert len(set(names.values())) == len(names)


def test_an_order_that_we_held_goes_out_as_what_it_turns_into(day: Firm) -> None:
    held = next(event.order_id for event, _, _ in day.sent if isinstance(event, ev.OrderHeld))
    texts = [text for event, _, text in day.sent if ev.order_id_of(event) == held][:3]
    kinds = [text[:4] + re.findall("\x01(?:150|40)=([^\x01]*)", text)[0] for text in texts]
    assert kinds == ["35=80", "35=8L", "35=D1"]
    assert "\x0199=" not in texts[2] and "\x01636=N\x01" in texts[0]


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
