"""A wrong configuration is one line that names the file, the place and the reason, before anything is begun.

The table of what `oms run` exits with is in `oms/cli.py`: 3 configuration, 4 journal, 5 the system.
"""

import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from oms.app import Engine
from oms.config import ConfigError, load
from oms.journal.errors import JournalLocked, JournalVersionError
from oms.journal.writer import JournalWriter
from tests.support.engine_process import ROOT, EngineProcess, free_port, write_config
from tests.support.raw_client import RawClient

BAD_CONFIG, BAD_JOURNAL, SYSTEM = 3, 4, 5


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A configuration that is right."""
    return write_config(tmp_path, free_port(), venue_port=free_port())


def refusal(path: Path) -> str:
    """What the engine says to a configuration that it must not start with."""
    with pytest.raises(ConfigError) as found:
        Engine(load(path)).stop()
    said = str(found.value)
    assert "\n" not in said
    return said


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def oms_run(path: Path) -> tuple[int, str]:
    """Exit code and standard error, one line."""
    done = subprocess.run(
        [sys.executable, "-m", "oms", "run", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr


# -- the file itself -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ("[engine]", "[engine]\nspeed = 3", "engine.speed", "unknown key"),
        ("[engine]", "[engines]\nvenue = 'x'\n[engine]", "engines", "unknown key"),
        ("segment_mib = 1", 'segment_mib = "4"', "files.segment_mib", "Expected `int`"),
        ("segment_mib = 1", "segment_mib = 1.5", "files.segment_mib", "Expected `int`"),
        ('durability = "process"', 'durability = "hope"', "engine.durability", "'hope'"),
        ('durability = "process"', "durability = true", "engine.durability", "Expected `str`"),
        ('venues = ["venue.cfg"]', 'venues = "venue.cfg"', "fix.venues", "Expected `array`"),
        ('venues = ["venue.cfg"]', "venues = [3]", "fix.venues", "Expected `str`"),
    ],
)
def test_key_that_is_unknown_or_of_a_wrong_type_is_named_with_its_line(
    path: Path, old: str, new: str, key: str, reason: str
) -> None:
    change(path, old, new)
    said = refusal(path)
    place = f"[{key}]" if "." not in key else f"{key.rpartition('.')[2]} ="
    assert said.startswith(f"{path}, line {line_of(path, place)}: ")
    assert key in said
    assert reason in said


@pytest.mark.parametrize(
    "listen", ["9878", "localhost", ":9878", "127.0.0.1:http", "127.0.0.1:99999", "127.0.0.1:-1", ""]
)
def test_listen_that_is_no_address(path: Path, listen: str) -> None:
    change(path, f'listen = "127.0.0.1:{_port(path)}"', f'listen = "{listen}"')
    assert refusal(path) == f"{path}, line {line_of(path, 'listen =')}: listen is not host:port: {listen!r}"


def _port(path: Path) -> str:
    return path.read_text().split('listen = "127.0.0.1:')[1].split('"')[0]


def test_text_that_is_no_toml_is_named_with_its_line(path: Path) -> None:
    change(path, "[fix]", "[fix")
    said = refusal(path)
    assert said.startswith(f"{path}: not valid TOML: ")
    assert f"line {line_of(path, '[fix')}" in said


def test_bytes_that_are_no_text(path: Path) -> None:
    path.write_bytes(b"# caf\xe9\n" + path.read_bytes())
    assert refusal(path).startswith(f"{path}: not valid TOML: ")


@pytest.mark.parametrize(
    "name",
    [
        "engine.toml",
        "clients.cfg",
        "venue.cfg",
        "instruments.csv",
        "markets.toml",
        "tick_rules.toml",
        "accounts.toml",
    ],
)
def test_file_that_is_missing_is_named(path: Path, name: str) -> None:
    (path.parent / name).unlink()
    assert refusal(path) == f"{path.parent / name}: No such file or directory"


@pytest.mark.parametrize("name", ["clients.cfg", "instruments.csv", "accounts.toml"])
def test_file_that_is_no_text_is_named(path: Path, name: str) -> None:
    file = path.parent / name
    file.write_bytes(file.read_bytes() + b"\n# \xff\xfe\n")
    assert str(file) in refusal(path)


STYLES = (
    # key                       what is said of it
    ('cl_ord_ids = "week"',     "profile[...].cl_ord_ids: Invalid enum value 'week'"),
    ('exec_ids = "session"',    "profile[...].exec_ids: Invalid enum value 'session'"),
    ('busts = "H"',             "profile[...].busts: Invalid enum value 'H'"),
    ('final_fill = "done"',     "profile[...].final_fill: Invalid enum value 'done'"),
    ('late_cancel = true',      "profile[...].late_cancel: Expected `str`, got `bool`"),
    ('reset = "Y"',             "profile[...].reset: Invalid enum value 'Y'"),
    ('resets = "accept"',       "unknown key profile[...].resets"),
)  # fmt: skip


@pytest.mark.parametrize(("key", "says"), STYLES)
def test_a_profile_that_says_what_there_is_not_is_named_with_its_line(
    path: Path, key: str, says: str
) -> None:
    path.write_text(f"{path.read_text()}\n[profile.CLIENT1]\n{key}\n")
    assert refusal(path) == f"{path}, line {line_of(path, key)}: {says}"


WRONG_SIDE = (
    ("CLIENT1", "exec_ids",   "day",    "is for a venue's session"),
    ("CLIENT1", "reset",      "logon",  "is for a venue's session"),
    ("CLIENT1", "reset",      "day",    "is for a venue's session"),
    ("SIM",     "cl_ord_ids", "day",    "is for a client's session"),
    ("SIM",     "cl_ord_ids", "open",   "is for a client's session"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "key", "value", "says"), WRONG_SIDE)
def test_a_profile_that_says_of_one_side_what_the_other_has(
    path: Path, name: str, key: str, value: str, says: str
) -> None:
    path.write_text(f'{path.read_text()}\n[profile.{name}]\n{key} = "{value}"\n')
    assert refusal(path) == f"{path}: [profile.{name}]: {key} = {value!r} {says}"


def test_a_venue_of_4_2_that_is_to_have_what_its_version_has_no_words_for(path: Path) -> None:
    change(path.parent / "venue.cfg", "BeginString=FIX.4.4", "BeginString=FIX.4.2")
    change(path.parent / "venue.cfg", "DataDictionary=FIX44.xml", "DataDictionary=FIX42.xml")
    more = '\n[capability.SIM]\nord_types = ["1", "2", "J"]\ntimes_in_force = ["0"]\n'
    path.write_text(path.read_text() + more)
    assert refusal(path) == f"{path}: [capability.SIM]: ord_types: FIX 4.2 has no words for J"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("terms", '["unread"]', "terms: 'unread' is not one of stop_px, exec_inst, "),
        ("terms", '["max_flor"]', "terms: 'max_flor' is not one of stop_px, exec_inst, "),
        ("exec_insts", '["post only"]', "exec_insts: 'post only' is not a code of ExecInst(18)"),
        ("exec_insts", '["1", ""]', "exec_insts: '' is not a code of ExecInst(18)"),
    ],
)
def test_what_a_venue_cannot_declare_is_named(path: Path, key: str, value: str, said: str) -> None:
    table = f'\n[capability.SIM]\nord_types = ["1"]\ntimes_in_force = ["0"]\n{key} = {value}\n'
    path.write_text(path.read_text() + table)
    assert refusal(path).startswith(
        f"{path}, line {line_of(path, '[capability.SIM]')}: capability.SIM.{said}"
    )


# -- what it names -------------------------------------------------------------------------------------------


def test_venue_that_is_no_session(path: Path) -> None:
    change(path, 'venue = "SIM"', 'venue = "NYSE"')
    said = refusal(path)
    assert str(path) in said
    assert "venue 'NYSE'" in said


def test_market_that_goes_to_an_unknown_venue(path: Path) -> None:
    path.write_text(path.read_text() + '\n[venues]\nXNAS = "BATS"\n')
    said = refusal(path)
    assert str(path) in said
    assert "venue 'BATS'" in said


@pytest.mark.parametrize(
    ("name", "more", "who"),
    [
        ("clients.cfg", "\n[SESSION]\nTargetCompID=CLIENT2\n", "CLIENT2"),
        ("clients.cfg", "\n[SESSION]\nTargetCompID=SIM\n", "SIM"),
        ("clients.cfg", "\n[SESSION]\nTargetCompID=paper\n", "paper"),
    ],
    ids=["two clients", "a client and a venue", "the paper venue"],
)
def test_target_comp_id_that_is_used_twice(path: Path, name: str, more: str, who: str) -> None:
    file = path.parent / name
    file.write_text(file.read_text() + more)
    said = refusal(path)
    assert str(path) in said
    assert who in said


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("clients.cfg", "[SESSION]", "[SESION]", "line 8"),
        ("clients.cfg", "TargetCompID=CLIENT1", "", "TargetCompID"),
        ("clients.cfg", "DataDictionary=FIX44.xml", "DataDictionary=FIX99.xml", "FIX99.xml"),
        ("clients.cfg", "HeartBtInt=30", "HeartBtInt=soon", "HeartBtInt"),
        ("venue.cfg", "HeartBtInt=30", "HeartBtInt=soon", "HeartBtInt"),
        ("venue.cfg", "ReconnectInterval=1", "ReconnectInterval=often", "ReconnectInterval"),
        ("venue.cfg", "SocketConnectHost=127.0.0.1", "", "SocketConnectHost"),
        ("venue.cfg", "SocketConnectPort=", "SocketConnectPort=x", "SocketConnectPort"),
    ],
)
def test_session_file_that_is_wrong(path: Path, name: str, old: str, new: str, says: str) -> None:
    change(path.parent / name, old, new)
    said = refusal(path)
    assert name in said or says.startswith("Socket"), said
    assert says in said


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("instruments.csv", "symbol,market", "name,market", "line 1: the columns must be"),
        ("instruments.csv", "T002,XNAS", "T001,XNAS", "line 3: symbol T001 stands in line 2 already"),
        ("instruments.csv", "T002,XNAS", "T002,MOON", "line 3: market MOON"),
        ("instruments.csv", "Test T002,CENT", "Test T002,DIME", "line 3: tick_table DIME"),
        ("instruments.csv", "T002,CENT,1", "T002,CENT,one", "line 3, lot_size: not a decimal number: 'one'"),
        ("instruments.csv", "T002,CENT,1", "T002,CENT,0", "line 3"),
        ("instruments.csv", "T002,CENT,1", "T002,CENT,-1", "line 3"),
        ("instruments.csv", "T002,CENT,1", "T002,CENT", "line 3: not 7 columns"),
        ("instruments.csv", "lot_size\n", "lot_size,asset_class\n", "line 2: not 8 columns"),
        ("tick_rules.toml", '["0", "0.01"]', '["0", "0"]', "CENT"),
        ("tick_rules.toml", '[["0", "0.01"]]', "[]", "CENT"),
        ("tick_rules.toml", '["0", "0.01"]', '["0", "a cent"]', "CENT: not a decimal number: 'a cent'"),
        (
            "accounts.toml",
            'max_order_qty = "200000"',
            'max_order_qty = "lots"',
            "firm.max_order_qty: not a decimal",
        ),
        ("accounts.toml", 'id = "MAIN2"', 'id = "MAIN1"', "MAIN1"),
        ("accounts.toml", 'clients = ["CLIENT2"]', 'clients = "CLIENT2"', "clients: Expected `array`"),
        ("accounts.toml", 'USD = "1000"', "USD = 1000", "Expected `str`"),
        ("accounts.toml", 'position_limit = "50"', "", "position_limit"),
        (
            "engine.toml",
            'price_collar_percent = "10"',
            'price_collar_percent = "ten"',
            "risk.price_collar_percent",
        ),
        (
            "engine.toml",
            'price_collar_percent = "10"',
            'price_collar_percent = "-1"',
            "risk.price_collar_percent",
        ),
        ("engine.toml", "segment_mib = 1", "segment_mib = 0", "segment_mib"),
        ("engine.toml", 'venue = "SIM"', 'venue = "SIM"\nsnapshot_every = 0', "snapshot_every"),
    ],
)
def test_value_that_no_engine_can_work_with(path: Path, name: str, old: str, new: str, says: str) -> None:
    file = path.parent / name
    change(file, old, new)
    said = refusal(path)
    assert str(file) in said
    assert says in said


def test_refused_configuration_has_not_begun_a_journal(path: Path) -> None:
    change(path.parent / "accounts.toml", 'id = "MAIN1"', "name = 3")
    refusal(path)
    assert not (path.parent / "journal").exists()


# -- through the command line --------------------------------------------------------------------------------


def test_exit_code_of_a_wrong_configuration(path: Path) -> None:
    change(path, "[engine]", "[engine]\nspeed = 3")
    assert oms_run(path) == (BAD_CONFIG, f"oms: {path}, line 2: unknown key engine.speed\n")


def test_port_in_use_is_named_and_no_venue_was_called(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as venue:
        port = taken.getsockname()[1]
        code, said = oms_run(write_config(tmp_path, port, venue_port=venue.getsockname()[1]))
        assert code == SYSTEM
        assert str(port) in said
        assert "in use" in said
        venue.settimeout(0.2)
        with pytest.raises(TimeoutError):
            venue.accept()


def test_journal_directory_that_is_a_file(path: Path) -> None:
    (path.parent / "journal").write_text("not a directory")
    code, said = oms_run(path)
    assert code == SYSTEM
    assert str(path.parent / "journal") in said


def test_operator_socket_with_too_long_a_path_is_named(path: Path) -> None:
    change(path, "op.sock", "o" * 120)
    code, said = oms_run(path)
    assert code in (BAD_CONFIG, SYSTEM)
    assert "o" * 120 in said


def test_second_engine_on_the_same_journal_ends_and_the_first_goes_on(alone: EngineProcess) -> None:
    alone.start()
    code, said = oms_run(alone.config)
    assert code == BAD_JOURNAL
    assert str(alone.folder / "journal") in said
    assert str(alone.pid) in said
    with pytest.raises(JournalLocked):
        JournalWriter.open(alone.folder / "journal")
    client = RawClient(alone.port)
    client.log_on()
    client.order("T001", "1", 1)
    assert client.seen(2, 150) == [("0",), ("F",)]
    client.log_out()


def test_second_engine_does_not_take_the_operators_socket_of_the_first(
    alone: EngineProcess, tmp_path: Path
) -> None:
    """Else a halt would reach the wrong engine."""
    alone.start()
    other = EngineProcess(
        tmp_path / "other", changes={"files": {"operator_socket": str(alone.folder / "op.sock")}}
    )
    running = subprocess.Popen(
        [sys.executable, "-m", "oms", "run", str(other.config)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        _, said = running.communicate(timeout=15)
    except subprocess.TimeoutExpired:
        running.kill()
        _, said = running.communicate()
    assert alone.status()["pid"] == alone.pid
    assert running.returncode in (BAD_CONFIG, SYSTEM)
    assert "op.sock" in said


def test_journal_of_a_newer_version_is_refused(path: Path) -> None:
    directory = path.parent / "journal"
    JournalWriter.open(directory, durability="process").close()
    segment = next(directory.glob("*.journal"))
    data = bytearray(segment.read_bytes())
    data[8:12] = struct.pack("<I", 99)
    segment.write_bytes(data)
    with pytest.raises(JournalVersionError):
        Engine(load(path))
    code, said = oms_run(path)
    assert code == BAD_JOURNAL
    assert str(segment) in said
    assert "version 99" in said


def test_journal_with_a_flipped_bit_is_refused_with_its_sequence(path: Path) -> None:
    directory = path.parent / "journal"
    with JournalWriter.open(directory, durability="process") as writer:
        for _ in range(20):
            writer.append(b"x" * 50)
            writer.commit()
    segment = next(directory.glob("*.journal"))
    data = bytearray(segment.read_bytes())
    data[data.index(b"x" * 50)] ^= 1
    segment.write_bytes(data)
    code, said = oms_run(path)
    assert code == BAD_JOURNAL
    assert str(segment) in said
    assert "sequence 1" in said


def test_journal_with_a_record_that_is_no_event_is_refused_with_its_sequence(path: Path) -> None:
    """A newer program may have written kinds of events that this one does not know."""
    directory = path.parent / "journal"
    with JournalWriter.open(directory, durability="process") as writer:
        writer.append(b"\x93\xcd\x03\xe7\x01\x02")  # [999, 1, 2]
        writer.commit()
    code, said = oms_run(path)
    assert code == BAD_JOURNAL
    assert str(directory) in said
