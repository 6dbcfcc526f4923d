"""Files are opened by what they are, and never end early in silence."""

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


def made(path: Path, data: bytes) -> File:
    path.write_bytes(data)
    return File(str(path), path.name, len(data))


def read(file: File) -> bytes:
    with Stream(file, sniff(file)) as stream:
        return b"".join(iter(lambda: stream.read(10_000), b""))


@pytest.mark.fault(19)
@pytest.mark.parametrize("compression", COMPRESS)
def test_the_first_bytes_decide_not_the_name(tmp_path: Path, compression: str) -> None:
    file = made(tmp_path / "corpus.parquet", COMPRESS[compression](TEXT))
    assert sniff(file) == Kind("stream", compression)
    assert read(file) == TEXT


@pytest.mark.parametrize("compression", COMPRESS)
def test_a_stream_of_several_members_is_read_to_its_end(tmp_path: Path, compression: str) -> None:
    compress = COMPRESS[compression]
    assert read(made(tmp_path / "a", compress(TEXT) + compress(b"more"))) == TEXT + b"more"


def test_a_zstd_stream_may_begin_with_a_skippable_frame(tmp_path: Path) -> None:
    frame = (0x184D2A53).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"abc"
    assert read(made(tmp_path / "a", frame + COMPRESS["zstd"](TEXT))) == TEXT


@pytest.mark.fault(9)
@pytest.mark.parametrize("compression", COMPRESS)
def test_a_truncated_file_is_refused_with_file_and_offset(tmp_path: Path, compression: str) -> None:
    data = COMPRESS[compression](TEXT)
    cuts = {6, 7, 12, len(data) // 2, len(data) - 9, len(data) - 1, *random.Random(1).sample(range(6, len(data)), 30)}
    for cut in sorted(cuts):
        file = made(tmp_path / "cut", data[:cut])
        with pytest.raises(BadInput, match=r"cut, byte \d+: ends in the middle \(truncated\)"):
            read(file)


@pytest.mark.fault(10)
@pytest.mark.parametrize("compression", COMPRESS)
def test_a_flipped_bit_is_refused_or_harmless(
    tmp_path: Path, compression: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("times", 200)
    data = COMPRESS[compression](TEXT)
    chance = random.Random(2)
    for _ in range(200):
        flipped = bytearray(data)
        flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        file = made(tmp_path / "flipped", bytes(flipped))
        with contextlib.suppress(BadInput):
            assert read(file) in (TEXT, bytes(flipped))  # a bit of gzip's header, or the magic itself


@pytest.mark.parametrize("compression", COMPRESS)
def test_foreign_bytes_after_the_end_are_refused(tmp_path: Path, compression: str) -> None:
    with pytest.raises(BadInput):
        read(made(tmp_path / "a", COMPRESS[compression](TEXT) + b"garbage and more of it"))


@pytest.mark.fault(17)
@pytest.mark.parametrize("compression", COMPRESS)
def test_a_bomb_is_refused_before_it_fills_memory(tmp_path: Path, compression: str) -> None:
    file = made(tmp_path / "bomb", COMPRESS[compression](bytes(66 << 20)))
    with pytest.raises(BadInput, match="expands more than"):
        read(file)


@pytest.mark.fault(14)
def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is empty"):
        sniff(made(tmp_path / "a.jsonl", b""))


@pytest.mark.fault(18)
def test_a_zip_of_one_file_is_read_and_others_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "one.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside/one.json", TEXT)
    one = File(str(tmp_path / "one.zip"), "one.zip", (tmp_path / "one.zip").stat().st_size)
    assert read(one) == TEXT

    for name in ("../../outside.json", "/etc/outside.json", "a\\..\\b.json"):
        with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
            archive.writestr(name, TEXT)
        with pytest.raises(BadInput, match="leads out of it"):
            read(File(str(tmp_path / "out.zip"), "out.zip", 1))

    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.json", "[]")
        archive.writestr("b.json", "[]")
    with pytest.raises(BadInput, match="holds 2 files"):
        read(File(str(tmp_path / "two.zip"), "two.zip", 1))

    for mode in (0o120777, 0o060644, 0o020644, 0o010644):  # link, block device, character device, pipe
        special = zipfile.ZipInfo("special")
        special.external_attr = mode << 16
        with zipfile.ZipFile(tmp_path / "special.zip", "w") as archive:
            archive.writestr(special, "/etc/passwd")
        with pytest.raises(BadInput, match="special in it is a link or a device"):
            read(File(str(tmp_path / "special.zip"), "special.zip", 1))


@pytest.mark.parametrize("compression", ["", *COMPRESS])
def test_a_tar_archive_is_refused_whatever_is_in_it(tmp_path: Path, compression: str) -> None:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, kind in (("../../etc/passwd", tarfile.REGTYPE), ("link", tarfile.SYMTYPE), ("dev", tarfile.CHRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd" if kind == tarfile.SYMTYPE else ""
            archive.addfile(member)
    data = tar.getvalue()
    with pytest.raises(BadInput, match="is a tar archive; unpack it and name the files"):
        read(made(tmp_path / "a.txt", COMPRESS[compression](data) if compression else data))


def test_a_zip_bomb_is_refused_before_it_fills_memory(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", bytes(66 << 20))
    path = tmp_path / "bomb.zip"
    with pytest.raises(BadInput, match="expands more than"):
        read(File(str(path), "bomb.zip", path.stat().st_size))


@pytest.mark.fault(9)
@pytest.mark.fault(10)
def test_a_cut_or_flipped_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", TEXT)
    data = (tmp_path / "a.zip").read_bytes()
    for damaged in (data[:-30], data[:100] + bytes([data[100] ^ 1]) + data[101:]):
        with pytest.raises(BadInput):
            read(made(tmp_path / "damaged.zip", damaged))


# -- lines ------------------------------------------------------------------------------------------------


@given(
    st.lists(st.sampled_from([b"", b"a", b"bc", b"\r", "كلمة".encode(), b"x" * 40]), max_size=30),
    st.booleans(),
    st.lists(st.integers(0, 300), max_size=6),
)
def test_every_line_belongs_to_one_slice_wherever_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], ended: bool, cuts: list[int]
) -> None:
    data = b"\n".join(pieces) + (b"\n" if ended else b"")
    file = made(tmp_path_factory.getbasetemp() / "lines", data)
    bounds = sorted({0, len(data) + 1, *(min(cut, len(data)) for cut in cuts)})
    found = []
    for start, stop in itertools.pairwise(bounds):
        with Stream(file, Kind("stream")) as stream:
            found += list(stream_lines(stream, start, stop))
    expected = data.split(b"\n")[: None if data and not data.endswith(b"\n") else -1]
    assert [line.data for line in found] == [line.removesuffix(b"\r") for line in expected]
    assert all(data[line.offset :].startswith(line.data or b"") for line in found)


@pytest.mark.fault(16)
def test_a_line_too_long_costs_that_line(tmp_path: Path) -> None:
    file = made(tmp_path / "a", b"one\n" + b"x" * 5_000_000 + b"\nthree\n")
    with Stream(file, Kind("stream")) as stream:
        found = list(stream_lines(stream, longest=1000))
    assert [line.data for line in found] == [b"one", None, b"three"]
    assert found[1].size == 5_000_001
