"""A folder with one file of every kind: each corpus in its native format, a user's own files in every container, and
files that no source reads. Real files are cut from the sample corpora."""

import bz2
import csv
import gzip
import io
import itertools
import json
import lzma
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import zstandard

SENTENCE = "ذهب الولد إلى المدرسة في الصباح الباكر وكان الجو جميلا"
ENGLISH = "The boy is at the school in the morning, and the day is long. It was as good as the days that he had."
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "zst": zstandard.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
}


@dataclass(frozen=True)
class Made:
    """A file of the folder.

    source      source that reads it, "" if it is left out or belongs to another file
    language    label of its documents
    license     beginning of their licence
    documents   number of its documents
    reason      a part of the reason if it is left out
    """

    source: str = ""
    language: str = ""
    license: str = ""
    documents: int = 0
    reason: str = ""


def make(folder: Path, samples: Path) -> dict[str, Made]:
    """Write the folder. Returns what each file is, by its path in the folder."""
    made: dict[str, Made] = {}
    for name, data, what in itertools.chain(corpora(samples / "data"), own(), others()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, Path):
            shutil.copyfile(data, path)
        else:
            path.write_bytes(data)
        made[name] = what
    made |= saved(folder / "محفوظ" / "dataset")
    return made | links(folder)


Files = Iterator[tuple[str, bytes | Path, Made]]


# -- corpora ----------------------------------------------------------------------------------------------


def corpora(data: Path) -> Files:
    """Yield a file of each corpus: path, contents, what it is."""
    for name, folder, source, language, license_ in (
        ("fw2/data/arz_Arab/train/000_00000.parquet", "fineweb-2/data/arz_Arab/train", "fineweb-2", "arz_Arab", "ODC"),
        ("edu/a.parquet", "english/fineweb-edu/data/CC-MAIN-2024-10", "fineweb-edu", "eng_Latn", "ODC-By"),
        ("climb/shard_00000.parquet", "english/climbmix", "climbmix", "eng_Latn", "CC-BY-NC"),
        ("owm/x.parquet", "math/open-web-math/data", "open-web-math", "eng_Latn", "ODC-By"),
        ("wp/train.parquet", "wikipedia/20170120.arz", "wikipedia", "arz_Arab", "CC-BY-SA"),
        ("star/python/train-0.parquet", "code/starcoderdata/python", "starcoderdata", "Python", "permissive"),
    ):
        table = pq.read_table(next((data / folder).glob("*.parquet"))).slice(0, 3)
        yield name, parquet(table), Made(source, language, license_, 3)
    stack = pq.read_table(next((data / "code/the-stack-v2-dedup/data/Python").glob("*.parquet")))
    row = next(
        row
        for row in stack.to_pylist()
        if row["license_type"] == "permissive" and not row["is_vendor"] | row["is_generated"]
    )
    blob = data / "code/the-stack-v2-dedup/content" / row["blob_id"]
    yield (
        "stack/data.parquet",
        parquet(pa.Table.from_pylist([row], stack.schema)),
        Made("the-stack-v2", "Python", "", 1),
    )
    yield f"stack/content/{row['blob_id']}", blob, Made(reason="Arabic")
    for release, name in (("2301", "a.jsonl.gz"), ("2201", "b.jsonl.bz2")):
        lines = first_lines(next((data / f"oscar/OSCAR-{release}/ar_meta").iterdir()), 3)
        yield f"oscar/{release}/{name}", COMPRESS[name.rpartition(".")[2]](lines), Made("oscar", "arb_Arab", "CC0", 3)
    book = next((data / "openiti").rglob("*Shamela0010428BK37-ara1.mARkdown"))
    yield f"iti/{book.name}", book, Made("openiti", "arb_Arab", "CC-BY-NC-SA", 1)
    yield "iti/OpenITI_metadata_x.csv", next((data / "openiti").glob("*.csv")), Made("openiti")
    pages = (data / "wikipedia/wikiextractor/arz/wiki_00").read_bytes().split(b"</doc>")[:2]
    yield "wp/AA/wiki_00", b"".join(page + b"</doc>\n" for page in pages), Made("wikipedia", "arz_Arab", "CC-BY-SA", 2)
    page = {
        "id": "7",
        "url": "https://ar.wikipedia.org/wiki?curid=7",
        "title": "عنوان",
        "text": f"عنوان\n\n{SENTENCE}",
    }
    yield "wp/json/wiki_01", jsonl([{**page, "revid": "9"}]), Made("wikipedia", "arb_Arab", "CC-BY-SA", 1)
    yield "gsm/test.jsonl", first_lines(data / "math/gsm8k/test.jsonl", 3), Made("gsm8k", "eng_Latn", "MIT", 3)
    stories = next((data / "arastories").glob("*Egyptian*")).read_text("utf-8-sig")
    with io.StringIO(stories, newline="") as text:
        rows = list(itertools.islice(csv.DictReader(text), 3))
    yield "stories/Formatted-Egyptian-x.csv", table_of(rows, ","), Made("arastories", "arz_Arab", "MIT", 3)
    ayas = (data / "quran/quran-simple.txt").read_text("utf-8").splitlines()
    kept = [line for line in ayas if line.startswith(("1|", "112|", "#"))]
    yield "quran/quran-simple.txt", "\n".join(kept).encode(), Made("quran", "arb_Arab", "CC-BY-3.0", 2)
    with lzma.open(data / "cc100/ar.txt.xz", "rt", encoding="utf-8") as text:
        blocks = "".join(itertools.islice(text, 400)).split("\n\n")[:3]
    yield "cc/ar.txt.xz", lzma.compress("\n\n".join(blocks).encode()), Made("cc100", "arb_Arab", "Common Crawl", 3)
    yield "tash/val.txt", first_lines(data / "tashkeela/val.txt", 5), Made("tashkeela", "arb_Arab", "MIT", 5)
    day = zipfile.ZipFile(data / "saudinewsnet/2015-07-23.zip")
    articles = json.loads(day.read(day.namelist()[0]))[:3]
    yield "news/day.zip", zipped({"day.json": encoded(articles)}), Made("saudinewsnet", "arb_Arab", "CC-BY-NC-SA", 3)
    nawawi = json.loads((data / "hadith/hadith-json/forties/nawawi40.json").read_text("utf-8"))
    nawawi["hadiths"] = nawawi["hadiths"][:3]
    yield "hadith/nawawi.json", encoded(nawawi, indent=1), Made("hadith-json", "arb_Arab", "ISC", 3)
    yield "shamela/1024.bok.json", data / "shamela/json/1024.bok.json", Made("shamela", "arb_Arab", "not stated", 1)
    yield "shamela/0001.bok", data / "shamela/bok/0001.bok", Made("shamela", "arb_Arab", "not stated", 1)
    chapter = {f"Arabic_{part}": SENTENCE for part in ("Hadith", "Isnad", "Matn")}
    lk = [{"Chapter_Number": "1.0", "Hadith_number": f"{number}.0", **chapter} for number in range(3)]
    yield "lk/AbuDaud/Chapter1.csv", table_of(lk, ","), Made("lk-hadith", "arb_Arab", "not stated", 3)
    tiny = f"{ENGLISH}\n<|endoftext|>\n{ENGLISH}\n<|endoftext|>\n".encode()
    yield "tiny/TinyStoriesV2-valid.txt", tiny, Made("tinystories", "eng_Latn", "CDLA", 2)
    yield from web()
    yield from editions()


