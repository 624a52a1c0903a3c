"""The kit's view of an engine of ours, out of its configuration; and an engine of its own, for who has none.

The kit takes the place of everybody around the engine: it is each of the clients of `[fix] clients`, with the
accounts that they may trade and the profiles that they have, and the venue that orders go to.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Final, Self

from oms import reference
from oms.config import Config, ConfigError, ProfileTable, address, load, relative_to
from oms.conformance.settings import NUMBERS, USUAL, ClientSession, Limits, Target, VenueSession
from oms.conformance.sockets import Absent
from oms.core import events as ev
from oms.core.types import SCALE
from oms.fix.sessions import Section, SettingsError, read_settings

LOT: Final = 100
"""Every quantity of the transcripts is a multiple of it."""

_START_S: Final = 30.0
_STOP_S: Final = 10.0


def target_of(path: Path, working_directory: Path = Path()) -> Target:
    """What a configuration of ours says to who is on the other side. Raises ConfigError."""
    config = load(path)
    clients = _sections(config, config.fix.clients) if config.fix.clients else []
    venues = {
        section["TargetCompID"]: section for name in config.fix.venues for section in _sections(config, name)
    }
    if not clients:
        raise ConfigError(f"{path}: no [fix] clients: there is nobody that the kit could be")
    defined = reference.definitions(config, 0)
    currencies = _currencies(config, clients, defined)
    sessions = tuple(_client(config, section, currencies, defined) for section in clients)
    symbols = _symbols(config, currencies, defined)
    firm = next(event for event in defined if isinstance(event, ev.FirmDefined))
    able = {event.venue: event for event in defined if isinstance(event, ev.VenueDefined)}
    served = tuple(_venue(venues[name], symbols[name], able.get(name)) for name in venues if name in symbols)
    if not served:
        raise ConfigError(
            f"{path}: no order goes to a session of [fix] venues, with an instrument that every client may"
            " trade: the kit has to be a venue"
        )
    return Target(
        path,
        sessions,
        served,
        publishes=True,
        operator=working_directory / config.files.operator_socket,
        numbers=working_directory / NUMBERS,
        max_order_qty=Decimal(firm.max_order_qty) / SCALE,
        max_order_worth=_least(firm.max_order_notional, currencies),
    )


def _sections(config: Config, name: str) -> list[Section]:
    try:
        return read_settings(relative_to(config, name))
    except SettingsError as error:
        raise ConfigError(str(error)) from None


def _client(config: Config, theirs: Section, currencies: set[str], defined: list[ev.Event]) -> ClientSession:
    """The other end of a client session."""
    name = theirs["TargetCompID"]
    limits = {
        event.account: Limits(Decimal(event.position_limit) / SCALE, _least(event.buying_power, currencies))
        for event in _accounts(config, name, defined)
    }
    host, port = address(Path(config.path), "listen", config.fix.listen)
    section = {
        "ConnectionType": "initiator",
        "BeginString": theirs["BeginString"],
        "SenderCompID": name,
        "TargetCompID": theirs["SenderCompID"],
        "SocketConnectHost": "127.0.0.1" if host == "0.0.0.0" else host,
        "SocketConnectPort": str(port),
    }
    section |= _version(theirs)
    given = config.profile.get(name, ProfileTable())
    profile = {word: getattr(given, word) for word in USUAL if word != "pending"}
    profile["pending"] = "on" if given.pending_reports else "off"
    return ClientSession(section, tuple(limits), profile, limits)


def _venue(theirs: Section, symbols: tuple[str, ...], able: ev.VenueDefined | None) -> VenueSession:
    """The other end of a session to a venue. What it is not sent is none of its business."""
    section = {
        "ConnectionType": "acceptor",
        "BeginString": theirs["BeginString"],
        "SenderCompID": theirs["TargetCompID"],
        "TargetCompID": theirs["SenderCompID"],
        "SocketAcceptPort": theirs["SocketConnectPort"],
    }
    takes: dict[str, frozenset[str]] = {}
    if able is not None:
        takes = {"40": frozenset(able.ord_types), "59": frozenset(able.times_in_force)}
        if "exec_inst" not in able.terms or able.exec_insts:
            takes["18"] = frozenset(able.exec_insts)
    return VenueSession({**section, **_version(theirs)}, symbols, takes)


def _version(theirs: Section) -> Section:
    return {key: theirs[key] for key in ("DefaultApplVerID",) if key in theirs}


def _accounts(config: Config, client: str, defined: list[ev.Event]) -> list[ev.AccountDefined]:
    """Those that a client's orders may have."""
    found = [e for e in defined if isinstance(e, ev.AccountDefined) and client in e.sessions]
    if not found:
        raise ConfigError(f"{config.path}: client {client} has no account")
    return found


def _currencies(config: Config, clients: list[Section], defined: list[ev.Event]) -> set[str]:
    """Those that every client's every account has, and in which an order may be worth something."""
    names = [section["TargetCompID"] for section in clients]
    tables = [account.buying_power for name in names for account in _accounts(config, name, defined)]
    tables += [event.max_order_notional for event in defined if isinstance(event, ev.FirmDefined)]
    return set.intersection(*({currency for currency, _ in table} for table in tables))


def _least(table: tuple[tuple[str, int], ...], currencies: set[str]) -> Decimal:
    """What is allowed in each of these currencies."""
    amounts = dict(table)
    return Decimal(min((amounts.get(currency, 0) for currency in currencies), default=0)) / SCALE


def _symbols(config: Config, allowed: set[str], defined: list[ev.Event]) -> dict[str, tuple[str, ...]]:
    """Venue -> what goes there, in lots that suit, in a currency that may be used."""
    found: dict[str, list[str]] = {}
    for event in defined:
        if (
            isinstance(event, ev.InstrumentDefined)
            and event.currency in allowed
            and LOT * SCALE % event.lot_size == 0
        ):
            venue = config.venues.get(event.market, config.engine.venue)
            found.setdefault(venue, []).append(event.symbol)
    return {venue: tuple(symbols) for venue, symbols in found.items()}


class Engine:
    """`oms run` in a temporary directory, which goes with it. A context manager."""

    def __init__(self, config: Path) -> None:
        self.config = config.resolve()
        self._folder = tempfile.TemporaryDirectory(prefix="oms-conformance-")
        self.directory = Path(self._folder.name)
        self._log = self.directory / "engine.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        """Start it and wait until it answers its operators. Raises Absent, with the last it said."""
        source = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH", ""))))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "oms", "run", str(self.config)],
                cwd=self.directory,
                env={**os.environ, "PYTHONPATH": paths},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        where = str(self.directory / load(self.config).files.operator_socket)
        deadline = time.monotonic() + _START_S
        while True:
            if self._process.poll() is not None:
                raise Absent(f"the engine did not start: {self._last_line()}")
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(where) == 0:
                    return
            if time.monotonic() > deadline:
                raise Absent(f"the engine did not answer within {_START_S:g} s: {self._last_line()}")
            time.sleep(0.02)

    def _last_line(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it says nothing"

    def close(self) -> None:
        """Stop it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._folder.cleanup()
