"""Assets of the sources: received files, their cells as published, their rows in our codes.

Made from the catalogue: a new source brings a YAML, a reader and a generator, and its assets follow.
"""

import hashlib
from collections.abc import Collection, Iterable

import dagster as dg
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.assets.writing import Part, frame_result, slices_result
from lmi_pipeline.catalog.models import Layout, Source
from lmi_pipeline.errors import SourceError
from lmi_pipeline.orchestration.checks import check_specs
from lmi_pipeline.orchestration.intake import active_ledger, fill_vault, vault_files
from lmi_pipeline.orchestration.partitions import partitions_of
from lmi_pipeline.orchestration.specs import asset_arguments
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.sources import READERS
from lmi_pipeline.sources.base import PERIODS_APART, VaultFile, stamp
from lmi_pipeline.storage.lake import slice_text

READER_VERSION = "1"


def vault_name(source: str) -> str:
    """Name of the asset that stands for a source's received files."""
    return f"vault_{source}__file"


def _vault_asset(source: Source) -> dg.AssetsDefinition:
    @dg.asset(
        name=vault_name(source.name),
        group_name=source.name,
        description=(
            f"Files of {source.title} as received, content-addressed, with a ledger row each.\n\n"
            f"**Publisher:** {source.publisher}. **Licence:** {source.licence}. **Cite as:** {source.citation}"
        ),
        owners=["team:labour-market"],
        kinds={"file"},
        tags={"layer": "vault"},
        code_version="1",
        required_resource_keys={"workspace"},
    )
    def received(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        workspace: Workspace = context.resources.workspace
        report = fill_vault(workspace, source.name)
        ledger = active_ledger(workspace, source.name)
        shown = ledger[["layout", "release", "period", "file_name", "size_bytes", "sha256"]].fillna("")
        return dg.MaterializeResult(
            metadata={
                "mode": report.mode,
                "files_new": len(report.new),
                "files_known": len(report.known),
                "files": dg.MetadataValue.md(_markdown(shown.assign(sha256=shown["sha256"].str[:12]))),
            }
        )

    return received


def _markdown(frame: pd.DataFrame) -> str:
    head = "| " + " | ".join(frame.columns) + " |\n|" + "---|" * frame.shape[1] + "\n"
    return head + "\n".join("| " + " | ".join(map(str, row)) + " |" for row in frame.itertuples(index=False))


def _read(file: VaultFile) -> tuple[pd.DataFrame, tuple[str, ...]]:
    result = READERS[file.identity.source].read(file.path, file.identity)
    return stamp(result.frame, file), result.notes


def _with_notes(result: dg.MaterializeResult, notes: Iterable[str]) -> dg.MaterializeResult:
    text = "\n".join(f"- {note}" for note in notes)
    return (
        result._replace(metadata={**(result.metadata or {}), "reader_notes": dg.MetadataValue.md(text)})
        if text
        else result
    )


def _cells_asset(source: Source, table_name: str) -> dg.AssetsDefinition:
    layouts = {layout.name for layout in source.layouts if layout.raw_table == table_name}

    @dg.asset(
        **asset_arguments(table_name),
        deps=[vault_name(source.name)],
        check_specs=check_specs(table_name, table_name),
    )
    def cells(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        workspace: Workspace = context.resources.workspace
        ledger = active_ledger(workspace, source.name)
        notes: list[str] = []

        files = {file.sha256: file for file in vault_files(workspace, ledger[ledger["layout"].isin(layouts)])}

        def make(sha256: str) -> pd.DataFrame:
            frame, said = _read(files[sha256])
            notes.extend(f"{files[sha256].file_name}: {note}" for note in said)
            return frame

        parts = [Part(sha256, f"{sha256}:{READER_VERSION}", make) for sha256 in files]
        result = slices_result(context, table_name, parts)
        return _with_notes(result, notes)

    return cells


def _panel_asset(source: Source, table_name: str, layouts: list[Layout]) -> dg.AssetsDefinition:
    raw_table = layouts[0].raw_table

    @dg.asset(
        **asset_arguments(table_name),
        deps=[raw_table],
        check_specs=check_specs(table_name, table_name),
    )
    def panel(context: dg.AssetExecutionContext):
        workspace: Workspace = context.resources.workspace
        ledger = active_ledger(workspace, source.name)
        active = ledger.loc[ledger["layout"].isin([layout.name for layout in layouts]), "sha256"].tolist()
        if not active:
            raise SourceError(
                f"table '{table_name}': no file of layout {', '.join(x.name for x in layouts)} in the vault;"
                f" put one in {workspace.settings.landing / source.name}"
            )
        raw = workspace.lake.read(raw_table, where={"sha256": active})
        frame = READERS[source.name].tidy[table_name](raw)
        releases = sorted(frame["release"].unique())
        return frame_result(context, table_name, frame, releases=", ".join(releases))

    return panel


def _period_files(workspace: Workspace, source: str, layouts: set[str]) -> dict[str, list[VaultFile]]:
    ledger = active_ledger(workspace, source)
    found: dict[str, list[VaultFile]] = {}
    for file in vault_files(workspace, ledger[ledger["layout"].isin(layouts)]):
        for period in (file.identity.period or "").split(PERIODS_APART):
            if period:
                found.setdefault(period, []).append(file)
    return found


def _absent_periods(
    context: dg.AssetExecutionContext, table_name: str, source: Source, files: Collection[str], *, sparse: bool
) -> list[str]:
    """Periods of the run without a file: an error, unless the layout exists for some periods only."""
    workspace: Workspace = context.resources.workspace
    absent = [key for key in context.partition_keys if key not in files]
    if absent and not sparse:
        raise SourceError(
            f"table '{table_name}': no file in the vault for {len(absent)} {_period_column(table_name)}s"
            f" ({absent[0]} to {absent[-1]});"
            f" put them in {workspace.settings.landing / source.name},"
            f" or choose others (there: {min(files, default='none')} to {max(files, default='none')})"
        )
    _leave_out(context, table_name, source, absent)
    return absent


def _leave_out(context: dg.AssetExecutionContext, table_name: str, source: Source, absent: list[str]) -> None:
    """Log the periods that have no rows; SourceError if the table still holds some from an earlier run."""
    workspace: Workspace = context.resources.workspace
    held = workspace.lake.fingerprints(table_name)
    column = _period_column(table_name)
    stale = [key for key in absent if slice_text({column: key}) in held]
    if stale:
        raise SourceError(
            f"table '{table_name}': {len(stale)} {column}s ({stale[0]} to {stale[-1]}) hold rows of files that are no"
            f" longer in force; put files of them in {workspace.settings.landing / source.name},"
            f" or remove the folder {workspace.lake.path(table_name)} and run again"
        )
    for key in absent:
        context.log.info("%s %s = %s: no file, no rows", table_name, column, key)


def _period_column(table_name: str) -> str:
    return catalog.table(table_name).slice_by[0]


def _is_sparse(source: Source, raw_table: str) -> bool:
    return all(layout.sparse for layout in source.layouts if layout.raw_table == raw_table)


def _microdata_asset(source: Source, table_name: str) -> dg.AssetsDefinition:
    layouts = {layout.name for layout in source.layouts if layout.raw_table == table_name}

    @dg.asset(
        **asset_arguments(table_name),
        deps=[vault_name(source.name)],
        partitions_def=partitions_of(catalog.table(table_name)),
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=check_specs(table_name, table_name),
    )
    def persons(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        workspace: Workspace = context.resources.workspace
        files = _period_files(workspace, source.name, layouts)
        sparse = _is_sparse(source, table_name)
        absent = _absent_periods(context, table_name, source, files, sparse=sparse)
        columns, period_column = list(catalog.table(table_name).columns), _period_column(table_name)
        notes: dict[str, None] = {}

        def make(period: str) -> pd.DataFrame:
            frames = []
            for place, file in enumerate(files[period]):
                try:
                    frame, said = _read(file)
                except SourceError:
                    if not _is_reissued(file, files[period][place + 1 :]):
                        raise
                    notes[f"{file.file_name}: cannot be read and is left out; it was delivered anew"] = None
                    continue
                frames.append(_rows_of_period(frame, period_column, period)[columns])
                notes.update(dict.fromkeys(f"{file.file_name}: {note}" for note in said))
            return pd.concat(frames, ignore_index=True)

        parts = (
            Part(period, _fingerprint(file.sha256 for file in files[period]), make)
            for period in context.partition_keys
            if period in files
        )
        result = slices_result(context, table_name, parts, periods_without_file=len(absent))
        return _with_notes(result, notes)

    return persons


def _is_reissued(file: VaultFile, later: Iterable[VaultFile]) -> bool:
    """Whether one of the later files is the same release with other bytes (``release+hash``)."""
    name = file.identity.release.partition("+")[0]
    return any(found.identity.release.startswith(f"{name}+") for found in later)


def _rows_of_period(frame: pd.DataFrame, column: str, period: str) -> pd.DataFrame:
    """Rows of one period: those that say so, or all of a file of one period."""
    if column in frame:
        return frame[frame[column].astype("str") == period]
    return frame.assign(**{column: period})


def _fingerprint(parts: Iterable[str]) -> str:
    return hashlib.sha256("|".join([READER_VERSION, *sorted(parts)]).encode()).hexdigest()[:16]


def _tidy_period_asset(source: Source, table_name: str, raw_table: str) -> dg.AssetsDefinition:
    @dg.asset(
        **asset_arguments(table_name),
        deps=[raw_table],
        partitions_def=partitions_of(catalog.table(table_name)),
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=check_specs(table_name, table_name),
    )
    def tidy(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        workspace: Workspace = context.resources.workspace
        made_from = workspace.lake.fingerprints(raw_table)
        column = _period_column(table_name)
        sparse = _is_sparse(source, raw_table)
        absent = [key for key in context.partition_keys if sparse and slice_text({column: key}) not in made_from]
        _leave_out(context, table_name, source, absent)

        def make(period: str) -> pd.DataFrame:
            return READERS[source.name].tidy[table_name](workspace.lake.read(raw_table, where={column: period}))

        parts = (
            Part(period, f"{made_from.get(slice_text({column: period}), '')}:{READER_VERSION}", make)
            for period in context.partition_keys
            if period not in absent
        )
        return slices_result(context, table_name, parts, periods_without_file=len(absent))

    return tidy


def source_assets() -> list[dg.AssetsDefinition]:
    """Every asset of every catalogued source."""
    assets: list[dg.AssetsDefinition] = []
    for source in catalog.sources().values():
        assets.append(_vault_asset(source))
        for raw_table in dict.fromkeys(layout.raw_table for layout in source.layouts):
            partitioned = catalog.table(raw_table).partitioned
            assets.append((_microdata_asset if partitioned else _cells_asset)(source, raw_table))
        by_core: dict[str, list[Layout]] = {}
        for layout in source.layouts:
            for core_table in layout.core_tables:
                by_core.setdefault(core_table, []).append(layout)
        for core_table, layouts in by_core.items():
            if catalog.table(core_table).partitioned:
                assets.append(_tidy_period_asset(source, core_table, layouts[0].raw_table))
            else:
                assets.append(_panel_asset(source, core_table, layouts))
    return assets
