"""A lake with one servable table, and what a release needs beside it."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.quality.rules import run_rules
from lmi_pipeline.quality.schema_checks import check_schema
from lmi_pipeline.release import publish as releases
from lmi_pipeline.storage.lake import Lake

MART = "out_population__quarterly_birth_group"
MADE_AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def mart_rows(**changes):
    """Three rows of the servable table, the last withheld, out of key order."""
    frame = pd.DataFrame(
        {
            "weight_vintage": "pwt22", "quarter": ["2020-07", "2020-01", "2020-04"], "area_code": "N92000002",
            "area_name": "Northern Ireland, \"NI\"", "birth_group": "eu", "population_count": [None, 9.0e3, 5.2e4],
            "yearly_change_count": [None, None, 0.0], "rti_release": "2022-05",
            "status": ["withheld", "small_sample", "ok"], "is_modelled": True, "synthetic": "true",
        }
    )  # fmt: skip
    return frame.assign(**changes)


@pytest.fixture
def lake(tmp_path):
    """Lake with the servable table."""
    made = Lake(tmp_path / "lake")
    made.write(MART, mart_rows())
    return made


@pytest.fixture
def root(tmp_path):
    """Folder of the releases."""
    return tmp_path / "releases"


@pytest.fixture
def inputs():
    """Ledger rows: a real file and a synthetic one."""
    return pd.DataFrame(
        {
            "source": ["rti", "lfs"], "layout": ["nationality", "person"], "release": ["2022-05", "2020-01"],
            "period": [None, "2020-01"], "file_name": ["a.xlsx", "b.tab"], "sha256": ["a" * 64, "b" * 64],
            "licence": ["OGL", "EUL"], "retrieved_at": MADE_AT, "synthetic": ["false", "true"],
        }
    )  # fmt: skip


@pytest.fixture
def publish(lake, root, inputs):
    """Publish the lake as it stands; keywords replace what would be passed."""

    def published(version="2026.11.1", **changes):
        outcomes = []
        for name in lake.tables():
            frame, entry = lake.read(name), catalog.table(name)
            outcomes += [*check_schema(frame, entry), *run_rules(frame, entry)]
        facts = {
            "database_url": None, "checks": [o.to_metadata() for o in outcomes], "git_revision": "abc",
            "inputs": inputs, "made_at": MADE_AT,
        }  # fmt: skip
        return releases.publish(lake, root, version=version, **{**facts, **changes})

    return published
