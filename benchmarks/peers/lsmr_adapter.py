"""SciPy's LSMR on the sparse design: no standard errors. Arguments: problem folder, errors, repeats, output file."""

from __future__ import annotations

import sys

import measure
import numpy as np
import pay_equation_problem
import scipy
from scipy import sparse
from scipy.sparse.linalg import lsmr

folder, _, repeats, output = sys.argv[1:5]
data = pay_equation_problem.load(folder)
age = data["age"] / 40 - 1
root = np.sqrt(data["weight"] / data["weight"].mean())


def build() -> sparse.csr_array:
    """Design times the root of the weights, with every column scaled to length 1."""
    starts = np.cumsum([2, *pay_equation_problem.LEVELS.values()])
    columns = [np.zeros(len(age), dtype=np.int64), np.ones(len(age), dtype=np.int64)]
    columns += [data[name] + start for name, start in zip(pay_equation_problem.LEVELS, starts[:-1], strict=True)]
    values = [age * root, age**2 * root, *[root] * len(pay_equation_problem.LEVELS)]
    pointers = np.arange(len(age) + 1) * len(columns)
    entries = np.stack(values, axis=1).ravel(), np.stack(columns, axis=1).ravel(), pointers
    matrix = sparse.csr_array(entries, shape=(len(age), starts[-1]))
    length = np.sqrt(np.bincount(matrix.indices, matrix.data**2, minlength=starts[-1]))
    matrix.data /= np.maximum(length, 1e-300)[matrix.indices]
    return matrix


def solve(matrix: sparse.csr_array) -> np.ndarray:
    """Fitted values."""
    found = lsmr(matrix, root * data["y"], atol=1e-12, btol=1e-12, maxiter=1000)[0]
    return np.concatenate([np.full(4, np.nan), (matrix @ found) / root])


measure.run(build, solve, repeats=int(repeats), output=output, version=scipy.__version__)