def web() -> Files:
    """Yield files of web corpora, with their publishers' fields."""
    text, date = f"{SENTENCE}.", "2021-05-08T04:44:54Z"
    url = {"url": "https://a/1"}
    identified = {"id": "<urn:uuid:1>", "dump": "CC-MAIN-2024-10", "date": date, "file_path": "s3://x", **url}
    rows: list[tuple[str, dict[str, Any], str, str, str]] = [
        ("x/cx.parquet", {"text": text, "timestamp": date, **url, "source": "mC4"}, "culturax", "arb_Arab", "ODC-By"),
        ("x/c4-ar.json.gz", {"text": text, "timestamp": date, **url}, "mc4", "arb_Arab", "ODC-By"),
        ("x/101b.parquet", {"date": date, "text": text, **url}, "arabic-words-101b", "arb_Arab", "Apache"),
        (
            "x/fineweb.parquet",
            {"text": ENGLISH, **identified, "language": "en", "language_score": 0.9, "token_count": 10},
            "fineweb",
            "eng_Latn",
            "ODC-By",
        ),
        (
            "x/hplt.jsonl.zst",
            {"f": "a", "o": 1, "s": 1, "rs": 1, "u": "https://a/1", "c": "text/html", "ts": date, "collection": "w"}
            | {"lang": ["arz_Arab"], "prob": [0.9], "text": text, "seg_langs": ["arz_Arab"], "robotstxt": "allowed"}
            | {"id": "h1", "filter": "keep", "pii": [], "doc_scores": [8.4]},
            "hplt",
            "arz_Arab",
            "CC0",
        ),
        (
            "x/aw24.arrow",
            {"text": text, "metadata": {**url, "date": date, "labels": {"language": "ar", "language_score": 0.9}}},
            "arabicweb24",
            "arb_Arab",
            "",
        ),
        (
            "x/arb_Arab/moscar.jsonl.gz",
            {"images": [], "metadata": [{"node_order": "txt_#000000", **url}]}
            | {"text": [{"text": text, "text_idx": "#000000"}]},
            "moscar",
            "arb_Arab",
            "",
        ),
    ]
    for name, row, source, language, license_ in rows:
        pack = {"parquet": lambda row: parquet(pa.Table.from_pylist([row])), "arrow": lambda row: arrow([row])}
        ending = name.rpartition(".")[2]
        data = pack[ending](row) if ending in pack else COMPRESS[ending](jsonl([row]))
        yield name, data, Made(source, language, license_, 1)


