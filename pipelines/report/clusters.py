"""Clusters of texts by their words, and a place on a plane for each text: no model, numpy alone.

A text is a vector: for each word that a few texts have, and not most, its log count times its inverse document
frequency (TF-IDF). The vectors are reduced to a few dimensions by the eigenvectors of their inner products (latent
semantic analysis) and divided by k-means, from a fixed seed. A cluster is an island: its texts fill a disc, and discs
of similar clusters are near each other. Coordinates are rounded, so that they do not depend on the processor.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WORDS, TEXTS_OF_A_WORD, SHARE_OF_TEXTS = 6000, 3, 0.3
"""The most words that count; the fewest texts that have such a word; the largest share of texts that have it."""
DIMENSIONS, CLUSTER, CLUSTERS = 24, 30, 20
"""Dimensions after reduction; texts of a cluster, on average; the most clusters."""
NAMED, USUAL = 3, 0.9
"""Words that name a cluster; the share of its texts beyond which a word does not."""
STARTS, ROUNDS = 8, 60
"""Starts of k-means, of which the tightest is kept; rounds of each, and of pushing islands apart."""
SEED = 20

_WORD = re.compile(r"[^\W\d_]{3,}")
_MARKS = re.compile("[\u0640\u064b-\u065f\u0670]")
_PREFIX = re.compile("^[وف]?(?:ال|بال|كال|لل)(?=[ء-ي]{3})")


@dataclass(frozen=True)
class Clusters:
    """Clusters, the largest first. Coordinates are from 0 to 1.

    of: the cluster of each text. places: (texts, 2). words: the words that name each cluster. centres: (clusters, 2);
    radii: (clusters,), of their discs.
    """

    of: list[int]
    places: list[tuple[float, float]]
    words: list[list[str]]
    centres: list[tuple[float, float]]
    radii: list[float]


def words_of(text: str) -> list[str]:
    """Return the words of a text: lower case, without digits, vowel marks and the Arabic article."""
    return [_PREFIX.sub("", word) for word in _WORD.findall(_MARKS.sub("", text.lower()))]


def find_clusters(texts: Sequence[str]) -> Clusters | None:
    """Return the clusters of texts; None where fewer than two would be found."""
    counts = [Counter(words_of(text)) for text in texts]
    frequency = Counter(word for count in counts for word in count)
    common = [word for word, number in frequency.items() if TEXTS_OF_A_WORD <= number <= SHARE_OF_TEXTS * len(texts)]
    words = sorted(common, key=lambda word: (-frequency[word], word))[:WORDS]
    number = min(CLUSTERS, len(texts) // CLUSTER)
    if number < 2 or len(words) < DIMENSIONS:
        return None
    vectors = _vectors(counts, words, frequency)
    reduced = _reduce(vectors)
    labels = _k_means(reduced, number)
    order = np.argsort(-np.bincount(labels, minlength=number), kind="stable")
    rank = np.empty(number, np.int64)
    rank[order] = np.arange(number)
    labels = rank[labels]
    number = int(labels.max()) + 1
    names = [_name(vectors, labels == cluster, words) for cluster in range(number)]
    centres, radii = _islands(reduced, labels, number)
    places = np.empty((len(texts), 2))
    for cluster in range(number):
        inside = labels == cluster
        places[inside] = centres[cluster] + radii[cluster] * _fill(reduced[inside])
    low, high = (centres - radii[:, None]).min(axis=0), (centres + radii[:, None]).max(axis=0)
    scale = float((high - low).max())
    return Clusters(
        labels.tolist(), _rounded((places - low) / scale), names, _rounded((centres - low) / scale),
        [round(float(radius) / scale, 3) for radius in radii],
    )  # fmt: skip


def _name(vectors: Floats, inside: npt.NDArray[np.bool_], words: Sequence[str]) -> list[str]:
    """Return the words with the largest weight in a cluster beyond that in all texts.

    Words of nearly all its texts are omitted, if others remain: in a cluster of one language, they are its particles.
    """
    lift = np.round(vectors[inside].mean(axis=0) - vectors.mean(axis=0), 9)  # rounded: ties are those of any processor
    usual = (vectors[inside] > 0).mean(axis=0) > USUAL
    order = np.lexsort((np.arange(len(words)), -lift, usual | (lift <= 0)))
    return [words[i] for i in order[:NAMED]]


def _vectors(counts: Sequence[Counter[str]], words: Sequence[str], frequency: Counter[str]) -> Floats:
    """Return the vectors of texts, (texts, words), of length 1; 0 for a text without such words."""
    column = {word: number for number, word in enumerate(words)}
    vectors = np.zeros((len(counts), len(words)))
    for row, count in enumerate(counts):
        for word, number in count.items():
            if word in column:
                vectors[row, column[word]] = (1 + np.log(number)) * np.log(len(counts) / frequency[word])
    return _unit(vectors)


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit


def _reduce(vectors: Floats) -> Floats:
    """Return the coordinates along the principal eigenvectors, of length 1, (texts, DIMENSIONS)."""
    values, axes = np.linalg.eigh(vectors @ vectors.T)
    chosen = axes[:, ::-1][:, :DIMENSIONS] * np.sqrt(np.maximum(values[::-1][:DIMENSIONS], 0))
    signs = np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(chosen.shape[1])])
    return _unit(chosen * signs)


def _k_means(points: Floats, number: int) -> Ints:
    """Return the cluster of each point, from 0 to `number` - 1; a cluster may be empty."""
    random = np.random.default_rng(SEED)
    best, tightest = np.zeros(len(points), np.int64), np.inf
    for _ in range(STARTS):
        chosen = [int(random.integers(len(points)))]
        distance = _distances(points, points[chosen])[:, 0]
        while len(chosen) < number:  # k-means++ (Arthur and Vassilvitskii 2007)
            shares = np.cumsum(distance)
            chosen.append(int(np.searchsorted(shares, random.random() * shares[-1]).clip(0, len(points) - 1)))
            distance = np.minimum(distance, _distances(points, points[chosen[-1:]])[:, 0])
        centres = points[chosen]
        for _ in range(ROUNDS):
            labels = _distances(points, centres).argmin(axis=1)
            moved = np.stack(
                [points[labels == k].mean(axis=0) if (labels == k).any() else centres[k] for k in range(number)]
            )
            if np.array_equal(moved, centres):
                break
            centres = moved
        every = _distances(points, centres)
        labels, spread = every.argmin(axis=1), float(every.min(axis=1).sum())
        if spread < tightest - 1e-9:
            best, tightest = labels, spread
    return best


def _distances(points: Floats, centres: Floats) -> Floats:
    """Return squared distances, (points, centres)."""
    squares: Floats = (points**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1) - 2 * points @ centres.T
    return squares.clip(min=0).round(12)


def _islands(points: Floats, labels: Ints, number: int) -> tuple[Floats, Floats]:
    """Return centres (clusters, 2) and radii of discs that do not overlap; similar clusters are near each other."""
    sizes = np.bincount(labels, minlength=number)
    means = np.stack([points[labels == cluster].mean(axis=0) for cluster in range(number)])
    radii = np.sqrt(sizes / sizes.sum())
    centred = means - means.mean(axis=0)
    centres = _plane(centred) * 2.5
    gap = 0.5 * float(radii.mean())
    for _ in range(10 * ROUNDS):
        apart = centres[:, None] - centres
        distance = np.maximum(np.linalg.norm(apart, axis=2), 1e-9)
        overlap = np.maximum(radii[:, None] + radii + gap - distance, 0)
        np.fill_diagonal(overlap, 0)
        centres = centres + (apart / distance[:, :, None] * overlap[:, :, None]).sum(axis=1) / 3 - centres * 0.01
    return centres, radii


def _plane(points: Floats) -> Floats:
    """Return the two principal coordinates of centred points, (points, 2)."""
    if len(points) < 2:
        return np.zeros((len(points), 2))
    values, axes = np.linalg.eigh(points @ points.T)
    plane: Floats = axes[:, ::-1][:, :2] * np.sqrt(np.maximum(values[::-1][:2], 0))
    plane *= np.where(plane[np.abs(plane).argmax(axis=0), [0, 1]] < 0, -1, 1)
    return plane


def _fill(points: Floats) -> Floats:
    """Return places in a disc of radius 1, evenly filled: typical points are near its centre, others near its rim."""
    apart = np.round(np.linalg.norm(points - points.mean(axis=0), axis=1), 9)
    rank = np.empty(len(points))
    rank[np.argsort(apart, kind="stable")] = np.arange(len(points))
    radius, angle = 0.93 * np.sqrt((rank + 0.5) / len(points)), rank * (3 - np.sqrt(5)) * np.pi  # a sunflower's
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _rounded(places: Any) -> list[tuple[float, float]]:
    return [(round(float(x), 3), round(float(y), 3)) for x, y in places]
