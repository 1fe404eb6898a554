"""The one IO manager: frames to and from catalogued tables of the lake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pandas as pd

from lmi_pipeline.errors import SchemaError
from lmi_pipeline.storage.lake import Lake

TABLE, SLICE = "lmi/table", "lmi/slice"


@dataclass(frozen=True, eq=False)
class Rows:
    """All rows of a table or slice, on their way from an asset to the lake."""

    frame: pd.DataFrame


class LakeIOManager(dg.IOManager):
    """Write an asset's frame to its table, and read a table for the asset that asks for it.

    The table and slice come from the asset's definition metadata. An unknown table, missing or extra
    columns, a wrong type or an empty frame is a SchemaError and nothing is written.
    """

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def handle_output(self, context: dg.OutputContext, obj: Rows) -> None:
        """Replace the asset's table, its slice, or the partition of the run."""
        table, slice_ = _place(context.definition_metadata, context.asset_key)
        if context.has_asset_partitions:
            slice_ = {**slice_, "quarter": context.partition_key}
        version = self.lake.write(table, obj.frame, slice_ or None)
        context.add_output_metadata({"lake_version": version})

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """Read the whole upstream table, its slice, or the partitions of the run."""
        upstream = context.upstream_output
        metadata = upstream.definition_metadata if upstream else {}
        table, slice_ = _place(metadata or {}, context.asset_key)
        where: dict[str, Any] = dict(slice_)
        if context.has_asset_partitions:
            where["quarter"] = list(context.asset_partition_keys)
        return self.lake.read(table, where=where or None)


def _place(metadata: Mapping[str, Any], key: dg.AssetKey) -> tuple[str, dict[str, str]]:
    if TABLE not in metadata:
        raise SchemaError(f"asset '{key.to_user_string()}' names no catalogued table in its metadata ('{TABLE}')")
    return str(metadata[TABLE]), dict(metadata.get(SLICE, {}))
