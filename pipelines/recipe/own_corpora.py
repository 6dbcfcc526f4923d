"""The corpora of a folder of any files: each file is recognised by its content, and files of a kind are a corpus."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from corpora.addresses import bare, is_remote
from corpora.errors import BadInput, NothingFound
from corpora.reading import File, find_files, name_matches
from pipelines.errors import UsageError, as_failure
from pipelines.texts import unusable

DESCRIPTIONS = (
    *("readme*", "license*", "licence*", "copying*", "notice*", "changelog*", "contributing*", "citation*"),
    *("authors*", "dataset_info*.json", "requirements*.txt", "robots.txt", "sha256sums*", "md5sums*"),
)
"""Names of texts that describe a corpus and are not part of it."""

FEW = 3
"""Number of files of one folder and ending up to which each is an input of its own."""

EXPANSION = 4
"""Approximate ratio of text to file size, for compressed and columnar files."""
_DENSE = (".gz", ".zst", ".xz", ".bz2", ".zip", ".parquet", ".arrow")


@dataclass(frozen=True)
class OwnCorpus:
    """Files that one source reads with the same options.

    options   options of the source that differ from their defaults
    language  language label of documents whose data name none, "" if it is unknown
    labelled  the data or the source name the language
    inputs    paths, folders and globs that select these files
    bytes     estimated bytes of text
    """

    source: str
    options: dict[str, Any]
    language: str
    labelled: bool
    files: tuple[File, ...]
    inputs: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(file.size * (EXPANSION if file.name.lower().endswith(_DENSE) else 1) for file in self.files)


@dataclass
class Survey:
    """The corpora of some paths, and the files that are left out, each with the reason."""

    corpora: list[OwnCorpus] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class _Kind:
    """Files of one kind, and the ids of their first records."""

    files: list[File] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


@dataclass
class _Group:
    """The files of a folder.

    present     all files that can be opened
    names       names of all files
    companions  files without documents that belong to a source, by the source
    """

    present: list[File]
    names: set[str]
    kinds: dict[tuple[Any, ...], _Kind] = field(default_factory=dict)
    companions: dict[str, list[File]] = field(default_factory=dict)


def survey(paths: Sequence[str], text_field: str = "") -> Survey:
    """Recognise the files of some paths. The files of one kind in a folder are a corpus, and so are those of `paths`.

    text_field  field of the text, in files that have it

    Raises UsageError for a path that does not exist or is remote.
    """
    result = Survey()
    for path in paths:
        _refuse(path)
    folders = [path for path in paths if Path(path).is_dir()]
    groups = {folder: _group([folder], result) for folder in folders}
    groups[""] = _group([path for path in paths if path not in folders], result)
    for folder, group in groups.items():
        for file in group.present:
            _add(file, group, result, text_field, named=not folder)
    repeated = _sources_with_repeated_ids(groups.values())
    for folder, group in groups.items():
        result.corpora += _corpora(folder, group, result, repeated)
    return result


def _sources_with_repeated_ids(groups: Iterable[_Group]) -> set[str]:
    """Return the sources that would have one id in two files: the ids are numbers within each file."""
    ids: dict[str, list[str]] = {}
    for group in groups:
        for (source, *_), kind in group.kinds.items():
            ids.setdefault(source, []).extend(kind.ids)
    return {source for source, values in ids.items() if len(set(values)) < len(values)}


def _refuse(path: str) -> None:
    """Raise UsageError for a path that does not exist or is remote."""
    if is_remote(path):
        raise UsageError(f"{bare(path)}: init reads files on this machine; write the address into a recipe")
    if not os.path.lexists(path):
        raise UsageError(f"{path}: no such file or folder")


def _group(paths: Sequence[str], result: Survey) -> _Group:
    """Return the files at some paths. Those that can't be opened, such as links to nothing, are left out."""
    bad: list[BadInput] = []
    try:
        present = find_files(paths, ["*"], on_bad=bad.append)
    except NothingFound:  # an empty folder
        present = []
    except BadInput as error:
        present, bad = [], [error]
    result.left_out += [(error.file, f"{error.reason}; {error.mend}") for error in bad]
    folder = paths[0] if paths else ""
    return _Group(
        present, {file.name for file in present} | {os.path.relpath(error.file, folder or ".") for error in bad}
    )