def editions() -> Files:
    """Yield JSON editions of hadiths, of tafsirs and of the Quran."""
    hadiths = [{"hadithnumber": n, "text": f"{SENTENCE} {n}", "grades": [], "reference": {"book": 1}} for n in (1, 2)]
    collection = {"metadata": {"name": "Sunan"}, "hadiths": hadiths}
    yield "api/editions/ara-abudawud.json", encoded(collection), Made("hadith-api", "arb_Arab", "Unlicense", 2)
    ayahs = [{"ayah": aya, "surah": 112, "text": f"{SENTENCE} {aya}"} for aya in (1, 2, 3)]
    yield "tafsir/ar-tafsir-muyassar/112.json", encoded({"ayahs": ayahs}), Made("tafsir-api", "arb_Arab", "MIT", 3)
    verses = [{"id": n, "text": f"{SENTENCE} {n}"} for n in (1, 2)]
    chapters = [{"id": n, "name": "سورة", "transliteration": "x", "type": "meccan", "verses": verses} for n in (1, 2)]
    yield "quran-json/quran.json", encoded(chapters), Made("quran-json", "arb_Arab", "CC-BY-SA", 2)


# -- a user's own files -----------------------------------------------------------------------------------


def own() -> Files:
    """Yield a user's own files, in every container."""
    arabic, english = "arb_Arab", "eng_Latn"
    book = f"{SENTENCE}.\n" * 9
    yield "كتب [1]/a.txt", book.encode(), Made("text", arabic, "", 1)
    yield "كتب [1]/B.TXT", f"\ufeff{book}1".encode(), Made("text", arabic, "", 1)
    yield "كتب [1]/بلا ملحق", f"{book}2".encode(), Made("text", arabic, "", 1)
    yield "english.txt", (f"{ENGLISH}\n" * 9).encode(), Made("text", english, "", 1)
    for ending, pack in COMPRESS.items():
        yield f"packed/c.Txt.{ending.upper()}", pack(f"{book}{ending}".encode()), Made("text", arabic, "", 1)
    records = [{"text": f"{SENTENCE} {n}", "n": n} for n in range(3)]
    own_names = [{"المعرف": f"م{n}", "العنوان": "قصير", "النص": f"{SENTENCE} {n}"} for n in range(3)]
    yield "json/a.jsonl", jsonl(records), Made("jsonl", arabic, "", 3)
    yield "json/b.NDJSON.gz", gzip.compress(jsonl(own_names)), Made("jsonl", arabic, "", 3)
    labelled = [{"text": f"{SENTENCE} {n}", "language": "apc_Arab", "license": "CC0-1.0"} for n in range(2)]
    yield "json/labelled.jsonl", jsonl(labelled), Made("jsonl", "apc_Arab", "CC0-1.0", 2)
    yield "json/lines.json", jsonl(records), Made("jsonl", arabic, "", 3)
    yield (
        "json/bom.jsonl",
        b"".join(b"\xef\xbb\xbf" + jsonl([record]) for record in records),
        Made("jsonl", arabic, "", 3),
    )
    yield "json/array.json", encoded(records, indent=2), Made("json", arabic, "", 3)
    yield "json/one line.json", encoded(own_names), Made("json", arabic, "", 3)
    yield "json/key.json.xz", lzma.compress(encoded({"n": 1, "data": {"items": records}})), Made("json", arabic, "", 3)
    yield "json/object.json", encoded({"title": "عنوان", "body": book}), Made("json", arabic, "", 1)
    yield (
        "json/nested.jsonl",
        jsonl([{"meta": {"lang": "x"}, "doc": {"body": book}}] * 2),
        Made("jsonl", arabic, "", 2),
    )
    for name, delimiter in (("a.csv", ","), ("b.csv", ";"), ("c.tsv", "\t"), ("d.txt", "|"), ("E.CSV.bz2", ";")):
        data = table_of(own_names, delimiter)
        yield f"tables/{name}", bz2.compress(data) if name.endswith("bz2") else data, Made("csv", arabic, "", 3)
    yield "tables/a.parquet", parquet(pa.Table.from_pylist(own_names)), Made("parquet", arabic, "", 3)
    yield "tables/lang.parquet", parquet(pa.Table.from_pylist(labelled)), Made("parquet", "apc_Arab", "CC0-1.0", 2)
    yield "tables/a.arrow", arrow(own_names), Made("arrow", arabic, "", 3)
    yield "encodings/a.txt", book.encode("utf-16"), Made("text", arabic, "", 1)
    yield "encodings/b.txt", book.encode("windows-1256"), Made("text", arabic, "", 1)
    yield "encodings/c.csv", table_of(own_names, ";").decode().encode("windows-1256"), Made("csv", arabic, "", 3)
    sink = io.BytesIO()
    pyarrow.feather.write_feather(pa.Table.from_pylist(records), sink)
    yield "tables/a.feather", sink.getvalue(), Made("arrow", arabic, "", 3)


