"""One chart for each table of the impact of the reweighting, drawn from its rows alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.release.chart_style import (
    INK,
    LINE,
    PALETTE,
    SOFT,
    Chart,
    finish,
    new_figure,
    quarter_name,
    to_png,
)
from lmi_pipeline.release.impact_text import impact_sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMES = {"uk": "Born in the UK", "eu": "EU", "non_eu": "Non-EU", "non_uk": "Non-UK", "all": "All"}
_TILES = {
    "S92000003": (1, 0, "Scotland"), "N92000002": (0, 1, "N Ireland"), "E12000001": (2, 1, "North East"),
    "E12000002": (1, 2, "North West"), "E12000003": (2, 2, "Yorkshire"), "W92000004": (0, 3, "Wales"),
    "E12000005": (1, 3, "W Midlands"), "E12000004": (2, 3, "E Midlands"), "E12000006": (3, 3, "East"),
    "E12000009": (0, 4, "South West"), "E12000008": (1, 4, "South East"), "E12000007": (2, 4, "London"),
}  # fmt: skip
_GROUPED = {"G_NORTH_EAST_YORKSHIRE": ("E12000001", "E12000003")}
_RATES = {"employment_rate": "Employment rate", "unemployment_rate": "Unemployment rate",
          "inactivity_rate": "Inactivity rate"}  # fmt: skip
_SIDES = (("before", "Old weights", -0.1, PALETTE[1]), ("after", "New weights", 0.1, PALETTE[0]))
_BARS = {
    "table_1": (
        "Estimated change less net migration", "Thousand persons", 1e-3,
        {"adjusted_deviation": "Adjusted for UK nationals", "unadjusted_deviation": "Not adjusted"},
        ("eu", "non_eu", "non_uk"),
    ),
    "table_3": (
        "National and regional models against net migration", "Thousand persons", 1e-3,
        {"national_deviation": "National", "regional_deviation": "Regional"}, ("eu", "non_eu", "non_uk"),
    ),
    "table_4": (
        "Change of the population on the year", "Thousand persons, by country of birth", 1,
        {
            "yearly_change_before": "Old weights", "yearly_change_after": "New weights",
            "published_yearly_change_before": "Old, as ONS published",
            "published_yearly_change_after": "New, as ONS published",
        },
        ("uk", "non_uk", "all"),
    ),
    "table_a2": (
        "Growth of employment in the survey and in RTI", "Per cent on the year, by nationality", 1,
        {"lfs_growth": "Survey", "rti_growth": "RTI"}, ("nationality/eu", "nationality/non_eu"),
    ),
    "table_a3": (
        "Tau: how far population growth falls short of RTI growth",
        "Ratio; the method takes −0.5, and −1 to 0 as possible", 1,
        {"unadjusted_tau": "Not adjusted", "adjusted_tau": "Adjusted for UK nationals"}, ("eu", "non_eu"),
    ),
    "published_editions": (
        "Employment levels changed by new editions of EMP06", "Thousand persons, by country of birth", 1e-3, {},
        tuple(f"emp06/country_of_birth/{group}" for group in ("uk", "eu", "non_eu")),
    ),
}  # fmt: skip


def impact_chart(rows: pd.DataFrame) -> Chart:
    """Draw one table of the impact.

    Parameters
    ----------
    rows : DataFrame
        Rows of ``est_reweighting__impact`` of one table and weight vintage (`published_editions`: of any).

    Raises
    ------
    ReleaseError
        The rows have nothing the chart shows.
    """
    table = str(rows["impact_table"].iloc[0])
    own = {"table_2": _tile_map, "table_5": _before_after, "table_a1": _coefficients, "ratio_fit": _slopes}
    figure, title = own.get(table, _bars)(rows)
    vintages = ", ".join(sorted(rows["weight_vintage"].unique()))
    synthetic = rows["synthetic"]
    source = "ONS, EMP06" if table == "published_editions" else "this project's estimates, after ONS (2021)"
    finish(figure, f"Source: {source}. Weights: {vintages}.", synthetic)
    return Chart(to_png(figure), title, f"Chart, {title}. {impact_sentence(rows)}")


def chart_weight_distribution(histogram: pd.DataFrame, *, vintage: str, synthetic: str) -> Chart:
    """Draw the distribution of weights before and after calibration.

    Parameters
    ----------
    histogram : DataFrame
        ``bin_start``, ``bin_end``, ``share_before``, ``share_after``: shares of respondents, proportions.
    """
    if histogram.empty:
        raise ReleaseError(f"no distribution of the weights {vintage}, so no chart")
    title = "Distribution of weights before and after calibration"
    figure = new_figure(7.4, 3.8, title, "Per cent of respondents, by size of the weight")
    axes = figure.add_axes((0.08, 0.22, 0.89, 0.56))
    edges = [*histogram["bin_start"], float(histogram["bin_end"].iloc[-1])]
    for column, label, colour in (("share_before", "Before", SOFT), ("share_after", "After", PALETTE[0])):
        axes.stairs(100 * histogram[column].to_numpy(), edges, color=colour, linewidth=2, label=label)
    _plain(axes)
    axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    finish(figure, f"Source: this project's estimates. Weights: {vintage}.", [synthetic])
    peaks = [
        histogram["bin_start"].to_numpy()[histogram[c].to_numpy().argmax()] for c in ("share_before", "share_after")
    ]
    marks = {"true": " Synthetic data.", "mixed": " Partly synthetic data."}
    alt = (
        f"Two step lines, {title}, {vintage}. "
        f"The fullest bin starts at {peaks[0]:,.0f} before and {peaks[1]:,.0f} after."
    )
    return Chart(to_png(figure), title, alt + marks.get(synthetic, ""))


def _bars(rows: pd.DataFrame) -> tuple[Figure, str]:
    table = str(rows["impact_table"].iloc[0])
    title, subtitle, scale, measures, categories = _BARS[table]
    rows = rows[(rows["quarter"] != "all") & rows["category"].isin(categories)]
    series = "impact_measure"
    if table == "published_editions":
        rows = rows[(rows["impact_measure"] == "level_difference") & (rows["quarter"] >= "2020")]
        series, measures = (
            "compared_with",
            {str(p): str(p).removeprefix("emp06 ") for p in rows["compared_with"].unique()},
        )
    rows = rows[rows[series].isin(list(measures))]
    if table == "table_a2":
        rows = rows[rows["quarter"] >= "2019-04"]
    present = [category for category in categories if (rows["category"] == category).any()]
    if not present:
        raise ReleaseError(f"{table}: nothing to draw")
    used = [measure for measure in measures if (rows[series] == measure).any()]
    figure = new_figure(7.8, 4.1, title, subtitle)
    width = 0.93 / len(present)
    panels: list[Axes] = []
    for number, category in enumerate(present):
        axes = figure.add_axes((0.06 + number * width, 0.29, width - 0.045, 0.46), sharey=panels[0] if panels else None)
        wide = scale * rows[rows["category"] == category].pivot(index="quarter", columns=series, values="impact_value")
        _grouped(axes, wide.reindex(columns=used))
        _plain(axes)
        axes.set_title(_NAMES[category.split("/")[-1]], loc="left", fontsize=10, fontweight="bold", color=INK)
        panels.append(axes)
    handles, _ = panels[0].get_legend_handles_labels()
    figure.legend(handles, [measures[m] for m in used], loc="lower left", bbox_to_anchor=(0.008, 0.06),
                  ncols=2 if len(used) > 3 else 3, frameon=False, fontsize=9, labelcolor=INK)  # fmt: skip
    return figure, title


def _grouped(axes: Axes, wide: pd.DataFrame) -> None:
    place = np.arange(len(wide))
    width = 0.8 / len(wide.columns)
    for number, column in enumerate(wide.columns):
        left = place - 0.4 + (number + 0.5) * width
        published = str(column).startswith("published")
        colour = PALETTE[number % 2 if published else number % len(PALETTE)]
        axes.bar(left, wide[column], width * 0.92, label=str(column), color="none" if published else colour,
                 edgecolor=colour, hatch="///" if published else None, linewidth=0.8)  # fmt: skip
    axes.axhline(0, color=INK, linewidth=1)
    step = max(1, -(-len(wide) // 4))
    names = [quarter_name(str(quarter)).replace(" ", "\n") for quarter in wide.index]
    axes.set_xticks(place[::step], names[::step])


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.tick_params(length=0, labelsize=8.5, labelcolor=SOFT)
    axes.grid(axis="y", color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)


def _tile_map(rows: pd.DataFrame) -> tuple[Figure, str]:
    from matplotlib import colormaps
    from matplotlib.colors import TwoSlopeNorm

    shown = rows[(rows["impact_measure"] == "growth_adjustment") & ~rows["area_code"].str.startswith("K")]
    if shown.empty:
        raise ReleaseError("table_2: no adjustment by area to draw")
    quarter = str(shown["quarter"].max())
    shown = shown[shown["quarter"] == quarter]
    title = "Adjustment to the growth of the population from RTI"
    figure = new_figure(
        7.8, 5.0, title, f"Percentage points, {quarter_name(quarter)}; areas estimated together share a number"
    )
    reach = max(float(shown["impact_value"].abs().max()), 0.1)
    norm, colours = TwoSlopeNorm(0, -reach, reach), colormaps["PuOr"]
    for number, group in enumerate(("eu", "non_eu")):
        axes = figure.add_axes((0.03 + 0.49 * number, 0.08, 0.46, 0.74))
        axes.set_title(f"{_NAMES[group]}-born", loc="left", fontsize=10, fontweight="bold", color=INK)
        found = shown[shown["category"] == group].set_index("area_code")["impact_value"]
        values = {area: float(v) for code, v in found.items() for area in _GROUPED.get(str(code), (str(code),))}
        for area, (column, row, name) in _TILES.items():
            number_ = values.get(area)
            face = LINE if number_ is None else colours(0.5 + (norm(number_) - 0.5) * 0.8)
            dark = number_ is not None and abs(number_) > 0.7 * reach
            axes.add_patch(_tile(column, row, face))
            text = f"{name}\n{'n/a' if number_ is None else f'{number_:+.1f}'.replace('-', '−')}"
            axes.text(
                column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=8.5, color="white" if dark else INK
            )
        axes.set(xlim=(0, 4), ylim=(5, 0))
        axes.axis("off")
    return figure, title


def _tile(column: int, row: int, face: object):
    from matplotlib.patches import Rectangle

    return Rectangle((column + 0.03, row + 0.03), 0.94, 0.94, facecolor=face, edgecolor="none")


def _before_after(rows: pd.DataFrame) -> tuple[Figure, str]:
    whole = rows[rows["category"].str.startswith("all/all/")]
    title = "Rates with the old and the new weights"
    figure = new_figure(7.8, 3.9, title, "Per cent; bars are 95 per cent intervals; scales do not start at 0")
    drawn = False
    for number, (measure, name) in enumerate(_RATES.items()):
        axes = figure.add_axes((0.06 + 0.315 * number, 0.26, 0.265, 0.49))
        axes.set_title(name, loc="left", fontsize=10, fontweight="bold", color=INK)
        wide = whole[whole["impact_measure"].str.startswith(measure)].drop_duplicates(["quarter", "impact_measure"])
        wide = wide.pivot(index="quarter", columns="impact_measure", values="impact_value")
        for side, label, shift, colour in (
            ("before", "Old weights", -0.1, PALETTE[1]),
            ("after", "New weights", 0.1, PALETTE[0]),
        ):
            if f"{measure}_{side}" in wide:
                drawn = True
                axes.errorbar(np.arange(len(wide)) + shift, wide[f"{measure}_{side}"], label=label, color=colour,
                              yerr=1.96 * wide[f"{measure}_standard_error_{side}"], marker="o", markersize=4,
                              linewidth=1.6, elinewidth=1)  # fmt: skip
        _plain(axes)
        step = max(1, -(-len(wide) // 4))
        axes.set_xticks(
            range(0, len(wide), step), [quarter_name(str(q)).replace(" ", "\n") for q in wide.index[::step]]
        )
    if not drawn:
        raise ReleaseError("table_5: no rate of the whole population to draw")
    handles, sides = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, sides, loc="lower left", bbox_to_anchor=(0.008, 0.06), ncols=2, frameon=False, fontsize=9)
    return figure, title


def _coefficients(rows: pd.DataFrame) -> tuple[Figure, str]:
    title = "How far other coefficients than one half would be off"
    figure = new_figure(7.4, 3.8, title, "Mean absolute deviation from known growth, percentage points, by coefficient")
    axes = figure.add_axes((0.07, 0.17, 0.90, 0.60))
    start = "mean_absolute_deviation_"
    found = rows[rows["impact_measure"].str.startswith(start)]
    wide = found.assign(b=found["impact_measure"].str.removeprefix(start).astype(float))
    for number, (group, line) in enumerate(wide.groupby("category")):
        axes.plot(
            line["b"], line["impact_value"], marker="o", color=PALETTE[number], linewidth=2, label=_NAMES[str(group)]
        )
    _plain(axes)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    return figure, title


def _slopes(rows: pd.DataFrame) -> tuple[Figure, str]:
    title = "Slope of population growth on RTI growth"
    figure = new_figure(7.4, 3.4, title, "Points with 95 per cent intervals; dashed: the coefficient of one half")
    axes = figure.add_axes((0.25, 0.17, 0.72, 0.58))
    values = rows[rows["quarter"] == "all"].pivot(index="category", columns="impact_measure", values="impact_value")
    labels: list[str] = []
    for group, row in values.iterrows():
        for fit, name in (("ratio", "ratio model"), ("least_squares", "least squares")):
            at = len(labels)
            axes.plot([row[f"{fit}_lower"], row[f"{fit}_upper"]], [at, at], color=PALETTE[0], linewidth=2)
            axes.plot(row[f"{fit}_slope"], at, "o", color=PALETTE[0])
            axes.plot(row["published_slope"], at, "D", color=PALETTE[1], markersize=5)
            labels.append(f"{_NAMES[str(group)]}, {name}")
    axes.axvline(0.5, color=SOFT, linestyle="--", linewidth=1)
    _plain(axes)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    figure.text(0.985, 0.02, "◆ as ONS published", fontsize=8.5, color=PALETTE[1], ha="right")
    return figure, title
