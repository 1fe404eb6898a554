"""Bad ASHE files, years without tables and modes without records, through the command line; real tables alone."""

import shutil
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from lmi_pipeline.orchestration.runner import prepare_home
from lmi_pipeline_tests.pipeline import Pipeline
from lmi_pipeline_tests.sources import ashe_books as books

pytestmark = pytest.mark.xdist_group("pay_faults")
PUBLISHED = ("raw_ashe__published_cell", "core_ashe__yearly_published")
JOBS = ("raw_ashe__yearly_job", "core_ashe__yearly_job")
UNIT_GROUP = "est_pay__yearly_unit_group"
GOOD, BAD = "ashe_2019_2020_gb_v18.csv", "ashe_2021_2021_gb_v1.csv"
PERSON, PAY, WEIGHT = "01999932", 98765.25, 77.125
MARKS = (PERSON, "1999932", "98765", "77.125")
REAL_UNIT_GROUPS = {2021: 369, 2024: 412}


def jobs(*years: int, **changes: list) -> pd.DataFrame:
    """Two jobs a year in the layout of the Secure Lab, the first of a person whose values no error may show."""
    count = len(years)
    pairs = {
        "piden": [PERSON, "00000017"],
        "serno": ["1", "2"],
        "entref": ["90000000001", "90000000002"],
        "age": [41, 63],
        "sex": [2, 1],
        "wgor": [1, 7],
        "occ10": ["1115", "9272"],
        "sic07": ["01110", "62020"],
        "ft": [1, 2],
        "gpay": [PAY, 120.5],
        "hexo": [25.5, 9.1],
        "thrs": [37.5, 12.0],
        "agp": [51000.0, 6000.0],
        "sjd": [1, 1],
        "lop": [2, 2],
        "adr": [1, 1],
        "calwght": [WEIGHT, 99.0],
    }
    return pd.DataFrame(
        {"year": [year for year in years for _ in range(2)]}
        | {name: values * count for name, values in pairs.items()}
        | changes
    )


def ashe_only(data: Path) -> Pipeline:
    """A pipeline with ASHE in landing mode."""
    return Pipeline(data, "synthetic,ashe:landing")


def landed(pipeline) -> Path:
    folder = pipeline.data / "landing" / "ashe"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run(pipeline, *tables: str, years: tuple[str, str] | None = None):
    """Receive the landed files and build tables."""
    arguments = ("--from", years[0], "--to", years[1]) if years else ()
    return pipeline.run("run", "--select", " or ".join(("vault_ashe__file", *tables)), *arguments)


def told(result) -> str:
    """The one line of an error that stopped a run, as a person sees it."""
    assert result.exit_code == 1, result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("error: ")]
    assert not any(mark in result.output for mark in MARKS)
    assert "Traceback" not in result.output
    return line


@pytest.fixture(scope="module")
def held(tmp_path_factory) -> Path:
    """A data folder with a job file of 2019 and 2020 and a table of 2020 read."""
    pipeline = ashe_only(tmp_path_factory.mktemp("held"))
    jobs(2019, 2020).to_csv(landed(pipeline) / GOOD, index=False)
    books.make(landed(pipeline), "14a")
    result = run(pipeline, *PUBLISHED, *JOBS)
    assert result.exit_code == 0, result.output
    return pipeline.data


@pytest.fixture
def pipeline(held, tmp_path):
    """The read files in a data folder of the test's own."""
    return ashe_only(Path(shutil.copytree(held, tmp_path / "data")))


def versions(pipeline, tables: tuple[str, ...]) -> list[int]:
    return [pipeline.lake.version(table) for table in tables]


def numeric_codes(made: books.Sheets) -> None:
    for row in made["All"][books.HEADER + 1 : -2]:
        row[1] = int(row[1] or 0)


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("calwght", [0.0, 99.0], "variable calwght: 1 of 2 rows hold no weight above zero"),
        ("calwght", [-WEIGHT, -9.0], "variable calwght: 2 of 2 rows hold no weight above zero"),
        ("gpay", [None, 120.5], "variable gpay: 1 of 2 rows hold no pay above zero though the job is on an adult rate"),
        ("occ10", ["1115", "1999"], "variable occ10: 1 of 2 rows hold no unit group of SOC 2010"),
    ],
)
def test_bad_records_when_landed_beside_good_ones_then_named_error_and_nothing_is_written(
    pipeline, column, values, says
):
    before = versions(pipeline, JOBS)
    jobs(2021, **{column: values}).to_csv(landed(pipeline) / BAD, index=False)
    line = told(run(pipeline, *JOBS))
    for text in ("raw_ashe__yearly_job", "SourceError", BAD, says, "Correct the file"):
        assert text in line
    assert versions(pipeline, JOBS) == before
    rows = pipeline.lake.read(JOBS[1])
    assert rows.groupby("year").size().to_dict() == {2019: 2, 2020: 2}
    assert set(rows["calibration_weight"]) == {WEIGHT, 99.0}


