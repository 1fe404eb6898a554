"""Every environment variable the project reads, typed, read once at start and never at import."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lmi_pipeline.errors import LmiError

MODES = ("synthetic", "landing")
SCALES = ("small", "uk")
PAY_MODES = ("auto", "secure", "open")
_SWITCH = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
_KNOWN = {
    "LMI_DATA": "folder of landing, vault, lake and releases (default: data/ of the project)",
    "LMI_SOURCES": "synthetic or landing, then source:mode exceptions, e.g. synthetic,rti:landing",
    "LMI_SCALE": "size of the synthetic UK: small or uk",
    "LMI_SEED": "seed of the synthetic UK",
    "LMI_PAY_MODE": "secure (ASHE microdata), open (published tables alone) or auto: secure for years with microdata",
    "LMI_DATABASE_URL": "SQLAlchemy URL of the release database (default: a SQLite file in each release)",
    "LMI_DATABASE_READER": "role of the release database that is allowed to read each schema (default: none)",
    "LMI_AUTOMATION": "on turns the schedule and the landing sensor on",
}


@dataclass(frozen=True)
class Settings:
    """Settings of one process.

    Attributes
    ----------
    project_root : Path
        Folder of the checkout (where ``dbt_like_sql/`` is).
    data : Path
        Folder of everything made at run time.
    default_mode : str
        Where files come from unless a source says otherwise.
    source_modes : mapping of str to str
        Exceptions by source.
    scale, seed : str, int
        Of the synthetic UK.
    pay_mode : str
        Whether pay is estimated from microdata (secure), published tables alone (open), or as a year allows (auto).
    database_url : str or None
        Release database; None is a SQLite file in each release.
    database_reader : str or None
        Role that may read the schemas of releases.
    automation : bool
        Whether the schedule and the sensor start switched on.
    """

    project_root: Path
    data: Path
    default_mode: str = "synthetic"
    source_modes: Mapping[str, str] = field(default_factory=dict)
    scale: str = "small"
    seed: int = 2010
    pay_mode: str = "auto"
    database_url: str | None = None
    database_reader: str | None = None
    automation: bool = False

    @property
    def landing(self) -> Path:
        """Where a team drops files, one folder a source."""
        return self.data / "landing"

    @property
    def vault(self) -> Path:
        """Files as they came."""
        return self.data / "vault"

    @property
    def lake(self) -> Path:
        """Delta tables."""
        return self.data / "lake"

    @property
    def releases(self) -> Path:
        """Published releases."""
        return self.data / "releases"

    def mode(self, source: str) -> str:
        """How files of a source come in: synthetic or landing."""
        return self.source_modes.get(source, self.default_mode)


def _parse_sources(text: str) -> tuple[str, dict[str, str]]:
    modes: dict[str, str] = {}
    for part in (p.strip() for p in text.split(",") if p.strip()):
        name, _, mode = (p.strip() for p in part.rpartition(":"))
        if mode not in MODES or (":" in part and not name):
            raise LmiError(f"LMI_SOURCES: '{part}' is not one of {', '.join(MODES)}, or source:mode")
        if name in modes:
            raise LmiError(f"LMI_SOURCES: two modes for {name or 'all sources'}; name one")
        modes[name] = mode
    return modes.pop("", "synthetic"), modes


def _parse_seed(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise LmiError(f"LMI_SEED is '{text}', not a whole number from 0")
    return int(text)


def _parse_switch(text: str) -> bool:
    if text.lower() not in _SWITCH:
        raise LmiError(f"LMI_AUTOMATION is '{text}', not one of {', '.join(_SWITCH)}")
    return _SWITCH[text.lower()]


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment; one that is set to nothing is as if not set.

    Raises
    ------
    LmiError
        An ``LMI_`` variable that is not known, or a value that is not understood.
    """
    given = os.environ if environment is None else environment
    env = {name: value for name, value in given.items() if name.startswith("LMI_") and value}
    unknown = sorted(name for name in env if name not in _KNOWN)
    if unknown:
        raise LmiError(f"unknown setting {', '.join(unknown)}; known are {', '.join(_KNOWN)}")
    root = Path(__file__).resolve().parents[1]
    default, exceptions = _parse_sources(env.get("LMI_SOURCES", "synthetic"))
    scale = env.get("LMI_SCALE", "small")
    if scale not in SCALES:
        raise LmiError(f"LMI_SCALE is '{scale}', not one of {', '.join(SCALES)}")
    pay_mode = env.get("LMI_PAY_MODE", "auto")
    if pay_mode not in PAY_MODES:
        raise LmiError(f"LMI_PAY_MODE is '{pay_mode}', not one of {', '.join(PAY_MODES)}")
    return Settings(
        project_root=root,
        data=Path(env.get("LMI_DATA", root / "data")).resolve(),
        default_mode=default,
        source_modes=exceptions,
        scale=scale,
        seed=_parse_seed(env.get("LMI_SEED", "2010")),
        pay_mode=pay_mode,
        database_url=env.get("LMI_DATABASE_URL"),
        database_reader=env.get("LMI_DATABASE_READER"),
        automation=_parse_switch(env.get("LMI_AUTOMATION", "off")),
    )
