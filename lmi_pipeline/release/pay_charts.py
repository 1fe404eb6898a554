"""Charts of predicted pay and hours: how far they were fitted to published figures, and what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lmi_pipeline.catalog import UNITED_KINGDOM
from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.methods.quantile_pooling import pool_quantiles
from lmi_pipeline.release.chart_style import INK, LINE, PALETTE, SOFT, Chart, new_figure
from lmi_pipeline.release.pay_chart_parts import (
    PATTERN_COLOURS,
    PATTERNS,
    Subject,
    below_title,
    in_two_lines,
    legend_below,
    money_axis,
    name_rows,
    occupation_name,
    panel_title,
    plain_axes,
    ratio_axis,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LIMITS = (0.7, 1.4)
_EDGES = np.exp(np.linspace(np.log(0.5), np.log(2), 41))
_KINDS = {"hard": ("met exactly", PALETTE[0]), "soft": ("met in part, as the figure is uncertain", PALETTE[5])}
_BANDS = ((10, 90), (20, 80), (30, 70), (40, 60))
_DECILES = tuple(range(10, 100, 10))
TARGET = (75, 85)
_SOURCE = "this project's estimates, with published ASHE tables"
_MODELLED = "this project's estimates; modelled"
_NORMAL = 1.96


def chart_reconciliation_factors(report: pd.DataFrame) -> Chart:
    """Draw the distribution of the factors that bring predictions to published figures, margin by margin.

    Parameters
    ----------
    report : DataFrame
        Rows of ``est_pay__yearly_reconciliation`` of one year and basis; suppressed ones are not drawn.
    """
    what = "reconciliation factors"
    subject = Subject.of(report, what, ["margin_name", "constraint_kind", "reconciliation_factor"])
    used = report[report["constraint_kind"].isin(list(_KINDS)) & report["reconciliation_factor"].notna()]
    if used.empty:
        raise ReleaseError(f"chart of {what}: every published cell is suppressed")
    margins = list(dict.fromkeys(used["margin_name"]))
    columns = 2 if len(margins) in (2, 4) else min(3, len(margins))
    rows = -(-len(margins) // columns)
    height = 1.55 + 1.75 * rows
    title = f"{subject.concept}: factors to the published figures"
    figure = new_figure(
        7.8, height, title, f"Number of published cells by factor, {subject.year}; dashed: limits of the check"
    )
    for number, margin in enumerate(margins):
        across, down = number % columns, number // columns
        top = height - 0.95 - 1.75 * down
        axes = figure.add_axes(
            (0.05 + 0.97 * across / columns, (top - 1.25) / height, 0.97 / columns - 0.06, 1.0 / height)
        )
        _factor_panel(axes, used[used["margin_name"] == margin], str(margin))
    handles, labels = figure.axes[0].get_legend_handles_labels()
    legend_below(figure, handles, labels)
    outside = int(_outside(used["reconciliation_factor"]).sum())
    largest = (used["reconciliation_factor"] - 1).abs().max()
    alt = (
        f"Histograms, {title}, {len(margins)} margins, {len(used):,} cells. {outside:,} factors are outside "
        f"{LIMITS[0]} to {LIMITS[1]}; the largest distance from 1 is {largest:.2f}."
    )
    return Chart(subject.png(figure, _SOURCE), title, subject.words(alt))


def chart_published_and_predicted(rows: pd.DataFrame) -> Chart:
    """Draw estimates with their 80 per cent intervals against published means, and those of suppressed occupations.

    Parameters
    ----------
    rows : DataFrame
        Rows of ``est_pay__yearly_unit_group`` of one year, edition of SOC and basis; drawn are those of both sexes and
        all working patterns.
    """
    what = "published and predicted"
    columns = ["sex", "working_pattern", "published_mean", "pay_estimate", "interval_low", "interval_high"]
    subject = Subject.of(rows, what, columns)
    frame = rows[(rows["sex"] == "all") & (rows["working_pattern"] == "all")]
    known = frame[frame["published_mean"].notna()]
    hidden = frame[frame["published_mean"].isna()].sort_values("pay_estimate", ascending=False)
    if known.empty:
        raise ReleaseError(f"chart of {what}: no published mean of both sexes and all working patterns")
    title = f"{subject.concept} by occupation, published and estimated"
    figure = new_figure(8.2, 4.7, title, f"{subject.heading}; bars are 80 per cent intervals")
    low = frame[["published_mean", "interval_low"]].min().min()
    high = frame[["published_mean", "interval_high"]].max().max()
    reach = np.array([0.94 * low, 1.06 * high])
    panel = figure.add_axes((0.085, 0.145, 0.53 if len(hidden) else 0.88, 0.63))
    _scatter(panel, known, reach, subject)
    if len(hidden):
        _suppressed_panel(figure.add_axes((0.70, 0.145, 0.285, 0.63), sharey=panel), hidden, reach)
    apart = (known["pay_estimate"] / known["published_mean"] - 1).abs().median()
    found = [subject.amount(hidden["pay_estimate"].min()), subject.amount(hidden["pay_estimate"].max())]
    rest = f" {len(hidden):,} suppressed ones are estimated at {found[0]} to {found[1]}." if len(hidden) else ""
    alt = (
        f"Scatter chart, {title}. The estimates of {len(known):,} published occupations are {100 * apart:.1f} per cent "
        f"away from the published mean in the median.{rest}"
    )
    return Chart(subject.png(figure, _SOURCE), title, subject.words(alt))


def chart_decile_fan(rows: pd.DataFrame) -> Chart:
    """Draw the deciles of pay of each major group as a fan around the median.

    Parameters
    ----------
    rows : DataFrame
        Rows of ``est_pay__yearly_quantile`` of one year; drawn are those of the United Kingdom, unit groups pooled.

    Raises
    ------
    ReleaseError
        No unit group of the United Kingdom has all nine deciles.
    MethodError
        Deciles of a unit group cross.
    """
    what = "deciles"
    columns = ["soc2010_code", "area_code", "working_pattern", "quantile_percent", "job_count", "weekly_pay_gbp"]
    subject = Subject.of(rows, what, columns)
    wide = _pooled(rows[rows["area_code"] == UNITED_KINGDOM])
    if wide.empty:
        raise ReleaseError(f"chart of {what}: no unit group of the United Kingdom has all nine")
    codes = sorted(set(wide.index.get_level_values("group")))
    title = f"{subject.concept}: deciles by major group"
    height = 1.75 + 0.33 * len(codes)
    figure = new_figure(8.2, height, title, subject.heading)
    patterns = [pattern for pattern in PATTERNS if pattern in wide.index.get_level_values("working_pattern")]
    width = 0.70 / len(patterns)
    for number, pattern in enumerate(patterns):
        axes = figure.add_axes((0.285 + number * width, 0.78 / height, width - 0.02, (height - 1.62) / height))
        panel_title(axes, PATTERNS[pattern])
        _fan(axes, pd.DataFrame(wide.loc[pattern]).reindex(codes), PATTERN_COLOURS[pattern], subject)
        names = [in_two_lines(occupation_name(code), 30) if number == 0 else "" for code in codes]
        name_rows(axes, names)
        axes.tick_params(axis="y", labelcolor=INK)
    _fan_legend(figure)
    medians = wide[50].loc[patterns[0]]
    ends = [f"{occupation_name(str(c))} {subject.amount(medians[c])}" for c in (medians.idxmin(), medians.idxmax())]
    alt = f"Fans of deciles, {title}. {PATTERNS[patterns[0]]} medians reach from {ends[0]} to {ends[1]}."
    return Chart(subject.png(figure, _MODELLED), title, subject.words(alt))


def chart_pay_change(rows: pd.DataFrame) -> Chart:
    """Draw the change of pay on the year before: a point for each unit group, in the row of its sub-major group.

    Parameters
    ----------
    rows : DataFrame
        Rows of ``est_pay__yearly_change`` of one year; drawn are those of the United Kingdom. Null is withheld.
    """
    what = "change of pay"
    subject = Subject.of(rows, what, ["soc2010_code", "area_code", "change_percent", "change_error"])
    nation = rows[rows["area_code"] == UNITED_KINGDOM]
    if nation.empty:
        raise ReleaseError(f"chart of {what}: no rows of the United Kingdom")
    nation = nation.assign(group=nation["soc2010_code"].str[:2])
    told = nation[nation["change_percent"].notna()].sort_values("change_percent")
    groups = sorted(nation["group"].unique())
    title = f"{subject.concept}: change on the year by occupation"
    height = (1.15 + 0.25 * len(groups)) / 0.945
    bottom = 0.02 + 0.42 / height
    figure = new_figure(
        8.6, height, title,
        f"Per cent, {subject.year - 1} to {subject.year}; a point for each unit group, lines are 95 per cent intervals",
    )  # fmt: skip
    axes = figure.add_axes((0.465, bottom, 0.41, below_title(height) - bottom - 0.17 / height))
    _strips(axes, nation, told, groups)
    up = int((told["change_percent"] > 0).sum())
    alt = (
        f"Points with intervals, {title}. Of {len(nation):,} unit groups {up:,} rose, {len(told) - up:,} fell and "
        f"{len(nation) - len(told):,} are withheld, as the change is not told from noise."
    )
    return Chart(subject.png(figure, _MODELLED), title, subject.words(alt))


def chart_interval_coverage(rows: pd.DataFrame) -> Chart:
    """Draw the share of held-out published means inside their 80 per cent intervals, and the width of these, by size.

    Parameters
    ----------
    rows : DataFrame
        Rows of ``est_pay__yearly_interval`` of one year and basis, bands in order.
    """
    what = "interval coverage"
    columns = ["size_band", "held_out_count", "log_half_width", "coverage_share"]
    subject = Subject.of(rows, what, columns)
    known = rows[rows["coverage_share"].notna()]
    if known.empty:
        raise ReleaseError(f"chart of {what}: no band has held-out means")
    title = f"{subject.concept}: do the 80 per cent intervals hold?"
    height = 1.75 + 0.3 * len(known)
    figure = new_figure(
        7.8, height, title, f"By number of jobs in the occupation, {subject.year}; held-out published means"
    )
    names = [f"{band} ({count:,})" for band, count in zip(known["size_band"], known["held_out_count"], strict=True)]
    place = np.arange(len(known))
    for left, name in ((0.24, "Per cent inside"), (0.63, "Half the width, per cent")):
        axes = figure.add_axes((left, 0.62 / height, 0.35, (height - 1.5) / height))
        panel_title(axes, name)
        name_rows(axes, names if left < 0.5 else [""] * len(names))
        plain_axes(axes, "x")
        axes.tick_params(axis="y", labelcolor=INK)
    share, width = 100 * known["coverage_share"], 100 * np.expm1(known["log_half_width"])
    first, second = figure.axes
    first.axvspan(*TARGET, color=PALETTE[0], alpha=0.12, linewidth=0)
    first.axvline(80, color=INK, linewidth=1)
    first.plot(share, place, "o", color=PALETTE[0], markersize=6)
    first.set_xlim(min(50, float(share.min()) - 3), 101)
    second.barh(place, width, height=0.55, color=PALETTE[0])
    whole = float(np.average(share, weights=known["held_out_count"]))
    alt = (
        f"Points and bars, {title} {whole:.0f} per cent of {int(known['held_out_count'].sum()):,} held-out means are "
        f"inside; by band {share.min():.0f} to {share.max():.0f} per cent."
    )
    return Chart(subject.png(figure, _SOURCE), title, subject.words(alt))


def _pooled(nation: pd.DataFrame) -> pd.DataFrame:
    """Deciles of major groups by working pattern (rows), percent (columns), from those of their unit groups."""
    keys = ["working_pattern", "soc2010_code"]
    rows = nation.assign(quantile_percent=nation["quantile_percent"].round(3))
    wide = rows.pivot(index=keys, columns="quantile_percent", values="weekly_pay_gbp").reindex(columns=list(_DECILES))
    wide = wide.dropna()
    jobs = rows.groupby(keys)["job_count"].first().reindex(wide.index)
    major = wide.index.get_level_values("soc2010_code").str[0]
    pooled = {
        key: pool_quantiles(part, np.array(_DECILES) / 100, jobs.loc[part.index])
        for key, part in wide.groupby([wide.index.get_level_values("working_pattern"), major])
    }
    index = pd.MultiIndex.from_tuples(list(pooled), names=["working_pattern", "group"])
    return pd.DataFrame(list(pooled.values()), index=index, columns=list(_DECILES))


def _strips(axes: Axes, nation: pd.DataFrame, told: pd.DataFrame, groups: list[str]) -> None:
    axes.axvline(0, color=INK, linewidth=1)
    axes.text(1.02, -0.95, "withheld", transform=axes.get_yaxis_transform(), fontsize=8.5, color=SOFT, va="center")
    for at, group in enumerate(groups):
        part = told[told["group"] == group]
        place = at + (np.linspace(-0.3, 0.3, len(part)) if len(part) > 1 else np.zeros(len(part)))
        change, error = part["change_percent"].to_numpy(dtype=float), part["change_error"].to_numpy(dtype=float)
        axes.hlines(place, change - _NORMAL * error, change + _NORMAL * error, color=PALETTE[0], alpha=0.3, linewidth=1)
        axes.plot(change, place, "o", color=PALETTE[0], markersize=3)
        count = int((nation["group"] == group).sum())
        axes.text(1.02, at, f"{count - len(part)} of {count}", transform=axes.get_yaxis_transform(), fontsize=8.5,
                  color=SOFT, va="center")  # fmt: skip
    name_rows(axes, [occupation_name(group) for group in groups])
    plain_axes(axes, "x")
    axes.tick_params(axis="y", labelcolor=INK)


def _outside(factor: pd.Series) -> pd.Series:
    outside: pd.Series = (factor < LIMITS[0]) | (factor > LIMITS[1])
    return outside


def _factor_panel(axes: Axes, cells: pd.DataFrame, margin: str) -> None:
    from matplotlib.ticker import FixedFormatter, MaxNLocator

    clipped = cells["reconciliation_factor"].clip(_EDGES[0], _EDGES[-1] * 0.9999)
    axes.hist(
        [clipped[cells["constraint_kind"] == kind] for kind in _KINDS], bins=_EDGES.tolist(), stacked=True,
        color=[colour for _, colour in _KINDS.values()], label=[label for label, _ in _KINDS.values()],
    )  # fmt: skip
    for limit in LIMITS:
        axes.axvline(limit, color=INK, linestyle="--", linewidth=1)
    axes.axvline(1, color=SOFT, linewidth=1)
    axes.set(xscale="log", xlim=(_EDGES[0], _EDGES[-1]))
    ratio_axis(axes.xaxis, (0.5, 0.7, 1, 1.4, 2), 0.5, 2)
    axes.xaxis.set_major_formatter(FixedFormatter(["≤ 0.5", "0.7", "1", "1.4", "≥ 2"]))
    plain_axes(axes)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    count = int(_outside(cells["reconciliation_factor"]).sum())
    panel_title(axes, margin.replace("_", " ").capitalize(), pad=18)
    axes.text(
        0, 1.05, f"{count:,} of {len(cells):,} outside the limits", transform=axes.transAxes, fontsize=8.5,
        color=INK if count else SOFT, fontweight="bold" if count else "normal",
    )  # fmt: skip


def _scatter(axes: Axes, known: pd.DataFrame, reach: np.ndarray, subject: Subject) -> None:
    axes.plot(reach, reach, color=SOFT, linewidth=1, linestyle="--")
    axes.vlines(
        known["published_mean"], known["interval_low"], known["interval_high"], color=PALETTE[0], alpha=0.3, linewidth=1
    )
    axes.plot(known["published_mean"], known["pay_estimate"], "o", color=PALETTE[0], markersize=3)
    axes.set(xscale="log", yscale="log", xlim=tuple(reach), ylim=tuple(reach))
    money_axis(axes.xaxis, subject, reach.tolist())
    money_axis(axes.yaxis, subject, reach.tolist())
    plain_axes(axes, "both")
    panel_title(axes, f"Estimate, by published mean ({len(known):,})")


def _suppressed_panel(axes: Axes, hidden: pd.DataFrame, reach: np.ndarray) -> None:
    place = np.arange(len(hidden))
    axes.axvspan(-1, len(hidden), color=LINE, alpha=0.35, linewidth=0)
    axes.vlines(place, hidden["interval_low"], hidden["interval_high"], color=PALETTE[1], alpha=0.45, linewidth=1)
    axes.plot(place, hidden["pay_estimate"], "o", color=PALETTE[1], markersize=5 if len(hidden) < 30 else 3)
    plain_axes(axes)
    axes.set(xlim=(-1, len(hidden)), ylim=tuple(reach), xticks=[])
    axes.tick_params(labelleft=False)
    panel_title(axes, f"Suppressed ({len(hidden):,})")


def _fan(axes: Axes, deciles: pd.DataFrame, colour: str, subject: Subject) -> None:
    place = np.arange(len(deciles))
    for low, high in _BANDS:
        axes.barh(
            place, deciles[high] - deciles[low], left=deciles[low], height=0.62, color=colour, alpha=0.28, linewidth=0
        )
    axes.vlines(deciles[50], place - 0.36, place + 0.36, color=INK, linewidth=1.8)
    for at, (median, top) in enumerate(zip(deciles[50], deciles[90], strict=True)):
        if np.isfinite(median):
            axes.text(top, at, f" {subject.amount(median)}", fontsize=8.5, color=INK, va="center")
    plain_axes(axes, "x")
    axes.set_xlim(0, 1.17 * float(deciles[90].max()))
    axes.xaxis.set_major_formatter(lambda value, _: subject.amount(value).removesuffix(".00"))


def _fan_legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    shades = [1 - 0.72**layers for layers in (4, 3, 2, 1)]
    patches = [Patch(facecolor=SOFT, alpha=shade, linewidth=0) for shade in shades]
    names = ["median, with its value", "4th to 6th decile", "3rd to 7th", "2nd to 8th", "1st to 9th"]
    legend_below(figure, [Line2D([], [], color=INK, linewidth=1.8), *patches], names, columns=5)
