"""A stand-in for the Hugging Face hub, on loopback: data sets and models, read only, for huggingface_hub.

A test sets the faults: files of `gated` repositories are refused, answers for `cut` files end in the middle, and
answers for files in `hold` wait, so that a test can act during a download.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0" * 39 + "1"
_API = re.compile(r"/api/(?:datasets|models)/([^/]+/[^/]+)(?:/(revision|tree|paths-info)/([^/]+)/?(.*))?")
_FILE = re.compile(r"(?:/datasets)?/([^/]+/[^/]+)/resolve/[^/]+/(.+)")


class Hub:
    """Serves `root`/<owner>/<name>/<files> at `address`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.gated: set[str] = set()
        self.cut: set[str] = set()
        self.hold: Callable[[str], bool] = lambda path: False  # whether to keep who asks for a file waiting
        self.holding, self.release = threading.Event(), threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextlib.contextmanager
    def running(self) -> Iterator[Hub]:
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self.release.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                with contextlib.suppress(ConnectionError):  # the client was killed
                    hub._answer(self)

            do_HEAD = do_POST = do_GET

        return Handler

    def _answer(self, ask: Any) -> None:
        body = ask.rfile.read(int(ask.headers.get("Content-Length") or 0))
        url = urlsplit(ask.path)
        path = unquote(url.path)
        if match := _API.fullmatch(path):
            name, what, _, inside = match.groups()
            repository = self.root / name
            if not repository.is_dir():
                refuse(ask, 401, "RepoNotFound")  # the hub gives the same answer for private and missing repositories
            elif what == "tree":
                folder = repository / inside
                if not folder.is_dir():
                    return refuse(ask, 404, "EntryNotFound")
                recursive = parse_qs(url.query).get("recursive", [""])[0].lower() in ("true", "1")
                paths = folder.rglob("*") if recursive else folder.iterdir()
                reply(ask, [entry(repository, each) for each in sorted(paths)])
            elif what == "paths-info":
                asked = json.loads(body) if body[:1] == b"{" else parse_qs(body.decode())
                paths = [repository / each for each in asked.get("paths", [])]
                reply(ask, [entry(repository, each) for each in paths if each.exists()])
            else:
                files = [entry(repository, each) for each in sorted(repository.rglob("*")) if each.is_file()]
                siblings = [{"rfilename": each["path"]} for each in files]
                about = {"_id": "x", "id": name, "sha": COMMIT, "private": False, "gated": False, "disabled": False}
                reply(ask, {**about, "downloads": 0, "likes": 0, "tags": [], "siblings": siblings})
        elif match := _FILE.fullmatch(path):
            name, inside = match.groups()
            if name in self.gated:  # what is gated can be listed
                return refuse(ask, 403, "GatedRepo")
            if not (self.root / name / inside).is_file():
                return refuse(ask, 404, "EntryNotFound")
            self._send_file(ask, inside, (self.root / name / inside).read_bytes())
        else:
            refuse(ask, 404, "RepoNotFound")
        return None

    def _send_file(self, ask: Any, inside: str, data: bytes) -> None:
        total, status = len(data), 200
        headers = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if span := re.fullmatch(r"bytes=(\d+)-(\d*)", ask.headers.get("Range", "")):
            first, last = int(span[1]), min(int(span[2] or total), total - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{total}"
            data, status = data[first : last + 1], 206
        if ask.command == "GET" and self.hold(inside):
            self.holding.set()
            self.release.wait()
        reply(ask, data, status, headers, cut=inside in self.cut)


def entry(repository: Path, path: Path) -> dict[str, Any]:
    """A file or folder as the hub lists it."""
    name = path.relative_to(repository).as_posix()
    kind, size = ("directory", 0) if path.is_dir() else ("file", path.stat().st_size)
    content = path.read_bytes() if path.is_file() else name.encode()
    return {"type": kind, "path": name, "oid": hashlib.sha1(content).hexdigest(), "size": size}


def reply(ask: Any, body: Any, status: int = 200, headers: dict[str, str] | None = None, cut: bool = False) -> None:
    """Answer with bytes, or with JSON; `cut` ends the connection half-way."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
    ask.send_response(status)
    for key, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}.items():
        ask.send_header(key, value)
    ask.end_headers()
    if ask.command != "HEAD":
        ask.wfile.write(data[: len(data) // 2] if cut else data)
    if cut:
        ask.close_connection = True


def refuse(ask: Any, status: int, code: str) -> None:
    """Answer as the hub does when there is nothing, or nothing for you."""
    reply(ask, {"error": code}, status, {"X-Error-Code": code, "X-Error-Message": code})
