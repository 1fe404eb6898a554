"""Weights of the catalogued datasets on a small invented sample: controls met, households, weeks, who did not state."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import WeightingDataset
from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.dataset_weights import (
    DatasetWeights,
    Merging,
    mergings,
    rules_of,
    samples,
    weigh,
)
from lmi_pipeline.methods.margins import margin_errors
from lmi_pipeline.methods.weighting import cell_columns, codes_of, control_columns

CONTROLS = ("area_total", "age_sex", "region_age_sex", "tenure_region", "birth_group")
DIMENSIONS = ["region_gss", "sex", "age_group", "birth_group"]
DATASETS = catalog.weighting_datasets()
SIZE = 6000

every = pytest.mark.parametrize("name", list(DATASETS))


@cache
def persons(minimum_age: int) -> pd.DataFrame:
    """Respondents in households of up to four, of one region, tenure and week; one in twenty did not state birth."""
    rng = np.random.default_rng(20)
    home = np.sort(rng.integers(0, SIZE // 2, SIZE))
    region, tenure = (
        rng.choice(codes_of("region_gss"), SIZE),
        rng.choice(["owned_outright", "mortgaged", "rented"], SIZE),
    )
    birth = rng.choice(["uk", "eu", "non_eu", "not_stated"], SIZE, p=[0.77, 0.08, 0.1, 0.05])
    frame = pd.DataFrame(
        {
            "age_years": rng.integers(minimum_age, 90, SIZE),
            "sex": rng.choice(["male", "female"], SIZE),
            "region_gss": region[home],
            "tenure": tenure[home],
            "birth_group": birth,
            "household_id": home,
            "reference_week": (home % 3).astype(str),
        }
    )
    return control_columns(frame)


@cache
def population(minimum_age: int) -> pd.DataFrame:
    """Population by cell: each region of another size, ages by their width, most people born in the UK."""
    ages = catalog.codelist("control_age").set_index("code")
    lowest, highest = ages["lowest"].astype(int), ages["highest"].astype(int).clip(upper=89)
    width = (highest - lowest + 1).where(lowest >= minimum_age, 0)
    grid = pd.MultiIndex.from_product([codes_of(column) for column in DIMENSIONS], names=DIMENSIONS).to_frame(
        index=False
    )
    region = grid["region_gss"].map({code: 1 + at / 20 for at, code in enumerate(codes_of("region_gss"))})
    born = grid["birth_group"].map({"uk": 0.8, "eu": 0.08, "non_eu": 0.12})
    return cell_columns(grid.assign(population_count=100 * region * born * grid["age_group"].map(width)))


def by_tenure(cells: pd.DataFrame) -> pd.DataFrame:
    share = pd.Series({code: 1 / len(codes_of("tenure_group")) for code in codes_of("tenure_group")}, name="share")
    totals = cells.groupby("region_gss")["population_count"].sum().reset_index()
    rows = totals.merge(share.rename_axis("tenure_group").reset_index(), how="cross")
    return cell_columns(rows.assign(population_count=rows["population_count"] * rows["share"]).drop(columns="share"))


@cache
def weighed(name: str) -> tuple[WeightingDataset, pd.DataFrame, pd.DataFrame, DatasetWeights]:
    dataset = DATASETS[name]
    sample, cells = persons(dataset.minimum_age), population(dataset.minimum_age)
    return dataset, sample, cells, weigh(sample, np.ones(SIZE), cells, by_tenure(cells), dataset, CONTROLS)


@every
def test_every_control_is_met_by_counting(name: str) -> None:
    dataset, sample, cells, found = weighed(name)
    rules = rules_of(dataset, CONTROLS)
    made = list(samples(sample, np.ones(SIZE), cells, by_tenure(cells), dataset, rules, found.merging))
    for part in made:
        errors = margin_errors(found.weights[part.rows], part.margins)
        assert set(errors["control"]) == {rule.name for rule in dataset.controls}
        assert errors["relative_error"].max() <= 1e-7
    assert len(made) == (3 if dataset.by_week else 1)
    np.testing.assert_array_equal(np.sort(np.concatenate([part.rows for part in made])), np.arange(SIZE))
    assert found.control_count == sum(len(margin.labels) for part in made for margin in part.margins)
    assert found.maximum_relative_error <= 1e-7


@every
def test_weights_are_positive_and_stand_for_the_whole_population(name: str) -> None:
    dataset, sample, cells, found = weighed(name)
    assert (found.weights > 0).all()
    whole = cells["population_count"].sum()
    parts = sample["reference_week"] if dataset.by_week else pd.Series("all", index=sample.index)
    np.testing.assert_allclose(pd.Series(found.weights).groupby(parts).sum(), whole, rtol=1e-7)
    np.testing.assert_allclose(pd.Series(found.base_weights).groupby(parts).sum(), whole, rtol=1e-9)


@pytest.mark.parametrize("name", ["lfs_person", "aps_person", "lfs_longitudinal", "lfs_household", "aps_household"])
def test_regions_reach_their_population_with_those_who_did_not_state(name: str) -> None:
    _, sample, cells, found = weighed(name)
    reached = pd.Series(found.weights).groupby(sample["region_gss"]).sum()
    expected = cells.groupby("region_gss")["population_count"].sum()
    pd.testing.assert_series_equal(reached, expected, check_names=False, rtol=1e-7)


@pytest.mark.parametrize("name", ["lfs_person", "aps_person", "lfs_longitudinal", "lfs_household", "aps_household"])
def test_countries_of_birth_reach_their_share_of_those_who_stated(name: str) -> None:
    """A group's control is its population times the base-weighted share of its area that stated a country."""
    _, sample, cells, found = weighed(name)
    base, stated = pd.Series(found.base_weights), sample["birth_group"].notna()
    area = sample["region_group"]
    share = (base * stated).groupby(area).sum() / base.groupby(area).sum()
    controls = cells.groupby(["region_group", "birth_group"])["population_count"].sum()
    expected = controls * share.reindex(controls.index.get_level_values(0)).to_numpy()
    reached = pd.Series(found.weights)[stated].groupby([area[stated], sample["birth_group"][stated]]).sum()
    pd.testing.assert_series_equal(reached, expected, check_names=False, check_index_type=False, rtol=1e-7)
    assert found.not_stated_share == pytest.approx(base[~stated].sum() / base.sum())


