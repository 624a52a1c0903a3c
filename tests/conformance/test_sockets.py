"""The kit over real sockets: what the engine does in this process it does there too, and an OMS that answers
wrongly is found out.

The wrong OMS is the engine behind a relay which changes what it says to its clients.
"""

import itertools
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oms.conformance import kit, settings, show
from oms.conformance.kit import FAILED, NOT_COMPARABLE, PASSED, SKIPPED, Kit, Result, cases
from oms.conformance.ours import target_of
from oms.conformance.settings import Target
from oms.conformance.sockets import Absent, Ask, Sockets
from tests.support.engine_process import ROOT, EngineProcess, free_port

TIMEOUT_S = 0.5


def copy_of_config(folder: Path, port: int, name: str = "conformance") -> Path:
    """config/conformance.toml, or another one, and all it names, on other ports."""
    shutil.copytree(ROOT / "config", folder / "config")
    shutil.copytree(ROOT / "sessions", folder / "sessions")
    path = folder / "config" / f"{name}.toml"
    text = re.sub(r"(?<=:)98\d\d", str(port), path.read_text()).replace(f"var/{name}/", f"{folder}/")
    text = text.replace("operator.sock", "op.sock")
    path.write_text(text)
    for venue in (folder / "sessions").glob("*venue*.cfg"):
        text = re.sub(r"(?<=SocketConnectPort=)\d+", lambda _: str(free_port()), venue.read_text())
        venue.write_text(text)
    return path


class Place:
    """An engine for the kit, and what the kit has to know of it."""

    def __init__(self, folder: Path, name: str = "conformance") -> None:
        self.engine = EngineProcess(folder)
        self.engine.config = copy_of_config(folder, self.engine.port, name)
        self.target = target_of(self.engine.config, folder)
        self.ask: Ask = self.engine.ask

    def play(self, *names: str, target: Target | None = None) -> list[Result]:
        """Results of some scenarios or runs, of all without a name."""
        with Sockets(target or self.target, timeout_s=TIMEOUT_S) as sockets:
            sockets.connect()
            return list(Kit(sockets, self.ask).play(cases(only=names)))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("kit"))
    made.engine.start()
    yield made
    made.engine.end()


# -- the engine ----------------------------------------------------------------------------------------------


def test_what_passes_in_process_passes_over_sockets(place: Place) -> None:
    results = {result.run: result for result in place.play()}
    expected = [
        case.run.name for case in cases() if not isinstance(kit.sessions_for(place.target, case), str)
    ]
    wrong = [results[name] for name in expected if results[name].outcome != PASSED]
    assert wrong == [], "\n\n".join(f"{r.run}: {r.why}\n{r.detail}" for r in wrong)
    # Nothing is left of any of them.
    status = place.engine.status()
    assert status["halts"] == []
    assert status["open_orders"] == 0


def test_the_configuration_has_sessions_for_every_run(place: Place) -> None:
    found = {case.run.name: kit.sessions_for(place.target, case) for case in cases()}
    assert {name: why for name, why in found.items() if isinstance(why, str)} == {}


def test_again_without_a_memory_of_the_sequence_numbers(place: Place) -> None:
    assert place.target.numbers is not None
    place.play("A.1.a")
    known = json.loads(place.target.numbers.read_text())
    place.target.numbers.unlink()
    assert {result.outcome for result in place.play("A.1.a")} == {PASSED}
    venue = next(name for name in known if "BROKER" in name)
    known[venue] += 1000  # as if the engine had lost its journal
    place.target.numbers.write_text(json.dumps(known))
    assert {result.outcome for result in place.play("A.1.a")} == {PASSED}


def test_nobody_at_the_desk(place: Place) -> None:
    with Sockets(place.target, timeout_s=TIMEOUT_S) as sockets:
        sockets.connect()
        results = list(Kit(sockets).play(cases(only=["A.1.a", "E.1.a"])))
    skipped = {result.run: result.why for result in results if result.outcome == SKIPPED}
    assert skipped == {
        "fix44-A.1.a-t2-instead": "halt symbol: nobody is at the desk of the OMS",
        "fix44-E.1.a": "phone P: nobody is at the desk of the OMS",
    }


# -- an engine with limits, and a venue that cannot do everything -------------------------------------------


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("desk"), "desk")
    made.engine.start()
    yield made
    made.engine.end()


