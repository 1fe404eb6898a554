"""Means of pay in two years: closed forms, and what is told of cells with few records."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.pay_means import paired_means

CELL = {"occupation": "1115", "area": "K02000001"}


def jobs(year, pay, weight=None, persons=None, **cell):
    frame = pd.DataFrame({"year": year, "y": pay, "weight": weight or [1.0] * len(pay)}).assign(**CELL | cell)
    return frame if persons is None else frame.assign(person_id=persons)


def test_mean_and_cv_when_weights_are_equal_then_those_of_the_textbook():
    pay = [400.0, 500.0, 900.0, 600.0]
    found = paired_means(pd.concat([jobs(2019, pay), jobs(2020, [100.0, 300.0])]), before=2019, after=2020).frame
    assert found["mean_before"].iloc[0] == pytest.approx(600)
    assert found["cv_before"].iloc[0] == pytest.approx(100 * np.std(pay, ddof=1) / 2 / 600)
    assert found["mean_after"].iloc[0] == pytest.approx(200)


def test_mean_when_weights_differ_then_the_ratio_of_sums():
    found = paired_means(
        pd.concat([jobs(2019, [400.0, 700.0], [3.0, 1.0]), jobs(2020, [1.0, 2.0])]), before=2019, after=2020
    ).frame
    assert found["mean_before"].iloc[0] == pytest.approx(475)


def test_cell_when_of_one_record_or_of_none_in_a_year_then_missing_and_not_zero():
    rows = pd.concat([jobs(2019, [400.0]), jobs(2020, [500.0, 600.0]), jobs(2020, [300.0, 310.0], occupation="1116")])
    found = paired_means(rows, before=2019, after=2020).frame.set_index("occupation")
    assert np.isnan(found.loc["1115", "cv_before"])
    assert np.isnan(found.loc["1116", "mean_before"])


def test_correlation_when_half_of_the_persons_stay_with_their_pay_then_the_share():
    rng = np.random.default_rng(1)
    pay = np.exp(rng.normal(6, 0.4, 400))
    stayers = [f"p{n}" for n in range(200)]
    first = jobs(2019, pay, persons=[*stayers, *(f"a{n}" for n in range(200))])
    second = jobs(2020, [*(1.03 * pay[:200]), *np.exp(rng.normal(6, 0.4, 200))],
                  persons=[*stayers, *(f"b{n}" for n in range(200))])  # fmt: skip
    found = paired_means(pd.concat([first, second]), before=2019, after=2020)
    assert (found.pair_count, found.correlation) == (200, pytest.approx(0.5))


def test_correlation_when_persons_are_not_known_then_none():
    found = paired_means(pd.concat([jobs(2019, [1.0, 2.0]), jobs(2020, [1.0, 2.0])]), before=2019, after=2020)
    assert (found.correlation, found.pair_count) == (0.0, 0)


def test_variance_when_samples_are_drawn_again_then_as_the_cv_says():
    rng = np.random.default_rng(5)
    drawn = np.exp(rng.normal(6, 0.5, (2000, 60)))
    weight = rng.uniform(0.5, 2, (2000, 60))
    means = (drawn * weight).sum(axis=1) / weight.sum(axis=1)
    cvs = [
        paired_means(pd.concat([jobs(2019, list(drawn[n]), list(weight[n])), jobs(2020, [1.0, 2.0])]),
                     before=2019, after=2020).frame["cv_before"].iloc[0]
        for n in range(60)
    ]  # fmt: skip
    assert np.mean(cvs) == pytest.approx(100 * means.std() / means.mean(), rel=0.08)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (jobs(2019, [1.0]), "no record of 2020"),
        (pd.concat([jobs(2019, [0.0]), jobs(2020, [1.0])]), "1 of 2 records"),
        (pd.concat([jobs(2019, [np.nan]), jobs(2020, [1.0])]), "1 of 2 values of y"),
    ],
)
def test_when_records_cannot_be_used_then_error_says_how_many(rows, said):
    with pytest.raises(MethodError, match=said):
        paired_means(rows, before=2019, after=2020)
