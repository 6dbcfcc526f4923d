"""Every parser reads mutated files or refuses them in one sentence, without a traceback or a hang.

A file with a digest is read unchanged or refused. ARCORP_EXAMPLES sets the number of mutations of each file.
`make fuzz` gives each parser ARCORP_FUZZ_SECONDS, with new mutations in each run, and keeps the figures.
"""

import functools
import itertools
import json
import os
import random
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from faults.parsers import PARSERS, Attempt, prepared, survives

from examples import EXAMPLES
from pipelines import cli
from pipelines.recipe import load_recipe, packaged
from pipelines.run import Part, read_sidecar
from sharding import Dataset, seal
from sharding.layout import SCHEDULE
from sharding.packing import Plan
from sharding.scheduling import Schedule
from training import checkpoint
from training.errors import TrainError

SECONDS = float(os.environ.get("ARCORP_FUZZ_SECONDS", "0"))
FIRST = time.time_ns() // 1_000_000 if SECONDS else 0
"""The first seed: 0 in the suite, so that its mutations are the same in every run; new in each `make fuzz`."""

WORDS = [b"null", b"-1", b"1e999", b"NaN", b"[]", b"{}", b'""', b'"', b",", b"\\", b"\\ud800", b"\n", b"\r\n", b"\x00"]
WORDS += [b"\xff\xfe", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"~~", b"#####", b"# |", b"ms001", b"<doc", b"</doc>", b"|"]
WORDS += [b": ", b"- ", b"&a ", b"*a", b"<<: ", b"!!python/name:os.system", b"2001-99-99", b"\t", b"0x", b"\x1f\x8b"]
WORDS += [str(2**power).encode() for power in (31, 32, 63, 64)]
WORDS += [b"9" * 5000, b"[" * 100_000, b'{"a":' * 20_000, b"\xff" * 70_000]


