"""Empirical-Bayes shrinkage of thin groups towards their parents.

Two tools. `shrink` takes estimates with known sampling variances and random effects at any levels, nested or not (the
area model of Fay and Herriot 1979 with several components): variances by restricted maximum likelihood, then best
linear unbiased prediction, for groups without an estimate too. `credibility_means` takes records and shrinks group
means down a hierarchy (Bühlmann and Straub 1970).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray, floats

IntArray = NDArray[np.integer]

_MAX_ITERATIONS = 200
_HALVINGS = 30
_TOLERANCE = 1e-13
_ROUNDING = 1e-14
_CONCAVE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """A random effect: independent values of one variance, one for each level.

    Attributes
    ----------
    name : str
    codes : ndarray of int
        (n,) level of each group.
    levels : int
    slope : ndarray, optional
        (n,) what the effect is multiplied by; 1 if absent.
    """

    name: str
    codes: IntArray
    levels: int
    slope: FloatArray | None = None

    def matrix(self) -> sp.csr_array:
        """Sparse design of the effect, (n, levels)."""
        n = len(self.codes)
        values = np.ones(n) if self.slope is None else self.slope
        return sp.csr_array((values, (np.arange(n), self.codes)), shape=(n, self.levels))


@dataclass(frozen=True, slots=True, eq=False)
class Shrinkage:
    """Shrunken values of groups.

    Attributes
    ----------
    estimates : ndarray
        (n,) best linear unbiased predictions, of every group.
    weights : ndarray
        (n,) how much of a change in a group's own value its estimate takes: 0 to 1; 0 without a value.
    fixed : ndarray
        (k,) fixed effects, by generalised least squares.
    variances : mapping of str to float
        Component -> variance; 0 where the data show none.
    iterations : int
    """

    estimates: FloatArray
    weights: FloatArray
    fixed: FloatArray
    variances: Mapping[str, float]
    iterations: int


def shrink(
    values: FloatArray, variances: FloatArray, fixed: FloatArray, components: Sequence[Component], *, where: str
) -> Shrinkage:
    """Shrink estimates with known sampling variances towards fixed effects plus random effects of parents.

    value = fixed b + sum of components + error, errors independent with the variances given.

    Parameters
    ----------
    values : ndarray
        (n,) estimates; not a number for a group without one.
    variances : ndarray
        (n,) sampling variances, positive where there is a value.
    fixed : ndarray
        (n, k) regressors, of full rank over the groups with a value.
    components : sequence of Component
        Usually the last has a level for each group, so that a precise value is kept.
    where : str
        What is shrunk, for errors.

    Returns
    -------
    Shrinkage

    Raises
    ------
    MethodError
        A variance that is not positive, no more values than fixed effects, regressors that are not of full rank, or
        variances that are not found.

    Notes
    -----
    Restricted likelihood by Newton steps, components held at zero where it falls (Searle, Casella and McCulloch 1992,
    section 8.3); a row's own weight is 1 - d p, d its sampling variance and p the diagonal of the projection.
    """
    problem = _Problem.prepare(values, variances, fixed, components, where)
    found, iterations = problem.maximise(where)
    state = problem.state(found)
    own_weight = np.zeros(len(values))
    own_weight[problem.seen] = 1.0 - problem.sampling * state.projection.diagonal()
    gls = state.information @ (problem.fixed.T @ state.inverse @ problem.values)
    estimates = fixed @ gls
    for component, variance in zip(components, found, strict=True):
        design = component.matrix()
        estimates = estimates + variance * (design @ (design[problem.seen].T @ state.projected))
    names = [component.name for component in components]
    return Shrinkage(estimates, own_weight, gls, dict(zip(names, found.tolist(), strict=True)), iterations)


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """The restricted likelihood at one set of variances."""

    log_likelihood: float
    inverse: FloatArray
    information: FloatArray
    projection: FloatArray
    projected: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    values: FloatArray
    sampling: FloatArray
    fixed: FloatArray
    designs: tuple[sp.csr_array, ...]
    seen: IntArray

    @classmethod
    def prepare(
        cls,
        values: FloatArray,
        variances: FloatArray,
        fixed: FloatArray,
        components: Sequence[Component],
        where: str,
    ) -> _Problem:
        seen = np.flatnonzero(np.isfinite(values))
        if len(seen) <= fixed.shape[1]:
            raise MethodError(
                f"shrinkage of {where}: {len(seen)} values for {fixed.shape[1]} fixed effects; pool more records"
            )
        sampling = floats(variances)[seen]
        bad = int((~(np.isfinite(sampling) & (sampling > 0))).sum())
        if bad:
            raise MethodError(
                f"shrinkage of {where}: {bad} of {len(seen)} sampling variances are not positive; smooth them first"
            )
        if np.linalg.matrix_rank(fixed[seen]) < fixed.shape[1]:
            raise MethodError(f"shrinkage of {where}: fixed effects follow from each other; leave one out")
        designs = tuple(component.matrix()[seen] for component in components)
        return cls(floats(values)[seen], sampling, floats(fixed)[seen], designs, seen)

    def state(self, variances: FloatArray) -> _State:
        covariance = np.diag(self.sampling)
        for design, variance in zip(self.designs, variances, strict=True):
            if variance > 0:
                covariance += variance * (design @ design.T).toarray()
        factor = cho_factor(covariance, lower=True)
        inverse = cho_solve(factor, np.eye(len(self.values)))
        weighted = inverse @ self.fixed
        cross = self.fixed.T @ weighted
        information = np.linalg.inv(cross)
        projection = inverse - weighted @ information @ weighted.T
        projected = projection @ self.values
        log_determinant = 2 * np.log(factor[0].diagonal()).sum() + np.linalg.slogdet(cross)[1]
        return _State(
            -0.5 * float(log_determinant + self.values @ projected), inverse, information, projection, projected
        )

    def maximise(self, where: str) -> tuple[FloatArray, int]:
        """Variances of the components at the maximum of the restricted likelihood, and the steps it took."""
        variances = np.full(len(self.designs), np.var(self.values) / (1 + len(self.designs)))
        state = self.state(variances)
        for iteration in range(1, _MAX_ITERATIONS + 1):
            score, expected, observed = self._derivatives(state)
            step = _step(score, expected, observed, variances)
            if score @ step <= _TOLERANCE:
                return variances, iteration
            moved = self._uphill(variances, step, state)
            if moved is None:
                return variances, iteration
            variances, state = moved
        raise MethodError(
            f"shrinkage of {where}: variances of {len(variances)} components not found in {_MAX_ITERATIONS} steps; "
            "leave out a level"
        )

    def _derivatives(self, state: _State) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Score, expected and observed information."""
        left = [design.T @ state.projection for design in self.designs]
        score = np.array(
            [
                0.5 * (((design.T @ state.projected) ** 2).sum() - (design.T * side).sum())
                for design, side in zip(self.designs, left, strict=True)
            ]
        )
        expected = np.array([[0.5 * ((side @ other) ** 2).sum() for other in self.designs] for side in left])
        pulls = np.column_stack([design @ (design.T @ state.projected) for design in self.designs])
        observed = pulls.T @ state.projection @ pulls - expected
        return score, expected, observed

    def _uphill(self, variances: FloatArray, step: FloatArray, state: _State) -> tuple[FloatArray, _State] | None:
        """Take the step, halved until the likelihood rises; None if by no more than rounding."""
        for halving in range(_HALVINGS):
            tried = np.maximum(variances + step * 0.5**halving, 0.0)
            found = self.state(tried)
            if found.log_likelihood - state.log_likelihood > _ROUNDING * abs(state.log_likelihood):
                return tried, found
        return None


