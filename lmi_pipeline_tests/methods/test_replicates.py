"""Bootstrap replicates: the draws, the calibration of each, and the variance against linearisation."""

from dataclasses import dataclass

import numpy as np
import pytest

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.bootstrap import RescalingBootstrap, rescaling_bootstrap
from lmi_pipeline.methods.calibration import Calibration, calibrate
from lmi_pipeline.methods.distances import Distance, Linear, Logit, Raking
from lmi_pipeline.methods.margins import Margin, design_matrix
from lmi_pipeline.methods.regression_residuals import ResidualMaker
from lmi_pipeline.methods.replicates import calibrate_replicates, replicate_variance
from lmi_pipeline.methods.variance import estimate_totals

AREAS, AGES, BIRTHS = 4, 6, 3
DISTANCES = [Linear(), Raking(), Logit(0.3, 3.0)]


@dataclass(frozen=True)
class Sample:
    base: np.ndarray
    margins: list[Margin]
    household: np.ndarray
    stratum: np.ndarray
    y: np.ndarray

    def calibrate(self, distance: Distance, *, households: bool = False) -> Calibration:
        return calibrate(self.base, self.margins, distance=distance, household=self.household if households else None)

    def bootstrap(self, replicates: int, seed: int = 3) -> RescalingBootstrap:
        return rescaling_bootstrap(self.household, self.stratum, replicates=replicates, seed=seed)


