"""Fixtures every test may use."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")

REAL_DATA = Path(__file__).parents[1].parent / "shared" / "real-data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of publishers' files beside the checkout; the tests of the readers need it."""
    if not REAL_DATA.is_dir():
        pytest.fail(f"the publishers' files are not in {REAL_DATA}; the readers cannot be tested without them")
    return REAL_DATA
