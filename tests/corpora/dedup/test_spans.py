"""Repeated spans: what is cut is what datatrove's sentence deduplication cuts, for any division into parts."""

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from bulk import texts
from datatrove.data import Document
from datatrove.pipeline.dedup.sentence_dedup import (
    SentDedupConfig,
    SentenceDedupFilter,
    SentenceDedupSignature,
    SentenceFindDedups,
)
from datatrove.utils.hashing import HashConfig
from hypothesis import given
from hypothesis import strategies as st

from corpora.dedup import DECISION, Spans, apply_decisions, cut_spans, repeated_spans, span_hashes
from corpora.document_counts import DocumentCounter

FOOTER = "جميع الحقوق محفوظة للموقع. يمنع النسخ دون إذن مكتوب. تابعونا على وسائل التواصل الاجتماعي."


def table(documents: Sequence[str], **labels: str) -> pa.Table:
    columns = {"source": "text", "language": "arb_Arab", "category": "arabic", "metadata": "{}", **labels}
    rows = [{"id": f"{number}", "text": text, **columns} for number, text in enumerate(documents)]
    types = {name: pa.string() if name == "metadata" else pa.large_string() for name in ("id", "text", *columns)}
    return pa.Table.from_pylist(rows, pa.schema(list(types.items())))


def repeated(hashes: Sequence[Any], kept: Sequence[Any]) -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.spans" for number in range(len(hashes))]
        for file, part in zip(files, hashes, strict=True):
            file.write_bytes(part.tobytes())
        return list(repeated_spans(files, kept.__getitem__, Path(folder)))


def cut(parts: Sequence[Sequence[str]], spans: Spans, **labels: str) -> list[str | None]:
    """Return the text that is left of each document of each part, None for those that are dropped."""
    tables = [table(part, **labels) for part in parts]
    kept = [np.ones(len(part), bool) for part in parts]
    cuts = repeated([span_hashes(part, spans, frozenset({"quran"})) for part in tables], kept)
    result: list[str | None] = []
    for part, part_table, part_cuts in zip(parts, tables, cuts, strict=True):
        new = cut_spans(part_table, part_cuts, spans)
        result += [new.get(row, text) or None for row, text in enumerate(part)]
    return result


def theirs(documents: Sequence[str], spans: Spans, folder: Path) -> list[str | None]:
    """Return what datatrove's three steps leave of documents in one file."""
    hashing = HashConfig(hash_fc="sha1")
    config = SentDedupConfig(n_sentences=spans.length, split_sentences=spans.unit == "sentences", hash_config=hashing)

    def stream() -> Iterator[Document]:
        return (Document(text=text, id=str(number)) for number, text in enumerate(documents))

    signatures, duplicates = str(folder / "signatures"), str(folder / "duplicates")
    SentenceDedupSignature(signatures, config=config, language="arb_Arab").run(stream())
    SentenceFindDedups(signatures, duplicates, config=config).run()
    step = SentenceDedupFilter(duplicates, config=config, language="arb_Arab")
    left = {document.id: document.text for document in step.run(stream())}
    return [left.get(str(number)) for number in range(len(documents))]


@pytest.mark.parametrize("unit", ["lines", "sentences"])
@pytest.mark.parametrize("length", [1, 3])
def test_what_is_left_of_real_documents_is_what_datatrove_leaves(
    samples: Path, tmp_path: Path, unit: Any, length: int
) -> None:
    documents = [text[:3000] for name, text in texts(samples, 8) if "python" not in name and "eng" not in name]
    documents += [f"{text}\n{FOOTER}" for text in documents[::4]]  # copies with a footer: whole texts are cut out
    footer = FOOTER.replace(". ", ".\n")
    documents += [f"{text[:3000]}\n{footer}" for name, text in texts(samples, 4, skip=200) if "python" not in name]
    spans = Spans(unit, length)
    left = cut([documents], spans)
    assert left == theirs(documents, spans, tmp_path)
    assert None in left
    assert any(text != before for text, before in zip(left, documents, strict=True) if text)


LINES = st.lists(st.sampled_from([*"ابتثج", "ذهب الولد إلى المدرسة", FOOTER, ""]), max_size=12).map("\n".join)


@given(st.lists(LINES, max_size=12), st.lists(st.integers(0, 12), max_size=4), st.integers(1, 3))
def test_the_division_into_parts_does_not_matter(documents: list[str], ends: list[int], length: int) -> None:
    bounds = [0, *sorted(min(end, len(documents)) for end in ends), len(documents)]
    parts = [documents[start:stop] for start, stop in itertools.pairwise(bounds)]
    spans = Spans("lines", length)
    assert cut(parts, spans) == cut([documents], spans)


def test_ranges_of_hashes_do_not_matter(monkeypatch: pytest.MonkeyPatch, samples: Path) -> None:
    documents = [text for _, text in texts(samples, 4)] * 2
    spans = Spans("lines", 2)
    whole = cut([documents[:20], documents[20:]], spans)
    monkeypatch.setattr("corpora.dedup.spans.RANGE", 50)
    assert cut([documents[:20], documents[20:]], spans) == whole


def test_spans_of_documents_that_are_dropped_do_not_count() -> None:
    part = table([FOOTER, FOOTER])
    spans = Spans("sentences", 3)
    hashes = span_hashes(part, spans)
    assert repeated([hashes], [np.array([True, True])])[0].size == 1
    assert repeated([hashes], [np.array([False, True])])[0].size == 0


def test_code_and_verbatim_documents_are_never_cut() -> None:
    documents = [FOOTER, FOOTER]
    assert cut([documents], Spans("sentences", 3)) == [FOOTER, None]
    assert cut([documents], Spans("sentences", 3), category="code") == documents
    assert cut([documents], Spans("sentences", 3), source="quran", category="classical") == documents


def test_cut_texts_and_dropped_documents_are_counted_to_the_character() -> None:
    body = "\n".join(f"سطر طويل من النص رقم {word} فيه كلام كثير لا يشبه غيره." for word in "ابتثجحخدذرزس")
    documents = [FOOTER, f"{body}\n{FOOTER}", FOOTER]
    part = table(documents)
    spans = Spans("sentences", 3)
    (cuts,) = repeated([span_hashes(part, spans)], [np.ones(3, bool)])
    decisions = np.zeros(3, DECISION)
    decisions["copies"] = 1
    counter = DocumentCounter()
    result = apply_decisions(part, decisions, counter, texts=cut_spans(part, cuts, spans))
    assert result["text"].to_pylist() == [FOOTER, body]
    assert counter.balanced
    assert counter.dropped["documents"] == {"too short without repeated spans": 1}
    assert counter.dropped["chars"] == {
        "too short without repeated spans": len(FOOTER),
        "repeated spans": len(FOOTER) + 1,
    }
