"""Poisson and Gamma regressions against statsmodels, the sandwich written out, and totals that must be met."""

import numpy as np
import pytest
import statsmodels.api as sm

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.factor_design import Design, Factor
from lmi_pipeline.methods.factor_glm import GlmFit, fit_gamma, fit_poisson


class Sample:
    """Pay whose spread differs by occupation, with unequal weights; some occupations have two rows."""

    def __init__(self, n: int = 2000, seed: int = 1, occupations: int = 25) -> None:
        rng = np.random.default_rng(seed)
        crowd = rng.integers(0, occupations - 5, n - 10)
        self.occupation = np.concatenate([crowd, np.repeat(np.arange(occupations - 5, occupations), 2)])
        self.region, age = rng.integers(0, 6, n), rng.uniform(-2.3, 2.2, n)
        self.weights = rng.gamma(4, 25, n)
        logs = 6 + rng.normal(0, 0.4, occupations)[self.occupation] + 0.05 * self.region + 0.1 * age - 0.05 * age**2
        spread = rng.uniform(0.2, 0.6, occupations)[self.occupation]
        self.y = np.exp(logs + spread * rng.normal(size=n))
        factors = (Factor("occupation", self.occupation, occupations), Factor("region", self.region, 6))
        self.design = Design(factors, np.column_stack([age, age**2]), ("age", "age2"))

    def dense(self, fit: GlmFit) -> tuple[np.ndarray, np.ndarray]:
        """Columns that are estimated, and which they are."""
        kept = ~(fit.aliased | fit.empty | fit.separated)
        return self.design.matrix().toarray()[:, kept], kept


def sandwich(x: np.ndarray, bread_weights: np.ndarray, scores: np.ndarray) -> np.ndarray:
    bread = np.linalg.inv(x.T @ (bread_weights[:, None] * x))
    meat = x.T @ (scores[:, None] ** 2 * x)
    return np.sqrt(np.diag(bread @ meat @ bread) * len(x) / (len(x) - x.shape[1]))


def test_poisson_agrees_with_statsmodels() -> None:
    sample = Sample()
    fit = fit_poisson(sample.design, sample.y, sample.weights)
    x, kept = sample.dense(fit)
    peer = sm.GLM(sample.y, x, family=sm.families.Poisson(), freq_weights=sample.weights).fit(tol=1e-14, maxiter=200)
    np.testing.assert_allclose(fit.coefficients[kept], peer.params, rtol=1e-8)
    np.testing.assert_allclose(fit.fitted, peer.fittedvalues, rtol=1e-9)
    assert fit.deviance == pytest.approx(peer.deviance, rel=1e-10)
    assert fit.converged
    mean = np.asarray(peer.fittedvalues)
    expected = sandwich(x, sample.weights * mean, sample.weights * (sample.y - mean))
    np.testing.assert_allclose(fit.standard_errors[kept], expected, rtol=1e-7)


def test_unweighted_robust_errors_are_those_of_statsmodels() -> None:
    sample = Sample()
    fit = fit_poisson(sample.design, sample.y, np.ones(2000))
    x, kept = sample.dense(fit)
    peer = sm.GLM(sample.y, x, family=sm.families.Poisson()).fit(tol=1e-14, maxiter=300, cov_type="HC0")
    corrected = peer.bse * np.sqrt(2000 / (2000 - x.shape[1]))
    np.testing.assert_allclose(fit.standard_errors[kept], corrected, rtol=1e-7)


def test_gamma_agrees_with_statsmodels() -> None:
    sample = Sample(seed=3)
    hours = np.clip(sample.y / 20, 1, 97)
    fit = fit_gamma(sample.design, hours, sample.weights)
    x, kept = sample.dense(fit)
    family = sm.families.Gamma(sm.families.links.Log())
    peer = sm.GLM(hours, x, family=family, var_weights=sample.weights).fit(tol=1e-14, maxiter=300)
    np.testing.assert_allclose(fit.coefficients[kept], peer.params, rtol=1e-7)
    assert fit.deviance == pytest.approx(peer.deviance, rel=1e-10)
    mean = np.asarray(peer.fittedvalues)
    expected = sandwich(x, sample.weights, sample.weights * (hours - mean) / mean)
    np.testing.assert_allclose(fit.standard_errors[kept], expected, rtol=1e-6)


def test_classical_errors_have_pearsons_dispersion() -> None:
    sample = Sample(seed=4)
    fit = fit_poisson(sample.design, sample.y, np.ones(2000), covariance="classical")
    x, kept = sample.dense(fit)
    peer = sm.GLM(sample.y, x, family=sm.families.Poisson()).fit(scale="X2", tol=1e-14, maxiter=200)
    np.testing.assert_allclose(fit.standard_errors[kept], peer.bse, rtol=1e-6)


