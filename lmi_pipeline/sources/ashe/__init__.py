"""Annual Survey of Hours and Earnings: published tables and job records."""

from __future__ import annotations

from pathlib import Path

from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.ashe import job_file
from lmi_pipeline.sources.ashe.job_tidy import tidy_job
from lmi_pipeline.sources.ashe.published import tidy_published
from lmi_pipeline.sources.ashe.tables import identify_table, read_table
from lmi_pipeline.sources.base import FileIdentity, Reader, ReadResult


def identify(path: Path) -> FileIdentity:
    """Find out which ASHE layout a file has."""
    found = job_file.identify_job(path) or identify_table(path)
    if found is None:
        raise SourceError(
            "not an ASHE file this project knows: expected a workbook of Table 3, 8, 14, 15 or 16 (.xls, .xlsx), or"
            " job records such as ashe_2019_2020_gb_v18 (.csv, .tab, .dta, .sav)",
            file=path.name,
        )
    return found


def read(path: Path, identity: FileIdentity) -> ReadResult:
    """Read a file with the reader of its layout."""
    return (job_file.read_job if identity.layout == job_file.LAYOUT else read_table)(path, identity)


READER = Reader(
    source="ashe",
    identify=identify,
    read=read,
    tidy={"core_ashe__yearly_published": tidy_published, "core_ashe__yearly_job": tidy_job},
)
