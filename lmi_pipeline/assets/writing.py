"""How every asset ends: rows checked, written slice by slice, counted and described."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.orchestration.checks import Findings
from lmi_pipeline.orchestration.io import Rows
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.storage.frames import combine_synthetic, conform
from lmi_pipeline.storage.lake import slice_key


@dataclass(frozen=True)
class Part:
    """One slice to write: its value, a hash of what it is made from, and how to make it from its value."""

    value: str
    fingerprint: str
    make: Callable[[str], pd.DataFrame]


def frame_result(
    context: dg.AssetExecutionContext, table_name: str, frame: pd.DataFrame, **metadata: Any
) -> dg.MaterializeResult[Rows]:
    """Check a whole frame and hand it to the IO manager with its counts."""
    table = catalog.table(table_name)
    frame = conform(frame, table)
    findings = Findings(table)
    findings.examine(frame)
    return dg.MaterializeResult(
        value=Rows(frame),
        metadata={"dagster/row_count": len(frame), "synthetic": combine_synthetic(frame["synthetic"]), **metadata},
        check_results=findings.results(context.asset_key),
    )


def slices_result(
    context: dg.AssetExecutionContext, table_name: str, parts: Iterable[Part], **metadata: Any
) -> dg.MaterializeResult:
    """Write slices one by one, skipping those whose inputs have not changed.

    Each slice is one commit: when a later one fails, the earlier ones stay and a re-run goes on from there.
    """
    workspace: Workspace = context.resources.workspace
    table = catalog.table(table_name)
    column = table.slice_by[0]
    held = workspace.lake.fingerprints(table_name)
    findings, written, unchanged = Findings(table), 0, 0
    rows: dict[str, int] = {}
    flags: set[str] = set()
    for part in parts:
        fresh = held.get(slice_key(column, part.value)) != part.fingerprint
        frame = (
            conform(part.make(part.value)[list(table.columns)], table)
            if fresh
            else workspace.lake.read(table_name, where={column: part.value})
        )
        if fresh:
            workspace.lake.write(table_name, frame, {column: part.value}, fingerprint=part.fingerprint)
        findings.examine(frame, part.value)
        written, unchanged = written + fresh, unchanged + (not fresh)
        rows[part.value] = len(frame)
        flags.add(combine_synthetic(frame["synthetic"]))
        state = "written" if fresh else "unchanged"
        context.log.info("%s %s = %s: %d rows, %s", table_name, column, part.value, len(frame), state)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(rows.values()),
            "slices_written": written,
            "slices_unchanged": unchanged,
            "synthetic": combine_synthetic(*flags),
            "rows_by_slice": dg.MetadataValue.json(rows),
            **metadata,
        },
        check_results=findings.results(context.asset_key),
    )
