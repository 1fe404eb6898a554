"""The invented jobs that every quantile regression of the benchmark is given, in the form that each of them reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SEED = 20210421
LEVELS = {"occupation": 369, "region": 12, "sex": 2, "qualification": 9, "industry": 75}
PROBABILITIES = tuple(tenth / 10 for tenth in range(1, 10))


def write(folder: Path, size: int, occupations: int = LEVELS["occupation"]) -> dict[str, np.ndarray]:
    """Write the sample as problem.npz and, in compressed rows, as raw arrays; give it back.

    Log weekly pay with effects of every level, age and age squared; the spread differs by occupation and is heavy in
    the tails; occupations have shares from large to thin and rows have unequal weights. The columns are all levels of
    the first factor that have rows, and all but the first of the others: 465 with age and age squared.
    """
    generator = np.random.default_rng(SEED)
    levels = np.array([occupations, *list(LEVELS.values())[1:]])
    share = np.exp(generator.normal(0, 1.1, occupations))
    codes = np.column_stack(
        [
            generator.choice(occupations, size, p=share / share.sum()),
            *(generator.integers(0, count, size) for count in levels[1:]),
        ]
    ).astype(np.int32)
    age = (generator.integers(20, 66, size) - 43) / 10
    effects = [
        generator.normal(0, spread, count) for spread, count in zip((0.4, 0.06, 0.1, 0.1, 0.1), levels, strict=True)
    ]
    spread = generator.uniform(0.25, 0.55, occupations)[codes[:, 0]]
    y = 6.2 + 0.08 * age - 0.07 * age**2 + spread * generator.standard_t(5, size)
    y += sum(effect[codes[:, at]] for at, effect in enumerate(effects))
    problem = {
        "codes": codes,
        "levels": levels,
        "continuous": np.column_stack([age, age**2]),
        "y": y,
        "weight": 100 * generator.gamma(4, 0.25, size),
    }
    problem |= _compressed(codes, levels, problem["continuous"])
    np.savez(folder / "problem.npz", **problem)
    for name in ("y", "weight", "value", "column", "start"):
        problem[name].tofile(folder / f"{name}.raw")
    (folder / "shape.txt").write_text(f"{size} {len(problem['kept'])} {len(problem['value'])}\n")
    return problem


def _compressed(codes: np.ndarray, levels: np.ndarray, continuous: np.ndarray) -> dict[str, np.ndarray]:
    """Values (double), columns and starts (int32 from 1) of the columns that are kept."""
    first = continuous.shape[1] + np.cumsum(levels) - levels
    used = np.zeros(int(first[-1] + levels[-1]), dtype=bool)
    used[: continuous.shape[1]] = True
    used[(codes + first).ravel()] = True
    for start, count in list(zip(first, levels, strict=True))[1:]:
        used[start + np.argmax(used[start : start + count])] = False
    kept = np.flatnonzero(used)
    number = np.where(used, np.cumsum(used), 0)
    across = np.concatenate([np.tile(number[: continuous.shape[1]], (len(codes), 1)), number[codes + first]], axis=1)
    values = np.concatenate([continuous, np.ones(codes.shape)], axis=1)
    there = across > 0
    starts = np.concatenate([[1], 1 + np.cumsum(there.sum(axis=1))])
    return {
        "kept": kept,
        "value": values[there],
        "column": across[there].astype(np.int32),
        "start": starts.astype(np.int32),
    }
