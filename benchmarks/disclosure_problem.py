"""An invented table of jobs by industry, region and occupation with every total, and roll-ups if wanted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp

from lmi_pipeline.methods.disclosure_lattice import Dimension, Lattice

JOBS = 33_000_000
TOTAL = "all"
MOVE = 1.0
FULL = (75, 12, 369)
LEVELS = {
    "none": ((), (), ()),
    "occupation": ((), (), (90,)),
    "every": ((22, 6), (4,), (90, 25, 9)),
}


@dataclass(frozen=True)
class Table:
    """Cells in any order: codes, one column for each dimension, and their values."""

    dimensions: tuple[Dimension, ...]
    codes: pd.DataFrame
    value: np.ndarray


def make_table(shape: tuple[int, int, int], *, rollups: str, seed: int) -> Table:
    """Industries of lognormal size, each with a mix of occupations of its own in each region, around one for all."""
    rng = np.random.default_rng(seed)
    spreads = (1.0, 0.5, 1.1)
    industry, region, occupation = (rng.lognormal(0, *each) for each in zip(spreads, shape, strict=True))
    mix = rng.dirichlet(occupation / occupation.mean() * 2, size=shape[:2])
    jobs = industry[:, None, None] * region[None, :, None] * mix
    inner = np.rint(jobs / jobs.sum() * JOBS * inner_share(shape))
    dimensions = tuple(
        dimension(name, size, parts)
        for name, size, parts in zip(("industry", "region", "occupation"), shape, LEVELS[rollups], strict=True)
    )
    for axis, each in enumerate(dimensions):
        inner = rolled_up(inner, each, axis)
    places = np.indices(inner.shape).reshape(inner.ndim, -1)
    codes = pd.DataFrame(
        {each.name: np.array(each.codes, dtype=object)[places[axis]] for axis, each in enumerate(dimensions)}
    )
    return Table(dimensions, codes, inner.ravel())


def inner_share(shape: tuple[int, ...]) -> float:
    """Jobs of a smaller table, so that its cells are as large as those of the full one on average."""
    return float(np.prod(shape) / np.prod(FULL))


def dimension(name: str, size: int, parts: tuple[int, ...]) -> Dimension:
    """Codes in order, each level cut into neighbouring groups of about equal number; the total last."""
    sums: list[tuple[str, list[str]]] = []
    level = leaves = [f"{name[0]}{number}" for number in range(size)]
    for count in (part for part in parts if part < size):
        groups = np.array_split(np.arange(len(level)), count)
        sums += [(f"{name[0]}{count}_{number}", [level[each] for each in group]) for number, group in enumerate(groups)]
        level = [parent for parent, _ in sums[-count:]]
    return Dimension.of(name, [*sums, (TOTAL, level)], codes=leaves)


def rolled_up(inner: np.ndarray, each: Dimension, axis: int) -> np.ndarray:
    """The array with a plane for every sum of the dimension; sums are listed from the bottom."""
    planes = [np.take(inner, node, axis) for node in range(inner.shape[axis])]
    for parent, children in each.sums:
        assert parent == len(planes), "sums are not listed from the bottom"
        planes.append(sum(planes[child] for child in children))
    return np.stack(planes, axis)


def primary_cells(value: np.ndarray, threshold: float) -> np.ndarray:
    """(cells,) those below the threshold; zeros are published."""
    return (value > 0) & (value < threshold)


def write_problem(folder: Path, lattice: Lattice, primary: np.ndarray) -> None:
    """Equations, values and cells to protect as arrays; inner cells of every cell as text, numbered from 1."""
    entries = lattice.matrix.tocoo()
    np.savez(
        folder / "problem.npz",
        row=entries.row,
        column=entries.col,
        coefficient=entries.data.astype(int),
        value=lattice.value,
        primary=np.flatnonzero(primary),
        nodes=lattice.nodes,
        nodes_per_dimension=[len(each.codes) for each in lattice.dimensions],
    )
    np.savetxt(folder / "value.txt", lattice.value, fmt="%.0f")
    np.savetxt(folder / "primary.txt", np.flatnonzero(primary) + 1, fmt="%d")
    np.savetxt(folder / "inner.txt", inner_cells(lattice) + 1, fmt="%d")


def inner_cells(lattice: Lattice) -> np.ndarray:
    """(pairs, 2) inner cell and cell that contains it; of a full table, whose cells are in the order of their codes."""
    inside = sp.identity(1, format="csr")
    for each in lattice.dimensions:
        parents = {parent for parent, _ in each.sums}
        leaves = [node for node in range(len(each.codes)) if node not in parents]
        held = np.zeros((len(leaves), len(each.codes)))
        held[np.arange(len(leaves)), leaves] = 1
        for parent, nodes in each.sums:
            held[:, parent] = held[:, nodes].sum(axis=1)
        inside = sp.kron(inside, sp.csr_matrix(held), format="csr")
    return np.column_stack(inside.nonzero())
