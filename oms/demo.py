"""The demonstration: everything at once, killed half way, and compared at the end.

Four parties work on the same orders: a FIX client (in this process), the engine, the broker simulator and the
post-trade worker (a process each). The client sends a seeded workload over TCP; half way the engine is killed
with SIGKILL, without warning, and started again. At the end each party's own record is asked the same
questions, and every pair must agree:

- the client's view, kept from the reports it got, against the engine's journal;
- the engine's journal against the simulator's own orders;
- the journal against the post-trade books, and these against the simulator's trade file;
- the journal against an auditor that shares no code with the engine.
"""

import json
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from oms.config import Config, address, load, relative_to
from oms.core import events as ev
from oms.core.order import ord_status
from oms.core.state import State
from oms.core.types import format_scaled
from oms.fix.door import free_port
from oms.history import fold
from oms.journal.verify import verify
from oms.post.reconciliation import reconcile
from oms.post.report import report
from oms.post.runner import Runner
from oms.recovery import records
from oms.sim.auditor import Auditor
from oms.sim.client import Client
from oms.sim.instruments import load_instruments
from oms.sim.prices import first_prices
from oms.sim.workload import Summary, Workload, run
from oms.up import Desk

ACCOUNTS: Final = {
    "CLIENT1": ("ACC-ALPHA", "ACC-BETA", "BLOCK1"),
    "CLIENT2": ("ACC-BETA", "ACC-SMALL"),
}
"""What a client session trades in the workload: see config/accounts.toml."""

_SYMBOLS: Final = 60
_QUIET_S: Final = 20.0
_WINDOW: Final = 16


# -- pieces that `oms client` uses as well -------------------------------------------------------------------


def client_for(config: Config, sender: str) -> Client:
    """A client of that configuration's engine.

    It starts its sequence numbers anew, since it keeps nothing.
    """
    host, port = address(Path(config.path), "listen", config.fix.listen)
    settings = Path(config.path).parent / "../sessions/sim-client.cfg"
    return Client(host=host, port=port, sender=sender, settings=settings, reset_first_logon=True)


def workload_for(config: Config, sender: str, seed: int) -> Workload:
    """A workload over the first instruments, with the accounts of the sender, near the prices the venue
    starts from.
    """
    instruments = load_instruments(
        relative_to(config, config.reference.instruments), relative_to(config, config.reference.tick_rules)
    )
    traded = instruments[:: max(len(instruments) // _SYMBOLS, 1)]
    prices = (
        first_prices(config.sim.seed, traded)
        if config.engine.venue != "paper"
        else _paper_prices(config, traded)
    )
    return Workload(traded, prices, ACCOUNTS.get(sender, ("ACC-BETA",)), seed=seed)


def _paper_prices(config: Config, traded: list[Any]) -> dict[str, Any]:
    """The paper venue's prices, as the journal of its engine has them."""
    known = fold(Path(config.files.journal)).reference_px
    return {instrument.symbol: known[instrument.symbol] for instrument in traded}


def run_workload(
    config: Config, client: Client, count: int, *, seed: int, window: int, show: bool
) -> Summary:
    """Send a workload with a progress bar."""
    workload = workload_for(config, client.sender, seed)
    with _progress(show) as bar:
        task = bar.add_task("messages", total=count)
        return run(
            client,
            workload,
            count,
            window=window,
            on_progress=lambda s: bar.update(task, completed=s.answered),
        )


def latency_row(client: Client) -> dict[str, float]:
    """Percentiles of the time from sending to the first report, in microseconds."""
    latencies = client.latencies_ns()
    if not len(latencies):
        return {}
    return {
        f"latency_us_p{name}": round(float(np.percentile(latencies, q)) / 1000, 1)
        for name, q in (("50", 50), ("90", 90), ("99", 99))
    }


def _progress(show: bool, console: Console | None = None) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        disable=not show,
        console=console,
    )


# -- the demonstration ---------------------------------------------------------------------------------------


class Outcome(Struct):
    """What a demonstration found."""

    numbers: dict[str, Any]
    disagreements: list[str]


def prepare(directory: Path, source: Path = Path("config/desk.toml")) -> Path:
    """Write a configuration like `source` into an empty directory, with ports that are free.

    Returns its path.
    """
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "sessions").mkdir(parents=True)
    (directory / "config").mkdir()
    config = load(source)
    venue_port, client_port = free_port(), free_port()
    for name in ("clients.cfg", "venue-sim.cfg", "sim.cfg", "sim-client.cfg"):
        text = (source.parent / "../sessions" / name).read_text()
        (directory / "sessions" / name).write_text(text.replace("9880", str(venue_port)))
    for name in ("instruments", "markets", "tick_rules", "accounts"):
        shutil.copy(relative_to(config, getattr(config.reference, name)), directory / "config")
    text = source.read_text().replace("9878", str(client_port)).replace("var/desk", str(directory))
    # A demonstration has one day, at whatever hour it is given.
    text = re.sub(r"^calendars = .*\n", "", text, flags=re.M)
    path = directory / "config" / "desk.toml"
    path.write_text(text)
    return path


