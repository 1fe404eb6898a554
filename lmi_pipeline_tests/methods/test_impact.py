"""The tables of the reweighting article: published numbers, identities and closed forms."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods import impact, impact_growth
from lmi_pipeline.methods.impact_editions import published_editions, vintage_of_release
from lmi_pipeline.methods.impact_evidence import gather_evidence
from lmi_pipeline.sources.base import VaultFile, stamp
from lmi_pipeline.sources.lfs.aggregates import identify_aggregate, read_aggregate, tidy_published_series

PUBLISHED_ON = {"pwt18": "2019-02", "pwt18_tenure": "2020-10-13", "pwt20": "2021-07-15"}
EDITIONS = ("emp06nsamay2020.xls", "emp06nsanov2020.xls", "emp06may2021.xls", "emp06nsajul2021.xls")
UK = catalog.UNITED_KINGDOM
YEARS = ["2015-10", "2016-10", "2017-10", "2018-10", "2019-10"]


@cache
def series_of(path: Path) -> pd.DataFrame:
    identity = identify_aggregate(path)
    file = VaultFile(path, identity, path.name, f"sha of {path.name}", "false")
    return tidy_published_series(stamp(read_aggregate(path, identity).frame, file))


@pytest.fixture
def editions(real_data) -> pd.DataFrame:
    return pd.concat([series_of(real_data / "lfs" / name) for name in EDITIONS], ignore_index=True)


def control(name: str) -> pd.DataFrame:
    return pd.read_csv(catalog.ROOT / "controls" / f"{name}.csv", comment="#")


def rti_growth(area=UK) -> pd.DataFrame:
    means = control("rti_quarterly_means").set_index("quarter")
    rate = (means / means.shift(4) - 1).stack().rename("growth_rate").rename_axis(["quarter", "nationality_group"])
    return rate.reset_index().assign(area_code=area, synthetic="false").dropna()


def migration() -> pd.DataFrame:
    rows = control("net_migration").melt(["release", "year_ending"], ["eu", "non_eu"], "nationality_group")
    return rows.assign(net_migration_count=1000 * rows["value"], synthetic="false")


def stocks(eu=3.3e6, non_eu=5.6e6, areas=(UK,), not_stated=0.0) -> pd.DataFrame:
    counts = {"uk": 56e6, "eu": eu, "non_eu": non_eu, "not_stated": not_stated}
    rows = [
        (f"{year}-10", area, group, count / len(areas))
        for year in range(2014, 2019)
        for area in areas
        for group, count in counts.items()
    ]
    return pd.DataFrame(rows, columns=["quarter", "area_code", "birth_group", "population_count"])


def one(rows: pd.DataFrame, **where) -> float:
    for column, value in where.items():
        rows = rows[rows[column] == value]
    assert len(rows) == 1, rows
    return float(rows["impact_value"].iloc[0])


def estimates(vintage: str, births: dict[str, dict[str, float]], synthetic="true") -> pd.DataFrame:
    rows = [
        (vintage, quarter, "birth_group", group, "all", "population_level", count)
        for quarter, groups in births.items()
        for group, count in groups.items()
    ]
    rows += [(vintage, quarter, "all", "all", "16-64", "employment_rate", 75.0) for quarter in births]
    names = ["weight_vintage", "quarter", "breakdown", "category", "age_range", "measure", "estimate_value"]
    return pd.DataFrame(rows, columns=names).assign(standard_error=0.4, synthetic=synthetic)


def population(eu: float) -> dict[str, float]:
    return {"uk": 56_000e3, "eu": eu, "non_eu": 5_800e3, "not_stated": 100e3}


OLD = estimates("pwt18", {"2019-10": population(3_600e3), "2020-10": population(2_900e3)})
NEW = estimates("pwt20", {"2020-10": population(3_700e3)})


def test_rows_keep_to_the_catalogue():
    table = catalog.table("est_reweighting__impact")
    stored = {"quarter": "impact_period"}
    assert [stored.get(name, name) for name in impact.IMPACT_COLUMNS] == list(table.columns)
    assert [stored.get(name, name) for name in impact.IMPACT_KEY] == list(table.key)
    evidence = gather_evidence(rti_growth(), stocks(), migration())
    known = set(catalog.codelist("impact_table")["code"])
    for rows in (impact_growth.table_1(evidence), impact_growth.table_a3(evidence), impact.table_5(
        pd.concat([OLD, NEW]), old="pwt18", new="pwt20")):  # fmt: skip
        assert list(rows) == list(impact.IMPACT_COLUMNS)
        assert not rows[list(impact.IMPACT_KEY)].isna().any(axis=None)
        assert set(rows["impact_table"]) <= known


def test_published_table_4_when_read_then_its_rows_add_up_and_are_those_published():
    rows = impact.published_table_4(control("population_change_table_4"), old="pwt18", new="pwt20")
    assert len(rows) == 24
    assert impact.identity_gap(rows) == 0
    after = "published_yearly_change_after"
    assert one(rows, quarter="2020-10", category="non_uk", impact_measure=after) == 112
    before = "published_yearly_change_before"
    assert one(rows, quarter="2020-10", category="uk", impact_measure=before) == 1569


def test_table_4_when_new_vintage_starts_later_then_old_one_gives_the_year_before():
    rows = impact.table_4(pd.concat([OLD, NEW]), old="pwt18", new="pwt20")
    assert impact.identity_gap(rows) < 1e-6
    # 3.7, 3.6 and 2.9 million, and 100,000 not stated spread over all who stated a country.
    scale = {eu: 1 + 100e3 / (56_000e3 + 5_800e3 + eu) for eu in (2_900e3, 3_600e3, 3_700e3)}
    expected = 3_700 * scale[3_700e3] - 3_600 * scale[3_600e3]
    assert one(rows, category="eu", impact_measure="yearly_change_after") == pytest.approx(expected)
    assert one(rows, category="all", impact_measure="level_difference") == pytest.approx(800)
    assert one(rows, category="all", impact_measure="yearly_change_before") == pytest.approx(-700)


def test_table_4_when_vintage_is_absent_then_error_names_it():
    with pytest.raises(MethodError, match="pwt22"):
        impact.table_4(OLD, old="pwt18", new="pwt22")


def test_table_5_when_rate_moves_then_difference_is_in_points():
    moved = NEW.assign(estimate_value=NEW["estimate_value"].where(NEW["measure"] != "employment_rate", 75.1))
    rows = impact.table_5(pd.concat([OLD, moved]), old="pwt18", new="pwt20")
    found = rows[rows["impact_measure"] == "employment_rate_difference"].iloc[0]
    assert found["impact_value"] == pytest.approx(0.1)
    assert (found["unit"], found["category"], found["area_code"]) == ("percentage points", "all/all/16-64", UK)
    assert one(rows, impact_measure="employment_rate_standard_error_after") == 0.4


def test_table_a2_when_computed_from_emp06_then_article_is_reproduced(editions):
    levels = impact_growth.levels_from_published(editions, releases=["2020-05-19", "2020-11-10"])
    rows = impact_growth.table_a2(levels, rti_growth(), vintage="pwt18_tenure")
    lfs = rows[rows["impact_measure"] == "lfs_growth"]
    text = [(c, q) for c in ("eu", "non_eu") for q in ("2019-10", "2020-07")]
    found = [round(one(lfs, category=f"nationality/{c}", quarter=q), 1) for c, q in text]
    assert found == [1.6, -16.2, 3.8, -4.8]
    published = control("employment_growth_table_a2").set_index("quarter")
    assert one(lfs, category="country_of_birth/eu", quarter="2020-04") == pytest.approx(
        published.loc["2020-04", "lfs_birth_eu"], abs=0.005
    )
    rti = rows[rows["impact_measure"] == "rti_growth"]
    assert one(rti, category="nationality/eu", quarter="2020-07") == pytest.approx(-3.308, abs=5e-4)


def test_editions_when_weights_switch_then_differences_are_those_of_the_files(editions):
    rows = published_editions(editions, published_on=PUBLISHED_ON)
    eu = rows[(rows["category"] == "emp06/nationality/eu") & (rows["impact_measure"] == "level_difference")]
    tenure, rti = (eu[eu["weight_vintage"] == vintage] for vintage in ("pwt18_tenure", "pwt20"))
    assert list(tenure["quarter"]) == ["2020-01"]
    assert sorted(rti["quarter"]) == ["2020-01", "2020-04", "2020-07"]
    assert one(rti, quarter="2020-07") / 1000 == pytest.approx(2070.7 - 1874.2, abs=0.11)
    # The edition of May 2021 had suspended the series: July 2021 is compared with November 2020.
    assert set(rti["compared_with"]) == {"emp06 2020-11-10 (pwt18_tenure) to 2021-07-15"}
    summary = rows[(rows["quarter"] == "all") & (rows["compared_with"] == rti["compared_with"].iloc[0])]
    assert one(summary, impact_measure="level_changed") == one(summary, impact_measure="level_compared") == 114


def test_edition_when_reissued_or_early_then_vintage_is_known():
    assert vintage_of_release("2021-08-17.2", PUBLISHED_ON) == "pwt20"
    assert vintage_of_release("2021-07-15", PUBLISHED_ON) == "pwt20"
    assert vintage_of_release("2017-05-17", PUBLISHED_ON) == "earlier"


def test_table_1_when_computed_by_hand_then_it_agrees():
    rows = impact_growth.table_1(gather_evidence(rti_growth(), stocks(), migration()))
    g = rti_growth().set_index(["quarter", "nationality_group"])["growth_rate"]
    change = 3.3e6 * (184e3 / 3.3e6 + 0.5 * (g["2019-10", "eu"] - g["2015-10", "eu"]))
    found = one(rows, quarter="2019-10", category="eu", impact_measure="unadjusted_deviation")
    assert found == pytest.approx(change - 49e3)
    over_all = rows[(rows["category"] == "eu") & (rows["quarter"] == "all")]
    by_quarter = rows[(rows["category"] == "eu") & (rows["impact_measure"] == "adjusted_deviation")]["impact_value"]
    assert one(over_all, impact_measure="adjusted_mean_absolute_deviation") == pytest.approx(by_quarter.abs().mean())


def test_table_1_when_base_year_of_a_group_is_unpublished_then_the_other_group_remains():
    rows = impact_growth.table_1(gather_evidence(rti_growth(), stocks(), migration()))
    assert set(rows["category"]) == {"eu", "all"}
    both = impact_growth.table_1(gather_evidence(rti_growth(), stocks(), synthetic_migration(0.5)))
    assert set(both["category"]) == {"eu", "non_eu", "non_uk", "all"}
    assert one(both, quarter="all", category="non_uk", impact_measure="unadjusted_largest_absolute_deviation") < 1e-6


def test_table_3_when_areas_are_alike_then_both_models_agree():
    areas = ("A", "B")
    growth = pd.concat([rti_growth(area) for area in (UK, *areas)])
    evidence = gather_evidence(growth, stocks(areas=areas), migration(), areas=areas)
    rows = impact_growth.table_3(evidence)
    model = {m: rows[rows["impact_measure"] == f"{m}_deviation"]["impact_value"].to_numpy() for m in
             ("national", "regional")}  # fmt: skip
    np.testing.assert_allclose(model["national"], model["regional"], atol=1e-6)
    with pytest.raises(MethodError, match="by area"):
        impact_growth.table_3(gather_evidence(rti_growth(), stocks(), migration()))


def synthetic_migration(slope: float) -> pd.DataFrame:
    """Migration that makes the growth of both groups follow RTI growth with this slope."""
    g = rti_growth().set_index(["quarter", "nationality_group"])["growth_rate"]
    rows = [
        ("r", f"{q[:4]}-12", p, size * (0.03 + slope * (g[q, p] - g["2015-10", p])))
        for q in YEARS
        for p, size in (("eu", 3.3e6), ("non_eu", 5.6e6))
    ]
    return pd.DataFrame(rows, columns=["release", "year_ending", "nationality_group", "net_migration_count"])


def test_growth_tables_when_truth_follows_a_slope_then_all_of_them_find_it():
    evidence = gather_evidence(rti_growth(), stocks(), synthetic_migration(0.45))
    fit = impact_growth.ratio_fit_rows(evidence)
    for group, name in (("eu", "ratio"), ("non_eu", "least_squares")):
        assert one(fit, category=group, impact_measure=f"{name}_slope") == pytest.approx(0.45)
    best = impact_growth.table_a1(evidence)
    assert one(best, quarter="all", category="eu", impact_measure="mean_absolute_deviation_0.45") < 1e-9
    assert one(best, quarter="all", category="eu", impact_measure="mean_absolute_deviation_0.30") > 0.1
    ratios = impact_growth.table_a3(evidence)
    assert one(ratios, quarter="2019-10", category="eu", impact_measure="unadjusted_tau") == pytest.approx(-0.55)
    assert one(ratios, quarter="all", category="eu", impact_measure="unadjusted_tau_within_bounds") == 100


def test_evidence_when_stocks_are_of_other_years_then_the_distance_is_told_and_not_stated_is_spread():
    later = stocks(not_stated=649e3)
    later = later[later["quarter"] == "2018-10"]
    evidence = gather_evidence(rti_growth(), later, migration())
    assert list(evidence.stock_years_away) == [4, 3, 2, 1, 0]
    assert evidence.stocks[0, 0, 0] == pytest.approx(3.3e6 * (1 + 649e3 / 64.9e6))


def test_evidence_when_an_input_is_absent_then_error_says_which():
    with pytest.raises(MethodError, match="no net migration of the year of the base quarter"):
        gather_evidence(rti_growth(), stocks(), migration().query("year_ending > '2015-12'"))
    with pytest.raises(MethodError, match="no RTI growth"):
        gather_evidence(rti_growth().query("quarter > '2018-01'"), stocks(), migration())


def test_table_2_when_vintage_has_no_birth_controls_then_error_says_so():
    rows = [("pwt20", "2020-10", "A", g, 1e6, 0.01, -0.02, "true") for g in ("eu", "non_eu")]
    names = ["weight_vintage", "quarter", "area_code", "birth_group", "previous_year_count", "base_growth_rate",
             "growth_adjustment", "synthetic"]  # fmt: skip
    controls = pd.DataFrame(rows, columns=names)
    table = impact_growth.table_2(controls, vintage="pwt20")
    assert one(table, category="eu", impact_measure="growth_adjustment") == pytest.approx(-2)
    assert one(table, category="non_uk", impact_measure="adjustment_count") == pytest.approx(-40_000)
    with pytest.raises(MethodError, match="pwt18 have no controls by country of birth"):
        impact_growth.table_2(controls, vintage="pwt18")