def _add(file: File, group: _Group, result: Survey, text_field: str, *, named: bool) -> None:
    """Recognise a file and add it to its kind, or to the files that are left out.

    named  the file is itself a path that the user gave
    """
    from corpora.sources import recognise

    if unusable(file.path):
        result.left_out.append((file.path, "its name is not UTF-8; rename it"))
        return
    if not named and name_matches(file.name, DESCRIPTIONS):
        result.left_out.append((file.path, "describes the data by its name; give it as a path of its own to read it"))
        return
    try:
        recognised = recognise(file, text_field)
    except BadInput as error:
        place = f" ({error.place})" if error.place else ""
        result.left_out.append((file.path, f"{error.reason}{place}" + (f"; {error.mend}" if error.mend else "")))
        return
    except Exception as error:
        failure = as_failure(error)
        if failure is None:
            raise
        result.left_out.append((file.path, str(failure).removeprefix(f"{file.path}: ")))
        return
    if recognised.companion:
        group.companions.setdefault(recognised.source, []).append(file)
        return
    options = tuple(recognised.options.items())
    kind = group.kinds.setdefault((recognised.source, options, recognised.language, recognised.labelled), _Kind())
    kind.files.append(file)
    kind.ids += recognised.ids


def _corpora(folder: str, group: _Group, result: Survey, repeated: set[str]) -> list[OwnCorpus]:
    """Return a corpus for each kind of the files in a folder, or of files without one ("").

    repeated  sources whose ids in the files are not unique
    """
    merged: dict[tuple[Any, ...], OwnCorpus] = {}
    for (source, given, language, labelled), kind in group.kinds.items():
        options = dict(given)
        if source in repeated:
            options.pop("id_field", None)
        key = (source, tuple(options.items()), language, labelled)
        before = merged.get(key)
        files = (*(before.files if before else ()), *kind.files)
        merged[key] = OwnCorpus(source, options, language, labelled, files)
    used = {corpus.source for corpus in merged.values()}
    result.left_out += [
        (file.path, f"describes files of source {source}, and there are none")
        for source, files in group.companions.items()
        for file in files
        if source not in used
    ]
    return [replace(corpus, inputs=tuple(_inputs(folder, group, corpus))) for corpus in merged.values()]


def _inputs(folder: str, group: _Group, corpus: OwnCorpus) -> list[str]:
    """Return paths, folders or globs that select the files of a corpus, of those that are present in a folder."""
    from corpora.sources import find_source

    companions = group.companions.get(corpus.source, [])
    if not folder:
        return [file.path for file in (*corpus.files, *companions)]
    parents = {str(parent) for file in corpus.files for parent in PurePosixPath(file.name).parents}
    names = {file.name for file in corpus.files}
    names |= {file.name for file in companions if str(PurePosixPath(file.name).parent) in parents}
    patterns = find_source(corpus.source).FILES
    if {name for name in group.names if name_matches(name, patterns)} == names:
        return [folder]
    return _cover(folder, names, group.names, patterns)


def _ending(name: str) -> str:
    """Return the ending of a file's name from its first dot: `.jsonl.gz`."""
    return "".join(PurePosixPath(name).suffixes)


def _cover(folder: str, names: set[str], present: set[str], patterns: Sequence[str]) -> list[str]:
    """Return inputs that select the files `names` of a folder, and no other of the files that are present.

    They are the largest folders from which `patterns` select such files only, globs of endings, and single files.
    """
    chosen = {name for name in present if name_matches(name, patterns)}
    foreign = {str(parent) for name in chosen - names for parent in PurePosixPath(name).parents}
    single: dict[tuple[str, str], list[str]] = {}
    inputs: dict[str, None] = {}
    for name in sorted(names):
        parents = [str(parent) for parent in PurePosixPath(name).parents if str(parent) not in foreign]
        if name in chosen and parents and parents[-1] != ".":
            inputs[str(Path(folder) / parents[-1])] = None
        else:
            single.setdefault((str(PurePosixPath(name).parent), _ending(name)), []).append(name)
    for (parent, ending), given in single.items():
        alike = [name for name in present if (str(PurePosixPath(name).parent), _ending(name)) == (parent, ending)]
        if len(given) > FEW and ending and len(alike) == len(given):
            inputs[f"{glob.escape(str(Path(folder) / parent))}/*{glob.escape(ending)}"] = None
        else:
            inputs |= dict.fromkeys(str(Path(folder) / name) for name in given)
    return list(inputs)
