"""Labour Force Survey: files of persons, households and weights, and aggregate workbooks of ONS."""

from __future__ import annotations

from pathlib import Path

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import FileIdentity, Reader, ReadResult
from lmi_pipeline.sources.lfs import boost, dataset_weight, person, sample
from lmi_pipeline.sources.lfs.aggregates import identify_aggregate, read_aggregate, tidy_published_series
from lmi_pipeline.sources.lfs.person_tidy import tidy_person, tidy_weight

_IDENTIFY = (
    person.identify_person,
    sample.identify_sample,
    boost.identify_boost,
    dataset_weight.identify_dataset_weight,
    identify_aggregate,
)
_READ = {
    person.LAYOUT: person.read_person,
    sample.LAYOUT: sample.read_sample,
    boost.LAYOUT: boost.read_boost,
    dataset_weight.LAYOUT: dataset_weight.read_dataset_weight,
}


def identify(path: Path) -> FileIdentity:
    """Find out which LFS layout a file has."""
    for identify_layout in _IDENTIFY:
        found = identify_layout(path)
        if found is not None:
            return found
    raise SourceError(
        "not an LFS file this project knows: expected lfsp_*, lfsb_*, lfsh_*, apsp_*, apsh_* or lgwt*_2q_* (.tab, .sav"
        " or .dta), lfss_*.csv, EMP06, INAC01, A01 or A05",
        file=path.name,
    )


def read(path: Path, identity: FileIdentity) -> ReadResult:
    """Read a file with the reader of its layout."""
    return _READ.get(identity.layout, read_aggregate)(path, identity)


READER = Reader(
    source="lfs",
    identify=identify,
    read=read,
    tidy={
        "core_lfs__quarterly_person": tidy_person,
        "core_lfs__quarterly_published_weight": tidy_weight,
        "core_lfs__quarterly_issued_household": sample.tidy_sample,
        "core_lfs__quarterly_boost_person": boost.tidy_boost,
        "core_lfs__quarterly_dataset_weight": dataset_weight.tidy_dataset_weight,
        "core_lfs__quarterly_published_series": tidy_published_series,
    },
)
