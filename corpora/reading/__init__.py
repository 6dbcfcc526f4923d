"""Readers of files: from paths and addresses to streams, and from streams to records."""

from corpora.reading.access import access_tables
from corpora.reading.files import File, check_unchanged, find_files, open_raw, remote_errors
from corpora.reading.formats import (
    SLICE,
    SURROGATE,
    Blocks,
    Csv,
    Format,
    JsonArray,
    JsonLines,
    Lines,
    Lost,
    Record,
    Slice,
    Whole,
    json_value,
    read_whole,
    text_of,
)
from corpora.reading.parquet import PARQUET_FAULTS, Parquet, check_sizes
from corpora.reading.reads import Reads, reads_digest
from corpora.reading.streams import LONGEST_LINE, Kind, Stream, decode, sniff, stream_lines

__all__ = [
    "LONGEST_LINE",
    "PARQUET_FAULTS",
    "SLICE",
    "SURROGATE",
    "Blocks",
    "Csv",
    "File",
    "Format",
    "JsonArray",
    "JsonLines",
    "Kind",
    "Lines",
    "Lost",
    "Parquet",
    "Reads",
    "Record",
    "Slice",
    "Stream",
    "Whole",
    "access_tables",
    "check_sizes",
    "check_unchanged",
    "decode",
    "find_files",
    "json_value",
    "open_raw",
    "read_whole",
    "reads_digest",
    "remote_errors",
    "sniff",
    "stream_lines",
    "text_of",
]