def saved(folder: Path) -> dict[str, Made]:
    """Write a folder of Hugging Face datasets."""
    rows = {"النص": [f"{SENTENCE} {n}" for n in range(4)]}
    splits = {name: datasets.Dataset.from_dict(rows) for name in ("train", "test")}
    datasets.DatasetDict(splits).save_to_disk(str(folder))
    return {
        f"{folder.parent.name}/{folder.name}/{path.relative_to(folder).as_posix()}": Made("arrow", "arb_Arab", "", 4)
        if path.suffix == ".arrow"
        else Made(reason="describes")
        if path.name == "dataset_info.json"
        else Made("arrow")
        for path in folder.rglob("*")
        if path.is_file()
    }


def links(folder: Path) -> dict[str, Made]:
    """Write symbolic links: to a file and a folder outside, to the folder itself, to nothing."""
    outside = folder.with_name("outside.txt")
    outside.write_text(f"{SENTENCE}. " * 8, encoding="utf-8")
    (folder / "link.txt").symlink_to(outside)
    elsewhere = folder.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "a.txt").write_text(f"{SENTENCE}; " * 8, encoding="utf-8")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "out" / "loop").symlink_to("..")
    (folder / "out" / "nothing.txt").symlink_to("nowhere")
    return {
        "link.txt": Made("text", "arb_Arab", "", 1),
        "linked/a.txt": Made("text", "arb_Arab", "", 1),
        "out/nothing.txt": Made(reason="does not exist"),
    }


# -- files that are left out ------------------------------------------------------------------------------


def others() -> Files:
    """Yield files that no source reads."""
    yield "out/empty.txt", b"", Made(reason="empty")
    yield "out/scan.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", Made(reason="PDF")
    yield "out/photo.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), Made(reason="")
    yield "out/two.zip", zipped({"a.txt": b"a", "b.txt": b"b"}), Made(reason="2 files")
    yield "out/zip in zip.zip", zipped({"inner.zip": zipped({"a.txt": SENTENCE.encode()})}), Made(reason="")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("a.txt"), io.BytesIO())
    yield "out/a.tar.gz", archive.getvalue(), Made(reason="tar")
    array = io.BytesIO()
    np.save(array, np.arange(100, dtype=np.uint16))
    yield "out/ids.npy", array.getvalue(), Made(reason="")
    yield "out/ids.parquet", parquet(pa.table({"input_ids": [[1, 2], [3]]})), Made(reason="token ids")
    yield "out/page.html", f"<html><body>{SENTENCE}</body></html>".encode(), Made(reason="HTML")
    yield "out/script.py", b"print('a')\n" * 5, Made(reason="Arabic")
    yield "out/config.json", b'{"name": "x", "sizes": [1, 2]}', Made(reason="field of text")
    yield "out/scores.csv", b"id,score\n1,5\n2,6\n", Made(reason="")
    column = pa.array([SENTENCE])
    yield (
        "out/columns.parquet",
        parquet(pa.Table.from_arrays([column] * 2, ["text", "text"])),
        Made(reason="2 columns"),
    )
    yield "README.md", b"About these texts", Made(reason="describes")
    yield "LICENSE", b"CC0", Made(reason="describes")


# -- formats ----------------------------------------------------------------------------------------------


def encoded(value: Any, indent: int | None = None) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=indent).encode()


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(encoded(row) + b"\n" for row in rows)


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def arrow(rows: list[dict[str, Any]]) -> bytes:
    table, sink = pa.Table.from_pylist(rows), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def table_of(rows: list[dict[str, Any]], delimiter: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def zipped(members: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return sink.getvalue()


def first_lines(path: Path, count: int) -> bytes:
    """Return the first lines of a file, decompressed."""
    data = path.read_bytes()
    if path.suffix == ".zst":
        data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
    elif path.suffix == ".gz":
        data = gzip.decompress(data)
    return b"".join(data.splitlines(keepends=True)[:count])
