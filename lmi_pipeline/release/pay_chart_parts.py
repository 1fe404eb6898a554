"""What the charts of pay share: units, names, colours, panels, rows of points with intervals."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.release.chart_style import INK, LINE, PALETTE, SOFT, finish, synthetic_flag, synthetic_text, to_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PATTERNS = {"full_time": "Full-time", "part_time": "Part-time"}
PATTERN_COLOURS = {"full_time": PALETTE[0], "part_time": PALETTE[1]}
_UNITS = {
    "weekly": ("Gross weekly pay", "£ a week", "£{:,.0f}"),
    "hourly": ("Hourly pay without overtime", "£ an hour", "£{:,.2f}"),
    "annual": ("Gross annual pay", "£ a year", "£{:,.0f}"),
    "hours": ("Paid hours", "hours a week", "{:,.1f}"),
}
_LISTS = {1: "soc2010_major", 2: "soc2010_sub_major", 3: "soc2010_minor", 4: "soc2010_unit_group"}


@dataclass(frozen=True)
class Subject:
    """What a chart is about: `weekly`, `hourly` or `annual` pay or `hours`, the year, and whether it is synthetic."""

    basis: str
    year: int
    synthetic: str

    @classmethod
    def of(cls, rows: pd.DataFrame, what: str, columns: Sequence[str]) -> Subject:
        """Subject of some rows, which have ``year``, ``synthetic`` and the columns named; weekly without ``pay_basis``.

        Raises
        ------
        ReleaseError
            No rows, a missing column, more than one year or basis, or a basis that is not in the catalogue.
        """
        needed = ["year", "synthetic", *columns]
        absent = [name for name in needed if name not in rows.columns]
        if absent:
            raise ReleaseError(f"chart of {what}: column {', '.join(absent)} is missing")
        if rows.empty:
            raise ReleaseError(f"chart of {what}: no rows to draw")
        bases = rows["pay_basis"].unique().tolist() if "pay_basis" in rows else ["weekly"]
        years = rows["year"].unique().tolist()
        if len(years) > 1 or len(bases) > 1 or bases[0] not in _UNITS:
            found = f"years {', '.join(map(str, years))} and bases {', '.join(map(str, bases))}"
            raise ReleaseError(f"chart of {what}: rows of {found}; give one year and one of {', '.join(_UNITS)}")
        return cls(str(bases[0]), int(years[0]), synthetic_flag(rows["synthetic"]))

    @property
    def concept(self) -> str:
        """The quantity in words."""
        return _UNITS[self.basis][0]

    @property
    def unit(self) -> str:
        """Its unit in words."""
        return _UNITS[self.basis][1]

    @property
    def heading(self) -> str:
        """Unit and year, to stand under a title."""
        return f"{self.unit[0].upper()}{self.unit[1:]}, {self.year}"

    def amount(self, value: float) -> str:
        """A value as it is printed."""
        return _UNITS[self.basis][2].format(value)

    def png(self, figure: Figure, source: str) -> bytes:
        """Picture with its source and the mark of synthetic data."""
        finish(figure, f"Source: {source}, {self.year}.", [self.synthetic])
        return to_png(figure)

    def words(self, text: str) -> str:
        """Text alternative that says when data are synthetic."""
        return text + synthetic_text([self.synthetic])


def patterns_in(frame: pd.DataFrame) -> list[str]:
    """Working patterns that have rows, full-time first."""
    return [pattern for pattern in PATTERNS if (frame["working_pattern"] == pattern).any()]


def occupation_name(code: str) -> str:
    """Name of an occupation at any level of SOC 2010; the code itself if it has none."""
    listed = _LISTS.get(len(code))
    return catalog.mapping(listed, "name").get(code, code) if listed else code


def in_two_lines(text: str, width: int) -> str:
    """Text over two lines if it is longer than the width in characters; cut with an ellipsis if that is too little."""
    return "\n".join(textwrap.wrap(text, width, max_lines=2, placeholder="…"))


def below_title(height: float) -> float:
    """Where panels without titles of their own may begin, as a share of the height (inches) of a figure."""
    return 0.965 - 0.52 / height


def plain_axes(axes: Axes, grid: str = "y") -> None:
    """No box, no ticks, faint lines across the axis named."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.tick_params(which="both", length=0, labelsize=8.5, labelcolor=SOFT)
    axes.grid(axis=grid, color=LINE, linewidth=0.8)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def panel_title(axes: Axes, text: str, pad: float = 6) -> None:
    """Title of one panel, over its left edge."""
    axes.set_title(text, loc="left", fontsize=10, fontweight="bold", color=INK, pad=pad)


def ratio_axis(axis: Any, ticks: Sequence[float], low: float, high: float) -> None:
    """Logarithmic axis of ratios with plain labels."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    shown = [tick for tick in ticks if low <= tick <= high]
    axis.set_major_locator(FixedLocator(shown))
    axis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in shown]))
    axis.set_minor_locator(NullLocator())


def money_axis(axis: Any, subject: Subject, values: Sequence[float]) -> None:
    """Logarithmic axis of amounts, labelled at round numbers inside the values."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    low, high = float(np.min(values)), float(np.max(values))
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        ticks = [power * step for power in powers for step in steps if low <= power * step <= high]
        if len(ticks) >= 3:
            break
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter([subject.amount(tick).removesuffix(".00") for tick in ticks]))
    axis.set_minor_locator(NullLocator())


def name_rows(axes: Axes, names: Sequence[str], *, size: float = 8.5) -> None:
    """One row for each name, the first on top."""
    axes.set_yticks(range(len(names)), names, fontsize=size, color=INK, multialignment="right")
    axes.set_ylim(len(names) - 0.4, -0.6)


def legend_below(figure: Figure, handles: Sequence[Any], labels: Sequence[str], *, columns: int = 4) -> None:
    """Legend between the panels and the source."""
    figure.legend(
        list(handles), list(labels), loc="lower left", bbox_to_anchor=(0.004, 0.02 + 0.08 / figure.get_figheight()),
        ncols=columns, frameon=False, fontsize=9, labelcolor=INK, columnspacing=1.6,
    )  # fmt: skip


def per_cent(value: float) -> str:
    """Per cent with its sign, one decimal."""
    return f"{'−' if round(value, 1) < 0 else '+'}{abs(value):.1f}"
