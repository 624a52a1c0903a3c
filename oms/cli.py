"""The command line: the roles (`run`, `sim`, `post`, `client`, `up`, `demo`) and the questions (`orders`,
`order`, `journal`, ...).

Every question takes `--json`. Errors are one line on standard error, and the exit code says of what kind:

    0  done, and what was checked agrees
    1  done, but something disagrees: breaks, a failed verification, an order that is not there
    2  the command line itself is wrong
    3  the configuration, or a file that it names, is wrong
    4  the journal cannot be used: locked by another engine, corrupt, of a newer version
    5  the system said no: a port in use, no permission, no engine listening
"""

import contextlib
import json
import logging
import signal
import sys
import threading
import time
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oms import __version__
from oms.config import Config, ConfigError, load, relative_to

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="An order management system that speaks FIX."
)
journal_app = typer.Typer(no_args_is_help=True, help="Look into a journal.")
app.add_typer(journal_app, name="journal")
routing_app = typer.Typer(no_args_is_help=True, help="The routing table.")
app.add_typer(routing_app, name="routing")

out = Console(highlight=False)

DISAGREES, USAGE, BAD_CONFIG, BAD_JOURNAL, SYSTEM = 1, 2, 3, 4, 5

DEFAULT_CONFIG = Path("config/demo.toml")

ConfigArgument = Annotated[Path, typer.Argument(help="A configuration file, for instance config/demo.toml.")]
ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The configuration whose journal is meant.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
JournalOption = Annotated[
    Path | None,
    typer.Option("--journal", "-j", help="A journal's directory, instead of the configuration's."),
]


def main() -> None:
    """Run the command line; known errors become one line and an exit code."""
    try:
        app()
    except ConfigError as error:
        _fail(str(error), BAD_CONFIG)
    except _unusable_journal() as error:
        _fail(str(error), BAD_JOURNAL)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), SYSTEM)
    except KeyboardInterrupt:
        sys.exit(130)


def _unusable_journal() -> tuple[type[Exception], ...]:
    """What says that a journal, or the books made from it, cannot be used."""
    from oms.history import NoJournal
    from oms.journal.errors import JournalError
    from oms.replay import DecisionDiffers

    found: tuple[type[Exception], ...] = (JournalError, NoJournal, DecisionDiffers)
    with contextlib.suppress(ImportError):  # the post-trade packages are an extra
        from oms.post.runner import FoldError, JournalMismatch
        from oms.post.store import StoreError

        found += (FoldError, JournalMismatch, StoreError)
    return found


def _fail(text: str, code: int) -> NoReturn:
    print(f"oms: {text}", file=sys.stderr)
    sys.exit(code)


def _print_json(value: object) -> None:
    out.out(json.dumps(plain(value), indent=1), highlight=False)