def run_demo(out: Console, directory: Path, count: int, seed: int, as_json: bool) -> bool:
    """The whole demonstration. True if everybody agrees."""
    path = prepare(directory)
    config = load(path)
    orders_file = directory / "sim-orders.json"
    show = not as_json
    if show:
        out.print(
            "[bold]1.[/] broker simulator, engine and post-trade worker start, each a process of its own"
        )
    with Desk(path, directory, {"sim": ["--orders-file", str(orders_file)]}) as desk:
        desk.start()
        with client_for(config, "CLIENT1") as client:
            client.connect(timeout_s=10)
            _wait_for_venue(desk)
            if show:
                out.print(
                    f"[bold]2.[/] a FIX client sends {count} messages; half way the engine gets SIGKILL"
                )
            killed = _send(out, desk, client, config, count, seed, show)
            if show:
                out.print("[bold]3.[/] everybody is asked what happened")
            _settle(desk, client)
            status = desk.wait_for_engine()
            desk.stop_role("run")
            desk.processes["sim"].send_signal(signal.SIGUSR1)
            _wait_for(orders_file)
            desk.stop_role("post")
            outcome = compare(config, client, orders_file)
            outcome.numbers.update(killed)
            outcome.numbers["recovered records"] = status["recovered_records"]
            outcome.numbers["recovery, s"] = round(status["recovery_s"], 3)
            outcome.numbers |= {
                f"latency {name.removeprefix('latency_us_')}, ms": round(us / 1000, 2)
                for name, us in latency_row(client).items()
            }
    if as_json:
        out.out(json.dumps({"numbers": outcome.numbers, "disagreements": outcome.disagreements}, indent=1))
    else:
        _show(out, outcome, path)
    return not outcome.disagreements


def _send(
    out: Console, desk: Desk, client: Client, config: Config, count: int, seed: int, show: bool
) -> dict[str, Any]:
    """Send the workload, with the kill half way; how long the outage was."""
    times: dict[str, float] = {}
    with _progress(show, out) as bar:
        task = bar.add_task("messages answered", total=count)

        def progress(summary: Summary) -> None:
            bar.update(task, completed=summary.answered)
            if "killed" not in times and summary.sent >= count // 2:
                desk.kill("run")
                times["killed"] = time.monotonic()
                if show:
                    bar.console.print("   the engine is dead; it is started again")
                desk.start_role("run")

        def meanwhile() -> None:
            if "killed" in times and "back" not in times:
                desk.check("run")
                if client.logged_on and client.logons > 1:
                    times["back"] = time.monotonic()
            time.sleep(0.000_05)

        summary = run(
            client,
            workload_for(config, "CLIENT1", seed),
            count,
            window=_WINDOW,
            on_progress=progress,
            meanwhile=meanwhile,
        )
    if summary.stalled:
        raise TimeoutError(f"no answer to {list(client.view.waiting)[:5]}")
    return {
        "messages sent": summary.sent,
        "messages per second": round(summary.rate_per_s),
        "from SIGKILL to the client's next logon, s": round(times["back"] - times["killed"], 3),
    }


def _wait_for_venue(desk: Desk) -> None:
    """Until the engine is logged on at the simulator and has prices."""
    deadline = time.monotonic() + _QUIET_S
    while time.monotonic() < deadline:
        status = desk.wait_for_engine()
        if "SIM" in status["sessions_up"]:
            break
        time.sleep(0.05)
    last = -1
    while time.monotonic() < deadline:
        seq = desk.wait_for_engine()["last_seq"]
        if seq == last:
            return
        last = seq
        time.sleep(0.1)


def _settle(desk: Desk, client: Client) -> None:
    """Poll until nothing moves any more.

    The market's walk would go on filling resting orders for ever: it stands still first.
    """
    desk.processes["sim"].send_signal(signal.SIGUSR2)
    client.wait(lambda: not client.view.unanswered, _QUIET_S)
    client.wait(lambda: False, 0.5)


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + _QUIET_S
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} was not written")
        time.sleep(0.02)


# -- who agrees ----------------------------------------------------------------------------------------------


