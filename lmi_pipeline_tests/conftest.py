"""Fixtures every test may use."""

from pathlib import Path

import pytest

REAL_DATA = Path(__file__).parents[1].parent / "shared" / "real-data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of publishers' files beside the checkout; the tests of the readers need it."""
    if not REAL_DATA.is_dir():
        pytest.fail(f"the publishers' files are not in {REAL_DATA}; the readers cannot be tested without them")
    return REAL_DATA
