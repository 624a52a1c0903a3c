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
from pathlib import Path
from typing import Final, Self

from oms import reference
from oms.config import Config, ConfigError, address, load, relative_to
from oms.conformance.settings import NUMBERS, ClientSession, Target, VenueSession, profile
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
    sessions = tuple(_client(config, section, defined) for section in clients)
    symbols = _symbols(config, sessions, defined)
    served = tuple(_venue(venues[name], symbols[name]) for name in venues if name in symbols)
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
    )


def _sections(config: Config, name: str) -> list[Section]:
    try:
        return read_settings(relative_to(config, name))
    except SettingsError as error:
        raise ConfigError(str(error)) from None


def _client(config: Config, theirs: Section, defined: list[ev.Event]) -> ClientSession:
    """The other end of a client session."""
    name = theirs["TargetCompID"]
    accounts = tuple(e.account for e in defined if isinstance(e, ev.AccountDefined) and name in e.sessions)
    if not accounts:
        raise ConfigError(f"{config.path}: client {name} has no account")
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
    given = config.profile.get(name)
    if given is None:
        return ClientSession(section, accounts, profile())
    return ClientSession(
        section,
        accounts,
        profile(given.pending_reports, given.poss_resend, given.second_request),
    )


def _venue(theirs: Section, symbols: tuple[str, ...]) -> VenueSession:
    """The other end of a session to a venue."""
    section = {
        "ConnectionType": "acceptor",
        "BeginString": theirs["BeginString"],
        "SenderCompID": theirs["TargetCompID"],
        "TargetCompID": theirs["SenderCompID"],
        "SocketAcceptPort": theirs["SocketConnectPort"],
    }
    return VenueSession({**section, **_version(theirs)}, symbols)


def _version(theirs: Section) -> Section:
    return {key: theirs[key] for key in ("DefaultApplVerID",) if key in theirs}


def _symbols(
    config: Config, clients: tuple[ClientSession, ...], defined: list[ev.Event]
) -> dict[str, tuple[str, ...]]:
    """Venue -> what goes there, in lots that suit, in a currency that every account has."""
    used = {account for client in clients for account in client.accounts}
    currencies = [
        {currency for currency, _ in event.buying_power}
        for event in defined
        if isinstance(event, ev.AccountDefined) and event.account in used
    ]
    allowed = set.intersection(*currencies)
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