def _step(score: FloatArray, expected: FloatArray, observed: FloatArray, variances: FloatArray) -> FloatArray:
    """Newton step of the variances that are not held at zero (of scoring where the likelihood is not concave)."""
    free = (variances > 0) | (score > 0)
    while free.any():
        part = np.ix_(free, free)
        curved = np.linalg.eigvalsh(observed[part])[0] > _CONCAVE * np.abs(np.diag(observed[part])).max()
        step = np.zeros_like(variances)
        step[free] = np.linalg.lstsq(observed[part] if curved else expected[part], score[free], rcond=None)[0]
        below = free & (variances == 0) & (step < 0)
        if not below.any():
            return step
        free &= ~below
    return np.zeros_like(variances)


@dataclass(frozen=True, slots=True, eq=False)
class Credibility:
    """Group means shrunk down a hierarchy.

    Attributes
    ----------
    means : ndarray
        (G,) of the finest groups, all finite.
    overall : float
        Mean of all records.
    constants : tuple of float
        k of each level, finest first: records that weigh as much as the parent; infinite where groups do not differ.
    counts : ndarray
        (G,) effective records of the finest groups.
    """

    means: FloatArray
    overall: float
    constants: tuple[float, ...]
    counts: FloatArray


def credibility_means(
    values: FloatArray,
    weights: FloatArray,
    groups: IntArray,
    hierarchy: Sequence[IntArray],
    *,
    lost: FloatArray | None = None,
) -> Credibility:
    """Shrink group means to the parent's mean, and that to its parent's, up to the mean of all.

    m = (n own + k parent) / (n + k), k the variance within over the variance between (Bühlmann and Straub 1970),
    estimated at each level.

    Parameters
    ----------
    values, weights : ndarray
        (n,) records and their positive weights.
    groups : ndarray of int
        (n,) finest group of each record.
    hierarchy : sequence of ndarray of int
        At least one (G,), nearest first: the coarser group of each finest group. The whole is above the last.
    lost : ndarray, optional
        (G,) records' worth of information that an earlier estimate used up in each finest group.

    Returns
    -------
    Credibility
    """
    size = len(hierarchy[0])
    whole = np.zeros(size, dtype=np.int64)
    levels = [np.arange(size), *hierarchy, whole]
    rows = np.bincount(groups, minlength=size)
    spare = np.maximum(1 - (0 if lost is None else lost) / np.maximum(rows, 1), 0.0)
    counts = _kish(weights, groups, size) * spare
    informed = weights * spare[groups]
    if not informed.any():
        informed, counts = weights, _kish(weights, groups, size)
    overall = float(np.average(values, weights=informed))
    prior, constants = np.array([overall]), []
    for finer, coarser in zip(reversed(levels[:-1]), reversed(levels[1:]), strict=True):
        parent = np.zeros(int(finer.max()) + 1, dtype=np.int64)
        parent[finer] = coarser
        moments = _Moments.of(values, informed, finer[groups], floats(np.bincount(finer, counts)))
        constant, own = moments.credibility(parent, len(prior))
        prior = own * moments.means + (1 - own) * prior[parent]
        constants.append(constant)
    return Credibility(prior, overall, tuple(reversed(constants)), counts)


