"""The Stack v2: source files by programming language, from Software Heritage.

reads     Parquet of files (the-stack-v2, -dedup), or of repositories with their `files` (-train-smol-ids,
          -train-full-ids); with a field `content` (re-uploads) or, in the published form, without it: the contents are
          then read from the files <blob_id> of a folder, gzip or plain, as in the Software Heritage bucket
text      content, or the blob decoded by src_encoding
id        blob_id (path is in the metadata; one blob may be in many repositories)
licence   detected_licenses
language  language: Python, JavaScript, ...
category  code
dirt      vendored, generated and unlicensed files are dropped and counted, and so are blobs that are missing or can't
          be decoded
facts     columns in the card of ningani/stack-v2-cpp-2019; `content` in Reset23/the-stack-v2-python; address of the
          blobs, s3://softwareheritage/content/<blob_id>, and the list `files` of a repository, with the fields of a
          row of files, from the cards of bigcode/the-stack-v2 and -train-smol-ids (not checked)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from corpora.addresses import is_remote
from corpora.errors import BadInput, NothingFound
from corpora.reading import SLICE, File, Format, Lost, Parquet, Record, Slice, Stream, find_files, sniff
from corpora.sources.base import Category, ParsedRecord, Profile, Skip, Source

_BLOB_ID = re.compile(r"[0-9a-f]{40}")
_COLUMNS = "blob_id path detected_licenses license_type repo_name src_encoding language is_vendor is_generated content"


@dataclass(frozen=True, kw_only=True)
class TheStackV2(Source):
    """Rows of The Stack v2, with their contents."""

    name: ClassVar[str] = "the-stack-v2"
    FILES: ClassVar[tuple[str, ...]] = ("*.parquet",)
    FIELDS: ClassVar[tuple[frozenset[str], ...]] = (
        frozenset({"blob_id", "path", "language"}),
        frozenset({"repo_name", "files"}),
    )
    CATEGORY: ClassVar[Category | None] = "code"
    cleaning: ClassVar[Profile] = "code"

    content: str = field(
        default="",
        metadata={
            "description": "folder or address of the blobs; without it, a folder `content` beside or above the files"
        },
    )
    everything: bool = field(
        default=False,
        metadata={"description": "also keep vendored and generated files and files without a permissive licence"},
    )

    @property
    def formats(self) -> tuple[Format, ...]:
        """Parquet."""
        return (_Files("content", (*_COLUMNS.split(), "files")),)

    def slices(self, file: File) -> list[Slice]:
        """Check a file and return its slices. Raises BadInput also if it has no contents and no blobs are found."""
        parts = super().slices(file)
        schema = Parquet("").schema(file)
        if "content" in schema or _has_field(schema.get("files"), "content"):
            return parts
        self._blobs(file)
        return list(_by_length(parts))

    def parse(self, record: Record, part: Slice) -> ParsedRecord:
        """One record, one source file."""
        fields = record.value
        text = fields["content"] if "content" in fields else self._blob(fields, part.file)
        if not self.everything:
            shown = text if isinstance(text, str) else ""
            for reason, excluded in (
                ("vendored", fields.get("is_vendor")),
                ("generated", fields.get("is_generated")),
                ("no permissive licence", fields.get("license_type", "permissive") != "permissive"),
            ):
                if excluded:
                    raise Skip(reason, shown)
        return ParsedRecord(
            text=text,
            id=fields["blob_id"],
            language=fields["language"] or "",
            license=" AND ".join(fields.get("detected_licenses") or ()),
            metadata={"repo": fields.get("repo_name"), "path": fields["path"]},
        )

    def _blob(self, fields: dict[str, Any], file: File) -> str:
        blob_id = fields["blob_id"]
        if not isinstance(blob_id, str) or not _BLOB_ID.fullmatch(blob_id):
            raise Skip("blob_id is not a hash")
        try:
            (blob,) = find_files([f"{self._blobs(file)}/{blob_id}"], [blob_id])
        except NothingFound:
            raise Skip("no blob") from None
        with Stream(blob, sniff(blob)) as stream:
            data = b"".join(iter(lambda: stream.read(1 << 20), b""))
        try:
            return data.decode(fields.get("src_encoding") or "utf-8")
        except (UnicodeDecodeError, LookupError):
            raise Skip("not in src_encoding") from None

    def _blobs(self, file: File) -> str:
        folder = self.content or _beside(file.path)
        if not folder:
            raise BadInput(
                file.path,
                "has no column `content`, and there is no folder `content` of blobs beside or above it",
                mend="give the folder or address of the blobs as option `content`",
            )
        return folder.rstrip("/")


class _Files(Parquet):
    """Parquet of files, or of repositories: each file of a repository is a record, with the repository's name."""

    def rows(self, part: Slice) -> Iterator[Record | Lost]:
        for row in super().rows(part):
            if isinstance(row, Lost) or "files" not in row.value:
                yield row
                continue
            files = row.value["files"]
            for fields in files if isinstance(files, list) else [None]:
                if isinstance(fields, dict):
                    fields = {**fields, "repo_name": row.value.get("repo_name")}
                yield Record(row.key, fields)


def _has_field(kind: Any, name: str) -> bool:
    """Return True if an Arrow type is a list of objects with a field."""
    import pyarrow.types

    return (
        kind is not None
        and pyarrow.types.is_list(kind)
        and pyarrow.types.is_struct(kind.value_type)
        and kind.value_type.get_field_index(name) >= 0
    )


def _beside(path: str) -> str:
    """Return the folder `content` beside a file or up to two folders above it, "" if there is none."""
    if not is_remote(path):
        for parent in Path(path).parents[:3]:
            if (parent / "content").is_dir():
                return str(parent / "content")
    return ""


def _by_length(parts: list[Slice]) -> Iterator[Slice]:
    """Split slices of rows further, by the length of the blobs: `length_bytes` of the row or of its files."""
    for part in parts:
        start = size = 0
        for row in Parquet("", ("length_bytes", "files")).rows(part):
            length = _length(row.value) if isinstance(row, Record) else 0
            if size and size + length > SLICE:
                yield replace(part, start=part.start + start, stop=row.key, bytes=size)
                start, size = row.key - part.start, 0
            size += length
        yield replace(part, start=part.start + start, bytes=size)


def _length(fields: dict[str, Any]) -> int:
    files = fields.get("files")
    blobs = files if isinstance(files, list) else [fields]
    lengths = [blob.get("length_bytes") for blob in blobs if isinstance(blob, dict)]
    return sum(length for length in lengths if isinstance(length, int))