def test_an_engine_with_collars_limits_and_a_simple_venue_fails_no_run(desk: Place) -> None:
    names = ["A.1.a", "C.2.a", "E.1.e", "E.1.f", "H.1.a", "I.1.a", "J.1.a", "K.1.a", "L.1.b"]
    results = desk.play(*names)
    assert [r for r in results if r.outcome == FAILED] == []
    why = {r.scenario: r.why for r in results if r.outcome == NOT_COMPARABLE}
    assert why == {
        "E.1.e": "SIM is not sent ExecInst Z",
        "E.1.f": "SIM is not sent OrdType 3",
        "H.1.a": "SIM is not sent TimeInForce 1",
        "K.1.a": "SIM is not sent ExecInst J",
    }
    assert {r.scenario for r in results if r.outcome == PASSED} >= {"A.1.a", "I.1.a", "J.1.a", "L.1.b"}


def test_runs_that_would_use_an_account_up_sell_what_others_have_bought(desk: Place) -> None:
    """The position limit is 100000, and 20 times 10000 are executed."""
    [client, *_] = [c for c in desk.target.clients if c.name == "CLIENT50"]
    venue = desk.target.venues[0]
    target = msgspec.structs.replace(
        desk.target,
        clients=(client,),
        venues=(msgspec.structs.replace(venue, symbols=venue.symbols[:1]),),
    )
    with Sockets(target, timeout_s=TIMEOUT_S) as sockets:
        sockets.connect()
        kit = Kit(sockets, desk.ask)
        [case] = cases(only=["fix44-A.1.a"])[:1]
        assert [kit.play_one(case).outcome for _ in range(20)] == [PASSED] * 20


def test_an_account_with_too_little_left_says_nothing_of_the_oms(desk: Place) -> None:
    [client] = [c for c in desk.target.clients if c.name == "CLIENT2"]
    # The kit does not know of the limit of this one.
    client = msgspec.structs.replace(client, accounts=("ACC-SMALL",), limits={})
    [result, *_] = desk.play("A.1.a", target=msgspec.structs.replace(desk.target, clients=(client,)))
    assert result.outcome == NOT_COMPARABLE
    assert result.why.endswith("but at the client 35=8 150=8 58=buying_power: 500000 USD exceeds what is left"
                               " of the buying power, 10000")  # fmt: skip
    # And if it does:
    [client] = [c for c in desk.target.clients if c.name == "CLIENT2"]
    client = msgspec.structs.replace(client, accounts=("ACC-SMALL",))
    [result, *_] = desk.play("A.1.a", target=msgspec.structs.replace(desk.target, clients=(client,)))
    assert (result.outcome, result.why) == (
        NOT_COMPARABLE, "no account of CLIENT2 has enough left for an order of this size",
    )  # fmt: skip


# -- an OMS that is wrong ------------------------------------------------------------------------------------

Change = Callable[[str], str]


class Relay:
    """Stands before the engine, and changes what it says. Messages keep their numbers."""

    def __init__(self, port: int, change: Change) -> None:
        self._change = change
        self._engine = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            engine = socket.create_connection(("127.0.0.1", self._engine))
            self._open += [client, engine]
            for source, sink, change in ((client, engine, str), (engine, client, self._change)):
                threading.Thread(target=self._pass_on, args=(source, sink, change), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, change: Change) -> None:
        data = b""
        try:
            while part := source.recv(1 << 16):
                data += part
                while (end := re.search(rb"\x0110=\d{3}\x01", data)) is not None:
                    message, data = data[: end.end()], data[end.end() :]
                    sink.sendall(_framed(change(message.decode("ascii"))))
            sink.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self) -> None:
        for one in (self._listener, *self._open):
            one.close()


def _framed(text: str) -> bytes:
    """With BodyLength and CheckSum as they have to be."""
    begin, _, rest = text.partition("\x019=")
    body = rest.partition("\x01")[2].rpartition("\x0110=")[0] + "\x01"
    data = f"{begin}\x019={len(body)}\x01{body}".encode("ascii")
    return data + f"10={sum(data) & 255:03d}\x01".encode()


def replaced(old: str, new: str) -> Change:
    """A wrong OMS: says something else, in reports only. A bar stands for the separator."""
    old, new = (text.replace("|", "\x01") for text in (old, new))
    return lambda text: text.replace(old, new) if "\x0135=8\x01" in text else text


