"""Tables for the tests of the audit, and two solvers that know nothing of it.

Matrices are made by Kronecker products of one dimension's sums, not by the project's own builder.
"""

from collections.abc import Sequence
from functools import reduce

import numpy as np
import scipy.sparse as sp
import swiglpk as glpk
from scipy.optimize import linprog

from lmi_pipeline.methods.disclosure_system import DisclosureSystem, Link, join_systems

BOX = 1e7
Sums = Sequence[tuple[int, Sequence[int]]]


def flat(leaves):
    """One total over `leaves` leaves: the total is the last node."""
    return leaves, [(leaves, range(leaves))]


def table(dimensions, leaf_values):
    """Matrix and values of the full product of dimensions; each is (number of leaves, sums in rising order)."""
    nodes, upward, sums = [], [], []
    for leaves, parents in dimensions:
        count = leaves + len(parents)
        up = np.zeros((count, leaves))
        up[:leaves] = np.eye(leaves)
        rows = np.zeros((len(parents), count))
        for number, (parent, children) in enumerate(parents):
            children = list(children)
            up[parent] = up[children].sum(axis=0)
            rows[number, children], rows[number, parent] = 1.0, -1.0
        nodes.append(count), upward.append(up), sums.append(rows)
    value = reduce(np.kron, upward) @ np.asarray(leaf_values, dtype=float).ravel()
    blocks = []
    for axis in range(len(dimensions)):
        factors = [sp.eye(count) for count in nodes]
        factors[axis] = sp.csr_matrix(sums[axis])
        blocks.append(reduce(sp.kron, factors))
    return sp.csr_matrix(sp.vstack(blocks)), value, tuple(nodes)


def protected_system(matrix, value, hidden, primary, *, share=0.2, **bounds):
    """Protection of one unit or a share of the value, whichever is more, both ways, for the primary cells."""
    level = np.where(primary, np.maximum(1.0, share * np.abs(value)), 0.0)
    return DisclosureSystem.of_equations(matrix, value, hidden, protect_down=level, protect_up=level, **bounds)


def cells(shape, *places):
    """Mask over a table of `shape` nodes with the named places set."""
    mask = np.zeros(shape, dtype=bool)
    for place in places:
        mask[place] = True
    return mask.ravel()


def random_system(seed):
    """A small system: two or three dimensions, hierarchies, linked tables, rates or rounded rows in turn."""
    rng = np.random.default_rng(seed)
    kind = ("two", "three", "hierarchy", "linked", "rate")[seed % 5]
    if kind == "linked":
        return _linked(rng)
    system = _single(_dimensions(kind, rng), rng)
    return _with_rates(system, rng) if kind == "rate" else system


def _dimensions(kind, rng):
    if kind == "hierarchy":
        return [(4, [(4, [0, 1]), (5, [2, 3]), (6, [4, 5]), (7, [0, 2])]), flat(int(rng.integers(2, 4)))]
    return [flat(int(rng.integers(2, 4))) for _ in range(3 if kind == "three" else 2)]


def _single(dimensions, rng):
    leaf_values = rng.integers(0, 40, [leaves for leaves, _ in dimensions]) * (rng.random() < 0.5 or 1.37)
    matrix, value, _ = table(dimensions, leaf_values)
    hidden = rng.random(len(value)) < rng.uniform(0.25, 0.8)
    primary = hidden & (rng.random(len(value)) < 0.6)
    signed = rng.random() < 0.2
    ceiling = np.where(rng.random(len(value)) < 0.3, value + rng.integers(0, 30, len(value)), np.inf)
    return protected_system(
        matrix,
        value,
        hidden,
        primary,
        floor=-np.inf if signed else 0.0,
        ceiling=ceiling,
        share=rng.choice([0, 0.2, 0.5]),
    )


def _linked(rng):
    first = _single([flat(3), flat(2)], rng)
    second = _single([flat(2), flat(2)], rng)
    one, other = int(rng.integers(len(first.value))), int(rng.integers(len(second.value)))
    share = rng.uniform(0.2, 2.0)
    truth = first.value[one] - share * second.value[other]
    room = rng.choice([0.0, 2.0])
    number = np.array([one, len(first.value) + other])
    exact = Link(number, np.array([1.0, -share]), truth - room, truth + room)
    difference = second.value[0] - first.value[0]
    same = Link(np.array([0, len(first.value)]), np.array([-1.0, 1.0]), difference, difference)
    return join_systems([first, second], [exact, same])


