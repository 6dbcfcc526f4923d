"""Bad input at the command line: one message with the file and the remedy, and exit code 3; with quarantine, bad files
are counted and listed."""

import contextlib
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from corpora.demo.files import write_native
from corpora.document_counts import DocumentCounter
from corpora.errors import BadInput
from corpora.sources import find_source
from pipelines import cli
from sharding import seal
from sharding.seal import Sealed


def ingest(source: str, place: Path, out: Path, *flags: str) -> int:
    return cli.run(["ingest", source, str(place), "--out", str(out), "--workers", "1", *flags])


@pytest.fixture(scope="module")
def sound(samples: Path) -> bytes:
    """OSCAR's lines as they were published, compressed."""
    return (samples / "data" / "oscar" / "OSCAR-2301" / "ar_meta" / "ar_meta_part_1.jsonl.zst").read_bytes()


HARM: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut early": (lambda data: data[:5000], "ends in the middle (truncated)"),
    "cut late": (lambda data: data[:-1], "ends in the middle (truncated)"),
    "empty": (lambda data: b"", "is empty"),
    "another format": (lambda data: b"%PDF-1.7 " + data, "is PDF"),
    "an archive": (lambda data: b"7z\xbc\xaf\x27\x1c" + data, "is 7-Zip"),
    "noise": (lambda data: random.Random(3).randbytes(5000), "is binary"),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_bad_file_ends_the_run_with_one_message_or_is_skipped_counted_and_listed(
    harm: str, sound: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, reason = HARM[harm]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl.zst").write_bytes(sound)
    (tmp_path / "in" / "b.jsonl.zst").write_bytes(damage(sound))

    assert ingest("oscar", tmp_path / "in", tmp_path / "out") == 3
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"arcorp: {tmp_path / 'in' / 'b.jsonl.zst'}")
    assert reason in sentence
    assert "; " in sentence  # before the remedy
    assert not (tmp_path / "out" / seal.MANIFEST).exists()

    assert ingest("oscar", tmp_path / "in", tmp_path / "kept", "--on-bad-file", "quarantine") == 0
    assert reason in capsys.readouterr().err
    manifest = Sealed(tmp_path / "kept").manifest
    (listed,) = manifest.summary["bad"]
    assert reason in listed
    assert manifest.counts["documents"].out >= 1239


# A sound file of every container and compression that is read.
NATIVE = {
    "zst": ("oscar", "oscar/OSCAR-2301/ar_meta/ar_meta_part_1.jsonl.zst"),
    "gz": ("oscar", "oscar/OSCAR-2201/ar_meta/ar_meta_part_1.jsonl.gz"),
    "xz": ("cc100", "cc100/ar.txt.xz"),
    "parquet": ("fineweb-2", "fineweb-2/data/ars_Arab/train/000_00000.parquet"),
    "zip": ("saudinewsnet", "saudinewsnet/2015-07-23.zip"),
    "bok": ("shamela", "shamela/bok/0001.bok"),
}


