"""The check of a text file before its records are read: it is text, and its encoding is UTF-8 or the named one."""

from __future__ import annotations

from dataclasses import replace

from corpora.errors import BadInput
from corpora.reading.encodings import SAMPLE, UNKNOWN, encoding_of, is_utf8, likely_encoding
from corpora.reading.files import File
from corpora.reading.kinds import Kind, kind_of, mend_of
from corpora.reading.streams import Stream


def text_kind(file: File, kind: Kind, named: str | None, *, can_name: bool) -> Kind:
    """Return the kind of a text file, with its encoding.

    kind      kind of the file, without encoding. Kinds without a stream of text are returned unchanged
    named     encoding of files that are not UTF-8, as `encoding_of` accepts; None: there are none
    can_name  whether the source has an option for the encoding

    A file with characters of several bytes, all of them in UTF-8, is read as UTF-8 whatever encoding is named. If
    UTF-8 is named, lines in other encodings are dropped.

    Raises BadInput if the file is binary, or in another encoding and none is named.
    """
    if kind.container not in ("stream", "zip"):
        return kind
    with Stream(file, kind) as stream:
        sample = stream.peek(SAMPLE)
    inner = kind_of(sample)
    if (inner.container, inner.compression) != ("stream", ""):
        _refuse_nested(file, kind, inner)
    if named is not None and encoding_of(named) == "utf-8":
        return kind
    if named is not None:
        return kind if is_utf8(sample) else replace(kind, encoding=encoding_of(named))
    likely = likely_encoding(sample)
    if likely == UNKNOWN:
        ids = "if it holds token ids, `arcorp pack FILE --tokenizer DIR` takes it"
        known = "write its encoding as option encoding" if can_name else "convert it to UTF-8"
        raise BadInput(file.path, "is binary, or text in an unknown encoding", mend=f"{ids}; if it is text, {known}")
    if likely:
        mend = f"write option encoding: {likely}" if can_name else f"convert it: iconv -f {likely} -t utf-8"
        raise BadInput(file.path, f"is not UTF-8, but probably {likely}", mend=mend)
    return kind


def _refuse_nested(file: File, kind: Kind, inner: Kind) -> None:
    if kind.container == "stream" and not kind.compression:
        return  # the kind of the file itself was refused, or read
    outer = kind.compression or kind.container
    held = inner.compression or inner.container
    raise BadInput(file.path, f"is {outer} of {held}", mend=mend_of(held) or "unpack it once and name the files")
