"""Failures that a user sees, and their exit codes.

    Failure                 exit code
    ├── UsageError          2   the command, the recipe, or a folder named in them is invalid
    ├── InputError          3   the data can't be used
    ├── IntegrityError      4   a sealed file was changed
    └── Incomplete          5   a folder is unfinished where a finished one is required

The exit code of other Failures is 1, that of Ctrl-C is 130. The other packages raise exceptions of their own, and
`as_failure` converts them. A message is one sentence that names the file, the place in it, and the remedy.
"""

from __future__ import annotations

from sharding import seal


class Failure(Exception):
    """An error that is reported to the user in one sentence."""

    exit_code = 1


class UsageError(Failure):
    exit_code = 2


class InputError(Failure):
    exit_code = 3


class IntegrityError(Failure):
    exit_code = 4


class Incomplete(Failure):
    exit_code = 5


_OF_PACKAGES = {
    "corpora.errors.UnknownSource": UsageError,
    "corpora.errors.UnknownLanguage": UsageError,
    "corpora.errors.Untranslatable": UsageError,
    "corpora.errors.CorporaError": InputError,
    "tokenization.errors.OptionError": UsageError,
    "tokenization.errors.FolderError": InputError,
    "tokenization.errors.EncodingMismatch": IntegrityError,
    "tokenization.errors.TokenizationError": InputError,
    "sharding.errors.OptionError": UsageError,
    "sharding.errors.InputError": InputError,
}
"""Failures of the exceptions of other packages. They are named by strings, so that these packages are not imported."""
_LIBRARIES = ("pyarrow", "polars", "zstandard")
"""Libraries whose exceptions are reported as a file that can't be read."""
_BY_CODE = {kind.exit_code: kind for kind in (Failure, UsageError, InputError, IntegrityError, Incomplete)}


def failure(message: str, exit_code: int) -> Failure:
    """Return a Failure with an exit code, such as that of another process."""
    return _BY_CODE.get(exit_code, Failure)(message)


def as_failure(error: BaseException) -> Failure | None:
    """Return the Failure for an exception of a package, a library or the system; None for a bug."""
    match error:
        case Failure():
            return error
        case seal.Unsealed():
            return Incomplete(str(error))
        case seal.SealError():
            return IntegrityError(str(error))
        case OSError():
            return Failure(_file_prefix(error) + (error.strerror or _line(error)))
        case MemoryError():
            return Failure("out of memory: use fewer --workers")
    for kind in type(error).__mro__:
        failure_kind = _OF_PACKAGES.get(f"{kind.__module__}.{kind.__qualname__}")
        if failure_kind:
            return failure_kind(str(error))
    if type(error).__module__.partition(".")[0] in _LIBRARIES:
        return InputError(f"{_file_prefix(error)}can't be read ({_line(error)}); make or fetch it again")
    if type(error).__name__ == "PanicException":  # of Rust code; each library has its own class
        return Failure(f"{_file_prefix(error)}a library failed ({_line(error)})")
    return None


def _file_prefix(error: BaseException) -> str:
    """Return the name of the file at fault and a colon; empty if neither the system nor `seal.naming` named one."""
    name = getattr(error, "filename", None)
    return f"{name}: " if name else ""


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."
