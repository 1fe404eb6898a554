"""Charts of the pay equation: residuals, age profile, effects of regions and industries.

No record is drawn: residuals come as quantiles of at least ten rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.stats import norm

from lmi_pipeline import catalog
from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.release.chart_style import DASHES, INK, PALETTE, SOFT, Chart, new_figure, spread_labels
from lmi_pipeline.release.pay_chart_parts import (
    PATTERN_COLOURS,
    PATTERNS,
    Subject,
    below_title,
    legend_below,
    money_axis,
    name_rows,
    panel_title,
    patterns_in,
    per_cent,
    plain_axes,
    ratio_axis,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST = 10
_SOURCE = "this project's pay equation"
_RATIOS = (0.2, 0.3, 0.5, 0.7, 1, 1.4, 2, 3, 5)
_BAND = ("p10", "p25", "p50", "p75", "p90")
_LEVELS = {"region": "region", "industry_75": "industry_75"}
_TITLES = {"region": "Effect of the region", "industry_75": "Effect of the industry"}
_NORMAL = 1.96
_AGE_PANELS = (
    ("Sex, full-time", "sex", {"male": "Male", "female": "Female"}),
    ("Working pattern", "working_pattern", PATTERNS),
    ("Qualification, full-time", "qualification_group", {"high": "High", "medium": "Medium", "low": "Low"}),
)


def chart_residual_spread(bins: pd.DataFrame) -> Chart:
    """Draw quantiles of the residuals against the fitted value.

    Parameters
    ----------
    bins : DataFrame
        ``year``, ``pay_basis``, ``working_pattern``, ``fitted`` (mean of the bin, pounds or hours), ``p10``, ``p25``,
        ``p50``, ``p75``, ``p90`` (quantiles of the log residual), ``job_sample_count`` and ``synthetic``.

    Raises
    ------
    ReleaseError
        No rows, a missing column, or a bin of fewer than ten rows.
    """
    what = "residuals"
    subject = Subject.of(bins, what, ["working_pattern", "fitted", *_BAND, "job_sample_count"])
    _refuse_thin(bins["job_sample_count"], what)
    title = f"{subject.concept}: residuals by fitted value"
    figure = new_figure(
        7.8,
        4.0,
        title,
        f"Actual value as a multiple of the fitted one, by fitted value ({subject.unit}), {subject.year}",
    )
    reach = np.exp(np.array([bins["p10"].min(), bins["p90"].max()])) * np.array([0.92, 1.08])
    for axes, part, colour in _pattern_panels(figure, bins.sort_values("fitted")):
        multiples = np.exp(part[list(_BAND)])
        for low, high, shade in (("p10", "p90", 0.18), ("p25", "p75", 0.35)):
            axes.fill_between(part["fitted"], multiples[low], multiples[high], color=colour, alpha=shade, linewidth=0)
        axes.plot(part["fitted"], multiples["p50"], color=colour, linewidth=2, marker="o", markersize=3)
        axes.axhline(1, color=INK, linewidth=0.8, zorder=1.5)
        axes.set(xscale="log", yscale="log", ylim=tuple(reach))
        money_axis(axes.xaxis, subject, part["fitted"].tolist())
        ratio_axis(axes.yaxis, _RATIOS, *reach)
        plain_axes(axes)
    legend_below(figure, *_band_legend())
    worst = float((np.exp(bins["p50"]) - 1).abs().max())
    alt = (
        f"Quantiles of residuals by fitted value, {title}. The median residual is at most {100 * worst:.0f} per cent "
        f"away from nil in {len(bins)} groups of at least {int(bins['job_sample_count'].min()):,} jobs."
    )
    return Chart(subject.png(figure, _SOURCE), title, subject.words(alt))


def chart_residual_normality(quantiles: pd.DataFrame) -> Chart:
    """Draw quantiles of the residuals against those of a normal distribution.

    Parameters
    ----------
    quantiles : DataFrame
        ``year``, ``pay_basis``, ``working_pattern``, ``quantile_percent``, ``log_residual`` (that quantile), ``sigma``
        (standard deviation of the log residuals), ``job_sample_count`` (of the whole distribution) and ``synthetic``.

    Raises
    ------
    ReleaseError
        No rows, a missing column, or a quantile with fewer than ten rows beyond it.
    """
    what = "residual quantiles"
    columns = ["working_pattern", "quantile_percent", "log_residual", "sigma", "job_sample_count"]
    subject = Subject.of(quantiles, what, columns)
    nearer = np.minimum(quantiles["quantile_percent"], 100 - quantiles["quantile_percent"]) / 100
    _refuse_thin((nearer * quantiles["job_sample_count"]).round(6), what)
    scaled = quantiles.assign(
        expected=norm.ppf(quantiles["quantile_percent"] / 100), found=quantiles["log_residual"] / quantiles["sigma"]
    )
    reach = (scaled["found"].min() - 0.3, scaled["found"].max() + 0.3)
    title = f"{subject.concept}: are the residuals normal?"
    figure = new_figure(
        7.8, 4.0, title, "Quantiles of log residuals in standard deviations, against those of a normal distribution"
    )
    for axes, part, colour in _pattern_panels(figure, scaled.sort_values("expected")):
        ends = [float(part["expected"].min()), float(part["expected"].max())]
        axes.plot(ends, ends, color=SOFT, linewidth=1, linestyle="--")
        axes.plot(part["expected"], part["found"], color=colour, marker="o", markersize=3.5, linewidth=1.5)
        axes.set_ylim(*reach)
        marks = [p for p in (0.01, 0.1, 0.5, 0.9, 0.99) if ends[0] - 0.01 <= norm.ppf(p) <= ends[1] + 0.01]
        axes.set_xticks(norm.ppf(marks), [f"{100 * p:g} %" for p in marks])
        plain_axes(axes)
    legend_below(figure, [_line(SOFT, "--")], ["normal distribution"])
    off = (scaled["found"] - scaled["expected"]).abs()
    alt = (
        f"Quantile-quantile chart, {title} The largest distance from a normal distribution is {off.max():.2f} standard "
        f"deviations, at the {quantiles['quantile_percent'].iloc[int(off.to_numpy().argmax())]:g} per cent quantile."
    )
    return Chart(subject.png(figure, _SOURCE), title, subject.words(alt))


def chart_age_profile(ratios: pd.DataFrame) -> Chart:
    """Draw pay by single year of age relative to the mean of the group.

    Parameters
    ----------
    ratios : DataFrame
        Rows of ``est_pay__age_ratio``; drawn are those of all occupations together.
    """
    what = "the age profile"
    groups = ["occupation_group", "sex", "working_pattern", "qualification_group"]
    subject = Subject.of(ratios, what, [*groups, "age_years", "age_ratio"])
    whole = ratios[ratios["occupation_group"] == "all"]
    title = f"{subject.concept} by age"
    figure = new_figure(7.8, 3.9, title, f"Ratio to the mean of the group, all occupations, {subject.year}")
    drawn = [{code: _age_line(whole, column, code) for code in names} for _, column, names in _AGE_PANELS]
    heights = pd.concat([line for lines in drawn for line in lines.values()])
    if heights.empty:
        raise ReleaseError(f"chart of {what}: no ratios of all occupations")
    room = 0.06 * (heights.max() - heights.min())
    told: list[str] = []
    for number, (name, _, names) in enumerate(_AGE_PANELS):
        axes = figure.add_axes((0.05 + 0.325 * number, 0.15, 0.205, 0.58))
        axes.set_ylim(heights.min() - room, heights.max() + room)
        panel_title(axes, name)
        lines = {code: line for code, line in drawn[number].items() if not line.empty}
        _draw_ages(axes, lines, names)
        told += [f"{names[code].lower()} {line.idxmax()}" for code, line in lines.items()]
        axes.tick_params(labelleft=number == 0)
    alt = f"Three line charts, {title}. Ages at which it is highest: {', '.join(told)}."
    return Chart(subject.png(figure, _SOURCE), title, subject.words(alt))


def chart_effects(terms: pd.DataFrame, factor: str) -> Chart:
    """Draw the effects of regions or of industries with 95 per cent intervals, against the level left out.

    Parameters
    ----------
    terms : DataFrame
        Rows of ``est_pay__equation`` of one year, basis and term. A level left out has a standard error of 0, one
        without rows has none. Of a level that is a factor and a year (``12 | 2020``) the year of the rows is drawn.
    factor : str
        What the levels are codes of, first part: ``region`` or ``industry_75``.
    """
    what = f"effects of {factor}"
    subject = Subject.of(terms, what, ["working_pattern", "term_level", "coefficient", "standard_error"])
    rows = _of_year(terms, subject.year)
    names = catalog.mapping(_LEVELS[factor], "name")
    base = rows.loc[rows["standard_error"] == 0, "level"].unique()
    shown = rows[rows["standard_error"] > 0]
    if shown.empty:
        raise ReleaseError(f"chart of {what}: no level has a standard error")
    pattern = patterns_in(shown)[0]
    leading = shown[shown["working_pattern"] == pattern].set_index("level")["coefficient"]
    order = leading.reindex(shown["level"].unique()).sort_values(ascending=False)
    against = names.get(str(base[0]), str(base[0])) if len(base) == 1 else "the level left out"
    title = f"{_TITLES[factor]} on {subject.concept[0].lower()}{subject.concept[1:]}"
    columns = 1 if len(order) <= 26 else 2
    height = (1.2 + 0.205 * -(-len(order) // columns)) / 0.945
    figure = new_figure(
        7.8 if columns == 1 else 10.4, height, title,
        f"Per cent more or less than {against}, all else equal, {subject.year}; lines are 95 per cent intervals",
    )  # fmt: skip
    _draw_effects(figure, shown, [str(level) for level in order.index], names, columns)
    used = patterns_in(shown)
    legend_below(figure, [_line(PATTERN_COLOURS[p], "-", "o") for p in used], [PATTERNS[p] for p in used])
    top, bottom = str(order.index[0]), str(order.index[-1])
    told = [
        f"{names.get(c, c)} {per_cent(100 * (np.exp(leading[c]) - 1))} per cent" for c in (top, bottom) if c in leading
    ]
    alt = f"Points with intervals, {title}, against {against}. {PATTERNS[pattern]}: {', '.join(told)}."
    return Chart(subject.png(figure, _SOURCE), title, subject.words(alt))


def _of_year(terms: pd.DataFrame, year: int) -> pd.DataFrame:
    """Rows with a standard error (clustered where there is one), ``level`` the code without its year."""
    parts = terms["term_level"].astype("str").str.partition(" | ")
    errors = terms["standard_error"]
    if "clustered_error" in terms:
        errors = terms["clustered_error"].where(terms["clustered_error"].notna(), errors)
    kept = parts[2].isin(["", str(year)]) & errors.notna()
    return terms.assign(level=parts[0], standard_error=errors)[kept]


def _draw_effects(figure: Figure, shown: pd.DataFrame, order: list[str], names: dict[str, str], columns: int) -> None:
    width, height = figure.get_size_inches()
    share = -(-len(order) // columns)
    label = 2.35 / width
    low = 100 * (np.exp((shown["coefficient"] - _NORMAL * shown["standard_error"]).min()) - 1)
    high = 100 * (np.exp((shown["coefficient"] + _NORMAL * shown["standard_error"]).max()) - 1)
    room, bottom = 0.03 * (high - low), 0.02 + 0.62 / height
    for number in range(columns):
        levels = order[number * share : (number + 1) * share]
        left = number / columns + label
        axes = figure.add_axes((left, bottom, 1 / columns - label - 0.02, below_title(height) - bottom))
        for shift, pattern in zip((-0.16, 0.16), patterns_in(shown), strict=False):
            part = shown[shown["working_pattern"] == pattern].set_index("level").reindex(levels)
            middle, error = part["coefficient"], _NORMAL * part["standard_error"]
            ends = [100 * (np.exp(middle + side * error) - 1) for side in (-1, 1)]
            place = np.arange(len(levels)) + shift
            axes.hlines(place, ends[0], ends[1], color=PATTERN_COLOURS[pattern], linewidth=1.6)
            axes.plot(100 * (np.exp(middle) - 1), place, "o", color=PATTERN_COLOURS[pattern], markersize=4)
        axes.axvline(0, color=INK, linewidth=1)
        axes.set_xlim(min(low - room, 0), max(high + room, 0))
        name_rows(axes, [names.get(level, level) for level in levels])
        plain_axes(axes, "x")
        axes.tick_params(axis="y", labelcolor=INK)


def _draw_ages(axes: Axes, lines: dict[str, pd.Series], names: dict[str, str]) -> None:
    axes.axhline(1, color=INK, linewidth=1)
    for number, (code, line) in enumerate(lines.items()):
        colour = PATTERN_COLOURS.get(code, PALETTE[number + 2])
        axes.plot(line.index, line, color=colour, linestyle=DASHES[number], linewidth=2)
    plain_axes(axes)
    axes.set_xticks([20, 30, 40, 50, 60])
    axes.set_xlim(20, 65)
    for code, height in spread_labels({code: float(line.iloc[-1]) for code, line in lines.items()}, axes).items():
        colour = PATTERN_COLOURS.get(code, PALETTE[list(lines).index(code) + 2])
        axes.text(66, height, names[code], color=colour, fontsize=9, fontweight="bold", va="center")


def _age_line(whole: pd.DataFrame, column: str, code: str) -> pd.Series:
    """Ratios by age of one code of a column, the others at their totals, full-time."""
    at = {"sex": "all", "working_pattern": "full_time", "qualification_group": "all"} | {column: code}
    chosen = whole
    for name, value in at.items():
        chosen = chosen[chosen[name] == value]
    line: pd.Series = chosen.set_index("age_years")["age_ratio"].sort_index()
    return line


def _pattern_panels(figure: Figure, frame: pd.DataFrame) -> list[tuple[Axes, pd.DataFrame, str]]:
    """A panel for each working pattern, its rows and its colour."""
    patterns = patterns_in(frame)
    width = 0.97 / len(patterns)
    panels = []
    for number, pattern in enumerate(patterns):
        axes = figure.add_axes((0.055 + number * width, 0.2, width - 0.075, 0.545))
        panel_title(axes, PATTERNS[pattern])
        panels.append((axes, frame[frame["working_pattern"] == pattern], PATTERN_COLOURS[pattern]))
    return panels


def _band_legend() -> tuple[list[object], list[str]]:
    from matplotlib.patches import Patch

    patches: list[object] = [Patch(facecolor=SOFT, alpha=shade, linewidth=0) for shade in (0.35, 0.18)]
    return [_line(SOFT, "-", "o"), *patches], ["median", "middle half", "middle 80 per cent"]


def _line(colour: str, dash: Literal["-", "--"], marker: str = "") -> object:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, linestyle=dash, marker=marker, markersize=4, linewidth=1.6)


def _refuse_thin(counts: pd.Series, what: str) -> None:
    thin = int((~(counts >= FEWEST)).sum())
    if thin:
        raise ReleaseError(
            f"chart of {what}: {thin} of {len(counts)} groups rest on fewer than {FEWEST} rows; merge them first"
        )
