"""Readers of the published files, one module or package per source of the catalogue."""

from lmi_pipeline.sources import ashe, census, lfs, population, rti
from lmi_pipeline.sources.base import Reader

READERS: dict[str, Reader] = {module.READER.source: module.READER for module in (rti, lfs, ashe, population, census)}
