"""House style of charts: a PNG with its text alternative, colours, axes, labels and the mark of synthetic data.

Matplotlib is imported when a chart is drawn, and never its global state.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = 96
SHORT_YEARS = 1.5
INK, SOFT, LINE = "#1c2330", "#5b6472", "#d9dee6"
# Okabe and Ito's palette without yellow, which is too pale for a line on white.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
DASHES = ("-", "--", "-.", (0, (1, 1.2)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
NATIONALITIES = {"non_eu": "Non-EU", "eu": "EU", "uk": "UK"}
BIRTH_GROUPS = {"eu": "Born in the EU", "non_eu": "Born outside the UK and EU", "uk": "Born in the UK"}
_QUARTERS = {1: "Jan–Mar", 4: "Apr–Jun", 7: "Jul–Sep", 10: "Oct–Dec"}
_WATERMARKS = {"true": "SYNTHETIC DATA", "mixed": "PARTLY SYNTHETIC DATA"}


@dataclass(frozen=True)
class Chart:
    """A chart: the picture, its title, and what it shows in words."""

    png: bytes
    title: str
    alt_text: str

    def markdown(self) -> str:
        """Image with its text alternative, the picture inside the text."""
        alt = self.alt_text.replace("[", "(").replace("]", ")").replace("\n", " ")
        return f"![{alt}](data:image/png;base64,{b64encode(self.png).decode('ascii')})"


def timestamps(*days: str) -> list[Any]:
    """Days as time stamps."""
    return [pd.Timestamp(day) for day in days]


def newest(frame: pd.DataFrame) -> dict[str, float]:
    """Newest number of each column."""
    return {str(name): float(numbers.dropna().iloc[-1]) for name, numbers in frame.items()}


def spread_labels(ends: dict[str, float], axes: Axes) -> dict[str, float]:
    """Heights of the labels at the ends of lines, moved apart so that none covers another."""
    low, high = axes.get_ylim()
    room = 0.07 * (high - low)
    heights: dict[str, float] = {}
    for group in sorted(ends, key=lambda g: ends[g]):
        floor = max(heights.values()) + room if heights else low
        heights[group] = max(ends[group], floor)
    return heights


def vintage_style(number: int) -> tuple[str, Any]:
    """Colour and dash of the weight vintage with this number."""
    return PALETTE[number % len(PALETTE)], DASHES[number % len(DASHES)]


def new_figure(width: float, height: float, title: str, subtitle: str) -> Figure:
    """White figure with a title and a line below it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, facecolor="white")
    figure.text(0.012, 0.965, title, fontsize=13, fontweight="bold", color=INK, va="top")
    figure.text(0.012, 0.965 - 0.27 / height, subtitle, fontsize=9.5, color=SOFT, va="top")
    return figure


def style_axes(axes: Axes, panels: int = 1) -> None:
    """Axes of a chart over time: no box, faint lines, dates at the bottom."""
    import matplotlib.dates
    from matplotlib.ticker import MaxNLocator

    dates: Any = matplotlib.dates

    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.tick_params(length=0, labelsize=9, labelcolor=SOFT)
    axes.grid(axis="y", color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    low, high = axes.get_xlim()
    span = (high - low) / 365.25
    if span < SHORT_YEARS:
        axes.xaxis.set_major_locator(dates.MonthLocator((1, 7)))
        axes.xaxis.set_major_formatter(dates.DateFormatter("%b %Y"))
    else:
        axes.xaxis.set_major_locator(dates.YearLocator(max(1, round(span * panels / 9))))
        axes.xaxis.set_major_formatter(dates.DateFormatter("%Y"))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.margins(x=0.01)


def finish(figure: Figure, source: str, synthetic: Iterable[object]) -> None:
    """Write the source below, and across the picture if data are synthetic."""
    figure.text(0.012, 0.02, source, fontsize=8.5, color=SOFT)
    flag = synthetic_flag(synthetic)
    if flag in _WATERMARKS:
        figure.text(
            0.5, 0.47, _WATERMARKS[flag], fontsize=34, fontweight="bold", color=INK, alpha=0.09, rotation=16,
            ha="center", va="center", zorder=10,
        )  # fmt: skip


def synthetic_flag(synthetic: Iterable[object]) -> str:
    """One word for a column of flags: true, false or mixed."""
    seen = {str(value) for value in synthetic}
    return seen.pop() if len(seen) == 1 else "mixed"


def synthetic_text(synthetic: Iterable[object]) -> str:
    """Sentence to add to words about the data; empty if they are real."""
    return {"true": " Synthetic data.", "mixed": " Partly synthetic data."}.get(synthetic_flag(synthetic), "")


def to_png(figure: Figure) -> bytes:
    """Draw with a palette of few colours, a quarter of the size of full colour."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    stream = BytesIO()
    few = picture.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(stream, format="PNG")
    return stream.getvalue()


def quarter_dates(quarters: pd.Index) -> pd.DatetimeIndex:
    """Middle month of each quarter."""
    return pd.DatetimeIndex(pd.to_datetime(quarters, format="%Y-%m")) + pd.DateOffset(months=1, days=14)


def quarter_name(quarter: str) -> str:
    """``2020-01`` as Jan–Mar 2020."""
    year, month = quarter.split("-")
    return f"{_QUARTERS[int(month)]} {year}"


def signed(value: float) -> str:
    """Per cent with its sign."""
    return f"{'−' if round(value, 1) < 0 else '+'}{abs(value):.1f} per cent"
