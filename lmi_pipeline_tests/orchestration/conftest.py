"""Pipelines of the tests of this folder, beside the one that is built once for all."""

import pytest

from lmi_pipeline_tests.pipeline import Pipeline


@pytest.fixture
def empty(tmp_path):
    """A pipeline with nothing in it, RTI in landing mode."""
    return Pipeline(tmp_path / "data", "synthetic,rti:landing")
