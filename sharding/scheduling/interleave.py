"""Interleaving: which stratum the n-th draw of a phase comes from, at random access and without drift.

The quotas of a phase form a Huffman tree (the two smallest merge first, ties by name). At a node of q draws,
q_left of them for its left branch, the left branch has had

    left(n) = (n * q_left + q // 2) // q

of the first n: the nearest integer to its share, so a node errs by at most 1/2. An error above counts at a leaf
in proportion of the leaf to that node, and in a Huffman tree sizes grow upwards at least as Fibonacci numbers
do, so that a leaf is less than 1/2 * (1 + 1 + 1/2 + 1/3 + 1/5 + 1/8 + ...) = 1.68 rows off: after any n draws no
stratum is two rows off its share, and at the end every quota is met exactly. A greedy largest-deficit rule
keeps to 1.3 rows but must be replayed from the start; drawing at random strays by the square root of n.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from sharding.errors import OptionError

MAX_DRAWS = 2**32 - 1  # n * q_left must fit a u8

Int = npt.NDArray[np.int64]


class Interleaving:
    """Draws 0 .. sum(quotas) - 1, each belonging to one of `names` (those with a quota above 0, sorted)."""

    def __init__(self, quotas: Mapping[str, int]) -> None:
        self.names = sorted(name for name, quota in quotas.items() if quota > 0)
        self.draws = sum(quotas.values())
        if not self.names or min(quotas.values()) < 0 or self.draws > MAX_DRAWS:
            raise OptionError(f"a phase must draw between 1 and {MAX_DRAWS} rows, this one draws {self.draws}")
        leaves = len(self.names)
        weight = [quotas[name] for name in self.names]
        children = [(-1, -1)] * leaves
        heap = [(quota, node) for node, quota in enumerate(weight)]  # a node's number breaks ties: leaves by name
        heapq.heapify(heap)
        while len(heap) > 1:
            (small, left), (large, right) = heapq.heappop(heap), heapq.heappop(heap)
            children.append((left, right))
            weight.append(small + large)
            heapq.heappush(heap, (small + large, len(weight) - 1))
        self._left, self._right = np.array(children, np.int64).T
        self._weight = np.array(weight, np.uint64)
        self._leaves = leaves

    def locate(self, draws: Int) -> tuple[Int, Int]:
        """For each draw: the index of its stratum in `names`, and how many draws that stratum had before it."""
        node = np.full(len(draws), len(self._weight) - 1, np.int64)
        count = draws.astype(np.uint64)
        one = np.uint64(1)
        inner = np.flatnonzero(node >= self._leaves)
        while len(inner):
            here, n = node[inner], count[inner]
            whole, share = self._weight[here], self._weight[self._left[here]]
            before = (n * share + whole // np.uint64(2)) // whole
            after = ((n + one) * share + whole // np.uint64(2)) // whole
            goes_left = after > before
            node[inner] = np.where(goes_left, self._left[here], self._right[here])
            count[inner] = np.where(goes_left, before, n - before)
            inner = inner[node[inner] >= self._leaves]
        return node, count.astype(np.int64)

    def taken(self, draws: int) -> dict[str, int]:
        """How many of the first `draws` each stratum has had."""
        counts = np.zeros(len(self._weight), np.uint64)
        counts[-1] = draws
        for node in range(len(self._weight) - 1, self._leaves - 1, -1):
            left, whole = self._left[node], self._weight[node]
            counts[left] = (counts[node] * self._weight[left] + whole // np.uint64(2)) // whole
            counts[self._right[node]] = counts[node] - counts[left]
        return {name: int(count) for name, count in zip(self.names, counts[: self._leaves], strict=True)}
