"""The text that is measured on: the bulk samples as sealed documents, and a gigabyte with the demo's grammar."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pipelines.documents import open_documents, parts_of
from pipelines.options import IngestOptions
from pipelines.runner import Context, run
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


def ingest(scratch: Path) -> list[Path]:
    """Folders of documents, 105 MB of text."""
    folders = []
    for name, language in BULK.items():
        folder = scratch / "documents" / name
        options = IngestOptions(language=language)
        run(ingest_stage(folder, "jsonl", [str(SAMPLES / "data/bulk" / f"{name}.jsonl.zst")], options), Context(1))
        folders.append(folder)
    return folders


def texts(folders: list[Path]) -> list[str]:
    """All texts, in memory."""
    found: list[str] = []
    for part in parts_of(open_documents(folders)):
        found += part.read(["text"])["text"].to_pylist()
    return found


def grammar(chars: int) -> Iterator[str]:
    """About so many characters of what the demo's grammar writes: new documents to the end, in all its registers."""
    from corpora.demo.corpus import REGISTERS, documents

    for register in REGISTERS:
        yield from (document.text for document in documents(register, chars=chars // len(REGISTERS)))
