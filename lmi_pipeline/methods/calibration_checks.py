"""Whether controls can be met at all: empty cells, controls that disagree, controls that follow from others.

Two margins that cover the same units imply each other's sums over the groups of cells they have in common; where the
sums differ the controls disagree, and the smallest such group says where. What pairs of margins do not show, the rank
of the design matrix does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
import scipy.linalg
import scipy.sparse as sp
from scipy.linalg import lapack
from scipy.sparse.csgraph import connected_components

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.calibration_cells import Cells, collapse
from lmi_pipeline.methods.control_names import Names, describe_conflict, name_cells
from lmi_pipeline.methods.distances import Distance
from lmi_pipeline.methods.margins import IntArray, Margin, control_totals
from lmi_pipeline.methods.tables import FloatArray

_DENSE_CONTROLS = 3_000
_RANK_TOLERANCE = 1e-12
_NEGLIGIBLE = 1e-10
_SHOWN = 5
_CONFLICT = ["controls", "first", "second", "size", "relative_size"]
_INVOLVED = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class ControlExamination:
    """What is wrong with some controls, and what is superfluous.

    Attributes
    ----------
    empty : tuple of str
        Controls that are not zero and have no unit.
    conflicts : DataFrame
        ``controls`` (text), ``first``, ``second`` (sums that should be equal), ``size`` (first less second) and
        ``relative_size``; the most specific conflicts first.
    suspect : str
        The one margin that is in all of several conflicts, so that without it there is none; empty if there is none.
    structural_zeros : tuple of str
        Controls of zero that have units.
    redundant : tuple of str
        Controls that follow from the others.
    kept : ndarray of int
        Positions of the controls to solve for: neither empty nor redundant.
    """

    empty: tuple[str, ...]
    conflicts: pd.DataFrame
    suspect: str
    structural_zeros: tuple[str, ...]
    redundant: tuple[str, ...]
    kept: IntArray

    def raise_if_inconsistent(self) -> None:
        """Raise MethodError that names empty cells and conflicts."""
        told = []
        if self.empty:
            more = f" and {len(self.empty) - _SHOWN} more" if len(self.empty) > _SHOWN else ""
            told.append(
                f"{len(self.empty)} controls have no respondent: {'; '.join(self.empty[:_SHOWN])}{more}"
                " (merge them with a neighbour or set them to zero)"
            )
        if len(self.conflicts):
            shown = "; ".join(self.conflicts["controls"].iloc[:_SHOWN])
            more = f"; and {len(self.conflicts) - _SHOWN} more" if len(self.conflicts) > _SHOWN else ""
            advice = f"all are with {self.suspect}: correct its totals" if self.suspect else "correct the totals"
            told.append(f"{len(self.conflicts)} conflicts between controls: {shown}{more} ({advice})")
        if told:
            raise MethodError(f"calibration: {'. '.join(told)}")


def examine_controls(
    base_weights: FloatArray, margins: Sequence[Margin], *, tolerance: float = 1e-8
) -> ControlExamination:
    """Examine controls before solving.

    Parameters
    ----------
    base_weights : ndarray
        (n,); units of weight zero do not count.
    margins : sequence of Margin
    tolerance : float
        Relative difference up to which two sums are the same.
    """
    return examine_cells(collapse(base_weights, margins), margins, tolerance=tolerance)


def examine_cells(cells: Cells, margins: Sequence[Margin], *, tolerance: float) -> ControlExamination:
    """As :func:`examine_controls`, on a problem that is already collapsed."""
    names, totals = Names(margins), control_totals(margins)
    labels = names.labels
    x = cells.auxiliaries[cells.weights > 0]
    filled = np.asarray(abs(x).sum(axis=0)).ravel() > 0
    empty = np.flatnonzero(~filled & (totals != 0))
    pairs, suspect = _pair_conflicts(cells.examples, margins, tolerance)
    kept, redundant, followers = _independent(x, cells.weights[cells.weights > 0], totals, filled)
    conflicts = pairs if len(pairs) else _rank_conflicts(names, totals, followers, tolerance)
    return ControlExamination(
        empty=tuple(labels[at] for at in empty),
        conflicts=conflicts.assign(size=conflicts["first"] - conflicts["second"])[_CONFLICT],
        suspect=suspect,
        structural_zeros=tuple(labels[at] for at in np.flatnonzero(filled & (totals == 0))),
        redundant=tuple(labels[at] for at in redundant),
        kept=kept,
    )


def _pair_conflicts(units: IntArray, margins: Sequence[Margin], tolerance: float) -> tuple[pd.DataFrame, str]:
    """Groups of cells of two margins that hold the same units and have different sums; and the margin in all pairs."""
    counted = [margin for margin in margins if margin.values is None]
    found = {(a.name, b.name): _conflicts_of_pair(a, b, units, tolerance) for a, b in combinations(counted, 2)}
    at_odds = [set(pair) for pair, conflicts in found.items() if conflicts]
    suspects = set.intersection(*at_odds) if at_odds else set()
    columns = ["cells", "controls", "first", "second", "relative_size"]
    frame = pd.DataFrame([row for conflicts in found.values() for row in conflicts], columns=columns)
    ordered = frame.sort_values("cells", kind="stable", ignore_index=True).drop(columns="cells")
    return ordered, suspects.pop() if len(suspects) == 1 else ""


def _conflicts_of_pair(
    a: Margin, b: Margin, units: IntArray, tolerance: float
) -> list[tuple[int, str, float, float, float]]:
    one, two = a.index[units], b.index[units]
    sizes = len(a.labels), len(b.labels)
    both = (one >= 0) & (two >= 0)
    links = sp.coo_array((np.ones(int(both.sum())), (one[both], two[both] + sizes[0])), shape=(sum(sizes), sum(sizes)))
    groups, member = connected_components(links, directed=False)
    torn = np.zeros(groups, dtype=bool)
    torn[member[one[(one >= 0) & (two < 0)]]] = True
    torn[member[two[(two >= 0) & (one < 0)] + sizes[0]]] = True
    of_a, of_b = member[: sizes[0]], member[sizes[0] :]
    linked = np.isin(np.arange(groups), of_a[np.unique(one[both])])
    sums = np.bincount(of_a, a.totals, minlength=groups), np.bincount(of_b, b.totals, minlength=groups)
    apart = np.abs(sums[0] - sums[1])
    wrong = np.flatnonzero(linked & ~torn & (apart > tolerance * np.maximum(np.abs(sums[0]), np.abs(sums[1]))))
    return [
        _describe(a, b, np.flatnonzero(of_a == group), np.flatnonzero(of_b == group), sums[0][group], sums[1][group])
        for group in wrong
    ]


def _describe(
    a: Margin, b: Margin, of_a: IntArray, of_b: IntArray, sum_a: float, sum_b: float
) -> tuple[int, str, float, float, float]:
    text, relative = describe_conflict(name_cells(a, of_a), float(sum_a), name_cells(b, of_b), float(sum_b))
    return len(of_a) + len(of_b), text, float(sum_a), float(sum_b), relative


@dataclass(frozen=True, slots=True, eq=False)
class _Followers:
    """Controls `rest` that follow from those of `basis`, as the sums `share.T` of their totals: one block."""

    basis: IntArray
    rest: IntArray
    share: FloatArray


def _independent(
    x: "sp.csr_array", weights: FloatArray, totals: FloatArray, filled: np.ndarray
) -> tuple[IntArray, IntArray, list[_Followers]]:
    """Controls that are independent, those that follow, and how they follow."""
    cross = sp.csr_array(x.T @ (sp.diags_array(weights) @ x))
    _, block = connected_components(cross, directed=False)
    whole = cross.toarray() if cross.shape[0] <= _DENSE_CONTROLS else None
    kept: list[IntArray] = []
    followers: list[_Followers] = []
    order = np.argsort(block, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(block[order])) + 1):
        inside = members[filled[members]]
        if not len(inside):
            continue
        part = cross[inside][:, inside].toarray() if whole is None else whole[np.ix_(inside, inside)]
        size = np.sqrt(np.diag(part))
        even = part / size[:, None] / size
        basis, rest = pivoted(even)
        kept.append(inside[basis])
        if len(rest):
            share = _share(even, basis, rest) / size[basis][:, None] * size[rest]
            followers.append(_Followers(inside[basis], inside[rest], share))
    return _joined(kept, sort=True), _joined([block.rest for block in followers]), followers


def pivoted(matrix: FloatArray) -> tuple[IntArray, IntArray]:
    """Split the columns of a positive semi-definite matrix with unit diagonal into a basis and what follows from it.

    Pivots are squares: columns less than a millionth apart, times the root of their number, count as the same.
    """
    _, pivot, rank, _ = lapack.dpstrf(matrix, tol=_RANK_TOLERANCE * len(matrix), lower=1)
    order = pivot.astype(np.int64) - 1
    return np.sort(order[:rank]), np.sort(order[rank:])


def _share(even: FloatArray, basis: IntArray, rest: IntArray) -> FloatArray:
    """What the followers take of each control of the basis, from cross-products with unit diagonal."""
    factor = scipy.linalg.cho_factor(even[np.ix_(basis, basis)], check_finite=False)
    share: FloatArray = scipy.linalg.cho_solve(factor, even[np.ix_(basis, rest)], check_finite=False)
    return share


def _rank_conflicts(
    names: Names, totals: FloatArray, followers: Sequence[_Followers], tolerance: float
) -> pd.DataFrame:
    """Controls that follow from others and are stated to be something else."""
    rows = []
    for block in followers:
        stated, implied = totals[block.rest], block.share.T @ totals[block.basis]
        terms = np.abs(block.share).T @ np.abs(totals[block.basis])
        apart = np.abs(stated - implied)
        allowed = max(tolerance, _INVOLVED) * np.maximum(np.abs(stated), np.abs(implied)) + _NEGLIGIBLE * terms
        for at in np.flatnonzero(apart > allowed):
            involved = block.basis[np.abs(block.share[:, at]) > _INVOLVED * np.abs(block.share[:, at]).max()]
            others = f"what {names.summary(involved)} imply"
            text, relative = describe_conflict(names.labels[block.rest[at]], stated[at], others, implied[at])
            rows.append((text, float(stated[at]), float(implied[at]), relative))
    return pd.DataFrame(rows, columns=["controls", "first", "second", "relative_size"])


def require_reachable(
    x: "sp.csr_array", weights: FloatArray, totals: FloatArray, labels: Sequence[str], law: Distance
) -> None:
    """Raise MethodError for controls that no factors within the bounds of a distance can meet, each by itself.

    Parameters
    ----------
    x : csr_array
        (C, p) auxiliaries.
    weights, totals : ndarray
        (C,) base weights and (p,) controls.
    labels : sequence of str
        (p,) names of the controls.
    law : Distance
    """
    if not np.isfinite(law.lower):
        return
    rising, falling = x.maximum(0).T @ weights, x.minimum(0).T @ weights
    highest, lowest = law.lower * falling, law.lower * rising
    upper = law.upper if np.isfinite(law.upper) else np.finfo(float).max
    with np.errstate(over="ignore"):
        highest, lowest = highest + upper * rising, lowest + upper * falling
    slack = _NEGLIGIBLE * (np.abs(totals) + rising - falling)
    out = np.flatnonzero((totals > highest + slack) | (totals < lowest - slack))
    if not len(out):
        return
    whole = rising + falling
    told = [
        f"{labels[at]} needs factors of {totals[at] / whole[at]:.3g} on average" if whole[at] else labels[at]
        for at in out[:_SHOWN]
    ]
    more = f"; and {len(out) - _SHOWN} more" if len(out) > _SHOWN else ""
    raise MethodError(
        f"calibration ({law.name}): {len(out)} controls cannot be met with factors from {law.lower:g} to {law.upper:g}:"
        f" {'; '.join(told)}{more} (widen the bounds, merge cells, or correct the totals)"
    )


def _joined(parts: list[IntArray], *, sort: bool = False) -> IntArray:
    joined = np.concatenate([np.zeros(0, dtype=np.int64), *parts])
    return np.sort(joined) if sort else joined
