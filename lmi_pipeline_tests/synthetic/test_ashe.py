"""Synthetic ASHE: the readers take every file, the tables are estimates from the records, thin cells are suppressed."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook
from scipy.stats import norm

from lmi_pipeline import catalog, synthetic
from lmi_pipeline.sources.ashe import READER
from lmi_pipeline.sources.base import VaultFile, stamp
from lmi_pipeline.synthetic import ashe, ashe_sheets, job_chances, pay_terms
from lmi_pipeline.synthetic.ashe_jobs import YEARS, job_sample
from lmi_pipeline.synthetic.ashe_tables import MEAN, MEDIAN, PROBABILITIES, Measured
from lmi_pipeline.synthetic.filled_xlsx import HATCHED, SOLID, FilledRow, write_filled_xlsx
from lmi_pipeline.synthetic.pay_terms import PATTERNS, Jobs
from lmi_pipeline.synthetic.pay_truth import true_pay
from lmi_pipeline.synthetic.writers import NOTICE

NEWEST = YEARS[-1]
CONTAINED = ("14.1", "3.1", "16.1", "8.1", "8.6")
PAY = {"1": "weekly_pay_gbp", "6": "hourly_pay_gbp"}
DRAWN, MANY_ERRORS = 200_000, 4.5
# Jobs of an enterprise share a part of their residual.
DESIGN_EFFECT = 1.5


@pytest.fixture(scope="module")
def uk() -> synthetic.SyntheticTruth:
    return synthetic.truth("small", 2010)


@pytest.fixture(scope="module")
def folder(uk: synthetic.SyntheticTruth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ashe")
    list(ashe.generate_ashe(uk, out))
    return out


def _raw(path: Path) -> pd.DataFrame:
    identity = READER.identify(path)
    file = VaultFile(path, identity, path.name, hashlib.sha256(path.read_bytes()).hexdigest(), "true")
    return stamp(READER.read(path, identity).frame, file)


@pytest.fixture(scope="module")
def published(folder: Path) -> pd.DataFrame:
    """Core rows of the newest editions of the tables with few rows."""
    paths = [p for p in folder.glob(f"*{NEWEST}*.xlsx") if any(f"Table {number}" in p.name for number in CONTAINED)]
    return READER.tidy["core_ashe__yearly_published"](pd.concat(map(_raw, sorted(paths)), ignore_index=True))


@pytest.fixture(scope="module")
def records(folder: Path) -> pd.DataFrame:
    return READER.tidy["core_ashe__yearly_job"](_raw(folder / ashe.job_file_name(NEWEST)))


def test_all_files_are_there_and_known(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert len(names) == len(YEARS) + 2 * 2 * 8 + 1
    assert "Occupation SOC10 (4) Table 14.7a   Annual pay - Gross 2019.xlsx" in names
    assert "PROV - Work Region Occupation SOC10 (2) Table 3.1b   Weekly pay - Gross 2020 CV.xlsx" in names
    assert "Home Geography Table 8.6b   Hourly pay - Excluding overtime 2019 CV.xlsx" in names
    found = [READER.identify(folder / name) for name in sorted(names)]
    layouts = {(identity.layout, identity.release) for identity in found if identity.layout != "job"}
    tables = {f"table_{number}" for number in ("3", "8", "14", "15", "16")}
    assert layouts == {(t, r) for t in tables for r in ("2019-revised", "2020-provisional")}


def test_every_workbook_says_it_is_synthetic(folder: Path) -> None:
    for path in folder.glob("*.xlsx"):
        book = CalamineWorkbook.from_path(path)
        assert book.sheet_names[1:] == list(ashe_sheets.SHEETS)
        assert book.sheet_names[0] == ("CV notes" if path.stem.endswith("CV") else "Notes")
        assert [NOTICE] in [row[:1] for row in book.get_sheet_by_index(0).to_python()]


def test_records_are_the_sample(uk: synthetic.SyntheticTruth, records: pd.DataFrame) -> None:
    sample = job_sample(uk, NEWEST)
    assert len(records) == len(sample.person) > 59_000
    assert records["is_usual_pay"].mean() == pytest.approx(sample.usual.mean())
    for column, values in (
        ("weekly_pay_gbp", sample.weekly),
        ("hourly_pay_gbp", sample.hourly),
        ("paid_hours_per_week", sample.basic + sample.overtime),
        ("calibration_weight", sample.weight),
        ("age_years", sample.jobs.age),
    ):
        np.testing.assert_allclose(np.sort(records[column].astype(float)), np.sort(values), rtol=1e-9, err_msg=column)
    assert records["annual_pay_gbp"].notna().mean() == pytest.approx(sample.same_job.mean())
    assert records["person_id"].duplicated().any()
    assert set(records["work_region_gss"]) == set(catalog.codes("region"))


def test_weights_add_up_to_the_true_jobs(uk: synthetic.SyntheticTruth, records: pd.DataFrame) -> None:
    true = true_pay(uk, NEWEST).means(["region_gss"]).set_index("region_gss")["job_count"]
    weighted = records.groupby("work_region_gss")["calibration_weight"].sum()
    np.testing.assert_allclose(weighted[true.index], true, rtol=2e-3)


def test_persons_stay_in_the_sample_between_years(uk: synthetic.SyntheticTruth) -> None:
    old, new = (job_sample(uk, year) for year in (NEWEST - 1, NEWEST))
    frames = [
        pd.DataFrame({"person": s.person, "job": s.enterprise, "sex": s.jobs.sex, "age": s.jobs.age, "pay": s.hourly})
        .drop_duplicates("person", keep=False)
        for s in (old, new)
    ]  # fmt: skip
    both = frames[0].merge(frames[1], on="person")
    assert 0.55 < len(both) / len(frames[1]) < 0.75
    assert (both["sex_x"] == both["sex_y"]).all()
    assert (both["age_y"] - both["age_x"] == 1).all()
    assert 0.8 < (both["job_x"] == both["job_y"]).mean() < 0.9
    assert np.corrcoef(np.log(both["pay_x"]), np.log(both["pay_y"]))[0, 1] > 0.7


def test_thin_occupations_are_there(uk: synthetic.SyntheticTruth) -> None:
    size = np.bincount(job_sample(uk, NEWEST).jobs.occupation, minlength=369)
    assert (size < 10).sum() >= 20
    assert (size > 500).sum() >= 20


def _estimate(records: pd.DataFrame, measure: str, **chosen: str | tuple[str, ...]) -> pd.Series:
    frame = records[records["is_usual_pay"]]
    for column, value in chosen.items():
        frame = frame[frame[column].str.startswith(value)]
    pay, weight = frame[PAY[measure]].astype(float), frame["calibration_weight"]
    mean = (pay * weight).sum() / weight.sum()
    error = np.sqrt((weight**2 * (pay - mean) ** 2).sum() * len(frame) / (len(frame) - 1)) / weight.sum()
    ranked = pay.sort_values()
    median = ranked[weight[ranked.index].cumsum() >= weight.sum() / 2].iloc[0]
    return pd.Series({"job_count": weight.sum(), "mean": mean, "median": median, "cv": 100 * error / mean})


@pytest.mark.parametrize(
    ("row", "chosen"),
    [
        ({"ashe_table": "14.1"}, {}),
        ({"ashe_table": "14.1", "occupation_code": "2"}, {"soc2010_code": "2"}),
        ({"ashe_table": "14.1", "occupation_code": "2314", "sex": "female"}, {"soc2010_code": "2314", "sex": "female"}),
        ({"ashe_table": "3.1", "occupation_code": "92", "area_code": "S92000003"},
         {"soc2010_code": "92", "work_region_gss": "S92000003"}),
        ({"ashe_table": "3.1", "area_code": "E12000007"}, {"work_region_gss": "E12000007"}),
        ({"ashe_table": "16.1", "industry_code": "01", "working_pattern": "full_time"},
         {"sic2007_division": "01", "working_pattern": "full_time"}),
        ({"ashe_table": "8.1", "area_code": "E92000001"}, {"work_region_gss": "E"}),
        ({"ashe_table": "8.6", "area_code": "K03000001"}, {"work_region_gss": ("E", "S", "W")}),
        ({"ashe_table": "8.6", "area_code": "N92000002", "sex": "female", "working_pattern": "part_time"},
         {"work_region_gss": "N", "sex": "female", "working_pattern": "part_time"}),
    ],
    ids=str,
)  # fmt: skip
def test_tables_are_estimates_from_the_records(
    published: pd.DataFrame, records: pd.DataFrame, row: dict[str, str], chosen: dict[str, str | tuple[str, ...]]
) -> None:
    whole = {"occupation_code": "all", "industry_code": "all", "sex": "all", "working_pattern": "all"}
    found = published[published["year"] == NEWEST]
    for column, value in (whole | {"area_code": catalog.UNITED_KINGDOM} | row).items():
        found = found[found[column] == value]
    found = found.set_index("statistic")
    measure = row["ashe_table"].partition(".")[2]
    expected, tolerance = _estimate(records, measure, **chosen), {"1": 0.051, "6": 0.0051}[measure]
    assert found.loc["job_count", "value"] == pytest.approx(expected["job_count"], abs=501)
    assert found.loc["mean", "value"] == pytest.approx(expected["mean"], abs=tolerance)
    assert found.loc["median", "value"] == pytest.approx(expected["median"], abs=tolerance)
    if row["ashe_table"] != "8.1":
        assert found.loc["mean", "cv_percent"] == pytest.approx(expected["cv"], rel=0.06)


def test_unreliable_and_disclosive_values_are_not_published(published: pd.DataFrame, records: pd.DataFrame) -> None:
    part = published[(published["ashe_table"] == "14.1") & (published["occupation_code"].str.len() == 4)]
    whole = part[(part["sex"] == "all") & (part["working_pattern"] == "part_time")]
    usual = records[records["is_usual_pay"] & (records["working_pattern"] == "part_time")]
    jobs = usual["soc2010_code"].value_counts().reindex(whole["occupation_code"].unique(), fill_value=0)
    marker = whole[whole["statistic"] == "job_count"].set_index("occupation_code")["cell_marker"]
    assert set(marker[jobs == 0]) == {":"}
    assert set(marker[(jobs > 0) & (jobs < 3)]) == {".."}
    assert not marker[jobs >= 3].isin([":", ".."]).any()
    levels = part[~part["statistic"].str.startswith("change")]
    assert (levels.loc[levels["cell_marker"] == "x", "cv_percent"].dropna() >= 20).all()
    assert (levels.loc[levels["value"].notna(), "cv_percent"] <= 20).all()
    means = whole[whole["statistic"] == "mean"]
    assert 10 < (means["cell_marker"] == "x").sum() < 100
    assert means["value"].notna().sum() > 250


def _true_jobs(uk: synthetic.SyntheticTruth, year: int) -> tuple[Jobs, np.ndarray, np.ndarray]:
    """Jobs drawn from the truth, and mean and spread of the log of hourly pay of each."""
    true, rng = true_pay(uk, year), np.random.default_rng(11)
    flat = true.people.ravel().cumsum()
    place = np.searchsorted(flat, rng.random(DRAWN) * flat[-1], side="right")
    nationality, region, sex, age, qualification = np.unravel_index(place, true.people.shape)
    draw = rng.random((5, DRAWN))
    occupation = job_chances.draw_occupation(qualification, sex, draw[0], draw[1])
    industry = job_chances.industry_of_division()[job_chances.draw_industry(nationality, draw[2], draw[3])[1]]
    pattern = np.where(job_chances.draw_full_time(occupation, sex, age, draw[4]), 0, 1)
    jobs = Jobs(pattern, occupation, sex, age, region, qualification, industry)
    return jobs, pay_terms.log_hourly(true.terms, jobs, true.years), true.terms.spread[pattern, occupation]


def test_median_hourly_pay_of_regions_is_about_the_true_one(
    uk: synthetic.SyntheticTruth, published: pd.DataFrame, records: pd.DataFrame
) -> None:
    """Half of the true jobs of a cell are paid less than its published median, within the error of the sample."""
    medians = published[(published["ashe_table"] == "8.6") & (published["statistic"] == "median")]
    cells = ["area_code", "sex", "working_pattern"]
    medians = medians[medians["area_code"].isin(catalog.codes("region"))].set_index(cells)
    jobs, level, spread = _true_jobs(uk, NEWEST)
    usual = records[records["is_usual_pay"]]
    sampled = [usual[name].to_numpy(dtype=str) for name in ("work_region_gss", "sex", "working_pattern")]
    drawn = [
        np.array(codes)[place]
        for codes, place in (
            (catalog.codes("region"), jobs.region),
            (("male", "female"), jobs.sex),
            (PATTERNS, jobs.pattern),
        )
    ]
    assert len(medians) == len(catalog.codes("region")) * len(ashe_sheets.SHEETS)
    z = []
    for cell, median in medians["value"].items():
        here, size = (
            np.logical_and.reduce([have == code for have, code in zip(of, cell, strict=True) if code != "all"])
            for of in (drawn, sampled)
        )
        below = norm.cdf((np.log(median) - level[here]) / spread[here]).mean()
        z.append((below - 0.5) / np.sqrt(DESIGN_EFFECT * 0.25 / size.sum()))
    assert np.abs(z).max() < MANY_ERRORS
    assert 0.5 < np.sqrt(np.mean(np.square(z))) < 1.5
    whole = medians.xs(("all", "all"), level=cells[1:])["value"]
    assert whole.idxmax() == "E12000007"
    assert (medians.xs("full_time", level=cells[2])["value"] > medians.xs("part_time", level=cells[2])["value"]).all()


def test_fills_agree_with_the_coefficients_of_variation(folder: Path) -> None:
    place = ["sheet", "row_number", "column_number"]
    tables = [_raw(folder / ashe.table_file_name(ashe.TABLES[0], "1", letter, NEWEST)) for letter in "ab"]
    estimates, variations = (table.set_index(place) for table in tables)
    cv = variations["cell_value"].reindex(estimates.index)
    for label, least, most in (("CV <= 5%", 0, 5), ("CV > 5% and <= 10%", 5, 10), ("CV > 10% and <= 20%", 10, 20)):
        shown = cv[estimates["fill_label"] == label]
        assert len(shown) > 1000
        assert shown.between(least, most).all()


def test_changes_are_on_the_year_before(folder: Path) -> None:
    frames = []
    for year in (NEWEST - 1, NEWEST):
        raw = _raw(folder / ashe.table_file_name(ashe.TABLES[0], "6", "a", year))
        core = READER.tidy["core_ashe__yearly_published"](raw)
        core = core[(core["sex"] == "all") & (core["working_pattern"] == "all")]
        frames.append(core.pivot(index="occupation_code", columns="statistic", values="value"))
    both = frames[0].add_suffix("_before").join(frames[1])
    for level in ("mean", "median"):
        change = 100 * (both[level] / both[f"{level}_before"] - 1)
        assert both.loc[change.notna(), f"change_{level}"].notna().all()
        assert both.loc[both[level].isna(), f"change_{level}"].isna().all()
        assert (both[f"change_{level}"] - change).abs().max() < 0.16


def test_estimates_of_a_small_sample_by_hand() -> None:
    values = np.array([10.0, 30.0, 20.0, 40.0, 7.0, np.nan])
    weights = np.array([1.0, 1.0, 1.0, 1.0, 2.0, 9.0])
    rows = np.array([0, 0, 0, 0, 1, 0])
    found = Measured.of(values, weights).estimates(np.ones(6, dtype=bool), rows, 3)
    assert found.contributors.tolist() == [4, 1, 0]
    np.testing.assert_allclose(found.value[0, :3], [4, 20, 25])
    np.testing.assert_allclose(found.cv[0, MEAN], 100 * np.sqrt(500 / 3 / 4) / 25)
    np.testing.assert_allclose(found.cv[0, 0], 50)
    assert found.value[1, MEAN] == found.value[1, MEDIAN] == 7
    assert np.isnan(found.value[2]).all()
    assert np.isnan(found.cv[0, 3])


def test_variances_are_those_of_repeated_samples() -> None:
    """Standard errors over 400 samples of 300 jobs against the mean of those estimated."""
    rng = np.random.default_rng(11)
    runs, size = 400, 300
    values = np.exp(rng.normal(6, 0.5, runs * size))
    weights = rng.uniform(0.5, 1.5, runs * size)
    found = Measured.of(values, weights).estimates(
        np.ones(runs * size, dtype=bool), np.repeat(np.arange(runs), size), runs
    )
    spread = 100 * found.value.std(axis=0) / found.value.mean(axis=0)
    for column in (MEAN, MEDIAN, 3, 5, 12):
        assert found.cv[:, column].mean() == pytest.approx(spread[column], rel=0.15)
    assert len(PROBABILITIES) == 11


def test_workbook_cells_are_read_back(tmp_path: Path) -> None:
    rows = [FilledRow(["a & <b>", "", 1.5, None, 3], [0, 0, HATCHED, 0, SOLID]), FilledRow([]), FilledRow(["1"])]
    path = write_filled_xlsx(tmp_path / "book.xlsx", {"One & two": rows, "Other": rows[:1]})
    book = CalamineWorkbook.from_path(path)
    assert book.sheet_names == ["One & two", "Other"]
    assert book.get_sheet_by_name("One & two").to_python(skip_empty_area=False) == [
        ["a & <b>", "", 1.5, "", 3.0], [""] * 5, ["1", "", "", "", ""],
    ]  # fmt: skip
    again = write_filled_xlsx(tmp_path / "again.xlsx", {"One & two": rows, "Other": rows[:1]})
    assert path.read_bytes() == again.read_bytes()


def test_same_seed_same_bytes_and_other_seed_other_bytes(folder: Path, tmp_path: Path) -> None:
    for seed, same in ((2010, True), (7, False)):
        fresh = synthetic.truth.__wrapped__("small", seed)
        path = next(iter(ashe.generate_ashe(fresh, tmp_path / str(seed))))
        assert (path.read_bytes() == (folder / path.name).read_bytes()) is same