def compare(config: Config, client: Client, orders_file: Path) -> Outcome:
    """Ask every party the same questions. The engine and the worker have been stopped."""
    directory = Path(config.files.journal)
    state = fold(directory)
    wrong = [f"client: {text}" for text in client.view.violations]
    wrong += compare_client(state, client)
    wrong += compare_venue(state, json.loads(orders_file.read_text())["orders"], config.post.broker)
    verified = verify(directory)
    if verified.damage is not None:
        wrong.append(f"journal: {verified.damage}")
    auditor = Auditor()
    for _, body in records(directory):
        auditor.feed(ev.decode(body))
    wrong += [f"auditor: {text}" for text in (*auditor.violations, *auditor.compare(state.dump()))]
    with Runner(directory, config.post.database) as runner:
        runner.catch_up()
        reconciled = reconcile(
            runner.engine, config.post.broker, Path(config.post.trade_file), now_ns=time.time_ns()
        )
        books = report(runner.engine)
    wrong += [f"reconciliation: {found}" for found in reconciled.breaks]
    if not books.trial_balance_ok:
        wrong.append("books: the trial balance is not zero")
    if books.fills != state.counts.get("fills", 0):
        wrong.append(f"books: {books.fills} fills, the journal has {state.counts.get('fills', 0)}")
    counts = state.counts
    numbers = {
        "orders": counts.get("orders", 0),
        "fills": counts.get("fills", 0),
        "cancels": counts.get("canceled", 0),
        "replaces": counts.get("replaced", 0),
        "denials": counts.get("denied", 0),
        "cancels and replaces refused": counts.get("requests_denied", 0) + counts.get("requests_rejected", 0),
        "reports questioned": counts.get("questioned", 0),
        "allocations": books.allocations,
        "confirmations": books.confirmations,
        "reconciliation breaks": reconciled.summary,
        "journal events": verified.record_count,
    }
    return Outcome(numbers, wrong)


def compare_client(state: State, client: Client) -> list[str]:
    """The client's view of its orders against the engine's."""
    wrong = []
    for cl_ord_id, mine in client.orders.items():
        order = state.find(client.sender, cl_ord_id)
        if order is None:
            if mine["status"]:
                wrong.append(f"client has order {cl_ord_id}, the engine does not")
            continue
        theirs = (ord_status(order), order.cum_qty, order.leaves_qty, order.cum_notional)
        if (mine["status"], mine["cum"], mine["leaves"], mine["notional"]) != theirs:
            wrong.append(
                f"order {cl_ord_id}: the client has {mine['status']} {mine['cum']} {mine['leaves']}"
                f" {mine['notional']}, the engine {theirs}"
            )
    executions = state.counts.get("fills", 0)
    if len(client.view.executions) != executions:
        wrong.append(f"the client has {len(client.view.executions)} executions, the engine {executions}")
    return wrong


def compare_venue(state: State, venue_orders: list[dict[str, Any]], venue: str) -> list[str]:
    """The engine's routes against the venue's own orders."""
    wrong = []
    known = {cl_ord_id: order for order in venue_orders for cl_ord_id in order["cl_ord_ids"]}
    routes = {
        route.cl_ord_id: route
        for order in state.orders.values()
        for route in order.routes
        if route.venue == venue
    }
    for cl_ord_id, route in routes.items():
        theirs = known.get(cl_ord_id)
        if theirs is None:
            if route.working != "8":
                wrong.append(f"the engine has route {cl_ord_id} at {venue}, the venue does not")
            continue
        if format_scaled(route.cum_qty) != theirs["cum_qty"]:
            wrong.append(
                f"route {cl_ord_id}: executed {format_scaled(route.cum_qty)},"
                f" the venue says {theirs['cum_qty']}"
            )
        if format_scaled(route.leaves_qty) != theirs["leaves_qty"]:
            wrong.append(
                f"route {cl_ord_id}: open {format_scaled(route.leaves_qty)},"
                f" the venue says {theirs['leaves_qty']}"
            )
    for order in venue_orders:
        if not any(cl_ord_id in state.routes for cl_ord_id in order["cl_ord_ids"]):
            wrong.append(f"the venue has order {order['cl_ord_ids']}, the engine does not")
    return wrong


def _show(out: Console, outcome: Outcome, config: Path) -> None:
    table = Table(title="what happened", title_justify="left", show_header=False)
    table.add_column("what")
    table.add_column("how much", justify="right")
    for name, value in outcome.numbers.items():
        table.add_row(name, str(value))
    out.print(table)
    if outcome.disagreements:
        out.print(f"[bold red]{len(outcome.disagreements)} disagreements:[/]")
        for text in outcome.disagreements[:20]:
            out.print(f"  {text}")
        return
    out.print("[bold green]Client, engine, broker, books and auditor agree.[/]")
    out.print(
        f"""
What to try next:
  oms orders -c {config} --open       the orders that still work
  oms order 1 -c {config}             one order's whole story, messages included
  oms journal verify -c {config}      every record of the journal
  oms report {config}                 the books after the trade
  oms run config/demo.toml            the engine alone: connect your own FIX client to 127.0.0.1:9878"""
    )
