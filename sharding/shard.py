"""One shard of a dataset: its two or three files, memory-mapped and verified. Numpy and the standard library only."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sharding.layout import SEGMENT, DatasetLayout, Ids
from sharding.mapping import Mapping
from sharding.proving import DamagedFile, Prover

Segments = npt.NDArray[np.void]


class Shard:
    """A shard of `rows` rows. `open` must be called before any other method.

    name: path in `folder` without suffix; number: index in its split; is_masked: it has a mask; prover: None if the
    files are hashed already.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        number: int,
        rows: int,
        layout: DatasetLayout,
        prover: Prover | None,
        *,
        is_masked: bool = False,
    ) -> None:
        self._folder, self._name, self._number = folder, name, number
        self._suffixes = (".bin", ".seg", ".mask") if is_masked else (".bin", ".seg")
        self._rows = rows
        self._layout = layout
        self._prover = prover
        self._maps: list[Mapping] = []

    def open(self) -> None:
        """Map the files and verify them. Raises DamagedFile in the synchronous mode."""
        self._maps = [Mapping(self._folder / (self._name + suffix)) for suffix in self._suffixes]
        if self._prover is not None:
            for suffix, mapped in zip(self._suffixes, self._maps, strict=True):
                self._prover.check_size(self._name + suffix, mapped)
            for suffix, mapped in zip(self._suffixes, self._maps, strict=True):
                self._prover.need(self._name + suffix, self._number, mapped)

    @cached_property
    def ids(self) -> Ids:
        return self._maps[0].array(self._layout.dtype).reshape(self._rows, self._layout.row_tokens)

    @cached_property
    def segments(self) -> Segments:
        return self._maps[1].array(SEGMENT)

    @cached_property
    def mask(self) -> npt.NDArray[np.uint8] | None:
        """uint8, (rows, (row_tokens + 7) // 8): a bit for each id; None if the shard has no mask."""
        if len(self._maps) < 3:
            return None
        return self._maps[2].array(np.uint8).reshape(self._rows, self._layout.mask_bytes)

    @cached_property
    def positions(self) -> npt.NDArray[np.uint16]:
        return self.segments["position"]

    @cached_property
    def first_segment(self) -> npt.NDArray[np.uint32]:
        """uint32, (rows + 1,): index of the first segment of each row, and the number of segments."""
        begins = np.flatnonzero(self.positions == 0)
        if len(begins) != self._rows:
            raise self.damaged(f"it has segments of {len(begins)} rows, the shard has {self._rows} rows", ".seg")
        return np.append(begins, len(self.segments)).astype(np.uint32)

    def segments_of(self, row: int) -> slice:
        """Return the slice of `segments` of a row of this shard."""
        return slice(int(self.first_segment[row]), int(self.first_segment[row + 1]))

    def advise(self, row: int) -> None:
        """Advise the kernel to read a row of this shard ahead."""
        self._maps[0].will_need(row * self._layout.row_bytes, (row + 1) * self._layout.row_bytes)

    def first_wrong_row(self) -> tuple[int, str] | None:
        """Return the first row of a damaged shard with an id out of range, and the reason; None if there is none."""
        wrong = np.flatnonzero((self.ids >= self._layout.vocab_size).any(axis=1))
        if len(wrong):
            row = int(wrong[0])
            return row, f"holds id {int(self.ids[row].max())} of a vocabulary of {self._layout.vocab_size}"
        return None

    def damaged(self, what: str, suffix: str = ".bin") -> DamagedFile:
        """Return the error for one of the files of this shard."""
        name = self._name + suffix
        return DamagedFile(self._folder / name, name, what)
