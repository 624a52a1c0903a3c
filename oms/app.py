"""Wiring: one engine from one configuration. Nothing imports this but the command line and tests.

The order of a start: the journal's writer (it locks the directory and repairs a torn tail), recovery, the
events that the crash cut off, a new `EngineStarted`, changed reference data; then the FIX sessions with their
numbers and messages put back; last, the door opens. The order of a stop: the door closes, sessions log out,
the outbox is flushed, a snapshot is taken, the journal is closed.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import uvloop

from oms import __version__, destinations, manual, reference, routing_file
from oms.config import Config, ConfigError, address, relative_to
from oms.core import commands as cmd
from oms.core import days
from oms.core import events as ev
from oms.core.rules import router_of
from oms.fix.application import Application
from oms.fix.dialect import FIX42, VENUE_42, WRITERS, within_42
from oms.fix.door import NOBODY, Door, Watch, descriptor_with_peer, free_port
from oms.fix.sessions import Section, Sessions, SettingsError, read_settings, session_key, version_of
from oms.journal.writer import JournalWriter
from oms.kernel import Kernel
from oms.loop import TurnLoop, settle_heap
from oms.manual import NAME as DESK
from oms.manual import ManualDesk
from oms.operator import OperatorSocket
from oms.paper import CROSS, PaperVenue
from oms.paper import DEFINITION as PAPER_DEFINITION
from oms.paper import NAME as PAPER
from oms.recovery import recover_directory, sent_messages, take_snapshot

log = logging.getLogger("oms")

LOCAL = (PAPER, CROSS, DESK)
"""Venues of this process."""

_LOGOUT_S = 2.0
_ANSWER_S = 10.0
_LISTS_WAIT_S = 15.0

OF_CLIENTS: Final = {
    "cl_ord_ids": ("day", "open"),
}
"""What a profile may say of a client only: key and values."""

OF_VENUES: Final = {
    "exec_ids": ("day",),
    "reset": ("logon", "day"),
}
"""And of a venue only."""


class Engine:
    """One engine, started by the constructor. Drive it with `turn()`, or run it whole with `run_engine`."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clients, self.venues = _sessions_of(config)
        host, port = address(Path(config.path), "listen", config.fix.listen)
        defined = _definitions(config, self.venues)
        self.known = _known(config, defined, self.clients, self.venues)
        venue_names = [section["TargetCompID"] for section in self.venues]
        for section in self.venues:
            known = config.capability.get(section["TargetCompID"])
            if known is not None and "legs" in known.terms and version_of(section) == FIX42:
                raise ConfigError(
                    f"{config.path}: [capability.{section['TargetCompID']}]: terms: {FIX42} has no message"
                    " for an order with legs"
                )
        if config.reference.routing:
            defined.append(self._read_routing("").table)
        self.directory = Path(config.files.journal)
        self.journal = JournalWriter.open(
            self.directory, segment_bytes=config.files.segment_mib << 20, durability=config.engine.durability
        )
        try:
            self._start(defined, venue_names, host, port)
        except BaseException:
            self.journal.close()
            raise

    def _start(self, defined: list[ev.Event], venue_names: list[str], host: str, port: int) -> None:
        names = [*venue_names, *LOCAL]
        speakers = {s["TargetCompID"]: version_of(s) for s in (*self.clients, *self.venues)}
        writers = {name: WRITERS[version] for name, version in speakers.items() if version in WRITERS}
        timed = recover_directory(self.directory, names, LOCAL, self.journal.next_seq - 1, writers)
        found = timed.recovered
        for event in found.missing:
            self.journal.append(ev.encode(event))
        self.recovery = timed
        self.kernel = kernel = Kernel(
            found.state, found.ledger, self.journal, names, found.outbox, writers=writers
        )
        kernel.record(ev.EngineStarted(time.time_ns(), __version__, os.getpid(), self.journal.epoch))
        for event in reference.changes(kernel.state, defined):
            kernel.record(event)
        if kernel.state.routing is not None:
            router_of(kernel.state)  # It need not be compiled when the first order is there.
        # Days that ended while nobody was there end now, before anything is taken that comes after them.
        self._turn_days()
        kernel.commit()

        self.watch = Watch()
        keys = {session_key(s): s["TargetCompID"] for s in (*self.clients, *self.venues)}
        self.application = Application(kernel, keys, self.config.engine.durability == "machine")
        self.application.kept = {name: {} for name, p in kernel.state.profiles.items() if p.reset == "refuse"}
        inner_port = free_port()
        accepted = [{**s, "SocketAcceptPort": str(inner_port)} for s in self.clients]
        self.sessions = Sessions(self.application, accepted, self.venues)
        self._refill()
        self.door: Door | None = None
        # Nobody outside hears of this start before all that can fail of it has succeeded.
        if self.clients:
            self.sessions.poll_clients()
            who = {
                s["TargetCompID"]: (s["BeginString"], s["TargetCompID"], s["SenderCompID"])
                for s in self.clients
            }
            refusing = frozenset(who[name] for name in self.application.kept if name in who)
            self.door = Door(
                (host, port),
                frozenset(who.values()),
                self.sessions.poll_clients,
                inner_port,
                self.watch,
                refusing,
            )
        self.operator = OperatorSocket(
            Path(self.config.files.operator_socket),
            kernel.on_command,
            self.status,
            self.watch.add,
            self.reload_routing,
            lambda asked: manual.entered(kernel.state, asked, str(self.journal.next_seq)),
        )
        self.sessions.poll()
        self._venue_peers = {s["TargetCompID"]: _peer(s) for s in self.venues}
        self.paper = PaperVenue(
            kernel.state,
            lambda command: kernel.on_command(command, PAPER),
            f"{self.journal.epoch}.{self.journal.next_seq}",
        )
        kernel.local[PAPER] = self.paper
        cross = PaperVenue(
            kernel.state,
            lambda command: kernel.on_command(command, CROSS),
            f"{self.journal.epoch}.{CROSS}.{self.journal.next_seq}",
            CROSS,
            quotes=False,
        )
        kernel.local[CROSS] = cross
        desk = ManualDesk(kernel.state, lambda command: kernel.on_command(command, DESK))
        kernel.local[DESK] = desk
        self._open_local()
        for local in (self.paper, cross, desk):
            local.restore()
        kernel.take_queued()
        kernel.work()
        kernel.emulate()
        self._snapshot_seq = timed.from_snapshot
        self._prepared_seq = 0
        self._asked_s: dict[str, float] = {}  # venue -> since when a question of ours is open
        self._is_process = self.config.engine.durability == "process"
        self._lists_wait_until_s = time.monotonic() + _LISTS_WAIT_S if kernel.state.lists_due else 0.0
        self._spins = self.config.engine.spin_ms > 0
        self._turns = 0
        self._seen = 0
        kernel.flush(self.sessions.send)
        self.application.flush = partial(kernel.flush, self.sessions.send)
        settle_heap()

    def _open_local(self) -> None:
        """The venues of this process are there if orders can come to them."""
        state = self.kernel.state
        in_use = _in_use(self.config)
        in_use.update(rule.to for rule in (state.routing.rules if state.routing is not None else ()))
        for name in LOCAL:
            if name in in_use and name not in state.sessions_up:
                self.kernel.record(ev.SessionLoggedOn(time.time_ns(), name))
                if name == PAPER:
                    self.paper.publish_prices()

    def _read_routing(self, who: str) -> routing_file.Loaded:
        """The routing table as its file has it now. Raises ConfigError."""
        path = relative_to(self.config, self.config.reference.routing)
        loaded = routing_file.load(path, self.known, time.time_ns(), who)
        for warning in loaded.warnings:
            log.warning("%s", warning)
        return loaded

    def reload_routing(self, who: str) -> dict[str, Any]:
        """Read the routing table again: all of it is taken, or nothing. What operators are answered.

        The loop stands meanwhile. What a table may name is what was there at the start.
        """
        if not self.config.reference.routing:
            return {"ok": False, "errors": [f"{self.config.path}: [reference] routing names no table"]}
        try:
            loaded = self._read_routing(who)
        except ConfigError as error:
            return {"ok": False, "errors": str(error).split("\n")}
        table, current = loaded.table, self.kernel.state.routing
        changed = current is None or not reference.is_same(current, table)
        if changed:
            self.kernel.record(table)
            router_of(self.kernel.state)
            self._open_local()
            self.kernel.commit()
        return {"ok": True, "rules": len(table.rules), "changed": changed, "warnings": loaded.warnings}

    def _refill(self) -> None:
        """Give every session its numbers and messages back."""
        ledger = self.kernel.ledger
        sent = sent_messages(self.directory, self.recovery)
        for name in self.sessions.names():
            numbers = ledger.of(name)
            self.sessions.refill(name, numbers.next_out, numbers.next_in, sent.get(name, {}))

    def turn(self) -> bool:
        """Poll everything once and send what was decided.

        True if there was work. Raises what broke an invariant.
        """
        self._turns += 1
        # Who knocks at the door can wait for a few of the turns of a loop that does not sleep.
        ready = NOBODY if self._spins and self._turns & 7 else self.watch.drain()
        busy = False
        # An accept that finds nobody costs as much as reading an order: only where somebody knocks or waits.
        if self.door is not None and self.door.wants(ready):
            busy = self.door.turn()
        self.application.first = self._is_process
        self.sessions.poll()
        if self.application.failure is not None:
            raise self.application.failure
        if self.application.to_restore:
            self.sessions.restore()
        if self.application.catching_up:
            self.sessions.catch_up()
        if ready:
            busy |= self.operator.turn()
        if self.kernel.state.waiting.any:
            busy |= bool(self.kernel.work())
        if self.kernel.state.lists_due and self._lists_may_go_on():
            self.kernel.work_lists()
            busy = True
        if self.kernel.state.emulated.any:
            busy |= bool(self.kernel.emulate())
        busy |= bool(self.kernel.flush(self.sessions.send))
        if self.application.activity != self._seen:
            self._seen = self.application.activity
            self._watch_new_venues()
            return True
        if not busy:
            self.idle()
        return busy

    def _lists_may_go_on(self) -> bool:
        """Lists that the last stop has cut in half wait for the venues a while: they are about to log on, and
        to say what they have.
        """
        if self._lists_wait_until_s:
            state = self.kernel.state
            ready = self._venue_peers.keys() <= state.sessions_up and not state.questions
            if time.monotonic() < self._lists_wait_until_s and not ready:
                return False
            self._lists_wait_until_s = 0.0
        return True

    def idle(self) -> None:
        """What can wait for a turn without work: the next segment, a snapshot."""
        if self.journal.next_seq != self._prepared_seq and not self.journal.prepare_next():
            # Nothing left to prepare until more is written.
            self._prepared_seq = self.journal.next_seq
        if self.journal.next_seq - 1 - self._snapshot_seq >= self.config.engine.snapshot_every:
            self.snapshot()

    def snapshot(self) -> None:
        """Write a snapshot of the state as it is."""
        # Synced at any level: a power loss must not leave a snapshot that the journal does not explain.
        self.kernel.commit()
        self.journal.sync()
        self._snapshot_seq = self.journal.next_seq - 1
        take_snapshot(self.directory, self.kernel, self._snapshot_seq)

    def tick(self) -> None:
        """Once a second."""
        self.sessions.tick()
        for name in sorted(self.kernel.state.resets_due):
            self.sessions.restart(name, "the day has ended: sequence numbers begin again")
        self._mind_questions()
        self._turn_days()

    def _turn_days(self) -> None:
        """End and begin the trading days whose time has come."""
        for command in days.due(self.kernel.state, time.time_ns()):
            self.kernel.on_command(command, "calendar")
        self.kernel.expire()

    def _mind_questions(self) -> None:
        """A venue that does not answer is not waited for for ever."""
        now_s = time.monotonic()
        for venue in list(self.kernel.state.questions):
            if now_s - self._asked_s.setdefault(venue, now_s) > _ANSWER_S:
                log.warning("%s does not answer what it is asked about its orders", venue)
                self.kernel.on_command(cmd.StopAsking(venue), "timer")
        self._asked_s = {v: s for v, s in self._asked_s.items() if v in self.kernel.state.questions}

    def status(self, digest: bool = False) -> dict[str, Any]:
        """How the engine is, for operators. The digest, over all of the state, stops the loop meanwhile."""
        state = self.kernel.state
        return {
            "version": __version__,
            "pid": os.getpid(),
            "epoch": state.epoch,
            "last_seq": self.journal.next_seq - 1,
            "orders": len(state.orders),
            "open_orders": len(state.open_orders()),
            "sessions_up": sorted(state.sessions_up),
            "being_asked": sorted(state.questions),
            "halts": [
                {"scope": s, "value": v, "who": who, "why": why} for (s, v), (who, why) in state.halts.items()
            ],
            "counts": state.counts,
            "waiting": sum(1 for o in state.open_orders() if o.plan is not None and o.plan.waits),
            "stuck": {
                str(o.order_id): o.plan.stuck
                for o in state.open_orders()
                if o.plan is not None and o.plan.stuck
            },
            "markets": {
                market: days.market_state(state, market, time.time_ns()).phase for market in self._markets()
            },
            "recovered_records": self.recovery.recovered.records,
            "recovered_from_snapshot": self.recovery.from_snapshot,
            "recovery_s": round(self.recovery.seconds, 6),
        } | ({"digest": state.digest()} if digest else {})

    def _markets(self) -> list[str]:
        """Every market that has an instrument."""
        return sorted({instrument.market for instrument in self.kernel.state.instruments.values()})

    def stop(self) -> None:
        """Log everybody out, keep what is left to keep, close."""
        if self.door is not None:
            self.door.close()
        self.sessions.log_out("the engine stops")
        deadline = time.monotonic() + _LOGOUT_S
        while self.sessions.any_up() and time.monotonic() < deadline and self.application.failure is None:
            self.sessions.poll()
            self.kernel.flush(self.sessions.send)
            time.sleep(0.001)
        self.kernel.flush(self.sessions.send)
        self.operator.close()
        if self.application.failure is None:
            self.snapshot()
        self.journal.close()

    def _watch_new_venues(self) -> None:
        """Wake up for a venue's socket from its logon on."""
        while self.application.on_up:
            peer = self._venue_peers.get(self.application.on_up.pop())
            fd = descriptor_with_peer(peer) if peer is not None else None
            if fd is not None:
                self.watch.add(fd)


