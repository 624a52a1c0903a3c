"""Engines, clients and instruments for the tests of this folder.

`engine` is shared by the tests of a module and started anew if a test has broken it; every test of it takes
an instrument of its own and logs on with ResetSeqNumFlag, so that tests do not see each other. `alone` is an
engine of the test's own.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.engine_process import SYMBOLS, EngineProcess, free_port
from tests.support.raw_client import RawClient
from tests.support.raw_venue import RawVenue

TICK = Decimal("0.01")


@dataclass(frozen=True)
class Market:
    """One instrument of the paper venue, which quotes 200 at each of three ticks either side of `middle`."""

    symbol: str
    middle: Decimal

    def at(self, ticks: int) -> Decimal:
        """A price so many ticks from the middle."""
        return self.middle + ticks * TICK


class SharedEngine:
    """One engine for many tests, replaced when one of them has stopped or blocked it."""

    def __init__(self, make: Callable[[], EngineProcess]) -> None:
        self._make = make
        self._engine: EngineProcess | None = None
        self.symbols = itertools.cycle(SYMBOLS)

    def get(self) -> EngineProcess:
        if self._engine is not None and not _answers(self._engine):
            self.end()
        if self._engine is None:
            self._engine = self._make().start()
        return self._engine

    def end(self) -> None:
        if self._engine is not None:
            self._engine.end()
            self._engine = None


def _answers(engine: EngineProcess) -> bool:
    with contextlib.suppress(OSError):
        return bool(engine.status()["ok"])
    return False


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedEngine]:
    engines = SharedEngine(lambda: EngineProcess(tmp_path_factory.mktemp("engine")))
    yield engines
    engines.end()


@pytest.fixture
def engine(shared: SharedEngine) -> EngineProcess:
    return shared.get()


@pytest.fixture
def clients(engine: EngineProcess) -> Iterator[Callable[[str], RawClient]]:
    """Makes clients of the shared engine, not yet logged on, and logs them out in the end."""
    made: list[RawClient] = []

    def make(name: str) -> RawClient:
        made.append(RawClient(engine.port, name, account=f"MAIN{name[-1]}"))
        return made[-1]

    yield make
    leave(made)


def leave(clients: list[RawClient]) -> None:
    """Log out who is still there."""
    for client in clients:
        if client.is_open:
            try:
                client.log_out()
            except AssertionError:
                client.drop()


@pytest.fixture
def client(clients: Callable[[str], RawClient]) -> RawClient:
    """CLIENT1, logged on, at number 2 in both directions."""
    made = clients("CLIENT1")
    made.reset()
    return made


@pytest.fixture
def other(clients: Callable[[str], RawClient]) -> RawClient:
    """CLIENT2, logged on."""
    made = clients("CLIENT2")
    made.reset()
    return made


def learn(client: RawClient, symbol: str) -> Market:
    """Where the paper venue quotes: buy one at the market, one tick above the middle."""
    client.order(symbol, "1", 1)
    price = client.take_all(2)[1][31]
    return Market(symbol, Decimal(price) - TICK)


@pytest.fixture
def market(shared: SharedEngine, client: RawClient) -> Market:
    """An instrument that no other test of the module trades."""
    return learn(client, next(shared.symbols))


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[EngineProcess]:
    """An engine of the test's own, not yet started."""
    process = EngineProcess(tmp_path / "engine")
    yield process
    process.end()


@pytest.fixture
def alone_client(alone: EngineProcess) -> Iterator[RawClient]:
    """CLIENT1 of `alone`, not logged on."""
    made = RawClient(alone.port)
    yield made
    made.drop()


@dataclass
class Desk:
    """An engine whose orders go to a scripted venue, the venue, and a client."""

    engine: EngineProcess
    venue: RawVenue
    client: RawClient

    def end(self) -> None:
        """Everybody leaves."""
        self.engine.end()
        self.client.drop()
        self.venue.hang_up()


def new_desk(folder: Path) -> Desk:
    """Nothing of it is started or logged on."""
    port = free_port()
    process = EngineProcess(folder, venue_port=port)
    return Desk(process, RawVenue(port), RawClient(process.port))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk of the test's own: nothing of it is started or logged on."""
    made = new_desk(tmp_path / "engine")
    yield made
    made.end()
