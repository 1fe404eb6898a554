"""How every asset ends: rows checked, written slice by slice, counted and described."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import Table
from lmi_pipeline.errors import LmiError, MethodError
from lmi_pipeline.orchestration.checks import Findings
from lmi_pipeline.orchestration.io import Rows
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.storage.frames import combine_synthetic, conform
from lmi_pipeline.storage.lake import slice_text

NO_ROWS = "no rows"


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
        metadata={"dagster/row_count": len(frame), "synthetic": _flag(frame), **metadata},
        check_results=findings.results(context.asset_key),
    )


def _flag(frame: pd.DataFrame) -> str:
    return combine_synthetic(frame["synthetic"]) if len(frame) else NO_ROWS


def slices_result(
    context: dg.AssetExecutionContext,
    table_name: str,
    parts: Iterable[Part],
    *,
    fixed: Mapping[str, str] | None = None,
    keep_going: bool = False,
    **metadata: Any,
) -> dg.MaterializeResult:
    """Write slices one by one, skipping those whose inputs have not changed.

    Each slice is one commit: when a later one fails, the earlier ones stay and a re-run goes on from there.

    Parameters
    ----------
    fixed : mapping, optional
        Values of the table's further slice columns, the same for every part.
    keep_going : bool
        Go on with the other slices where one fails; the partitions that were written are reported as materialised
        before the failure is raised.

    Raises
    ------
    MethodError
        With `keep_going`, naming every slice that failed and why.
    """
    workspace: Workspace = context.resources.workspace
    table = catalog.table(table_name)
    writer = _SliceWriter(context, workspace, table, table.slice_by[0], dict(fixed or {}))
    failures: dict[str, str] = {}
    for part in parts:
        try:
            writer.write(part)
        except LmiError as error:
            if not keep_going:
                raise
            failures[part.value] = str(error)
            context.log.warning("%s %s = %s: %s", table_name, writer.column, part.value, error)
    if failures:
        _report_partial(context, writer, failures)
    return dg.MaterializeResult(
        metadata={**writer.metadata(), **metadata}, check_results=writer.findings.results(context.asset_key)
    )


def _report_partial(context: dg.AssetExecutionContext, writer: _SliceWriter, failures: dict[str, str]) -> None:
    for value, count in writer.rows.items():
        context.log_event(
            dg.AssetMaterialization(context.asset_key, partition=value, metadata={"dagster/row_count": count})
        )
    told = "; ".join(f"{value}: {text}" for value, text in failures.items())
    raise MethodError(
        f"{len(failures)} of {len(failures) + len(writer.rows)} partitions failed, the others are written. {told}"
    )


class _SliceWriter:
    """Slices of one asset in one run: what was written, what was left as it was, what the checks found."""

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        workspace: Workspace,
        table: Table,
        column: str,
        fixed: dict[str, str],
    ) -> None:
        self.context, self.lake, self.table, self.column, self.fixed = context, workspace.lake, table, column, fixed
        self.held = self.lake.fingerprints(table.name)
        self.findings, self.written, self.unchanged = Findings(table), 0, 0
        self.rows: dict[str, int] = {}
        self.flags: set[str] = set()

    def write(self, part: Part) -> None:
        """Write one slice, or read it where its inputs have not changed; check it either way."""
        slice_ = {self.column: part.value, **self.fixed}
        fresh = self.held.get(slice_text(slice_)) != part.fingerprint
        if fresh:
            frame = conform(part.make(part.value)[list(self.table.columns)], self.table)
            self.lake.write(self.table.name, frame, slice_, fingerprint=part.fingerprint)
        else:
            frame = self.lake.read(self.table.name, where=slice_)
        self.findings.examine(frame, part.value)
        self.written, self.unchanged = self.written + fresh, self.unchanged + (not fresh)
        self.rows[part.value] = len(frame)
        self.flags.add(combine_synthetic(frame["synthetic"]))
        state = "written" if fresh else "unchanged"
        self.context.log.info("%s %s: %d rows, %s", self.table.name, slice_text(slice_), len(frame), state)

    def metadata(self) -> dict[str, Any]:
        """Counts of the run."""
        return {
            "dagster/row_count": sum(self.rows.values()),
            "slices_written": self.written,
            "slices_unchanged": self.unchanged,
            "synthetic": combine_synthetic(*self.flags) if self.flags else NO_ROWS,
            "rows_by_slice": dg.MetadataValue.json(self.rows),
        }
