"""Fixtures of the corpora tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datatrove.data import Document

from corpora import compiled
from corpora.document_counts import DocumentCounter
from corpora.sources import find_source

Ingest = Callable[..., tuple[list[Document], DocumentCounter]]


@pytest.fixture(autouse=True, scope="session")
def loaded() -> None:
    """Functions run compiled, as in a worker, however little text a test has (tests/corpora/test_compiled.py)."""
    compiled.load()


@pytest.fixture
def ingest() -> Ingest:
    """ingest(source, *inputs, **options): read all documents, count each as written; return them and the counter."""

    def read(name: str, *inputs: str | Path, **options: Any) -> tuple[list[Document], DocumentCounter]:
        source = find_source(name)(**options)
        counter = DocumentCounter()
        documents = []
        for unit in source.units(list(inputs)):
            for document in source.documents(unit, counter):
                counter.count_output(document)
                documents.append(document)
        return documents, counter

    return read
