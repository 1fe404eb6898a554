"""Mean pay by occupation against a known truth: ours beside the estimates it is meant to better."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline.methods.factor_wls import fit_wls
from lmi_pipeline.methods.pay_equation import fit_pay_equation
from lmi_pipeline.methods.pay_jobs import CodedJobs, code_jobs
from lmi_pipeline_tests.methods.pay_sample import DEFLATOR, Drawn, draw

RUNS, ROWS = 4, 10_000
OURS, NAIVE, DUAN, RAW = "shrunken, own smearing", "fixed effects, exp", "fixed effects, one Duan factor", "raw means"
UNSHRUNK = "fixed effects, own Duan factor"


def _by_occupation(values: np.ndarray, coded: CodedJobs) -> np.ndarray:
    """Weighted mean over the records of the predicted year; not a number without any."""
    now = coded.time == 0
    sums = [
        np.bincount(coded.occupation[now], weights, len(coded.grid.occupations))
        for weights in ((coded.weight * values)[now], coded.weight[now])
    ]
    return np.divide(sums[0], sums[1], out=np.full(len(sums[0]), np.nan), where=sums[1] > 0)


def _estimates(drawn: Drawn) -> dict[str, np.ndarray]:
    coded = code_jobs(drawn.jobs, drawn.grid, year=2020, deflator=DEFLATOR, where="test")
    fit = fit_wls(coded.design(), np.log(coded.value), coded.weight, covariance="none")
    exp = _by_occupation(np.exp(fit.fitted), coded)
    smear = np.exp(fit.residuals)
    own = np.bincount(coded.occupation, coded.weight * smear, len(exp))
    own /= np.maximum(np.bincount(coded.occupation, coded.weight, len(exp)), 1e-9)
    ours = fit_pay_equation(drawn.jobs, codes=drawn.grid, year=2020, deflator=DEFLATOR, poisson=False).factors
    # The occupation's own mix of industries and sexes, as the jobs of the grid would have it.
    women = drawn.women
    level = (ours.occupation_sex * np.column_stack([1 - women, women])).sum(axis=1)
    return {
        OURS: level * (drawn.industry_mix @ ours.industry),
        NAIVE: exp,
        DUAN: exp * np.average(smear, weights=coded.weight),
        UNSHRUNK: exp * own,
        RAW: _by_occupation(coded.value, coded),
    }


def _error(estimate: np.ndarray, drawn: Drawn) -> float:
    """Employment-weighted root mean square of the relative error, over occupations with an estimate, per cent."""
    truth = (drawn.mean * np.column_stack([1 - drawn.women, drawn.women])).sum(axis=1)
    known = np.isfinite(estimate)
    relative = (estimate[known] / truth[known] - 1) ** 2
    return float(100 * np.sqrt(np.average(relative, weights=drawn.employment[known])))


@pytest.fixture(scope="module")
def runs() -> list[tuple[Drawn, dict[str, np.ndarray]]]:
    samples = [draw(seed, ROWS) for seed in range(RUNS)]
    return [(drawn, _estimates(drawn)) for drawn in samples]


def test_error_by_occupation_is_below_naive_one_factor_and_raw_means(
    runs: list[tuple[Drawn, dict[str, np.ndarray]]],
) -> None:
    errors = pd.DataFrame(
        [{name: _error(estimate, drawn) for name, estimate in found.items()} for drawn, found in runs]
    )
    table = errors.mean().round(2)
    print(f"\nRoot mean square error by occupation, per cent, {RUNS} samples of {ROWS:,} jobs\n{table.to_string()}")
    # In every sample, not only on average.
    assert (errors[OURS] < 0.9 * errors[[NAIVE, DUAN, RAW, UNSHRUNK]].min(axis=1)).all()
    assert table[DUAN] < table[NAIVE]


def test_thin_occupations_gain_most_and_large_ones_lose_nothing(
    runs: list[tuple[Drawn, dict[str, np.ndarray]]],
) -> None:
    squares: dict[str, dict[str, list[float]]] = {OURS: {}, UNSHRUNK: {}}
    for drawn, found in runs:
        truth = (drawn.mean * np.column_stack([1 - drawn.women, drawn.women])).sum(axis=1)
        rows = drawn.jobs["occupation"].value_counts().reindex(drawn.grid.occupations, fill_value=0).to_numpy()
        for name, bands in squares.items():
            relative = (found[name] / truth - 1) ** 2
            for band, low, high in (("1-9", 1, 10), ("10-29", 10, 30), ("30-99", 30, 100), ("100+", 100, ROWS)):
                inside = (rows >= low) & (rows < high) & np.isfinite(relative)
                bands.setdefault(band, []).extend(relative[inside])
    table = 100 * pd.DataFrame(
        {name: {band: np.sqrt(np.mean(of)) for band, of in bands.items()} for name, bands in squares.items()}
    )
    print(f"\nRoot mean square error by jobs in the sample, per cent\n{table.round(1).to_string()}")
    gain = table[OURS] / table[UNSHRUNK]
    assert gain["1-9"] < 0.5
    assert gain["10-29"] < 0.75
    assert gain["30-99"] < 0.9
    assert gain["100+"] < 1.05


def test_occupations_without_rows_are_nearer_the_truth_than_the_mean_of_all() -> None:
    drawn = draw(21, ROWS)
    left_out = np.arange(len(drawn.grid.occupations)) % 6 == 0
    rows = drawn.jobs[~drawn.jobs["occupation"].isin(np.array(drawn.grid.occupations)[left_out])]
    found = fit_pay_equation(rows, codes=drawn.grid, year=2020, deflator=DEFLATOR, poisson=False).factors
    women = np.column_stack([1 - drawn.women, drawn.women])
    ours = (found.occupation_sex * women).sum(axis=1) * (drawn.industry_mix @ found.industry)
    truth = (drawn.mean * women).sum(axis=1)
    mean = np.average(truth, weights=drawn.employment)
    ours_error, mean_error = (
        np.sqrt(np.mean((guess[left_out] / truth[left_out] - 1) ** 2)) for guess in (ours, np.full_like(truth, mean))
    )
    assert left_out.sum() == 24
    assert ours_error < 0.75 * mean_error
