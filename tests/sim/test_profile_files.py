"""Profiles and scenarios in TOML: every mistake is one line that names file, line and key."""

import gc
import re
from pathlib import Path

import pytest

from oms.config import ConfigError, line_at, load
from oms.sim import acts
from oms.sim.macros import NAMES, Late, Macro
from oms.sim.profile import BrokerProfile, Day, ExchangeProfile
from oms.sim.scenario import Scenario, Step
from oms.simulation import profiles, scenario_of

ROOT = Path(__file__).resolve().parents[2]

GOOD = """\
[sim]
seed = 3

[broker.ALPHA]
port = 9881
exchange = "MAIN"
ack_ms = [5, 20]

[[broker.ALPHA.macro]]
do = "reject"
symbol = "AAPL"

[[broker.ALPHA.macro]]
do = "late"
ack_ms = 100

[broker.BETA]
version = "FIX.4.2"
exchange = "MAIN"

[exchange.MAIN]
steps_per_s = 0.0

[exchange.MAIN.day]
open = "07:00"
close = "15:30:00"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "brokers.toml"


def refusal(path: Path, text: str) -> str:
    """What is said to a file, without its name."""
    path.write_text(text)
    with pytest.raises(ConfigError) as found:
        profiles(load(path))
    said = str(found.value)
    assert "\n" not in said
    assert said.startswith(str(path))
    return said.removeprefix(str(path)).removeprefix(", ")


def test_a_good_file(path: Path) -> None:
    path.write_text(GOOD)
    brokers, exchanges = profiles(load(path))
    gc.collect()
    assert list(brokers) == ["ALPHA", "BETA"]
    assert brokers["ALPHA"].ack_ms == (5, 20)
    assert isinstance(brokers["ALPHA"].macro[1], Late)
    assert exchanges["MAIN"].day is not None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("port = 9881", "prt = 9881", "line 5: unknown key broker.ALPHA.prt"),
        ("port = 9881", "port = 0", "line 5: broker.ALPHA.port: Expected `int` >= 1"),
        ('"MAIN"\nack', '"MIAN"\nack', "line 6: broker.ALPHA.exchange: there is no [exchange.MIAN]"),
        ("[5, 20]", "[20, 5]", "line 4: broker.ALPHA: ack_ms: a range is two numbers, the smaller first"),
        ("[5, 20]", "[5]", "line 4: broker.ALPHA: ack_ms: a range is two numbers, the smaller first"),
        ('"reject"', '"rejct"', "line 10: broker.ALPHA.macro[0].do: 'rejct' is not one of plain, late,"),
        ("symbol =", "smbol =", "line 11: unknown key broker.ALPHA.macro[0].smbol"),
        ("ack_ms = 100", "pieces = 100", "line 15: unknown key broker.ALPHA.macro[1].pieces"),
        ("ack_ms = 100", "ack_ms = -1", "line 15: broker.ALPHA.macro[1].ack_ms: Expected `int` >= 0"),
        ("ack_ms = 100", 'min_qty = "x"', "line 13: broker.ALPHA.macro[1]: not a decimal number: 'x'"),
        ('"FIX.4.2"', '"FIX.4.1"', "line 18: broker.BETA.version: Invalid enum value 'FIX.4.1'"),
        ("[broker.BETA]", '[broker."B É"]', "line 17: not a CompID: 'B É'"),
        ('"07:00"', '"7:00"', "line 24: exchange.MAIN.day: not a time, HH:MM or HH:MM:SS: '7:00'"),
        ('"07:00"', '"16:00"', "line 24: exchange.MAIN.day: opening, open, closing, close must follow"),
        ("[exchange.MAIN.day]", "[exchange.MIAN.day]", "line 24: exchange.MIAN: no broker uses it"),
        ("open =", "opn =", "line 25: unknown key exchange.MAIN.day.opn"),
    ],
)
def test_a_mistake_is_one_line(path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    found = refusal(path, GOOD.replace(old, new, 1))
    assert found.startswith(said), found


def test_a_drop_copy_needs_a_session_of_its_own(path: Path) -> None:
    found = refusal(path, '[broker.A]\ndrop_copy = "OMS"\n')
    assert found.startswith("line 1: broker.A: drop_copy is a session of its own")


def test_lines_of_nested_tables(path: Path) -> None:
    path.write_text("[[a]]\n[[a.b]]\nx=1\n[[a]]\n[[a.b]]\n[[a.b]]\nx=2\n'y z'=3\n[c.d]\ne.f=1\n")
    assert [line_at(path, w) for w in ("a[0].b[0].x", "a[1].b[1].x", "a[1].b[1].q", "a[1]", "c.d.e.f", "c.d.g", "z")] == [
        3, 7, 6, 4, 10, 9, 0,
    ]  # fmt: skip


def test_every_key_macro_and_act_is_in_the_documentation() -> None:
    text = re.sub(r"```.*?```", "", (ROOT / "docs" / "simulator.md").read_text(), flags=re.S)
    shown = {word for code in re.findall(r"`[^`]+`", text) for word in re.findall(r"\w+", code)}
    rules = set(Macro.__struct_fields__)
    names = {*BrokerProfile.__struct_fields__, *ExchangeProfile.__struct_fields__, *Day.__struct_fields__}
    names |= {*NAMES, *acts.NAMES, *rules, *Step.__struct_fields__, *Scenario.__struct_fields__} - {
        "macro",
        "step",
    }
    names |= {key for kind in NAMES.values() for key in kind.__struct_fields__}
    assert names - shown - {"macro"} == set()


def test_the_brokers_that_are_shipped() -> None:
    brokers, exchanges = profiles(load(ROOT / "config" / "brokers.toml"))
    assert {profile.version for profile in brokers.values()} == {"FIX.4.2", "FIX.4.4", "FIX.5.0SP2"}
    assert exchanges["GAMMA"].day is not None
    assert len(brokers["CHAOS"].macro) >= 8


# -- scenarios -----------------------------------------------------------------------------------------------

SCENARIO = """\
title = "T"

