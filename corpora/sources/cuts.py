"""Parts that a source removes from a text, by name. They are counted, so that no character disappears unnamed."""

from __future__ import annotations

import re


class Cuts:
    """The removed parts of one text, by name."""

    def __init__(self) -> None:
        self._parts: dict[str, list[str]] = {}

    def add(self, name: str, *parts: str) -> None:
        """Record removed parts under a name."""
        self._parts.setdefault(name, []).extend(parts)

    def remove(self, pattern: re.Pattern[str], text: str, name: str, by: str = " ") -> str:
        """Return `text` with each match of `pattern` replaced by `by`; the matches are recorded under `name`."""
        parts = self._parts.get(name, [])
        before = len(parts)

        def cut(match: re.Match[str]) -> str:
            parts.append(match[0])
            return by

        text = pattern.sub(cut, text)
        if len(parts) > before:
            self._parts[name] = parts
        return text

    def joined(self) -> dict[str, str]:
        """Return the removed parts, joined, by name."""
        return {name: "".join(parts) for name, parts in self._parts.items()}
