"""Charts of the reweighting for run metadata and releases: small PNGs with their text alternative.

Only drawing happens here. Matplotlib is imported when a chart is drawn, and never its global state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from lmi_pipeline.catalog import UNITED_KINGDOM
from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.release.chart_style import (
    BIRTH_GROUPS,
    DASHES,
    INK,
    LINE,
    NATIONALITIES,
    PALETTE,
    SOFT,
    Chart,
    finish,
    new_figure,
    newest,
    quarter_dates,
    quarter_name,
    signed,
    spread_labels,
    style_axes,
    synthetic_flag,
    synthetic_text,
    timestamps,
    to_png,
    vintage_style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
    figure = new_figure(7.4, 4.1, title, f"Per cent, on the same quarter a year earlier; {kind}")
    axes = figure.add_axes((0.075, 0.15, 0.80, 0.66))
    _draw_growth(axes, percent)
    origin = {"true": "synthetic data in the layout of ", "mixed": "partly synthetic data in the layout of "}
    publisher = f"{origin.get(synthetic_flag(rows['synthetic']), '')}ONS and HMRC, PAYE Real Time Information"
    finish(figure, f"Source: {publisher}, release {release}.", rows["synthetic"])
    last = ", ".join(f"{NATIONALITIES[g]} {signed(height)}" for g, height in newest(percent).items())
    alt = (
        f"Line chart, {title}, RTI release {release}, {kind}, {quarter_name(percent.index[0])} to "
        f"{quarter_name(percent.index[-1])}. Newest growth on a year earlier: {last}."
        f"{synthetic_text(rows['synthetic'])}"
    )
    return Chart(to_png(figure), title, alt)


def _draw_growth(axes: Axes, percent: pd.DataFrame) -> None:
    dates = quarter_dates(percent.index)
    start, middle, end = timestamps("2020-01-01", "2020-07-01", "2021-01-01")
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
    style_axes(axes)
    for group, height in spread_labels(newest(percent), axes).items():
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
    figure = new_figure(
        7.8, 3.7, title, "United Kingdom, persons in private households, millions; scales do not start at 0"
    )
    for number, (group, name) in enumerate(BIRTH_GROUPS.items()):
        axes = figure.add_axes((0.06 + 0.322 * number, 0.245, 0.275, 0.505))
        axes.set_title(name, loc="left", fontsize=10, fontweight="bold", color=INK, pad=7)
        if group in millions:
            _draw_vintages(axes, pd.DataFrame(millions[group]), vintages)
        style_axes(axes, panels=3)
    _legend(figure, vintages)
    finish(
        figure,
        "Source: this project's estimates from LFS weights and RTI growth; modelled, not a count.",
        rows["synthetic"],
    )
    first, last = millions.index[0], millions.index[-1]
    alt = (
        f"Three line charts, {title}, United Kingdom, {quarter_name(first)} to {quarter_name(last)}, "
        f"weight vintages {', '.join(vintages)}. Newest quarter of each vintage: "
        f"{'; '.join(_group_text(millions, group) for group in BIRTH_GROUPS if group in millions)}."
        f"{synthetic_text(rows['synthetic'])}"
    )
    return Chart(to_png(figure), title, alt)


def _draw_vintages(axes: Axes, millions: pd.DataFrame, vintages: list[str]) -> None:
    for vintage in millions.columns:
        line = millions[vintage]
        colour, dash = vintage_style(vintages.index(vintage))
        axes.plot(
            quarter_dates(line.index),
            line,
            color=colour,
            linestyle=dash,
            linewidth=1.8,
            marker="o" if len(line) < 3 else "",
        )


def _legend(figure: Figure, vintages: list[str]) -> None:
    from matplotlib.lines import Line2D

    styles = [vintage_style(number) for number in range(len(vintages))]
    handles = [Line2D([], [], color=colour, linestyle=dash, linewidth=1.8) for colour, dash in styles]
    figure.legend(
        handles, vintages, loc="lower left", bbox_to_anchor=(0.008, 0.065), ncols=6, frameon=False, fontsize=9,
        labelcolor=INK, handlelength=2.6, columnspacing=1.6,
    )  # fmt: skip


def _group_text(millions: pd.DataFrame, group: str) -> str:
    latest = newest(pd.DataFrame(millions[group]))
    values = ", ".join(f"{vintage} {value:.2f} million" for vintage, value in latest.items())
    return f"{BIRTH_GROUPS[group]}: {values}"
