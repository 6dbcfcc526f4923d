"""Names and numbers in sealed records that lie: refused in a sentence, and nothing outside --out is touched."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trees import snapshot

from pipelines import cli
from pipelines.run import Part, read_sidecar
from sharding import checked, seal
from sharding.layout import DatasetLayout
from sharding.packing import Plan
from sharding.rows import Dataset
from sharding.scheduling import Schedule

EVIL = [
    "../victim",
    "../../victim",
    "tokenizer/../../victim",
    "/tmp/victim",
    "tokenizer//x",
    "./x",
    "x/.",
    "",
    "..",
    "a\\..\\b",
    "a\0b",
    "a\nb",
    "a\x1b[2J",
    "a\u202eb",
    "x" * 5000,
]
LIES = [10**40, -100, -1, True, 1.5, "7", None, [1], 2**63]


def reseal(folder: Path, change) -> None:
    """Change a manifest and seal it again: its digest is right."""
    body = json.loads((folder / "manifest.json").read_bytes())
    del body["root"]
    change(body)
    seal.write_json(folder / "manifest.json", {**body, "root": seal.digest_of(body)})


def refused(arguments: list[object], capsys) -> None:
    """A command ends with the exit code of bad or changed data, and one sentence."""
    code = cli.run([str(word) for word in arguments])
    err = capsys.readouterr().err
    assert code in (3, 4), err
    assert "a bug" not in err
    assert "Traceback" not in err
    assert "arcorp: " in err


@pytest.mark.fault(31)
@pytest.mark.parametrize("name", EVIL)
def test_a_name_that_leads_out_of_a_folder_is_refused_wherever_files_are_read(built, tmp_path, name):
    with pytest.raises(ValueError, match=r"."):
        checked.file_name(name)
    record = [3, "0" * 64]
    body = {"format": 1, "stage": "s", "version": 1, "options": {}, "inputs": {}, "counts": {}, "summary": {}}
    seal.write_json(tmp_path / "manifest.json", {**body, "files": {name: record}})
    reseal_body = json.loads((tmp_path / "manifest.json").read_bytes())
    seal.write_json(tmp_path / "manifest.json", {**reseal_body, "root": seal.digest_of(reseal_body)})
    with pytest.raises(seal.Damaged, match=r"manifest\.json"):
        seal.read_manifest(tmp_path)
    sidecar = {"key": "k", "files": {name: record}, "counts": {}, "summary": {}}
    seal.write_json(tmp_path / "part-0.json", {**sidecar, "digest": seal.digest_of(sidecar)})
    assert read_sidecar(tmp_path, Part("part-0"), "k") is None
    plan = json.loads((built / "dataset" / "plan.json").read_bytes())
    for key, value in (("documents", {name: record}), ("parts", [[0, name, 0, 1]])):
        seal.write_json(tmp_path / "plan.json", {**plan, key: value})
        with pytest.raises(seal.Damaged, match=r"plan\.json"):
            Plan.read(tmp_path)


@pytest.mark.fault(31)
@pytest.mark.parametrize("name", ["tokenizer.json", "shards/train-00000-of-00453.bin", "كتاب.txt", ".hidden", "a b"])
def test_ordinary_names_are_taken(name):
    assert checked.file_name(name) == name


@pytest.mark.fault(31)
@pytest.mark.parametrize("name", ["../../victim", "/tmp/arcorp-victim", "../out2/victim"])
def test_a_strangers_tokenizer_tokens_and_dataset_write_nothing_outside_out(copy, tmp_path, capsys, name):
    (tmp_path / "victim").write_text("mine")
    for place in ("tokenizer", "tokens", "dataset", "unique"):
        reseal(
            copy / place, lambda body: body["files"].update({name: [4, seal.hash_file(tmp_path / "victim").sha256]})
        )
    before = snapshot(tmp_path)
    out = tmp_path / "out" / "made"
    for command in (
        ["tokenize", copy / "unique", "--tokenizer", copy / "tokenizer", "--out", out],
        ["pack", copy / "tokens", "--out", out],
        ["dedup", copy / "unique", "--out", out],
        ["export", copy / "dataset", "--to", "parquet", "--out", out],
        ["mix", copy / "dataset", "--set", "phases=[{name: a, steps: 1}]"],
        ["inspect", copy / "dataset"],
        ["verify", copy / "dataset"],
        ["push", copy / "dataset", "a/b", "--dry-run"],
    ):
        refused(command, capsys)
    after = {name: value for name, value in snapshot(tmp_path).items() if ".arcorp/faults.json" not in name}
    assert {name: value for name, value in after.items() if not name.startswith("out/")} == before


@pytest.mark.fault(31)
def test_a_folder_behind_a_link_is_not_read(copy, tmp_path):
    (copy / "dataset" / "shards").rename(tmp_path / "elsewhere")
    (copy / "dataset" / "shards").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(seal.Damaged, match="link"):
        Dataset(copy / "dataset")


@pytest.mark.fault(31)
def test_files_that_are_links_into_a_cache_are_read_as_the_hub_stores_them(built, tmp_path):
    blobs, snap = tmp_path / "blobs", tmp_path / "snapshot"
    blobs.mkdir()
    for number, path in enumerate(p for p in sorted((built / "dataset").rglob("*")) if p.is_file()):
        name = path.relative_to(built / "dataset")
        if ".arcorp" not in name.parts:
            shutil.copyfile(path, blobs / str(number))
            (snap / name).parent.mkdir(parents=True, exist_ok=True)
            (snap / name).symlink_to(blobs / str(number))
    assert Dataset(snap).digest == Dataset(built / "dataset").digest


# -- numbers ----------------------------------------------------------------------------------------------


def numbers_in(value, path=()):
    """The place of every whole number in a JSON value."""
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from numbers_in(inner, (*path, key))


def put(value, path, lie):
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = lie


@pytest.mark.fault(32)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_number_that_lies_in_a_resealed_dataset_is_refused_or_harmless(built, tmp_path_factory, data):
    """Change numbers in the manifest, the plan and the schedule: reading raises SealError, or succeeds."""
    source = built / "dataset"
    name = data.draw(st.sampled_from(["manifest.json", "plan.json", "schedule.json"]))
    body = json.loads((source / name).read_bytes())
    places = [p for p in numbers_in(body) if p[0] not in ("options", "files")]
    put(body, data.draw(st.sampled_from(places)), data.draw(st.sampled_from(LIES)))
    folder = tmp_path_factory.mktemp("lie")
    try:
        if name == "manifest.json":
            root = seal.digest_of({key: value for key, value in body.items() if key != "root"})
            seal.write_json(folder / name, {**body, "root": root})
            DatasetLayout.of(seal.read_manifest(folder), "here")
        elif name == "plan.json":
            seal.write_json(folder / name, body)
            Plan.read(folder)
        else:
            body["digest"] = seal.digest_of({key: value for key, value in body.items() if key != "digest"})
            seal.write_json(folder / name, body)
            schedule = Schedule.read(folder / name, seal.read_manifest(source))
            schedule.rows_of(0, 1)
    except seal.SealError:
        pass  # refused: a sentence with its exit code


@pytest.mark.fault(32)
@pytest.mark.parametrize(
    ("keys", "lie"),
    [
        (("splits", "train", "rows"), 10**40),
        (("splits", "train", "rows"), 2**50),
        (("splits", "train", "shards"), 2**40),
        (("splits", "train", "rows_per_shard"), 0),
        (("splits", "train", "strata", 0, "first_row"), -100),
        (("splits", "train", "strata", 0, "rows"), 7),
        (("row_tokens",), -1),
        (("vocab_size",), True),
    ],
)
def test_a_dataset_whose_summary_lies_is_refused_by_every_command_in_a_sentence(copy, tmp_path, capsys, keys, lie):
    reseal(copy / "dataset", lambda body: put(body["summary"], keys, lie))
    manifest = seal.read_manifest(copy / "dataset")
    schedule = json.loads((copy / "dataset" / "schedule.json").read_bytes())
    schedule = {**{key: value for key, value in schedule.items() if key != "digest"}, "manifest": manifest.digest}
    seal.write_json(copy / "dataset" / "schedule.json", {**schedule, "digest": seal.digest_of(schedule)})
    out = tmp_path / "out"
    for command in (
        ["inspect", copy / "dataset"],
        ["inspect", copy / "dataset", "--document", "x"],
        ["verify", copy / "dataset", "--level", "deep"],
        ["export", copy / "dataset", "--to", "nanogpt", "--out", out],
        ["mix", copy / "dataset", "--set", "phases=[{name: a, steps: 1}]", "--out", tmp_path / "b.json"],
    ):
        refused(command, capsys)


@pytest.mark.fault(32)
@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("key", ["step", "world", "rows", "previous", "files", "order_hash"])
def test_a_checkpoint_that_lies_about_itself_is_passed_over(tmp_path, key, lie):
    checkpoint = pytest.importorskip("training.checkpoint")
    from training.errors import DamagedCheckpoint

    if key in ("files", "order_hash", "previous") or lie not in (1,):
        path = tmp_path / "step-000003"
        path.mkdir()
        for name in ("model.safetensors", "optimizer.safetensors"):
            (path / name).write_bytes(b"x")
        record = seal.hash_file(path / "model.safetensors")
        body = {
            "format": 1, "step": 3, "order_hash": "ab", "previous": [0, "cd"], "manifest": "m", "schedule": "s",
            "model": {}, "config": {}, "world": 1, "rows": {"a": 1}, "tokens": {"a": 1},
            "files": {f"{n}.safetensors": [record.bytes, record.sha256] for n in ("model", "optimizer")},
        }  # fmt: skip
        body[key] = {"rows": {"a": lie}, "previous": [lie, "cd"], "files": {"../x": [1, lie]}}.get(key, lie)
        seal.write_json(path / "meta.json", {**body, "digest": seal.digest_of(body)})
        with pytest.raises(DamagedCheckpoint, match=r"meta\.json"):
            checkpoint.read_meta(path)