def plain(value: object) -> Any:
    """Structs, dataclasses and tuples as what JSON knows."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _print_rows(title: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        out.print(f"{title}: none")
        return
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        numeric = all(str(row[name]).replace(".", "").lstrip("-").isdigit() for row in rows)
        table.add_column(name, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(", ".join(map(str, v)) if isinstance(v, list) else str(v) for v in row.values()))
    out.print(table)


def _journal_of(config: Path, journal: Path | None) -> Path:
    return journal if journal is not None else Path(load(config).files.journal)


def _logging(verbose: bool) -> None:
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )


VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Log the events of every FIX session.")]


# -- roles ---------------------------------------------------------------------------------------------------


@app.command()
def run(config: ConfigArgument = DEFAULT_CONFIG, verbose: VerboseOption = False) -> None:
    """Run the engine for any FIX client, until Ctrl-C."""
    _logging(verbose)
    from oms.app import Engine, run_engine

    def started(engine: Engine) -> None:
        where = ":".join(map(str, engine.door.address)) if engine.door is not None else "nowhere"
        found = engine.recovery
        out.print(
            f"oms {__version__}: recovered {found.recovered.records} records"
            f" in {found.seconds * 1000:.0f} ms,"
            f" {len(engine.kernel.state.orders)} orders; clients connect to {where}"
        )

    run_engine(load(config), started)
    out.print("stopped")


@app.command()
def sim(
    config: ConfigArgument = Path("config/desk.toml"),
    scenario: Annotated[
        list[Path] | None,
        typer.Option(
            help="Play this scenario and end with its verdict; may be repeated.", show_default=False
        ),
    ] = None,
    tell: Annotated[
        str, typer.Option(help="Tell the running simulator something: 'halt AAPL', 'phase closing', ...")
    ] = "",
    orders_file: Annotated[
        Path | None, typer.Option(help="Write the brokers' orders here at the end and on SIGUSR1.")
    ] = None,
    spin: Annotated[bool, typer.Option(help="Never sleep.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the broker simulator: FIX venues with order books, until Ctrl-C or the end of the scenarios."""
    loaded = load(config)
    if tell:
        _tell_simulator(loaded, tell, as_json)
        return
    from oms.sim import verdict
    from oms.simulation import Simulator, scenario_of

    scenarios = [scenario_of(path) for path in scenario or ()]
    with Simulator(loaded, orders_file=orders_file, spin=spin) as simulator:
        if not as_json:
            names, ports = (
                ", ".join(simulator.venue.house.brokers),
                ", ".join(map(str, simulator.venue.ports)),
            )
            out.print(
                f"the broker simulator listens on 127.0.0.1:{ports}, {simulator.instruments} instruments"
                f" ({names})"
            )
        if not scenarios:
            simulator.run()
            out.print("stopped")
            return
        simulator.play(scenarios, lambda run: None if as_json else _announce(run.scenario))
        runs = simulator.runs
    if as_json:
        _print_json(verdict.as_data(runs))
    else:
        verdict.show(out, runs)
    if not verdict.good(runs) or len(runs) < len(scenarios):
        raise typer.Exit(DISAGREES)


def _announce(scenario: Any) -> None:
    out.print(f"[bold]{escape(scenario.title)}[/]")
    if scenario.about:
        out.print(escape(scenario.about.strip()))


def _tell_simulator(config: Config, words: str, as_json: bool) -> None:
    from oms.sim.control import ask

    if not config.sim.control:
        raise ConfigError(f"{config.path}: [sim] control is missing: the simulator's local socket")
    try:
        answer = ask(Path(config.sim.control), words)
    except (FileNotFoundError, ConnectionRefusedError):
        _fail(f"{config.sim.control}: no simulator listens here", SYSTEM)
    if as_json:
        _print_json(answer)
    elif answer["ok"]:
        out.print(escape(str(answer["said"])), soft_wrap=True)
    if not answer["ok"]:
        _fail(str(answer["error"]), USAGE)


@app.command()
def post(
    config: ConfigArgument = Path("config/desk.toml"),
    once: Annotated[bool, typer.Option(help="Apply what there is, and end.")] = False,
) -> None:
    """Run the post-trade worker: allocation, booking, confirmation; it tails the journal until Ctrl-C."""
    loaded = load(config)
    with _post_runner(loaded) as runner:
        if once:
            applied = runner.catch_up()
            out.print(f"applied {applied} records, up to sequence {runner.progress.last_seq}")
            return
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        out.print(f"the post-trade worker tails {loaded.files.journal} into {loaded.post.database}")
        runner.run(stop)
    out.print("stopped")


def _post_runner(config: Config) -> Any:
    from oms.post.runner import Runner
    from oms.reference import timezones

    Path(config.post.database).parent.mkdir(parents=True, exist_ok=True)
    return Runner(Path(config.files.journal), config.post.database, timezones=timezones(config))


@app.command()
def client(
    config: ConfigArgument = DEFAULT_CONFIG,
    count: Annotated[int, typer.Option("--count", "-n", help="How many messages to send.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed sends the same kinds of orders.")] = 1,
    sender: Annotated[str, typer.Option(help="SenderCompID.")] = "CLIENT1",
    window: Annotated[int, typer.Option(help="How many may be unanswered.")] = 64,
    as_json: JsonOption = False,
) -> None:
    """Send a seeded workload from a FIX client to a running engine and show what came of it."""
    loaded = load(config)
    from oms.demo import client_for, latency_row, run_workload

    with client_for(loaded, sender) as fix_client:
        fix_client.connect(timeout_s=10)
        summary = run_workload(loaded, fix_client, count, seed=seed, window=window, show=not as_json)
        view = fix_client.view
        row = {
            "sent": summary.sent,
            "answered": summary.answered,
            "orders": len(view.orders),
            "executions": len(view.executions),
            "messages_per_s": round(summary.rate_per_s),
            **latency_row(fix_client),
            "violations": view.violations,
        }
    if as_json:
        _print_json(row)
    else:
        for name, value in row.items():
            out.print(f"{name:>16}  {value}")
    if view.violations or summary.stalled:
        raise typer.Exit(DISAGREES)


