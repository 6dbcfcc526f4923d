"""Addresses without their secrets: user, password, query and fragment of a URL are for opening it, not for showing.

`bare` gives the form of an address that may stand in a name, an id, a manifest, a log or a message; `scrub` cleans a
text of a library, which may quote the whole address, or a piece of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>`|]*")
_CHAINED = re.compile(r"::(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_HIDDEN = "***"
_WEB = ("http", "https", "ftp", "sftp", "ssh")
_SHORT = 4
"""Characters; a shorter secret is only replaced where it is a word of its own."""


def is_remote(place: str) -> bool:
    """Return True for an address (`hf://`, `s3://`, `https://`), False for a path."""
    return "://" in place


def bare(address: str) -> str:
    """The address without user, password, query and fragment; a path is returned as it is.

    An address that can't be split with certainty (a password with `/` in it) keeps its scheme alone.

    >>> bare("https://user:password@host:8080/a/b.jsonl?signature=x#part")
    'https://host:8080/a/b.jsonl'
    """
    return "::".join(map(_bare, _CHAINED.split(address))) if is_remote(address) else address


def has_secrets(address: str) -> bool:
    """Return True if an address has a part that must not be kept."""
    return bare(address) != address


def scrub(text: str, *addresses: str) -> str:
    """A text with every address in it bare, and without any secret part of `addresses`, quoted or not."""
    text = _IN_TEXT.sub(lambda found: bare(found[0]), text)
    for secret in sorted({part for one in addresses for part in _secrets(one)}, key=len, reverse=True):
        if len(secret) >= _SHORT:
            text = text.replace(secret, _HIDDEN)
        else:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", _HIDDEN, text)
    return text


def _bare(address: str) -> str:
    scheme, separator, rest = address.partition("://")
    if not separator:
        return address
    server, slash, path = _cut(scheme, rest)[0].partition("/")
    server = server.rpartition("@")[2]
    if scheme in _WEB:
        _, _, port = server.rpartition("]")[2].partition(":")
        if port and not port.isdigit():
            return f"{scheme}://{_HIDDEN}"
    elif ":" in server:
        return f"{scheme}://{_HIDDEN}"
    return f"{scheme}://{server}{slash}{path}"


def _cut(scheme: str, rest: str) -> list[str]:
    """The place in an address, and its query and fragment. In `hf://` and `s3://` a `?` is a glob's sign, unless a
    key and `=` follow it."""
    found = re.search(r"[?#]" if scheme in _WEB else r"#|\?(?=[\w.%~-]+=)", rest)
    return [rest[: found.start()], *re.split(r"[?#]", rest[found.end() :])] if found else [rest]


def _secrets(address: str) -> Iterator[str]:
    """The parts of an address that `bare` leaves out, whole, in pieces, and in both spellings."""
    for one in _CHAINED.split(address) if is_remote(address) else []:
        scheme, _, rest = one.partition("://")
        place, *parts = _cut(scheme, rest)
        server = place.partition("/")[0]
        user = server.rpartition("@")[0]
        if bare(one).endswith(f"://{_HIDDEN}"):
            parts.append(rest)
            user = user or server
        parts += [user, *user.split(":", 1)]
        for part in list(parts):
            pairs = part.split("&")
            parts += [*pairs, *(value for pair in pairs if len(value := pair.partition("=")[2]) >= _SHORT)]
        for part in parts:
            yield from {part, unquote(part), quote(unquote(part), safe="")} - {""}
