"""Your own Arrow files, and folders that Hugging Face datasets has saved.

reads     Arrow IPC files and streams: .arrow, .feather, .ipc. In a folder written by `save_to_disk` the files that
          state.json names are read, of every split; other files in it (caches) are not
text      column named by option text_field (default: text)
id        column named by option id_field; else folder, file name and row number
licence   column license, or the one named by option license_field; else option license
language  option language, else column language, or the one named by option language_field, else und (undetermined)
category  option category, else english for eng_Latn, else arabic
dirt      rows whose text is null, empty or not UTF-8 are dropped and counted
facts     https://arrow.apache.org/docs/format/Columnar.html; folders written by datasets 5.2
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar

from corpora.errors import BadInput
from corpora.reading import Arrow as ArrowFormat
from corpora.reading import File, Format, open_raw
from corpora.sources.own_fields import OwnFields

_STATE, _SPLITS = "state.json", "dataset_dict.json"


@dataclass(frozen=True, kw_only=True)
class Arrow(OwnFields):
    """Rows of Arrow files."""

    name: ClassVar[str] = "arrow"
    COMPANIONS: ClassVar[tuple[str, ...]] = (_STATE, _SPLITS)
    FILES: ClassVar[tuple[str, ...]] = ("*.arrow", "*.feather", "*.ipc", *COMPANIONS)

    @property
    def formats(self) -> tuple[Format, ...]:
        """Arrow."""
        return (ArrowFormat(self.text_field, self.columns),)

    def select(self, files: list[File]) -> list[File]:
        """Return the files of rows: of a saved folder, those that its state names.

        Raises BadInput if a file or a split is missing, or if the folder is a selection of rows.
        """
        rows = {file.name: file for file in files if _last(file) not in (_STATE, _SPLITS)}
        saved = {}
        for file in files:
            if _last(file) == _SPLITS:
                for split in _listed(file, "splits"):
                    if not any(other.name == _beside(file, f"{split}/{_STATE}") for other in files):
                        raise BadInput(file.path, f"names the split {split}, which is not there", mend="copy it too")
            if _last(file) == _STATE:
                names = [_beside(file, entry.get("filename", "")) for entry in _listed(file, "_data_files")]
                missing = next((name for name in names if name not in rows), None)
                if missing is not None:
                    raise BadInput(file.path, f"names the file {missing}, which is not there", mend="copy it too")
                saved[_beside(file, "")] = set(names)
        return [
            file for name, file in rows.items() if (listed := saved.get(_beside(file, ""))) is None or name in listed
        ]


def _last(file: File) -> str:
    return file.name.rsplit("/", 1)[-1]


def _beside(file: File, name: str) -> str:
    """Return the name of a file in the same folder."""
    return str(PurePosixPath(file.name).parent / name)


def _listed(file: File, key: str) -> list[Any]:
    """Return a list of a JSON file of a saved folder. Raises BadInput if it has none."""
    with open_raw(file) as raw:
        data = raw.read()
    try:
        state = json.loads(data)
        listed = state[key]
        if state.get("_indices_files") or state.get("_indices_data_files"):
            reason = "names a selection of rows (indices), which is not read"
            raise BadInput(file.path, reason, mend="save it again, after flatten_indices()")
        if isinstance(listed, list) and all(
            isinstance(item, dict if key == "_data_files" else str) for item in listed
        ):
            return listed
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        pass
    raise BadInput(file.path, f"has no list {key!r}, as in a folder of Hugging Face datasets", mend="save it again")