def test_bad_records_when_delivered_anew_under_the_same_name_then_read_without_the_bad_file(pipeline):
    for wrong in (0.0, -1.0, 88.0):
        jobs(2021, calwght=[wrong, 99.0]).to_csv(landed(pipeline) / BAD, index=False)
        result = run(pipeline, *JOBS)
        assert result.exit_code == (0 if wrong > 0 else 1), result.output
    rows = pipeline.lake.read(JOBS[1], where={"year": 2021})
    assert sorted(rows["calibration_weight"]) == [88.0, 99.0]
    assert "left out; it was delivered anew" in metadata(pipeline, JOBS[0])["reader_notes"]
    assert run(pipeline, *JOBS).exit_code == 0


def test_numeric_codes_when_a_table_is_landed_then_named_error_and_nothing_is_written(pipeline):
    before, made = versions(pipeline, PUBLISHED), books.sheets("14a")
    numeric_codes(made)
    path = books.write(landed(pipeline) / books.NAMES["14a"].removeprefix("PROV - "), made)
    line = told(run(pipeline, *PUBLISHED))
    place = f"file '{path.name}', sheet 'All', cell B6: the code column holds a number in 6 of 6 rows"
    for text in ("raw_ashe__published_cell", "SourceError", place, "Take the publisher's file"):
        assert text in line
    assert versions(pipeline, PUBLISHED) == before
    assert set(pipeline.lake.read(PUBLISHED[1])["release"]) == {"2020-provisional"}


def test_other_records_when_landed_under_a_name_that_is_held_then_they_take_their_place(pipeline):
    jobs(2019, 2020, calwght=[50.0] * 4).to_csv(landed(pipeline) / GOOD, index=False)
    result = run(pipeline, *JOBS)
    assert result.exit_code == 0, result.output
    rows = pipeline.lake.read(JOBS[1])
    assert rows.groupby("year")["calibration_weight"].agg(["size", "max"]).to_numpy().tolist() == [[2, 50.0], [2, 50.0]]


def metadata(pipeline, asset: str) -> dict:
    """What the newest materialisation of an asset tells."""
    home = pipeline.data / "dagster"
    prepare_home(home, pipeline.settings().project_root)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(asset))
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


@pytest.mark.parametrize("year", ["2019", "2020"])
def test_year_when_it_has_no_table_or_too_few_means_then_left_out_and_counted(pipeline, year):
    result = run(pipeline, UNIT_GROUP, "est_pay__yearly_interval", years=(year, year))
    assert result.exit_code == 0, result.output
    assert not pipeline.lake.exists(UNIT_GROUP)
    for asset in (UNIT_GROUP, "est_pay__yearly_interval"):
        counted = metadata(pipeline, asset)
        assert (counted["years_left_out"], counted["dagster/row_count"]) == (1, 0)


def test_secure_mode_when_the_year_has_no_records_then_named_error(empty, monkeypatch):
    monkeypatch.setenv("LMI_PAY_MODE", "secure")
    pipeline = ashe_only(empty.data)
    books.make(landed(pipeline), "14a")
    line = told(run(pipeline, *PUBLISHED, "est_pay__equation"))
    for text in ("est_pay__equation", "MethodError", "pay of 2020", "LMI_PAY_MODE is secure", JOBS[1], "landing/ashe"):
        assert text in line
    assert not pipeline.lake.exists("est_pay__equation")


def test_open_mode_when_real_tables_are_landed_then_an_estimate_with_an_interval_for_every_unit_group(empty, real_data):
    pipeline = ashe_only(empty.data)
    for year in REAL_UNIT_GROUPS:
        (found,) = (real_data / "ashe").glob(f"*Table 14.1a*{year}.xls*")
        shutil.copyfile(found, landed(pipeline) / found.name)
    result = run(pipeline, *PUBLISHED, UNIT_GROUP, years=("2021", "2024"))
    assert result.exit_code == 0, result.output
    assert metadata(pipeline, UNIT_GROUP)["years_left_out"] == 2
    rows = pipeline.lake.read(UNIT_GROUP, where={"sex": "all", "working_pattern": "all", "pay_basis": "weekly"})
    assert rows.groupby("year")["occupation_code"].nunique().to_dict() == REAL_UNIT_GROUPS
    assert (rows["interval_low"] > 0).all()
    assert (rows["interval_low"] < rows["pay_estimate"]).all()
    assert (rows["pay_estimate"] < rows["interval_high"]).all()
    published = pipeline.lake.read(PUBLISHED[1], where={"sex": "all", "working_pattern": "all", "statistic": "mean"})
    suppressed = published[(published["occupation_code"].str.len() == 4) & published["value"].isna()]
    keys = ["year", "occupation_code"]
    assert (suppressed.groupby("year").size() > 0).reindex(list(REAL_UNIT_GROUPS), fill_value=False).all()
    unpublished = rows.loc[~rows["is_published"], keys].sort_values(keys)
    assert unpublished.to_numpy().tolist() == suppressed[keys].sort_values(keys).to_numpy().tolist()
