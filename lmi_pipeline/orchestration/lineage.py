"""Which tables each table is made from, as the asset graph says it; releases carry it so that numbers can be traced."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from lmi_pipeline import catalog
from lmi_pipeline.orchestration.io import TABLE


def table_lineage(assets: Iterable[dg.AssetsDefinition] | dg.Definitions) -> dict[str, list[str]]:
    """Tables that each table is made from, directly; a table written with another has the same."""
    found_in = assets.assets or () if isinstance(assets, dg.Definitions) else assets
    specs = [
        spec for definition in found_in if isinstance(definition, dg.AssetsDefinition) for spec in definition.specs
    ]
    table_of = {spec.key: str(spec.metadata[TABLE]) for spec in specs if TABLE in spec.metadata}
    found: dict[str, set[str]] = {}
    for spec in specs:
        if spec.key in table_of:
            upstream = {table_of[dep.asset_key] for dep in spec.deps if dep.asset_key in table_of}
            found.setdefault(table_of[spec.key], set()).update(upstream - {table_of[spec.key]})
    for table in catalog.tables().values():
        if table.written_with in found:
            found[table.name] = set(found[table.written_with])
    return {name: sorted(upstream) for name, upstream in sorted(found.items())}
