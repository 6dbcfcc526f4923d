"""Interleaving: the stratum of the n-th draw of a phase, with random access and bounded error.

The quotas of a phase form a Huffman tree (the two smallest merge first, ties by name). At a node with q draws, q_left
of them in its left branch, the left branch receives

    left(n) = (n * q_left + q // 2) // q

of the first n draws. This is the nearest integer to its share, so the error of a node is at most 1/2. The error of a
node contributes to a leaf in proportion of their sizes, and sizes in a Huffman tree grow towards the top at least as
fast as the Fibonacci numbers. The error of a leaf is therefore below 1/2 * (1 + 1 + 1/2 + 1/3 + 1/5 + 1/8 + ...) =
1.68 rows: after any n draws, every stratum is within two rows of its share, and at the end every quota is met exactly.
A greedy largest-deficit rule stays within 1.3 rows but must be replayed from the start; the error of random draws
grows with the square root of n.
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
    """Assigns draws 0 .. draws - 1 of a phase to strata.

    quotas: number of draws by stratum. `names`: the strata with a quota above 0, sorted; `draws`: sum of the quotas.
    Raises OptionError if a quota is negative, or if their sum is not between 1 and `MAX_DRAWS`.
    """

    def __init__(self, quotas: Mapping[str, int]) -> None:
        self.names = sorted(name for name, quota in quotas.items() if quota > 0)
        self.draws = sum(quotas.values())
        if not self.names or min(quotas.values()) < 0 or self.draws > MAX_DRAWS:
            raise OptionError(f"a phase must draw between 1 and {MAX_DRAWS} rows, not {self.draws}; change its steps")
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
        """Return, for each draw, the index of its stratum in `names` and the number of earlier draws of that stratum.

        draws: int64, (n,). Both results are int64, (n,).
        """
        node = np.full(len(draws), len(self._weight) - 1, np.int64)
        count = draws.astype(np.uint64)
        unit = np.uint64(1)
        inner = np.flatnonzero(node >= self._leaves)
        while len(inner):
            parent, n = node[inner], count[inner]
            whole, share = self._weight[parent], self._weight[self._left[parent]]
            before = (n * share + whole // np.uint64(2)) // whole
            after = ((n + unit) * share + whole // np.uint64(2)) // whole
            is_left = after > before
            node[inner] = np.where(is_left, self._left[parent], self._right[parent])
            count[inner] = np.where(is_left, before, n - before)
            inner = inner[node[inner] >= self._leaves]
        return node, count.astype(np.int64)

    def taken(self, draws: int) -> dict[str, int]:
        """Return the number of draws of each stratum among the first `draws`."""
        counts = np.zeros(len(self._weight), np.uint64)
        counts[-1] = draws
        for node in range(len(self._weight) - 1, self._leaves - 1, -1):
            left, whole = self._left[node], self._weight[node]
            counts[left] = (counts[node] * self._weight[left] + whole // np.uint64(2)) // whole
            counts[self._right[node]] = counts[node] - counts[left]
        return {name: int(count) for name, count in zip(self.names, counts[: self._leaves], strict=True)}
