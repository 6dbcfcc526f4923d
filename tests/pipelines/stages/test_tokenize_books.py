"""Books of up to 50 MB are tokenized in less than 1 GB; names of special tokens in a text are encoded as text."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines import cli
from sharding.seal import Sealed
from tokenization.model import Tokenizer

PEAK = """
import resource, sys
from pipelines import cli
code = cli.run(sys.argv[1:])
own = int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
print(code, max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
"""


def ids(folder: Path) -> list[int]:
    sealed = Sealed(folder, "tokenize")
    return [
        id_
        for name in sealed.names(prefix="part-", suffix=".bin")
        for id_ in np.fromfile(folder / name, sealed.manifest.summary["dtype"]).tolist()
    ]


def test_names_of_special_tokens_in_a_document_are_encoded_as_text(built: Path, tmp_path: Path) -> None:
    text = "قال: <|bos|>اكتب<|eos|> ثم <|pad|>"
    (tmp_path / "typed.jsonl").write_text(json.dumps({"id": "1", "text": text}) + "\n")
    assert cli.run(["ingest", "jsonl", str(tmp_path / "typed.jsonl"), "--out", str(tmp_path / "docs")]) == 0
    command = ["tokenize", str(tmp_path / "docs"), "--tokenizer", str(built / "tokenizer")]
    assert cli.run([*command, "--out", str(tmp_path / "tokens")]) == 0
    tokenizer = Tokenizer.load(built / "tokenizer")
    encoded = ids(tmp_path / "tokens")
    assert not set(encoded) & set(tokenizer.specials.values())
    assert tokenizer.decode(encoded) == text


@pytest.mark.fault(16)
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux")
def test_whole_books_and_one_of_50_mb_are_tokenized_in_less_than_1_gb(
    built: Path, samples: Path, tmp_path: Path
) -> None:
    assert cli.run(["ingest", "openiti", str(samples / "data/openiti"), "--out", str(tmp_path / "books")]) == 0
    book = max((samples / "data/openiti").rglob("*-ara1*"), key=lambda path: path.stat().st_size)
    text = book.read_text(encoding="utf-8")
    text *= 50_000_000 // len(text.encode()) + 1
    (tmp_path / "long.jsonl").write_text(json.dumps({"id": "1", "text": text}, ensure_ascii=False) + "\n")
    assert cli.run(["ingest", "jsonl", str(tmp_path / "long.jsonl"), "--out", str(tmp_path / "long")]) == 0
    for name, documents in (("books", 13), ("long", 1)):
        out = tmp_path / f"{name}-tokens"
        command = ["tokenize", str(tmp_path / name), "--tokenizer", str(built / "tokenizer"), "--workers", "1"]
        done = subprocess.run(
            [sys.executable, "-c", PEAK, *command, "--out", str(out), "--format", "quiet"],
            capture_output=True,
            text=True,
            check=True,
        )
        code, peak = map(int, done.stdout.splitlines()[-1].split())
        counts = Sealed(out, "tokenize").manifest.counts
        assert code == 0
        assert counts["documents"].out >= documents
        assert counts["tokens"].out > 100_000
        assert peak << 10 < 1_000_000_000, f"{name}: {peak} KiB"
