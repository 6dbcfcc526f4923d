"""The demo corpus in the file formats of six public sources, as input for the readers of these sources.

Conversations are JSON lines of `id` and `messages`.

Formats and schemas are those of FineWeb-2, FineWeb-Edu, OpenWebMath and The Stack v2 (Parquet; the last with the
`content` column that re-uploads add, so that nothing is downloaded), OSCAR 23.01 (jsonl.zst) and OpenITI (mARkdown,
see `openiti`). The texts are those of the demo corpus. Ids, dates, scores and addresses are derived from the document
and have no meaning. The same seed and size give the same bytes with the same versions of pyarrow and zstandard.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from corpora.demo.conversations import conversations
from corpora.demo.corpus import DemoDocument, documents
from corpora.demo.openiti import write_books

DUMP = "CC-MAIN-2024-10"
_SITE = "https://demo.arcorp.example"

SHARES: dict[tuple[str, str], float] = {
    ("fineweb-2", "msa"): 0.3375,
    ("fineweb-2", "egyptian"): 0.05,
    ("fineweb-2", "najdi"): 0.04,
    ("oscar", "msa"): 0.1125,
    ("openiti", "classical"): 0.18,
    ("fineweb-edu", "english"): 0.10,
    ("the-stack-v2", "python"): 0.06,
    ("the-stack-v2", "javascript"): 0.04,
    ("open-web-math", "math"): 0.08,
}
"""Share of each register in the bytes of text, by (source, register). The sum is 1."""

_BYTES_PER_CONVERSATION, _CONVERSATIONS = 3000, 2000
"""Bytes of text for which there is one conversation, and the most conversations that there are."""
_OSCAR_FIRST = 1 << 32
_MENU = ("الرئيسية", "من نحن", "اتصل بنا")
_FOOTER = ("جميع الحقوق محفوظة", "شارك الخبر", "الأكثر قراءة")

_s, _i, _f, _b, _t = pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.timestamp("ns")
FINEWEB_2 = pa.schema(
    [
        ("text", _s), ("id", _s), ("dump", _s), ("url", _s), ("date", _s), ("file_path", _s), ("language", _s),
        ("language_score", _f), ("language_script", _s), ("minhash_cluster_size", _i), ("top_langs", _s),
    ]
)  # fmt: skip
FINEWEB_EDU = pa.schema(
    [
        ("text", _s), ("id", _s), ("dump", _s), ("url", _s), ("file_path", _s), ("language", _s),
        ("language_score", _f), ("token_count", _i), ("score", _f), ("int_score", _i),
    ]
)  # fmt: skip
OPEN_WEB_MATH = pa.schema([("url", _s), ("text", _s), ("date", _s), ("metadata", _s)])
THE_STACK_V2 = pa.schema(
    [
        ("blob_id", _s), ("directory_id", _s), ("path", _s), ("content_id", _s), ("detected_licenses", pa.list_(_s)),
        ("license_type", _s), ("repo_name", _s), ("snapshot_id", _s), ("revision_id", _s), ("branch_name", _s),
        ("visit_date", _t), ("revision_date", _t), ("committer_date", _t), ("github_id", _i),
        ("star_events_count", _i), ("fork_events_count", _i), ("gha_license_id", _s), ("gha_event_created_at", _t),
        ("gha_created_at", _t), ("gha_language", _s), ("src_encoding", _s), ("language", _s), ("is_vendor", _b),
        ("is_generated", _b), ("length_bytes", _i), ("extension", _s), ("content", _s),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NativeInput:
    """Arguments for `arcorp ingest`: the name of a source, a folder of its files, and the language of the text."""

    source: str
    path: Path
    language: str


def _digest(document: DemoDocument) -> str:
    """Return the SHA-256 of the document's id, the seed of its invented attributes; 64 hexadecimal digits."""
    return hashlib.sha256(document.id.encode()).hexdigest()


def _part(digest: str, index: int, below: int) -> int:
    """Return a number in [0, below) from the digest. Numbers with different `index` (0 to 7) are independent."""
    return int(digest[8 * index : 8 * index + 8], 16) % below


def _uuid(digest: str) -> str:
    return f"<urn:uuid:{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}>"


def _date(digest: str) -> str:
    day, clock = _part(digest, 1, 28) + 1, _part(digest, 2, 86400)
    month = _part(digest, 3, 12) + 1
    return f"2024-{month:02}-{day:02}T{clock // 3600:02}:{clock // 60 % 60:02}:{clock % 60:02}Z"


def _url(document: DemoDocument, digest: str) -> str:
    return f"{_SITE}/{document.register}/{document.genre}/{_part(digest, 4, 10**8)}"


