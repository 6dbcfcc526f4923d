"""What can go wrong, the exit code of each, and how a command says it: one sentence on stderr.

    TrainError               1   a failure on the way: a loss that is not finite, a full disk
    ├── ConfigError          2   the configuration, or a folder it names, can't be meant so
    ├── InputError           3   a file can't be used
    ├── DamagedCheckpoint    4   a checkpoint's file is missing, cut or changed
    └── Unfinished           5   there is nothing yet where something finished is wanted

The codes are those of `arcorp`; so are those of a dataset that can't be read (`exit_code`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

from sharding.errors import OptionError, ShardingError
from sharding.seal import SealError, Unsealed


class TrainError(Exception):
    """Training can't go on; the message is one sentence that names the place and the mend."""

    exit_code = 1


class ConfigError(TrainError):
    exit_code = 2


class InputError(TrainError):
    exit_code = 3


class DamagedCheckpoint(TrainError):
    exit_code = 4


class Unfinished(TrainError):
    exit_code = 5


SAID = (TrainError, SealError, ShardingError, OSError)
"""What a user is told in a sentence; anything else is a bug, and shows its traceback."""


def exit_code(error: BaseException) -> int:
    """The exit code of one of SAID."""
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
    return _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def say(message: str) -> None:
    """A line for people, on stderr."""
    sys.stderr.write(f"{shown(message)}\n")
    sys.stderr.flush()


def finished(work: Callable[[], object]) -> int:
    """Do the work of a command. Returns its exit code; what went wrong is said."""
    try:
        work()
    except SAID as error:
        say(f"error: {error}")
        return exit_code(error)
    return 0
