"""The evaluation as the pipeline built it, and the differences between ONS's own editions from the real files."""

import shutil

import pandas as pd
import pytest

from lmi_pipeline import catalog

pytestmark = pytest.mark.xdist_group("built")

IMPACT, ESTIMATE = "est_reweighting__impact", "est_lfs__quarterly_estimate"
EDITIONS = (
    "emp06nsamay2020.xls",
    "emp06nsanov2020.xls",
    "emp06nsajul2021.xls",
    "inac01sajun2021.xls",
    "inac01sajul2021.xls",
)
VINTAGES = catalog.weight_vintages().values()
WITH_GROWTH = {v.name for v in VINTAGES if v.growth is not None}
COMPARED = {(v.name, other) for v in VINTAGES for other in v.compare_with}


@pytest.fixture(scope="module")
def impact(built):
    return built.lake.read(IMPACT)


def rows_of(impact, table):
    return impact[impact["impact_table"] == table]


def test_impact_when_built_then_every_table_of_the_article_is_there(impact):
    assert set(impact["impact_table"]) == set(catalog.codes("impact_table"))


@pytest.mark.parametrize("table", ["table_1", "table_2", "table_3", "table_a1", "table_a2", "table_a3", "ratio_fit"])
def test_tables_of_the_growth_model_when_built_then_one_for_every_vintage_with_it(impact, table):
    assert set(rows_of(impact, table)["weight_vintage"]) == WITH_GROWTH


@pytest.mark.parametrize("table", ["table_4", "table_5"])
def test_tables_of_two_vintages_when_built_then_every_comparison_of_the_catalogue(impact, table):
    found = rows_of(impact, table)[["weight_vintage", "compared_with"]].drop_duplicates()
    assert set(found.itertuples(index=False, name=None)) == COMPARED


def test_table_4_when_built_then_born_here_and_abroad_make_up_everyone(impact):
    rows = rows_of(impact, "table_4")
    keys = ["weight_vintage", "compared_with", "impact_period", "impact_measure"]
    wide = rows.pivot(index=keys, columns="category", values="impact_value").dropna(subset=["uk", "non_uk", "all"])
    assert wide.groupby(["weight_vintage", "compared_with"]).ngroups == len(COMPARED)
    assert (wide["uk"] + wide["non_uk"] - wide["all"]).abs().max() < 1e-6
    split = wide.dropna(subset=["eu", "non_eu"])
    assert (split["eu"] + split["non_eu"] - split["non_uk"]).abs().max() < 1e-6


def test_table_4_when_pwt20_then_the_published_figures_stand_beside_it(impact):
    rows = rows_of(impact, "table_4")
    published = rows[rows["impact_measure"].str.startswith("published_")]
    assert set(published["weight_vintage"]) == {"pwt20"}
    table = pd.read_csv(catalog.ROOT / "controls" / "population_change_table_4.csv", comment="#").set_index("quarter")
    after = published[published["impact_measure"] == "published_yearly_change_after"]
    for row in after.drop_duplicates(["impact_period", "category"]).itertuples():
        assert row.impact_value == table.loc[row.impact_period, f"rti_{row.category}"]


def test_table_5_when_built_then_differences_are_those_of_the_estimates(built, impact):
    estimates = built.lake.read(ESTIMATE, where={"breakdown": "all", "age_range": "16+", "quarter": "2020-07"})
    levels = estimates[estimates["measure"] == "employment_level"].set_index("weight_vintage")["estimate_value"]
    rows = rows_of(impact, "table_5")
    rows = rows[
        (rows["impact_measure"] == "employment_level_difference")
        & (rows["category"] == "all/all/16+")
        & (rows["impact_period"] == "2020-07")
    ]
    assert len(rows) == len(COMPARED)
    for row in rows.itertuples():
        expected = levels[row.weight_vintage] - levels[row.compared_with]
        assert row.impact_value == pytest.approx(expected, abs=1e-6)


def test_estimates_when_built_then_every_vintage_agrees_with_its_own_weights(built):
    weights = built.lake.read("est_lfs__quarterly_weight", where={"quarter": "2020-07"})
    population = weights.groupby("weight_vintage")["weight"].sum()
    estimates = built.lake.read(ESTIMATE, where={"quarter": "2020-07", "breakdown": "all", "age_range": "all"})
    found = estimates[estimates["measure"] == "population_level"].set_index("weight_vintage")["estimate_value"]
    assert set(found.index) == set(catalog.weight_vintages())
    pd.testing.assert_series_equal(found.sort_index(), population.sort_index(), check_names=False)


@pytest.fixture(scope="module")
def editions(built, real_data, tmp_path_factory):
    """Differences between editions, from the published workbooks dropped in the landing folder."""
    pipeline = type(built)(tmp_path_factory.mktemp("editions"), "synthetic,lfs:landing")
    folder = pipeline.data / "landing" / "lfs"
    folder.mkdir(parents=True)
    for name in EDITIONS:
        shutil.copy(real_data / "lfs" / name, folder)
    result = pipeline.run("run", "--select", f"+{IMPACT}_published_editions", "--json")
    assert result.exit_code == 0, result.output
    return pipeline.lake.read(IMPACT, where={"impact_table": "published_editions"})


@pytest.mark.parametrize(
    ("category", "before", "after"),
    [("eu", 1874.2, 2070.7), ("non_eu", 1286.7, 1462.1)],
)
def test_editions_when_real_then_employment_of_july_to_september_2020_moved_as_published(
    editions, category, before, after
):
    """EMP06 of November 2020 (with tenure) and July 2021 (with RTI), employment by nationality, thousands."""
    row = editions[
        (editions["category"] == f"emp06/nationality/{category}")
        & (editions["impact_period"] == "2020-07")
        & (editions["impact_measure"] == "level_difference")
    ]
    assert list(row["compared_with"]) == ["emp06 2020-11-10 (pwt18_tenure) to 2021-07-15"]
    assert list(row["weight_vintage"]) == ["pwt20"]
    assert row["impact_value"].iloc[0] / 1000 == pytest.approx(after - before, abs=0.11)


def test_editions_when_real_then_inactivity_moved_as_published(editions):
    """INAC01 of June and July 2021, economically inactive people aged 16 to 64."""
    rows = editions[
        editions["compared_with"].str.startswith("inac01") & (editions["category"] == "inac01/people/total")
    ]
    found = rows[rows["impact_measure"] == "level_difference"].set_index("impact_period")["impact_value"]
    assert found["2020-01"] == pytest.approx(8_461_847 - 8_456_998, abs=1)
    assert found["2020-07"] == pytest.approx(8_704_446 - 8_662_215, abs=1)
    assert set(rows["weight_vintage"]) == {"pwt20"}


def test_editions_when_real_then_not_synthetic(editions):
    assert set(editions["synthetic"]) == {"false"}
