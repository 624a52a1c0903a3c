"""The latency plot: round trips by percentile, each variant a line.

The percentile axis is logarithmic towards the top (50, 90, 99, 99.9 are equally far apart as 50 and 90 nearly
are), as the slow tail is what differs. Importing matplotlib takes a second: it is done when it is needed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

TICKS: Final = (50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9)

COLOURS: Final = {
    "echo, file store": "#7f7f7f",
    "echo, memory store": "#bcbcbc",
    "engine, process": "#1f77b4",
    "engine, machine": "#d62728",
    "engine, broker": "#2ca02c",
}


def position(percent: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Where a percentile stands on the axis.

    >>> [round(float(x), 6) for x in position(np.array([0.0, 90.0, 99.0]))]
    [0.0, 1.0, 2.0]
    """
    return -np.log10(1 - percent / 100)


def draw(samples_ns: Mapping[str, npt.NDArray[np.int64]], path: Path) -> None:
    """Write a picture of round trips in ns, by "mode: variant"."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    modes = list(dict.fromkeys(name.partition(": ")[0] for name in samples_ns))
    figure, panels = pyplot.subplots(1, len(modes), figsize=(6.5 * len(modes), 5), sharey=True, squeeze=False)
    for panel, mode in zip(panels[0], modes, strict=True):
        _panel(
            panel, mode, {n.partition(": ")[2]: s for n, s in samples_ns.items() if n.startswith(f"{mode}:")}
        )
    panels[0][0].set_ylabel("round trip to the first report, us")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _panel(panel: Any, mode: str, samples_ns: Mapping[str, npt.NDArray[np.int64]]) -> None:
    percents = 100 - np.logspace(np.log10(50), np.log10(0.1), 200)
    for variant, samples in samples_ns.items():
        values = np.percentile(samples, percents) / 1e3
        panel.plot(position(percents), values, label=variant, color=COLOURS.get(variant))
    panel.set_yscale("log")
    panel.set_xticks(position(np.array(TICKS)), [f"{tick:g}" for tick in TICKS])
    panel.set_xlabel("percentile")
    panel.set_title({"spin": "nobody sleeps", "sleep": "both sides sleep when idle"}.get(mode, mode))
    panel.grid(True, which="both", alpha=0.25)
    panel.legend()
