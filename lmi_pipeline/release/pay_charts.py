"""Charts of predicted pay and hours: how far they were fitted to published figures, and what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lmi_pipeline.errors import ReleaseError
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
    patterns_in,
    per_cent,
    plain_axes,
    ratio_axis,
    required,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LIMITS = (0.7, 1.4)
_EDGES = np.exp(np.linspace(np.log(0.5), np.log(2), 41))
_KINDS = {"hard": ("met exactly", PALETTE[0]), "soft": ("met in part, as the figure is uncertain", PALETTE[5])}
_BANDS = ((0.1, 0.9), (0.2, 0.8), (0.3, 0.7), (0.4, 0.6))
_DECILES = tuple(round(0.1 * step, 1) for step in range(1, 10))
_SOURCE = "this project's estimates, with published ASHE tables"
_MODELLED = "this project's estimates; modelled"
_NORMAL = 1.96


def chart_reconciliation_factors(report: pd.DataFrame, subject: Subject) -> Chart:
    """Draw the distribution of the factors that bring predictions to published figures, margin by margin.

    Parameters
    ----------
    report : DataFrame
        ``margin`` (its name), ``kind`` (``hard``, ``soft`` or ``suppressed``: not drawn) and ``factor`` (ratio), a row
        for each published cell.
    """
    what = "reconciliation factors"
    required(report, ["margin", "kind", "factor"], what)
    used = report[report["kind"].isin(list(_KINDS)) & report["factor"].notna()]
    if used.empty:
        raise ReleaseError(f"chart of {what}: every published cell is suppressed")
    margins = list(dict.fromkeys(used["margin"]))
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
        _factor_panel(axes, used[used["margin"] == margin], str(margin))
    handles, labels = figure.axes[0].get_legend_handles_labels()
    legend_below(figure, handles, labels)
    outside = _outside(used["factor"])
    alt = (
        f"Histograms, {title}, {len(margins)} margins, {len(used):,} cells. {int(outside.sum()):,} factors are outside "
        f"{LIMITS[0]} to {LIMITS[1]}; the largest distance from 1 is {(used['factor'] - 1).abs().max():.2f}."
    )
    return Chart(subject.png(figure, _SOURCE), title, subject.words(alt))


def chart_published_and_predicted(frame: pd.DataFrame, subject: Subject) -> Chart:
    """Draw estimates with their 80 per cent intervals against published means, and those of suppressed occupations.

    Parameters
    ----------
    frame : DataFrame
        ``occupation``, ``published`` (null where suppressed), ``estimate``, ``lower`` and ``upper``, in the unit of the
        subject, a row for each occupation.
    """
    what = "published and predicted"
    required(frame, ["occupation", "published", "estimate", "lower", "upper"], what)
    known = frame[frame["published"].notna()]
    hidden = frame[frame["published"].isna()].sort_values("estimate", ascending=False)
    if known.empty:
        raise ReleaseError(f"chart of {what}: no published figure")
    title = f"{subject.concept} by occupation, published and estimated"
    figure = new_figure(
        8.2, 4.7, title, f"{subject.unit[0].upper()}{subject.unit[1:]}, {subject.year}; bars are 80 per cent intervals"
    )
    reach = np.array(
        [frame[["published", "lower"]].min().min() * 0.94, frame[["published", "upper"]].max().max() * 1.06]
    )
    panel = figure.add_axes((0.085, 0.145, 0.53 if len(hidden) else 0.88, 0.63))
    _scatter(panel, known, reach, subject)
    if len(hidden):
        _suppressed_panel(figure.add_axes((0.70, 0.145, 0.285, 0.63), sharey=panel), hidden, reach)
    inside = ((known["published"] >= known["lower"]) & (known["published"] <= known["upper"])).mean()
    alt = (
        f"Scatter chart, {title}: {len(known):,} published occupations, {100 * inside:.0f} per cent of them inside the "
        f"interval of their estimate, and {len(hidden):,} suppressed ones with an estimate of {_span(hidden, subject)}."
    )
    return Chart(subject.png(figure, _SOURCE), title, subject.words(alt))


def chart_decile_fan(quantiles: pd.DataFrame, subject: Subject) -> Chart:
    """Draw the deciles of each occupation group as a fan around the median.

    Parameters
    ----------
    quantiles : DataFrame
        ``occupation`` (codes of one level, at most about 25), ``working_pattern``, ``probability`` (0.1 to 0.9) and
        ``value`` in the unit of the subject.

    Raises
    ------
    ReleaseError
        No rows, or deciles of a group that cross.
    """
    what = "deciles"
    required(quantiles, ["occupation", "working_pattern", "probability", "value"], what)
    rows = quantiles.assign(probability=quantiles["probability"].round(3))
    wide = rows.pivot(index=["working_pattern", "occupation"], columns="probability", values="value")
    wide = wide.reindex(columns=list(_DECILES)).dropna()
    if wide.empty:
        raise ReleaseError(f"chart of {what}: no group has all nine")
    crossed = int((wide.diff(axis=1).iloc[:, 1:] < 0).any(axis=1).sum())
    if crossed:
        raise ReleaseError(f"chart of {what}: they cross in {crossed} of {len(wide)} groups")
    codes = sorted(set(wide.index.get_level_values("occupation")))
    title = f"{subject.concept}: deciles by occupation"
    height = 1.75 + 0.33 * len(codes)
    figure = new_figure(8.2, height, title, f"{subject.unit[0].upper()}{subject.unit[1:]}, {subject.year}")
    patterns = patterns_in(rows)
    width = 0.70 / len(patterns)
    for number, pattern in enumerate(patterns):
        axes = figure.add_axes((0.285 + number * width, 0.78 / height, width - 0.02, (height - 1.62) / height))
        panel_title(axes, PATTERNS[pattern])
        _fan(axes, pd.DataFrame(wide.loc[pattern]).reindex(codes), PATTERN_COLOURS[pattern], subject)
        names = [in_two_lines(occupation_name(code), 30) if number == 0 else "" for code in codes]
        name_rows(axes, names)
        axes.tick_params(axis="y", labelcolor=INK)
    _fan_legend(figure)
    medians = wide[0.5].loc[patterns[0]]
    ends = [
        f"{occupation_name(str(code))} {subject.amount(medians[code])}" for code in (medians.idxmax(), medians.idxmin())
    ]
    alt = f"Fans of deciles, {title}. {PATTERNS[patterns[0]]} medians reach from {ends[1]} to {ends[0]}."
    return Chart(subject.png(figure, _MODELLED), title, subject.words(alt))


def chart_pay_change(changes: pd.DataFrame, subject: Subject) -> Chart:
    """Draw the change of pay on the year before by occupation group, with 95 per cent intervals.

    Parameters
    ----------
    changes : DataFrame
        ``occupation`` (codes of one level, e.g. sub-major groups), ``change`` (log ratio; null where withheld),
        ``standard_error`` and ``status`` (``withheld`` where the change is not told from noise).
    """
    what = "change of pay"
    required(changes, ["occupation", "change", "standard_error", "status"], what)
    rows = changes.sort_values(["change", "occupation"], ascending=[False, True], na_position="last")
    told = rows[rows["change"].notna() & (rows["status"] != "withheld")]
    title = f"{subject.concept}: change on the year by occupation"
    height = (1.0 + 0.24 * len(rows)) / 0.945
    figure = new_figure(
        8.4,
        height,
        title,
        f"Per cent, {subject.year - 1} to {subject.year}; 95 per cent intervals; withheld: not told from noise",
    )
    bottom = 0.02 + 0.42 / height
    axes = figure.add_axes((0.475, bottom, 0.51, below_title(height) - bottom))
    change, error = told["change"].to_numpy(dtype=float), _NORMAL * told["standard_error"].to_numpy(dtype=float)
    percent = [100 * (np.exp(change + side * error) - 1) for side in (-1, 0, 1)]
    axes.axvline(0, color=INK, linewidth=1)
    place = np.arange(len(told))
    axes.hlines(place, percent[0], percent[2], color=PALETTE[0], linewidth=1.8)
    axes.plot(percent[1], place, "o", color=PALETTE[0], markersize=5)
    for at in range(len(told), len(rows)):
        axes.text(0, at, " withheld", fontsize=8.5, color=SOFT, va="center")
    name_rows(axes, [occupation_name(str(code)) for code in [*told["occupation"], *_others(rows, told)]])
    plain_axes(axes, "x")
    axes.tick_params(axis="y", labelcolor=INK)
    ends = (
        [f"{occupation_name(str(told['occupation'].iloc[at]))} {per_cent(percent[1][at])}" for at in (0, -1)]
        if len(told)
        else []
    )
    reach = f" from {ends[1]} to {ends[0]} per cent" if ends else ""
    alt = f"Points with intervals, {title}: {len(told)} groups{reach}; {len(rows) - len(told)} withheld."
    return Chart(subject.png(figure, _MODELLED), title, subject.words(alt))


def _others(rows: pd.DataFrame, told: pd.DataFrame) -> list[str]:
    return [str(code) for code in rows["occupation"] if code not in set(told["occupation"])]


def _outside(factor: pd.Series) -> pd.Series:
    outside: pd.Series = (factor < LIMITS[0]) | (factor > LIMITS[1])
    return outside


def _factor_panel(axes: Axes, cells: pd.DataFrame, margin: str) -> None:
    from matplotlib.ticker import FixedFormatter, MaxNLocator

    clipped = cells["factor"].clip(_EDGES[0], _EDGES[-1] * 0.9999)
    axes.hist(
        [clipped[cells["kind"] == kind] for kind in _KINDS], bins=_EDGES.tolist(), stacked=True,
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
    count = int(_outside(cells["factor"]).sum())
    panel_title(axes, margin, pad=18)
    axes.text(
        0, 1.05, f"{count:,} of {len(cells):,} outside the limits", transform=axes.transAxes, fontsize=8.5,
        color=INK if count else SOFT, fontweight="bold" if count else "normal",
    )  # fmt: skip


def _scatter(axes: Axes, known: pd.DataFrame, reach: np.ndarray, subject: Subject) -> None:
    axes.plot(reach, reach, color=SOFT, linewidth=1, linestyle="--")
    axes.vlines(known["published"], known["lower"], known["upper"], color=PALETTE[0], alpha=0.3, linewidth=1)
    axes.plot(known["published"], known["estimate"], "o", color=PALETTE[0], markersize=3)
    axes.set(xscale="log", yscale="log", xlim=tuple(reach), ylim=tuple(reach))
    money_axis(axes.xaxis, subject, reach.tolist())
    money_axis(axes.yaxis, subject, reach.tolist())
    plain_axes(axes, "both")
    panel_title(axes, f"Estimate, by published mean ({len(known):,})")


def _suppressed_panel(axes: Axes, hidden: pd.DataFrame, reach: np.ndarray) -> None:
    place = np.arange(len(hidden))
    axes.axvspan(-1, len(hidden), color=LINE, alpha=0.35, linewidth=0)
    axes.vlines(place, hidden["lower"], hidden["upper"], color=PALETTE[1], alpha=0.45, linewidth=1)
    axes.plot(place, hidden["estimate"], "o", color=PALETTE[1], markersize=2.5)
    plain_axes(axes)
    axes.set(xlim=(-1, len(hidden)), ylim=tuple(reach), xticks=[])
    axes.tick_params(labelleft=False)
    panel_title(axes, f"Suppressed ({len(hidden):,})")


def _span(hidden: pd.DataFrame, subject: Subject) -> str:
    if hidden.empty:
        return "none"
    return f"{subject.amount(hidden['estimate'].min())} to {subject.amount(hidden['estimate'].max())}"


def _fan(axes: Axes, deciles: pd.DataFrame, colour: str, subject: Subject) -> None:
    place = np.arange(len(deciles))
    for low, high in _BANDS:
        axes.barh(
            place, deciles[high] - deciles[low], left=deciles[low], height=0.62, color=colour, alpha=0.28, linewidth=0
        )
    axes.vlines(deciles[0.5], place - 0.36, place + 0.36, color=INK, linewidth=1.8)
    for at, (median, top) in enumerate(zip(deciles[0.5], deciles[0.9], strict=True)):
        if np.isfinite(median):
            axes.text(top, at, f" {subject.amount(median)}", fontsize=8.5, color=INK, va="center")
    plain_axes(axes, "x")
    axes.set_xlim(0, 1.17 * float(deciles[0.9].max()))
    axes.xaxis.set_major_formatter(lambda value, _: subject.amount(value).removesuffix(".00"))


def _fan_legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    shades = [1 - 0.72**layers for layers in (4, 3, 2, 1)]
    patches = [Patch(facecolor=SOFT, alpha=shade, linewidth=0) for shade in shades]
    names = ["median, with its value", "4th to 6th decile", "3rd to 7th", "2nd to 8th", "1st to 9th"]
    legend_below(figure, [Line2D([], [], color=INK, linewidth=1.8), *patches], names, columns=5)
