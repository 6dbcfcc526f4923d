"""Streams: the content of a file determines how it is opened, and a truncated or damaged file is refused."""

import bz2
import contextlib
import gzip
import io
import itertools
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from corpora.errors import BadInput
from corpora.reading import File, Kind, Stream, sniff, stream_lines

TEXT = "".join(f"السطر رقم {number}: {'كلمة ' * (number % 7)}\n" for number in range(4000)).encode()

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor(level=3, write_checksum=True).compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
}


def write_file(path: Path, data: bytes) -> File:
    path.write_bytes(data)
    return File(str(path), path.name, len(data))


def read(file: File) -> bytes:
    with Stream(file, sniff(file)) as stream:
        return b"".join(iter(lambda: stream.read(10_000), b""))


@pytest.mark.fault(19)
@pytest.mark.parametrize("compression", COMPRESS)
def test_the_first_bytes_determine_the_format_not_the_name(tmp_path: Path, compression: str) -> None:
    file = write_file(tmp_path / "corpus.parquet", COMPRESS[compression](TEXT))
    assert sniff(file) == Kind("stream", compression)
    assert read(file) == TEXT


@pytest.mark.parametrize("compression", COMPRESS)
def test_a_stream_of_several_members_is_read_to_its_end(tmp_path: Path, compression: str) -> None:
    compress = COMPRESS[compression]
    assert read(write_file(tmp_path / "a", compress(TEXT) + compress(b"more"))) == TEXT + b"more"


def test_a_zstd_stream_may_begin_with_a_skippable_frame(tmp_path: Path) -> None:
    frame = (0x184D2A53).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"abc"
    assert read(write_file(tmp_path / "a", frame + COMPRESS["zstd"](TEXT))) == TEXT


