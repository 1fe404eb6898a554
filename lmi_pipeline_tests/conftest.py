"""Fixtures every test may use."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what builds the whole graph first and what needs a copy of it last, so that no worker waits for another."""
    order = {"built": 0, "built_copy": 2}
    items.sort(key=lambda item: order.get(next((mark.args[0] for mark in item.iter_markers("xdist_group")), ""), 1))


def _build_once(folder: Path) -> None:
    """Build the whole graph, and a copy beside it, if no worker has."""
    with FileLock(folder / "built.lock"):
        if (folder / "copy").exists():
            return
        if (folder / "built").exists():
            pytest.fail("the whole graph could not be built; see the test that tried first")
        result = Pipeline(folder / "built").run("run", "--all", "--from", FIRST, "--to", LAST, "--json")
        assert result.exit_code == 0, result.output
        shutil.copytree(folder / "built", folder / "copying", symlinks=True)
        (folder / "copying").rename(folder / "copy")


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the whole graph, synthetic, a few quarters around the base quarter, built and published once."""
    own = tmp_path_factory.getbasetemp()
    folder = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    _build_once(folder)
    return folder


@pytest.fixture(scope="session")
def built(built_once: Path) -> Pipeline:
    """The whole graph, for tests in the xdist group "built"."""
    return Pipeline(built_once / "built")


@pytest.fixture(scope="session")
def built_copy(built_once: Path) -> Pipeline:
    """The whole graph as it was when it was new, for tests in the xdist group "built_copy"."""
    return Pipeline(built_once / "copy")
