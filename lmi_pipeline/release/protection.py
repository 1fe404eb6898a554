"""The disclosure gate: one decision on every cell of a product, with the proof that it is safe.

What the catalogue says of a product becomes lattice, rules and ladder here; the statistics are in
:mod:`lmi_pipeline.methods`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from lmi_pipeline import catalog
from lmi_pipeline.catalog.protection import ALTERNATIVE, QUARTER, Product, sums_of
from lmi_pipeline.errors import DisclosureError, MethodError
from lmi_pipeline.methods.coarsening import coarsen
from lmi_pipeline.methods.disclosure_audit import audit
from lmi_pipeline.methods.disclosure_cubes import hiding_cost
from lmi_pipeline.methods.disclosure_lattice import Dimension, Lattice, build_lattice
from lmi_pipeline.methods.disclosure_protect import Decision, protect, system_of
from lmi_pipeline.methods.disclosure_remainder import widen_remainders
from lmi_pipeline.methods.disclosure_rules import (
    NOT_APPLICABLE,
    OK,
    SMALL_SAMPLE,
    WITHHELD,
    Finding,
    PrimaryDecision,
    combine,
    contributor_counts,
    disclosive_zeros,
    reliability_ladder,
)  # fmt: skip
from lmi_pipeline.methods.disclosure_witness import verify_witnesses
from lmi_pipeline.storage.frames import combine_synthetic

VERSION = "3"
SEED = 2010
KNOWN, REMAINDER, CERTIFIED = "known", "remainder", "certificates_hold"


@dataclass(frozen=True, eq=False)
class Gate:
    """What the gate says of one slice of a product, in the columns of its tables.

    Attributes
    ----------
    decision, witness, offer : DataFrame
        Rows of the tables of decisions, certificates and offers.
    audit_id : str
        Hash of cells, rules and what is withheld.
    counts : dict
        Numbers of cells by status, withheld for the sake of others, certified, and repairs.
    """

    decision: pd.DataFrame
    witness: pd.DataFrame
    offer: pd.DataFrame
    audit_id: str
    counts: dict[str, int]


def rules_of(product: Product) -> dict[str, Any]:
    """Every number the decisions on a product rest on, with its source."""
    return {name: catalog.thresholds()[name] for name in (*product.rules, "protection")}


def fingerprint_of(product: Product, cells: pd.DataFrame) -> str:
    """Hash of what a decision is made from: cells, rules, and the version of this module."""
    said = json.dumps([VERSION, product.model_dump(), rules_of(product)], sort_keys=True, default=str)
    content = pd.util.hash_pandas_object(_ordered(product, cells), index=False).to_numpy()
    return hashlib.sha256(said.encode() + content.tobytes()).hexdigest()[:32]


def decide(product: Product, cells: pd.DataFrame) -> Gate:
    """Decide on every cell of one slice.

    Parameters
    ----------
    product : Product
        Catalogued product.
    cells : DataFrame
        One slice of its table of cells.

    Raises
    ------
    DisclosureError
        The cells cannot be made safe; nothing of the slice may be served.
    """
    cells = _ordered(product, cells)
    lattice = lattice_of(product, cells)
    known = _known(product, cells)
    primary = primary_of(product, cells)
    bare = primary.status == WITHHELD
    added = _with_remainders(product, cells, lattice, bare, known) & ~bare
    asked = np.where(added, _rest_protection(product, cells, lattice.value), 0.0)
    primary = replace(
        primary,
        protect_down=np.maximum(primary.protect_down, asked),
        protect_up=np.maximum(primary.protect_up, asked),
        status=np.where(added, WITHHELD, primary.status),
        disclosure=np.where(added, REMAINDER, primary.disclosure),
    )
    alone = cells[product.respondents].to_numpy(float, na_value=np.nan) == 1 if product.respondents else None
    decision = protect(lattice, primary, rng=np.random.default_rng(SEED), singleton=alone, fixed=known)
    for column in product.also:
        _require_measure(product, lattice, decision, cells[column].to_numpy(float), column)
    audit_id = hashlib.sha256(f"{fingerprint_of(product, cells)}{decision.hidden.tobytes().hex()}".encode())
    return _gate(product, cells, lattice, decision, known, audit_id.hexdigest()[:16])


def lattice_of(product: Product, cells: pd.DataFrame) -> Lattice:
    """Lattice of one slice, cells in the order of their key."""
    columns = list(product.dimensions)
    dimensions = [_dimension(name, product.dimensions[name], cells[name]) for name in columns]
    return build_lattice(dimensions, cells[columns], cells[product.value].to_numpy(float))


def primary_of(product: Product, cells: pd.DataFrame) -> PrimaryDecision:
    """What the product's rules say of each cell."""
    value = cells[product.value].to_numpy(float)
    protection = catalog.thresholds()["protection"]
    found = combine(value, list(_findings(product, cells)), share=protection["share"], unit=protection["unit"])
    least = np.minimum(protection["unit"], protection["share"] * value)
    asked = np.where(found.disclosure == "", least, np.inf)
    asked = np.where((value == 0) & (not product.zeros_are_disclosive), 0.0, asked)
    asked = np.where(_official(product, cells), 0.0, asked)
    return _without(_eased(found, asked), _known(product, cells))


