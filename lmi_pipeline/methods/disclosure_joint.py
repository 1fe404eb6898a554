"""Tables that are published together as one system, and their primary rules brought into line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.disclosure_lattice import Lattice
from lmi_pipeline.methods.disclosure_rules import PrimaryDecision
from lmi_pipeline.methods.disclosure_system import DisclosureSystem, Link, join_systems


def system_of(
    lattices: Lattice | Sequence[Lattice],
    primary: PrimaryDecision,
    hidden: ArrayLike,
    *,
    links: Sequence[Link] = (),
    floor: ArrayLike = 0.0,
    ceiling: ArrayLike = np.inf,
) -> DisclosureSystem:
    """Join tables into what an attacker knows.

    Parameters
    ----------
    lattices : Lattice or sequence of Lattice
        Tables; `primary`, `hidden`, `floor` and `ceiling` number their cells one table after another.
    primary : PrimaryDecision
        Outcome of the rules, of which the protection is taken.
    hidden : array_like of bool, shape (cells,)
        Cells without a published value.
    links : sequence of Link
        Rows that tie cells of several tables.
    floor, ceiling : array_like
        Bounds known from outside.
    """
    tables = [lattices] if isinstance(lattices, Lattice) else list(lattices)
    ends = np.cumsum([len(table.value) for table in tables])
    if len(primary.status) != ends[-1]:
        raise MethodError(f"protection: the rules speak of {len(primary.status)} cells, the tables have {ends[-1]}")
    low, high = (np.broadcast_to(np.asarray(each, float), ends[-1]) for each in (floor, ceiling))
    kept = np.asarray(hidden, bool)
    parts = []
    for table, end in zip(tables, ends, strict=True):
        span = slice(end - len(table.value), end)
        part = DisclosureSystem.of_equations(
            table.matrix, table.value, kept[span], floor=low[span], ceiling=high[span],
            protect_down=primary.protect_down[span], protect_up=primary.protect_up[span],
        )  # fmt: skip
        sums = table.matrix @ table.value
        parts.append(replace(part, row_lower=sums, row_upper=sums))
    return join_systems(parts, links)


def in_line(primary: PrimaryDecision, group: NDArray[np.int64]) -> PrimaryDecision:
    """Give every copy of a withheld cell the decision of the copy that needs most protection."""
    order = np.lexsort((-primary.protect_up, ~primary.withheld, group))
    first = np.unique(group[order], return_index=True)[1]
    leader = order[first][group]
    return primary.take(np.where(primary.withheld[leader], leader, np.arange(len(group))))
