"""hf:// and s3:// on real servers on loopback: reading, interrupting and resuming give the bytes of local files."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from download_hub import Hub
from fasttext_model import write_model
from moto.server import ThreadedMotoServer

from corpora.document_counts import DocumentCounter
from corpora.errors import Changed
from corpora.sources import find_source
from pipelines import cli
from sharding.seal import Sealed

NAME = "HuggingFaceFW/fineweb-2"
HF = f"hf://datasets/{NAME}/data"


@pytest.fixture(scope="module")
def servers(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub with FineWeb-2's sample and an empty bucket: the servers of hf:// and s3:// for this process and its child
    processes.

    All tests share them, since libraries cache their addresses and connections.
    """
    hub_folder = tmp_path_factory.mktemp("hub")
    shutil.copytree(samples / "data" / "fineweb-2" / "data", hub_folder / NAME / "data")
    s3 = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    s3.start()
    host, port = s3.get_host_and_port()
    # buckets outlive a server in its process, which may have had one before: xdist moves tests between processes
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
    with Hub(hub_folder).running() as hub, pytest.MonkeyPatch.context() as environment:
        for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AWS_PROFILE"):
            environment.delenv(variable, raising=False)
        environment.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf-home")))
        environment.setenv("HF_ENDPOINT", hub.address)
        environment.setenv("HF_HUB_DISABLE_XET", "1")
        # Both are fixed when huggingface_hub is imported, which another test may have done before.
        environment.setattr("huggingface_hub.constants.ENDPOINT", hub.address)
        template = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
        environment.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "x")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "x")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for protocol in ("hf", "s3"):  # other tests may have made them, with other addresses
            fsspec.get_filesystem_class(protocol).clear_instance_cache()
        fsspec.filesystem("s3").mkdir("corpora")
        yield hub
    s3.stop()


@pytest.fixture
def hub(servers: Hub) -> Iterator[Hub]:
    """The hub, without faults."""
    fsspec.filesystem("hf").invalidate_cache()
    yield servers
    servers.gated.clear()
    servers.cut.clear()


@pytest.fixture
def bucket(servers: Hub) -> str:
    """The bucket."""
    return "s3://corpora"


def ingest(source: str, place: str | Path, out: Path, *flags: str) -> int:
    return cli.run(["ingest", source, str(place), "--out", str(out), "--workers", "1", *flags])


def parts(folder: Path) -> dict[str, str]:
    """Return the sha256 of each part. Not the bytes: pytest takes minutes to print how long bytes differ."""
    paths = sorted(folder.rglob("*.parquet"))
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.mark.parametrize("where", ["", "/ars_Arab", "/*/test", "/a??_Arab/train/*.parquet"])
def test_a_folder_or_glob_of_the_hub_gives_the_bytes_of_local_files(
    where: str, hub: Hub, samples: Path, tmp_path: Path
) -> None:
    assert ingest("fineweb-2", f"{HF}{where}", tmp_path / "hub-out", "--limit", "200") == 0
    assert ingest("fineweb-2", f"{samples}/data/fineweb-2/data{where}", tmp_path / "local", "--limit", "200") == 0
    assert parts(tmp_path / "hub-out") == parts(tmp_path / "local") != {}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("fineweb-2", "fineweb-2/data/ars_Arab/train/000_00000.parquet"),
        ("oscar", "oscar/OSCAR-2301/ar_meta/ar_meta_part_1.jsonl.zst"),
    ],
)
def test_a_web_address_gives_the_bytes_of_a_local_file(
    source: str, name: str, hub: Hub, samples: Path, tmp_path: Path
) -> None:
    local = hub.root / "web" / "files" / Path(name).name
    local.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(samples / "data" / name, local)
    address = f"{hub.address}/datasets/web/files/resolve/main/{local.name}"
    assert ingest(source, address, tmp_path / "web") == 0
    assert ingest(source, local, tmp_path / "local") == 0
    assert parts(tmp_path / "web") == parts(tmp_path / "local") != {}


def test_a_bucket_gives_the_bytes_of_local_files(bucket: str, samples: Path, tmp_path: Path) -> None:
    oscar = samples / "data" / "oscar"
    fsspec.filesystem("s3").put(f"{oscar}/", f"{bucket}/oscar/", recursive=True)
    assert ingest("oscar", f"{bucket}/oscar", tmp_path / "s3") == 0
    assert ingest("oscar", oscar, tmp_path / "local") == 0
    assert parts(tmp_path / "s3") == parts(tmp_path / "local") != {}
    assert ingest("oscar", f"{bucket}/oscar/*/ar_meta/*.gz", tmp_path / "glob") == 0
    assert Sealed(tmp_path / "glob").manifest.counts["documents"].out == 200


