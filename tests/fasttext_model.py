"""A fastText model made by hand, as `FastText::saveModel` writes one (version 12): a word, a label, nothing learnt."""

import struct
from collections.abc import Mapping
from pathlib import Path


def write_model(path: Path, words: Mapping[str, str]) -> Path:
    """A model in which each word speaks for one label; the more of them in a text, the surer it is."""
    labels = sorted(set(words.values()))
    entries = [("</s>", 0), *((word, 0) for word in words), *((f"__label__{label}", 1) for label in labels)]
    size = len(labels)
    rows = [[0.0] * size, *([12.0 * (label == other) for other in labels] for label in words.values())]
    outputs = [[float(label == other) for other in labels] for label in labels]
    data = struct.pack("<2i", 793712314, 12)
    data += struct.pack("<12id", size, 5, 1, 1, 5, 1, 3, 3, 0, 0, 0, 100, 1e-4)  # softmax, supervised, no n-grams
    data += struct.pack("<3i2q", len(entries), len(words) + 1, size, len(entries), -1)
    for text, kind in entries:
        data += text.encode() + b"\0" + struct.pack("<qb", 1, kind)
    for matrix in (rows, outputs):
        data += struct.pack("<?2q", False, len(matrix), size)
        data += b"".join(struct.pack(f"<{size}f", *row) for row in matrix)
    path.write_bytes(data)
    return path
