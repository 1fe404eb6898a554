"""Issued sample, boost and weights of other datasets: they join to the person files and stand for the population."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog, synthetic
from lmi_pipeline.quality.schema_checks import assert_valid
from lmi_pipeline.sources.base import VaultFile, stamp
from lmi_pipeline.sources.lfs import READER
from lmi_pipeline.storage.frames import conform
from lmi_pipeline.synthetic import lfs, lfs_boost, lfs_dataset_weights, lfs_sample, lfs_weights
from lmi_pipeline.synthetic.census import AREAS_IN_REGION, area_codes, area_households, generate_census
from lmi_pipeline.synthetic.margins import REGIONS
from lmi_pipeline.synthetic.writers import write_delimited

TABLES = {
    "sample": ("raw_lfs__quarterly_issued_household", "core_lfs__quarterly_issued_household"),
    "boost": ("raw_lfs__quarterly_boost_person", "core_lfs__quarterly_boost_person"),
    "dataset_weight": ("raw_lfs__quarterly_dataset_weight", "core_lfs__quarterly_dataset_weight"),
}
SAMPLED = ("2019-10", "2020-07", "2021-07")
PERIOD = "2020-01"


@pytest.fixture(scope="module")
def true() -> synthetic.SyntheticTruth:
    return synthetic.truth("small", 2010)


def core(*paths: Path) -> pd.DataFrame:
    """Rows of the core table of files of one layout and quarter, through the reader and the catalogue."""
    frames = []
    for path in paths:
        identity = READER.identify(path)
        raw_table, core_table = TABLES[identity.layout]
        file = VaultFile(path, identity, path.name, "0" * 64, "true")
        frames.append(stamp(READER.read(path, identity).frame, file)[list(catalog.table(raw_table).columns)])
    raw = conform(pd.concat(frames), catalog.table(raw_table))
    tidied: pd.DataFrame = conform(READER.tidy[core_table](raw), catalog.table(core_table))
    assert_valid(tidied, core_table)
    return tidied


@pytest.fixture(scope="module")
def issued(true, tmp_path_factory) -> dict[str, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("sample")
    return {
        quarter: core(
            write_delimited(folder / lfs_sample.file_name(quarter), lfs_sample.sample_columns(true, quarter), ",")
        )
        for quarter in SAMPLED
    }


@pytest.fixture(scope="module")
def weights(true, tmp_path_factory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("weights")
    paths = []
    for name, variable, rows in lfs_dataset_weights.datasets(true, PERIOD):
        columns = {"CASENOP": rows["person"], "HSERIALP": rows["household"], "THISWV": rows["wave"]}
        paths.append(write_delimited(folder / name, columns | {f"{variable}18": rows["weight"]}, "\t"))
    return core(*paths)


def persons(true: synthetic.SyntheticTruth, quarter: str) -> pd.DataFrame:
    columns = lfs.person_columns(true, quarter)
    names = {"CASENOP": "person_id", "HSERIALP": "household_id", "THISWV": "wave", "AGE": "age", "GOVTOF2": "govtof2"}
    frame = pd.DataFrame({ours: columns[theirs] for theirs, ours in names.items()})
    return frame.astype({"person_id": "str", "household_id": "str"})


@pytest.mark.parametrize("quarter", SAMPLED)
def test_the_households_that_answered_are_those_of_the_person_file(true, issued, quarter):
    answered = issued[quarter][issued[quarter]["responded"]].set_index("household_id")
    household = persons(true, quarter).groupby("household_id")[["wave", "govtof2"]].first()
    assert set(answered.index) == set(household.index)
    pd.testing.assert_series_equal(answered["wave"].loc[household.index], household["wave"], check_dtype=False)
    regions = answered["region_gss"].map(catalog.mapping("region", "govtof2")).astype(int)
    assert (regions.loc[household.index] == household["govtof2"]).all()


@pytest.mark.parametrize("quarter", SAMPLED)
def test_every_wave_is_issued_and_who_answers_was_reached(issued, quarter):
    found = issued[quarter]
    assert set(found["wave"]) == {1, 2, 3, 4, 5}
    assert found.loc[found["responded"], "first_contact_succeeded"].all()
    first = found[found["wave"] == 1]
    assert (first["responded"] == first["first_contact_succeeded"]).all()
    assert 0.3 < first["responded"].mean() < 0.8
    assert found[found["wave"] == 5]["responded"].mean() < first["first_contact_succeeded"].mean() + 0.1


def test_a_household_keeps_its_area_and_mode(true):
    first, later = (pd.DataFrame(lfs_sample.sample_columns(true, q)).set_index("HSERIALP") for q in SAMPLED[1:])
    stays = later.index[later["THISWV"] == 5]
    assert (first.loc[stays, "THISWV"] == 1).all()
    same = ["GOVTOF2", "LAUA", "MODE", "CONTACT"]
    pd.testing.assert_frame_equal(first.loc[stays, same], later.loc[stays, same])


def test_first_contacts_follow_the_pandemic(issued):
    shares = {
        q: frame[frame["wave"] == 1]["contact_mode"].value_counts(normalize=True).to_dict()
        for q, frame in issued.items()
    }
    assert shares["2019-10"] == {"face_to_face": 1.0}
    assert shares["2020-07"] == {"telephone": 1.0}
    assert 0.55 < shares["2021-07"]["knock_to_nudge"] < 0.75
    assert set(shares["2021-07"]) == {"knock_to_nudge", "telephone"}
    last = issued["2020-07"]
    assert set(last.loc[last["wave"] == 5, "contact_mode"]) == {"face_to_face"}


def test_areas_are_those_of_the_census_and_scotland_and_northern_ireland_have_some_too(true, issued, tmp_path):
    (path,) = generate_census(true, tmp_path)
    listed = set(pd.read_csv(path)["geography code"])
    areas = set(issued["2020-07"]["local_authority_code"])
    assert areas == set(area_codes())
    assert {code for code in areas if code[0] in "EW"} == listed
    assert {code[0] for code in areas - listed} == {"S", "N"}


def test_areas_differ_and_those_with_more_renters_answer_less(true):
    households = area_households(true)
    assert households.shape == (3, len(REGIONS), AREAS_IN_REGION)
    logs = np.log(households)
    spread = (logs - logs.mean(axis=2, keepdims=True)).std(axis=(1, 2), ddof=len(REGIONS))
    assert np.all(np.abs(spread / [0.3, 0.6, 0.6] - 1) < 0.35)
    foreign = households[1:].sum(axis=0) / households.sum(axis=0)
    share = dict(zip(area_codes(), foreign.ravel(), strict=True))
    frame = pd.concat(
        [pd.DataFrame(lfs_sample.sample_columns(true, q)) for q in ("2020-07", "2020-10", "2021-01", "2021-10")]
    )
    first = frame[frame["THISWV"] == 1]
    abroad = first["LAUA"].map(share)
    reached = first.groupby(pd.qcut(abroad, 4, labels=False))["CONTACT"].mean()
    assert reached[0] - reached[3] > 0.03


def test_the_boost_is_no_part_of_the_survey(true, tmp_path):
    for quarter in ("2018-10", "2020-10"):
        path = write_delimited(tmp_path / lfs_boost.file_name(quarter), lfs_boost.boost_columns(true, quarter), "\t")
        boost, survey = core(path), persons(true, quarter)
        assert not set(boost["household_id"]) & set(lfs_sample.sample_columns(true, quarter)["HSERIALP"].astype(str))
        assert set(boost["wave"]) == {1, 2, 3, 4}
        assert set(boost["region_gss"]) == set(REGIONS) - {"N92000002"}
        ends = survey["wave"].isin((1, 5)).sum()
        assert 0.15 < len(boost) / ends < 0.4
        assert (boost.groupby("household_id")["wave"].nunique() == 1).all()


def test_the_annual_dataset_is_waves_one_and_five_of_four_quarters_and_the_boost(true, weights):
    quarters = ("2019-04", "2019-07", "2019-10", "2020-01")
    assert lfs_dataset_weights.four_quarters(PERIOD) == quarters
    asked = [frame[frame["wave"].isin((1, 5))]["person_id"] for frame in (persons(true, q) for q in quarters)]
    boost = [pd.Series(lfs_boost.boost_columns(true, q)["CASENOP"]).astype("str") for q in quarters]
    expected = pd.concat([*asked, *boost])
    assert expected.is_unique
    for dataset in ("aps_person", "aps_household"):
        found = weights[weights["dataset_name"] == dataset]
        assert set(found["person_id"]) == set(expected)
    assert set(weights["edition"]) == {
        "apsp_a19m20_eul_pwta18", "apsh_a19m20_eul_phhwta18", "lfsh_jm20_eul_phhwt18", "lgwt18_2q_od19_jm20_eul",
    }  # fmt: skip


def test_the_longitudinal_dataset_is_adults_of_both_quarters(true, weights):
    now, before = persons(true, PERIOD), persons(true, "2019-10")
    adults = now[now["age"] >= 16]
    expected = set(adults["person_id"]) & set(before["person_id"])
    found = weights[weights["dataset_name"] == "lfs_longitudinal"]
    assert set(found["person_id"]) == expected
    population = lfs_weights.control_structure(true, PERIOD, 18)[..., 16:].sum()
    assert found["analysis_weight"].sum() == pytest.approx(population, rel=1e-6)


def test_weights_stand_for_the_population_and_households_share_theirs(true, weights):
    quarters = lfs_dataset_weights.four_quarters(PERIOD)
    annual = np.mean([lfs_weights.control_structure(true, q, 18).sum() for q in quarters])
    person_file = lfs.weights(true, PERIOD, 18).sum()
    total = weights.groupby("dataset_name")["analysis_weight"].sum()
    assert total["aps_person"] == pytest.approx(annual, rel=1e-6)
    assert total["aps_household"] == pytest.approx(annual, rel=1e-6)
    assert total["lfs_household"] == pytest.approx(person_file, rel=1e-6)
    assert (weights["analysis_weight"] > 0).all()
    shared = weights[weights["dataset_name"].str.endswith("household")]
    spread = shared.groupby(["dataset_name", "household_id"])["analysis_weight"].agg(["min", "max"])
    np.testing.assert_allclose(spread["min"], spread["max"], rtol=1e-9)
    assert set(weights.loc[weights["dataset_name"] == "lfs_household", "person_id"]) == set(
        persons(true, PERIOD)["person_id"]
    )


def test_files_are_there_for_the_quarters_that_have_datasets(true, tmp_path):
    generators = (
        lfs_sample.generate_sample_files,
        lfs_boost.generate_boost_files,
        lfs_dataset_weights.generate_dataset_weight_files,
    )
    periods = []
    for generate in generators:
        found = [READER.identify(path) for path in generate(true, tmp_path)]
        assert len({identity.release for identity in found}) == len(found)
        periods.append(sorted({str(identity.period) for identity in found}))
    assert periods[0] == periods[1]
    assert (periods[0][0], periods[0][-1], len(periods[0])) == ("2018-01", "2023-10", 24)
    assert (periods[2][0], periods[2][-1], len(periods[2])) == ("2018-10", "2020-10", 9)


def test_same_seed_same_households(true):
    other = synthetic.truth("small", 7)
    again = lfs_sample.sample_columns(synthetic.truth("small", 2010), "2020-07")
    first = lfs_sample.sample_columns(true, "2020-07")
    assert all((first[name] == again[name]).all() for name in first)
    assert (lfs_sample.sample_columns(other, "2020-07")["LAUA"][:500] != first["LAUA"][:500]).any()
