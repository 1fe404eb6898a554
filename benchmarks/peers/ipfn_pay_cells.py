"""The ipfn package on a table of three axes and its one-way margins. Arguments: problem file, answer file."""

from __future__ import annotations

import sys
import time

import numpy as np
from ipfn import ipfn

with np.load(sys.argv[1]) as problem:
    table, sums = problem["table"], [problem[f"sums{axis}"] for axis in range(3)]
begin = time.perf_counter()
fit = ipfn.ipfn(table.copy(), sums, [[0], [1], [2]], convergence_rate=1e-9, rate_tolerance=0.0).iteration()
np.savez(sys.argv[2], table=fit, seconds=time.perf_counter() - begin)