def test_clustered_errors_are_those_of_statsmodels() -> None:
    sample = Sample(seed=5)
    clusters = np.random.default_rng(1).integers(0, 150, 2000)
    fit = fit_poisson(sample.design, sample.y, np.ones(2000), covariance="cluster", clusters=clusters)
    x, kept = sample.dense(fit)
    working = sm.WLS(np.log(fit.fitted) + sample.y / fit.fitted - 1, x, weights=fit.fitted)
    peer = working.fit(cov_type="cluster", cov_kwds={"groups": clusters})
    np.testing.assert_allclose(fit.standard_errors[kept], peer.bse, rtol=1e-6)


def test_fitted_totals_are_the_observed_ones_at_every_level() -> None:
    sample = Sample(seed=6)
    fit = fit_poisson(sample.design, sample.y, sample.weights, covariance="none")
    for factor in sample.design.factors:
        fitted, observed = (np.bincount(factor.codes, sample.weights * each) for each in (fit.fitted, sample.y))
        np.testing.assert_allclose(fitted, observed, rtol=1e-9)
    assert np.isnan(fit.standard_errors).all()


def test_one_factor_gives_weighted_means() -> None:
    sample = Sample(seed=7)
    design = Design(sample.design.factors[:1], np.empty((2000, 0)), ())
    totals, weights = (np.bincount(sample.occupation, each) for each in (sample.weights * sample.y, sample.weights))
    for fitting in (fit_poisson, fit_gamma):
        fit = fitting(design, sample.y, sample.weights)
        np.testing.assert_allclose(np.exp(fit.coefficients), totals / weights, rtol=1e-9)


def test_levels_that_are_all_zero_are_named_and_left_out() -> None:
    sample = Sample(seed=8)
    lost = np.isin(sample.occupation, [3, 22])
    y = np.where(lost, 0.0, sample.y)
    fit = fit_poisson(sample.design, y, sample.weights)
    assert np.flatnonzero(fit.separated).tolist() == [2 + 3, 2 + 22]
    assert np.isneginf(fit.coefficients[fit.separated]).all()
    assert np.isnan(fit.standard_errors[fit.separated]).all()
    assert (fit.fitted[lost] == 0).all()
    rest = Design(
        tuple(Factor(f.name, f.codes[~lost], f.levels) for f in sample.design.factors),
        sample.design.continuous[~lost],
        ("age", "age2"),
    )
    alone = fit_poisson(rest, y[~lost], sample.weights[~lost])
    np.testing.assert_allclose(fit.coefficients[~fit.separated], alone.coefficients[~fit.separated], rtol=1e-12)
    assert fit.deviance == pytest.approx(alone.deviance)
    assert not fit.empty.any()


def test_zeros_and_a_wide_range_do_not_stop_it() -> None:
    """Values over nine orders of magnitude, and half of them 0."""
    sample = Sample(seed=9)
    rng = np.random.default_rng(2)
    y = np.where(rng.uniform(size=2000) < 0.5, 0.0, sample.y * 10.0 ** rng.uniform(-4, 5, 2000))
    y[-10:] = sample.y[-10:]
    fit = fit_poisson(sample.design, y, sample.weights)
    assert fit.converged
    assert float(sample.weights @ fit.fitted) == pytest.approx(float(sample.weights @ y), rel=1e-9)


def test_too_few_iterations_are_said() -> None:
    sample = Sample()
    assert not fit_poisson(sample.design, sample.y, sample.weights, max_iterations=1).converged
    assert fit_poisson(sample.design, sample.y, sample.weights).iterations < 12


def test_unusable_rows_are_counted() -> None:
    sample = Sample()
    sample.y[:3], sample.weights[:2] = [-1.0, np.nan, 0.0], [0.0, np.inf]
    with pytest.raises(MethodError, match=r"Poisson regression: of 2000 rows 2 have a value .* 2 a weight"):
        fit_poisson(sample.design, sample.y, sample.weights)
    with pytest.raises(MethodError, match="Gamma regression: of 2000 rows 3 have a value"):
        fit_gamma(sample.design, sample.y, sample.weights)
    with pytest.raises(MethodError, match="and 0 a value above zero"):
        fit_poisson(sample.design, np.zeros(2000), np.ones(2000))
    with pytest.raises(MethodError, match=r"\(1999,\) values and \(2000,\) weights for 2000 rows"):
        fit_poisson(sample.design, sample.y[1:], sample.weights)