@pytest.mark.parametrize("place", ["hf://datasets/absent/dataset/data", f"{HF}/absent", f"{HF}/arb_Arab/test/*.jsonl"])
def test_a_wrong_address_is_one_message(
    place: str, hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ingest("fineweb-2", place, tmp_path / "out") == 3
    assert complaint(capsys).startswith(f"arcorp: {place}: ")


def test_glotlid_is_fetched_from_the_hub_once_and_names_the_languages_of_a_build(hub: Hub, tmp_path: Path) -> None:
    (hub.root / "cis-lmu" / "glotlid").mkdir(parents=True)
    model = write_model(hub.root / "cis-lmu" / "glotlid" / "model_v3.bin", {"قال": "arb_Arab", "the": "eng_Latn"})
    texts = ["قال قال", "the the", "1 2 3"]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts))
    assert ingest("jsonl", tmp_path / "a.jsonl", tmp_path / "local", "--identify", str(model)) == 0
    given = ["ingest", "jsonl", str(tmp_path / "a.jsonl"), "--identify", "glotlid", "--workers", "1"]
    for out in ("fetched", "kept"):  # in a process of its own: the folder of assets is fixed at import
        command = [sys.executable, "-m", "pipelines.cli", *given, "--out", str(tmp_path / out)]
        subprocess.run(command, env={**os.environ, "HF_HOME": str(tmp_path / "home")}, check=True)
        model.unlink(missing_ok=True)
    assert parts(tmp_path / "local") == parts(tmp_path / "fetched") == parts(tmp_path / "kept")
    languages = {line["language"] for line in Sealed(tmp_path / "kept").manifest.summary["strata"]}
    assert languages == {"arb_Arab", "eng_Latn", "und"}


def test_a_classifier_of_the_hub_decides_as_the_local_file(hub: Hub, tmp_path: Path) -> None:
    (hub.root / "some" / "classifier").mkdir(parents=True)
    model = write_model(hub.root / "some" / "classifier" / "model.bin", {"قال": "good", "اشترك": "bad"})
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in ["قال قال", "اشترك الان"]))
    given = [
        "ingest",
        "jsonl",
        str(tmp_path / "a.jsonl"),
        "--workers",
        "1",
        "--set",
        "quality.classifier.keep.good=0.5",
    ]
    for out, address in (("local", str(model)), ("fetched", "hf://some/classifier/model.bin")):
        chosen = [*given, "--set", f"quality.classifier.model={address}", "--out", str(tmp_path / out)]
        command = [sys.executable, "-m", "pipelines.cli", *chosen]
        subprocess.run(command, env={**os.environ, "HF_HOME": str(tmp_path / "home")}, check=True)
    assert parts(tmp_path / "local") == parts(tmp_path / "fetched") != {}
    assert Sealed(tmp_path / "local").digest == Sealed(tmp_path / "fetched").digest
    assert Sealed(tmp_path / "fetched").manifest.counts["documents"].dropped == {"classifier": 1}


