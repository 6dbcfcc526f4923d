"""What can go wrong, and the exit code of each.

    Failure                 exit code
    ├── UsageError          2   the command, the recipe or a folder it names can't be meant so
    ├── InputError          3   the data can't be used
    ├── IntegrityError      4   something sealed was changed
    └── Incomplete          5   something unfinished, where finished work is wanted

A Failure that is none of these exits with 1, Ctrl-C with 130. Rooms raise exceptions of their own; `as_failure`
is the one place that knows what they mean to a user. Messages are one sentence that names the file, the place in
it, and the mend.
"""

from __future__ import annotations

from sharding import seal


class Failure(Exception):
    """Something a user is told in one sentence."""

    exit_code = 1


class UsageError(Failure):
    exit_code = 2


class InputError(Failure):
    exit_code = 3


class IntegrityError(Failure):
    exit_code = 4


class Incomplete(Failure):
    exit_code = 5


# Rooms know no exit codes; by name, so that no room is imported to say this.
_OF_ROOMS = {
    "corpora.errors.UnknownSource": UsageError,
    "corpora.errors.CorporaError": InputError,
    "tokenization.errors.OptionError": UsageError,
    "tokenization.errors.FolderError": InputError,
    "tokenization.errors.EncodingMismatch": IntegrityError,
    "tokenization.errors.TokenizationError": InputError,
    "sharding.errors.OptionError": UsageError,
    "sharding.errors.InputError": InputError,
}
_LIBRARIES = ("pyarrow", "polars", "zstandard")
"""Libraries whose exceptions stand for a file that they could not read."""
_BY_CODE = {kind.exit_code: kind for kind in (Failure, UsageError, InputError, IntegrityError, Incomplete)}


def failure(message: str, exit_code: int) -> Failure:
    """The Failure of an exit code, for those that come back from another process."""
    return _BY_CODE.get(exit_code, Failure)(message)


def as_failure(error: BaseException) -> Failure | None:
    """The Failure that an exception of a room, or of the system, stands for; None for a bug."""
    match error:
        case Failure():
            return error
        case seal.Unsealed():
            return Incomplete(str(error))
        case seal.SealError():
            return IntegrityError(str(error))
        case OSError():
            return Failure(_where(error) + (error.strerror or _line(error)))
        case MemoryError():
            return Failure("out of memory: fewer --workers need less")
    for kind in type(error).__mro__:
        known = _OF_ROOMS.get(f"{kind.__module__}.{kind.__qualname__}")
        if known:
            return known(str(error))
    if type(error).__module__.partition(".")[0] in _LIBRARIES:
        return InputError(f"{_where(error)}can't be read ({_line(error)}); make or fetch it again")
    if type(error).__name__ == "PanicException":  # of Rust; each library has a class of its own for it
        return Failure(f"{_where(error)}a library stopped at a fault of its own ({_line(error)})")
    return None


def _where(error: BaseException) -> str:
    """The file at fault, from the system or from `seal.naming`."""
    name = getattr(error, "filename", None)
    return f"{name}: " if name else ""


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."
