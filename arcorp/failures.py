"""One family of exceptions for Python users: `arcorp.Failure`, as the command line has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.errors import as_failure


@contextmanager
def failures() -> Iterator[None]:
    """Turn a package's exception for a user's mistake into a `Failure` of the same message; bugs pass unchanged."""
    try:
        yield
    except Exception as error:
        failure = as_failure(error)
        if failure is None or failure is error:
            raise
        raise failure from error