def verify(product: Product, cells: pd.DataFrame, decision: pd.DataFrame, witness: pd.DataFrame) -> list[str]:
    """What is wrong with a decision as it stands: nothing, if it is proven by its own certificates.

    The certificates are checked anew against the sums of the cells; nothing of the search for them is used.
    """
    cells, key = _ordered(product, cells), [*product.dimensions]
    decision = decision.sort_values(key, ignore_index=True)
    if not decision[key].equals(cells[key]):
        return ["the decisions are not on the cells as they stand"]
    known = _known(product, cells)
    primary = primary_of(product, cells)
    hidden = decision["status"].isin([WITHHELD, NOT_APPLICABLE]).to_numpy() & ~known
    bare = int((np.isin(primary.status, [WITHHELD, NOT_APPLICABLE]) & ~hidden).sum())
    faults = [f"{bare} cells are shown that a rule withholds"] if bare else []
    lattice = lattice_of(product, cells)
    left = int((_with_remainders(product, cells, lattice, hidden, known) & ~hidden).sum())
    faults += [f"{left} sums leave too few contributors when their published parts are taken away"] if left else []
    system = system_of(lattice, primary, hidden)
    try:
        down, up = verify_witnesses(system, _matrix(witness, len(cells)))
    except MethodError as error:
        return [*faults, str(error)]
    slack = 1 - 1e-6
    short = hidden & ((down < system.protect_down * slack) | (up < system.protect_up * slack))
    return [*faults, f"{int(short.sum())} withheld cells have no certificate"] if short.any() else faults


def _ordered(product: Product, cells: pd.DataFrame) -> pd.DataFrame:
    return cells.sort_values(list(product.dimensions), ignore_index=True)


def _dimension(column: str, hierarchy: str, codes: pd.Series) -> Dimension:
    if hierarchy == QUARTER:
        found = sorted(codes.unique())
        years = [code for code in found if len(code) == len("2020")]
        return Dimension.of(column, [(y, [c for c in found if c != y and c.startswith(y)]) for y in years], found)
    nodes = catalog.hierarchy_nodes(hierarchy)
    return Dimension.of(column, sums_of(nodes), list(nodes["code"]))


def _findings(product: Product, cells: pd.DataFrame) -> Sequence[Finding]:
    found, limits = [disclosive_zeros(cells[product.value].to_numpy(float))], catalog.thresholds()
    if "reliability" in product.rules:
        tested = cells[product.tested_on or product.value].to_numpy(float)
        ladder = limits["reliability"]
        found.append(
            reliability_ladder(tested, withhold_below=ladder["withhold_below"], flag_below=ladder["flag_below"])
        )
    if "contributors" in product.rules and product.respondents:
        count = cells[product.respondents].to_numpy(float, na_value=np.nan)
        least = limits["contributors"]["withhold_below"]
        count = np.where(np.isnan(count), np.inf, count)
        found.append(contributor_counts(count, minimum=least, zeros_are_disclosive=True))
    return found


