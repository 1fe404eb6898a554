"""What the generator knows of its respondents comes back through the reader of the person files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog, synthetic
from lmi_pipeline.sources.base import VaultFile, stamp
from lmi_pipeline.sources.lfs import READER
from lmi_pipeline.synthetic import lfs, lfs_weights
from lmi_pipeline.synthetic.margins import GROUPS, REGIONS
from lmi_pipeline.synthetic.margins import QUARTERS as QUARTER_NAMES
from lmi_pipeline.synthetic.projections import expected_before_the_pandemic

PERSON, WEIGHT = "core_lfs__quarterly_person", "core_lfs__quarterly_published_weight"
# Around the quarter when countries left the file, around the reweighting, and when the two weights part.
QUARTERS = ("2014-07", "2017-04", "2017-07", "2019-10", "2020-10", "2023-07")
ROUNDED = 0.00005


@pytest.fixture(scope="module")
def true() -> synthetic.SyntheticTruth:
    return synthetic.truth("small", 2010)


@pytest.fixture(scope="module")
def raw(true: synthetic.SyntheticTruth, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("lfs")
    return {
        quarter: pd.concat([_read(path) for path in synthetic.generate_lfs_quarter(true, quarter, folder)])
        for quarter in QUARTERS
    }


def _read(path: Path) -> pd.DataFrame:
    identity = READER.identify(path)
    return stamp(READER.read(path, identity).frame, VaultFile(path, identity, path.name, "0" * 64, "true"))


@pytest.fixture(scope="module", params=QUARTERS)
def quarter(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def respondents(true: synthetic.SyntheticTruth, quarter: str) -> pd.DataFrame:
    """Respondents as the generator knows them, in our codes, by person."""
    rows = lfs.respondents(true, quarter)
    groups, working = np.array(GROUPS), rows["STATR"] > 0
    known = pd.DataFrame(
        {
            "wave": rows["wave"],
            "reference_week": lfs.reference_weeks(quarter)[rows["household"] % 13].astype("str"),
            "age_years": rows["age"],
            "sex": np.where(rows["sex"] == 0, "male", "female"),
            "region_gss": np.array(REGIONS)[rows["region"]],
            "birth_group": np.where(rows["stated"], groups[rows["birth"]], "not_stated"),
            "nationality_group": np.where(rows["stated"], groups[rows["nationality"]], "not_stated"),
            "employment_status": pd.Series(rows["STATR"]).map({1: "employee", 2: "self_employed"}),
            "sic2007_division": pd.Series(rows["INDC07M"] // 1000).map("{:02d}".format).where(working),
            "soc2010_code": pd.Series(rows["SOC10M"]).astype("str").where(working),
            "last_sic2007_division": pd.Series(rows["INDC07L"] // 1000).map("{:02d}".format).where(rows["INDC07L"] > 0),
            "last_soc2010_code": pd.Series(rows["SOC10L"]).astype("str").where(rows["SOC10L"] > 0),
            "hourly_pay_gbp": pd.Series(rows["HOURPAY"]).where(rows["HOURPAY"] > 0),
            "usual_hours_per_week": pd.Series(rows["TTUSHR"]).where(working),
        }
    )
    other = rows["STATR"] > 2
    known["employment_status"] = known["employment_status"].where(
        ~other, np.where(rows["STATR"] == 3, "government_scheme", "unpaid_family")
    )
    known["person_id"] = lfs.person_columns(true, quarter)["CASENOP"].astype("str")
    return known.set_index("person_id")


@pytest.fixture(scope="module")
def persons(raw: dict[str, pd.DataFrame], quarter: str) -> pd.DataFrame:
    return READER.tidy[PERSON](raw[quarter]).set_index("person_id")


def test_every_respondent_comes_back_once_and_unchanged(persons, respondents):
    assert len(persons) == len(respondents)
    read = persons.loc[respondents.index, respondents.columns]
    pd.testing.assert_frame_equal(read, respondents, check_dtype=False)


def test_country_leaves_the_file_in_july_2017_and_the_groups_stay(raw, persons, quarter):
    named, grouped = raw[quarter]["cryox7"].notna(), raw[quarter]["cryox7_eul_sub"].notna()
    assert named.any() == (quarter <= "2017-04")
    assert grouped.any() == (quarter > "2017-04")
    stated = persons["birth_group"] != "not_stated"
    assert 0.95 < stated.mean() < 1
    assert set(persons["birth_group"]) == {*GROUPS, "not_stated"}


def test_industries_are_divisions_of_the_section(persons):
    working = persons[persons["sic2007_division"].notna()]
    section = working["sic2007_division"].map(catalog.mapping("sic2007_division", "sic2007_section"))
    assert (section == working["sic2007_section"]).all()
    assert len(working) == persons["employment_status"].notna().sum()


def test_each_edition_weighs_persons_as_the_generator_does(true, raw, quarter):
    issued = READER.tidy[WEIGHT](raw[quarter])
    rows = lfs.respondents(true, quarter)
    order = lfs.person_columns(true, quarter)["CASENOP"].astype("str")
    suffixes = lfs.editions(quarter)
    assert len(issued) == len(order) * len(suffixes)
    for analysis, earnings in suffixes:
        edition = issued[issued["edition"] == Path(lfs.file_name(quarter, analysis)).stem].set_index("person_id")
        assert set(edition["analysis_weight_year"]) == {analysis}
        assert set(edition["earnings_weight_year"]) == {earnings}
        weights = lfs.weights(true, quarter, analysis)
        np.testing.assert_allclose(edition.loc[order, "analysis_weight"], weights, rtol=0, atol=ROUNDED * 1.01)
        asked = lfs_weights.earnings_weights(lfs.weights(true, quarter, earnings), rows["INECAC05"] == 1, rows["wave"])
        np.testing.assert_allclose(edition.loc[order, "earnings_weight"], asked, rtol=0, atol=ROUNDED * 1.01)


def test_weighted_totals_are_the_population_and_the_groups(true, raw, persons, quarter):
    issued = READER.tidy[WEIGHT](raw[quarter]).set_index("person_id")
    rows = lfs.respondents(true, quarter)
    groups = np.where(rows["stated"], rows["birth"], len(GROUPS))
    for analysis, _ in lfs.editions(quarter):
        weight = issued.loc[issued["analysis_weight_year"] == analysis, "analysis_weight"]
        population = _controlled(true, quarter, analysis)
        assert weight.sum() == pytest.approx(population.sum(), rel=1e-6)
        by_region = weight.groupby(persons["region_gss"]).sum()
        np.testing.assert_allclose(by_region[list(REGIONS)], population, rtol=1e-5)
        by_group = weight.groupby(persons["birth_group"]).sum()
        known = np.bincount(groups, lfs.weights(true, quarter, analysis))
        np.testing.assert_allclose(by_group[[*GROUPS, "not_stated"]], known, rtol=1e-6)


def _controlled(true: synthetic.SyntheticTruth, quarter: str, suffix: int) -> np.ndarray:
    """Population by region the weights rest on: the truth to 2019, then a projection, or 2019 moved by birth group."""
    if suffix in lfs_weights.BIRTH_CONTROLS:
        before = true.population_of(f"2019{quarter[4:]}")
        controls = lfs_weights.birth_controls(true, suffix)[:, QUARTER_NAMES.index(quarter)]
        return controls / before.sum(axis=1) @ before
    if quarter < "2020":
        return true.population_of(quarter).sum(axis=0)
    return expected_before_the_pandemic(true, quarter).sum(axis=(1, 2))


def test_persons_come_from_the_newest_edition_and_both_weights_stay(raw):
    twice = raw["2020-10"]
    assert sorted(twice["edition"].unique()) == ["lfsp_od20_eul_pwt18", "lfsp_od20_eul_pwt20"]
    later = twice["edition"] == "lfsp_od20_eul_pwt20"
    other = twice.assign(age=twice["age"].where(later, 120))
    pd.testing.assert_frame_equal(READER.tidy[PERSON](other), READER.tidy[PERSON](twice))
    parted = READER.tidy[WEIGHT](raw["2023-07"])
    assert (set(parted["analysis_weight_year"]), set(parted["earnings_weight_year"])) == ({23}, {22})
