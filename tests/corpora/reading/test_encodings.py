"""Encodings: a text that is not UTF-8 is recognised, refused with its name, and read when it is named."""

import bz2
import gzip
import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import charset_normalizer.constant
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.errors import BadInput
from corpora.reading import encoding_of, likely_encoding
from corpora.sources import find_source

TEXT = "ذهب الولد إلى المدرسة في الصباح الباكر، وكان الجو جميلا. ثم قرأ كتابا عن تاريخ الأندلس؛ فما رأيك؟"
EIGHT_BIT = ("windows-1256", "iso-8859-6", "mac-arabic")
WIDE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")


@pytest.mark.parametrize("name", [*EIGHT_BIT, *WIDE])
@pytest.mark.parametrize("text", [TEXT, TEXT[:20], "a\r\nنص سليم للقراءة\r\n", TEXT * 2000])
def test_the_encoding_of_arabic_is_recognised(name: str, text: str) -> None:
    data = text.encode(name)
    likely = likely_encoding(data[: 1 << 16])
    assert likely
    assert data.decode(likely).removeprefix("\ufeff") == text


@given(st.text(max_size=60), st.sampled_from([b"", b"\xff", b"\xd8"]))
def test_utf8_is_utf8_also_if_a_line_is_damaged_or_has_controls(text: str, damage: bytes) -> None:
    data = (TEXT + "\n").encode() + damage + b"\n" + text.encode()
    assert likely_encoding(data) == ""
    assert likely_encoding(data[: len(data) // 2]) == ""


@pytest.mark.parametrize(
    "data", [b"a\0b", b"a\0", b"plain", b"", b"caf\xe9 au lait\nplain\nplain\n", b"\0\0\0", b"\x06\x07"]
)
def test_ascii_with_nul_or_few_foreign_bytes_is_no_other_encoding(data: bytes) -> None:
    assert likely_encoding(data) == ""


@pytest.mark.parametrize(
    "name", ["", "nonsense", "utf-99", "rot13", "hex", "zlib", "base64", "unicode_escape", "idna", " "]
)
def test_an_encoding_that_does_not_exist_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=rf"'{name}' is no encoding.*windows-1256"):
        find_source("text")(encoding=name)


@pytest.mark.parametrize(
    "name", [*EIGHT_BIT, *WIDE, "cp1256", "UTF-8", "utf8", "latin-1", "iso8859_6", "mac_arabic", "cp720"]
)
def test_every_name_of_an_encoding_is_accepted(name: str) -> None:
    assert "ab".encode(encoding_of(name)) == "ab".encode(name)


def test_every_encoding_that_can_be_recognised_is_accepted_by_that_name() -> None:
    for name in charset_normalizer.constant.IANA_SUPPORTED:
        assert encoding_of(name.replace("_", "-"))
    assert encoding_of("utf-8-sig") == "utf-8"


def files(text: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Return contents of a file for each source with an option for the encoding."""
    rows = [{"id": number, "text": line} for number, line in enumerate(text.split("\n"))]
    return {
        "text": (text, {"split": "lines"}),
        "csv": ("id,text\n" + "".join(f'{row["id"]},"{row["text"]}"\n' for row in rows), {}),
        "jsonl": ("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), {}),
        "json": (json.dumps(rows, ensure_ascii=False, indent=1), {}),
    }


@pytest.mark.parametrize("name", [*EIGHT_BIT, *WIDE])
@pytest.mark.parametrize("source", ["text", "csv", "jsonl", "json"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_named_encoding_is_read_and_one_that_is_not_named_is_refused_with_its_name(
    tmp_path: Path, ingest: Any, name: str, source: str, pack: Any
) -> None:
    lines = "\n".join(TEXT[start:] for start in (0, 4, 10))
    contents, options = files(lines)[source]
    path = tmp_path / f"a.{ {'text': 'txt'}.get(source, source) }"
    path.write_bytes(pack(contents.encode(name)))
    documents, counter = ingest(source, path, encoding=name, **options)
    assert [document.text for document in documents] == lines.split("\n")
    assert counter.balanced
    assert not counter.dropped["documents"]
    with pytest.raises(BadInput, match=rf"{path.name}: .*not UTF-8.*; .*encoding: '?[a-z]") as caught:
        ingest(source, path, **options)
    stated = str(caught.value).rpartition("encoding: ")[2].split(",")[0].strip("'} ")
    assert [document.text for document in ingest(source, path, encoding=stated, **options)[0]] == lines.split("\n")


def test_files_in_utf8_beside_those_in_the_named_encoding_are_read_too(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT.encode())
    (tmp_path / "b.txt").write_bytes(TEXT.encode("windows-1256"))
    (tmp_path / "c.txt").write_bytes(b"ascii")
    assert [document.text for document in ingest("text", tmp_path, encoding="windows-1256")[0]] == [
        TEXT,
        TEXT,
        "ascii",
    ]


def test_bytes_that_the_named_encoding_does_not_have_cost_their_line(tmp_path: Path, ingest: Any) -> None:
    (tmp_path / "a.txt").write_bytes("سليم\n".encode("iso-8859-6") + b"\xc7\xa1\xe4\n" + "سليم".encode("iso-8859-6"))
    documents, counter = ingest("text", tmp_path, encoding="iso-8859-6")
    assert documents[0].text == "سليم\nسليم"
    assert counter.dropped["bytes"] == {"invalid UTF-8": 6}
    (tmp_path / "a.txt").write_bytes("سليم\n".encode("utf-16") + b"\x00\xd8\n\x00" + "سليم".encode("utf-16-le") + b"x")
    documents, counter = ingest("text", tmp_path, encoding="utf-16")
    assert "سليم" in documents[0].text
    assert counter.balanced


def test_utf8_that_is_named_reads_the_good_lines_of_a_file_of_bad_ones(tmp_path: Path, ingest: Any) -> None:
    data = TEXT.encode("windows-1256") + b"\nplain\n" + TEXT[:20].encode("windows-1256")
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(BadInput, match="windows-1256"):
        ingest("text", tmp_path)
    assert ingest("text", tmp_path, encoding="utf-8")[0][0].text == "plain"


def test_a_source_without_the_option_names_the_encoding_and_a_program_that_converts(tmp_path: Path) -> None:
    (tmp_path / "ar.txt").write_bytes((TEXT + "\n\n" + TEXT).encode("windows-1256"))
    with pytest.raises(BadInput, match=r"ar\.txt: .*windows-1256.*"):
        find_source("cc100")().units([tmp_path])


# -- binary -----------------------------------------------------------------------------------------------


def binaries() -> dict[str, tuple[bytes, str]]:
    """Return binary files, and what the refusal calls them."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("text", pa.string())])) as writer:
        writer.write_table(pa.table({"text": ["نص"] * 100}))
    rng = np.random.default_rng(1)
    return {
        "pickle": (pickle.dumps({"text": TEXT}), "pickle"),
        "arrow": (sink.getvalue().to_pybytes(), "arrow"),
        "doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500) + TEXT.encode("utf-16-le"), "Office"),
        "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "PDF.*extract its text"),
        "png": (b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG"),
        "jpeg": (b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(100), "JPEG"),
        "sqlite": (b"SQLite format 3\0" + bytes(100), "SQLite"),
        "elf": (b"\x7fELF\2\1\1" + bytes(100), "program"),
        "exe": (b"MZ\x90\0\3" + bytes(100), "program"),
        "npy": (b"\x93NUMPY\x01\0" + bytes(100), r"NumPy.*arcorp pack .*--tokenizer"),
        "ids": (rng.integers(0, 60_000, 5_000).astype("<u2").tobytes(), r"binary.*arcorp pack .*--tokenizer"),
        "safetensors": (struct.pack("<Q", 9) + b'{"a":{}}\n' + rng.bytes(4000), "binary|unknown"),
        "rtf": (b"{\\rtf1\\ansi text}", "RTF"),
    }


@pytest.mark.parametrize("name", [*binaries()])
@pytest.mark.parametrize("pack", [bytes, bz2.compress])
@pytest.mark.parametrize("source", ["text", "csv", "jsonl"])
def test_a_binary_is_refused_by_what_it_is(tmp_path: Path, name: str, pack: Any, source: str) -> None:
    data, expected = binaries()[name]
    (tmp_path / f"a.{name}").write_bytes(pack(data))
    for options in ({}, {"encoding": "windows-1256"}):
        if options and expected.startswith("binary"):
            continue  # any bytes are text in an encoding of one byte
        with pytest.raises(BadInput, match=rf"a\.{name}: .*({expected})"):
            find_source(source)(**options).units([tmp_path / f"a.{name}"])


@pytest.mark.parametrize("text", ["MZ is a prefix", "RIFF and DUCK", "ID3 tags", "OggS", "Obj of study"])
def test_words_that_binaries_begin_with_are_words_in_a_text(tmp_path: Path, ingest: Any, text: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    assert ingest("text", tmp_path)[0][0].text == text


def zipped(**members: bytes) -> bytes:
    import io

    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), data)
    return sink.getvalue()


def test_a_zip_of_one_text_is_read_and_other_zips_are_refused_by_what_they_hold(tmp_path: Path, ingest: Any) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(a_txt=TEXT.encode()))
    assert ingest("text", path)[0][0].text == TEXT
    for data, reason in (
        (zipped(b_zip=zipped(a_txt=TEXT.encode())), "is zip of zip; unpack it"),
        (zipped(a_gz=gzip.compress(TEXT.encode())), "is zip of gzip; unpack it"),
        (gzip.compress(gzip.compress(TEXT.encode())), "is gzip of gzip; unpack it"),
        (gzip.compress(zipped(a_txt=TEXT.encode())), "is gzip of zip; unpack it"),
        (zipped(word__document_xml=b"<w/>", other_xml=b"<o/>"), r"Word document .*; extract its text"),
        (zipped(a_npy=b"x", b_npy=b"x"), "NumPy arrays"),
        (zipped(a_txt=b"x", b_txt=b"x"), "holds 2 files, not one; unpack it"),
        (zipped(a_txt=TEXT.encode("windows-1256")), "windows-1256"),
    ):
        path.write_bytes(data)
        with pytest.raises(BadInput, match=rf"a\.zip: .*{reason}"):
            find_source("text")().units([path])
