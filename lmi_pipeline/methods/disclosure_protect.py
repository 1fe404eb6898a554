"""Protection of tables: primary rules, complementary suppression, joint audit, repair; or nothing at all.

Tables are suppressed one by one, with hidden cells carried over to every table that has the same cell, and audited as
one. Small tables and those made of margins at several levels are covered by demand, all together, and their last cells
by the cheapest move of each. Large ones that cross everything are covered by cubes, less what nobody needs; cells the
audit does not certify get another cube, the last few the cheapest move near them, others further cells on the sums they
are in, until everything that must be protected is proven safe. What fails is tried again with all cubes, and the other
way, but large margins not by cubes. If nothing serves, an error names the cells and nothing comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from lmi_pipeline.errors import DisclosureError, MethodError
from lmi_pipeline.methods.disclosure_audit import Audit, audit
from lmi_pipeline.methods.disclosure_cubes import Suppression, add_cubes, hiding_cost, suppress
from lmi_pipeline.methods.disclosure_decision import Decision, ProtectOptions
from lmi_pipeline.methods.disclosure_demand import layered, meet_demand
from lmi_pipeline.methods.disclosure_insider import known_to_insiders
from lmi_pipeline.methods.disclosure_joint import in_line, system_of
from lmi_pipeline.methods.disclosure_lattice import Lattice
from lmi_pipeline.methods.disclosure_linking import same_cells, spread
from lmi_pipeline.methods.disclosure_opening import open_for
from lmi_pipeline.methods.disclosure_rules import NOT_APPLICABLE, WITHHELD, PrimaryDecision
from lmi_pipeline.methods.disclosure_system import Link
from lmi_pipeline.methods.disclosure_thinning import thin
from lmi_pipeline.methods.disclosure_widening import fewest_moves, widen
from lmi_pipeline.methods.disclosure_witness import proven_reach, witness_violations

__all__ = ["Decision", "ProtectOptions", "protect", "system_of"]

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

COMPLEMENTARY = "complementary"
_CUBE_ROUNDS = 2
_STRETCH, _TIE, _ZERO, _FEW = 1.5, 0.02, 2.0, 200
_FEASIBLE, _NEARLY = 1e-7, 1 - 1e-6


def protect(
    lattice: Lattice | Sequence[Lattice],
    primary: PrimaryDecision,
    *,
    links: Sequence[Link] = (),
    rng: np.random.Generator,
    cost: ArrayLike | None = None,
    singleton: ArrayLike | None = None,
    fixed: ArrayLike | None = None,
    floor: ArrayLike = 0.0,
    ceiling: ArrayLike = np.inf,
    options: ProtectOptions | None = None,
    progress: Progress | None = None,
) -> Decision:
    """Withhold what the rules say and as little else as makes that safe, proven over all tables together.

    Parameters
    ----------
    lattice : Lattice or sequence of Lattice
        Tables that are published together. Every other array numbers their cells one table after another.
    primary : PrimaryDecision
        Outcome of the rules; every cell of a lattice has a value.
    links : sequence of Link
        Rows that tie cells of several tables; the same cell in two tables is a link with coefficients 1 and -1 and
        bounds 0.
    rng : Generator
        Source of random numbers.
    cost : array_like, shape (cells,), optional
        Loss when a cell is withheld; default that of :func:`hiding_cost`.
    singleton : array_like of bool, shape (cells,), optional
        Cells of one contributor, who knows the value.
    fixed : array_like of bool, shape (cells,), optional
        Cells that stay published whatever happens, e.g. already released. Zeros that are no primary ones are
        fixed, unless other zeros are protected and the tables are covered by demand.
    floor, ceiling : array_like
        Bounds known to everybody: 0 and infinity for counts, minus infinity for flows.
    options : ProtectOptions, optional
        Limits.
    progress : callable, optional
        Told what is being done, the round and the most rounds.

    Returns
    -------
    Decision
        Every protected cell certified.

    Raises
    ------
    DisclosureError
        Some cells cannot be protected; the message names them by their codes.
    MethodError
        Arrays that do not fit the tables.
    """
    limits = options or ProtectOptions()
    work = _Work(lattice, primary, links, rng, cost, singleton, fixed, floor, ceiling, limits)
    tell = progress or (lambda _label, _done, _total: None)
    tell("suppressing", 0, limits.rounds)
    for _ in work.covers():
        for repairs in range(limits.rounds + 1):
            tell(f"auditing {int(work.hidden.sum())} withheld cells", repairs, limits.rounds)
            verdict, unsafe = work.examine()
            if not unsafe.any():
                return work.decision(work.settle(verdict), repairs)
            if repairs < limits.rounds and not work.repair(unsafe, verdict):
                break
    raise DisclosureError(
        f"{int(unsafe.sum())} cells cannot be protected in {repairs} repairs, nothing comes out: {work.names(unsafe)};"
        " coarsen a dimension, leave out that level, or let more cells be withheld"
    )


class _Work:
    """One protection in progress."""

    def __init__(
        self,
        lattice: Lattice | Sequence[Lattice],
        primary: PrimaryDecision,
        links: Sequence[Link],
        rng: np.random.Generator,
        cost: ArrayLike | None,
        singleton: ArrayLike | None,
        fixed: ArrayLike | None,
        floor: ArrayLike,
        ceiling: ArrayLike,
        options: ProtectOptions,
    ) -> None:
        self.tables = [lattice] if isinstance(lattice, Lattice) else list(lattice)
        self.ends = np.cumsum([len(table.value) for table in self.tables])
        self.options, self.rng = options, rng
        cells = int(self.ends[-1])
        if len(primary.status) != cells:
            raise MethodError(f"protection: the rules speak of {len(primary.status)} cells, the tables have {cells}")
        self.group = same_cells(links, cells)
        self.primary = in_line(primary, self.group)
        self.first = (self.primary.status == WITHHELD) | (self.primary.status == NOT_APPLICABLE)
        self.hidden = self.first.copy()
        self.system = system_of(self.tables, self.primary, self.hidden, links=links, floor=floor, ceiling=ceiling)
        worth = np.concatenate([hiding_cost(t) for t in self.tables]) if cost is None else np.asarray(cost, float)
        self.cost = np.asarray(worth * np.bincount(self.group)[self.group], float)
        self.singleton = _flags(singleton, cells)
        still = (self.system.value == 0) & (self.system.floor == 0)
        self.open_zeros = spread(~_flags(fixed, cells) & still & ~self.hidden, self.group)
        self.fixed = spread((_flags(fixed, cells) | still) & ~self.hidden, self.group) & ~self.hidden
        self.large = cells >= options.cube_cells
        self.witnesses = sp.csr_matrix((0, cells))
        self._start(self.first, self.witnesses, demand=not self.large or any(map(layered, self.tables)))

    def covers(self) -> Iterator[None]:
        """First suppressions of all tables, one after another until one of them serves."""
        if self.demand:
            yield from self._by_demand()
            if not self.large:
                yield from self._by_cubes()
        else:
            yield from self._by_cubes()
            yield from self._by_demand()

    def _by_demand(self) -> Iterator[None]:
        self._start(self.first, self.witnesses[:0], demand=True)
        self._demand(1.0)
        yield

    def _by_cubes(self) -> Iterator[None]:
        """All cubes less what nobody needs, then all of them."""
        self._start(self.first, self.witnesses[:0], demand=False)
        self._cubes()
        whole, moves = self.hidden, self.witnesses
        less = spread(thin(self.system.with_hidden(whole), whole & ~self.first, self.cost, rng=self.rng), self.group)
        self._start(less, moves, demand=False)
        yield
        if (less != whole).any():
            self._start(whole, moves, demand=False)
            yield

    def examine(self) -> tuple[Audit, Flags]:
        """Audit what is hidden now; the cells that are not proven safe."""
        system = self.system.with_hidden(self.hidden)
        violation, size = witness_violations(system, self.witnesses)
        sound = self.witnesses[np.flatnonzero(violation <= _FEASIBLE * np.maximum(size, 1.0))]
        # one more cube is cheaper than a programme for each of the last cells
        options = self.options.audit if self.demand else replace(self.options.audit, each_limit=0)
        verdict = audit(system, rng=self.rng, witnesses=sound, options=options)
        self.witnesses = verdict.witnesses
        unsafe = system.protected & ~(verdict.certified & ~verdict.exposed)
        if self.options.insiders:
            unsafe |= known_to_insiders(system, self.singleton & self.hidden, rng=self.rng)
        return verdict, unsafe

    def repair(self, unsafe: Flags, verdict: Audit) -> bool:
        """Hide more for the sake of unsafe cells; False if there is nothing left to hide."""
        before, proofs = int(self.hidden.sum()), self.witnesses.shape[0]
        if self.demand:
            self._open(unsafe)
            return bool(self.tried.max() <= self.options.rounds)
        cubes = unsafe & (self.tried < _CUBE_ROUNDS)
        self.tried[unsafe] += 1
        found = np.zeros_like(unsafe)
        if cubes.any():
            self._carry(self._more(cubes), cubes)
            found = cubes & (int(self.hidden.sum()) > before)
        stuck = unsafe & ~(found & ~self.uncovered)
        if 0 < stuck.sum() <= _FEW:
            stuck &= ~self._opened(stuck)
        if stuck.any():
            self.hidden = widen(
                self.system.with_hidden(self.hidden), stuck, also=verdict.exposed, cost=self.cost, fixed=self.fixed,
                group=self.group,
            )  # fmt: skip
        return int(self.hidden.sum()) > before or self.witnesses.shape[0] > proofs

    def settle(self, verdict: Audit) -> Audit:
        """Publish again what no certificate needs hidden, if everything stays safe."""
        moved = np.zeros(len(self.hidden), dtype=bool)
        moved[fewest_moves(verdict.witnesses, self.system, self.hidden & ~self.first).indices] = True
        idle = self.hidden & ~self.first & ~spread(moved, self.group)
        if not idle.any():
            return verdict
        before, self.hidden = self.hidden, self.hidden & ~idle
        again, unsafe = self.examine()
        if not unsafe.any():
            return again
        self.hidden = before
        return verdict

    def decision(self, verdict: Audit, rounds: int) -> Decision:
        """Put a passed audit into words."""
        added = self.hidden & ~self.first
        reason = np.where(self.primary.disclosure != "", self.primary.disclosure, self.primary.reliability)
        reason = np.where(added, COMPLEMENTARY, np.where(self.first, reason, ""))
        return Decision(
            status=np.where(added, WITHHELD, self.primary.status),
            reason=reason.astype(str),
            primary=self.primary,
            protect_down=self.system.protect_down,
            protect_up=self.system.protect_up,
            system=self.system.with_hidden(self.hidden),
            audit=verdict,
            rounds=rounds,
        )

    def names(self, cells: Flags) -> str:
        """Codes of the first few cells."""
        texts: list[str] = []
        for number, table in enumerate(self.tables):
            mine = np.flatnonzero(cells[self._span(number)])[: self.options.named - len(texts)]
            prefix = f"table {number + 1}: " if len(self.tables) > 1 else ""
            texts += [prefix + ", ".join(f"{k}={v}" for k, v in row.items()) for row in _rows(table, mine)]
        more = int(cells.sum()) - len(texts)
        return "; ".join(texts) + (f"; and {more} more" if more > 0 else "")

    def _start(self, hidden: Flags, witnesses: sp.csr_matrix, *, demand: bool) -> None:
        self.hidden, self.witnesses, self.demand = hidden.copy(), witnesses, demand
        self.tried = np.zeros(len(hidden), dtype=np.int32)
        self.uncovered = np.zeros(len(hidden), dtype=bool)

    def _cubes(self) -> None:
        """Cubes in every table until what the tables share agrees, and one repair if some cells have none."""
        wanted = self.first & self.system.protected
        self._carry([self._suppress(number) for number in range(len(self.tables))], wanted)
        if self.uncovered.any():
            verdict, unsafe = self.examine()
            self.repair(unsafe, verdict)

    def _span(self, number: int) -> slice:
        return slice(int(self.ends[number]) - len(self.tables[number].value), int(self.ends[number]))

    def _arguments(self, span: slice) -> dict[str, Any]:
        return {
            "cost": self.cost[span],
            "fixed": self.fixed[span],
            "singleton": self.singleton[span],
            "floor": self.system.floor[span],
            "rng": self.rng,
        }

    def _open(self, unsafe: Flags) -> None:
        """Give unsafe cells more room by demand, later by a programme for each."""
        self.tried[unsafe] += 1
        early = unsafe & (self.tried == 1)
        if early.sum() > _FEW:
            self._demand(np.where(early, _STRETCH, 1.0))
            return
        hidden, moves = open_for(
            self.system.with_hidden(self.hidden), np.flatnonzero(unsafe), price=self._price(), fixed=self.closed,
            still=self.singleton,
        )  # fmt: skip
        self.hidden = spread(hidden, self.group)
        self.witnesses = sp.vstack([self.witnesses, moves], format="csr")
        self._demand(1.0)

    def _opened(self, cells: Flags) -> Flags:
        """Give a few cells the cheapest moves near them; mark those that now have them."""
        system = self.system.with_hidden(self.hidden)
        hidden, moves = open_for(
            system, np.flatnonzero(cells), price=self._price(), fixed=self.fixed, still=self.singleton, sampled=True
        )
        self.hidden = spread(hidden, self.group)
        self.witnesses = sp.vstack([self.witnesses, moves], format="csr")
        down, up = proven_reach(moves, np.zeros(moves.shape[0]))
        return np.asarray(cells & (up >= system.protect_up * _NEARLY) & (down >= system.protect_down * _NEARLY))

    @property
    def closed(self) -> Flags:
        """(cells,) cells that demand may not hide: a zero only where no zero is protected."""
        still = (self.system.value == 0) & self.system.protected
        return np.asarray(self.fixed & ~(self.open_zeros & still.any()))

    def _price(self) -> Floats:
        return np.asarray(1.0 + _TIE * self.cost / max(float(np.median(self.cost)), 1e-9) + _ZERO * self.open_zeros)

    def _demand(self, stretch: Floats | float) -> None:
        system = self.system.with_hidden(self.hidden)
        hidden = meet_demand(system, self.hidden, price=self._price(), fixed=self.closed, stretch=stretch)
        self.hidden = spread(hidden, self.group)

    def _suppress(self, number: int) -> Suppression:
        span = self._span(number)
        return suppress(
            self.tables[number],
            self.hidden[span],
            protect_down=self.system.protect_down[span],
            protect_up=self.system.protect_up[span],
            **self._arguments(span),
        )

    def _add(self, number: int, cells: Flags) -> Suppression:
        span = self._span(number)
        least = np.where(cells, np.minimum(1.0, self.system.value - self.system.floor), 0.0)[span]
        return add_cubes(
            self.tables[number],
            self.hidden[span],
            np.flatnonzero(cells[span]),
            protect_down=np.maximum(self.system.protect_down[span], least),
            protect_up=np.maximum(self.system.protect_up[span], least),
            exclude=self.witnesses[:, span],
            **self._arguments(span),
        )

    def _more(self, cells: Flags) -> list[Suppression | None]:
        return [
            self._add(number, cells) if cells[self._span(number)].any() else None for number in range(len(self.tables))
        ]

    def _carry(self, made: Sequence[Suppression | None], asked: Flags) -> None:
        """Take cubes over, and cover in every table what another table hid of it."""
        self.uncovered = np.zeros_like(self.hidden)
        for _ in range(len(self.tables) * _CUBE_ROUNDS):
            for number, each in enumerate(made):
                if each is not None:
                    self._take(number, each, asked)
            carried = spread(self.hidden, self.group) & ~self.hidden
            if not carried.any():
                return
            self.hidden |= carried
            made, asked = self._more(carried), carried

    def _take(self, number: int, made: Suppression, asked: Flags) -> None:
        span = self._span(number)
        self.hidden[span] |= made.hidden
        self.uncovered[span] |= made.uncovered & asked[span]
        before, after = int(span.start), int(self.ends[-1]) - int(span.stop)
        rows = made.witnesses.shape[0]
        wide = sp.hstack([sp.csr_matrix((rows, before)), made.witnesses, sp.csr_matrix((rows, after))], format="csr")
        self.witnesses = sp.vstack([self.witnesses, wide], format="csr")


def _flags(given: ArrayLike | None, cells: int) -> Flags:
    return np.zeros(cells, dtype=bool) if given is None else np.asarray(given, bool)


def _rows(table: Lattice, cells: NDArray[np.int64]) -> list[dict[str, str]]:
    return [{str(k): str(v) for k, v in row.items()} for row in table.labels(cells).to_dict("records")]
