"""Sizes of text in UTF-8."""


def utf8_size(text: str) -> int:
    """Number of bytes of `text` in UTF-8. Raises UnicodeEncodeError for lone surrogates."""
    return len(text) if text.isascii() else len(text.encode())
