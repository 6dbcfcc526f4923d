"""A stand-in for the Hugging Face Hub on loopback: datasets alone, in memory, enough of its protocol to be of use.

`Hub()` serves until it leaves its `with`; HF_ENDPOINT must name `hub.url` before huggingface_hub is imported, so that
tests run what talks to it in a process of its own with `hub.environment`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_of_the_stand_in"
LARGE = 1_000
"""Files of more bytes than this go through LFS, text or not; the Hub itself draws the line elsewhere."""


@dataclass
class Repo:
    """One dataset: files by name, commits in order."""

    private: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)

    @property
    def sha(self) -> str:
        return hashlib.sha1(f"{len(self.commits)}".encode()).hexdigest()


class Hub:
    """The server: `repos` by "user/name", `objects` by sha256, `requests` in order."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.fails_on = ""  # a path that has this in it gets a 500
        hub = self
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": hub}))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def environment(self, home: os.PathLike[str], token: str | None = TOKEN) -> dict[str, str]:
        """The environment of a process that takes this for the Hub."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        values = {"HF_ENDPOINT": self.url, "HF_HOME": os.fspath(home), "HF_HUB_DISABLE_XET": "1"}
        values |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        return {**kept, **values, **({"HF_TOKEN": token} if token else {})}


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, code: int, data: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        headers.setdefault("Content_Type", "application/json")
        headers.setdefault("Content_Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode())

    def _missing(self, what: str) -> None:
        self._send(404, b"{}", X_Error_Code=what, X_Error_Message=what)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        path, query, body = unquote(parts.path), parse_qs(parts.query), self._body()
        self.hub.requests.append((self.command, path))
        if self.hub.fails_on and self.hub.fails_on in path:
            self.hub.fails_on = ""
            return self._send(500, b'{"error": "out of order"}')
        if self.command in ("POST", "PUT") and not re.search(r"paths-info|/lfs-objects/", path):
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self._send(401, b'{"error": "Invalid credentials"}')
            return self._write(path, body)
        if match := re.fullmatch(r"/lfs-objects/(\w+)", path):
            self.hub.objects[match[1]] = body
            return self._send(200)
        return self._read(path, query, body)

    do_GET = do_HEAD = do_POST = do_PUT = _answer

    # -- writing ------------------------------------------------------------------------------------------

    def _write(self, path: str, body: bytes) -> None:
        hub = self.hub
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'user'}/{asked['name']}"
            if name in hub.repos:
                return self._send(409, json.dumps({"url": f"{hub.url}/datasets/{name}"}).encode())
            hub.repos[name] = Repo(asked.get("visibility") == "private" or bool(asked.get("private")))
            return self._json({"url": f"{hub.url}/datasets/{name}", "name": name})
        if path == "/api/validate-yaml":
            return self._json({"warnings": [], "errors": []})
        if match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/preupload/main", path):
            files = json.loads(body)["files"]
            modes = [{"uploadMode": "lfs" if file["size"] > LARGE else "regular"} for file in files]
            answer = [
                {"path": file["path"], "shouldIgnore": False, **mode} for file, mode in zip(files, modes, strict=True)
            ]
            return self._json({"files": answer})
        if match := re.fullmatch(r"/datasets/([^/]+/[^/]+)\.git/info/lfs/objects/batch", path):
            objects = []
            for file in json.loads(body)["objects"]:
                upload = {"upload": {"href": f"{hub.url}/lfs-objects/{file['oid']}"}}
                there = file["oid"] in hub.objects
                objects.append({"oid": file["oid"], "size": file["size"], **({} if there else {"actions": upload})})
            return self._json({"transfer": "basic", "objects": objects})
        if match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/commit/main", path):
            return self._commit(match[1], [json.loads(line) for line in body.splitlines()])
        return self._missing("EntryNotFound")

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        repo = self.hub.repos[name]
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                repo.commits.append(value["summary"])
            elif line["key"] == "file":
                repo.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                data = self.hub.objects[value["oid"]]
                assert hashlib.sha256(data).hexdigest() == value["oid"]
                repo.files[value["path"]] = data
        url = f"{self.hub.url}/datasets/{name}/commit/{repo.sha}"
        self._json({"success": True, "commitOid": repo.sha, "commitUrl": url, "hookOutput": ""})

    # -- reading ------------------------------------------------------------------------------------------

    def _read(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        if path == "/api/whoami-v2":
            return self._json({"type": "user", "name": "user", "orgs": []})
        if match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)(?:/(revision|tree|paths-info)/([^/]+)/?(.*))?", path):
            repo = self.hub.repos.get(match[1])
            if repo is None:
                return self._missing("RepoNotFound")
            if match[2] == "tree":
                return self._tree(repo, match[4], query.get("recursive", [""])[0].lower() in ("true", "1"))
            if match[2] == "paths-info":
                asked = json.loads(body) if body[:1] == b"{" else parse_qs(body.decode())
                names = asked["paths"] if isinstance(asked["paths"], list) else [asked["paths"]]
                entries = [_entry(repo, file) for file in names if file in repo.files or _is_folder(repo, file)]
                return self._json(entries)
            siblings = [{"rfilename": file} for file in sorted(repo.files)]
            answer = {"_id": "x", "id": match[1], "sha": repo.sha, "private": repo.private, "disabled": False}
            return self._json({**answer, "gated": False, "downloads": 0, "likes": 0, "tags": [], "siblings": siblings})
        if match := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            repo = self.hub.repos.get(match[1])
            if repo is None:
                return self._missing("RepoNotFound")
            if match[3] not in repo.files:
                return self._missing("EntryNotFound")
            return self._file(repo, repo.files[match[3]])
        return self._missing("RepoNotFound")

    def _tree(self, repo: Repo, folder: str, recursive: bool) -> None:
        prefix = f"{folder}/" if folder else ""
        inside = [file for file in sorted(repo.files) if file.startswith(prefix)]
        if not inside:
            return self._missing("EntryNotFound")
        if not recursive:
            inside = sorted({prefix + file.removeprefix(prefix).partition("/")[0] for file in inside})
        return self._json([_entry(repo, file) for file in inside])

    def _file(self, repo: Repo, data: bytes) -> None:
        etag = f'"{hashlib.sha1(data).hexdigest()}"'
        headers = {"ETag": etag, "X_Repo_Commit": repo.sha, "Accept_Ranges": "bytes"}
        headers["Content_Type"] = "application/octet-stream"
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            first, last = int(match[1]), min(int(match[2] or len(data) - 1), len(data) - 1)
            headers["Content_Range"] = f"bytes {first}-{last}/{len(data)}"
            return self._send(206, data[first : last + 1], **headers)
        return self._send(200, data, **headers)


def _is_folder(repo: Repo, name: str) -> bool:
    return any(file.startswith(f"{name}/") for file in repo.files)


def _entry(repo: Repo, name: str) -> dict[str, Any]:
    oid = hashlib.sha1(name.encode()).hexdigest()
    if name in repo.files:
        return {"type": "file", "path": name, "oid": oid, "size": len(repo.files[name])}
    return {"type": "directory", "path": name, "oid": oid, "size": 0}
