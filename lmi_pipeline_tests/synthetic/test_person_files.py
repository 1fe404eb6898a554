"""The person files rotate, lose respondents from abroad in 2020, and carry the weights their names say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from lmi_pipeline import catalog, synthetic
from lmi_pipeline.synthetic import lfs
from lmi_pipeline.synthetic.margins import QUARTERS
from lmi_pipeline.synthetic.projections import before_the_pandemic


@pytest.fixture(scope="module")
def true() -> synthetic.SyntheticTruth:
    return synthetic.truth("small", 2010)


@pytest.fixture(scope="module")
def files(true: synthetic.SyntheticTruth, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("lfs")
    quarters = ("2014-07", "2017-04", "2019-07", "2019-10", "2020-01", "2020-07", "2020-10", "2023-07")
    written = [path for q in quarters for path in synthetic.generate_lfs_quarter(true, q, folder)]
    return {path.name: pd.read_csv(path, sep="\t") for path in written}


def test_editions_are_named_like_the_publisher_s(files: dict[str, pd.DataFrame]) -> None:
    assert {"lfsp_od19_eul_pwt18.tab", "lfsp_jm20_eul_pwt18.tab", "lfsp_jm20_eul_pwt20.tab"} <= set(files)
    autumn = files["lfsp_js23_eul_pwt23.tab"].columns
    assert {"PWT23", "PIWT22"} <= set(autumn)


def test_countries_are_named_until_mid_2017_and_grouped_after(files: dict[str, pd.DataFrame]) -> None:
    assert {"CRYOX7", "NATOX7"} <= set(files["lfsp_aj17_eul_pwt18.tab"].columns)
    assert {"CRYOX7_EUL_Sub", "NATOX7_EUL_Sub"} <= set(files["lfsp_js19_eul_pwt18.tab"].columns)
    assert "HIQUL11D" in files["lfsp_js14_eul_pwt18.tab"]


def test_a_household_stays_five_quarters_and_a_fifth_is_new(files: dict[str, pd.DataFrame]) -> None:
    before, after = files["lfsp_js19_eul_pwt18.tab"], files["lfsp_od19_eul_pwt18.tab"]
    staying = before[before["THISWV"] < 5]
    assert 0.85 < staying["CASENOP"].isin(after["CASENOP"]).mean() < 0.97
    assert not before.loc[before["THISWV"] == 5, "CASENOP"].isin(after["CASENOP"]).any()
    both = staying.merge(after, on="CASENOP", suffixes=("", "_after"))
    assert (both["THISWV_after"] == both["THISWV"] + 1).all()
    assert (both["SEX_after"] == both["SEX"]).all()
    assert both["AGE_after"].sub(both["AGE"]).isin([0, 1]).all()
    assert 0.15 < (after["THISWV"] == 1).mean() < 0.27


def test_households_answer_with_all_members(files: dict[str, pd.DataFrame]) -> None:
    persons = files["lfsp_od19_eul_pwt18.tab"].groupby("HSERIALP")["PERSNO"]
    assert (persons.max() == persons.size()).all()


def test_every_code_list_value_is_a_known_code(files: dict[str, pd.DataFrame]) -> None:
    rows = files["lfsp_od19_eul_pwt18.tab"]
    assert set(rows.loc[rows["SOC10M"] > 0, "SOC10M"].astype(str)) <= set(catalog.codes("soc2010_unit_group"))
    divisions = (rows.loc[rows["INDC07M"] > 0, "INDC07M"] // 1000).map("{:02d}".format)
    assert set(divisions) <= set(catalog.codes("sic2007_division"))
    sections = catalog.mapping("sic2007_division", "sic2007_section")
    letters = rows.loc[rows["INDS07M"] > 0, "INDS07M"].map(lambda code: "ABCDEFGHIJKLMNOPQRSTU"[code - 1])
    assert (divisions.map(sections) == letters).all()


def test_last_job_when_unemployed_then_a_known_code_or_never_worked(files: dict[str, pd.DataFrame]) -> None:
    rows = pd.concat([frame[["CASENOP", "ILODEFR", "SOC10L", "INDC07L"]] for frame in files.values()])
    unemployed = rows["ILODEFR"] == 2
    assert (rows.loc[~unemployed, ["SOC10L", "INDC07L"]] == -9).all(axis=None)
    last = rows[unemployed & (rows["SOC10L"] != -9)]
    assert set(last["SOC10L"].astype(str)) <= set(catalog.codes("soc2010_unit_group"))
    assert set((last["INDC07L"] // 1000).map("{:02d}".format)) <= set(catalog.codes("sic2007_division"))
    never = rows[unemployed & (rows["SOC10L"] == -9)]
    assert (never["INDC07L"] == -9).all()
    assert 0.12 < len(never) / unemployed.sum() < 0.22


def test_last_job_when_in_work_a_quarter_before_then_it_is_that_job(files: dict[str, pd.DataFrame]) -> None:
    before, after = files["lfsp_js19_eul_pwt18.tab"], files["lfsp_od19_eul_pwt18.tab"]
    both = before[before["ILODEFR"] == 1].merge(after, on=["CASENOP", "HIQUL15D"], suffixes=("", "_after"))
    lost = both[both["SOC10L_after"] > 0]
    assert len(lost) > 20
    assert (lost["SOC10L_after"] == lost["SOC10M"]).all()
    assert (lost["INDC07L_after"] == lost["INDC07M"]).all()


def test_last_job_when_unemployed_then_spread_over_major_groups_as_jobs_are(files: dict[str, pd.DataFrame]) -> None:
    """Those in work and the unemployed of the same qualification have the same chances of an occupation."""
    rows = pd.concat([frame[["CASENOP", "AGE", "HIQUL15D", "SOC10M", "SOC10L"]] for frame in files.values()
                      if "HIQUL15D" in frame])  # fmt: skip
    adults = rows[rows["AGE"] >= 25].drop_duplicates("CASENOP")
    working, last = (adults[adults[name] > 0] for name in ("SOC10M", "SOC10L"))
    share = pd.crosstab(working["HIQUL15D"], working["SOC10M"] // 1000, normalize="index")
    expected = share.mul(last["HIQUL15D"].value_counts().reindex(share.index, fill_value=0), axis=0).sum()
    found = (last["SOC10L"] // 1000).value_counts().reindex(expected.index, fill_value=0)
    assert ((found - expected) ** 2 / expected).sum() < chi2.isf(1e-4, len(expected) - 1)


def test_pwt18_reproduces_the_population_until_2019(
    files: dict[str, pd.DataFrame], true: synthetic.SyntheticTruth
) -> None:
    autumn = files["lfsp_od19_eul_pwt18.tab"]
    population = true.population_of("2019-10")
    assert autumn["PWT18"].sum() == pytest.approx(population.sum(), rel=1e-6)
    by_region = autumn.groupby("GOVTOF2")["PWT18"].sum().reindex(lfs.GOVTOF2)
    np.testing.assert_allclose(by_region, population.sum(axis=0), rtol=1e-6)


def test_pwt18_reproduces_the_projection_of_before_the_pandemic_in_2020(
    files: dict[str, pd.DataFrame], true: synthetic.SyntheticTruth
) -> None:
    """The middle of October to December, 15 November, is four and a half months of twelve past mid-2020."""
    autumn = files["lfsp_od20_eul_pwt18.tab"]
    years = [before_the_pandemic(true, year) for year in (2020, 2021)]
    expected = years[0] * 7.5 / 12 + years[1] * 4.5 / 12
    by_region = autumn.groupby("GOVTOF2")["PWT18"].sum().reindex(lfs.GOVTOF2)
    np.testing.assert_allclose(by_region, expected.sum(axis=(1, 2)), rtol=1e-6)
    men = autumn[(autumn["SEX"] == 1) & autumn["AGE"].between(25, 34)]["PWT18"].sum()
    assert men == pytest.approx(expected[:, 0, 25:35].sum(), rel=1e-6)


def test_old_weights_overstate_the_population_of_2020_and_the_uk_born(true: synthetic.SyntheticTruth) -> None:
    """As Table 4 of the article has it: too many in all from spring on, the UK-born rising and the others falling."""
    for quarter in ("2020-04", "2020-07", "2020-10"):
        rows, before = lfs.respondents(true, quarter), lfs.respondents(true, f"2019{quarter[4:]}")
        old, new, year_ago = (
            _by_birth(part, lfs.weights(true, at, suffix))
            for part, at, suffix in ((rows, quarter, 18), (rows, quarter, 20), (before, f"2019{quarter[4:]}", 18))
        )
        assert old.sum() > new.sum() + 50_000
        assert old[0] > year_ago[0]
        assert old[1:].sum() < year_ago[1:].sum()
        assert abs(new - true.population_of(quarter).sum(axis=1)).max() < 100_000


def _by_birth(rows: lfs.Columns, weights: np.ndarray) -> np.ndarray:
    """Weighted persons by country of birth, those who do not state it spread over the groups."""
    stated = rows["stated"]
    counted = np.bincount(rows["birth"][stated], weights[stated], minlength=3)
    return counted * weights.sum() / counted.sum()


def _share_lost(
    files: dict[str, pd.DataFrame], name: str, weight: str, true: synthetic.SyntheticTruth, quarter: str
) -> float:
    rows = files[name]
    counted = rows.loc[rows["CRYOX7_EUL_Sub"] > 1, weight].sum()
    return float(1 - counted / true.population_of(quarter)[1:].sum())


def test_population_born_abroad_falls_too_much_in_2020_and_is_restored_by_pwt20(
    files: dict[str, pd.DataFrame], true: synthetic.SyntheticTruth
) -> None:
    before = _share_lost(files, "lfsp_od19_eul_pwt18.tab", "PWT18", true, "2019-10")
    during = _share_lost(files, "lfsp_od20_eul_pwt18.tab", "PWT18", true, "2020-10")
    restored = _share_lost(files, "lfsp_od20_eul_pwt20.tab", "PWT20", true, "2020-10")
    assert during > before + 0.1
    assert abs(restored) < 0.05


def test_editions_hold_the_same_persons(files: dict[str, pd.DataFrame]) -> None:
    first, later = files["lfsp_jm20_eul_pwt18.tab"], files["lfsp_jm20_eul_pwt20.tab"]
    shared = [name for name in first if name in later]
    pd.testing.assert_frame_equal(first[shared], later[shared])


def test_earnings_weights_stand_for_all_employees_in_two_waves(files: dict[str, pd.DataFrame]) -> None:
    rows = files["lfsp_od19_eul_pwt18.tab"]
    asked = rows["THISWV"].isin([1, 5]) & (rows["INECAC05"] == 1)
    assert (rows.loc[~asked, "PIWT18"] == 0).all()
    assert rows["PIWT18"].sum() == pytest.approx(rows.loc[rows["INECAC05"] == 1, "PWT18"].sum(), rel=1e-6)
    assert (rows.loc[~asked, "HOURPAY"] == -9).all()


def test_weighted_employees_come_to_those_on_the_payroll(true: synthetic.SyntheticTruth) -> None:
    uk = synthetic.truth("uk", 2010)
    rows = lfs.respondents(uk, "2018-10")
    weighted = lfs.weights(uk, "2018-10", 18)[rows["INECAC05"] == 1].sum()
    paid = true.employees[true.employees["month"].isin(["2018-10", "2018-11", "2018-12"])]["employee_count"].sum() / 3
    assert weighted == pytest.approx(paid, rel=0.03)


def test_every_quarter_has_thirteen_reference_weeks_that_end_on_sundays() -> None:
    for quarter in QUARTERS:
        sundays, months = pd.DatetimeIndex(lfs.reference_weeks(quarter)), pd.Period(pd.Timestamp(f"{quarter}-01"), "Q")
        assert len(sundays) == 13
        assert (sundays.day_of_week == 6).all()
        assert (np.diff(sundays) == pd.Timedelta(weeks=1)).all()
        assert months.start_time <= sundays[0] < months.start_time + pd.Timedelta(days=10)
        assert sundays[-1] <= months.end_time.floor("D") + pd.Timedelta(days=1)
    firsts = np.array([lfs.reference_weeks(quarter)[0] for quarter in QUARTERS])
    assert set(np.diff(firsts).astype(int)) == {13 * 7, 14 * 7}


def test_respondents_are_spread_evenly_over_the_reference_weeks(files: dict[str, pd.DataFrame]) -> None:
    before, after = (_with_week(files[f"lfsp_{name}_eul_pwt18.tab"]) for name in ("js19", "od19"))
    share = after.groupby("week").size() / len(after)
    assert len(share) == 13
    assert share.between(0.85 / 13, 1.15 / 13).all()
    assert (after.groupby("HSERIALP")["week"].nunique() == 1).all()
    both = before.merge(after, on="CASENOP", suffixes=("", "_after"))
    assert ((both["week_after"] - both["week"]).dt.days == 13 * 7).all()


def _with_week(rows: pd.DataFrame) -> pd.DataFrame:
    parts = rows[["REFWKY", "REFWKM", "REFWKD"]].set_axis(["year", "month", "day"], axis=1)
    return rows.assign(week=pd.to_datetime(parts))


def test_one_quarter_can_be_made_alone(true: synthetic.SyntheticTruth, tmp_path: Path) -> None:
    alone = next(synthetic.generate_lfs_quarter(true, "2016-01", tmp_path / "first")).read_bytes()
    lfs.respondents.cache_clear()
    lfs.weights.cache_clear()
    lfs.draw_intake.cache_clear()
    list(synthetic.generate_lfs_quarter(true, "2015-10", tmp_path / "other"))
    assert next(synthetic.generate_lfs_quarter(true, "2016-01", tmp_path / "second")).read_bytes() == alone
