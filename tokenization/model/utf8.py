"""Texts as UTF-8. A str of Python can contain lone surrogates, which UTF-8 cannot represent."""

from tokenization.errors import EncodingError


def to_utf8(text: str, place: str) -> bytes:
    """Return a text as UTF-8. Raises EncodingError, which names `place`, for lone surrogates."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise EncodingError(
            f"{place}: a lone surrogate at character {error.start}, so this is not Unicode text; clean it first"
        ) from error
