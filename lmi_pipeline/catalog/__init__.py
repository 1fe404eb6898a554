"""The catalogue: every column, table, source, code list and weight vintage, as data.

Facts are in the YAML and CSV files of this folder; this module reads them once and checks them
against the shapes in :mod:`lmi_pipeline.catalog.models`. Nothing is computed here and nothing
outside this folder is read.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import yaml
from pydantic import BaseModel, ValidationError

from lmi_pipeline.catalog.models import Column, NonResponseModel, Source, Table, WeightingDataset, WeightVintage
from lmi_pipeline.catalog.protection import ALTERNATIVE, QUARTER, Hierarchy, Product, closure_of, nodes_of, tables_of
from lmi_pipeline.errors import SchemaError

ROOT = Path(__file__).parent
UNITED_KINGDOM = "K02000001"

T = TypeVar("T")
Shape = TypeVar("Shape", bound=BaseModel)


class _OnceLoader(yaml.SafeLoader):
    """YAML in which a key may stand once in a mapping: the last one would silently win."""


def _mapping_of_distinct_keys(loader: _OnceLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [key.value for key, _ in node.value]
    repeated = sorted({key for key in keys if keys.count(key) > 1})
    if repeated:
        raise SchemaError(f"catalogue file {node.start_mark.name}: {repeated} defined twice; keep one definition")
    loader.flatten_mapping(node)
    return loader.construct_mapping(node)


_OnceLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_of_distinct_keys)


def _load_yaml(path: Path) -> Any:
    with path.open(encoding="utf-8") as stream:
        return yaml.load(stream, Loader=_OnceLoader)  # noqa: S506 a SafeLoader


def _checked(shape: type[Shape], entry: Any, path: Path) -> Shape:
    try:
        return shape.model_validate(entry)
    except ValidationError as error:
        raise SchemaError(f"catalogue file {path.name}: {error}") from error


def _unique(entries: list[tuple[str, T]], kind: str) -> dict[str, T]:
    found: dict[str, T] = {}
    for name, entry in entries:
        if name in found:
            raise SchemaError(f"catalogue: {kind} '{name}' is defined twice; keep one definition")
        found[name] = entry
    return found


@cache
def columns() -> dict[str, Column]:
    """Every column of the project by name."""
    path = ROOT / "columns.yml"
    found = {n: _checked(Column, {"name": n, **entry}, path) for n, entry in _load_yaml(path).items()}
    dimensions = dict.fromkeys(name for product in products().values() for name in product.dimensions)
    offered = {f"{ALTERNATIVE}{name}": found[name] for name in dimensions}
    return found | {
        name: entry.model_copy(update={"name": name, "description": f"{entry.description}; of the cell offered"})
        for name, entry in offered.items()
    }


@cache
def tables() -> dict[str, Table]:
    """Every table of the project by name, keys and columns checked against :func:`columns`."""
    entries = [
        (str(entry["name"]), _checked(Table, entry, path))
        for path in sorted((ROOT / "tables").glob("*.yml"))
        for entry in _load_yaml(path)
    ]
    written = dict(entries)
    derived = [table_ for product in products().values() for table_ in tables_of(product, written[product.cells])]
    found = _unique([*entries, *((table_.name, table_) for table_ in derived)], "table")
    for table_ in found.values():
        _check_columns(table_)
    return found


def _check_columns(table_: Table) -> None:
    unknown = [c for c in table_.columns if c not in columns()]
    if unknown:
        raise SchemaError(f"catalogue: table '{table_.name}' has columns not in columns.yml: {unknown}")
    for role, names in (("key", table_.key), ("nullable", table_.nullable), ("slice_by", table_.slice_by)):
        stray = [c for c in names if c not in table_.columns]
        if stray:
            raise SchemaError(f"catalogue: table '{table_.name}': {role} names columns it does not have: {stray}")


@cache
def sources() -> dict[str, Source]:
    """Every source by name."""
    entries = [
        (path.stem, _checked(Source, _load_yaml(path), path)) for path in sorted((ROOT / "sources").glob("*.yml"))
    ]
    return _unique(entries, "source")


@cache
def weight_vintages() -> dict[str, WeightVintage]:
    """LFS weight vintages in the order of their definition."""
    path = ROOT / "weight_vintages.yml"
    return _unique(
        [(str(entry["name"]), _checked(WeightVintage, entry, path)) for entry in _load_yaml(path)], "weight vintage"
    )


@cache
def weighting_datasets() -> dict[str, WeightingDataset]:
    """Weighted datasets of the survey in the order of their definition."""
    path = ROOT / "weighting_datasets.yml"
    entries = [_checked(WeightingDataset, entry, path) for entry in _load_yaml(path)]
    return _unique([(entry.name, entry) for entry in entries], "weighting dataset")


@cache
def hierarchies() -> dict[str, Hierarchy]:
    """Hierarchies of the protected lattices by name."""
    path = ROOT / "hierarchies.yml"
    return _unique([(str(e["name"]), _checked(Hierarchy, e, path)) for e in _load_yaml(path)], "hierarchy")


@cache
def hierarchy_nodes(name: str) -> pd.DataFrame:
    """Nodes of a hierarchy, ``code, name, level, parent``; see :func:`~lmi_pipeline.catalog.protection.nodes_of`."""
    found = _entry(hierarchies(), name, "hierarchy")
    return nodes_of(found, {level.codelist: codelist(level.codelist) for level in found.levels})


@cache
def hierarchy_closure(name: str) -> pd.DataFrame:
    """Leaves of a hierarchy beside themselves and all their ancestors: ``leaf, node, level``."""
    return closure_of(hierarchy_nodes(name))


@cache
def products() -> dict[str, Product]:
    """Products of the disclosure gate by name, their hierarchies, rules and dimensions checked."""
    path = ROOT / "disclosure.yml"
    found = _unique([(str(e["name"]), _checked(Product, e, path)) for e in _load_yaml(path)], "product")
    for product in found.values():
        for hierarchy in set(product.dimensions.values()) - {QUARTER}:
            _entry(hierarchies(), hierarchy, "hierarchy")
        unknown = [rule for rule in product.rules if rule not in thresholds()]
        unknown += [name for name in (*product.ladder, *product.official) if name not in product.dimensions]
        if unknown:
            raise SchemaError(f"catalogue: product '{product.name}' names rules or dimensions there are not: {unknown}")
    return found


def product(name: str) -> Product:
    """One product of the disclosure gate; SchemaError with the nearest names if it is not catalogued."""
    return _entry(products(), name, "product")


def newest_vintage() -> str:
    """Weight vintage that estimates rest on where a table shows one: the last of those published."""
    published = [(v.published_on, name) for name, v in weight_vintages().items() if v.published_on is not None]
    return max(published)[1]


@cache
def non_response_model() -> NonResponseModel:
    """The model behind the non-response factors."""
    path = ROOT / "non_response.yml"
    return _checked(NonResponseModel, _load_yaml(path), path)


@cache
def thresholds() -> dict[str, Any]:
    """Reliability and disclosure thresholds with their sources."""
    loaded: dict[str, Any] = _load_yaml(ROOT / "thresholds.yml")
    return loaded


def table(name: str) -> Table:
    """One table; SchemaError with the nearest names if it is not catalogued."""
    return _entry(tables(), name, "table")


def column(name: str) -> Column:
    """One column; SchemaError with the nearest names if it is not catalogued."""
    return _entry(columns(), name, "column")


def source(name: str) -> Source:
    """One source; SchemaError with the nearest names if it is not catalogued."""
    return _entry(sources(), name, "source")


def weight_vintage(name: str) -> WeightVintage:
    """One weight vintage; SchemaError with the nearest names if it is not catalogued."""
    return _entry(weight_vintages(), name, "weight vintage")


def weighting_dataset(name: str) -> WeightingDataset:
    """One weighted dataset; SchemaError with the nearest names if it is not catalogued."""
    return _entry(weighting_datasets(), name, "weighting dataset")


def _entry(entries: dict[str, T], name: str, kind: str) -> T:
    if name in entries:
        return entries[name]
    from difflib import get_close_matches

    near = get_close_matches(name, entries, n=3, cutoff=0.4) or sorted(entries)[:10]
    raise SchemaError(f"no {kind} '{name}' in the catalogue; did you mean {', '.join(near)}?")


_DERIVED = ("source", "weight_vintage")
_NODES = "nodes_"


def _derived(name: str) -> pd.DataFrame:
    if name.startswith(_NODES):
        return hierarchy_nodes(name.removeprefix(_NODES))
    if name == "source":
        rows = [(source.name, source.title, "") for source in sources().values()]
    else:
        rows = [(vintage.name, vintage.title, vintage.from_quarter or "") for vintage in weight_vintages().values()]
    return pd.DataFrame(rows, columns=["code", "name", "from_quarter"], dtype="str")


@cache
def codelist(name: str) -> pd.DataFrame:
    """Code list as text columns: ``code``, ``name``, then parents and mappings ('' where none)."""
    if name in _DERIVED or name.startswith(_NODES):
        return _derived(name)
    path = ROOT / "codelists" / f"{name}.csv"
    if not path.exists():
        known = sorted(p.stem for p in path.parent.glob("*.csv"))
        raise SchemaError(f"no code list '{name}' in the catalogue; there are {', '.join(known)}")
    frame = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8")
    if list(frame.columns[:2]) != ["code", "name"]:
        raise SchemaError(f"code list {path.name} must start with the columns code,name")
    repeated = int(frame["code"].duplicated().sum())
    if repeated:
        raise SchemaError(f"code list {path.name} repeats {repeated} codes; each may stand once")
    return frame


@cache
def codes(name: str) -> tuple[str, ...]:
    """Codes of a code list, in the order of the list."""
    return tuple(codelist(name)["code"])


def mapping(name: str, target: str, *, key: str = "code") -> dict[str, str]:
    """Map one column of a code list to another, leaving out rows where either is empty."""
    frame = codelist(name)
    kept = frame[(frame[key] != "") & (frame[target] != "")]
    return dict(zip(kept[key], kept[target], strict=True))


def control_figures(name: str) -> pd.DataFrame:
    """Published figures of ``controls/<name>.csv``; the columns that hold codes are text."""
    path = ROOT / "controls" / f"{name}.csv"
    if not path.exists():
        known = sorted(p.stem for p in path.parent.glob("*.csv"))
        raise SchemaError(f"no control figures '{name}' in the catalogue; there are {', '.join(known)}")
    head = pd.read_csv(path, comment="#", nrows=0).columns
    coded = {column: "str" for column in head if column in columns() and columns()[column].type == "string"}
    return pd.read_csv(path, comment="#", dtype=coded)
