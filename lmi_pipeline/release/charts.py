"""Charts of the reweighting for run metadata and releases: small PNGs with their text alternative.

Only drawing happens here. Matplotlib is imported when a chart is drawn, and never its global state.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lmi_pipeline.catalog import UNITED_KINGDOM
from lmi_pipeline.errors import ReleaseError

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


def chart_growth_by_nationality(growth_frame: pd.DataFrame, release: str) -> Chart:
    """Draw the year-on-year growth of payrolled employees of the United Kingdom by nationality.

    Parameters
    ----------
    growth_frame : DataFrame
        Rows of ``est_rti__quarterly_growth``; drawn are those of the United Kingdom, lag 0, not
        seasonally adjusted (adjusted, if the release has nothing else).
    release : str
        RTI release to draw.

    Raises
    ------
    ReleaseError
        The release has no growth for the United Kingdom.
    """
    rows = growth_frame[
        (growth_frame["release"] == release)
        & (growth_frame["area_code"] == UNITED_KINGDOM)
        & (growth_frame["month_lag"] == 0)
        & growth_frame["nationality_group"].isin(list(NATIONALITIES))
        & growth_frame["growth_rate"].notna()
    ]
    if rows.empty:
        raise ReleaseError(
            f"no year-on-year growth for the United Kingdom in RTI release {release}, so no chart; "
            "growth needs the same quarter of two years"
        )
    adjusted = bool(rows["is_seasonally_adjusted"].all())
    rows = rows[rows["is_seasonally_adjusted"] == adjusted]
    percent = 100 * rows.pivot(index="quarter", columns="nationality_group", values="growth_rate").sort_index()
    percent = percent[[group for group in NATIONALITIES if group in percent]]
    title = "Growth of payrolled employees by nationality, United Kingdom"
    kind = "seasonally adjusted" if adjusted else "not seasonally adjusted"
    figure = _figure(7.4, 4.1, title, f"Per cent, on the same quarter a year earlier; {kind}")
    axes = figure.add_axes((0.075, 0.15, 0.80, 0.66))
    _draw_growth(axes, percent)
    origin = {"true": "synthetic data in the layout of ", "mixed": "partly synthetic data in the layout of "}
    publisher = f"{origin.get(_flag(rows['synthetic']), '')}ONS and HMRC, PAYE Real Time Information"
    _finish(figure, f"Source: {publisher}, release {release}.", rows["synthetic"])
    last = ", ".join(f"{NATIONALITIES[g]} {_signed(height)}" for g, height in _newest(percent).items())
    alt = (
        f"Line chart, {title}, RTI release {release}, {kind}, {_quarter_name(percent.index[0])} to "
        f"{_quarter_name(percent.index[-1])}. Newest growth on a year earlier: {last}.{_flag_text(rows['synthetic'])}"
    )
    return Chart(_png(figure), title, alt)


def _draw_growth(axes: Axes, percent: pd.DataFrame) -> None:
    dates = _dates(percent.index)
    start, middle, end = _timestamps("2020-01-01", "2020-07-01", "2021-01-01")
    if dates[0] < end and dates[-1] >= start:
        axes.axvspan(start, end, color=LINE, alpha=0.5, linewidth=0)
        axes.text(
            middle, 0.985, "2020", transform=axes.get_xaxis_transform(), ha="center", va="top",
            fontsize=9, color=SOFT,
        )  # fmt: skip
    axes.axhline(0, color=INK, linewidth=1)
    colours = dict(zip(NATIONALITIES, PALETTE, strict=False))
    marker = "o" if len(dates) < 3 else ""
    for number, group in enumerate(str(name) for name in percent):
        axes.plot(
            dates, percent[group], color=colours[group], linestyle=DASHES[number], linewidth=2, marker=marker, zorder=3
        )
    _style(axes)
    for group, height in _spread(_newest(percent), axes).items():
        axes.annotate(
            NATIONALITIES[group],
            (1.015, height),
            xycoords=axes.get_yaxis_transform(),
            va="center",
            fontsize=10,
            fontweight="bold",
            color=colours[group],
            annotation_clip=False,
        )


def _timestamps(*days: str) -> list[Any]:
    return [pd.Timestamp(day) for day in days]


def _newest(frame: pd.DataFrame) -> dict[str, float]:
    """Newest number of each column."""
    return {str(name): float(numbers.dropna().iloc[-1]) for name, numbers in frame.items()}


def _spread(ends: dict[str, float], axes: Axes) -> dict[str, float]:
    """Heights of the labels at the ends of lines, moved apart so that none covers another."""
    low, high = axes.get_ylim()
    room = 0.07 * (high - low)
    heights: dict[str, float] = {}
    for group in sorted(ends, key=lambda g: ends[g]):
        floor = max(heights.values()) + room if heights else low
        heights[group] = max(ends[group], floor)
    return heights


def chart_controls_by_vintage(controls_frame: pd.DataFrame) -> Chart:
    """Draw the population controls of the United Kingdom by country of birth, one line per weight vintage.

    Parameters
    ----------
    controls_frame : DataFrame
        Rows of ``est_population__quarterly_control``; drawn are those of the United Kingdom.

    Raises
    ------
    ReleaseError
        There are no controls for the United Kingdom.
    """
    rows = controls_frame[
        (controls_frame["area_code"] == UNITED_KINGDOM) & controls_frame["birth_group"].isin(list(BIRTH_GROUPS))
    ]
    if rows.empty:
        raise ReleaseError("no population controls for the United Kingdom by country of birth, so no chart")
    millions = rows.assign(population_count=rows["population_count"] / 1e6).pivot(
        index="quarter", columns=["birth_group", "weight_vintage"], values="population_count"
    )
    vintages = sorted(rows["weight_vintage"].unique())
    title = "Population controls by country of birth and weight vintage"
    figure = _figure(
        7.8, 3.7, title, "United Kingdom, persons in private households, millions; scales do not start at 0"
    )
    for number, (group, name) in enumerate(BIRTH_GROUPS.items()):
        axes = figure.add_axes((0.06 + 0.322 * number, 0.245, 0.275, 0.505))
        axes.set_title(name, loc="left", fontsize=10, fontweight="bold", color=INK, pad=7)
        if group in millions:
            _draw_vintages(axes, pd.DataFrame(millions[group]), vintages)
        _style(axes, panels=3)
    _legend(figure, vintages)
    _finish(
        figure,
        "Source: this project's estimates from LFS weights and RTI growth; modelled, not a count.",
        rows["synthetic"],
    )
    first, last = millions.index[0], millions.index[-1]
    alt = (
        f"Three line charts, {title}, United Kingdom, {_quarter_name(first)} to {_quarter_name(last)}, "
        f"weight vintages {', '.join(vintages)}. Newest quarter of each vintage: "
        f"{'; '.join(_group_text(millions, group) for group in BIRTH_GROUPS if group in millions)}."
        f"{_flag_text(rows['synthetic'])}"
    )
    return Chart(_png(figure), title, alt)


def _draw_vintages(axes: Axes, millions: pd.DataFrame, vintages: list[str]) -> None:
    for vintage in millions.columns:
        line = millions[vintage]
        colour, dash = _vintage_style(vintages.index(vintage))
        axes.plot(
            _dates(line.index), line, color=colour, linestyle=dash, linewidth=1.8, marker="o" if len(line) < 3 else ""
        )


def _vintage_style(number: int) -> tuple[str, Any]:
    return PALETTE[number % len(PALETTE)], DASHES[number % len(DASHES)]


def _legend(figure: Figure, vintages: list[str]) -> None:
    from matplotlib.lines import Line2D

    styles = [_vintage_style(number) for number in range(len(vintages))]
    handles = [Line2D([], [], color=colour, linestyle=dash, linewidth=1.8) for colour, dash in styles]
    figure.legend(
        handles, vintages, loc="lower left", bbox_to_anchor=(0.008, 0.065), ncols=6, frameon=False, fontsize=9,
        labelcolor=INK, handlelength=2.6, columnspacing=1.6,
    )  # fmt: skip


def _group_text(millions: pd.DataFrame, group: str) -> str:
    newest = _newest(pd.DataFrame(millions[group]))
    values = ", ".join(f"{vintage} {value:.2f} million" for vintage, value in newest.items())
    return f"{BIRTH_GROUPS[group]}: {values}"


def _figure(width: float, height: float, title: str, subtitle: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, facecolor="white")
    figure.text(0.012, 0.965, title, fontsize=13, fontweight="bold", color=INK, va="top")
    figure.text(0.012, 0.965 - 0.27 / height, subtitle, fontsize=9.5, color=SOFT, va="top")
    return figure


def _style(axes: Axes, panels: int = 1) -> None:
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


def _finish(figure: Figure, source: str, synthetic: Iterable[object]) -> None:
    figure.text(0.012, 0.02, source, fontsize=8.5, color=SOFT)
    flag = _flag(synthetic)
    if flag in _WATERMARKS:
        figure.text(
            0.5, 0.47, _WATERMARKS[flag], fontsize=34, fontweight="bold", color=INK, alpha=0.09, rotation=16,
            ha="center", va="center", zorder=10,
        )  # fmt: skip


def _flag(synthetic: Iterable[object]) -> str:
    seen = {str(value) for value in synthetic}
    return seen.pop() if len(seen) == 1 else "mixed"


def _flag_text(synthetic: Iterable[object]) -> str:
    return {"true": " Synthetic data.", "mixed": " Partly synthetic data."}.get(_flag(synthetic), "")


def _png(figure: Figure) -> bytes:
    """Draw with a palette of few colours, a third of the size of full colour."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    stream = BytesIO()
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def _dates(quarters: pd.Index) -> pd.DatetimeIndex:
    """Middle month of each quarter."""
    return pd.DatetimeIndex(pd.to_datetime(quarters, format="%Y-%m")) + pd.DateOffset(months=1, days=14)


def _quarter_name(quarter: str) -> str:
    year, month = quarter.split("-")
    return f"{_QUARTERS[int(month)]} {year}"


def _signed(value: float) -> str:
    return f"{'−' if round(value, 1) < 0 else '+'}{abs(value):.1f} per cent"
