"""Labour Force Survey: person files of the UK Data Service and aggregate workbooks of ONS."""

from __future__ import annotations

from pathlib import Path

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import FileIdentity, Reader, ReadResult
from lmi_pipeline.sources.lfs.aggregates import identify_aggregate, read_aggregate, tidy_published_series
from lmi_pipeline.sources.lfs.person import LAYOUT as PERSON
from lmi_pipeline.sources.lfs.person import identify_person, read_person
from lmi_pipeline.sources.lfs.person_tidy import tidy_person, tidy_weight


def identify(path: Path) -> FileIdentity:
    """Find out which LFS layout a file has."""
    found = identify_person(path) or identify_aggregate(path)
    if found is None:
        raise SourceError(
            "not an LFS file this project knows: expected lfsp_*.tab/.sav/.dta, EMP06, INAC01, A01 or A05",
            file=path.name,
        )
    return found


def read(path: Path, identity: FileIdentity) -> ReadResult:
    """Read a file with the reader of its layout."""
    return (read_person if identity.layout == PERSON else read_aggregate)(path, identity)


READER = Reader(
    source="lfs",
    identify=identify,
    read=read,
    tidy={
        "core_lfs__quarterly_person": tidy_person,
        "core_lfs__quarterly_published_weight": tidy_weight,
        "core_lfs__quarterly_published_series": tidy_published_series,
    },
)
