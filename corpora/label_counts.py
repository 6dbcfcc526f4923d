"""Counts of the language labels of one part: names of languages that are not known, and scripts by label.

A record whose language is not known takes the label of its path, of the option `language` or of its source, and the
name is counted here. The script of documents is counted by label, so that a folder of English text that is labelled
arb_Arab is reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from corpora.scripts import is_other_script, main_script

MOST_NAMES = 20
"""Names that are counted one by one; further names are counted together."""

LONGEST_NAME = 40
"""Characters of a name that are kept."""

FIRST = 256
STEP = 16
"""The first documents of a part with a label are counted, and then one of `STEP`."""

REPORTED = 0.1
"""A label is reported if a larger share of its documents is mostly in another script."""

OTHER_NAMES = "other names"


class LabelCounts:
    """Counts of labels; `merge` adds up the results of `to_json`.

    unknown  name of a language that is not known -> records
    scripts  label -> script (`main_script`) -> documents of those whose script is counted
    """

    def __init__(self) -> None:
        self.unknown: dict[str, int] = {}
        self.scripts: dict[str, dict[str, int]] = {}
        self._documents: dict[str, int] = {}  # label -> documents

    def count_unknown(self, name: str, records: int = 1) -> None:
        """Count records whose language has a name that is not known."""
        name = " ".join(name.split())[:LONGEST_NAME]
        if name not in self.unknown and len(self.unknown) >= MOST_NAMES:
            name = OTHER_NAMES
        self.unknown[name] = self.unknown.get(name, 0) + records

    def count_script(self, label: str, text: str) -> None:
        """Count the script of a document, if it is one of those that are counted and its label has a script."""
        number = self._documents[label] = self._documents.get(label, 0) + 1
        if (number <= FIRST or number % STEP == 0) and "_" in label:
            scripts = self.scripts.setdefault(label, {})
            script = main_script(text)
            scripts[script] = scripts.get(script, 0) + 1

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON values, in an order that depends on the counts alone."""
        return {
            "unknown": dict(sorted(self.unknown.items())),
            "scripts": {label: dict(sorted(self.scripts[label].items())) for label in sorted(self.scripts)},
        }


def merge(counts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Add up results of `LabelCounts.to_json`."""
    total = LabelCounts()
    for part in counts:
        for name, records in part["unknown"].items():
            total.count_unknown(name, records)
        for label, scripts in part["scripts"].items():
            sums = total.scripts.setdefault(label, {})
            for script, documents in scripts.items():
                sums[script] = sums.get(script, 0) + documents
    return total.to_json()


def sentences(counts: Mapping[str, Any] | None) -> list[str]:
    """Return a sentence with the mend for each label that needs attention, given a result of `to_json` or `merge`.

    counts  None for documents that were made before labels were counted
    """
    if counts is None:
        return []
    messages = []
    if unknown := counts["unknown"]:
        names = ", ".join(f"{name!r} ({records:,})" for name, records in sorted(unknown.items(), key=_descending)[:5])
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        messages.append(
            f"{_documents(sum(unknown.values()))} with a language that is not known, {names}{more}: the label is that "
            "of the path, the option language or the source; write a known name, or relabel: true with a language"
        )
    for label, scripts in counts["scripts"].items():
        other = {script: documents for script, documents in scripts.items() if is_other_script(label, script)}
        share, total = sum(other.values()), sum(scripts.values())
        if share > REPORTED * total:
            script = max(other, key=lambda name: (other[name], name))
            written = "in another script" if script == "other" else f"in {script} script"
            messages.append(
                f"{share:,} of {total:,} examined documents with label {label} are mostly {written}: if the label is "
                "wrong, read these files as a corpus of their own with the right language"
            )
    return messages


def _descending(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _documents(number: int) -> str:
    return f"{number:,} document{'s' * (number != 1)}"
