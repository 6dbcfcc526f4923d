"""Secrets in addresses: user, password, query and fragment reach no file, no log and no sentence."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from corpora.addresses import bare, scrub
from pipelines import cli
from sharding.seal import Sealed

SECRETS = ("planteduser", "plantedpassword", "plantedsignature", "plantedfragment")
GOOD = "".join(json.dumps({"text": f"نص رقم {number}"}) + "\n" for number in range(50)).encode()
FILES = {
    "/data/good.jsonl": GOOD,
    "/data/bad.jsonl": b"\x1f\x8b" + bytes(100),
    "/data/foreign.jsonl": b'{"title": "x"}\n' * 20,
    "/data/cut.jsonl": GOOD,
}


class Handler(BaseHTTPRequestHandler):
    """Files for those who have the password or the signature; of cut.jsonl the connection ends half-way."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        allowed = "plantedsignature" in query or self.headers.get("Authorization", "").startswith("Basic ")
        data = FILES.get(path) if allowed else None
        self.send_response(200 if data is not None else 404)
        self.send_header("Content-Length", str(len(data or b"")))
        self.send_header("ETag", '"1"')
        self.end_headers()
        if self.command == "GET" and data is not None:
            self.wfile.write(data[: len(data) // 2] if "cut" in path else data)
            self.close_connection = "cut" in path

    do_HEAD = do_GET


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A web server on loopback: its host and port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def planted(address: str) -> str:
    """An address with a secret in each of its parts."""
    scheme, _, rest = address.partition("://")
    return f"{scheme}://planteduser:plantedpassword@{rest}?Signature=plantedsignature&x=1#plantedfragment"


def assert_silent(out: Path, captured: tuple[str, str]) -> None:
    texts = {"stdout": captured[0].encode(), "stderr": captured[1].encode()}
    texts |= {str(path): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for path in out.rglob("*.parquet"):  # compressed
        texts[f"values of {path}"] = str(pq.read_table(path).to_pydict()).encode()
    for where, text in texts.items():
        for secret in SECRETS:
            assert secret.encode() not in text, f"{secret} is in {where}: {text[-3000:]!r}"
            assert secret not in where


@pytest.mark.fault(41)
@pytest.mark.parametrize("address", ["both", "http://{}/data/good.jsonl?Signature=plantedsignature"])
def test_an_address_with_secrets_is_read_and_nothing_of_them_is_kept(server, tmp_path, capfd, address):
    given = planted(f"http://{server}/data/good.jsonl") if address == "both" else address.format(server)
    for _ in range(2):
        assert cli.run(["ingest", "jsonl", given, "--out", str(tmp_path / "out"), "--workers", "1"]) == 0
    assert cli.run(["ingest", "jsonl", given, "--out", str(tmp_path / "dry"), "--dry-run"]) == 0
    assert_silent(tmp_path, capfd.readouterr())
    sealed = Sealed(tmp_path / "out")
    assert sealed.manifest.inputs == {"data/good.jsonl": f"{len(GOOD):,} bytes"}
    assert sealed.manifest.counts["documents"].out == 50


@pytest.mark.fault(41)
@pytest.mark.parametrize("more", [(), ("--debug",), ("--format", "json"), ("--on-bad-file", "quarantine")])
@pytest.mark.parametrize("name", ["missing", "bad", "foreign", "cut"])
def test_an_address_that_fails_is_named_without_its_secrets(server, tmp_path, capfd, name, more):
    given = planted(f"http://{server}/data/{name}.jsonl")
    assert cli.run(["ingest", "jsonl", given, "--out", str(tmp_path / "out"), "--workers", "1", *more]) != 0
    captured = capfd.readouterr()
    assert_silent(tmp_path, captured)
    if "quarantine" not in more:
        assert f"http://{server}/data/{name}.jsonl" in captured.err


@pytest.mark.fault(41)
@pytest.mark.parametrize("more", [(), ("--debug",)])
@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:9/data/a.jsonl",
        "https://127.0.0.1:9/data/*.jsonl",
        "https://127.0.0.1:9/data/",
        "s3://bucket/data/a.jsonl",
        "hf://datasets/someone/something/a.jsonl",
        "simplecache::http://127.0.0.1:9/data/a.jsonl",
        "nothing://somewhere/a.jsonl",
    ],
)
def test_an_address_that_is_not_reached_is_named_without_its_secrets(address, more, tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    given = planted(address)
    assert cli.run(["ingest", "jsonl", given, "--out", str(tmp_path / "out"), "--workers", "1", *more]) != 0
    assert cli.run(["dedup", str(tmp_path), "--decontaminate", given, "--out", str(tmp_path / "o"), *more]) != 0
    assert cli.run(["init", given, "--out", str(tmp_path / "recipe.yaml"), *more]) != 0
    assert_silent(tmp_path, capfd.readouterr())


@pytest.mark.fault(41)
def test_a_recipe_and_an_option_that_would_be_kept_are_refused_without_showing_them(tmp_path, capfd):
    given = planted("https://somewhere/a.jsonl")
    recipe = tmp_path / "recipes" / "mine.yaml"
    recipe.parent.mkdir()
    text = {"name": "mine", "corpora": [{"source": "jsonl", "input": given}], "phases": [{"name": "all", "steps": 1}]}
    recipe.write_text(json.dumps(text))
    out = tmp_path / "out"
    assert cli.run(["build", str(recipe), "--out", str(out)]) == 2
    assert cli.run(["build", str(recipe), "--print-config"]) == 2
    assert cli.run(["build", "demo", "--out", str(out), "--set", f"corpora.0.input={given}"]) == 2
    assert cli.run(["build", "demo", "--out", str(out), "--set", f"corpora.0.source={given}", "--dry-run"]) != 0
    assert cli.run(["ingest", "jsonl", str(recipe), "--identify", given, "--out", str(out)]) == 2
    captured = capfd.readouterr()
    assert_silent(out, captured)
    assert "https://somewhere/a.jsonl" in captured.err


@pytest.mark.fault(41)
def test_two_addresses_that_differ_in_their_secrets_alone_are_refused(server, tmp_path, capfd):
    signed = f"http://{server}/data/good.jsonl?Signature=plantedsignature"
    assert cli.run(["ingest", "jsonl", signed, f"{signed}&x=plantedfragment", "--out", str(tmp_path / "out")]) == 3
    captured = capfd.readouterr()
    assert_silent(tmp_path, captured)
    assert "the same name" in captured.err


def test_what_is_bare():
    assert bare("https://a:b@host:80/x/y?z#w") == "https://host:80/x/y"
    assert bare("hf://datasets/a/b@main/x.jsonl") == "hf://datasets/a/b@main/x.jsonl"
    assert bare("https://[::1]:8080/x?y") == "https://[::1]:8080/x"
    assert bare("hf://datasets/a/b/shard_00[01]??.parquet") == "hf://datasets/a/b/shard_00[01]??.parquet"
    assert bare("s3://bucket/a.jsonl?versionId=x") == "s3://bucket/a.jsonl"
    assert bare("a/path?with#signs") == "a/path?with#signs"
    for password in ("a/b", "a?b", "a#b", "a@b"):
        assert bare(f"https://user:{password}@host/x").endswith(("//***", "//host/x"))
    text = scrub("cannot open 'http://u:p@h/x?s=t' for u%3Ap and secretvalue", "http://u:p@h/x?s=secretvalue")
    assert not any(secret in text for secret in ("u:p", "s=t", "secretvalue"))
