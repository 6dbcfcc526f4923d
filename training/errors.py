"""Errors of the trainer, their exit codes, and how a command reports them: one sentence on stderr.

    TrainError               1   a failure while training: a loss that is not finite, a full disk
    ├── ConfigError          2   the configuration, or a folder that it names, is invalid
    ├── InputError           3   an input file can't be used
    ├── DamagedCheckpoint    4   a file of a checkpoint is missing, cut or changed
    └── Unfinished           5   an input does not exist yet or is not finished

The codes equal those of `arcorp`. `exit_code` gives the codes for errors of the dataset.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

from sharding.errors import OptionError, ShardingError
from sharding.seal import SealError, Unsealed


class TrainError(Exception):
    """Training stops. The message is one sentence with the place and the mend."""

    exit_code = 1


class ConfigError(TrainError):
    exit_code = 2


class InputError(TrainError):
    exit_code = 3


class DamagedCheckpoint(TrainError):
    exit_code = 4


class Unfinished(TrainError):
    exit_code = 5


REPORTED = (TrainError, SealError, ShardingError, OSError)
"""Errors that are reported as one sentence. Any other error is a bug and shows its traceback."""


def exit_code(error: BaseException) -> int:
    """Return the exit code of one of REPORTED."""
    match error:
        case TrainError():
            return error.exit_code
        case OptionError():
            return 2
        case ShardingError():
            return 3
        case Unsealed():
            return 5
        case SealError():
            return 4
    return 1


_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ud800-\udfff]")


def shown(text: str) -> str:
    """Text for a terminal: control and bidirectional characters, but for line feed and tab, as escapes."""
    return _HIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def say(message: str) -> None:
    """Write one line to stderr, control characters escaped."""
    sys.stderr.write(f"{shown(message)}\n")
    sys.stderr.flush()


def finished(work: Callable[[], object]) -> int:
    """Run the work of a command and return the exit code. Errors in REPORTED are written to stderr."""
    try:
        work()
    except REPORTED as error:
        say(f"error: {error}")
        return exit_code(error)
    return 0
