"""Make the README's pictures from the running system: `python tools/make_pictures.py`.

Runs the demonstration into a temporary directory and keeps what a terminal would have shown, as SVG: the end
of the demonstration (docs/demo.svg), the story of one of its orders, one that was replaced and filled
(docs/order.svg), and the standard's own scenarios played against an engine (docs/conformance.svg).
"""

import tempfile
from pathlib import Path

from rich.console import Console

from oms import cli
from oms.config import load
from oms.demo import run_demo
from oms.history import fold

DOCS = Path(__file__).resolve().parents[1] / "docs"
MESSAGES = 4000


def main() -> None:
    """Write both pictures. Exits with 1 if the demonstration does not agree."""
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="oms-demo-") as name:
        directory = Path(name) / "desk"
        console = Console(record=True, width=100, highlight=False)
        if not run_demo(console, directory, MESSAGES, 1, as_json=False):
            raise SystemExit(1)
        text = console.export_svg(title="make demo", clear=False).replace(name, "var")
        (DOCS / "demo.svg").write_text(text)

        config = directory / "config" / "desk.toml"
        state = fold(Path(load(config).files.journal))
        order = next(
            order
            for order in state.orders.values()
            if len(order.versions) == 2 and order.cum_qty and order.ended
        )
        cli.out = Console(record=True, width=130, highlight=False)
        cli.order(str(order.order_id), config=config, journal=None, as_json=False)
        text = cli.out.export_svg(title=f"oms order {order.order_id}").replace(name, "var")
        (DOCS / "order.svg").write_text(text)

    cli.out = Console(record=True, width=110, highlight=False)
    cli.conformance(
        config=Path("config/conformance.toml"), family=["fix44"], start=True, timeout=2.0, grace=0.005
    )
    (DOCS / "conformance.svg").write_text(cli.out.export_svg(title="oms conformance --start"))


if __name__ == "__main__":
    main()
