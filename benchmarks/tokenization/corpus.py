"""The measured text: the bulk samples as sealed documents, and a gigabyte made with the demo's grammar."""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from pipelines.recipe import IngestOptions
from pipelines.run import Context, run_stage
from pipelines.stages.documents import open_documents, parts_of
from pipelines.stages.ingest import ingest_stage

SAMPLES = Path(os.environ.get("ARCORP_SAMPLES", Path(__file__).resolve().parents[3] / "shared"))
BULK = {
    "arb_wiki": "arb_Arab",
    "arz_wiki": "arz_Arab",
    "classical_openiti_0325AH": "arb_Arab",
    "hadith_vocalised": "arb_Arab",
    "arb_news": "arb_Arab",
    "dialect": "apc_Arab",
    "eng_hadith": "eng_Latn",
    "math_gsm8k_train": "eng_Latn",
    "python_stdlib": "python",
}
GIGABYTE = 1_000_000_000


def bulk(scratch: Path) -> list[Path]:
    """Return folders of documents with 105 MB of text."""
    return [
        _ingested(scratch / "documents" / name, SAMPLES / "data/bulk" / f"{name}.jsonl.zst", language)
        for name, language in BULK.items()
    ]


def gigabyte(scratch: Path, folders: list[Path]) -> list[Path]:
    """Return the folders and one that adds up to a gigabyte: documents of the demo's grammar, in all registers."""
    from corpora.demo.corpus import REGISTERS

    each = (GIGABYTE - size_of(folders)) // len(REGISTERS)
    folder = scratch / "grammar"
    folder.mkdir()
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(_write_register, REGISTERS, [folder] * len(REGISTERS), [each] * len(REGISTERS)))
    return [*folders, _ingested(scratch / "documents" / "grammar", folder, "arb_Arab")]


def _write_register(register: str, folder: Path, size: int) -> None:
    """Write `size` bytes of text."""
    from corpora.demo.corpus import documents

    written = 0
    with (folder / f"{register}.jsonl").open("w", encoding="utf-8") as file:
        for document in documents(register, chars=size):  # a character has one or two bytes
            file.write(json.dumps({"text": document.text}, ensure_ascii=False) + "\n")
            written += len(document.text.encode())
            if written >= size:
                break


def texts(folders: list[Path]) -> list[str]:
    """Return all texts."""
    all_texts: list[str] = []
    for part in parts_of(open_documents(folders)):
        all_texts += part.read(["text"])["text"].to_pylist()
    return all_texts


def size_of(folders: list[Path]) -> int:
    """Return the bytes of text."""
    return sum(folder.manifest.counts["bytes"].out for folder in open_documents(folders))


def _ingested(folder: Path, path: Path, language: str) -> Path:
    run_stage(ingest_stage(folder, "jsonl", [str(path)], IngestOptions(language=language)), Context(2))
    return folder
