"""Removal of secrets from URLs.

The user, password, query and fragment of a URL may be secret. They are used to open the URL and are never shown.
`bare` returns the form of an address that is safe in a name, an id, a manifest, a log or a message. `scrub` removes
secrets from a message of another library, which may quote an address or a part of it.
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
"""Characters. A shorter secret is replaced only where it is a whole word."""


def is_remote(location: str) -> bool:
    """Return True for an address (`hf://`, `s3://`, `https://`), False for a path."""
    return "://" in location


def bare(address: str) -> str:
    """Return an address without user, password, query and fragment. A path is returned unchanged.

    Only the scheme is kept if the address can't be split with certainty (for example if its password contains `/`).

    >>> bare("https://user:password@host:8080/a/b.jsonl?signature=x#part")
    'https://host:8080/a/b.jsonl'
    """
    return "::".join(map(_bare, _CHAINED.split(address))) if is_remote(address) else address


def has_secrets(address: str) -> bool:
    """Return True if an address has a part that `bare` removes."""
    return bare(address) != address


def scrub(text: str, *addresses: str) -> str:
    """Remove secrets from a text.

    Every address in the text is replaced by its bare form. Every secret part of `addresses` is replaced by `***`,
    with or without percent-encoding.
    """
    text = _IN_TEXT.sub(lambda match: bare(match[0]), text)
    for secret in sorted({part for address in addresses for part in _secrets(address)}, key=len, reverse=True):
        if len(secret) >= _SHORT:
            text = text.replace(secret, _HIDDEN)
        else:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", _HIDDEN, text)
    return text


def _bare(address: str) -> str:
    scheme, separator, rest = address.partition("://")
    if not separator:
        return address
    server, slash, path = _split(scheme, rest)[0].partition("/")
    server = server.rpartition("@")[2]
    if scheme in _WEB:
        _, _, port = server.rpartition("]")[2].partition(":")
        if port and not port.isdigit():
            return f"{scheme}://{_HIDDEN}"
    elif ":" in server:
        return f"{scheme}://{_HIDDEN}"
    return f"{scheme}://{server}{slash}{path}"


def _split(scheme: str, rest: str) -> list[str]:
    """Split an address without its scheme into [location, query and fragment ...].

    In `hf://` and `s3://` a `?` is a wildcard, unless a key and `=` follow it.
    """
    match = re.search(r"[?#]" if scheme in _WEB else r"#|\?(?=[\w.%~-]+=)", rest)
    return [rest[: match.start()], *re.split(r"[?#]", rest[match.end() :])] if match else [rest]


def _secrets(address: str) -> Iterator[str]:
    """Yield the parts of an address that `bare` removes: whole and in pieces, with and without percent-encoding."""
    for link in _CHAINED.split(address) if is_remote(address) else []:
        scheme, _, rest = link.partition("://")
        location, *parts = _split(scheme, rest)
        server = location.partition("/")[0]
        user = server.rpartition("@")[0]
        if bare(link).endswith(f"://{_HIDDEN}"):
            parts.append(rest)
            user = user or server
        parts += [user, *user.split(":", 1)]
        for part in list(parts):
            pairs = part.split("&")
            parts += [*pairs, *(value for pair in pairs if len(value := pair.partition("=")[2]) >= _SHORT)]
        for part in parts:
            yield from {part, unquote(part), quote(unquote(part), safe="")} - {""}
