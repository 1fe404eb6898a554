"""Weight vintages, thresholds and control figures load and keep to what is published."""

import pandas as pd
import pytest

from lmi_pipeline import catalog

CONTROLS = ("area_total", "age_sex", "region_age_sex", "tenure_region", "birth_group")
VINTAGES = ("pwt18", "pwt18_tenure", "pwt20", "pwt20_corrected", "pwt22", "pwt23", "pwt24")
CONTROL_FILES = sorted((catalog.ROOT / "controls").glob("*.csv"))


def control(name):
    return pd.read_csv(catalog.ROOT / "controls" / f"{name}.csv", comment="#")


def test_the_vintages_are_those_of_the_history():
    assert tuple(catalog.weight_vintages()) == VINTAGES
    assert list(catalog.codes("weight_vintage")) == list(VINTAGES)


@pytest.mark.parametrize("name", VINTAGES)
def test_controls_are_known_and_growth_goes_with_birth_groups(name):
    vintage = catalog.weight_vintage(name)
    assert set(vintage.controls) <= set(CONTROLS)
    assert len(set(vintage.controls)) == len(vintage.controls)
    assert ("birth_group" in vintage.controls) == (vintage.growth is not None) == (vintage.rti is not None)
    assert vintage.not_stated == "scaled"
    assert vintage.from_quarter in {f"{year}-{month:02d}" for year in range(1992, 2030) for month in (1, 4, 7, 10)}


@pytest.mark.parametrize("name", [n for n in VINTAGES if catalog.weight_vintage(n).growth])
def test_the_growth_model_is_that_of_the_article(name):
    model = catalog.weight_vintage(name).growth
    assert model.base_quarter == "2019-10"
    assert model.coefficient == 0.5
    assert model.uk_adjusted
    assert model.migration_release in set(control("net_migration")["release"])


def test_pwt20_and_its_correction_differ_by_the_lag_alone():
    issued, corrected = catalog.weight_vintage("pwt20"), catalog.weight_vintage("pwt20_corrected")
    assert (issued.rti.month_lag, corrected.rti.month_lag) == (1, 0)
    assert issued.rti.model_copy(update={"month_lag": 0}) == corrected.rti
    about = {"name", "title", "published_on", "origin", "note", "rti", "datasets", "compare_with"}
    assert issued.model_dump(exclude=about) == corrected.model_dump(exclude=about)
    assert (issued.origin, corrected.origin) == ("published", "ours")
    assert corrected.published_on is None


def test_what_is_not_published_is_said():
    for name in ("pwt20", "pwt22", "pwt23", "pwt24"):
        assert "ot published" in catalog.weight_vintage(name).note
    for name in ("pwt22", "pwt23", "pwt24"):
        assert catalog.weight_vintage(name).origin == "reconstructed"
    assert "lag of the June 2022 run is not published" in catalog.weight_vintage("pwt22").note


def test_published_vintages_follow_one_another():
    dates = [v.published_on for v in catalog.weight_vintages().values() if v.published_on]
    assert dates == sorted(dates)


def test_thresholds_climb_and_name_their_source():
    thresholds = catalog.thresholds()
    ladder = thresholds["reliability"]
    assert (ladder["withhold_below"], ladder["flag_below"]) == (1000, 10000)
    assert {ladder["status_below"], ladder["status_flagged"]} <= set(catalog.codes("status_word"))
    assert thresholds["rounding"]["weighted_count_multiple"] == 1000
    assert all(entry["source"] and "source_date" in entry for entry in thresholds.values())


@pytest.mark.parametrize("path", CONTROL_FILES, ids=lambda path: path.stem)
def test_a_control_file_names_its_source(path):
    assert path.read_text(encoding="utf-8").startswith("# source: ")
    assert path.name in (path.parent / "README.md").read_text(encoding="utf-8")
    assert not pd.read_csv(path, comment="#").empty


def test_rti_means_equal_the_workbook(real_data):
    sheet = pd.read_excel(
        real_data / "rti" / "nuts1bynationalitynsaandsamar2023.xlsx",
        sheet_name="(1) NUTS1 by Nat - NSA",
        engine="calamine",
        header=[5, 6],
        index_col=0,
    )
    total = sheet.loc[sheet.index.notna(), "UK Total"]
    quarter = pd.PeriodIndex(pd.to_datetime(total.index, format="%B %Y"), freq="Q")
    means = total.groupby(quarter).mean().round()
    ours = control("rti_quarterly_means").set_index("quarter")
    assert list(ours.index) == list(means.index.start_time.strftime("%Y-%m"))
    for column, label in (("uk", "UK"), ("eu", "EU"), ("non_eu", "Non-EU")):
        assert (ours[column].to_numpy() == means[label].to_numpy()).all()


def test_table_4_adds_up():
    table = control("population_change_table_4")
    for weights in ("lfs", "rti"):
        assert (table[f"{weights}_uk"] + table[f"{weights}_non_uk"] == table[f"{weights}_all"]).all()


def test_net_migration_adds_up_to_its_rounding():
    full = control("net_migration").dropna(subset=["total", "eu", "non_eu", "uk"])
    assert full["year_ending"].tolist() == ["2019-12"]
    assert ((full["eu"] + full["non_eu"] + full["uk"] - full["total"]).abs() <= 2).all()