def run_engine(config: Config, started: Callable[[Engine], None] = lambda engine: None) -> None:
    """Run until SIGINT or SIGTERM.

    `started` is told once the door is open. Raises what stopped the engine.
    """
    uvloop.run(_run(config, started))


async def _run(config: Config, started: Callable[[Engine], None]) -> None:
    engine = Engine(config)
    turns = TurnLoop(engine.turn, engine.tick, engine.watch.fileno(), config.engine.spin_ms / 1000)
    loop = asyncio.get_running_loop()
    # After the import of quickfix, which puts SIGINT back to its default.
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, turns.stop)
    try:
        started(engine)
        await turns.run()
    finally:
        engine.stop()


def known_to(config: Config) -> tuple[list[ev.Event], routing_file.Known]:
    """The reference data of a configuration, as an engine would record it, and what a routing table may name.

    Raises ConfigError.
    """
    clients, venues = _sessions_of(config)
    defined = _definitions(config, venues)
    return defined, _known(config, defined, clients, venues)


def _definitions(config: Config, venues: list[Section]) -> list[ev.Event]:
    """The reference data but for the routing table, which may name anything of it. Raises ConfigError."""
    old = {section["TargetCompID"] for section in venues if version_of(section) == FIX42}
    defined = [_within(config, event, old) for event in reference.definitions(config, time.time_ns())]
    defined += [PAPER_DEFINITION, msgspec.structs.replace(PAPER_DEFINITION, venue=CROSS)]
    defined += [msgspec.structs.replace(VENUE_42, venue=v) for v in sorted(old - set(config.capability))]
    venue_names = [section["TargetCompID"] for section in venues]
    return defined + destinations.definitions(config, [*venue_names, *LOCAL], time.time_ns())


