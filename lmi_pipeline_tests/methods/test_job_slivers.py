"""Slivers of jobs: sums by occupation and sex stay, and nothing is lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_grid import GridCodes, JobsCube
from lmi_pipeline.methods.job_slivers import without_slivers

GRID = GridCodes(("1115", "1116", "2111"), ("N", "S"), ("male", "female"), ("1", "2"), ("1", "2", "3"))
WITHIN = (1, 3, 4)


def cube(seed):
    jobs = np.random.default_rng(seed).lognormal(-1, 2, GRID.shape)
    return JobsCube(GRID, {"full_time": jobs, "part_time": jobs[::-1].copy()})


@given(st.integers(0, 10_000), st.floats(0, 5))
def test_jobs_by_occupation_sex_and_pattern_stay(seed, smallest):
    before = cube(seed)
    after = without_slivers(before, smallest)
    for pattern, jobs in before.jobs.items():
        np.testing.assert_allclose(after.jobs[pattern].sum(axis=WITHIN), jobs.sum(axis=WITHIN), rtol=1e-12)


def test_cells_below_the_limit_are_empty_and_the_others_keep_their_proportions():
    before = cube(3).jobs["full_time"]
    after = without_slivers(cube(3), 0.4).jobs["full_time"]
    assert ((after > 0) == (before >= 0.4)).all()
    ratio = np.divide(after, before, where=after > 0, out=np.full(before.shape, np.nan))
    spread = np.nanmax(ratio, axis=WITHIN) - np.nanmin(ratio, axis=WITHIN)
    assert np.nanmax(spread) < 1e-12


def test_occupation_when_all_its_cells_are_small_then_it_keeps_them():
    jobs = np.full(GRID.shape, 0.01)
    jobs[1:] = 5.0
    found = without_slivers(JobsCube(GRID, {"full_time": jobs}), 0.2).jobs["full_time"]
    np.testing.assert_array_equal(found, jobs)


@pytest.mark.parametrize("smallest", [-1.0, np.nan, np.inf])
def test_limit_when_no_number_of_jobs_then_error(smallest):
    with pytest.raises(MethodError, match="no smallest number"):
        without_slivers(cube(1), smallest)