def _warc(digest: str) -> str:
    return (
        f"s3://commoncrawl/crawl-data/{DUMP}/segments/17079{_part(digest, 5, 10**8):08}.0/warc/"
        f"CC-MAIN-20240220211055-20240221001055-{_part(digest, 6, 900):05}.warc.gz"
    )


def _documents_of_size(register: str, size: int, seed: int, first: int = 0) -> Iterator[DemoDocument]:
    """Yield documents until their text has `size` bytes of UTF-8; at least one."""
    written = 0
    for document in documents(register, seed=seed, first=first):
        yield document
        written += len(document.text.encode())
        if written >= size:
            return


def _parquet(path: Path, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        pa.Table.from_pylist(rows, schema), path, compression="snappy", row_group_size=1000, version="2.6",
        write_page_checksum=True,
    )  # fmt: skip


def _fineweb_2(document: DemoDocument) -> dict[str, Any]:
    digest = _digest(document)
    score = round(0.9 + _part(digest, 0, 10**6) / 10**7, 7)
    language, script = document.language.split("_")
    return {
        "text": document.text, "id": _uuid(digest), "dump": DUMP, "url": _url(document, digest),
        "date": _date(digest), "file_path": _warc(digest), "language": language, "language_score": score,
        "language_script": script, "minhash_cluster_size": 1 + _part(digest, 7, 5),
        "top_langs": json.dumps({f"{document.language}_score": score}),
    }  # fmt: skip


def _fineweb_edu(document: DemoDocument) -> dict[str, Any]:
    digest = _digest(document)
    score = 2.5 + _part(digest, 0, 2500) / 1000
    return {
        "text": document.text, "id": _uuid(digest), "dump": DUMP, "url": _url(document, digest),
        "file_path": _warc(digest), "language": "en", "language_score": 0.9 + _part(digest, 7, 100) / 1000,
        "token_count": len(document.text.split()) * 4 // 3, "score": score, "int_score": round(score),
    }  # fmt: skip


def _open_web_math(document: DemoDocument) -> dict[str, Any]:
    digest = _digest(document)
    latex = "$" in document.text or "\\[" in document.text
    metadata = {
        "extraction_info": {"found_math": latex, "script_math_tex": 0, "mathml_element": 0},
        "config": {"markdown_headings": True, "extract_latex": True},
    }
    return {
        "url": _url(document, digest), "text": document.text, "date": _date(digest).removesuffix("Z"),
        "metadata": json.dumps(metadata),
    }  # fmt: skip


def _the_stack(document: DemoDocument, number: int) -> dict[str, Any]:
    """Return one file of The Stack v2. Of 24, one is generated by a program, one is vendored, one has one line."""
    digest = _digest(document)
    extension, comment = {"Python": ("py", "#"), "JavaScript": ("js", "//")}[document.language]
    generated, vendored, minified = (number % 24 == place for place in (5, 11, 17))
    text = document.text
    if generated:
        text = f"{comment} Generated by tools/tables.{extension}, do not edit.\n{text}"
    if minified:
        text, extension = " ".join(text.split()), extension.replace("js", "min.js")
    folder = "vendor" if vendored else "src"
    content = text.encode()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    day = _date(digest).removesuffix("Z")
    moment = pa.scalar(day).cast(_t).as_py()
    row = dict.fromkeys(THE_STACK_V2.names)
    return row | {
        "blob_id": blob, "directory_id": digest[:40], "path": f"/{folder}/part_{_part(digest, 0, 10**5)}.{extension}",
        "content_id": blob, "detected_licenses": ["Apache-2.0"], "license_type": "permissive",
        "repo_name": f"arcorp-demo/tools-{_part(digest, 1, 40)}", "snapshot_id": digest[20:60],
        "revision_id": digest[24:64], "branch_name": "refs/heads/main", "visit_date": moment, "revision_date": moment,
        "committer_date": moment, "star_events_count": _part(digest, 2, 200),
        "fork_events_count": _part(digest, 3, 20), "gha_license_id": "Apache-2.0",
        "gha_language": document.language, "src_encoding": "UTF-8", "language": document.language,
        "is_vendor": vendored, "is_generated": generated, "length_bytes": len(content),
        "extension": extension, "content": text,
    }  # fmt: skip