def third_report_lost() -> Change:
    """A wrong OMS: does not report the second fill. Another message takes its number."""
    counts = itertools.count(1)

    def change(text: str) -> str:
        if "\x0135=8\x01" in text and next(counts) == 3:
            return text.replace("\x0135=8\x01", "\x0135=0\x01")
        return text

    return change


WRONG = (
    # what the OMS does                        the kit says of A.1.a
    (replaced("|151=8000|", "|151=8001|"),    "t3 E 35=8 11=X 150=F: 151 LeavesQty is 8001, not 8000"),
    (replaced("|39=2|", "|39=1|"),            "t5 E 35=8 11=X 150=F: 39 OrdStatus is 1, not 2"),
    (replaced("|14=3000|", "|"),              "t4 E 35=8 11=X 150=F: 14 CumQty is absent, not 3000"),
    (replaced("|150=0|", "|150=A|"),          "t2 E 35=8 11=X 150=0: 150 ExecType is A, not 0"),
    (third_report_lost(),                     "t4 E 35=8 11=X 150=F: nothing came"),
)  # fmt: skip


@pytest.mark.parametrize(("change", "says"), WRONG, ids=[row[1] for row in WRONG])
def test_a_wrong_oms_is_found_out(place: Place, change: Change, says: str) -> None:
    relay = Relay(place.engine.port, change)
    target = place.target
    clients = tuple(
        msgspec.structs.replace(client, section={**client.section, "SocketConnectPort": str(relay.port)})
        for client in target.clients
    )
    try:
        [result] = place.play("fix44-A.1.a", target=msgspec.structs.replace(target, clients=clients))[:1]
    finally:
        relay.close()
    assert result.outcome == FAILED
    assert says in result.why
    assert not show.good([result])


def test_the_relay_alone_changes_nothing(place: Place) -> None:
    text = "8=FIX.4.4\x019=5\x0135=0\x0110=163\x01"
    assert _framed(text) == text.encode()


# -- who is not there ----------------------------------------------------------------------------------------


def test_nobody_listens(place: Place) -> None:
    port = free_port()
    clients = tuple(
        msgspec.structs.replace(client, section={**client.section, "SocketConnectPort": str(port)})
        for client in place.target.clients
    )
    with (
        Sockets(msgspec.structs.replace(place.target, clients=clients)) as sockets,
        pytest.raises(Absent, match=rf"^127\.0\.0\.1:{port}: no OMS listens here \(Connection refused\)$"),
    ):
        sockets.connect()


def test_the_venue_s_port_is_in_use(place: Place) -> None:
    port = int(place.target.venues[0].section["SocketAcceptPort"])
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(
            Absent, match=f"^port {port}, where the OMS is to find its venue: somebody else listens"
        ),
    ):
        Sockets(place.target)


def test_the_oms_knows_no_such_venue(place: Place) -> None:
    venue = place.target.venues[0]
    venue = msgspec.structs.replace(venue, section={**venue.section, "SocketAcceptPort": str(free_port())})
    with (
        Sockets(msgspec.structs.replace(place.target, venues=(venue,))) as sockets,
        pytest.raises(Absent, match=r"^OMS has not logged on to its venue BROKER, which is here on port"),
    ):
        sockets.connect(0.3)


# -- the command ---------------------------------------------------------------------------------------------


def oms(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "oms", "conformance", *arguments],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_starts_an_engine_and_says_what_came_of_it(tmp_path: Path) -> None:
    config = copy_of_config(tmp_path, free_port())
    arguments = ["--start", "--only", "A.1.a", "--only", "more-replace_below_cum_qty", "--only", "D1"]
    arguments += ["--session", "CONF1", "--session", "CONF50"]
    done = oms(str(config), *arguments, "--json", cwd=tmp_path)
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["passed"], found["failed"], found["conforms"]) == (5, 0, True), done.stdout
    assert (done.returncode, done.stderr) == (0, "")
    assert found["runs"][0]["scenario"] == "A.1.a"
    assert found["runs"][0]["session"] == "CONF1"
    assert {run["why"] for run in found["runs"] if run["outcome"] == SKIPPED} <= {
        "no client session speaks FIX 4.2"
    }


