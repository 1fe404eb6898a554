"""Margins of a sample: merging of sparse cells, shares of those who did not state, design weights."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import ControlRule
from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.calibration import calibrate
from lmi_pipeline.methods.cell_merging import merge_sparse
from lmi_pipeline.methods.weighting import (
    build_margins,
    cell_columns,
    codes_of,
    control_columns,
    design_weights,
)

REGIONS = codes_of("region_gss")


def persons(n=4000, seed=1, not_stated=0.05):
    rng = np.random.default_rng(seed)
    birth = rng.choice(["uk", "eu", "non_eu", "not_stated"], n, p=[0.8, 0.08, 0.12 - not_stated, not_stated])
    frame = pd.DataFrame(
        {
            "age_years": rng.integers(0, 95, n),
            "sex": rng.choice(["male", "female"], n),
            "region_gss": rng.choice(REGIONS, n),
            "tenure": rng.choice(["owned_outright", "mortgaged", "rented", "rent_free", None], n),
            "birth_group": birth,
        }
    )
    return control_columns(frame)


def cells(size=1000.0):
    dims = ["region_gss", "sex", "age_group", "birth_group"]
    grid = pd.MultiIndex.from_product([codes_of(column) for column in dims], names=dims)
    return cell_columns(pd.DataFrame({"population_count": size}, index=grid).reset_index())


def tenure(cell_frame):
    totals = cell_frame.groupby("region_gss")["population_count"].sum()
    rows = [(r, t, totals[r] / 3) for r in REGIONS for t in codes_of("tenure_group")]
    return cell_columns(pd.DataFrame(rows, columns=["region_gss", "tenure_group", "population_count"]))


@pytest.mark.parametrize(
    ("age", "group"), [(0, "0-15"), (15, "0-15"), (16, "16"), (24, "24"), (25, "25-29"), (99, "75+")]
)
def test_ages_fall_into_their_group(age, group):
    one = persons(1).assign(age_years=age)
    assert control_columns(one)["age_group"].iloc[0] == group


def test_not_stated_is_null_and_tenure_is_grouped():
    frame = persons()
    assert set(frame["birth_group"].dropna()) == {"uk", "eu", "non_eu"}
    assert frame["birth_group"].isna().any()
    assert set(frame["tenure_group"].dropna()) <= set(codes_of("tenure_group"))


def test_control_totals_are_sums_of_the_cells_less_the_share_not_stated():
    sample, base = persons(), np.full(4000, 2.0)
    rules = [
        ControlRule(name="area_total", dimensions=("region_gss",)),
        ControlRule(name="birth_group", dimensions=("region_group", "birth_group")),
    ]
    made = build_margins(sample, base, cells(), None, rules, fewest=1)
    area, birth = made.margins
    assert area.totals.sum() == pytest.approx(cells()["population_count"].sum())
    group = catalog.mapping("region", "region_group")
    of_area = pd.Series(area.totals, index=[group[r] for r in REGIONS]).groupby(level=0).sum()
    stated = sample["birth_group"].notna().groupby(sample["region_group"]).mean()
    found = pd.Series(birth.totals, index=[label.split(", ")[0] for label in birth.labels]).groupby(level=0).sum()
    pd.testing.assert_series_equal(found, (of_area * stated).reindex(found.index), check_names=False)
    assert made.unknown_share["birth_group"] == pytest.approx(sample["birth_group"].isna().mean())
    assert (birth.index[sample["birth_group"].isna()] == -1).all()


def test_tenure_has_totals_of_its_own():
    sample = persons()
    rule = ControlRule(name="tenure_region", dimensions=("region_gss", "tenure_group"))
    with pytest.raises(MethodError, match="no totals by tenure"):
        build_margins(sample, np.ones(len(sample)), cells(), None, [rule], fewest=1)
    made = build_margins(sample, np.ones(len(sample)), cells(), tenure(cells()), [rule], fewest=1)
    known = sample["tenure_group"].notna().groupby(sample["region_gss"]).mean()
    assert made.margins[0].totals.sum() == pytest.approx((known * cells()["population_count"].sum() / 12).sum())


def test_merging_keeps_totals_and_respondents():
    sample = persons(600)
    rule = ControlRule(name="x", dimensions=("region_gss", "sex", "age_band"), merge_along="age_band")
    made = build_margins(sample, np.ones(600), cells(), None, [rule], fewest=5)
    margin = made.margins[0]
    counts = np.bincount(margin.index, minlength=len(margin.labels))
    assert margin.totals.sum() == pytest.approx(cells()["population_count"].sum())
    assert counts.min() >= 5
    assert made.collapsed == 12 * 2 * len(codes_of("age_band")) - len(margin.labels)
    assert any(" to " in label for label in margin.labels)


def test_cells_are_gathered_from_the_start_and_the_rest_joins_the_last():
    counts = np.array([[0, 3, 1, 1, 5, 1], [9, 9, 9, 9, 9, 9], [0, 0, 1, 0, 0, 0]])
    groups = merge_sparse(counts, axis=1, fewest=3)
    np.testing.assert_array_equal(groups[0], [0, 0, 2, 2, 2, 2])
    np.testing.assert_array_equal(groups[1], np.arange(6, 12))
    np.testing.assert_array_equal(groups[2], [12] * 6)
    np.testing.assert_array_equal(merge_sparse(counts.T, axis=0, fewest=9).shape, (6, 3))


def test_design_weights_expand_each_region_to_its_population():
    region = pd.Series(["A", "A", "B"])
    np.testing.assert_allclose(design_weights(region, {"A": 10.0, "B": 7.0}), [5, 5, 7])
    factors = np.array([1.0, 3.0, 2.0])
    np.testing.assert_allclose(design_weights(region, {"A": 10.0, "B": 7.0}, factors), [2.5, 7.5, 7])
    with pytest.raises(MethodError, match="1 regions without respondents or population: C"):
        design_weights(region, {"A": 1.0, "B": 1.0, "C": 1.0})


def test_an_unknown_code_is_counted_not_shown():
    sample = persons(50)
    sample.loc[:2, "region_gss"] = "X1"
    rule = ControlRule(name="area_total", dimensions=("region_gss",))
    with pytest.raises(MethodError, match="3 of 50 respondents have no code of region_gss") as caught:
        build_margins(sample, np.ones(50), cells(), None, [rule], fewest=1)
    assert "X1" not in str(caught.value)


def test_national_ages_are_merged_where_a_region_has_nobody_of_one():
    """Without it the two controls could not be met together: see the module on merging."""
    sample = persons(20_000, seed=3)
    empty = (
        (sample["region_gss"] == REGIONS[0]) & (sample["sex"] == "male") & sample["age_band"].isin(["20-24", "70-74"])
    )
    sample = sample[~empty].reset_index(drop=True)
    rules = [
        ControlRule(name="age_sex", dimensions=("sex", "age_group"), merge_along="age_group"),
        ControlRule(name="region_age_sex", dimensions=("region_gss", "sex", "age_band"), merge_along="age_band"),
    ]
    base = np.full(len(sample), 50.0)
    made = build_margins(sample, base, cells(), None, rules, fewest=1)
    national, regional = made.margins
    assert f"{REGIONS[0]}, male, 70-74 to 75+" in regional.labels
    assert {"male, 70-74 to 75+", "male, 20 to 25-29"} <= set(national.labels)
    assert "female, 75+" in national.labels
    assert made.collapsed == 2 + 1 + 5
    assert calibrate(base, made.margins).max_relative_error < 1e-9
