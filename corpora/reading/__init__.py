"""Readers of files: from paths and addresses to streams, and from streams to records."""

from corpora.reading.access import access_tables
from corpora.reading.arrow import Arrow
from corpora.reading.csv_format import Csv
from corpora.reading.encodings import UNKNOWN, encoding_of, likely_encoding
from corpora.reading.files import (
    COMPRESSIONS,
    File,
    check_unchanged,
    find_files,
    name_matches,
    open_raw,
    remote_errors,
)
from corpora.reading.formats import (
    SLICE,
    Blocks,
    Format,
    Lines,
    Lost,
    Record,
    Slice,
    Whole,
    read_whole,
    text_of,
)
from corpora.reading.json_formats import SURROGATE, Json, JsonLines
from corpora.reading.json_values import json_value
from corpora.reading.kinds import Kind, mend_of, sniff
from corpora.reading.parallel import in_parallel
from corpora.reading.parquet import Parquet, check_sizes
from corpora.reading.reads import Reads, reads_digest
from corpora.reading.streams import LONGEST_LINE, Stream, decode, stream_lines
from corpora.reading.tables import PARQUET_FAULTS, Table
from corpora.reading.text_kinds import text_kind

__all__ = [
    "COMPRESSIONS",
    "LONGEST_LINE",
    "PARQUET_FAULTS",
    "SLICE",
    "SURROGATE",
    "UNKNOWN",
    "Arrow",
    "Blocks",
    "Csv",
    "File",
    "Format",
    "Json",
    "JsonLines",
    "Kind",
    "Lines",
    "Lost",
    "Parquet",
    "Reads",
    "Record",
    "Slice",
    "Stream",
    "Table",
    "Whole",
    "access_tables",
    "check_sizes",
    "check_unchanged",
    "decode",
    "encoding_of",
    "find_files",
    "in_parallel",
    "json_value",
    "likely_encoding",
    "mend_of",
    "name_matches",
    "open_raw",
    "read_whole",
    "reads_digest",
    "remote_errors",
    "sniff",
    "stream_lines",
    "text_kind",
    "text_of",
]
