"""Jobs by cell from a survey, and the drawn-in shares they are made of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import dirichlet_multinomial

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_grid import JobsCube
from lmi_pipeline.methods.job_shares import Level, prior_strength, shrunken_shares
from lmi_pipeline.methods.job_weights import estimate_jobs
from lmi_pipeline_tests.methods import pay_problem as problem
from lmi_pipeline_tests.methods.pay_problem import GRID, PATTERNS, SPLIT


@pytest.fixture(scope="module")
def persons() -> pd.DataFrame:
    return problem.persons(4000)


@pytest.fixture(scope="module")
def cube(persons: pd.DataFrame) -> JobsCube:
    return estimate_jobs(persons, GRID, qualification_split=SPLIT)


def _stack(cube: JobsCube) -> np.ndarray:
    return np.stack([cube.jobs[pattern] for pattern in PATTERNS])


def test_margins_are_the_weighted_persons(persons: pd.DataFrame, cube: JobsCube) -> None:
    jobs = _stack(cube)
    for axis, column, codes in (
        ((0, 2, 3, 4, 5), "occupation", GRID.occupations),
        ((0, 1, 3, 4, 5), "region_gss", GRID.regions),
        ((0, 1, 2, 3, 4), "industry_75", GRID.industries),
    ):
        expected = persons.groupby(column)["weight"].sum().reindex(codes)
        np.testing.assert_allclose(jobs.sum(axis), expected, rtol=1e-8)


def test_pairs_never_seen_stay_zero_and_all_seen_have_jobs(persons: pd.DataFrame, cube: JobsCube) -> None:
    seen = pd.crosstab(persons["occupation"], persons["industry_75"]).reindex(
        index=GRID.occupations, columns=GRID.industries, fill_value=0
    )
    assert (seen == 0).to_numpy().any()
    np.testing.assert_array_equal(_stack(cube).sum((0, 2, 3, 4)) > 0, seen > 0)


def test_occupation_without_persons_has_jobs_in_its_parents_industries(persons: pd.DataFrame) -> None:
    rest = persons[persons["occupation"] != "3112"]
    jobs = _stack(estimate_jobs(rest, GRID, qualification_split=SPLIT))
    by_pair = jobs.sum((0, 2, 3, 4))
    assert 0 < by_pair[7].sum() < 0.01 * by_pair.sum()
    np.testing.assert_array_equal(by_pair[7] > 0, by_pair[6] > 0)
    assert by_pair.sum() == pytest.approx(rest["weight"].sum(), rel=1e-9)


def test_pairs_given_have_jobs_too(persons: pd.DataFrame) -> None:
    pairs = pd.DataFrame({"occupation": ["1111"], "industry": ["5"]})
    jobs = _stack(estimate_jobs(persons, GRID, qualification_split=SPLIT, pairs=pairs))
    assert jobs[:, 0, ..., 4].sum() > 0
    assert jobs[:, 2, ..., 4].sum() == 0


def test_qualification_groups_are_split_as_given(persons: pd.DataFrame, cube: JobsCube) -> None:
    levels = _stack(cube).sum((0, 1, 2, 3, 5))
    np.testing.assert_allclose(levels[:3] / levels[:3].sum(), [0.1, 0.3, 0.6], rtol=1e-9)
    expected = persons.groupby("qualification")["weight"].sum() / persons["weight"].sum()
    assert levels[8] / levels.sum() == pytest.approx(expected["none"], rel=0.05)


def test_published_jobs_are_taken_and_the_rest_follows_their_level(persons: pd.DataFrame) -> None:
    published = pd.DataFrame(
        [
            {"occupation": occupation, "sex": sex, "pattern": pattern, "jobs": 5_000.0}
            for occupation in GRID.occupations
            for sex in GRID.sexes
            for pattern in PATTERNS
        ]
    )
    published.loc[0, "jobs"] = np.nan
    published.loc[1, "jobs"] = 0.0
    jobs = _stack(estimate_jobs(persons, GRID, qualification_split=SPLIT, published_jobs=published))
    found = jobs.sum((2, 4, 5)).transpose(1, 2, 0).ravel()
    np.testing.assert_allclose(found[2:], 5_000.0, rtol=1e-9)
    assert (found[:2] > 0).all()
    own = _stack(estimate_jobs(persons, GRID, qualification_split=SPLIT)).sum((2, 4, 5)).transpose(1, 2, 0).ravel()
    np.testing.assert_allclose(found[:2] / own[:2], 5_000.0 * 30 / own[2:].sum(), rtol=1e-6)


def test_region_and_industry_jobs_are_taken_as_shares(persons: pd.DataFrame) -> None:
    region = pd.DataFrame({"region": GRID.regions, "jobs": [5.0, 3.0, 2.0]})
    jobs = _stack(estimate_jobs(persons, GRID, qualification_split=SPLIT, region_jobs=region))
    np.testing.assert_allclose(jobs.sum((0, 1, 3, 4, 5)) / jobs.sum(), [0.5, 0.3, 0.2], rtol=1e-8)


def test_missing_region_industry_or_qualification_is_spread(persons: pd.DataFrame) -> None:
    some = persons.assign(
        region_gss=persons["region_gss"].where(np.arange(len(persons)) % 3 > 0),
        industry_75=persons["industry_75"].where(np.arange(len(persons)) % 5 > 0),
        qualification=persons["qualification"].where(np.arange(len(persons)) % 7 > 0),
    )
    jobs = _stack(estimate_jobs(some, GRID, qualification_split=SPLIT))
    assert jobs.sum() == pytest.approx(persons["weight"].sum(), rel=1e-9)


def test_nearer_to_the_truth_than_weighted_persons() -> None:
    shares = problem.occupation_shares()[:, None, None] * (
        problem.region_shares()[:, :, None] * problem.industry_shares()[:, None, :]
    )
    thin = problem.occupation_shares() < 0.05
    ours, raw = [], []
    for seed in range(10):
        sample = problem.persons(1500, seed)
        jobs = _stack(estimate_jobs(sample, GRID, qualification_split=SPLIT)).sum((0, 3, 4))
        cells = sample.groupby(["occupation", "region_gss", "industry_75"])["weight"].sum()
        index = pd.MultiIndex.from_product([GRID.occupations, GRID.regions, GRID.industries])
        counted = cells.reindex(index, fill_value=0.0).to_numpy().reshape(shares.shape)
        for found, kept in ((jobs, ours), (counted, raw)):
            error = found / found.sum() - shares
            kept.append([(error**2).sum(), (error[thin] ** 2).sum()])
    ratio = np.sqrt(np.mean(ours, axis=0) / np.mean(raw, axis=0))
    print(f"error over that of weighted persons: all {ratio[0]:.2f}, thin occupations {ratio[1]:.2f}")
    assert (ratio < [0.9, 0.75]).all()


def test_strength_is_where_the_likelihood_is_largest() -> None:
    rng = np.random.default_rng(4)
    prior = np.array([0.5, 0.3, 0.2])
    sizes = rng.integers(5, 60, 400)
    counts = np.array([rng.multinomial(size, rng.dirichlet(prior * 20)) for size in sizes])
    found = prior_strength(counts.astype(float), np.tile(prior, (400, 1)))

    def likelihood(strength: float) -> float:
        return sum(
            dirichlet_multinomial(prior * strength, int(n)).logpmf(row) for n, row in zip(sizes, counts, strict=True)
        )

    assert likelihood(found) > max(likelihood(found * 0.9), likelihood(found * 1.1))
    assert found == pytest.approx(20, rel=0.25)


def test_shares_of_a_group_without_persons_are_its_parents() -> None:
    category = np.array([0, 0, 1, 1, 1, 2])
    level = Level(np.array([0, 0, 0, 1, 1, 1]), np.zeros(3, dtype=np.int64))
    shares = shrunken_shares(category, np.ones(6), 3, [level])
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(shares[2], [2 / 6, 3 / 6, 1 / 6], rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": 0.0}, "1 of 50 weights are not positive"),
        ({"weight": np.nan}, "1 of 50 values of weight are missing"),
        ({"occupation": "9999"}, r"1 of 50 rows have no code of the grid in occupation \(9999\)"),
        ({"sex": None}, "1 of 50 rows have no code of the grid in sex"),
        ({"industry_75": "76"}, r"1 of 50 rows have no code of the grid in industry_75 \(76\)"),
    ],
)
def test_bad_persons(persons: pd.DataFrame, change: dict, message: str) -> None:
    frame = persons.head(50).reset_index(drop=True)
    for column, value in change.items():
        frame.loc[3, column] = value
    with pytest.raises(MethodError, match=message):
        estimate_jobs(frame, GRID, qualification_split=SPLIT)


def test_bad_figures(persons: pd.DataFrame) -> None:
    with pytest.raises(MethodError, match=r"shares of degree do not sum to 1"):
        estimate_jobs(persons, GRID, qualification_split=SPLIT | {"degree": {"1": 0.5}})
    short = pd.DataFrame({"region": ["E1"], "jobs": [1.0]})
    with pytest.raises(MethodError, match=r"jobs by region: 2 of 3 codes have no figure"):
        estimate_jobs(persons, GRID, qualification_split=SPLIT, region_jobs=short)
    negative = pd.DataFrame({"occupation": ["1111"], "sex": ["male"], "pattern": ["full_time"], "jobs": [-1.0]})
    with pytest.raises(MethodError, match=r"1 are negative"):
        estimate_jobs(persons, GRID, qualification_split=SPLIT, published_jobs=negative)
    no_jobs = pd.DataFrame({"industry": GRID.industries, "jobs": [0.0, 0.0, 0.0, 0.0, 1.0]})
    with pytest.raises(MethodError, match=r"6 occupations are only in industries without jobs, first 1111"):
        estimate_jobs(persons, GRID, qualification_split=SPLIT, industry_jobs=no_jobs)
