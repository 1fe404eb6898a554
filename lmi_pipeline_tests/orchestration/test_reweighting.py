"""Weights of six datasets and every vintage as the pipeline built them: official, calibrated, side by side."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.assets.cells import first_controlled
from lmi_pipeline.assets.survey import Survey
from lmi_pipeline.methods.quarters import shift_quarter
from lmi_pipeline.storage.sql import load_tests, run_test

pytestmark = pytest.mark.xdist_group("built")

PERSON = "core_lfs__quarterly_person"
CELL, TENURE = "est_population__quarterly_cell", "est_population__quarterly_tenure"
FIRST_CONTROLS = "2019-01"
EXACT = 1e-6
MADE = [(v.name, d) for v in catalog.weight_vintages().values() for d in v.datasets]
DATASETS = list(catalog.weighting_datasets())


@pytest.fixture(scope="module")
def held(built):
    """Every weight table, and the persons and boost, read once."""
    names = [dataset.table for dataset in catalog.weighting_datasets().values()]
    names += [PERSON, "core_lfs__quarterly_boost_person", CELL, TENURE]
    return {name: built.lake.read(name) for name in names}


def weights_of(held, vintage, dataset):
    frame = held[catalog.weighting_dataset(dataset).table]
    return frame[frame["weight_vintage"] == vintage]


def is_reweighted(vintage, dataset, quarter):
    back = catalog.weighting_dataset(dataset).quarters - 1
    return (
        quarter >= catalog.weight_vintage(vintage).reweighted_from and shift_quarter(quarter, -back) >= FIRST_CONTROLS
    )


def issued(built, vintage, dataset):
    """Official weights with the highest suffix that a vintage may have: quarter and person -> weight."""
    official = catalog.weighting_dataset(dataset).official
    if official == "dataset_file":
        frame = built.lake.read("core_lfs__quarterly_dataset_weight", where={"dataset_name": dataset})
    else:
        frame = built.lake.read("core_lfs__quarterly_published_weight")
    frame = frame[frame["analysis_weight_year"] <= int(vintage[3:5])]
    frame = frame.sort_values("analysis_weight_year").drop_duplicates(["quarter", "person_id"], keep="last")
    return frame.set_index(["quarter", "person_id"])["analysis_weight"]


def interviews(held, dataset, quarter):
    """Persons of a dataset and quarter by its definition, from the person files alone."""
    entry, person, boost = (
        catalog.weighting_dataset(dataset), held[PERSON], held["core_lfs__quarterly_boost_person"]
    )  # fmt: skip
    quarters = [shift_quarter(quarter, -back) for back in range(entry.quarters)]
    if entry.linked:
        now, before = (person[person["quarter"] == period] for period in quarters)
        return now[now["person_id"].isin(before["person_id"]) & (now["age_years"] >= 16)]
    kept = person[person["quarter"].isin(quarters)]
    if entry.boost:
        kept = pd.concat([kept[kept["wave"].isin([1, 5])], boost[boost["quarter"].isin(quarters)]])
    return kept


@pytest.mark.parametrize(("vintage", "dataset"), MADE)
def test_slices_when_built_then_every_quarter_once_and_its_source_is_said(held, vintage, dataset):
    made = weights_of(held, vintage, dataset)
    files = sorted(set(held[PERSON]["quarter"]))
    assert sorted(set(made["quarter"])) == [quarter for quarter in files if quarter >= FIRST_CONTROLS]
    for quarter, source in made.groupby("quarter")["weight_source"].unique().items():
        official = "official_scaled" if dataset == "lfs_weekly" else "official"
        assert list(source) == ["calibrated" if is_reweighted(vintage, dataset, quarter) else official], quarter
    assert made["base_weight"].notna().equals(made["weight_source"] == "calibrated")
    assert not made.duplicated(["quarter", "person_id"]).any()
    assert (made["weight"] >= 0).all()


@pytest.mark.parametrize(("vintage", "dataset"), [m for m in MADE if m[1] != "lfs_weekly"])
def test_weights_when_before_the_reweighting_then_the_official_ones_exactly(built, held, vintage, dataset):
    made = weights_of(held, vintage, dataset)
    made = made[made["weight_source"] == "official"].set_index(["quarter", "person_id"])["weight"]
    if made.empty:
        assert catalog.weight_vintage(vintage).reweighted_from == FIRST_CONTROLS
        return
    published = issued(built, vintage, dataset)
    inside = published[published.index.get_level_values("quarter").isin(made.index.get_level_values("quarter"))]
    assert len(inside) == len(made)
    np.testing.assert_array_equal(made.to_numpy(), inside.reindex(made.index).to_numpy())


@pytest.mark.parametrize("vintage", ["pwt18", "pwt20", "pwt23"])
def test_weekly_weights_when_official_then_each_week_is_the_whole_quarter(built, held, vintage):
    made = weights_of(held, vintage, "lfs_weekly")
    made = made[made["weight_source"] == "official_scaled"]
    published = issued(built, vintage, "lfs_weekly")
    of_quarter = published.groupby("quarter").sum()
    ratio = made.set_index(["quarter", "person_id"])["weight"] / published
    by_week = made.groupby(["quarter", "reference_week"])["weight"].sum()
    assert by_week.groupby("quarter").size().min() >= 12
    for (quarter, _), total in by_week.items():
        assert total == pytest.approx(of_quarter[quarter], rel=1e-9)
    within = made.assign(ratio=ratio.reindex(pd.MultiIndex.from_frame(made[["quarter", "person_id"]])).to_numpy())
    spread = within.groupby(["quarter", "reference_week"])["ratio"].agg(np.ptp)
    assert spread.max() < 1e-9


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("quarter", ["2020-01", "2020-10"])
def test_persons_when_calibrated_then_those_of_the_definition_and_no_others(held, dataset, quarter):
    made = weights_of(held, "pwt22", dataset)
    made = made[made["quarter"] == quarter]
    wanted = interviews(held, dataset, quarter)
    if dataset == "lfs_weekly":
        wanted = wanted[wanted["reference_week"].notna()]
    assert len(made) == len(wanted) > 100
    assert set(made["person_id"]) == set(wanted["person_id"])


@pytest.mark.parametrize(("vintage", "dataset"), [m for m in MADE if m[1].endswith("household")])
def test_household_datasets_when_calibrated_then_one_weight_for_all_members(held, vintage, dataset):
    made = weights_of(held, vintage, dataset)
    made = made[made["weight_source"] == "calibrated"]
    members = made.groupby(["quarter", "household_id"])["weight"]
    assert (members.size() > 1).any() or made.empty
    assert (members.max() / members.min() - 1).max() < 1e-12 or made.empty


@pytest.mark.parametrize("vintage", ["pwt18", "pwt20", "pwt22", "pwt24"])
def test_weekly_weights_when_calibrated_then_each_week_is_the_population(held, vintage):
    made = weights_of(held, vintage, "lfs_weekly")
    made = made[made["weight_source"] == "calibrated"]
    cells = held[CELL]
    population = cells[cells["weight_vintage"] == vintage].groupby("quarter")["population_count"].sum()
    by_week = made.groupby(["quarter", "reference_week"])["weight"].sum()
    assert by_week.groupby("quarter").size().min() >= 12
    wanted = population.reindex(by_week.index.get_level_values("quarter"))
    np.testing.assert_allclose(by_week.to_numpy(), wanted.to_numpy(), rtol=EXACT)


@pytest.mark.parametrize(("vintage", "dataset"), [("pwt20", "aps_person"), ("pwt22", "aps_household")])
def test_aps_weights_when_calibrated_then_the_mean_population_of_four_quarters(held, vintage, dataset):
    cells = held[CELL]
    cells = cells[cells["weight_vintage"] == vintage]
    quarters = [shift_quarter("2020-10", -back) for back in range(4)]
    wanted = cells[cells["quarter"].isin(quarters)].groupby("region_gss")["population_count"].sum() / 4
    made = weights_of(held, vintage, dataset)
    made = made[made["quarter"] == "2020-10"]
    regions = interviews(held, dataset, "2020-10").set_index("person_id")["region_gss"]
    reached = made["weight"].groupby(made["person_id"].map(regions)).sum()
    pd.testing.assert_series_equal(reached, wanted, check_names=False, rtol=EXACT)


def test_longitudinal_weights_when_calibrated_then_no_more_than_the_adults_of_the_later_quarter(held):
    cells = held[CELL]
    adults = cells[(cells["weight_vintage"] == "pwt22") & (cells["age_group"] != "0-15")]
    adults = adults.groupby("quarter")["population_count"].sum()
    made = weights_of(held, "pwt22", "lfs_longitudinal")
    reached = made[made["weight_source"] == "calibrated"].groupby("quarter")["weight"].sum()
    ratio = reached / adults.reindex(reached.index)
    assert ((ratio > 0.97) & (ratio < 1 + EXACT)).all()


def joined(held, vintage, quarter):
    """Calibrated persons of a quarter with what they are controlled by, from the person file."""
    made = weights_of(held, vintage, "lfs_person")
    person = held[PERSON]
    columns = ["person_id", "region_gss", "sex", "age_years", "birth_group", "tenure"]
    found = made[made["quarter"] == quarter].merge(person.loc[person["quarter"] == quarter, columns], on="person_id")
    of_group = catalog.mapping("region", "region_group")
    return found.assign(
        region_group=found["region_gss"].map(of_group),
        tenure_group=found["tenure"].map(catalog.mapping("tenure", "tenure_group")),
        adult=found["age_years"] >= 16,
    )


def reproduces(persons, cells, by):
    reached = persons.groupby(by)["weight"].sum()
    wanted = cells.groupby(by)["population_count"].sum()
    assert len(wanted) > 1
    pd.testing.assert_series_equal(reached, wanted, check_names=False, rtol=EXACT)


def stated_totals(persons, totals, column, area):
    """Totals of a column scaled, area by area, to the share of base weights of those who stated it."""
    stated = persons[column].isin(totals[column].unique())
    base = persons["base_weight"]
    share = (base * stated).groupby(persons[area]).sum() / base.groupby(persons[area]).sum()
    by_area = totals.groupby([area, column])["population_count"].sum()
    return (by_area * share.reindex(by_area.index.get_level_values(area)).to_numpy()).groupby(column).sum()


@pytest.mark.parametrize("vintage", ["pwt18", "pwt18_tenure", "pwt20", "pwt22", "pwt24"])
@pytest.mark.parametrize("quarter", ["2020-01", "2020-07"])
def test_controls_when_added_up_again_then_reproduced(held, vintage, quarter):
    persons = joined(held, vintage, quarter)
    chosen = {name: held[name][held[name]["weight_vintage"] == vintage] for name in (CELL, TENURE)}
    cells, tenure = (frame[frame["quarter"] == quarter] for frame in chosen.values())
    of_group = catalog.mapping("region", "region_group")
    cells = cells.assign(adult=cells["age_group"] != "0-15", region_group=cells["region_gss"].map(of_group))
    for by in (["region_gss"], ["sex"], ["region_gss", "sex"]):
        reproduces(persons, cells, by)
    controls = catalog.weight_vintage(vintage).controls
    for name, totals, column, area in (
        ("birth_group", cells, "birth_group", "region_group"),
        ("tenure_region", tenure, "tenure_group", "region_gss"),
    ):
        if name in controls:
            reached = persons[persons[column].isin(totals[column].unique())].groupby(column)["weight"].sum()
            wanted = stated_totals(persons, totals, column, area)
            assert len(wanted) == 3
            pd.testing.assert_series_equal(reached, wanted, check_names=False, rtol=EXACT)


def test_vintages_when_built_then_side_by_side_and_none_mixed(held):
    made = held["est_lfs__quarterly_weight"]
    now = made[made["quarter"] == "2020-07"]
    assert set(now["weight_vintage"]) == set(catalog.weight_vintages())
    wide = now.pivot(index="person_id", columns="weight_vintage", values="weight")
    assert wide.notna().all().all()
    calibrated = [v for v in wide.columns if v != "pwt23"]
    alike = [(a, b) for i, a in enumerate(calibrated) for b in calibrated[i + 1 :] if np.allclose(wide[a], wide[b])]
    assert not alike


def test_lag_when_corrected_then_fewer_people_born_abroad(held):
    """Three months to November in place of the quarter: payrolls of non-UK nationals fell, so the lag is too high."""
    for quarter in ("2020-04", "2020-07"):
        abroad = {}
        for vintage in ("pwt20", "pwt20_corrected"):
            persons = joined(held, vintage, quarter)
            abroad[vintage] = persons.loc[persons["birth_group"].isin(["eu", "non_eu"]), "weight"].sum()
        assert 0 < abroad["pwt20"] / abroad["pwt20_corrected"] - 1 < 0.01


def test_non_response_factors_when_pwt20_then_none_in_northern_ireland(held):
    for vintage, exempt in (("pwt20", True), ("pwt22", False)):
        persons = joined(held, vintage, "2020-07")
        there = persons["region_gss"] == "N92000002"
        assert persons.loc[~there, "non_response_factor"].nunique() >= 5
        assert (persons.loc[there, "non_response_factor"] == 1).all() == exempt
    assert (joined(held, "pwt18", "2020-07")["non_response_factor"] == 1).all()


@pytest.fixture(scope="module")
def sql_tests(built):
    """SQL tests of the project by table and rule."""
    return {(t.table, t.rule): t for t in load_tests(built.settings().project_root / "dbt_like_sql" / "tests")}


@pytest.mark.parametrize("dataset", DATASETS)
def test_sql_test_when_a_slice_is_spoiled_then_it_alone_is_found(built, held, sql_tests, dataset):
    table = catalog.weighting_dataset(dataset).table
    test = sql_tests[table, "sums_are_those_examined"]
    assert run_test(test, built.lake) == 0
    good = held[table][["quarter", "weight_vintage", "weight"]]
    slice_ = (good["quarter"] == "2020-07") & (good["weight_vintage"] == "pwt22")
    spoiled = good.assign(weight=good["weight"].where(~slice_, 1.01 * good["weight"]))
    assert run_test(test, built.lake, replace={table: spoiled}) == 1
    assert run_test(test, built.lake, replace={table: good[~slice_]}) == 1


def test_sql_test_when_weights_move_between_regions_then_both_are_found(built, held, sql_tests):
    table = "est_lfs__quarterly_weight"
    test = sql_tests[table, "region_totals_are_the_controls"]
    assert run_test(test, built.lake) == 0
    spoiled = held[table].copy()
    persons = joined(held, "pwt22", "2020-07").set_index("person_id")["region_gss"]
    slice_ = (spoiled["quarter"] == "2020-07") & (spoiled["weight_vintage"] == "pwt22")
    for region, factor in (("E12000001", 1.01), ("E12000002", 0.99)):
        inside = slice_ & spoiled["person_id"].isin(persons.index[persons == region])
        spoiled.loc[inside, "weight"] *= factor
    assert run_test(test, built.lake, replace={table: spoiled}) == 2
    assert run_test(test, built.lake, replace={CELL: held[CELL].iloc[:0]}) > 12


@pytest.mark.parametrize(
    ("vintage", "first"), [("pwt18", "2019-01"), ("pwt20", "2019-01"), ("pwt23", "2022-07"), ("pwt24", "2019-01")]
)
def test_first_controls_of_a_vintage(vintage, first):
    assert first_controlled(catalog.weight_vintage(vintage)) == first


def test_factors_when_households_are_in_no_sample_file_then_the_mean_of_their_quarter_and_region(built):
    vintage = next(v for v in catalog.weight_vintages().values() if v.non_response_adjusted)
    survey = Survey(built.lake, vintage, catalog.weighting_dataset("aps_person"))
    persons = survey.persons("2020-10")
    factors, status = survey.factors("2020-10", persons)
    assert status == "adjusted"
    sampled = set(built.lake.read("est_lfs__quarterly_response_factor", columns=["household_id"])["household_id"])
    outside = ~persons["household_id"].isin(sampled) & ~persons["region_gss"].isin(list(vintage.non_response_exempt))
    assert outside.sum() > 100
    cells = [persons["quarter"], persons["region_gss"]]
    usual = pd.Series(factors).where(~outside).groupby(cells).transform("mean")
    np.testing.assert_allclose(factors[outside], usual[outside])
