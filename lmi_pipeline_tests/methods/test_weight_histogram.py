"""Distribution of weights in bins: everybody is in it and no bin shows a few."""

import numpy as np
import pytest

from lmi_pipeline.methods.weight_report import weight_histogram


@pytest.mark.parametrize("seed", range(8))
def test_the_histogram_holds_everybody_and_no_bin_of_it_shows_a_few(seed: int) -> None:
    rng = np.random.default_rng(seed)
    base, weights = rng.lognormal(0, 0.3, 500), rng.lognormal(0, 1, 500)
    bins = weight_histogram(base, weights, fewest=10)
    np.testing.assert_allclose(bins[["share_before", "share_after"]].sum(), 1)
    np.testing.assert_array_equal(bins["bin_start"][1:], bins["bin_end"][:-1])
    assert (bins["bin_start"] < bins["bin_end"]).all()
    counts = (bins[["share_before", "share_after"]] * 500).round().to_numpy()
    assert ((counts == 0) | (counts >= 10)).all()
    assert (counts.sum(axis=1) >= 10).all()


def test_a_sample_smaller_than_the_fewest_is_one_bin() -> None:
    assert len(weight_histogram(np.ones(3), np.array([1.0, 2.0, 3.0]), fewest=10)) == 1