def _with_rates(system, rng):
    links = []
    for _ in range(2):
        count, base = rng.choice(len(system.value), 2, replace=False)
        rate = np.round(system.value[count] / max(system.value[base], 1.0), 2)
        off = system.value[count] - rate * system.value[base]
        half = max(abs(off), 0.005 * abs(system.value[base])) + 0.01
        links.append(Link(np.array([count, base]), np.array([1.0, -rate]), -half, half))
    return join_systems([system], links)


def hidden_programme(system):
    """Plain attacker programme over the withheld cells: matrix, row bounds, cell bounds."""
    hidden = np.flatnonzero(system.hidden)
    dense = system.matrix.toarray()
    known = dense[:, ~system.hidden] @ system.value[~system.hidden]
    lower, upper = system.row_lower - known, system.row_upper - known
    return dense[:, hidden], lower, upper, system.floor[hidden], system.ceiling[hidden]


def intervals_by_highs(system):
    """Both ends for every withheld cell at once: one block for each end."""
    matrix, lower, upper, floor, ceiling = hidden_programme(system)
    count = matrix.shape[1]
    equal = lower == upper
    copies = sp.eye(2 * count)
    cost = np.concatenate([np.eye(count), -np.eye(count)]).ravel()
    loose = np.vstack([matrix[~equal], -matrix[~equal]])
    bounds = np.stack(
        [np.tile(np.maximum(floor, -BOX), 2 * count), np.tile(np.minimum(ceiling, BOX), 2 * count)], axis=1
    )
    result = linprog(
        cost,
        A_eq=sp.kron(copies, matrix[equal]) if equal.any() else None,
        b_eq=np.tile(lower[equal], 2 * count) if equal.any() else None,
        A_ub=sp.kron(copies, loose) if len(loose) else None,
        b_ub=np.tile(np.concatenate([upper[~equal], -lower[~equal]]), 2 * count) if len(loose) else None,
        bounds=bounds,
        method="highs",
    )
    assert result.status == 0, result.message
    ends = result.x.reshape(2, count, count)
    return _unboxed(np.diagonal(ends[0]), np.diagonal(ends[1]))


def intervals_by_glpk(system):
    """Both ends for every withheld cell by GLPK's simplex method, one objective after another."""
    matrix, lower, upper, floor, ceiling = hidden_programme(system)
    rows, count = matrix.shape
    problem = glpk.glp_create_prob()
    glpk.glp_term_out(glpk.GLP_OFF)
    glpk.glp_add_rows(problem, rows)
    glpk.glp_add_cols(problem, count)
    for row in range(rows):
        kind = glpk.GLP_FX if lower[row] == upper[row] else glpk.GLP_DB
        glpk.glp_set_row_bnds(problem, row + 1, kind, lower[row], upper[row])
    for cell in range(count):
        low, high = max(floor[cell], -BOX), min(ceiling[cell], BOX)
        glpk.glp_set_col_bnds(problem, cell + 1, glpk.GLP_FX if low == high else glpk.GLP_DB, low, high)
    row, column = np.nonzero(matrix)
    first, second, number = glpk.intArray(len(row) + 1), glpk.intArray(len(row) + 1), glpk.doubleArray(len(row) + 1)
    for place, (i, j) in enumerate(zip(row.tolist(), column.tolist(), strict=True), start=1):
        first[place], second[place], number[place] = i + 1, j + 1, matrix[i, j]
    glpk.glp_load_matrix(problem, len(row), first, second, number)
    ends = np.array(
        [[_glpk_end(problem, cell + 1, way) for cell in range(count)] for way in (glpk.GLP_MIN, glpk.GLP_MAX)]
    )
    glpk.glp_delete_prob(problem)
    return _unboxed(*ends)


def _glpk_end(problem, cell, way):
    glpk.glp_set_obj_dir(problem, way)
    glpk.glp_set_obj_coef(problem, cell, 1.0)
    assert glpk.glp_simplex(problem, None) == 0
    assert glpk.glp_get_status(problem) == glpk.GLP_OPT
    end = glpk.glp_get_obj_val(problem)
    glpk.glp_set_obj_coef(problem, cell, 0.0)
    return end


def _unboxed(low, high):
    return np.where(low < -0.01 * BOX, -np.inf, low), np.where(high > 0.01 * BOX, np.inf, high)
