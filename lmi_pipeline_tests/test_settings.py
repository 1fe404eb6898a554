"""Settings are read from the variables given, and what is not understood is refused."""

from pathlib import Path

import pytest

from lmi_pipeline import settings
from lmi_pipeline.errors import LmiError


def test_load_when_nothing_is_set_then_a_synthetic_uk_beside_the_checkout():
    found = settings.load({})
    root = Path(settings.__file__).parents[1]
    assert found == settings.Settings(project_root=root, data=root / "data")
    assert (found.default_mode, found.source_modes, found.scale, found.seed) == ("synthetic", {}, "small", 2010)
    assert (found.database_url, found.automation) == (None, False)


def test_load_when_everything_is_set_then_read(tmp_path):
    found = settings.load(
        {
            "LMI_DATA": str(tmp_path),
            "LMI_SOURCES": "landing, lfs:synthetic",
            "LMI_SCALE": "uk",
            "LMI_SEED": "7",
            "LMI_DATABASE_URL": "postgresql://host/lmi",
            "LMI_AUTOMATION": "on",
            "HOME": "/nowhere",
        }
    )
    assert (found.default_mode, found.source_modes) == ("landing", {"lfs": "synthetic"})
    assert (found.scale, found.seed, found.database_url, found.automation) == ("uk", 7, "postgresql://host/lmi", True)
    assert (found.landing, found.vault, found.lake, found.releases) == tuple(
        tmp_path / name for name in ("landing", "vault", "lake", "releases")
    )


def test_load_when_no_mapping_is_given_then_the_environment_as_it_is_now(monkeypatch, tmp_path):
    monkeypatch.setenv("LMI_DATA", str(tmp_path))
    assert settings.load().data == tmp_path


def test_load_when_set_to_nothing_then_as_if_not_set():
    names = ("LMI_DATA", "LMI_SOURCES", "LMI_SCALE", "LMI_SEED", "LMI_PAY_MODE", "LMI_DATABASE_URL", "LMI_AUTOMATION")
    assert settings.load(dict.fromkeys(names, "")) == settings.load({})


def test_data_when_relative_then_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert settings.load({"LMI_DATA": "here"}).data == tmp_path / "here"


@pytest.mark.parametrize(
    ("text", "default", "exceptions"),
    [
        ("landing", "landing", {}),
        ("rti:landing", "synthetic", {"rti": "landing"}),
        ("synthetic,rti:landing,lfs:landing", "synthetic", {"rti": "landing", "lfs": "landing"}),
        (" rti : landing , landing ,", "landing", {"rti": "landing"}),
    ],
)
def test_sources_then_default_and_exceptions(text, default, exceptions):
    found = settings.load({"LMI_SOURCES": text})
    assert (found.default_mode, dict(found.source_modes)) == (default, exceptions)
    assert found.mode("census") == default
    assert {name: found.mode(name) for name in exceptions} == exceptions


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LMI_SOURCES", "live", "'live' is not one of synthetic, landing"),
        ("LMI_SOURCES", "rti", "'rti' is not one of synthetic, landing"),
        ("LMI_SOURCES", "rti:", "'rti:' is not one of"),
        ("LMI_SOURCES", ":landing", "':landing' is not one of"),
        ("LMI_SOURCES", "rti:landing,rti:synthetic", "two modes for rti"),
        ("LMI_SOURCES", "synthetic,landing", "two modes for all sources"),
        ("LMI_SCALE", "large", "LMI_SCALE is 'large', not one of small, uk"),
        ("LMI_PAY_MODE", "closed", "LMI_PAY_MODE is 'closed', not one of auto, secure, open"),
        ("LMI_SEED", "many", "LMI_SEED is 'many', not a whole number"),
        ("LMI_SEED", "-1", "not a whole number from 0"),
        ("LMI_SEED", "1.5", "not a whole number from 0"),
        ("LMI_AUTOMATION", "maybe", "LMI_AUTOMATION is 'maybe', not one of on,"),
        ("LMI_SORCES", "landing", "unknown setting LMI_SORCES; known are LMI_DATA, LMI_SOURCES"),
    ],
)
def test_load_when_not_understood_then_error_names_the_variable_and_what_is_known(name, value, message):
    with pytest.raises(LmiError, match=message):
        settings.load({name: value})


@pytest.mark.parametrize("value", ["on", "ON", "true", "1"])
def test_automation_then_on(value):
    assert settings.load({"LMI_AUTOMATION": value}).automation


@pytest.mark.parametrize("value", ["off", "False", "0"])
def test_automation_then_off(value):
    assert not settings.load({"LMI_AUTOMATION": value}).automation
