"""A data folder, and the command line that works in it."""

import os
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner, Result

from lmi_pipeline.cli import main
from lmi_pipeline.settings import load
from lmi_pipeline.storage.lake import Lake


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