def _kish(weights: FloatArray, groups: IntArray, size: int) -> FloatArray:
    squares = np.bincount(groups, weights**2, size)
    return np.divide(np.bincount(groups, weights, size) ** 2, squares, out=np.zeros(size), where=squares > 0)


@dataclass(frozen=True, slots=True, eq=False)
class _Moments:
    """Effective records, mean and mean square about it, by group; zero where there are no records."""

    counts: FloatArray
    means: FloatArray
    squares: FloatArray

    @classmethod
    def of(cls, values: FloatArray, weights: FloatArray, groups: IntArray, counts: FloatArray) -> _Moments:
        size = len(counts)
        total = np.bincount(groups, weights, size)
        safe = np.where(total > 0, total, 1.0)
        means = np.bincount(groups, weights * values, size) / safe
        squares = np.bincount(groups, weights * (values - means[groups]) ** 2, size) / safe
        return cls(counts, means, squares)

    def credibility(self, parent: IntArray, parents: int) -> tuple[float, FloatArray]:
        """k: the variance within over that between groups of one parent; and the weight of each group's own mean."""
        total = np.bincount(parent, self.counts, parents)
        safe = np.where(total > 0, total, 1.0)
        centre = np.bincount(parent, self.counts * self.means, parents) / safe
        spare = np.maximum(self.counts - 1, 0.0).sum()
        within = float((self.counts * self.squares).sum() / spare) if spare > 0 else 0.0
        room = self.counts.sum() - (np.bincount(parent, self.counts**2, parents) / safe).sum()
        free = (self.counts > 0).sum() - (total > 0).sum()
        apart = (self.counts * (self.means - centre[parent]) ** 2).sum() - free * within
        if apart <= 0 or room <= 0:
            return np.inf, np.zeros_like(self.means)
        constant = within * room / apart
        whole = self.counts + constant
        return constant, np.divide(self.counts, whole, out=np.zeros_like(whole), where=whole > 0)
