"""What the tests of corpora share: reading inputs through a source, to the end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datatrove.data import Document

from corpora.document_counts import Tally
from corpora.sources import find

Ingest = Callable[..., tuple[list[Document], Tally]]


@pytest.fixture
def ingest() -> Ingest:
    """ingest(source, *inputs, **options) -> documents and their tally, every one counted as written."""

    def read(name: str, *inputs: str | Path, **options: Any) -> tuple[list[Document], Tally]:
        source = find(name)(**options)
        tally = Tally()
        documents = []
        for unit in source.units(list(inputs)):
            for document in source.documents(unit, tally):
                tally.go(document)
                documents.append(document)
        return documents, tally

    return read
