"""Random tables with totals and hierarchies, and what an attacker can find out about their withheld cells."""

import numpy as np
import pandas as pd
from scipy.optimize import linprog

from lmi_pipeline.methods.disclosure_cubes import Suppression
from lmi_pipeline.methods.disclosure_lattice import Dimension, Lattice, build_lattice


def tree(name: str, groups: list[int]) -> tuple[Dimension, np.ndarray]:
    """A dimension of leaves in groups under one total; and (nodes, leaves) which leaf is in which node."""
    leaves = [f"{name}{leaf}" for leaf in range(sum(groups))]
    ends = np.cumsum(groups)
    sums, tops, rows = [], [], [*np.eye(len(leaves), dtype=int)]
    for number, (end, size) in enumerate(zip(ends, groups, strict=True)):
        family = leaves[end - size : end]
        if len(groups) == 1 or size == 1:
            tops += family
            continue
        sums.append((f"{name}-group{number}", family))
        tops.append(f"{name}-group{number}")
        rows.append(np.isin(np.arange(len(leaves)), np.arange(end - size, end)).astype(int))
    sums.append(("all", tops))
    rows.append(np.ones(len(leaves), dtype=int))
    codes = [*leaves, *(parent for parent, _ in sums)]
    return Dimension.of(name, sums, codes), np.array(rows)


def full_table(groups: list[list[int]], leaves: np.ndarray) -> Lattice:
    """The lattice of every combination of nodes over a table of leaves."""
    values, dimensions = leaves, []
    for axis, sizes in enumerate(groups):
        dimension, inside = tree("abcd"[axis], sizes)
        dimensions.append(dimension)
        values = np.moveaxis(np.tensordot(inside, values, axes=(1, axis)), 0, axis)
    places = np.indices(values.shape).reshape(values.ndim, -1)
    codes = pd.DataFrame({one.name: np.array(one.codes)[place] for one, place in zip(dimensions, places, strict=True)})
    return build_lattice(dimensions, codes, values.reshape(-1))


def random_table(seed: int, groups: list[list[int]], mean: float = 8.0, zeros: float = 0.1) -> Lattice:
    """A skewed table of counts, some of them zero."""
    rng = np.random.default_rng(seed)
    shape = tuple(sum(sizes) for sizes in groups)
    leaves = np.ceil(rng.lognormal(np.log(mean), 1.2, shape)) * (rng.random(shape) >= zeros)
    return full_table(groups, leaves)


def interval(lattice: Lattice, hidden: np.ndarray, cell: int, known: tuple[int, ...] = ()) -> tuple[float, float]:
    """What an attacker who knows the published cells, and those in `known`, finds out about one cell: exact bounds."""
    free = np.flatnonzero(hidden & ~np.isin(np.arange(len(hidden)), known))
    goal = (free == cell).astype(float)
    shown = np.where(np.isin(np.arange(len(hidden)), free), 0.0, lattice.value)
    ends = [
        linprog(
            sign * goal,
            A_eq=lattice.matrix[:, free].toarray(),
            b_eq=-(lattice.matrix @ shown),
            bounds=(0, None),
            method="highs",
        )
        for sign in (1, -1)
    ]
    assert ends[0].status == 0
    low, high = float(ends[0].fun), (np.inf if ends[1].status == 3 else -float(ends[1].fun))
    return low, high


def faults(lattice: Lattice, found: Suppression, *, floor: float = 0.0) -> list[str]:
    """What is wrong with the witnesses, by dense arithmetic that shares nothing with the suppressor."""
    moves = found.witnesses.toarray()
    wrong = []
    if moves.size and np.abs(moves @ lattice.matrix.toarray().T).max() > 1e-7:
        wrong.append("a witness breaks an equation")
    if moves[:, ~found.hidden].any():
        wrong.append("a witness touches a published cell")
    if (lattice.value + moves < floor - 1e-7).any():
        wrong.append("a witness falls below the floor")
    return wrong


def reach(found: Suppression) -> tuple[np.ndarray, np.ndarray]:
    """How far down and up the witnesses take each cell."""
    moves = np.vstack([np.zeros((1, found.witnesses.shape[1])), found.witnesses.toarray()])
    return -moves.min(axis=0), moves.max(axis=0)