@every
def test_only_integrated_datasets_give_a_household_one_weight(name: str) -> None:
    dataset, sample, _, found = weighed(name)
    spread = pd.Series(found.weights).groupby(sample["household_id"]).agg(np.ptp)
    assert (spread.max() == 0) == dataset.household_integrated


def test_a_control_the_vintage_does_not_have_is_not_used() -> None:
    dataset, sample, cells, _ = weighed("lfs_person")
    assert [rule.name for rule in rules_of(dataset, ["age_sex", "unknown"])] == ["age_sex"]
    found = weigh(sample, np.ones(SIZE), cells, None, dataset, ["area_total", "birth_group"])
    assert found.control_count == len(codes_of("region_gss")) + 3 * sample["region_group"].nunique()
    assert weigh(sample, np.ones(SIZE), cells, None, dataset, ["area_total"]).not_stated_share == 0


def test_factors_move_base_weights_within_their_region_only() -> None:
    dataset, sample, cells, plain = weighed("lfs_person")
    factors = np.where(sample["sex"] == "male", 2.0, 1.0)
    found = weigh(sample, factors, cells, by_tenure(cells), dataset, CONTROLS)
    area = sample["region_gss"]
    sums = [pd.Series(each.base_weights).groupby(area).sum() for each in (found, plain)]
    np.testing.assert_allclose(*sums, rtol=1e-12)
    ratio = pd.Series(found.base_weights / factors).groupby(area).agg(np.ptp)
    np.testing.assert_allclose(ratio, 0, atol=1e-9)


def test_order_of_respondents_does_not_matter() -> None:
    dataset, sample, cells, plain = weighed("lfs_weekly")
    order = np.random.default_rng(1).permutation(SIZE)
    shuffled = sample.iloc[order].reset_index(drop=True)
    found = weigh(shuffled, np.ones(SIZE), cells, by_tenure(cells), dataset, CONTROLS)
    np.testing.assert_allclose(found.weights, plain.weights[order], rtol=1e-7)


def test_when_controls_disagree_then_the_dataset_and_the_one_region_are_named() -> None:
    dataset, sample, cells, _ = weighed("lfs_person")
    first, *others = codes_of("region_gss")
    tenure = by_tenure(cells)
    tenure.loc[tenure["region_gss"] == first, "population_count"] *= 1.05
    with pytest.raises(MethodError, match=rf"^lfs_person, {SIZE} respondents: calibration: ") as caught:
        weigh(sample, np.ones(SIZE), cells, tenure, dataset, CONTROLS)
    told = str(caught.value)
    assert f"area_total: {first} is 4.76 % " in told
    assert f"below tenure_region summed over {first}" in told
    assert not any(region in told for region in others)


def test_cells_are_merged_by_little_first() -> None:
    steps = mergings(DATASETS["lfs_household"])
    assert steps == [Merging(5, 1), Merging(5, 5), Merging(10, 10), Merging(20, 20)]
    assert all(weighed(name)[-1].merging in mergings(DATASETS[name]) for name in DATASETS)
