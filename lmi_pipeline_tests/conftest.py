"""Fixtures every test may use."""

from pathlib import Path

import pytest
from hypothesis import settings

from lmi_pipeline_tests.pipeline import Pipeline

settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")

REAL_DATA = Path(__file__).parents[1].parent / "shared" / "real-data"
FIRST, LAST = "2018-04", "2020-10"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of publishers' files beside the checkout; the tests of the readers need it."""
    if not REAL_DATA.is_dir():
        pytest.fail(f"the publishers' files are not in {REAL_DATA}; the readers cannot be tested without them")
    return REAL_DATA


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The whole graph, synthetic, a few quarters around the base quarter, built and published once.

    Tests of it are in the xdist group "built".
    """
    pipeline = Pipeline(tmp_path_factory.mktemp("built"))
    result = pipeline.run("run", "--all", "--from", FIRST, "--to", LAST, "--json")
    assert result.exit_code == 0, result.output
    return pipeline
