"""Cells expected to hold a small part of one job, taken as empty."""

from __future__ import annotations

import numpy as np

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_grid import JobsCube
from lmi_pipeline.methods.tables import FloatArray

_WITHIN = (1, 3, 4)


def without_slivers(cube: JobsCube, smallest: float) -> JobsCube:
    """Empty the cells with fewer jobs than `smallest`, and give their jobs to the others of the occupation.

    Most cells of a fine grid hold a small part of one job each, and very little together. Jobs by occupation, sex and
    working pattern stay as they are; those by region, industry and qualification move by what the slivers held.

    Parameters
    ----------
    cube : JobsCube
    smallest : float
        Jobs, not negative.

    Returns
    -------
    JobsCube
        An occupation and sex all of whose cells are smaller keeps them.

    Raises
    ------
    MethodError
        `smallest` is negative or not finite.
    """
    if not (np.isfinite(smallest) and smallest >= 0):
        raise MethodError(f"jobs: {smallest} is no smallest number of jobs; give 0 or more")
    return JobsCube(cube.grid, {pattern: _thinned(jobs, smallest) for pattern, jobs in cube.jobs.items()})


def _thinned(jobs: FloatArray, smallest: float) -> FloatArray:
    total = jobs.sum(axis=_WITHIN, keepdims=True)
    kept = np.where(jobs >= smallest, jobs, 0.0)
    left = kept.sum(axis=_WITHIN, keepdims=True)
    scaled: FloatArray = kept * np.divide(total, left, out=np.ones_like(total), where=left > 0)
    return np.where(left > 0, scaled, jobs)
