"""Layouts that exist for some quarters only: the others have no rows, and none are left from an earlier delivery."""

import json
import shutil

import pytest

from lmi_pipeline import synthetic
from lmi_pipeline.synthetic import lfs_sample
from lmi_pipeline.synthetic.writers import write_delimited

SAMPLE = ("raw_lfs__quarterly_issued_household", "core_lfs__quarterly_issued_household")
WEIGHT = ("raw_lfs__quarterly_dataset_weight", "core_lfs__quarterly_dataset_weight")
BOOST = ("raw_lfs__quarterly_boost_person", "core_lfs__quarterly_boost_person")
HOUSEHOLD_FILE = "CASENOP\tHSERIALP\tTHISWV\tPHHWT18\n20110101\t201101\t1\t700.5\n"


QUARTERS = ("2019-10", "2020-01")


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder, true = tmp_path_factory.mktemp("sample"), synthetic.truth("small", 2010)
    return [
        write_delimited(folder / lfs_sample.file_name(quarter), lfs_sample.sample_columns(true, quarter), ",")
        for quarter in QUARTERS
    ]


def drop(pipeline, folder, *paths):
    """Put files into a folder of the pipeline, the person files of both quarters and a household file of the first."""
    target = pipeline.data / folder
    target.mkdir(parents=True, exist_ok=True)
    for quarter in QUARTERS:
        list(synthetic.generate_lfs_quarter(synthetic.truth("small", 2010), quarter, target))
    (target / "lfsh_od19_eul_phhwt18.tab").write_text(HOUSEHOLD_FILE, encoding="utf-8")
    for path in paths:
        shutil.copy(path, target)


def run(pipeline, *tables):
    selection = " or ".join(("vault_lfs__file", *tables))
    return pipeline.run("run", "--select", selection, "--from", "2019-10", "--to", "2020-01", "--json")


@pytest.fixture
def landing(empty):
    return type(empty)(empty.data, "synthetic,lfs:landing")


def test_quarters_without_a_file_have_no_rows(landing, samples):
    drop(landing, "landing/lfs", samples[1])
    result = run(landing, *SAMPLE, *WEIGHT, *BOOST)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["checks_failed"] == []
    held = [landing.lake.slices(table) for table in (*SAMPLE, *WEIGHT, *BOOST)]
    assert held == [["2020-01"], ["2020-01"], ["2019-10"], ["2019-10"], [], []]
    written = landing.lake.version(SAMPLE[1])
    assert run(landing, *SAMPLE).exit_code == 0
    assert landing.lake.version(SAMPLE[1]) == written


def test_rows_of_a_file_no_longer_in_force_stop_the_run(landing, samples):
    drop(landing, "landing/lfs", *samples)
    assert run(landing, *SAMPLE).exit_code == 0
    made = type(landing)(landing.data, "synthetic")
    drop(made, "synthetic/small-2010/lfs", samples[1])
    (made.data / "synthetic" / "small-2010" / ".lfs.complete").touch()
    result = run(made, *SAMPLE)
    assert result.exit_code != 0
    assert "1 quarters (2019-10 to 2019-10) hold rows of files that are no longer in force" in result.output
