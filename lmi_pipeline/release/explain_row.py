"""The release folder as a reader finds it, and the one row that some conditions mean."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.release.explain_words import QUARTERS, Row, code_names, name_column, quarter_code, value_words

SHOWN = 10
_NEAR = 5
_SAME = {
    "occupation": ("occupation_code", "soc2010_code", "soc2020_code"),
    "region": ("region_gss", "work_region_gss", "area_code"),
    "gender": ("sex",),
    "period": ("quarter", "period_code", "year", "month", "impact_period"),
}


@dataclass(frozen=True)
class ReleaseFolder:
    """One release on disk; nothing else is read.

    Attributes
    ----------
    path : Path
        Folder with ``manifest.json`` and the Parquet files.
    manifest : mapping
        What the manifest says.
    """

    path: Path
    manifest: Mapping[str, Any]

    @property
    def version(self) -> str:
        """Version of the release."""
        return str(self.manifest["release"])

    @classmethod
    def open(cls, path: Path) -> ReleaseFolder:
        """Read the manifest of a folder; ReleaseError if it is none of a release."""
        try:
            manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ReleaseError(f"{path} is no release: its manifest.json cannot be read ({error})") from error
        return cls(path, manifest)

    def has(self, table: str) -> bool:
        """Whether the release has a table."""
        return table in self.manifest["tables"]

    def table(self, name: str) -> pd.DataFrame:
        """Rows of a table, if they are as published.

        Raises
        ------
        ReleaseError
            There is no such table, or its file is gone or changed.
        """
        if not self.has(name):
            there = sorted(self.manifest["tables"])
            near = get_close_matches(name, there, n=3, cutoff=0.4) or there[:SHOWN]
            raise ReleaseError(f"release {self.version} has no table '{name}'; did you mean {', '.join(near)}?")
        path = self.path / f"{name}.parquet"
        if not path.exists() or _hash(path) != self.manifest["files"].get(path.name):
            raise ReleaseError(
                f"release {self.version}: {path.name} is missing or not as published; run `lmi release verify`"
            )
        return pd.read_parquet(path)


@dataclass(frozen=True)
class Candidates:
    """Several rows that some conditions mean.

    Attributes
    ----------
    table : str
    found : int
        Number of rows.
    choices : mapping of str to tuple of str
        Values of each key column in which they differ, at most ten of each.
    rows : tuple of mapping
        Those columns of the first ten rows, as conditions that mean one row each.
    """

    table: str
    found: int
    choices: Mapping[str, tuple[str, ...]]
    rows: tuple[Mapping[str, str], ...]


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def find_row(table: str, frame: pd.DataFrame, where: Mapping[str, str]) -> dict[str, Any] | Candidates:
    """The row that conditions mean, or what tells the candidates apart.

    Parameters
    ----------
    table : str
        Catalogued table.
    frame : DataFrame
        Its rows.
    where : mapping of str to str
        Values by column; a column by its name or a part of it (``region``), a value by its code or its name.

    Raises
    ------
    ReleaseError
        No such column or value (the nearest are named), or the values do not stand together in any row.
    """
    named = [(resolve_column(name, frame.columns), value) for name, value in where.items()]
    texts = dict(named)
    if len(texts) < len(named):
        raise ReleaseError(f"two conditions are on one column of '{table}': {', '.join(where)}; leave one out")
    masks = {column: frame[column].isin(_meant(table, frame, column, texts)) for column in texts}
    kept = pd.Series(data=True, index=frame.index)
    for mask in masks.values():
        kept &= mask
    if not kept.any():
        raise ReleaseError(f"table '{table}': {_not_together(frame, texts, masks)}")
    found = frame[kept]
    return row_of(found) if len(found) == 1 else _candidates(table, found)


def row_of(found: pd.DataFrame) -> dict[str, Any]:
    """First row of a frame as plain values, None where empty."""
    plain = found.iloc[:1].astype("object")
    record = plain.where(plain.notna(), None).to_dict("records")[0]
    return {str(name): value for name, value in record.items()}


def resolve_column(name: str, columns: pd.Index) -> str:
    """Column of a table by its name or a part of it.

    Raises
    ------
    ReleaseError
        No column, or several, go by that name.
    """
    if name in columns:
        return name
    known = _SAME.get(name, ())
    near = [c for c in known if c in columns] or [c for c in columns if name in c.split("_") and c != f"{name}_name"]
    if len(near) == 1:
        return near[0]
    if near:
        raise ReleaseError(f"column '{name}' may be {' or '.join(near)}; say which")
    raise ReleaseError(f"no column '{name}'; the columns are {', '.join(columns)}")


def _meant(table: str, frame: pd.DataFrame, column: str, texts: Mapping[str, str]) -> list[object]:
    """Values of a column that a text means: as typed, or by name."""
    typed = quarter_code(texts[column]) if column in QUARTERS else _typed(column, texts[column])
    there = frame[column].dropna().unique().tolist()
    if typed in there:
        return [typed]
    words = _words(frame, column, there, texts)
    listed, plain = code_names(column, texts), _folded(texts[column])
    meant = [v for v in there if plain in map(_folded, (str(v), words[v], listed.get(str(v), "")))]
    if not meant:
        raise ReleaseError(
            f"table '{table}', column '{column}': no '{texts[column]}'; {_nearest(column, texts[column], words)}"
        )
    return meant


def _typed(column: str, text: str) -> object:
    entry = catalog.columns().get(column)
    casts: dict[str, Any] = {
        "integer": int, "float": float, "date": date.fromisoformat,
        "boolean": {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.__getitem__,
    }  # fmt: skip
    kind = entry.type if entry else "string"
    try:
        return casts.get(kind, str)(text.lower() if kind == "boolean" else text)
    except (ValueError, KeyError):
        raise ReleaseError(f"column '{column}': '{text}' is not of type {kind}") from None


def _words(frame: pd.DataFrame, column: str, there: list[Any], texts: Mapping[str, str]) -> dict[Any, str]:
    named = name_column(column, frame.columns)
    if named:
        pairs = frame[[column, named]].drop_duplicates(column)
        return {code: str(name) for code, name in zip(pairs[column], pairs[named], strict=True)}
    names = code_names(column, texts)
    return {value: names.get(str(value)) or value_words(column, value, texts) for value in there}


def _folded(text: str) -> str:
    return " ".join(text.casefold().replace("-", " ").split())


def _nearest(column: str, text: str, words: Mapping[Any, str]) -> str:
    near = _near_in_order(text, list(words)) if _is_ordered(column) else _near_in_spelling(text, words)
    head = "nearest are" if near else "there are"
    listed = near or list(words)[:SHOWN]
    return f"{head} {'; '.join(_with_name(value, words[value]) for value in listed)}"


def _is_ordered(column: str) -> bool:
    entry = catalog.columns().get(column)
    return column in (*QUARTERS, "month", "year_ending") or (entry is not None and entry.type in ("integer", "float"))


def _near_in_order(text: str, values: list[Any]) -> list[Any]:
    """Values beside the place a text would have among them."""
    ordered = sorted(values)
    typed = type(ordered[0])(quarter_code(text)) if ordered else text
    place = bisect_left(ordered, typed)
    first = max(0, min(place - _NEAR // 2, len(ordered) - _NEAR))
    return ordered[first : first + _NEAR]


def _near_in_spelling(text: str, words: Mapping[Any, str]) -> list[Any]:
    shown = {_folded(str(value)): value for value in words} | {_folded(name): v for v, name in words.items() if name}
    asked = _folded(text)
    inside = [value for folded, value in shown.items() if asked and asked in folded]
    close = [shown[match] for match in get_close_matches(asked, shown, n=SHOWN, cutoff=0.5)]
    return list(dict.fromkeys([*inside, *close]))[:_NEAR]


def _with_name(value: object, name: str) -> str:
    return f"{value} ({name})" if name and name != str(value) else str(value)


def _not_together(frame: pd.DataFrame, texts: Mapping[str, str], masks: Mapping[str, pd.Series]) -> str:
    """Say that conditions hold one by one but in no row, and which single change would help."""
    asked = ", ".join(f"{column}={text}" for column, text in texts.items())
    helps = []
    for left_out in masks:
        others = pd.concat([mask for column, mask in masks.items() if column != left_out], axis=1)
        values = frame.loc[others.all(axis=1), left_out].dropna().unique().tolist()
        if values:
            words = _words(frame, left_out, values, texts)
            helps.append(f"{left_out} may be {'; '.join(_with_name(v, words[v]) for v in values[:SHOWN])}")
    hint = (
        f"with the other conditions {' - or '.join(helps)}" if helps else "leave a condition out to see what there is"
    )
    return f"no row has {asked} together; {hint}"


def _candidates(table: str, found: pd.DataFrame) -> Candidates:
    key = [column for column in catalog.table(table).key if column in found] or list(found.columns)
    differing = [column for column in key if found[column].nunique(dropna=False) > 1]
    first = [row_of(found.iloc[[number]]) for number in range(min(SHOWN, len(found)))]
    return Candidates(
        table,
        len(found),
        {column: tuple(_choice(column, found, value) for value in _some(found[column])) for column in differing},
        tuple({column: str(row[column]) for column in differing} for row in first),
    )


def _some(values: pd.Series) -> list[Any]:
    return list(values.drop_duplicates().head(SHOWN))


def _choice(column: str, found: pd.DataFrame, value: object) -> str:
    row: Row = row_of(found[found[column] == value])
    return _with_name(value, value_words(column, value, row))
