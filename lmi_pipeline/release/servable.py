"""The last look at a table before it leaves, and its files: Parquet, CSV and CSV on the Web metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa

from lmi_pipeline import catalog
from lmi_pipeline.errors import DisclosureError, ReleaseError
from lmi_pipeline.quality.schema_checks import check_schema
from lmi_pipeline.release.documents import csvw
from lmi_pipeline.storage.frames import to_arrow

WITHHELD = "withheld"


def servable(name: str, frame: pd.DataFrame) -> pa.Table:
    """Rows of a table in key order, if they may be released.

    Raises
    ------
    DisclosureError
        Not a table after the disclosure gate, microdata, an identifying column, or a number in a withheld row.
    ReleaseError
        The rows do not agree with the catalogue.
    """
    entry = catalog.table(name)
    if entry.layer != "out":
        raise DisclosureError(f"table '{name}' is before the disclosure gate; only out_ tables can be released")
    identifying = [column for column in entry.columns if catalog.column(column).identifying]
    if entry.microdata or identifying:
        raise DisclosureError(
            f"table '{name}' holds individual records ({', '.join(identifying) or 'microdata'}) and cannot be released"
        )
    failed = [f"{o.name} ({o.failing_count})" for o in check_schema(frame, entry) if not o.passed]
    if failed:
        raise ReleaseError(f"table '{name}' does not agree with the catalogue: {', '.join(failed)}; run `lmi check`")
    _refuse_withheld_numbers(name, frame)
    return to_arrow(frame.sort_values(list(entry.key), ignore_index=True), entry)


def _refuse_withheld_numbers(name: str, frame: pd.DataFrame) -> None:
    entry = catalog.table(name)
    if "status" not in entry.columns:
        return
    numbers = [c for c in entry.columns if c not in entry.key and catalog.column(c).type in ("float", "integer")]
    leaking = int(frame.loc[frame["status"] == WITHHELD, numbers].notna().any(axis=1).sum())
    if leaking:
        raise DisclosureError(f"table '{name}': {leaking} withheld rows hold a number; nothing is published")


def write_files(tables: Mapping[str, pa.Table], folder: Path) -> None:
    """Write each table as Parquet, as CSV, and the CSV's metadata."""
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
        pc.write_csv(table, folder / f"{name}.csv")
        metadata = json.dumps(csvw(catalog.table(name)), indent=2)
        (folder / f"{name}.csv-metadata.json").write_text(metadata, encoding="utf-8")


def read_files(folder: Path) -> dict[str, pa.Table]:
    """Tables of a release by name."""
    import pyarrow.parquet as pq

    return {path.stem: pq.read_table(path) for path in sorted(folder.glob("*.parquet"))}
