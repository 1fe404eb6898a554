"""Population: mid-year estimates, projections, natural change and international migration."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import FileIdentity, Reader, ReadResult
from lmi_pipeline.sources.population import estimates, migration, natural_change, projections

SOURCE = "population"
_MODULES: tuple[ModuleType, ...] = (estimates, projections, migration, natural_change)
_BY_LAYOUT: dict[str, ModuleType] = {layout: module for module in _MODULES for layout in module.LAYOUTS}


def identify(path: Path) -> FileIdentity:
    """Identify a file of this source by its name.

    Raises
    ------
    SourceError
        For a name that is not of this source, and for a file that does not say which release it is.
    """
    for module in _MODULES:
        identity: FileIdentity | None = module.identify(path)
        if identity is not None:
            return identity
    raise SourceError(
        "is not a population file; expected a name like NM_2002_1_*.tsv, NM_2006_1_*.tsv, npp_hhh.csv, snpp_e.csv, "
        "populationestimates*.xlsx, ltim_net_2020-05.csv or natural_change_2021-03.csv",
        file=path.name,
    )


def read(path: Path, identity: FileIdentity) -> ReadResult:
    """Read a file of this source as cells."""
    if identity.layout not in _BY_LAYOUT:
        raise SourceError(f"'{identity.layout}' is not a layout of population files", file=path.name)
    result: ReadResult = _BY_LAYOUT[identity.layout].read(path, identity)
    return result


READER = Reader(
    source=SOURCE,
    identify=identify,
    read=read,
    tidy={
        "core_population__yearly_estimate": estimates.tidy,
        "core_population__yearly_projection": projections.tidy,
        "core_population__quarterly_natural_change": natural_change.tidy,
        "core_migration__yearly_net": migration.tidy,
    },
)
