"""Texts as bytes. Python's str can hold what no file of text can: lone surrogates."""

from tokenization.errors import EncodingError


def to_utf8(text: str, place: str) -> bytes:
    """A text as UTF-8. Raises EncodingError, which names `place`, for lone surrogates."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise EncodingError(
            f"{place}: a lone surrogate at character {error.start}, so this is no Unicode text; clean it first"
        ) from error