def _oscar(document: DemoDocument, furnished: bool) -> dict[str, Any]:
    """Return one OSCAR 23.01 document. furnished: with the menu and footer of its page."""
    digest = _digest(document)
    lines = document.text.split("\n")
    warnings = ["tiny"] if len(lines) < 4 else None
    if furnished:
        lines = [*_MENU, *lines, *_FOOTER]
        warnings = ["short_sentences", "header", "footer"]
    content = "\n".join(lines)
    urn = _uuid(digest)
    return {
        "content": content,
        "warc_headers": {
            "warc-identified-content-language": "ara",
            "warc-target-uri": _url(document, digest),
            "warc-record-id": urn,
            "warc-type": "conversion",
            "content-length": str(len(content.encode())),
            "warc-refers-to": urn,
            "warc-block-digest": f"sha1:{digest[:32].upper()}",
            "warc-date": _date(digest),
            "content-type": "text/plain",
        },
        "metadata": {
            "identification": {"label": "ar", "prob": round(0.95 + _part(digest, 0, 10**6) / 2.5e7, 7)},
            "harmful_pp": round(500 + _part(digest, 7, 10**6) / 400, 4),
            "tlsh": f"tlsh:T1{digest[:64].upper()}",
            "quality_warnings": warnings,
            "categories": ["news"] if document.genre in ("economy", "sport", "conference") else None,
            "sentence_identifications": [
                {"label": "ar", "prob": round(0.9 + len(line) % 97 / 1000, 3)} if len(line) > 25 else None
                for line in lines
            ],
        },
    }


def _write_oscar(path: Path, size: int, seed: int) -> None:
    """Write OSCAR's documents, every ninth with the menu and footer of its page, like real web text.

    Of thirty, one is an exact copy of a FineWeb-2 document, and one is another such document with menu and footer.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    shared = documents("msa", seed=seed)
    compressor = zstandard.ZstdCompressor(level=9, write_checksum=True, write_content_size=True)
    out = bytearray()
    for number, own in enumerate(_documents_of_size("msa", size, seed, _OSCAR_FIRST)):
        document = next(shared) if number % 30 in (7, 22) else own
        furnished = number % 9 == 4 or number % 30 == 22
        out += json.dumps(_oscar(document, furnished), ensure_ascii=False).encode() + b"\n"
    path.write_bytes(compressor.compress(bytes(out)))


def _write_conversations(path: Path, count: int, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [{"id": each.id, "messages": each.messages} for each in conversations(count, seed)]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def write_native(folder: Path, *, bytes: int = 3_000_000, seed: int = 0) -> list[NativeInput]:
    """Write about `bytes` bytes of UTF-8 text below `folder`, in the native files of six sources, and conversations.

    Returns the inputs to ingest, with one folder for each source and language. `SHARES` gives the size of each.
    """

    def share(source: str, register: str) -> Iterator[DemoDocument]:
        return _documents_of_size(register, int(bytes * SHARES[source, register]), seed)

    inputs = []
    for register, language in (("msa", "arb_Arab"), ("egyptian", "arz_Arab"), ("najdi", "ars_Arab")):
        home = folder / "fineweb-2" / "data" / language / "train"
        _parquet(home / "000_00000.parquet", FINEWEB_2, [_fineweb_2(d) for d in share("fineweb-2", register)])
        inputs.append(NativeInput("fineweb-2", home, language))

    oscar = folder / "oscar" / "OSCAR-2301" / "ar_meta"
    _write_oscar(oscar / "ar_meta_part_1.jsonl.zst", int(bytes * SHARES["oscar", "msa"]), seed)
    inputs.append(NativeInput("oscar", oscar, "arb_Arab"))

    books = folder / "openiti"
    write_books(books, share("openiti", "classical"))
    inputs.append(NativeInput("openiti", books, "arb_Arab"))

    for register, language in (("python", "Python"), ("javascript", "JavaScript")):
        home = folder / "the-stack-v2" / "data" / language
        rows = [_the_stack(d, number) for number, d in enumerate(share("the-stack-v2", register))]
        _parquet(home / "train-00000-of-00001.parquet", THE_STACK_V2, rows)
        inputs.append(NativeInput("the-stack-v2", home, language))

    english = folder / "fineweb-edu" / "data" / DUMP
    rows = [_fineweb_edu(d) for d in share("fineweb-edu", "english")]
    _parquet(english / "train-00000-of-00001.parquet", FINEWEB_EDU, rows)
    inputs.append(NativeInput("fineweb-edu", english, "eng_Latn"))

    mathematics = folder / "open-web-math" / "data"
    rows = [_open_web_math(d) for d in share("open-web-math", "math")]
    _parquet(mathematics / "train-00000-of-00001.parquet", OPEN_WEB_MATH, rows)
    inputs.append(NativeInput("open-web-math", mathematics, "eng_Latn"))

    chat = folder / "chat"
    _write_conversations(chat / "questions.jsonl", min(bytes // _BYTES_PER_CONVERSATION, _CONVERSATIONS), seed)
    inputs.append(NativeInput("chat", chat, "arb_Arab"))
    return inputs


__all__ = ["FINEWEB_2", "FINEWEB_EDU", "OPEN_WEB_MATH", "SHARES", "THE_STACK_V2", "NativeInput", "write_native"]