def test_an_oms_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    port = free_port()
    config = copy_of_config(tmp_path, port)
    done = oms(str(config), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == f"oms: 127.0.0.1:{port}: no OMS listens here (Connection refused)\n"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--only", "Z.9"], 2, "oms: --only Z.9: there is no such scenario or run\n"),
        (["mine.cfg"], 3, "oms: mine.cfg: session BROKER has no Symbols\n"),
        (["--session", "X", "good.cfg"], 2, "oms: --session X: there is no such session in good.cfg\n"),
    ],
)
def test_what_cannot_be_played(tmp_path: Path, arguments: list[str], code: int, says: str) -> None:
    text = (ROOT / "sessions" / "conformance.cfg").read_text()
    (tmp_path / "good.cfg").write_text(text)
    (tmp_path / "mine.cfg").write_text(re.sub("^Symbols=.*", "", text, flags=re.M))
    done = oms(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", says)


# -- settings ------------------------------------------------------------------------------------------------


def test_the_settings_to_copy_describe_our_own_engine() -> None:
    ours = target_of(ROOT / "config" / "conformance.toml")
    copied = settings.read(ROOT / "sessions" / "conformance.cfg")

    def essence(target: Target) -> list[Any]:
        keys = ("BeginString", "SenderCompID", "TargetCompID", "SocketConnectPort", "SocketAcceptPort")
        sections = [session.section for session in (*target.clients, *target.venues)]
        return [[{k: s[k] for k in keys if k in s} for s in sections], [c.accounts for c in target.clients]]

    assert essence(ours) == essence(copied)
    assert [c.profile for c in ours.clients] == [c.profile for c in copied.clients]
    for venue, same in zip(ours.venues, copied.venues, strict=True):
        assert set(same.symbols) <= set(venue.symbols)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("SecondRequest=queue", "SecondRequest=maybe"), "SecondRequest is one of pass, queue, refuse, not 'maybe'"),
        (("ConnectionType=acceptor", "ConnectionType=both"), "ConnectionType is initiator"),
        (("Busts=restate", "Busts=D"), "Busts is one of cancel, restate, not 'D'"),
        (("Price=50", "MaxOrderQty=few"), "MaxOrderQty is not a number: 'few'"),
        (("FinalFill=done_for_day", "MaxPosition=none"), "MaxPosition is not a number: 'none'"),
        (("SocketAcceptPort=9889", "SocketAcceptPort=high"), "SocketAcceptPort is not a number: 'high'"),
        (("SenderCompID=BROKER\n", ""), "a [SESSION] has no SenderCompID"),
        (("ConnectionType=acceptor", "ConnectionType=initiator\nAccount=A\nSocketConnectHost=x\nSocketConnectPort=1"),
         "13 client sessions and 0 venue sessions"),
        (("[DEFAULT]", "[DEFAULT"), "line 10: neither a section nor a setting"),
    ],
)  # fmt: skip
def test_settings_that_are_wrong(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    path = tmp_path / "mine.cfg"
    path.write_text((ROOT / "sessions/conformance.cfg").read_text().replace(*change))
    with pytest.raises(settings.SettingsError, match=re.escape(says)) as caught:
        settings.read(path)
    assert str(caught.value).startswith(str(path))


# -- which run goes where ------------------------------------------------------------------------------------

NEEDS = {
    "fix44-A.1.a": {"final_fill": "pass"},
    "fix44-A.1.a-t2-instead": {},
    "fix44-B.1.a": {"pending": "on"},
    "fix44-B.1.a-t4-instead": {"pending": "off"},
    "fix44-B.1.c": {"pending": "on", "final_fill": "pass", "late_cancel": "reject"},
    "fix44-D.1.a": {"pending": "on", "final_fill": "pass"},
    "fix44-D.2.a": {"pending": "on", "second_request": "queue", "final_fill": "pass"},
    "fix44-D.2.d": {"pending": "on", "second_request": "refuse"},
    "fix44-F.1.a": {"cl_ord_ids": "session"},
    "fix44-F.1.b": {"poss_resend": "status", "cl_ord_ids": "session"},
    "fix44-J.1.b": {"pending": "on", "busts": "cancel"},
}


def test_a_run_needs_what_makes_a_difference_to_it() -> None:
    found = {case.run.name: kit.needs(case.run) for case in cases(["fix44"])}
    assert {name: found[name] for name in NEEDS} == NEEDS
    # Where requests are open together and nothing is said of it, they are passed on.
    assert [n for n, need in found.items() if need.get("second_request") == "pass"] == ["fix44-D.2.b"]
