"""What is protected before it is served, and along which hierarchies: shapes, and what follows from them.

A hierarchy is the ladder of codes of one dimension ("go up a level"). A product is a table of cells that the
disclosure gate decides on as one lattice, whatever number of marts are then selected from it.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from pydantic import Field

from lmi_pipeline.catalog.models import Entry, Table
from lmi_pipeline.errors import SchemaError

NOT_STATED, TOTAL = "not_stated", "total"
QUARTER = "quarter"
ALTERNATIVE = "alternative_"


class Level(Entry):
    """One level of a hierarchy: a code list, the column of its codes, and the column of their parents.

    ``prefix`` keeps apart codes that mean different things at different levels. A code that is its own parent is the
    same cell at both levels.
    """

    codelist: str
    code: str = "code"
    parent: str | None = None
    prefix: str = ""
    leave_out: tuple[str, ...] = ()


class Hierarchy(Entry):
    """Levels of one dimension, finest first; the codes of the last level add up to the total."""

    name: str
    title: str
    total: str
    total_name: str
    levels: tuple[Level, ...]
    not_stated: bool = False


class Product(Entry):
    """Cells that are decided on together: one lattice a slice.

    Attributes
    ----------
    name : str
        Product, as audits name it.
    cells : str
        Estimated table of the cells: the slice column, the dimensions, values and what the rules are tested on.
    dimensions : mapping of str to str
        Column -> hierarchy; :data:`QUARTER` stands for the year of the slice and its quarters.
    value : str
        Additive column the lattice is made of; ``also`` are further additive columns, audited with the same cells
        hidden.
    tested_on : str or None
        Column the reliability ladder is tested on, where it is not the value.
    respondents : str or None
        Column of unweighted contributors, if the rule of contributors applies.
    rules : tuple of str
        Sections of ``thresholds.yml``.
    zeros_are_disclosive : bool
        False: a cell of nobody is withheld if a rule says so, but it does no harm if it can be told: nobody in a sample
        is not nobody in the population.
    official : tuple of str
        Dimensions of which the publisher of the survey gives out every figure itself. Cells broken down by nothing else
        are withheld if a rule says so, but nothing is withheld for their sake: it would protect nobody.
    known : mapping of str to str
        Column -> code of cells that an attacker is taken to know and that no mart shows.
    ladder : tuple of str
        Dimensions in the order in which they are given up.
    alternatives : str
        Mart of the nearest cells that are published.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    cells: str
    dimensions: dict[str, str]
    value: str
    also: tuple[str, ...] = ()
    tested_on: str | None = None
    respondents: str | None = None
    rules: tuple[str, ...]
    zeros_are_disclosive: bool = False
    official: tuple[str, ...] = ()
    known: dict[str, str] = Field(default_factory=dict)
    ladder: tuple[str, ...]
    alternatives: str
    note: str = ""

    @property
    def decision(self) -> str:
        """Table of the decisions."""
        return f"{self.cells}_decision"

    @property
    def witness(self) -> str:
        """Table of the certificates."""
        return f"{self.cells}_witness"

    @property
    def offer(self) -> str:
        """Table of the offers, before they are marts."""
        return f"{self.cells}_offer"