def _sample(households: int) -> Sample:
    rng = np.random.default_rng(8)
    household = np.repeat(np.arange(households), rng.integers(1, 5, households))
    n = len(household)
    stratum = (np.arange(households) * AREAS * 2 // households)[household]
    area, age, birth = stratum // 2, rng.integers(0, AGES, n), rng.choice(BIRTHS, n, p=[0.8, 0.08, 0.12])
    base = rng.uniform(100, 300, households)[household]
    moved = base * rng.uniform(0.9, 1.1, AGES)[age] * np.array([0.97, 1.1, 1.2])[birth]
    distance = rng.gamma(3, size=n)
    margins = [
        _margin("area_age", area * AGES + age, moved),
        _margin("birth", birth, moved),
        Margin("distance", ("all",), np.array([moved @ distance]), np.zeros(n, dtype=np.int64), distance),
    ]
    chance = np.column_stack([0.3 + 0.1 * age, np.where(birth > 0, 0.7, 0.4), np.full(n, 0.1)])
    y = (rng.random((n, 3)) < chance).astype(float)
    return Sample(base, margins, household, stratum, np.column_stack([y, y[:, 0] * distance]))


def _margin(name: str, code: np.ndarray, weights: np.ndarray) -> Margin:
    totals = np.bincount(code, weights=weights)
    return Margin(name, tuple(map(str, range(len(totals)))), totals, code.astype(np.int64))


@pytest.fixture(scope="module")
def sample() -> Sample:
    return _sample(900)


def test_draws_have_the_moments_of_the_rescaling_bootstrap() -> None:
    stratum = np.repeat([0, 1, 2], [4, 9, 1])
    found = rescaling_bootstrap(np.arange(14), stratum, replicates=4000, seed=1)
    draws = found.cluster_multipliers(range(4000))[found.cluster]
    sizes = np.bincount(stratum)
    for layer, size in enumerate(sizes):
        np.testing.assert_allclose(draws[stratum == layer].sum(axis=0), size)
    np.testing.assert_array_equal(draws[stratum == 2], 1.0)
    assert found.lonely_strata == 1
    # Mean 1 and variance 1: m n/(n-1), m binomial(n - 1, 1/n). Five Monte Carlo standard errors.
    np.testing.assert_allclose(draws[:13].mean(axis=1), 1.0, atol=5 / np.sqrt(4000))
    np.testing.assert_allclose(draws[:13].var(axis=1), 1.0, atol=0.2)


def test_a_replicate_depends_on_seed_and_number_alone(sample: Sample) -> None:
    few, many = sample.bootstrap(5), sample.bootstrap(50)
    np.testing.assert_array_equal(few.cluster_multipliers([3]), many.cluster_multipliers([1, 3])[:, 1:])
    assert (sample.bootstrap(5, seed=4).cluster_multipliers([3]) != few.cluster_multipliers([3])).any()


def test_bootstrap_refuses_a_cluster_in_two_strata() -> None:
    with pytest.raises(MethodError, match="1 of 2 clusters are in more than one stratum"):
        rescaling_bootstrap(np.array([1, 1, 2]), np.array([1, 2, 2]), replicates=2, seed=0)


@pytest.mark.parametrize("households", [False, True], ids=["person", "household"])
@pytest.mark.parametrize("distance", DISTANCES, ids=lambda d: d.name)
def test_each_replicate_is_the_calibration_of_its_base_weights(
    sample: Sample, distance: Distance, households: bool
) -> None:
    bootstrap = sample.bootstrap(4)
    home = sample.household if households else None
    found = calibrate_replicates(
        sample.base, sample.margins, bootstrap, distance=distance, household=home, tolerance=1e-12
    )
    assert found.failed == ()
    totals = found.estimate(sample.y)
    for replicate in range(4):
        base = sample.base * bootstrap.cluster_multipliers([replicate])[bootstrap.cluster, 0]
        drawn = base > 0
        margins = [
            Margin(m.name, m.labels, m.totals, m.index[drawn], None if m.values is None else m.values[drawn])
            for m in sample.margins
        ]
        alone = calibrate(
            base[drawn], margins, distance=distance, household=sample.household[drawn] if households else None
        )
        weights = found.weights(replicate)
        np.testing.assert_allclose(weights[drawn], alone.weights, rtol=1e-7)
        assert not weights[~drawn].any()
        np.testing.assert_allclose(totals[replicate], weights @ sample.y, rtol=1e-12)


def test_start_and_threads_do_not_change_the_result(sample: Sample) -> None:
    bootstrap = sample.bootstrap(70)
    plain = calibrate_replicates(sample.base, sample.margins, bootstrap)
    start = sample.calibrate(Raking()).multipliers
    threaded = calibrate_replicates(sample.base, sample.margins, bootstrap, start=start, threads=2)
    np.testing.assert_allclose(threaded.estimate(sample.y, threads=2), plain.estimate(sample.y), rtol=1e-7)


@pytest.mark.parametrize("households", [False, True], ids=["person", "household"])
def test_bootstrap_and_linearisation_agree(households: bool) -> None:
    sample = _sample(3000)
    replicates = 600
    home = sample.household if households else None
    main = sample.calibrate(Raking(), households=households)
    maker = ResidualMaker.prepare(sample.base, sample.margins, household=home)
    linearised = estimate_totals(sample.y, main.weights, maker, sample.household, sample.stratum)
    found = calibrate_replicates(
        sample.base, sample.margins, sample.bootstrap(replicates), household=home, start=main.multipliers
    )
    assert found.failed == ()
    errors = np.sqrt(replicate_variance(found.estimate(sample.y)))
    # The relative Monte Carlo error of a standard error is 1 / sqrt(2 R); three and a half of it, four variables.
    np.testing.assert_allclose(errors, linearised.standard_error, rtol=3.5 / np.sqrt(2 * replicates))


def test_controls_have_no_bootstrap_variance(sample: Sample) -> None:
    found = calibrate_replicates(sample.base, sample.margins, sample.bootstrap(8), tolerance=1e-11)
    controls = design_matrix(sample.margins, len(sample.base)).toarray()
    totals = np.concatenate([margin.totals for margin in sample.margins])
    np.testing.assert_allclose(found.estimate(controls), np.tile(totals, (8, 1)), rtol=1e-10)
    assert found.max_relative_error.max() <= 1e-11


def test_replicates_the_common_iteration_leaves_are_solved_singly(sample: Sample) -> None:
    bootstrap = sample.bootstrap(3)
    found = calibrate_replicates(sample.base, sample.margins, bootstrap, max_iterations=1)
    expected = calibrate_replicates(sample.base, sample.margins, bootstrap)
    assert found.solved_singly == (0, 1, 2)
    assert expected.solved_singly == ()
    np.testing.assert_allclose(found.estimate(sample.y), expected.estimate(sample.y), rtol=1e-7)


def test_replicates_with_an_empty_cell_are_reported_and_left_out(sample: Sample) -> None:
    rare = np.where(np.isin(sample.household, [10, 400]), 0, -1)
    total = np.array([1.1 * sample.base[rare == 0].sum()])
    margins = [*sample.margins, Margin("rare", ("all",), total, rare.astype(np.int64))]
    bootstrap = sample.bootstrap(60)
    found = calibrate_replicates(sample.base, margins, bootstrap)
    drawn = bootstrap.cluster_multipliers(range(60))[bootstrap.cluster[rare == 0]].sum(axis=0) > 0
    empty = set(np.flatnonzero(~drawn))
    assert 0 < len(empty) < 30
    assert found.empty_cells == {"rare: all": len(empty)}
    assert empty <= set(found.failed)
    estimates = found.estimate(sample.y)
    assert set(np.flatnonzero(np.isnan(estimates).any(axis=1))) == set(found.failed)
    assert np.isfinite(replicate_variance(estimates)).all()


def test_units_in_a_control_of_zero_have_weight_zero_in_every_replicate(sample: Sample) -> None:
    none = np.where(np.isin(sample.household, [10, 400]), 0, -1)
    margins = [*sample.margins, Margin("none", ("all",), np.zeros(1), none.astype(np.int64))]
    found = calibrate_replicates(sample.base, margins, sample.bootstrap(4))
    assert found.failed == found.solved_singly == ()
    weights = np.column_stack([found.weights(replicate) for replicate in range(4)])
    assert not weights[none == 0].any()
    totals = np.concatenate([margin.totals for margin in sample.margins])
    reached = design_matrix(sample.margins, len(sample.base)).T @ weights
    np.testing.assert_allclose(reached, np.tile(totals, (4, 1)).T, rtol=1e-8)


def test_household_in_two_clusters_is_refused(sample: Sample) -> None:
    bootstrap = rescaling_bootstrap(np.arange(len(sample.base)), sample.stratum, replicates=2, seed=0)
    with pytest.raises(MethodError, match="households are in more than one cluster"):
        calibrate_replicates(sample.base, sample.margins, bootstrap, household=sample.household)


def test_variance_is_over_the_replicates_with_a_number() -> None:
    estimates = np.array([[1.0, 5.0], [np.nan, 7.0], [4.0, 9.0]])
    np.testing.assert_allclose(replicate_variance(estimates), [4.5, 4.0])
    with pytest.raises(MethodError, match="1 of 2 estimates have fewer than 2 of 3 replicates"):
        replicate_variance(np.where([True, False], np.array([[np.nan], [np.nan], [1.0]]), estimates))