def test_a_gated_dataset_is_one_message(hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub.gated.add(NAME)
    assert ingest("fineweb-2", f"{HF}/ars_Arab", tmp_path / "out") == 3
    assert "gated" in complaint(capsys)


def test_an_unreachable_server_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    closed = "http://127.0.0.1:9"  # the port of `discard`
    assert ingest("fineweb-2", f"{closed}/a.parquet", tmp_path / "out") == 3
    assert f"{closed}/a.parquet" in complaint(capsys)
    command = [
        sys.executable,
        "-m",
        "pipelines.cli",
        "ingest",
        "fineweb-2",
        f"{HF}/ars_Arab",
        "--out",
        tmp_path / "out",
    ]
    done = subprocess.run(command, env={**os.environ, "HF_ENDPOINT": closed}, capture_output=True, text=True)
    assert done.returncode == 3
    assert f"arcorp: {HF}/ars_Arab: " in done.stderr


def test_a_missing_bucket_is_one_message(bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ingest("oscar", "s3://another/oscar", tmp_path / "out") == 3
    assert complaint(capsys).startswith("arcorp: s3://another/oscar: ")


@pytest.mark.fault(9)
def test_an_interrupted_download_is_one_message_and_the_next_run_resumes(
    hub: Hub, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # huggingface_hub waits longer before each retry
    hub.cut.add("data/arz_Arab/train/000_00000.parquet")
    assert ingest("fineweb-2", HF, tmp_path / "out") == 3
    sentence = complaint(capsys)
    assert f"{HF}/arz_Arab/train/000_00000.parquet, byte 0: " in sentence
    assert "run again" in sentence
    hub.cut.clear()
    assert ingest("fineweb-2", HF, tmp_path / "out") == 0
    assert ingest("fineweb-2", samples / "data" / "fineweb-2" / "data", tmp_path / "local") == 0
    assert parts(tmp_path / "out") == parts(tmp_path / "local")


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """Return arcorp's message, which is a single line among the logs of libraries."""
    (sentence,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("arcorp: ")]
    return sentence


def rewrite(place: str, hub_file: Path | None, text: str) -> None:
    """Write a file of the hub (`hub_file`) or of the bucket (`place`). Its size is always the same."""
    data = "".join(json.dumps({"text": f"{text} {number:05}"}) + "\n" for number in range(200)).encode()
    if hub_file is not None:
        hub_file.parent.mkdir(parents=True, exist_ok=True)
        hub_file.write_bytes(data)
    else:
        fsspec.filesystem("s3").pipe_file(place, data)
    fsspec.filesystem("hf").invalidate_cache()
    fsspec.filesystem("s3").invalidate_cache()


@pytest.mark.fault(40)
@pytest.mark.parametrize("scheme", ["hf", "s3"])
def test_a_changed_remote_file_of_the_same_size_is_named_on_the_next_run(
    scheme: str, hub: Hub, bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = "hf://datasets/owner/changing/a.jsonl" if scheme == "hf" else f"{bucket}/changing/a.jsonl"
    hub_file = hub.root / "owner" / "changing" / "a.jsonl" if scheme == "hf" else None
    rewrite(place, hub_file, "first")
    assert ingest("jsonl", place, tmp_path / "out") == 0
    assert ingest("jsonl", place, tmp_path / "out") == 0
    rewrite(place, hub_file, "other")
    capsys.readouterr()
    assert ingest("jsonl", place, tmp_path / "out") == 2
    assert f"{place} was changed" in complaint(capsys)
    assert ingest("jsonl", place, tmp_path / "out", "--restart") == 0
    (tmp_path / "out" / "manifest.json").unlink()  # the state after a kill before the seal
    rewrite(place, hub_file, "third")
    assert ingest("jsonl", place, tmp_path / "out") == 2


@pytest.mark.fault(39)
@pytest.mark.parametrize("scheme", ["hf", "s3"])
def test_a_remote_file_that_is_rewritten_while_it_is_read_is_refused(scheme: str, hub: Hub, bucket: str) -> None:
    place = "hf://datasets/owner/rewritten/a.jsonl" if scheme == "hf" else f"{bucket}/rewritten/a.jsonl"
    hub_file = hub.root / "owner" / "rewritten" / "a.jsonl" if scheme == "hf" else None
    rewrite(place, hub_file, "first")
    source = find_source("jsonl")()
    (unit,) = source.units([place])
    documents = source.documents(unit, DocumentCounter(), lambda error: None)
    next(documents)
    rewrite(place, hub_file, "other")
    with pytest.raises(Changed, match="changed while it was read"):
        list(documents)


@pytest.mark.fault(1)
def test_a_build_from_hub_and_bucket_that_is_killed_in_a_download_resumes_to_the_bytes_of_local_files(
    hub: Hub, bucket: str, samples: Path, tmp_path: Path
) -> None:
    # Adds large files to the hub: this test is the last.
    chance = random.Random(4)
    words = [f"{chance.choice('ابتثجحخدذر')}{number}" for number in range(3000)]
    folder = hub.root / NAME / "data" / "arb_Arab" / "large"
    folder.mkdir()
    for number in range(3):  # 17 MB of text each, so that each is a part
        texts = [" ".join(chance.choices(words, k=400)) for _ in range(6_500)]
        table = pa.table({"text": texts, "id": [f"{number}/{row}" for row in range(len(texts))]})
        table = table.append_column("language", [["arb"] * len(texts)])
        table = table.append_column("language_script", [["Arab"] * len(texts)])
        pq.write_table(table, folder / f"{number}.parquet", use_dictionary=False)
    oscar = samples / "data" / "oscar" / "OSCAR-2301"
    fsspec.filesystem("s3").put(f"{oscar}/", f"{bucket}/recipe/", recursive=True)

    def recipe(name: str, hub_input: str, bucket_input: str) -> list[str]:
        corpora = [{"source": "oscar", "input": bucket_input}, {"source": "fineweb-2", "input": hub_input}]
        text = {"name": "remote", "corpora": corpora, "phases": [{"name": "all", "steps": 1}]}
        (tmp_path / f"{name}.yaml").write_text(json.dumps(text))
        return ["build", str(tmp_path / f"{name}.yaml"), "--out", str(tmp_path / name), "--until", "ingest"]

    assert cli.run([*recipe("local", str(folder), str(oscar)), "--workers", "1"]) == 0

    remote = recipe("remote", f"{HF}/arb_Arab/large", f"{bucket}/recipe")
    first = tmp_path / "remote" / "documents" / "01-fineweb-2" / "part-00000.json"
    hub.hold = lambda path: path.endswith("large/1.parquet") and first.exists()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", *remote, "--workers", "1"], start_new_session=True
    )
    while not hub.holding.wait(0.1):
        assert process.poll() is None, "it ended before it read the second file"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    hub.hold = lambda path: False
    hub.release.set()

    bucket_folder, hub_folder = sorted((tmp_path / "remote" / "documents").iterdir())
    assert (bucket_folder / "manifest.json").is_file()
    assert not (hub_folder / "manifest.json").exists()
    made = {path.name: path.stat().st_mtime_ns for path in hub_folder.glob("part-*.parquet")}
    assert list(made) == ["part-00000.parquet"]

    # in a process of its own: workers have the environment in which the first worker of this process was started
    subprocess.run([sys.executable, "-m", "pipelines.cli", *remote, "--workers", "2"], check=True)
    assert parts(tmp_path / "remote") == parts(tmp_path / "local")
    assert len(parts(tmp_path / "remote")) == 4
    assert (hub_folder / "part-00000.parquet").stat().st_mtime_ns == made["part-00000.parquet"]
