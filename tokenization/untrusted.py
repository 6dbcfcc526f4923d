"""Files of a tokenizer that anyone may have written: JSON of any depth and type, patterns that never end.

`tokenizers` is Rust, and a search that its regex engine gives up is a panic there: a BaseException in Python, after
lines on stderr that no Python code has printed.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import struct
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tokenization.errors import FolderError, TokenizationError

_WRONG = (LookupError, TypeError, AttributeError, ValueError, RecursionError, OverflowError, struct.error)
"""What Python raises for values of other types or ranges than the code expects."""


NPY_FAULTS = (OSError, EOFError, ValueError, SyntaxError, TokenError, MemoryError, OverflowError, RecursionError)
"""What numpy raises for a .npy file that is damaged: its header is Python, and its shape may be of any size."""


def parsed(data: bytes, name: str) -> Any:
    """Return the JSON in `data`, the bytes of file `name`.

    Raises FolderError for invalid JSON, deep nesting, and numbers that are not finite (NaN, 1e999).
    """
    try:
        return json.loads(data, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise FolderError(f"{name}: is not JSON ({reason}); make or fetch the tokenizer again") from None


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:20]} is not a finite number")
    return value


def read_npy(path: Path) -> NDArray[Any]:
    """Return the array in a .npy file of a tokenizer. Raises FolderError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of a header that numpy repairs: our files have none
            array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (*NPY_FAULTS, UserWarning) as error:
        raise FolderError(f"{path}: cannot be read ({_short(error)}); make the tokenizer again") from error
    return array


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no file. Raises FolderError."""
    if not path.is_file():
        return {}
    value = parsed(path.read_bytes(), str(path))
    if not isinstance(value, dict):
        raise FolderError(f"{path}: is not a JSON object; make or fetch the tokenizer again")
    return value


@contextlib.contextmanager
def shaped(name: str) -> Iterator[None]:
    """Code that takes the values of file or folder `name` apart: a value of another type or range is a FolderError."""
    try:
        yield
    except TokenizationError:
        raise
    except _WRONG as error:
        raise FolderError(
            f"{name}: holds a value of another type or range than a tokenizer has there ({_short(error)}); "
            "make or fetch the tokenizer again"
        ) from error


@contextlib.contextmanager
def no_panic(kind: type[TokenizationError], message: str) -> Iterator[None]:
    """A call into Rust. Raises `kind` with `message` and the reason for a panic, whose lines on stderr are dropped."""
    try:
        stderr = os.dup(2)
    except OSError:  # stderr is closed: no line can appear
        stderr = -1
    with _buffer() as aside:
        if stderr >= 0:
            os.dup2(aside.fileno(), 2)
        panicked = False
        try:
            yield
        except BaseException as error:
            panicked = is_panic(error)
            if not panicked:
                raise
            raise kind(f"{message} ({_short(error)})") from None
        finally:
            if stderr >= 0:
                os.dup2(stderr, 2)
                os.close(stderr)
                aside.seek(0)
                if not panicked and (lines := aside.read()):
                    os.write(2, lines)


def _buffer() -> BinaryIO:
    """A file of no name; in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("stderr"), "w+b")
    return tempfile.TemporaryFile()


def is_panic(error: BaseException) -> bool:
    """Whether Rust code has panicked. Each library has a class of its own for it, all of this name."""
    return type(error).__name__ == "PanicException"


def _short(error: BaseException) -> str:
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= 200 else text[:197] + "..."
