"""The schedule: the rows of each step, as a pure function of (manifest digest, schedule, seed).

    step -> phase -> draws of the phase -> stratum (`interleave`) -> k-th draw of that stratum in the run
         -> epoch = k // rows, row = permutation of that epoch at k % rows (`permutation`)

Only quotas are stored: the rows of any step are computed in microseconds, resume is exact, and the order is the same
at any world size and accumulation. Shares, repeats and curricula need no disk space: `arcorp mix` creates another
schedule for the same rows. `schedule.json` is outside the seal of the dataset, so it contains the digest of its
dataset and a digest of itself. Numpy and the standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sharding import checked
from sharding.errors import OptionError
from sharding.layout import DatasetLayout, SplitLayout
from sharding.scheduling.interleave import MAX_DRAWS, Interleaving
from sharding.scheduling.mixture import (
    Mixture,
    MixtureLine,
    StratumSize,
    check_epochs,
    final_shares,
    largest_remainder,
    share_lines,
)
from sharding.scheduling.permutation import U64, permute, round_keys
from sharding.scheduling.phase import Phase
from sharding.seal import Damaged, Manifest, Unsealed, canonical, digest_of, parsed

FORMAT = 1

Rows = npt.NDArray[np.int64]


def strata_of(split: SplitLayout) -> list[StratumSize]:
    """Return the strata of a split as input of a mixture; sizes in rows, which all have the same number of tokens."""
    return [StratumSize(s.name, s.rows, s.source, s.language, s.category) for s in split.strata]


def create_schedule(
    manifest: Manifest,
    phases: Sequence[Phase],
    mixture: Mixture,
    *,
    batch_rows: int,
    seed: int,
    max_epochs: float | None = None,
) -> dict[str, Any]:
    """Return a schedule for a packed dataset: the JSON of `schedule.json`, including its digest.

    manifest: of the dataset; phases: in order of training; mixture: of the phases that have none; batch_rows: rows of
    a step over all ranks; seed: determines the order of rows; max_epochs: largest number of epochs of any stratum over
    the whole run, or None. Raises OptionError for invalid phases or mixtures, and for more rows than `max_epochs`
    allows; the message names the stratum and the number of missing rows. Raises Damaged if `manifest` is not that of a
    dataset.
    """
    layout = DatasetLayout.from_json(manifest.summary, "the manifest of the dataset")
    if batch_rows < 1 or not phases:
        raise OptionError(
            f"a schedule needs at least one phase and one row a step, not {len(phases)} and {batch_rows}"
        )
    strata = strata_of(layout.splits["train"])
    sizes = {stratum.name: stratum.size for stratum in strata}
    drawn = dict.fromkeys(sizes, 0)
    phase_values = []
    for phase in phases:
        steps = phase.whole_steps(batch_rows * layout.row_tokens)
        rule = phase.mixture or mixture
        rows = steps * batch_rows
        quotas = largest_remainder(final_shares(strata, rule, budget=rows), rows)
        for name, quota in quotas.items():
            drawn[name] += quota
        phase_values.append({"name": phase.name, "steps": steps, "formula": rule.formula, "quotas": quotas})
    if max_epochs is not None:
        check_epochs(drawn, sizes, max_epochs, f"rows of {layout.row_tokens} tokens")
    schedule = {
        "format": FORMAT,
        "manifest": manifest.digest,
        "seed": seed,
        "row_tokens": layout.row_tokens,
        "batch_rows": batch_rows,
        "max_epochs": max_epochs,
        "phases": phase_values,
        "shares": {
            line.stratum: {
                "rows": line.size,
                "natural": line.natural,
                "final": line.share,
                "drawn": line.drawn,
                "epochs": line.epochs,
            }
            for line in share_lines(sizes, drawn)
        },
    }
    return {**schedule, "digest": digest_of(schedule)}


def schedule_path(dataset: Path, given: str) -> Path:
    """Return the file of a schedule. given: the name of a file in the dataset's folder, or a path, which has a slash.

    >>> schedule_path(Path("out/dataset"), "second.json"), schedule_path(Path("out/dataset"), "./second.json")
    (PosixPath('out/dataset/second.json'), PosixPath('second.json'))
    """
    return Path(given) if "/" in given else dataset / given


def is_schedule(value: Any) -> bool:
    """Return True if a JSON value has the keys of a schedule. Its content is not checked."""
    keys = {"format", "manifest", "seed", "row_tokens", "batch_rows", "phases", "shares", "digest"}
    return isinstance(value, dict) and value.keys() >= keys


def share_table(schedule: Mapping[str, Any]) -> list[MixtureLine]:
    """Return the shares of a schedule over the whole run, one line per stratum, for printing."""
    shares = schedule["shares"]
    return share_lines({n: s["rows"] for n, s in shares.items()}, {n: s["drawn"] for n, s in shares.items()})


@dataclass(frozen=True, slots=True)
class _PhaseRows:
    """The rows of a phase: its steps, its interleaving, and the number of earlier draws of each of its strata."""

    name: str
    first_step: int
    steps: int
    interleaving: Interleaving
    stratum: Rows  # index in the strata of the split, for each name of the interleaving
    before: Rows  # draws of that stratum in earlier phases


class Schedule:
    """A schedule of the training rows of a dataset, checked against its own digest and against the dataset.

    data: the JSON value of `schedule.json`; manifest: of the dataset; where: name of the schedule in messages.
    Raises Damaged if the JSON was changed, was created for another dataset, or is inconsistent.
    """

    def __init__(self, data: Any, manifest: Manifest, where: str = "schedule") -> None:
        layout = DatasetLayout.from_json(manifest.summary, "the manifest of the dataset")
        try:
            self._check(data, manifest.digest, layout, where)
            self.data: dict[str, Any] = data
            self.seed = checked.count(data["seed"], "seed", least=-(2**63), most=2**64)
            self.batch_rows = checked.count(data["batch_rows"], "batch_rows", least=1, most=MAX_DRAWS)
            self._set_phases(data["phases"], layout.splits["train"], where)
        except (KeyError, TypeError, ValueError, AttributeError, OptionError) as error:
            raise Damaged(f"{where} is not a schedule ({error!r}); create it again with `arcorp mix`") from None
        self.steps = sum(phase.steps for phase in self._phases)
        self._digest = manifest.digest
        self._keys: dict[tuple[int, int], U64] = {}

    @classmethod
    def read(cls, path: Path, manifest: Manifest) -> Schedule:
        """Read and check a schedule. Raises Unsealed if there is no such file, and Damaged as the constructor does."""
        try:
            text = path.read_bytes()
            data = parsed(text)
            is_canonical = text == canonical(data)
        except FileNotFoundError:
            here = f", or give ./{path.name} for the one in this folder" if Path(path.name).is_file() else ""
            raise Unsealed(f"{path} is missing: create a schedule with `arcorp mix`{here}") from None
        except ValueError as error:
            raise Damaged(f"{path} is not JSON ({error}); create it again with `arcorp mix`") from None
        if not is_canonical:
            raise Damaged(f"{path} was changed since it was created; create it again with `arcorp mix`")
        return cls(data, manifest, str(path))

    @staticmethod
    def _check(data: Any, digest: str, layout: DatasetLayout, where: str) -> None:
        body = {key: value for key, value in data.items() if key != "digest"}
        if data["digest"] != digest_of(body):
            raise Damaged(f"{where} was changed since it was created; create it again with `arcorp mix`")
        if data["format"] != FORMAT:
            raise Damaged(f"{where} has format {data['format']}, this arcorp reads {FORMAT}; create it again")
        for name in ("phases", "shares"):
            if not isinstance(data[name], {"phases": list, "shares": dict}[name]):
                raise ValueError(f"{name} is {data[name]!r:.40}")
        if data["manifest"] != digest or data["row_tokens"] != layout.row_tokens:
            raise Damaged(
                f"{where} was created for dataset {str(data['manifest'])[:16]}, this one is {digest[:16]}; "
                "create it again with `arcorp mix`"
            )

    def _set_phases(self, phases: Sequence[Mapping[str, Any]], split: SplitLayout, where: str) -> None:
        self._strata = split.strata
        self._rows = np.array([s.rows for s in split.strata], np.int64)
        self._first = np.array([s.first_row for s in split.strata], np.int64)
        index = {s.name: i for i, s in enumerate(split.strata)}
        before = np.zeros(len(index), np.int64)
        self._phases: list[_PhaseRows] = []
        step = 0
        if not phases:
            raise ValueError("no phases")
        for phase in phases:
            checked.text(phase["name"], "name of a phase")
            steps = checked.count(phase["steps"], "steps of a phase", least=1, most=MAX_DRAWS)
            quotas = {name: checked.count(quota, f"quota of {name}") for name, quota in phase["quotas"].items()}
            interleaving = Interleaving(quotas)
            stratum = np.array([index[name] for name in interleaving.names], np.int64)
            if interleaving.draws != steps * self.batch_rows or (self._rows[stratum] == 0).any():
                raise Damaged(
                    f"{where}: phase {phase['name']!r} draws {interleaving.draws} rows for {steps} steps "
                    f"of {self.batch_rows}, or draws from a stratum without rows"
                )
            self._phases.append(_PhaseRows(phase["name"], step, steps, interleaving, stratum, before[stratum]))
            before[stratum] += [quotas[name] for name in interleaving.names]
            step += steps

    def phase_of(self, step: int) -> str:
        """Return the name of the phase of a step. Raises IndexError for a step that does not exist."""
        return self._phase(step).name

    def _phase(self, step: int) -> _PhaseRows:
        for phase in self._phases:
            if phase.first_step <= step < phase.first_step + phase.steps:
                return phase
        raise IndexError(f"step {step} is not in the schedule, which has steps 0 to {self.steps - 1}")

    def rows_of(self, start: int, stop: int) -> Rows:
        """Return the global row numbers of steps start .. stop - 1: int64, (stop - start, batch_rows).

        Raises IndexError for a step that does not exist.
        """
        result = np.empty((max(stop - start, 0), self.batch_rows), np.int64)
        step = start
        while step < stop:
            phase = self._phase(step)
            until = min(stop, phase.first_step + phase.steps)
            first, last = ((bound - phase.first_step) * self.batch_rows for bound in (step, until))
            rows = self._rows_of_draws(phase, np.arange(first, last, dtype=np.int64))
            result[step - start : until - start] = rows.reshape(-1, self.batch_rows)
            step = until
        return result

    def _rows_of_draws(self, phase: _PhaseRows, draws: Rows) -> Rows:
        leaf, count = phase.interleaving.locate(draws)
        stratum = phase.stratum[leaf]
        size = self._rows[stratum]
        epoch, index = np.divmod(phase.before[leaf] + count, size)
        permuted = permute(index.astype(np.uint64), size.astype(np.uint64), self._keys_of(stratum, epoch))
        return self._first[stratum] + permuted.astype(np.int64)

    def _keys_of(self, stratum: Rows, epoch: Rows) -> U64:
        """Return the permutation keys of each draw: uint64, (ROUNDS, n)."""
        pairs, inverse = np.unique(np.stack([stratum, epoch]), axis=1, return_inverse=True)
        table = np.stack([self._key(int(s), int(e)) for s, e in pairs.T], axis=1)
        return table[:, inverse.reshape(-1)]

    def _key(self, stratum: int, epoch: int) -> U64:
        pair = (stratum, epoch)
        if pair not in self._keys:
            self._keys[pair] = round_keys(self._digest, self.seed, self._strata[stratum].name, epoch)
        return self._keys[pair]

    def drawn(self, steps: int) -> dict[str, int]:
        """Return the number of rows drawn from each stratum in the first `steps` steps."""
        counts = {s.name: 0 for s in self._strata}
        for phase in self._phases:
            done = min(max(steps - phase.first_step, 0), phase.steps)
            for name, count in phase.interleaving.taken(done * self.batch_rows).items():
                counts[name] += count
        return counts