def mutated(data: bytes, seed: int) -> bytes:
    """Change one to four places: bytes are removed and inserted. Half of the places are in the first 1,000 bytes."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 4)):
        other = chance.randrange(len(data) + 1)
        new = [b"", chance.randbytes(chance.randrange(9)), chance.choice(WORDS), data[other : other + 40]]
        inserted = chance.choice(new)
        start = (
            chance.randrange(min(len(data), 1000) + 1) if chance.random() < 0.5 else chance.randrange(len(data) + 1)
        )
        removed = chance.choice(
            [0, len(inserted), len(inserted), chance.randrange(40), chance.randrange(len(data) + 1)]
        )
        data = data[:start] + inserted + data[start + removed :]
    return data


@pytest.fixture
def fuzz(record_property: Callable[[str, object], None]) -> Callable[[str, bytes, Attempt], None]:
    """Tries a parser on mutations of a file, counts, and fails with the seeds that it could not take."""

    def tries(parser: str, data: bytes, attempt: Attempt) -> None:
        assert attempt(data), "a sound file"
        begun, slowest, wrong, read = time.monotonic(), 0.0, [], 0
        for number in itertools.count():
            before = time.monotonic()
            if before - begun >= SECONDS if SECONDS else number == EXAMPLES // 2:
                break
            try:
                read += attempt(mutated(data, FIRST + number))
            except BaseException as error:  # panics of Rust code are no Exceptions
                if isinstance(error, KeyboardInterrupt):
                    raise
                wrong.append(f"seed {FIRST + number}: {type(error).__name__}: {error}")
            slowest = max(slowest, time.monotonic() - before)
        figures = {"parser": parser, "seconds": round(before - begun, 1), "examples": number, "read": read}
        figures |= {"wrong": len(wrong), "slowest": round(slowest, 2)}
        record_property("times", number)
        record_property("fuzzed", figures)
        assert not wrong, "\n".join([f"{len(wrong)} of {number}", *wrong[:5]])

    return tries


def manifest(folder: Path) -> object:
    return seal.read_manifest(folder)


def plan(folder: Path) -> object:
    return Plan.read(folder)


def schedule(folder: Path) -> object:
    return Schedule.read(folder / SCHEDULE, seal.read_manifest(folder)).data


PROVEN = {"manifest": (seal.MANIFEST, manifest, True), "schedule": (SCHEDULE, schedule, True)}
PROVEN["plan"] = ("plan.json", plan, False)  # what proves it is the manifest, which has its hash


@pytest.mark.fault(28)
@pytest.mark.parametrize("what", PROVEN)
def test_mutated_json_of_a_dataset_is_read_as_it_was_or_refused(copy, fuzz, what):
    folder = copy / "dataset"
    name, parse, proves_itself = PROVEN[what]
    path = folder / name
    whole = parse(folder)

    def attempt(data: bytes) -> bool:
        path.write_bytes(data)
        return survives(lambda: same(parse(folder)))

    def same(result: object) -> None:
        assert result == whole or not proves_itself

    fuzz(what, path.read_bytes(), attempt)


@pytest.mark.fault(28)
def test_a_mutated_sidecar_is_read_as_it_was_or_its_part_is_made_again(copy, fuzz):
    folder = copy / "tokens"
    path = sorted(folder.glob("*-00000*.json"))[0]
    part, key = Part(path.stem), json.loads(path.read_bytes())["key"]
    read = functools.partial(read_sidecar, folder, part, key)
    whole = read()
    assert whole

    def attempt(data: bytes) -> bool:
        path.write_bytes(data)
        result = read()
        assert result in (None, whole)
        return result is not None

    fuzz("sidecar", path.read_bytes(), attempt)


@pytest.mark.fault(28)
def test_a_mutated_meta_of_a_checkpoint_is_read_as_it_was_or_refused(tmp_path, fuzz):
    meta = checkpoint.Meta(4, "ab" * 32, (0, "00" * 32), "cd" * 32, "ef" * 32, {"width": 16}, {"lr": 1e-3}, 2, {}, {})
    folder = checkpoint.save(tmp_path, meta, {"w": torch.ones(4)}, {"w/m": torch.zeros(4)})
    path = folder / checkpoint.META

    def attempt(data: bytes) -> bool:
        path.write_bytes(data)
        try:
            result = checkpoint.read_meta(folder)
        except TrainError:
            return False
        assert result == meta
        return True

    fuzz("checkpoint meta", path.read_bytes(), attempt)


@pytest.mark.fault(28)
def test_mutated_segments_never_crash_a_reader_or_pass_for_whole(copy, fuzz):
    folder = copy / "dataset"
    path = sorted(folder.glob("shards/*.seg"))[0]
    before = path.read_bytes()

    def attempt(data: bytes) -> bool:
        path.write_bytes(data)
        read = survives(lambda: Dataset(folder).batch(0, 0, 1))
        assert cli.run(["verify", str(folder), "--level", "full", "--format", "quiet"]) == (0 if data == before else 4)
        return read

    fuzz("segment", before, attempt)


@pytest.mark.fault(28)
def test_a_mutated_recipe_is_read_or_refused_in_a_sentence(tmp_path, fuzz):
    path = tmp_path / "recipe.yaml"

    def attempt(data: bytes) -> bool:
        path.write_bytes(data)
        return survives(lambda: load_recipe(path))

    fuzz("recipe", packaged()["demo"].read_bytes(), attempt)


@pytest.mark.fault(28)
@pytest.mark.parametrize("what", PARSERS)
def test_a_mutated_file_of_a_parser_in_this_process_is_read_or_refused_in_a_sentence(tmp_path, fuzz, what):
    fuzz(what, *prepared(what, tmp_path))


ONCE_RAISED = {
    "tokenizer_meta.json": lambda data: data.replace(b": 1", b": 1e9991", 1),
    "token_bytes.npy": lambda data: data[:9] + b"\x7b" + data[10:] + b"\0" * 40_000,
    "SentencePiece model": lambda data: re.sub(rb"\x15(...).", b"\x12\x03\\1", data, count=1, flags=re.S),
    "trainer's configuration": lambda data: b"lr: " + b"9" * 5000,
    "plain text": lambda data: b"\x80\xb1\xb9\xc1\xf1\xf8\xfd\xad" * 9,
}
"""Changes of a file after which a parser raised what is no refusal."""


@pytest.mark.fault(28)
@pytest.mark.parametrize("what", ONCE_RAISED)
def test_a_file_that_once_ended_in_a_traceback_is_read_or_refused_in_a_sentence(tmp_path, what):
    data, attempt = prepared(what, tmp_path)
    changed = ONCE_RAISED[what](data)
    assert changed != data
    attempt(changed)


NATIVE = {
    "OpenITI": ("openiti", "openiti/**/*-ara1"),
    "OSCAR 2301": ("oscar", "oscar/OSCAR-2301/**/*.jsonl*"),
    "OSCAR 2201": ("oscar", "oscar/OSCAR-2201/**/*.jsonl*"),
    "Shamela .json": ("shamela", "shamela/json/**/*.json"),
    "Shamela .bok": ("shamela", "shamela/bok/**/*.bok"),
    "Quran": ("quran", "quran/*.txt"),
    "Hadith": ("hadith-json", "hadith/**/*.json"),
    "CSV": ("arastories", "arastories/*.csv"),
    "WikiExtractor": ("wikipedia", "wikipedia/wikiextractor/**/wiki_*"),
    "Parquet": ("fineweb-2", "fineweb-2/**/*.parquet"),
}
PACKED = (".zst", ".gz")  # unpacked: else it would be their checksum that is tried
LINES = (".jsonl", ".txt", "")  # may be cut after any: a short file is fuzzed faster
CUT = 100_000


@pytest.mark.fault(28)
@pytest.mark.parametrize("what", NATIVE)
def test_a_mutated_native_file_is_read_or_refused_in_a_sentence(samples, tmp_path, capfd, fuzz, what):
    source, pattern = NATIVE[what]
    files = [path for path in sorted((samples / "data").glob(pattern)) if path.is_file() and path.stat().st_size]
    smallest = min(files, key=lambda path: path.stat().st_size)
    data = pa.input_stream(str(smallest), compression="detect").read()
    name = smallest.stem if smallest.suffix in PACKED else smallest.name
    if Path(name).suffix in LINES:
        data = data[: data.rfind(b"\n", 0, CUT) + 1]
    numbers = itertools.count()

    def attempt(data: bytes) -> bool:
        folder = tmp_path / str(next(numbers))  # of its own: which inputs were read before is remembered
        folder.mkdir()
        (folder / name).write_bytes(data)
        arguments = [source, str(folder / name), "--out", str(folder / "out"), "--format", "quiet", "--workers", "1"]
        code = cli.run(["ingest", *arguments])
        err = capfd.readouterr().err
        shutil.rmtree(folder)
        assert code in (0, 3), err
        assert "Traceback" not in err
        assert "a bug" not in err
        return code == 0

    fuzz(what, data, attempt)