def _known(product: Product, cells: pd.DataFrame) -> np.ndarray:
    known = np.zeros(len(cells), bool)
    for column, code in product.known.items():
        known |= (cells[column] == code).to_numpy()
    return known


def _with_remainders(
    product: Product, cells: pd.DataFrame, lattice: Lattice, hidden: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Withheld cells, and parts whose publication would leave a sum with too few contributors."""
    if "contributors" not in product.rules or not product.respondents:
        return hidden
    official = _official(product, cells)
    count = np.nan_to_num(cells[product.respondents].to_numpy(float, na_value=np.nan), nan=0.0)
    least = catalog.thresholds()["contributors"]["withhold_below"]
    return hidden | widen_remainders(
        lattice, hidden & ~official, count, hiding_cost(lattice), minimum=least, fixed=known | official
    )


def _rest_protection(product: Product, cells: pd.DataFrame, value: np.ndarray) -> np.ndarray:
    """How uncertain a part must be, and the rest of its sum with it: a share of what the fewest make up."""
    count = cells[product.respondents].to_numpy(float, na_value=np.nan) if product.respondents else np.ones(len(value))
    limits = catalog.thresholds()
    part = np.minimum(1.0, limits["contributors"]["withhold_below"] / np.maximum(count, 1.0))
    return np.asarray(limits["protection"]["share"] * value * np.nan_to_num(part, nan=0.0), float)


def _official(product: Product, cells: pd.DataFrame) -> np.ndarray:
    """Cells that the publisher of the survey gives out itself: broken down by nothing but the official dimensions."""
    given = np.full(len(cells), bool(product.official))
    for column, hierarchy in product.dimensions.items():
        if column not in product.official:
            given &= (cells[column] == catalog.hierarchy_nodes(hierarchy)["code"].iloc[-1]).to_numpy()
    return given


def _eased(primary: PrimaryDecision, most: np.ndarray) -> PrimaryDecision:
    """The same decision, with no more protection asked for than `most` of each cell."""
    return replace(
        primary,
        protect_down=np.minimum(primary.protect_down, most),
        protect_up=np.minimum(primary.protect_up, most),
    )


def _without(primary: PrimaryDecision, known: np.ndarray) -> PrimaryDecision:
    """The same decision, with nothing asked of the cells an attacker is taken to know."""
    return replace(
        primary,
        status=np.where(known, OK, primary.status),
        disclosure=np.where(known, "", primary.disclosure),
        reliability=np.where(known, "", primary.reliability),
        protect_down=np.where(known, 0.0, primary.protect_down),
        protect_up=np.where(known, 0.0, primary.protect_up),
    )


def _require_measure(product: Product, lattice: Lattice, decision: Decision, value: np.ndarray, column: str) -> None:
    """Audit a further sum of the same cells with the same cells withheld."""
    protection = catalog.thresholds()["protection"]
    wanted = decision.system.protected & (value > 0)
    asked = np.where(wanted, np.minimum(protection["unit"], protection["share"] * value), 0.0)
    system = replace(
        decision.system,
        value=value,
        row_lower=lattice.matrix @ value,
        row_upper=lattice.matrix @ value,
        protect_down=asked,
        protect_up=asked,
    )
    verdict = audit(system, rng=np.random.default_rng(SEED), witnesses=_rescaled(decision.audit.witnesses, value))
    if not verdict.passed:
        unsafe = int((system.hidden & wanted & ~(verdict.certified & ~verdict.exposed)).sum())
        raise DisclosureError(
            f"product '{product.name}': {unsafe} withheld cells of {column} are not proven safe with the cells that"
            f" protect {product.value}; take {column} as the value of a product of its own"
        )


def _rescaled(witnesses: sp.csr_matrix, value: np.ndarray) -> sp.csr_matrix:
    """The same directions, as long as a table of other values allows."""
    entries = sp.coo_array(witnesses)
    falling = entries.data < 0
    length = np.full(witnesses.shape[0], np.inf)
    np.minimum.at(length, entries.row[falling], value[entries.col[falling]] / -entries.data[falling])
    length = np.where(np.isfinite(length), length, 1.0)
    return sp.csr_matrix(sp.diags(length * (1 - 1e-9)) @ witnesses)


def _gate(
    product: Product, cells: pd.DataFrame, lattice: Lattice, decision: Decision, known: np.ndarray, audit_id: str
) -> Gate:
    slice_ = list(catalog.table(product.cells).slice_by)
    key = [*slice_, *product.dimensions]
    synthetic = combine_synthetic(cells["synthetic"])
    status = np.where(known, NOT_APPLICABLE, decision.status)
    told = cells[key].assign(
        status=status,
        withheld_reason=_told(np.where(known, KNOWN, decision.reason)),
        # A part withheld for a remainder could be shown by itself: nothing is asked of the cell.
        protect_down=np.where(decision.reason == REMAINDER, 0.0, decision.protect_down),
        protect_up=np.where(decision.reason == REMAINDER, 0.0, decision.protect_up),
        audit_id=audit_id,
        synthetic=synthetic,
    )
    moves = sp.coo_array(_needed(decision))
    where = {column: cells[column].iloc[0] for column in slice_}
    witness = pd.DataFrame({"witness_number": moves.row, "cell_number": moves.col, "witness_move": moves.data})
    witness = witness.assign(**where, audit_id=audit_id, synthetic=synthetic)
    counts = {name: int((status == name).sum()) for name in (OK, SMALL_SAMPLE, WITHHELD, NOT_APPLICABLE)}
    counts["complementary"] = int((decision.reason == "complementary").sum())
    counts["certified"] = int(decision.audit.certified.sum())
    counts["repairs"] = decision.rounds
    return Gate(told, witness, _offers(product, cells, lattice, status, synthetic), audit_id, counts)


def _told(reasons: np.ndarray) -> pd.Series:
    texts = pd.Series(reasons, dtype="object")
    return texts.where(texts != "", None)


def _needed(decision: Decision) -> sp.csr_matrix:
    """The certificates that reach furthest for some cell: the others prove nothing more."""
    moves = decision.audit.witnesses.tocsc()
    if not moves.shape[0]:
        return decision.audit.witnesses
    kept: set[int] = set()
    for best in (moves.argmax(axis=0), moves.argmin(axis=0)):
        kept.update(np.asarray(best).ravel()[decision.system.protected].tolist())
    return decision.audit.witnesses[sorted(kept)]


def _matrix(witness: pd.DataFrame, cells: int) -> sp.csr_matrix:
    rows, cols = witness["witness_number"].to_numpy(), witness["cell_number"].to_numpy()
    shape = (int(rows.max()) + 1 if len(rows) else 0, cells)
    return sp.csr_matrix((witness["witness_move"].to_numpy(float), (rows, cols)), shape=shape)


def _offers(
    product: Product, cells: pd.DataFrame, lattice: Lattice, status: np.ndarray, synthetic: str
) -> pd.DataFrame:
    shown = np.isin(status, [OK, SMALL_SAMPLE])
    asked = np.isin(status, [SMALL_SAMPLE, WITHHELD])
    found = coarsen(lattice, shown, status == OK, order=product.ladder, asked=asked)
    key = [*catalog.table(product.cells).slice_by, *product.dimensions]
    rows = cells[key].take(found.cell).reset_index(drop=True)
    targets = cells[list(product.dimensions)].take(found.target).reset_index(drop=True)
    return rows.assign(
        rank=found.rank.astype("int64"),
        **{f"{ALTERNATIVE}{name}": targets[name] for name in product.dimensions},
        alternative_status=status[found.target],
        synthetic=synthetic,
    )
