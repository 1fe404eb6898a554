"""Primary rules: which cells of a table may not be shown, which are shown with a warning, and how much room each needs.

Every rule is a pure function of arrays with one entry per cell; its limits are arguments. A rule is asked on unrounded
values: rounding comes after it. Disclosure (somebody could be recognised) and reliability (the number is not good
enough) are kept apart inside; outside there is one status that never says why.

Sources: Hundepool et al., Handbook on Statistical Disclosure Control, chapter 4.2 (dominance, p %, protection levels);
N. Sofroniou, "LMI for All" (slides), checking algorithm (reliability ladder); ONS, key to the quality of ASHE tables
(coefficients of variation).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lmi_pipeline.errors import MethodError

OK = "ok"
SMALL_SAMPLE = "small_sample"
NOT_APPLICABLE = "not_applicable"
WITHHELD = "withheld"
STATUSES = (OK, SMALL_SAMPLE, NOT_APPLICABLE, WITHHELD)  # from the mildest to the most severe

Kind = Literal["disclosure", "reliability"]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Texts = NDArray[np.str_]


@dataclass(frozen=True)
class Finding:
    """What one rule says about every cell.

    Parameters
    ----------
    kind : {'disclosure', 'reliability'}
        What the rule guards.
    reason : str
        Name of the rule, for internal use.
    severity : ndarray of int8, shape (cells,)
        Position in :data:`STATUSES`.
    protection : ndarray, shape (cells,)
        Width the rule's own formula asks for above the value, in units of the value; 0 where it has none.
    holds_when_missing : bool
        The finding stands for a cell that has no value.
    """

    kind: Kind
    reason: str
    severity: NDArray[np.int8]
    protection: Floats
    holds_when_missing: bool = False


@dataclass(frozen=True)
class PrimaryDecision:
    """What all rules together say, before any complementary suppression.

    Parameters
    ----------
    status : ndarray of str, shape (cells,)
        One of :data:`STATUSES`.
    disclosure, reliability : ndarray of str, shape (cells,)
        Rule that decided, per kind; empty where none spoke. Never published.
    protect_down, protect_up : ndarray, shape (cells,)
        How far below and above the true value an attacker's interval must reach; 0 for cells that are not withheld.
    """

    status: Texts
    disclosure: Texts
    reliability: Texts
    protect_down: Floats
    protect_up: Floats

    @property
    def withheld(self) -> Flags:
        """Cells that may not be shown, shape (cells,)."""
        return np.asarray(self.status == WITHHELD)

    def take(self, cells: NDArray[Any]) -> PrimaryDecision:
        """Keep some cells, by position or mask."""
        return PrimaryDecision(
            self.status[cells],
            self.disclosure[cells],
            self.reliability[cells],
            self.protect_down[cells],
            self.protect_up[cells],
        )


def _finding(
    kind: Kind,
    reason: str,
    withheld: Flags,
    flagged: Flags | None = None,
    protection: Floats | None = None,
) -> Finding:
    severity = np.zeros(len(withheld), np.int8)
    if flagged is not None:
        severity[flagged] = STATUSES.index(SMALL_SAMPLE)
    severity[withheld] = STATUSES.index(WITHHELD)
    room = np.zeros(len(withheld)) if protection is None else np.where(withheld, np.maximum(protection, 0.0), 0.0)
    return Finding(kind, reason, severity, room)


def reliability_ladder(
    value: ArrayLike,
    *,
    withhold_below: float,
    flag_below: float,
    base: ArrayLike | None = None,
    zeros_are_disclosive: bool = False,
) -> Finding:
    """Withhold what is too small to be relied on, flag what is small.

    Parameters
    ----------
    value : array_like, shape (cells,)
        Published quantity, unrounded.
    withhold_below, flag_below : float
        Limits; a cell that reaches a limit has passed it.
    base : array_like, shape (cells,), optional
        Stock the rule is asked of where the published quantity is a flow (replacement demand, net change): the smaller
        of the stocks at both ends. Default: the quantity itself.
    zeros_are_disclosive : bool
        Withhold a zero too. Otherwise a true zero (of no stock) is shown.

    Raises
    ------
    MethodError
        The limits are in the wrong order.
    """
    if not 0 <= withhold_below <= flag_below:
        raise MethodError(f"reliability limits must rise: withhold_below {withhold_below}, flag_below {flag_below}")
    shown = np.asarray(value, float)
    stock = shown if base is None else np.asarray(base, float)
    unknown = np.isnan(stock) & ~np.isnan(shown)
    empty = (stock == 0) & (shown == 0) & (not zeros_are_disclosive)
    return _finding(
        "reliability", "reliability", ((stock < withhold_below) | unknown) & ~empty, (stock < flag_below) & ~empty
    )


def contributor_counts(contributors: ArrayLike, *, minimum: float, zeros_are_disclosive: bool = False) -> Finding:
    """Withhold what too few respondents stand behind.

    Parameters
    ----------
    contributors : array_like, shape (cells,)
        Unweighted respondents; a cell whose number is not known is withheld.
    minimum : float
        Fewest respondents of a cell that is shown.
    zeros_are_disclosive : bool
        A cell nobody contributes to is withheld too.
    """
    count = np.asarray(contributors, float)
    unsafe = ~(count >= minimum)
    return _finding("disclosure", "contributors", unsafe if zeros_are_disclosive else unsafe & (count != 0))


def disclosive_zeros(value: ArrayLike) -> Finding:
    """Withhold every zero: that nobody of a group is in a category can be telling."""
    return _finding("disclosure", "zero", np.asarray(value, float) == 0)


def quantile_sides(contributors: ArrayLike, probability: float) -> tuple[Floats, Floats]:
    """Respondents below and above a quantile, when none is tied with it."""
    count = np.asarray(contributors, float)
    rounding = 1e-9
    return np.floor(count * probability + rounding), np.floor(count * (1 - probability) + rounding)


def quantile_rule(below: ArrayLike, above: ArrayLike, *, minimum: float) -> Finding:
    """Withhold a quantile with too few respondents on either side.

    Parameters
    ----------
    below, above : array_like, shape (cells,)
        Respondents strictly below and above it; :func:`quantile_sides` if there are no ties. The smallest and largest
        value have nobody on one side and are always withheld.
    minimum : float
        Fewest respondents on each side.
    """
    enough = (np.asarray(below, float) >= minimum) & (np.asarray(above, float) >= minimum)
    return _finding("disclosure", "quantile", ~enough)


def dominance_rule(total: ArrayLike, largest: ArrayLike, *, n: int, k: float) -> Finding:
    """Withhold a sum of which its `n` largest contributors make up more than `k` per cent.

    Parameters
    ----------
    total : array_like, shape (cells,)
        Sum over contributors.
    largest : array_like, shape (cells, at least n)
        Largest contributions, largest first; missing where there are fewer contributors.
    n : int
        Contributors taken together.
    k : float
        Share allowed, in per cent.

    Raises
    ------
    MethodError
        Fewer than `n` columns of contributions, or contributions that do not fit the totals.
    """
    value, parts = _contributions(total, largest, n)
    top = parts[:, :n].sum(axis=1)
    return _finding("disclosure", "dominance", top > k / 100 * value, protection=100 / k * top - value)


def p_percent_rule(total: ArrayLike, largest: ArrayLike, *, p: float) -> Finding:
    """Withhold a sum from which the second largest contributor could tell the largest within `p` per cent.

    A cell is unsafe when ``X - x1 - x2 < p/100 x1``; the protection it needs is the difference of the two sides.

    Parameters
    ----------
    total : array_like, shape (cells,)
        Sum over contributors, X.
    largest : array_like, shape (cells, at least 2)
        Largest contributions x1, x2, ..., largest first; missing where there are fewer contributors.
    p : float
        Closeness that must not be reached, in per cent.

    Raises
    ------
    MethodError
        Fewer than two columns of contributions, or contributions that do not fit the totals.
    """
    value, parts = _contributions(total, largest, 2)
    first, second = parts[:, 0], parts[:, 1]
    rest, needed = value - first - second, p / 100 * first
    return _finding("disclosure", "p_percent", rest < needed, protection=needed - rest)


def _contributions(total: ArrayLike, largest: ArrayLike, wanted: int) -> tuple[Floats, Floats]:
    value = np.asarray(total, float)
    given = np.asarray(largest, float).reshape(len(value), -1)
    if given.shape[1] < wanted:
        raise MethodError(f"the rule needs the {wanted} largest contributors of each cell, {given.shape[1]} are given")
    unknown = int((np.isnan(given[:, 0]) & (value > 0)).sum())
    if unknown:
        raise MethodError(f"{unknown} cells have a value and no largest contributor; give it, or leave the rule out")
    parts = np.nan_to_num(given, nan=0.0)
    slack = 1e-6 * np.maximum(1.0, np.abs(value))
    unfit = (parts < 0).any(axis=1) | (np.diff(parts, axis=1) > slack[:, None]).any(axis=1)
    unfit |= parts.sum(axis=1) > value + slack
    if unfit.any():
        raise MethodError(
            f"{int(unfit.sum())} cells have largest contributors that are negative, not in falling order, or together"
            " more than the cell; the rules of concentration need the contributions themselves"
        )
    return value, parts


def precision_bands(cv: ArrayLike, *, withhold_above: float, flag_above: float, flag_unknown: bool = True) -> Finding:
    """Withhold what is too imprecise, flag what is not precise.

    Parameters
    ----------
    cv : array_like, shape (cells,)
        Coefficient of variation in per cent.
    withhold_above, flag_above : float
        Limits in per cent; a cell that only reaches a limit has not passed it.
    flag_unknown : bool
        Flag cells whose coefficient of variation is not known.
    """
    share = np.asarray(cv, float)
    return _finding(
        "reliability", "precision", share > withhold_above, (share > flag_above) | (np.isnan(share) & flag_unknown)
    )


def publisher_markers(markers: Sequence[object], meaning: Mapping[str, str]) -> tuple[Finding, Finding]:
    """Keep the markers the publisher put in place of, or beside, a number.

    Parameters
    ----------
    markers : sequence, length cells
        Marker of each cell; empty or missing where there is none.
    meaning : mapping of str to str
        Status of each marker.

    Returns
    -------
    tuple of Finding
        What is withheld, and what is flagged or not applicable.

    Raises
    ------
    MethodError
        A marker has no meaning, or its meaning is no status.
    """
    given = pd.Series(list(markers), dtype="object")
    position, found = pd.factorize(given.where(given.notna(), "").astype(str).str.strip())
    known = {"": OK, **meaning}
    stray = [m for m in found if m not in known] + sorted(set(known.values()) - set(STATUSES))
    if stray:
        raise MethodError(f"markers or meanings that are not known: {stray}; a marker means one of {list(STATUSES)}")
    severity = np.array([STATUSES.index(known[m]) for m in found], np.int8)[position]
    most = STATUSES.index(WITHHELD)
    nothing = np.zeros(len(given))
    return (
        Finding("disclosure", "publisher", np.where(severity == most, severity, np.int8(0)), nothing, True),
        Finding("reliability", "publisher", np.where(severity == most, np.int8(0), severity), nothing, True),
    )


def combine(
    value: ArrayLike,
    findings: Sequence[Finding],
    *,
    share: float = 0.2,
    unit: float = 1.0,
    rounding_base: float = 0.0,
    floor: ArrayLike = 0.0,
) -> PrimaryDecision:
    """Put the findings of all rules together: the most severe wins.

    A withheld cell of a disclosure rule must be uncertain by the largest of the rule's own formula, `share` of its
    value, the rounding base and `unit`, each way; one of reliability alone by `unit`. Downwards no more than the
    distance to what everybody knows to be the least.

    Parameters
    ----------
    value : array_like, shape (cells,)
        Unrounded values. A missing one makes the cell not applicable unless a publisher's marker says otherwise.
    findings : sequence of Finding
        Outcome of the rules.
    share : float
        Share of the value.
    unit : float
        Least protection, in units of the value.
    rounding_base : float
        Multiple that published values are rounded to, 0 for none.
    floor : array_like, broadcast to (cells,)
        Least value the attacker takes for possible: 0 for counts, minus infinity for flows.
    """
    amount = np.asarray(value, float)
    missing = np.isnan(amount)
    severity = np.where(missing, np.int8(STATUSES.index(NOT_APPLICABLE)), np.int8(0))
    worst: dict[str, NDArray[np.int8]] = {k: np.zeros(len(amount), np.int8) for k in ("disclosure", "reliability")}
    reason: dict[str, NDArray[Any]] = {k: np.full(len(amount), "", dtype=object) for k in worst}
    formula = np.zeros(len(amount))
    for finding in findings:
        said = finding.severity if finding.holds_when_missing else np.where(missing, np.int8(0), finding.severity)
        worse = said > worst[finding.kind]
        reason[finding.kind][worse] = finding.reason
        worst[finding.kind] = np.maximum(worst[finding.kind], said)
        severity = np.maximum(severity, said)
        formula = np.maximum(formula, finding.protection)
    withheld = severity == STATUSES.index(WITHHELD)
    disclosive = worst["disclosure"] == STATUSES.index(WITHHELD)
    wide = np.maximum(np.maximum(formula, share * np.abs(np.nan_to_num(amount))), rounding_base)
    up = np.where(withheld & ~missing, np.maximum(np.where(disclosive, wide, 0.0), unit), 0.0)
    room = np.maximum(np.nan_to_num(amount - np.asarray(floor, float), nan=0.0, posinf=np.inf), 0.0)
    return PrimaryDecision(
        np.array(STATUSES)[severity],
        reason["disclosure"].astype(str),
        reason["reliability"].astype(str),
        np.minimum(up, room),
        up,
    )
