"""Inspection: the documents of a row, and the rows of a document."""

from __future__ import annotations

from pathlib import Path

import pytest

from sharding.checking import document_view, row_view
from sharding.errors import InputError
from sharding.rows import Dataset
from tests.sharding.corpus import mixed_documents


def test_a_row_names_its_documents_and_their_ids(dataset: Path) -> None:
    documents = {document.id: document for document in mixed_documents()}
    for row in (0, 149, 150, 874):
        view = row_view(dataset, "train", row)
        ids = [id_ for segment in view for id_ in segment.ids]
        assert ids == Dataset(dataset).train.read([row]).ids[0].tolist()
        for segment in view:
            document = documents[segment.document.id]
            stream = [1, *document.ids, 2]
            assert segment.ids == stream[segment.offset : segment.offset + len(segment.ids)]
            assert segment.document.source == document.source
            assert segment.document.url == f"https://example.org/{document.id}"
            assert segment.document.split == "train"


def test_the_places_of_a_document_contain_its_stream(dataset: Path) -> None:
    data = Dataset(dataset)
    for document in mixed_documents()[::37]:
        view = document_view(dataset, document.id)
        assert view.document.tokens == len(document.ids)
        stream: list[int] = []
        for place in view.places:
            assert place.offset == len(stream)
            ids = getattr(data, place.split).read([place.row]).ids[0]
            stream += ids[place.position : place.position + place.length].tolist()
        assert stream in ([], [1, *document.ids, 2])
        assert bool(stream) or not document.ids or view.document.split == "train"


def test_rows_and_documents_that_do_not_exist_are_refused(dataset: Path) -> None:
    with pytest.raises(InputError, match="rows 0 to 874, there is no row 875"):
        row_view(dataset, "train", 875)
    with pytest.raises(InputError, match="has no document 'web/none'"):
        document_view(dataset, "web/none")
