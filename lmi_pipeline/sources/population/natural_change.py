"""Natural change of the UK-born population, in a landing layout of our own.

Births to UK-born less deaths of the UK-born over the four quarters to the one named, in persons, as
``natural_change_<release>.csv`` with the columns ``quarter,area_code,natural_change``; ``<release>`` is the
month of publication (``natural_change_2021-03.csv``).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import FileIdentity, ReadResult
from lmi_pipeline.sources.population.observations import (
    dimension,
    observation_cells,
    read_text,
    release_in_name,
    require_columns,
    without_repeats,
)

LAYOUT = "natural_change"
LAYOUTS = (LAYOUT,)

_COLUMNS = ("quarter", "area_code", "natural_change")
_KEY = ["release", "quarter", "area_code"]


def identify(path: Path) -> FileIdentity | None:
    """Identify a file of natural change by its name; None if it is none."""
    if path.suffix.lower() != ".csv" or not path.stem.lower().startswith(LAYOUT):
        return None
    release = release_in_name(path)
    if release is None:
        raise SourceError(f"expected a name like '{LAYOUT}_2021-03.csv', with the month of publication", file=path.name)
    return FileIdentity("population", LAYOUT, release)


def read(path: Path, identity: FileIdentity) -> ReadResult:
    """Read natural change as cells; SourceError for anything not understood."""
    table = read_text(path, ",")
    require_columns(table, _COLUMNS, _COLUMNS)
    table.require("quarter", r"\d{4}-(?:0[1-9]|1[0-2])", "the first month of a quarter, YYYY-MM")
    table.require("area_code", r"[A-Za-z0-9_]+", "an area code")
    return ReadResult(observation_cells(table, ("quarter", "area_code"), "natural_change", unit="persons"))


def tidy(raw: pd.DataFrame) -> pd.DataFrame:
    """Turn cells into rows of ``core_population__quarterly_natural_change``."""
    rows = raw.loc[raw["layout"] == LAYOUT]
    label = rows["row_label"]
    core = pd.DataFrame(
        {
            "release": rows["release"],
            "quarter": dimension(label, "quarter"),
            "area_code": dimension(label, "area_code"),
            "natural_change_count": rows["cell_value"],
            "sha256": rows["sha256"],
            "synthetic": rows["synthetic"],
        }
    )
    return without_repeats(core, _KEY, "natural_change_count", rows["file_name"])