[[step]]
receive = "35=D 11=X"
answer = { do = "hold" }

[[step]]
order = "X"
act = { do = "fill", percent = 40 }

[[step]]
receive = "35=F 11=Y 41=X"
answer = { do = "refuse" }
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "T"', "", "line 3: file: Object missing required field `title`"),
        ("answer = { do", "anser = { do", "line 5: unknown key step[0].anser"),
        ('"hold"', '"hld"', "line 5: step[0].answer.do: 'hld' is not one of plain,"),
        ('"hold"', '"hold", after = 1', "line 5: unknown key step[0].answer.after"),
        ('"fill"', '"fil"', "line 9: step[1].act.do: 'fil' is not one of enter,"),
        ("percent = 40", "percent = 0", "line 9: step[1].act.percent: Expected `int` >= 1"),
        ('"refuse"', '"pieces"', "line 11: step[2]: pieces does not answer a request"),
        ('order = "X"\n', "", "line 7: step[1]: act needs an order"),
        ('order = "X"', 'order = "Z"', "line 7: step[1]: nothing before has 11=Z"),
        ("41=X", "41=W", "line 11: step[2]: nothing before has 11=W"),
        ("35=D 11=X", "35:D", "line 3: step[0]: not a field: '35:D'; it reads tag=value"),
        ("35=D 11=X", "11=X", "line 3: step[0]: receive begins with MsgType, 35="),
        ("35=D 11=X", "35=D 35=D", "line 3: step[0]: tag 35 twice in '35=D 35=D'"),
        (
            'receive = "35=D 11=X"',
            "quiet_s = 1",
            "line 3: step[0]: 35= is answered as the profile has it, or not at all: silent",
        ),
        ("act = {", 'send = "39=2"\nact = {', "line 7: step[1]: a step is one of receive, act,"),
    ],
)
def test_a_mistake_in_a_scenario_is_one_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "scenario.toml"
    assert old in SCENARIO
    path.write_text(SCENARIO.replace(old, new, 1))
    with pytest.raises(ConfigError) as found:
        scenario_of(path)
    assert str(found.value).removeprefix(f"{path}, ").startswith(said), found.value
    path.write_text(SCENARIO)
    assert scenario_of(path).title == "T"


def test_every_macro_can_be_read_with_nothing_said(path: Path) -> None:
    path.write_text("[broker.A]\n" + "".join(f'[[broker.A.macro]]\ndo = "{name}"\n' for name in NAMES))
    brokers, _ = profiles(load(path))
    assert [macro.__struct_config__.tag for macro in brokers["A"].macro] == list(NAMES)