def _known(
    config: Config, defined: list[ev.Event], clients: list[Section], venues: list[Section]
) -> routing_file.Known:
    """What a routing table may name. Raises ConfigError, also for what else names nothing."""
    client_names = [section["TargetCompID"] for section in clients]
    venue_names = [section["TargetCompID"] for section in venues]
    _check_names(config, client_names, venue_names)
    return routing_file.known(config, defined, client_names, (*venue_names, *LOCAL))


def _sessions_of(config: Config) -> tuple[list[Section], list[Section]]:
    try:
        clients = read_settings(relative_to(config, config.fix.clients)) if config.fix.clients else []
        venues = [
            section for name in config.fix.venues for section in read_settings(relative_to(config, name))
        ]
    except SettingsError as error:
        raise ConfigError(str(error)) from None
    names = [section["TargetCompID"] for section in (*clients, *venues)]
    for name in names:
        if names.count(name) > 1 or name in LOCAL:
            raise ConfigError(
                f"{config.path}: two sessions are named {name}: a TargetCompID must be used once"
            )
    for section in venues:
        if not section.get("SocketConnectHost") or not section.get("SocketConnectPort", "").isdigit():
            raise ConfigError(
                f"{config.path}: venue session {section['TargetCompID']}"
                " needs SocketConnectHost and SocketConnectPort"
            )
    return clients, venues


