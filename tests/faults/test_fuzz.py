"""Every parser on mutated files: it reads them, or refuses in one sentence; never a traceback, never a hang.

`ARCORP_EXAMPLES=5000 pytest tests/faults/test_fuzz.py` for many; a few of each in the suite.
"""

import itertools
import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import cli
from pipelines.errors import as_failure
from pipelines.parts import Part, read_sidecar
from pipelines.recipe import load_recipe, packaged
from sharding import Dataset, seal
from sharding.layout import SCHEDULE
from sharding.plan import Plan
from sharding.schedule import Schedule

EXAMPLES = int(os.environ.get("ARCORP_EXAMPLES", "25"))
many = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

SPLICES = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 40),
        st.one_of(
            st.binary(max_size=8),
            st.sampled_from(
                [b"null", b"-1", b"1e999", b"[]", b"{}", b'""', b"\n", b"\x00", b"\xff\xfe", b"~~", b"#####", b"\r\n"]
                + [str(2**number).encode() for number in (31, 32, 63, 64)]
            ),
        ),
    ),
    min_size=1,
    max_size=4,
)
"""Where (as a share of the file), how many bytes go, and what comes in their place."""


def mutate(data: bytes, splices) -> bytes:
    for where, length, new in splices:
        at = int(where * len(data))
        data = data[:at] + new + data[at + length :]
    return data


def survives(parse) -> None:
    """`parse` ends, or raises what a user is told in a sentence."""
    try:
        parse()
    except Exception as raised:
        error = raised
    else:
        return
    known = as_failure(error)
    assert known is not None, f"{type(error).__name__}: {error}"
    assert str(known), "a sentence"
    assert "\n" not in str(known).strip(), "one sentence"


SEALED_JSON = {
    "manifest": ("dataset", seal.MANIFEST, seal.read_manifest),
    "plan": ("dataset", "plan.json", Plan.read),
    "schedule": ("dataset", SCHEDULE, lambda folder: Schedule.read(folder / SCHEDULE, seal.read_manifest(folder))),
    "sidecar": ("tokens", "*-00000*.json", None),
}


@pytest.mark.fault(28)
@pytest.mark.parametrize("what", SEALED_JSON)
@many
@given(splices=SPLICES)
def test_mutated_json_of_a_sealed_folder_is_read_or_refused_in_a_sentence(copy, what, splices):
    folder, pattern, parse = copy / SEALED_JSON[what][0], *SEALED_JSON[what][1:]
    path = sorted(folder.glob(pattern))[0]
    before = path.read_bytes()
    path.write_bytes(mutate(before, splices))
    try:
        survives(lambda: parse(folder) if parse else read_sidecar(folder, Part(path.stem), "no such key"))
    finally:
        path.write_bytes(before)


@pytest.mark.fault(28)
@many
@given(splices=SPLICES)
def test_mutated_segments_never_crash_a_reader_or_pass_for_whole(copy, splices):
    folder = copy / "dataset"
    path = sorted(folder.glob("shards/*.seg"))[0]
    before = path.read_bytes()
    after = mutate(before, splices)
    path.write_bytes(after)
    try:
        survives(lambda: Dataset(folder).batch(0, 0, 1))
        code = cli.run(["verify", str(folder), "--level", "full", "--format", "quiet"])
        assert code == (0 if after == before else 4)
    finally:
        path.write_bytes(before)
        shutil.rmtree(folder / ".arcorp", ignore_errors=True)


@pytest.mark.fault(28)
@many
@given(splices=SPLICES)
def test_a_mutated_recipe_is_read_or_refused_in_a_sentence(tmp_path, splices):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(mutate(packaged()["demo"].read_bytes(), splices))
    survives(lambda: load_recipe(path))


NATIVE = {
    "openiti": ("openiti", "openiti/**/*-ara*"),
    "oscar": ("oscar", "oscar/**/*.jsonl*"),
    "shamela": ("shamela", "shamela/json/**/*.json"),
    "shamela-bok": ("shamela", "shamela/bok/**/*.bok"),
    "quran": ("quran", "quran/*.txt"),
    "hadith": ("hadith-json", "hadith/**/*.json"),
    "arastories": ("arastories", "arastories/*.csv"),
    "wikiextractor": ("wikipedia", "wikipedia/wikiextractor/**/wiki_*"),
    "parquet": ("fineweb-2", "fineweb-2/**/*.parquet"),
}
CUT = 300_000


@pytest.mark.fault(28)
@pytest.mark.parametrize("what", NATIVE)
@many
@given(splices=SPLICES)
def test_a_mutated_native_file_is_read_or_refused_in_a_sentence(samples, tmp_path, capfd, what, splices):
    source, pattern = NATIVE[what]
    files = [path for path in sorted((samples / "data").glob(pattern)) if path.is_file() and path.stat().st_size]
    smallest = min(files, key=lambda path: path.stat().st_size)
    data = smallest.read_bytes()
    if smallest.suffix not in (".parquet", ".bok", ".zst", ".gz"):  # text may be cut: a short file is fuzzed faster
        data = data[: data.rfind(b"\n", 0, CUT) + 1 or CUT]
    number = next(_numbers)
    path = tmp_path / f"{number}-{smallest.name}"
    path.write_bytes(mutate(data, splices))
    out = tmp_path / f"out-{number}"
    code = cli.run(["ingest", source, str(path), "--out", str(out), "--format", "quiet", "--workers", "1"])
    err = capfd.readouterr().err
    assert code in (0, 3), err
    assert "Traceback" not in err
    assert "a bug" not in err
    path.unlink()
    shutil.rmtree(out, ignore_errors=True)


_numbers = itertools.count()
