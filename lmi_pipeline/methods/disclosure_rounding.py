"""Rounding of what is shown, after the rules and never before, and what a reader can infer from rounded tables.

A rounded value tells its reader an interval. Sums hold for the unrounded values, so a reader of a rounded table solves
the same equations with every published cell known to half a base (Hundepool et al., Handbook on Statistical Disclosure
Control, chapter 5). What is safe unrounded is safe rounded; some of what is not becomes so.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.disclosure_audit import Audit, AuditOptions, audit
from lmi_pipeline.methods.disclosure_system import DisclosureSystem

_SLACK = 1e-9


def round_to_base(value: ArrayLike, base: float) -> NDArray[np.float64]:
    """Round to the nearest multiple, halves away from zero.

    Parameters
    ----------
    value : array_like
        Values; missing ones stay missing.
    base : float
        Multiple to round to, above 0.

    Raises
    ------
    MethodError
        The base is not above 0.
    """
    if not base > 0:
        raise MethodError(f"rounding base {base} must be above 0")
    number = np.asarray(value, float)
    steps = np.abs(number) / base
    whole = np.floor(steps)
    return np.asarray(np.sign(number) * (whole + (steps - whole >= 0.5)) * base)


def show_rounded(value: ArrayLike, hidden: ArrayLike, base: float) -> NDArray[np.float64]:
    """Round what is published; what is withheld has no value.

    Parameters
    ----------
    value : array_like, shape (cells,)
        Unrounded values, on which the rules were asked.
    hidden : array_like of bool, shape (cells,)
        Withheld cells.
    base : float
        Multiple to round to.
    """
    return np.where(np.asarray(hidden, bool), np.nan, round_to_base(value, base))


def rounded_bounds(shown: ArrayLike, base: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and largest value that is shown as each number; unbounded where nothing is shown."""
    number = np.asarray(shown, float)
    known = ~np.isnan(number)
    return np.where(known, number - base / 2, -np.inf), np.where(known, number + base / 2, np.inf)


def rounded_system(system: DisclosureSystem, shown: ArrayLike, base: float) -> DisclosureSystem:
    """Turn a system into what the reader of its rounded table knows: no cell exactly, published ones to half a base.

    Parameters
    ----------
    system : DisclosureSystem
        Tables with their unrounded values.
    shown : array_like, shape (cells,)
        What is published; missing where withheld.
    base : float
        Multiple that published values are rounded to.

    Returns
    -------
    DisclosureSystem
        Every cell unknown, within bounds; protection as before.

    Raises
    ------
    MethodError
        A cell that is withheld is shown, or one is shown as something else than its rounded value.
    """
    number = np.asarray(shown, float)
    wanted = show_rounded(system.value, system.hidden, base)
    off = np.abs(number - wanted) > _SLACK * np.maximum(1.0, np.abs(wanted))
    wrong = int((off | (np.isnan(number) != np.isnan(wanted))).sum())
    if wrong:
        raise MethodError(
            f"{wrong} of {len(number)} cells are withheld and shown, or not shown as their value rounded to {base:g};"
            " round with show_rounded, after the rules"
        )
    low, high = rounded_bounds(number, base)
    return replace(
        system,
        hidden=np.ones(len(number), dtype=bool),
        floor=np.maximum(system.floor, low),
        ceiling=np.minimum(system.ceiling, high),
    )


def audit_rounded(
    system: DisclosureSystem,
    shown: ArrayLike,
    base: float,
    *,
    rng: np.random.Generator,
    witnesses: sp.csr_matrix | None = None,
    options: AuditOptions | None = None,
) -> Audit:
    """Audit what the rounded table lets its reader infer about withheld cells.

    Parameters
    ----------
    system, shown, base
        As in :func:`rounded_system`.
    rng : Generator
        Source of random numbers.
    witnesses : csr_matrix, optional
        Certificates of the unrounded table; they hold for the rounded one.
    options : AuditOptions, optional
        Limits of the audit.
    """
    known = rounded_system(system, shown, base)
    return audit(known, rng=rng, witnesses=witnesses, options=options or AuditOptions())
