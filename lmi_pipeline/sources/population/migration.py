"""Net long-term international migration (LTIM) by citizenship, in a landing layout of our own.

ONS publishes LTIM in workbooks whose layout changes with the method. The figures are entered by hand or by
script as ``ltim_net_<release>.csv`` with the columns ``year_ending,nationality_group,net_migration,method``,
in persons; ``<release>`` is the month of publication (``ltim_net_2020-05.csv``).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import FileIdentity, ReadResult
from lmi_pipeline.sources.population.observations import (
    dimension,
    numbers,
    observation_cells,
    read_text,
    release_in_name,
    require_columns,
    without_repeats,
)

LAYOUT = "ltim_net"
LAYOUTS = (LAYOUT,)

_GROUPS = {"total": "total", "eu": "eu", "non_eu": "non_eu", "british": "uk"}
_COLUMNS = ("year_ending", "nationality_group", "net_migration", "method")
_KEY = ["release", "year_ending", "nationality_group"]
_LEAST_PERSONS = 2_000


def identify(path: Path) -> FileIdentity | None:
    """Identify a file of net migration by its name; None if it is none."""
    if path.suffix.lower() != ".csv" or not path.stem.lower().startswith(LAYOUT):
        return None
    release = release_in_name(path)
    if release is None:
        raise SourceError(f"expected a name like '{LAYOUT}_2020-05.csv', with the month of publication", file=path.name)
    return FileIdentity("population", LAYOUT, release)


def read(path: Path, identity: FileIdentity) -> ReadResult:
    """Read net migration as cells; SourceError for anything not understood, and for thousands."""
    table = read_text(path, ",")
    require_columns(table, _COLUMNS, _COLUMNS)
    table.require("year_ending", r"\d{4}-(?:0[1-9]|1[0-2])", "a month YYYY-MM")
    table.require_codes("nationality_group", tuple(_GROUPS))
    table.require("method", r"[^|=]*", "a method without '|' and '='")
    values = numbers(table, "net_migration")
    if values.abs().max() < _LEAST_PERSONS:
        raise table.error("expected persons; every figure is so small that it looks like thousands", 0, "net_migration")
    frame = observation_cells(table, ("year_ending", "nationality_group", "method"), "net_migration", unit="persons")
    return ReadResult(frame)


def tidy(raw: pd.DataFrame) -> pd.DataFrame:
    """Turn cells into rows of ``core_migration__yearly_net``; British citizens become the group ``uk``."""
    rows = raw.loc[raw["layout"] == LAYOUT]
    label = rows["row_label"]
    method = dimension(label, "method").str.strip()
    core = pd.DataFrame(
        {
            "release": rows["release"],
            "year_ending": dimension(label, "year_ending"),
            "nationality_group": dimension(label, "nationality_group").map(_GROUPS),
            "net_migration_count": rows["cell_value"],
            "migration_method": method.mask(method == ""),
            "sha256": rows["sha256"],
            "synthetic": rows["synthetic"],
        }
    )
    return without_repeats(core, _KEY, "net_migration_count", rows["file_name"])
