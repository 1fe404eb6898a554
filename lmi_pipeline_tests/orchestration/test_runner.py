"""What the commands ask of the vault before they run anything."""

import pytest

from lmi_pipeline.orchestration.runner import periods_in_vault
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.settings import load

FILES = (
    ("person", "lfsp_od19_eul", "2019-10"),
    ("person", "lfsp_jm20_eul", "2020-01"),
    ("a05", "a05", None),
    ("sample", "lfss_aj20", "2020-04"),
    ("boost", "lfsb_js20_eul", "2020-07"),
    ("dataset_weight", "apsp_jd20_eul_pwta20", "2020-10"),
)


@pytest.fixture
def workspace(tmp_path):
    return Workspace.open(load({"LMI_DATA": str(tmp_path), "LMI_SOURCES": "synthetic,lfs:landing"}))


def test_quarters_when_other_layouts_have_further_ones_then_of_person_files_only(workspace, tmp_path):
    for layout, release, period in FILES:
        path = tmp_path / f"{release}.tab"
        path.write_text(release, encoding="utf-8")
        workspace.vault.add(path, source="lfs", layout=layout, release=release, period=period, origin="landing")
    assert periods_in_vault(workspace, "lfs") == ["2019-10", "2020-01"]


def test_quarters_when_the_vault_is_empty_then_none(workspace):
    assert periods_in_vault(workspace, "lfs") == []