@pytest.mark.fault(9)
@pytest.mark.parametrize("kind", NATIVE)
def test_a_truncated_file_of_any_kind_is_one_message(
    kind: str, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, name = NATIVE[kind]
    whole = (samples / "data" / name).read_bytes()
    cut = tmp_path / Path(name).name
    cut.write_bytes(whole[: len(whole) // 2])
    assert ingest(source, cut, tmp_path / "out") == 3
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"arcorp: {cut}")
    assert not (tmp_path / "out" / seal.MANIFEST).exists()


@pytest.mark.parametrize("kind", ["gz", "xz", "zip"])
def test_a_flipped_bit_is_one_message_for_kinds_with_checksums(
    kind: str, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, name = NATIVE[kind]
    flipped = bytearray((samples / "data" / name).read_bytes())
    flipped[len(flipped) // 2] ^= 4
    file = tmp_path / Path(name).name
    file.write_bytes(flipped)
    assert ingest(source, file, tmp_path / "out") == 3
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"arcorp: {file}")
    assert "damaged" in sentence


@pytest.mark.fault(16)
def test_of_a_file_with_a_line_of_a_gigabyte_only_that_line_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "a.jsonl").open("wb") as file:
        file.write(b'{"text": "first"}\n{"text": "')
        file.seek((1 << 30) - 3, 1)  # a hole reads as zeros
        file.write(b'"}\n{"text": "last"}\n')
    assert ingest("jsonl", tmp_path / "a.jsonl", tmp_path / "out") == 0
    documents = Sealed(tmp_path / "out").manifest.counts["documents"]
    assert documents.out >= 2
    assert sum(documents.dropped.values()) >= 1


def documents_of(source: str, folder: Path) -> list[tuple[str, str]]:
    """Return ids and texts. The other columns of a Parquet file have no checksum except that of the seal."""
    reader, counter = find_source(source)(), DocumentCounter()
    units = reader.units([folder])
    return [(document.id, document.text) for unit in units for document in reader.documents(unit, counter)]


@pytest.mark.fault(10)
@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("oscar", "oscar/OSCAR-2301/ar_meta/ar_meta_part_1.jsonl.zst"),
        ("fineweb-2", "fineweb-2/data/arz_Arab/train/000_00000.parquet"),
    ],
)
def test_none_of_200_flipped_bits_in_a_compressed_native_file_is_silent(
    source: str, name: str, tmp_path: Path, record_property: Callable[[str, int], None]
) -> None:
    record_property("times", 200)
    write_native(tmp_path / "native", bytes=250_000, seed=0)
    data = (tmp_path / "native" / name).read_bytes()
    (tmp_path / "flipped").mkdir()
    file = tmp_path / "flipped" / Path(name).name
    file.write_bytes(data)
    whole = documents_of(source, file.parent)
    chance, refused = random.Random(6), 0
    for _ in range(200):
        flipped = bytearray(data)
        flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        file.write_bytes(flipped)
        with contextlib.suppress(BadInput):
            assert documents_of(source, file.parent) == whole
            refused -= 1
        refused += 1
    assert refused > 100


@pytest.mark.fault(10)
def test_none_of_200_flipped_bits_in_sealed_documents_is_silent(
    sound: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, int], None]
) -> None:
    record_property("times", 200)
    (tmp_path / "a.jsonl.zst").write_bytes(sound)
    assert ingest("oscar", tmp_path, tmp_path / "out") == 0
    part = tmp_path / "out" / "part-00000.parquet"
    data = part.read_bytes()
    chance = random.Random(8)
    for _ in range(200):
        flipped = bytearray(data)
        flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        part.write_bytes(flipped)
        with pytest.raises(seal.Damaged):
            Sealed(tmp_path / "out").read("part-00000.parquet")
    assert cli.run(["verify", str(tmp_path / "out"), "--level", "full"]) == 4
    assert "part-00000.parquet" in capsys.readouterr().err


def test_options_of_a_source_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text("سطر\nآخر\n")
    assert ingest("text", tmp_path / "a.txt", tmp_path / "lines", "--set", "options.split=lines") == 0
    assert Sealed(tmp_path / "lines").manifest.counts["documents"].out == 2
    for setting, named in (
        ("options.split=words", ("'split'", "'file', 'blocks' or 'lines'", "'words'")),
        ("options.splt=lines", ("'splt'", "category, encoding, language, license, limit, relabel, split")),
    ):
        assert ingest("text", tmp_path / "a.txt", tmp_path / "bad", "--set", setting) == 2
        err = capsys.readouterr().err
        assert all(text in err for text in named)


@pytest.mark.fault(15)
def test_a_document_with_a_repeated_id_is_dropped_and_counted(tmp_path: Path) -> None:
    lines = [{"text": f"نص {number}", "id": str(number // 2)} for number in range(6)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert ingest("jsonl", tmp_path / "a.jsonl", tmp_path / "out", "--id-field", "id") == 0
    documents = Sealed(tmp_path / "out").manifest.counts["documents"]
    assert (documents.out, documents.dropped) == (3, {"duplicate id": 3})
