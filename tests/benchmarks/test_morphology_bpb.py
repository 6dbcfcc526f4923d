"""The benchmark of bits per byte: held-out text is apart, gaps are paired, placebo boundaries are as many."""

import json
from pathlib import Path

import numpy as np
import pytest
import zstandard

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'arcorp[train]'")

from benchmarks.morphology_bpb.compared import Mirrored  # noqa: E402
from benchmarks.morphology_bpb.gaps import figure, gaps, table  # noqa: E402
from benchmarks.morphology_bpb.learning import CONTEXT, bits  # noqa: E402
from benchmarks.morphology_bpb.texts import read  # noqa: E402
from tokenization.morphology import RuleSegmenter  # noqa: E402
from training.config import ModelConfig  # noqa: E402
from training.model import make_model  # noqa: E402


def run(name: str, seed: int, bits: list[float], size: int = 1_000) -> dict:
    held_out = {"a": [100] * 5, "b": [100] * 5}
    return {
        "tokenizer": name, "bytes": size, "seed": seed, "bits": {"a": bits[:5], "b": bits[5:]}, "held_out": held_out
    }  # fmt: skip


def test_gaps_are_those_of_equal_documents_and_their_intervals_hold_them() -> None:
    rng = np.random.default_rng(0)
    documents = rng.uniform(100, 900, 10)
    runs = [run("plain", seed, (documents + seed).tolist()) for seed in range(3)]
    runs += [run("soft", seed, (0.9 * (documents + seed)).tolist()) for seed in range(3)]
    runs.append(run("hard", 0, documents.tolist()))  # its other seeds have not run
    lines = gaps(runs)
    assert {line["tokenizer"] for line in lines} == {"plain", "soft"}
    for line in lines:
        expected = 0.0 if line["tokenizer"] == "plain" else -0.1
        assert line["gap"] == pytest.approx(expected)
        assert line["low"] == pytest.approx(expected)  # every document has the same gap
    assert "-10.0 (-10.0 to -10.0)" in table(lines, ["all", "a", "b"])
    assert figure(lines).count("<polyline") == 1


def test_held_out_documents_are_the_last_and_not_near_duplicates(tmp_path: Path) -> None:
    (tmp_path / "bulk").mkdir()
    words = [f"كلمة{number}" for number in range(9_000)]
    texts = [" ".join(words[begin : begin + 40]) for begin in range(0, 8_000, 40)]
    texts[-1] = texts[3]
    lines = "".join(json.dumps({"id": str(number), "text": text}) + "\n" for number, text in enumerate(texts))
    (tmp_path / "bulk/arb_news.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(lines.encode()))
    read_texts = read(tmp_path, 10**9)
    assert [text.strip() for text in read_texts.held_out["arb_news"]] == texts[190:-1]
    assert read_texts.dropped == 1
    assert sorted(text.strip() for text in read_texts.train) == sorted(texts[:188])
    assert read_texts.first(3_000) == read_texts.train[: len(read_texts.first(3_000))]


def test_mirrored_boundaries_are_as_many_inside_the_word() -> None:
    words = ["والمدرسة", "كتابهم", "رجل"]
    own, mirrored = RuleSegmenter().boundaries(words), Mirrored(RuleSegmenter()).boundaries(words)
    assert mirrored == [
        tuple(sorted(len(word) - each for each in boundaries)) for word, boundaries in zip(words, own, strict=True)
    ]


def test_bits_of_documents_add_up_to_those_of_the_stream() -> None:
    model = make_model(ModelConfig("gpt2", 300, CONTEXT, 1, 16, 2, 2, 64), 0)
    stream = torch.arange(CONTEXT + 1) % 300
    tokens = np.array([100, 57, 100])
    each = bits(model, stream, tokens)
    with torch.no_grad():
        total, _ = model(stream[:-1].view(1, -1), stream[1:].view(1, -1))
    expected = float(total) / np.log(2) * len(stream) / CONTEXT
    assert sum(each) == pytest.approx(expected, rel=1e-4)
    assert len(each) == 3