@app.command()
def up(config: ConfigArgument = Path("config/desk.toml")) -> None:
    """Run engine, broker simulator and post-trade worker, each in a process of its own, until Ctrl-C."""
    from oms.up import Desk

    with Desk(config) as desk:
        signal.signal(signal.SIGTERM, lambda *_: desk.stop())
        desk.start()
        out.print("all are up; Ctrl-C stops them")
        desk.supervise()


@app.command()
def demo(
    count: Annotated[int, typer.Option("--count", "-n", help="How many messages the client sends.")] = 4000,
    seed: Annotated[int, typer.Option(help="The seed of the workload and of the market.")] = 1,
    directory: Annotated[
        Path, typer.Option("--dir", help="Where the demonstration writes; emptied first.")
    ] = Path("var/demonstration"),
    as_json: JsonOption = False,
) -> None:
    """Start everything, send orders, kill the engine half way, restart it, check that everybody agrees."""
    from oms.demo import run_demo

    raise typer.Exit(0 if run_demo(out, directory, count, seed, as_json) else DISAGREES)


# -- questions -----------------------------------------------------------------------------------------------


@app.command()
def orders(
    config: ConfigOption = DEFAULT_CONFIG,
    journal: JournalOption = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only orders that may still execute.")] = False,
    account: Annotated[str, typer.Option(help="Only this account.")] = "",
    symbol: Annotated[str, typer.Option(help="Only this symbol.")] = "",
    last: Annotated[int, typer.Option("--last", "-n", help="Only the newest so many; 0 for all.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """The orders as they stand."""
    from oms.history import brief, fold, order_row

    state = fold(_journal_of(config, journal))
    found = [
        order
        for order in (state.open_orders() if open_only else state.orders.values())
        if (not account or order.account == account) and (not symbol or order.symbol == symbol)
    ]
    rows = [order_row(state, order) for order in (found[-last:] if last else found)]
    if as_json:
        _print_json(rows)
    else:
        _print_rows(f"{len(rows)} of {len(found)} orders", [brief(row) for row in rows])


@app.command()
def order(
    name: Annotated[
        str, typer.Argument(help="An order's number, OrderID, ClOrdID, ListID, or the ExecID of a fill.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    journal: JournalOption = None,
    as_json: JsonOption = False,
) -> None:
    """One order's whole story: versions, requests, routes, executions, and every message in and out."""
    from oms.history import brief, fold, order_row, story

    directory = _journal_of(config, journal)
    found, lines = story(directory, name)
    if not found:
        _fail(f"{directory}: nothing is known of an order {name!r}", DISAGREES)
    state = fold(directory)
    rows = [order_row(state, state.orders[order_id]) for order_id in found]
    if as_json:
        _print_json({"orders": rows, "story": lines})
        return
    more = ("list_id",) if any(row["list_id"] for row in rows) else ()
    _print_rows("as it stands", [brief(row, *more) for row in rows])
    _print_story(lines)


def _print_story(lines: list[Any]) -> None:
    table = Table(title="what happened", title_justify="left", show_lines=False)
    for name in ("seq", "at (UTC)", "what", "facts"):
        table.add_column(name, justify="right" if name == "seq" else "left", overflow="fold")
    for line in lines:
        facts = "  ".join(f"{k}={v}" for k, v in line.facts.items() if v not in ("", 0) and k != "order_id")
        style = {"MessageIn": "cyan", "CommandTaken": "cyan", "MessageOut": "green"}.get(line.kind, "bold")
        table.add_row(str(line.seq), line.at, f"[{style}]{line.kind}[/]", facts.replace("[", "\\["))
    out.print(table)


@app.command("replay")
def replay_until(
    config: ConfigOption = DEFAULT_CONFIG,
    journal: JournalOption = None,
    until: Annotated[int | None, typer.Option("--until", help="The last record; none for all.")] = None,
    name: Annotated[str, typer.Option("--order", help="Only this order: its number.")] = "",
    as_json: JsonOption = False,
) -> None:
    """The state as it was just after a record: orders then open, or one order, and what each account held."""
    from oms.history import brief, order_row, replay, risk_rows

    state, seq = replay(_journal_of(config, journal), until)
    if until is not None and seq < until:
        _fail(f"the journal ends with record {seq}", DISAGREES)
    wanted = [o for o in state.orders.values() if str(o.order_id) == name] if name else state.open_orders()
    rows = [order_row(state, order) for order in wanted]
    found = {
        "seq": seq,
        "digest": state.digest(),
        "orders": len(state.orders),
        "counts": state.counts,
        "sessions_up": sorted(state.sessions_up),
        "risk": risk_rows(state),
    }
    if as_json:
        _print_json({**found, "shown": rows})
        return
    for key in ("seq", "digest", "orders", "sessions_up"):
        out.print(f"{key:>12}  {found[key]}")
    _print_rows("order" if name else "open orders", [brief(row) for row in rows])
    _print_rows("risk counters", risk_rows(state))


@journal_app.command()
def verify(
    config: ConfigOption = DEFAULT_CONFIG,
    journal: JournalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every record of a journal: checksums, their chain, sequences, segments."""
    from oms.history import need_journal
    from oms.journal.verify import verify as verify_journal

    directory = _journal_of(config, journal)
    need_journal(directory)
    report = verify_journal(directory)
    found = {
        "records": report.record_count,
        "first_seq": report.first_seq,
        "last_seq": report.last_seq,
        "segments": len(report.segments),
        "used_bytes": report.used_bytes,
        "epoch": report.epoch,
        "damage": report.damage,
    }
    if as_json:
        _print_json(found)
    else:
        for name, value in found.items():
            out.print(f"{name:>12}  {value if value is not None else 'none'}")
    if report.damage is not None:
        raise typer.Exit(DISAGREES)


@journal_app.command()
def dump(
    config: ConfigOption = DEFAULT_CONFIG,
    journal: JournalOption = None,
    from_seq: Annotated[int, typer.Option("--from", help="The first sequence.")] = 1,
    to_seq: Annotated[int | None, typer.Option("--to", help="The last sequence.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Every record in words, or one JSON object per line."""
    from oms import history

    for line in history.dump(_journal_of(config, journal), from_seq, to_seq):
        if as_json:
            print(json.dumps(plain(line)))
        else:
            facts = "  ".join(f"{k}={v}" for k, v in line.facts.items())
            print(f"{line.seq:>8}  {line.at}  {line.kind:<22} {facts}")


@app.command()
def reconcile(
    config: ConfigArgument = Path("config/desk.toml"),
    trade_file: Annotated[
        Path | None, typer.Option(help="The broker's file, instead of the configuration's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare our fills with the broker's own trade file."""
    loaded = load(config)
    from oms.post.reconciliation import reconcile as reconcile_with

    with _post_runner(loaded) as runner:
        runner.catch_up()
        file = trade_file or Path(loaded.post.trade_file)
        try:
            result = reconcile_with(runner.engine, loaded.post.broker, file, now_ns=time.time_ns())
        except ValueError as error:
            raise ConfigError(f"{file}: {error}") from None
    if as_json:
        _print_json(result)
    else:
        out.print(
            f"{result.venue}: {result.fills} fills of ours, {result.lines} trades of the broker,"
            f" {result.matched} agree; breaks: {result.summary}"
        )
        _print_rows("breaks", [plain(found) for found in result.breaks])
    if result.breaks:
        raise typer.Exit(DISAGREES)


@app.command()
def report(config: ConfigArgument = Path("config/desk.toml"), as_json: JsonOption = False) -> None:
    """The day after the trade: allocations, confirmations, postings, breaks."""
    loaded = load(config)
    from oms.post.report import report as report_of

    with _post_runner(loaded) as runner:
        runner.catch_up()
        found = report_of(runner.engine)
    if as_json:
        _print_json(found)
        return
    for name, value in plain(found).items():
        if not isinstance(value, list):
            out.print(f"{name:>20}  {value}")
    _print_rows("executed", [plain(row) for row in found.executed])
    _print_rows("reconciliations", [plain(row) for row in found.reconciliations])


@app.command()
def quality(
    config: ConfigOption = Path("config/desk.toml"),
    journal: JournalOption = None,
    by: Annotated[
        str, typer.Option(help="order, destination, venue, strategy, algorithm, symbol, ...")
    ] = "destination",
    plot: Annotated[Path | None, typer.Option(help="Draw it into a PNG as well.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Execution quality: slippage against arrival, VWAP and last price."""
    from oms.core import events as ev
    from oms.history import need_journal
    from oms.post.quality import BY, Quality, draw
    from oms.recovery import records

    if by not in BY:
        _fail(f"--by {by}: it is one of {', '.join(BY)}", USAGE)
    directory = _journal_of(config, journal)
    need_journal(directory)
    found = Quality().feed_all(ev.decode(body) for _, body in records(directory))
    rows = [plain(row) for row in found.rows(by)]
    if plot is not None:
        try:
            draw(found, "destination" if by == "order" else by, str(plot))
        except ImportError:
            _fail("--plot needs matplotlib: pip install matplotlib", SYSTEM)
    if as_json:
        _print_json(rows)
        return
    _print_rows(f"execution quality by {by}", rows)


@app.command()
def status(
    config: ConfigOption = DEFAULT_CONFIG,
    digest: Annotated[bool, typer.Option(help="With a hash over all of the state.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Ask a running engine how it is."""
    answer = _ask(config, {"do": "status", "digest": digest})
    if as_json:
        _print_json(answer)
    else:
        for name, value in answer.items():
            out.print(f"{name:>24}  {value}")


Scope = Annotated[str, typer.Option(help="all, account, symbol, session or venue.")]
Value = Annotated[str, typer.Option(help="Which one; empty for all.")]
Who = Annotated[str, typer.Option(help="Your name.")]
Why = Annotated[str, typer.Option(help="The reason.")]


@app.command()
def halt(
    who: Who, why: Why, scope: Scope = "all", value: Value = "", config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Stop new orders. Cancels still pass."""
    _ask(config, {"do": "halt", "scope": scope, "value": value, "who": who, "why": why})
    out.print(f"halted: {scope} {value}".rstrip())


@app.command()
def resume(
    who: Who, why: Why, scope: Scope = "all", value: Value = "", config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Lift a halt."""
    _ask(config, {"do": "resume", "scope": scope, "value": value, "who": who, "why": why})
    out.print(f"resumed: {scope} {value}".rstrip())


@app.command("end-day")
def end_day(
    who: Who,
    market: Annotated[str, typer.Option(help="ISO 10383 MIC; all markets if it is not given.")] = "",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End the trading day: day orders expire, day quantities start from 0."""
    _ask(config, {"do": "next_day", "who": who, "market": market})
    out.print(f"the day of {market or 'all markets'} has ended")


@app.command()
def phone(
    who: Who,
    session: Annotated[str, typer.Option(help="The client's session: it gets the reports.")],
    account: Annotated[str, typer.Option(help="The client's account.")],
    symbol: Annotated[str, typer.Option(help="Symbol(55).")],
    side: Annotated[str, typer.Option(help="buy or sell.")],
    qty: Annotated[str, typer.Option(help="Quantity.")],
    price: Annotated[str, typer.Option(help="Limit price; empty for a market order.")] = "",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Enter an order that a client gave by phone. Its reports carry no ClOrdID."""
    words = {"session": session, "account": account, "symbol": symbol, "side": side, "qty": qty}
    _ask(config, {"do": "phone", **words, "price": price, "who": who})
    out.print(f"entered: {side} {qty} {symbol}" + (f" at {price}" if price else ""))


By = Annotated[str, typer.Option("--approved-by", help="The second person, who approves it.")]


@app.command()
def fill(
    order: Annotated[str, typer.Argument(help="The order's number.")],
    qty: Annotated[str, typer.Argument(help="Quantity.")],
    price: Annotated[str, typer.Argument(help="Price.")],
    who: Who,
    approved_by: By,
    why: Why,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Enter a fill of an order that the manual desk has. It needs two people."""
    people = {"who": who, "approved_by": approved_by, "why": why}
    _ask(config, {"do": "fill", "order": order, "qty": qty, "price": price, **people})
    out.print(f"entered: order {order} executed {qty} at {price}")


@app.command()
def bust(
    order: Annotated[str, typer.Argument(help="The order's number.")],
    exec_id: Annotated[str, typer.Argument(help="The desk's ExecID of the fill.")],
    who: Who,
    approved_by: By,
    why: Why,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take back a fill that was entered at the manual desk. It needs two people."""
    people = {"who": who, "approved_by": approved_by, "why": why}
    _ask(config, {"do": "bust", "order": order, "exec_id": exec_id, **people})
    out.print(f"entered: order {order}, {exec_id} does not stand")


@app.command()
def route(
    dry_run: Annotated[Path, typer.Option("--dry-run", help="A CSV file of orders; none of them is sent.")],
    config: ConfigOption = DEFAULT_CONFIG,
    journal: JournalOption = None,
    rules: Annotated[
        Path | None, typer.Option(help="A routing table, instead of the configuration's.")
    ] = None,
    at: Annotated[str, typer.Option(help="When, UTC: 2026-11-25T14:30; empty for now.")] = "",
    up: Annotated[
        list[str] | None, typer.Option(help="Take this venue to be up.", show_default=False)
    ] = None,
    down: Annotated[
        list[str] | None, typer.Option(help="Take this venue to be down.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Also name the rules behind the first.")] = False,
    as_json: JsonOption = False,
) -> None:
    """What would become of each order of a file, by which rule, and what that looked at."""
    from oms import dry_run as dry
    from oms.app import known_to
    from oms.core import events as ev
    from oms.history import fold
    from oms.routing_file import load as load_table

    loaded = load(config)
    now_ns = _time_ns(at) if at else time.time_ns()
    defined, known = known_to(loaded)
    path = rules or (relative_to(loaded, loaded.reference.routing) if loaded.reference.routing else None)
    if path is not None:
        found = load_table(path, known, now_ns)
        defined.append(found.table)
        for warning in found.warnings:
            print(f"oms: {warning}", file=sys.stderr)
    directory = journal or Path(loaded.files.journal)
    there = journal is not None or any(directory.glob("*.journal"))
    state = dry.standing(defined, {*known.venues.values()}, fold(directory) if there else None, now_ns)
    for kind, names in ((ev.SessionLoggedOn, up or ()), (ev.SessionLoggedOut, down or ())):
        for name in names:
            if name not in known.venues:
                _fail(f"{name}: no venue is named so: {', '.join(sorted(known.venues))}", USAGE)
            state.apply(kind(now_ns, known.venues[name]))
    planned, problems = dry.read_orders(dry_run)
    rows = dry.outcomes(state, planned, now_ns, every)
    if as_json:
        _print_json({"orders": rows, "problems": problems})
    else:
        for row in rows:
            out.print(dry.sentence(row), markup=False, soft_wrap=True)
    for problem in problems:
        print(f"oms: {problem}", file=sys.stderr)
    if problems:
        raise typer.Exit(DISAGREES)


def _time_ns(text: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        _fail(f"--at {text}: not a time as 2026-11-25T14:30", USAGE)
    found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return int(found.timestamp()) * 1_000_000_000


@routing_app.command("check")
def routing_check(config: ConfigArgument = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Whether an engine would take the routing table as its file is now; everything that is wrong with it."""
    from oms.app import known_to
    from oms.routing_file import RoutingError
    from oms.routing_file import load as load_table

    loaded = load(config)
    if not loaded.reference.routing:
        raise ConfigError(f"{config}: [reference] routing names no table")
    path = relative_to(loaded, loaded.reference.routing)
    try:
        found = load_table(path, known_to(loaded)[1], time.time_ns())
    except RoutingError as error:
        if as_json:
            _print_json({"rules": 0, "errors": error.errors, "warnings": []})
            raise typer.Exit(BAD_CONFIG) from None
        raise
    for warning in found.warnings:
        print(f"oms: {warning}", file=sys.stderr)
    if as_json:
        _print_json({"rules": len(found.table.rules), "errors": [], "warnings": found.warnings})
    else:
        out.print(f"{path}: {len(found.table.rules)} rules, an order can come to each of them")


@routing_app.command("reload")
def routing_reload(who: Who, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Have a running engine read its routing table again. It takes all of it, or nothing."""
    answer = _ask(config, {"do": "reload_routing", "who": who}, BAD_CONFIG, timeout_s=60)
    for warning in answer["warnings"]:
        print(f"oms: {warning}", file=sys.stderr)
    if as_json:
        _print_json(answer)
    else:
        taken = "taken" if answer["changed"] else "as it was"
        out.print(f"the routing table is {taken}: {answer['rules']} rules")


def _ask(
    config: Path, question: dict[str, Any], refused: int = USAGE, timeout_s: float = 5.0
) -> dict[str, Any]:
    from oms.operator import ask

    path = Path(load(config).files.operator_socket)
    try:
        answer = ask(path, question, timeout_s)
    except (FileNotFoundError, ConnectionRefusedError):
        _fail(f"{path}: no engine listens here", SYSTEM)
    if not answer.pop("ok"):
        _fail(answer["error"], refused)
    return answer


@app.command()
def conformance(
    config: Annotated[
        Path,
        typer.Argument(help="A configuration of ours (.toml), or another OMS: see sessions/conformance.cfg."),
    ] = Path("config/conformance.toml"),
    only: Annotated[
        list[str] | None, typer.Option(help="Only this scenario or run; may be repeated.", show_default=False)
    ] = None,
    family: Annotated[
        list[str] | None, typer.Option(help="Only fix44, fix42 or more.", show_default=False)
    ] = None,
    session: Annotated[
        list[str] | None, typer.Option(help="Only this client session or venue.", show_default=False)
    ] = None,
    start: Annotated[bool, typer.Option("--start", help="Start an engine of that configuration.")] = False,
    operator: Annotated[
        Path | None, typer.Option(help="The operators' socket of the OMS, instead of the configuration's.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for a message that must come.")] = 2.0,
    grace: Annotated[
        float, typer.Option(help="Seconds to wait for one that must not, after all else has been answered.")
    ] = 0.005,
    as_json: JsonOption = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show what was expected and what came.")
    ] = False,
) -> None:
    """Play the FIX order state matrices against a running OMS: the kit is its clients and its venue."""
    from oms.conformance import kit, settings, show

    for name in family or ():
        if name not in kit.FAMILIES:
            _fail(f"--family {name}: it is one of {', '.join(kit.FAMILIES)}", USAGE)
    try:
        chosen = kit.cases(family or kit.FAMILIES, only or ())
    except LookupError as error:
        _fail(f"--only {error.args[0]}: there is no such scenario or run", USAGE)
    if start and config.suffix == ".cfg":
        _fail("--start needs a configuration of ours, a .toml file", USAGE)
    began = time.monotonic()
    try:
        results = _conformance_results(config, chosen, start, session or [], operator, timeout, grace)
    except settings.SettingsError as error:
        _fail(str(error), BAD_CONFIG)
    if as_json:
        _print_json(show.as_data(results))
    else:
        show.show(out, results, time.monotonic() - began, verbose)
    if not show.good(results):
        raise typer.Exit(DISAGREES)


def _conformance_results(
    config: Path,
    chosen: list[Any],
    start: bool,
    only: list[str],
    operator: Path | None,
    timeout: float,
    grace: float,
) -> list[Any]:
    """Every run's result, with a progress bar for who is there to see it."""
    from rich.progress import MofNCompleteColumn, Progress

    from oms.conformance import ours, settings
    from oms.conformance.kit import Kit
    from oms.conformance.sockets import Absent, Sockets
    from oms.operator import ask

    with contextlib.ExitStack() as stack:
        try:
            directory = stack.enter_context(ours.Engine(config)).directory if start else Path()
            target = settings.read(config) if config.suffix == ".cfg" else ours.target_of(config, directory)
            sockets = stack.enter_context(Sockets(target.only(only), timeout_s=timeout, grace_s=grace))
            sockets.connect()
        except Absent as error:
            _fail(str(error), SYSTEM)
        except LookupError as error:
            _fail(f"--session {error.args[0]}: there is no such session in {config}", USAGE)
        desk = operator or target.operator
        kit = Kit(sockets, (lambda question: ask(desk, question)) if desk is not None else None)
        screen = Console(stderr=True)
        columns = (*Progress.get_default_columns(), MofNCompleteColumn())
        bar = stack.enter_context(
            Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)
        )
        return list(bar.track(kit.play(chosen), total=len(chosen), description="playing"))


@app.command()
def version(as_json: JsonOption = False) -> None:
    """The version."""
    if as_json:
        _print_json({"version": __version__})
    else:
        out.print(__version__)