def nodes_of(hierarchy: Hierarchy, codelists: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Nodes of a hierarchy: ``code, name, level, parent``, the total last; a node stands once, at its finest level.

    Raises
    ------
    SchemaError
        A code has a parent that is no code of the next level.
    """
    parts = [_level_nodes(hierarchy, number, codelists) for number in range(len(hierarchy.levels))]
    found = pd.concat(parts, ignore_index=True)
    same = found["code"] == found["parent"]
    upper = found[found["code"].isin(found.loc[same, "code"]) & ~same]
    higher = dict(zip(upper["code"], upper["parent"], strict=True))
    found["parent"] = found["parent"].where(~same, found["code"].map(higher).astype("str"))
    found = found.drop_duplicates("code")
    found = found[found["code"] != hierarchy.total].reset_index(drop=True)
    if hierarchy.not_stated:
        found.loc[len(found)] = [NOT_STATED, "Not stated", NOT_STATED, hierarchy.total]
    found.loc[len(found)] = [hierarchy.total, hierarchy.total_name, TOTAL, ""]
    stray = sorted(set(found["parent"].fillna("nothing")) - set(found["code"]) - {""})
    if stray:
        raise SchemaError(f"hierarchy '{hierarchy.name}': {len(stray)} parents are no codes of it: {stray[:5]}")
    return found


def _level_nodes(hierarchy: Hierarchy, number: int, codelists: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    level = hierarchy.levels[number]
    frame = codelists[level.codelist]
    frame = frame[~frame["code"].isin(level.leave_out)]
    above = hierarchy.levels[number + 1] if number + 1 < len(hierarchy.levels) else None
    parents = _above(level, above, frame, codelists[above.codelist]) if above else hierarchy.total
    nodes = level.prefix + frame[level.code]
    return pd.DataFrame({"code": nodes, "name": frame["name"], "level": level.codelist, "parent": parents})


def _above(level: Level, above: Level, frame: pd.DataFrame, upper: pd.DataFrame) -> pd.Series:
    """Node of the level above for each code; parents are told by the ``code`` of the code list above."""
    if level.parent is None:
        raise SchemaError(f"hierarchy level '{level.codelist}' has levels above it and must name its parent column")
    nodes = dict(zip(upper["code"], above.prefix + upper[above.code], strict=True))
    return frame[level.parent].map(nodes)


def closure_of(nodes: pd.DataFrame) -> pd.DataFrame:
    """Every leaf beside itself and all its ancestors: ``leaf, node, level``."""
    parent = dict(zip(nodes["code"], nodes["parent"], strict=True))
    level = dict(zip(nodes["code"], nodes["level"], strict=True))
    rows = []
    for leaf in nodes.loc[~nodes["code"].isin(set(nodes["parent"])), "code"]:
        node = leaf
        while node:
            rows.append((leaf, node, level[node]))
            node = parent[node]
    return pd.DataFrame(rows, columns=["leaf", "node", "level"], dtype="str")


def sums_of(nodes: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Every sum of a dimension: a node and the codes that add up to it."""
    grouped = nodes[nodes["parent"] != ""].groupby("parent", sort=False)["code"]
    return [(str(parent), list(children)) for parent, children in grouped]


def tables_of(product: Product, cells: Table) -> list[Table]:
    """Tables that follow from a product: its decisions, certificates and offers, and the mart of the offers."""
    dimensions, slice_ = tuple(product.dimensions), cells.slice_by
    key = (*slice_, *dimensions)
    common = {"subject": "disclosure", "slice_by": slice_, "sources": cells.sources, "partitioned": cells.partitioned}
    offered = tuple(f"{ALTERNATIVE}{name}" for name in dimensions)
    grain = " x ".join(key)
    return [
        Table(
            name=product.decision,
            title=f"Disclosure decisions: {product.title}",
            description=f"What may be shown of each cell of {product.cells}, why not where not, and under which audit. "
            "The reason never leaves the gate.",
            method="Rules say which cells are withheld; further ones are withheld so that no withheld cell can be "
            "worked out from what is shown. An audit of all sums together proves it cell by cell, or nothing is shown.",
            grain=grain,
            key=key,
            columns=(*key, "status", "withheld_reason", "protect_down", "protect_up", "audit_id", "synthetic"),
            nullable=("withheld_reason",),
            **common,
        ),
        Table(
            name=product.witness,
            title=f"Disclosure certificates: {product.title}",
            description="Moves of withheld cells that keep every sum: a table as likely as the true one. Side by side "
            "they give the withheld values; they never leave the gate.",
            grain=f"{' x '.join(slice_)} x witness x cell",
            key=(*slice_, "witness_number", "cell_number"),
            columns=(*slice_, "witness_number", "cell_number", "witness_move", "audit_id", "synthetic"),
            warnings=("Cells are numbered from 0 in the order of their key within the slice.",),
            written_with=product.decision,
            may_be_empty=True,
            **common,
        ),
        Table(
            name=product.offer,
            title=f"Where to look instead, before it is served: {product.title}",
            description="For every cell that is withheld or flagged: the nearest cells above it that are published, "
            "nearest first, and the first that needs no caution.",
            grain=f"{grain} x rank",
            key=(*key, "rank"),
            columns=(*key, "rank", *offered, "alternative_status", "synthetic"),
            written_with=product.decision,
            may_be_empty=True,
            **common,
        ),
        Table(
            name=product.alternatives,
            title=f"Where to look instead: {product.title}",
            description="For every cell that is withheld or flagged: the nearest cells above it that are published, "
            "nearest first, and the first that needs no caution. Cells are told by their codes alone.",
            grain=f"{grain} x rank",
            key=(*key, "rank"),
            columns=(*key, "rank", *offered, "alternative_status", "synthetic"),
            subject="marts",
            sources=cells.sources,
            may_be_empty=True,
        ),
    ]
