"""Sizes of text in UTF-8."""


def utf8_size(text: str) -> int:
    """Return the number of bytes of `text` in UTF-8. Raises UnicodeEncodeError if it has lone surrogates."""
    return len(text) if text.isascii() else len(text.encode())
