"""What the journal says in words, where a record's fields alone do not say it."""

from oms.core import events as ev
from oms.core.router import NO_END
from oms.core.types import SCALE
from oms.history import event_facts


def test_a_routing_table_is_shown_rule_by_rule() -> None:
    rules = (
        ev.RoutingRule(
            "large",
            "ALT",
            (("market", ("XLON", "XNYS")), ("zone", ("UTC",))),
            (("order_qty", 500 * SCALE, NO_END), ("time", 0, 3600)),
        ),
        ev.RoutingRule("rest", "SIM", (), ()),
    )
    facts = event_facts(ev.RoutingDefined(1, "jane", rules))
    assert facts["who"] == "jane"
    assert facts["rules"] == [
        "large: market=XLON|XNYS zone=UTC order_qty=500.. time=0..3600 to ALT",
        "rest: to SIM",
    ]
