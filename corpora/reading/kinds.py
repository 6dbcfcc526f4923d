"""The kind of a file: what its first bytes say that it is. The name of the file is ignored.

Binary formats that are not read have names here, so that a refusal states what the file is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from corpora.errors import BadInput
from corpora.reading.files import File, open_raw

_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\x00": "xz", b"BZh": "bz2"}
_READ = {b"PAR1": "parquet", b"ARROW1": "arrow", b"PK\x03\x04": "zip", b"\x00\x01\x00\x00Standard": "access"}
_IDS, _DOCUMENT, _ARCHIVE, _TABLE, _OTHER = range(5)
_MENDS = {
    _IDS: "if it holds token ids, `arcorp pack FILE --tokenizer DIR` takes it; else write its texts to a file of text",
    _DOCUMENT: "extract its text first",
    _ARCHIVE: "unpack it and name the files",
    _TABLE: "write it again as Parquet or JSON lines",
    _OTHER: "remove it from the input",
}
_REFUSED = {
    b"\x93NUMPY": ("a NumPy array", _IDS),
    b"%PDF-": ("PDF", _DOCUMENT),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("a document of Microsoft Office (.doc, .xls, .ppt)", _DOCUMENT),
    b"{\\rtf": ("RTF", _DOCUMENT),
    b"%!PS": ("PostScript", _DOCUMENT),
    b"AT&TFORM": ("DjVu", _DOCUMENT),
    b"Rar!\x1a\x07": ("RAR", _ARCHIVE),
    b"7z\xbc\xaf\x27\x1c": ("7-Zip", _ARCHIVE),
    b"PK\x05\x06": ("an empty zip archive", _ARCHIVE),
    b"!<arch>\n": ("an ar archive", _ARCHIVE),
    b"\x04\x22\x4d\x18": ("LZ4", _ARCHIVE),
    b"\x1f\x9d": ("compress (.Z)", _ARCHIVE),
    b"\xff\x06\x00\x00sNaPpY": ("Snappy", _ARCHIVE),
    b"SQLite format 3\0": ("SQLite", _TABLE),
    b"FEA1": ("Feather of version 1", _TABLE),
    b"Obj\x01": ("Avro", _TABLE),
    b"\x89HDF\r\n\x1a\n": ("HDF5", _TABLE),
    b"DUCK": ("DuckDB", _TABLE),
    **{bytes([0x80, protocol]): ("a Python pickle", _TABLE) for protocol in range(2, 6)},
    b"\x89PNG\r\n": ("a PNG image", _OTHER),
    b"\xff\xd8\xff": ("a JPEG image", _OTHER),
    b"GIF87a": ("a GIF image", _OTHER),
    b"GIF89a": ("a GIF image", _OTHER),
    b"II*\0": ("a TIFF image", _OTHER),
    b"MM\0*": ("a TIFF image", _OTHER),
    b"\0\0\1\0": ("an icon", _OTHER),
    b"RIFF": ("a RIFF file (WAV, AVI or WebP)", _OTHER),
    b"OggS": ("an Ogg file", _OTHER),
    b"fLaC": ("a FLAC file", _OTHER),
    b"ID3": ("an MP3 file", _OTHER),
    b"\x7fELF": ("a program (ELF)", _OTHER),
    b"\xca\xfe\xba\xbe": ("a program (Java or Mach-O)", _OTHER),
    b"\xcf\xfa\xed\xfe": ("a program (Mach-O)", _OTHER),
    b"\0asm": ("a program (WebAssembly)", _OTHER),
    b"MZ": ("a program (Windows)", _OTHER),
    b"GGUF": ("a model (GGUF)", _OTHER),
}
_ALSO_TEXT = (b"MZ", b"DUCK", b"ID3", b"RIFF", b"GGUF", b"FEA1", b"OggS", b"fLaC", b"AT&TFORM", b"{\\rtf", b"%!PS")
"""Magic numbers of letters: they are believed if a byte that no text has follows, or the format is a text itself."""

_MARKUP = (b"{\\rtf", b"%!PS")
_ZIPS = {
    "word/document.xml": "a Word document (.docx)",
    "xl/workbook.xml": "an Excel workbook (.xlsx)",
    "ppt/presentation.xml": "a PowerPoint presentation (.pptx)",
    "META-INF/container.xml": "an EPUB book",
    "META-INF/manifest.xml": "an OpenDocument file",
    "AndroidManifest.xml": "an Android app",
    "META-INF/MANIFEST.MF": "a Java archive",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind of a file.

    container    "parquet", "arrow", "zip", "access", "stream", or the name of a container that is not supported
    compression  "gzip", "zstd", "xz" or "bz2" of a compressed stream, else ""
    encoding     encoding from which the text of a stream is decoded; "": it is UTF-8
    """

    container: str
    compression: str = ""
    encoding: str = ""


def sniff(file: File) -> Kind:
    """Return the kind of a file by its first bytes. Raises BadInput if it is empty or can't be opened."""
    with open_raw(file) as raw:
        head = raw.read(64)
    if not head:
        raise BadInput(file.path, "is empty", mend="fetch it again or remove it from the input")
    return kind_of(head)


def kind_of(head: bytes) -> Kind:
    """Return the kind of a file that begins with `head`, at least 64 bytes or the whole file."""
    for magic, container in _READ.items():
        if head.startswith(magic):
            return Kind(container)
    for magic, (name, _) in _REFUSED.items():
        if head.startswith(magic) and (magic not in _ALSO_TEXT or magic in _MARKUP or b"\0" in head):
            return Kind(name)
    for magic, compression in _COMPRESSIONS.items():
        if head.startswith(magic):
            return Kind("stream", compression)
    # A stream of Arrow begins with a marker and the length of its schema, a multiple of eight (Columnar.rst, "IPC").
    length = int.from_bytes(head[4:8], "little")
    if head.startswith(b"\xff\xff\xff\xff") and 0 < length < 1 << 24 and not length % 8:
        return Kind("arrow")
    # A zstd stream may begin with a skippable frame: magic 0x184D2A50 to 0x184D2A5F, little-endian (RFC 8878, 3.1.2).
    if head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F:
        return Kind("stream", "zstd")
    if head[4:8] == b"ftyp":
        return Kind("a video")
    return Kind("stream")


def mend_of(container: str) -> str:
    """Return what the user can do with a file of a container that is not supported, "" if nothing is known."""
    return next((_MENDS[group] for name, group in _REFUSED.values() if name == container), "")


def zip_contents(names: Sequence[str]) -> str:
    """Return what a zip archive of several files is, by their names; "" if it is any archive."""
    if names and all(name.endswith(".npy") for name in names):
        return "NumPy arrays (.npz)"
    if any(name.endswith("/data.pkl") for name in names):
        return "a checkpoint of PyTorch"
    return next((known for name, known in _ZIPS.items() if name in names), "")