def _within(config: Config, event: ev.Event, old: set[str]) -> ev.Event:
    """A definition as it is; of a venue of FIX 4.2, as far as that has words for it. Raises ConfigError."""
    if not isinstance(event, ev.VenueDefined) or event.venue not in old:
        return event
    try:
        return within_42(event)
    except ValueError as error:
        raise ConfigError(f"{config.path}: [capability.{event.venue}]: {error}") from None


def _in_use(config: Config) -> set[str]:
    """The names that orders may be sent to."""
    return {
        config.engine.venue,
        *config.venues.values(),
        *(name for table in config.destination.values() for name in (table.venue, table.reroute_to)),
        *(leg for table in config.strategy.values() for leg, _ in table.legs),
    }


def _check_names(config: Config, clients: list[str], venues: list[str]) -> None:
    """What names a session names one that there is. Raises ConfigError."""
    known = destinations.names(config, [*LOCAL, *venues])
    for name in {config.engine.venue, *config.venues.values()}:
        if name not in known:
            raise ConfigError(
                f"{config.path}: orders are to go to venue {name!r}, which is neither 'paper'"
                " nor a session of [fix] venues, nor a destination or a strategy"
            )
    for name, profile in config.profile.items():
        if name not in (*clients, *venues):
            raise ConfigError(f"{config.path}: [profile.{name}]: no session of [fix] is named so")
        wrong = OF_CLIENTS if name in venues else OF_VENUES
        for key, values in wrong.items():
            value = getattr(profile, key)
            if value in values:
                whose = "client" if name in venues else "venue"
                raise ConfigError(
                    f"{config.path}: [profile.{name}]: {key} = {value!r} is for a {whose}'s session"
                )
    for name in config.capability:
        if name not in venues:
            raise ConfigError(f"{config.path}: [capability.{name}]: no session of [fix] venues is named so")


def _peer(section: Section) -> tuple[str, int]:
    return section["SocketConnectHost"], int(section["SocketConnectPort"])
