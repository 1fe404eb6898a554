"""Factors that bring pay of pooled years to one year, from published means of all employees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from lmi_pipeline.errors import MethodError


def deflator(means: Mapping[int, float], years: Iterable[int], *, year: int) -> dict[int, float]:
    """Return what pay of each year is multiplied by to be in the pay of one year.

    Parameters
    ----------
    means : mapping of int to float
        Year -> published mean of all employees, on one basis.
    years : iterable of int
        Years to bring to `year`; the factor of `year` itself is 1.
    year : int

    Returns
    -------
    dict of int to float
        ``means[year] / means[t]``.

    Raises
    ------
    MethodError
        A year without a mean, or a mean that is not positive and finite.
    """
    wanted = sorted({*years, year})
    absent = [one for one in wanted if one not in means]
    if absent:
        raise MethodError(
            f"deflator to {year}: no published mean of all employees for {', '.join(map(str, absent))}; "
            "land the tables of these years, or do not pool them"
        )
    bad = [one for one in wanted if not (np.isfinite(means[one]) and means[one] > 0)]
    if bad:
        raise MethodError(
            f"deflator to {year}: the published mean of {', '.join(map(str, bad))} is not positive and finite"
        )
    return {one: float(means[year] / means[one]) for one in wanted}
