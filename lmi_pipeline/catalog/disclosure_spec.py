"""What a table says about its own protection: the shape of SPEC.json of ``lmi protect`` and ``lmi audit``.

Only the shape lives here. An unknown key is an error everywhere; codes are text, and a code written as a number is
read as the text of that number.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from lmi_pipeline.catalog.models import Entry
from lmi_pipeline.errors import SchemaError

StatusWord = Literal["ok", "small_sample", "withheld", "not_applicable"]
_SHOWN = 5


def _as_text(code: object) -> object:
    return str(code) if isinstance(code, int) and not isinstance(code, bool) else code


Code = Annotated[str, BeforeValidator(_as_text), Field(min_length=1)]


class Sum(Entry):
    """One sum of a dimension: the parent is the sum of its children."""

    parent: Code
    children: tuple[Code, ...] = Field(min_length=1)


class DimensionSpec(Entry):
    """How the codes of one column add up: one of five forms.

    Parameters
    ----------
    total : str
        Code that is the sum of every other code in the column.
    sums : tuple of Sum
        Every sum by itself; a code may be in several.
    tree : dict
        Nested: ``{"all": {"A": ["01", "02"], "B": []}}``.
    parents : dict of str to str
        Code to its parent; a code without a parent is a total.
    file : str
        CSV with the columns `code` and `parent`, beside the spec.
    """

    total: Code | None = None
    sums: tuple[Sum, ...] | None = None
    tree: dict[Code, Any] | None = None
    parents: dict[Code, Code] | None = None
    file: str | None = None

    @model_validator(mode="after")
    def _one_form(self) -> DimensionSpec:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"a dimension is given by one of total, sums, tree, parents, file; found {given or 'none'}"
            )
        return self

    def sums_of(self, column: str, codes: Iterable[str], folder: Path) -> list[tuple[str, list[str]]]:
        """Every sum of the dimension, as parent and children.

        Parameters
        ----------
        column : str
            Name of the dimension, for messages.
        codes : iterable of str
            Codes the cells have.
        folder : Path
            Where `file` is looked for.

        Raises
        ------
        SchemaError
            The file or the tree cannot be read.
        """
        if self.total is not None:
            others = sorted(set(codes) - {self.total, ""})
            return [(self.total, others)] if others else []
        if self.sums is not None:
            return [(each.parent, list(each.children)) for each in self.sums]
        if self.tree is not None:
            return _tree_sums(column, self.tree)
        return _parent_sums(self.parents or _parents_in(column, folder / str(self.file)))


def _tree_sums(column: str, tree: dict[str, Any]) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for code, below in tree.items():
        if not isinstance(below, dict | list | tuple):
            raise SchemaError(f"dimension '{column}': below '{code}' stands no list or mapping of codes")
        children = [str(child) for child in below]
        if children:
            found.append((str(code), children))
        if isinstance(below, dict):
            found += _tree_sums(column, below)
    return found


def _parent_sums(parents: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for code, parent in parents.items():
        if parent:
            found.setdefault(parent, []).append(code)
    return list(found.items())


def _parents_in(column: str, path: Path) -> dict[str, str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except OSError:
        raise SchemaError(f"dimension '{column}': there is no file '{path}' that can be read") from None
    if not rows or not {"code", "parent"} <= rows[0].keys():
        raise SchemaError(f"dimension '{column}': {path.name} needs the columns code and parent, and rows")
    return {row["code"]: row["parent"] or "" for row in rows}


class Dominance(Entry):
    """The (n, k) rule: the n largest contributors may not make up more than k per cent."""

    n: int = Field(ge=1)
    k: float = Field(gt=0, le=100)


class Reliability(Entry):
    """The reliability ladder; ``base`` is the column of the stock where the value is a flow."""

    withhold_below: float = Field(ge=0)
    flag_below: float = Field(ge=0)
    base: str | None = None


class Precision(Entry):
    """Bands of the coefficient of variation, in per cent, and the column that holds it."""

    column: str
    withhold_above: float = Field(default=20, gt=0)
    flag_above: float = Field(default=10, gt=0)


class Rules(Entry):
    """Which primary rules are asked, with their limits; a rule that is not named is not asked."""

    minimum_contributors: float | None = Field(default=None, ge=1)
    dominance: Dominance | None = None
    p_percent: float | None = Field(default=None, gt=0, le=100)
    reliability: Reliability | None = None
    precision: Precision | None = None


class Protection(Entry):
    """How uncertain a withheld cell must stay: `share` of its value for disclosure, at least `unit` for any."""

    share: float = Field(default=0.2, ge=0, le=1)
    unit: float = Field(default=1.0, gt=0)


class LinkedCell(Entry):
    """One cell of a link: its table, its codes, its coefficient."""

    table: str | None = None
    codes: dict[str, Code]
    coefficient: float


class LinkSpec(Entry):
    """A row everybody knows to hold: lower <= sum of coefficients times cells <= upper."""

    cells: tuple[LinkedCell, ...] = Field(min_length=1)
    lower: float | None = None
    upper: float | None = None


class DisclosureSpec(Entry):
    """SPEC.json: what the columns of the cells mean, how they add up, and what may not be shown.

    A code that is empty in a whole table means that the table does not have that dimension: its cells are totals over
    it. Cells of several tables with the same codes are the same quantity.
    """

    dimensions: dict[str, DimensionSpec] = Field(min_length=1)
    value: str = "value"
    contributors: str | None = None
    largest: tuple[str, ...] = ()
    status: str | None = None
    cost: str | None = None
    table: str | None = None
    markers: dict[str, StatusWord] = Field(default_factory=dict)
    rules: Rules
    zeros_are_disclosive: bool = False
    values_may_be_negative: bool = False
    protection: Protection = Protection()
    rounding_base: float | None = Field(default=None, gt=0)
    additivity_tolerance: float = Field(default=1e-6, gt=0)
    links: tuple[LinkSpec, ...] = ()
    seed: int = Field(default=1, ge=0)

    @model_validator(mode="after")
    def _rules_have_their_columns(self) -> DisclosureSpec:
        wanted = max(2 if self.rules.p_percent else 0, self.rules.dominance.n if self.rules.dominance else 0)
        if len(self.largest) < wanted:
            raise ValueError(
                f"rules p_percent and dominance need {wanted} columns in 'largest', {len(self.largest)} named"
            )
        if self.rules.minimum_contributors is not None and self.contributors is None:
            raise ValueError("rule minimum_contributors needs the column 'contributors'")
        if all(getattr(self.rules, name) is None for name in Rules.model_fields) and not self.zeros_are_disclosive:
            raise ValueError("no rule is named in 'rules'; without one nothing is ever withheld")
        return self

    @property
    def disclosure_rules(self) -> bool:
        """Whether a cell can be withheld because somebody could be recognised."""
        rules = (self.rules.minimum_contributors, self.rules.dominance, self.rules.p_percent)
        return self.zeros_are_disclosive or any(rule is not None for rule in rules)


def load_spec(path: Path) -> DisclosureSpec:
    """Read SPEC.json.

    Raises
    ------
    SchemaError
        No such file, no JSON, or keys and values that do not have the shape; the message names them.
    """
    try:
        return DisclosureSpec.model_validate_json(path.read_bytes())
    except OSError:
        raise SchemaError(f"there is no spec '{path}' that can be read; see `lmi protect --help` for one") from None
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc'])) or 'spec'}: {e['msg']}" for e in error.errors()]
        more = f" and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise SchemaError(f"{path.name}: {'; '.join(faults[:_SHOWN])}{more}; see `lmi protect --help`") from None