@pytest.mark.fault(9)
@pytest.mark.parametrize("compression", COMPRESS)
def test_a_truncated_file_is_refused_with_file_and_offset(tmp_path: Path, compression: str) -> None:
    data = COMPRESS[compression](TEXT)
    sizes = {6, 7, 12, len(data) // 2, len(data) - 9, len(data) - 1, *random.Random(1).sample(range(6, len(data)), 30)}
    for size in sorted(sizes):
        file = write_file(tmp_path / "truncated", data[:size])
        with pytest.raises(BadInput, match=r"truncated, byte \d+: .*truncated.*; fetch it again"):
            read(file)


@pytest.mark.fault(10)
@pytest.mark.parametrize("compression", COMPRESS)
def test_a_flipped_bit_is_refused_or_harmless(
    tmp_path: Path, compression: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("times", 200)
    data = COMPRESS[compression](TEXT)
    rng = random.Random(2)
    for _ in range(200):
        flipped = bytearray(data)
        flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        file = write_file(tmp_path / "flipped", bytes(flipped))
        with contextlib.suppress(BadInput):
            assert read(file) in (TEXT, bytes(flipped))  # a flipped bit of the gzip header, or of the magic value


@pytest.mark.parametrize("compression", COMPRESS)
def test_foreign_bytes_after_the_end_are_refused(tmp_path: Path, compression: str) -> None:
    with pytest.raises(BadInput):
        read(write_file(tmp_path / "a", COMPRESS[compression](TEXT) + b"garbage and more of it"))


@pytest.mark.fault(17)
@pytest.mark.parametrize("compression", COMPRESS)
def test_a_compression_bomb_is_refused(tmp_path: Path, compression: str) -> None:
    file = write_file(tmp_path / "bomb", COMPRESS[compression](bytes(66 << 20)))
    with pytest.raises(BadInput, match=r"(bomb|bomb\.zip): expands more than"):
        read(file)


@pytest.mark.fault(14)
def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a\.jsonl: is empty; fetch it again"):
        sniff(write_file(tmp_path / "a.jsonl", b""))


@pytest.mark.fault(18)
def test_a_zip_with_one_safe_file_is_read_and_others_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "one.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside/one.json", TEXT)
    valid = File(str(tmp_path / "one.zip"), "one.zip", (tmp_path / "one.zip").stat().st_size)
    assert read(valid) == TEXT

    for name in ("../../outside.json", "/etc/outside.json", "a\\..\\b.json"):
        with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
            archive.writestr(name, TEXT)
        with pytest.raises(BadInput, match=r"out\.zip: .*outside"):
            read(File(str(tmp_path / "out.zip"), "out.zip", 1))

    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.json", "[]")
        archive.writestr("b.json", "[]")
    with pytest.raises(BadInput, match=r"two\.zip: .*2 files.*; unpack it"):
        read(File(str(tmp_path / "two.zip"), "two.zip", 1))

    for mode in (0o120777, 0o060644, 0o020644, 0o010644):  # link, block device, character device, pipe
        special = zipfile.ZipInfo("special")
        special.external_attr = mode << 16
        with zipfile.ZipFile(tmp_path / "special.zip", "w") as archive:
            archive.writestr(special, "/etc/passwd")
        with pytest.raises(BadInput, match=r"special\.zip: special .*link or a device"):
            read(File(str(tmp_path / "special.zip"), "special.zip", 1))


@pytest.mark.parametrize("compression", ["", *COMPRESS])
def test_a_tar_archive_is_refused_with_any_contents(tmp_path: Path, compression: str) -> None:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, kind in (("../../etc/passwd", tarfile.REGTYPE), ("link", tarfile.SYMTYPE), ("dev", tarfile.CHRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd" if kind == tarfile.SYMTYPE else ""
            archive.addfile(member)
    data = tar.getvalue()
    with pytest.raises(BadInput, match="is a tar archive; unpack it"):
        read(write_file(tmp_path / "a.txt", COMPRESS[compression](data) if compression else data))


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", bytes(66 << 20))
    path = tmp_path / "bomb.zip"
    with pytest.raises(BadInput, match=r"(bomb|bomb\.zip): expands more than"):
        read(File(str(path), "bomb.zip", path.stat().st_size))


@pytest.mark.fault(9)
@pytest.mark.fault(10)
def test_a_truncated_or_flipped_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", TEXT)
    data = (tmp_path / "a.zip").read_bytes()
    for damaged in (data[:-30], data[:100] + bytes([data[100] ^ 1]) + data[101:]):
        with pytest.raises(BadInput):
            read(write_file(tmp_path / "damaged.zip", damaged))


# -- lines ------------------------------------------------------------------------------------------------


@given(
    st.lists(st.sampled_from([b"", b"a", b"bc", b"\r", "كلمة".encode(), b"x" * 40]), max_size=30),
    st.booleans(),
    st.lists(st.integers(0, 300), max_size=6),
)
def test_every_line_is_read_once_for_any_slices(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], ended: bool, splits: list[int]
) -> None:
    data = b"\n".join(pieces) + (b"\n" if ended else b"")
    file = write_file(tmp_path_factory.getbasetemp() / "lines", data)
    bounds = sorted({0, len(data) + 1, *(min(split, len(data)) for split in splits)})
    lines = []
    for start, stop in itertools.pairwise(bounds):
        with Stream(file, Kind("stream")) as stream:
            lines += list(stream_lines(stream, start, stop))
    expected = data.split(b"\n")[: None if data and not data.endswith(b"\n") else -1]
    assert [line.data for line in lines] == [line.removesuffix(b"\r") for line in expected]
    assert all(data[line.offset :].startswith(line.data or b"") for line in lines)


@pytest.mark.fault(16)
def test_only_a_line_that_is_too_long_is_lost(tmp_path: Path) -> None:
    file = write_file(tmp_path / "a", b"one\n" + b"x" * 5_000_000 + b"\nthree\n")
    with Stream(file, Kind("stream")) as stream:
        lines = list(stream_lines(stream, longest=1000))
    assert [line.data for line in lines] == [b"one", None, b"three"]
    assert lines[1].size == 5_000_001
