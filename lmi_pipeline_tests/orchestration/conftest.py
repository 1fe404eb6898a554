"""One built pipeline for the tests of this folder: synthetic, a few quarters around the base quarter."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lmi_pipeline.cli import main
from lmi_pipeline.settings import load
from lmi_pipeline.storage.lake import Lake

FIRST, LAST = "2018-04", "2020-10"


@dataclass(frozen=True)
class Pipeline:
    """A data folder, and the command line that works in it."""

    data: Path
    sources: str = "synthetic"

    @property
    def environment(self) -> dict[str, str]:
        return {"LMI_DATA": str(self.data), "DAGSTER_HOME": str(self.data / "dagster"), "LMI_SOURCES": self.sources}

    @property
    def lake(self) -> Lake:
        return Lake(self.data / "lake")

    def settings(self):
        return load(self.environment)

    def run(self, *arguments: str) -> Result:
        """Call `lmi` with this folder's settings."""
        before = dict(os.environ)
        try:
            return CliRunner().invoke(main, list(arguments), env=self.environment)
        finally:
            os.environ.clear()
            os.environ.update(before)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The whole graph, built and published once."""
    pipeline = Pipeline(tmp_path_factory.mktemp("built"))
    result = pipeline.run("run", "--all", "--from", FIRST, "--to", LAST, "--json")
    assert result.exit_code == 0, result.output
    return pipeline


@pytest.fixture
def empty(tmp_path):
    """A pipeline with nothing in it, RTI in landing mode."""
    return Pipeline(tmp_path / "data", "synthetic,rti:landing")
