"""The entry point: runs a command line and turns every error into one sentence and an exit code."""

from __future__ import annotations

import io
import os
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence

from corpora.addresses import has_secrets, scrub
from pipelines.cli.commands import command_line
from pipelines.console import Console, Format
from pipelines.errors import Failure, UsageError, as_failure
from pipelines.without_pandas import spare_pandas


def main() -> None:
    """Run the command line of this process and exit."""
    spare_pandas()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code. A failure is one sentence on stderr.

    A character that the locale cannot encode is written by its number.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    form = Format.json if "json" in _value(arguments, "--format") else Format.human
    try:
        app = command_line(arguments[0] if arguments else None)
        code = app(list(arguments), prog_name="arcorp", standalone_mode=False)
        if code == 130:  # typer turns Ctrl-C into this
            print("arcorp: interrupted; run the same command again to resume", file=sys.stderr)  # noqa: T201
        return code if isinstance(code, int) else 0
    except BrokenPipeError:  # the reader of the output has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except BaseException as error:  # a panic in Rust code is not an Exception
        if as_failure(error) is None and not isinstance(error, Exception):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":  # of the click inside typer; its message is the help
            print(getattr(error, "message", ""), file=sys.stderr)  # noqa: T201
            return UsageError.exit_code
        failure = _explain(error, arguments)
        secret = [word for word in _words(arguments) if has_secrets(word)]
        if "--debug" in arguments:
            if not secret:
                raise
            print(scrub(traceback.format_exc(), *secret), file=sys.stderr)  # noqa: T201
        Console(form).error(type(failure)(scrub(str(failure), *secret)))
        return failure.exit_code


def _words(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the arguments and the values in `--flag=value` and `--set key=value`, any of which may be an address."""
    for word in arguments:
        yield word
        name, equals, value = word.partition("=")
        if equals and "://" not in name:
            yield value


def _value(arguments: Sequence[str], flag: str) -> str:
    """Return the value of a flag without parsing the arguments."""
    text = "\0".join(arguments).replace(f"{flag}=", f"{flag}\0")
    return text.partition(f"{flag}\0")[2].partition("\0")[0]


def _explain(error: BaseException, arguments: Sequence[str]) -> Failure:
    """Return the failure that is shown for an error of any kind."""
    failure = as_failure(error)
    if failure:
        return failure
    message = getattr(error, "format_message", None)
    if message is not None:  # an error of the command line
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "arcorp"
        sentence = " ".join(message().split())
        return UsageError(f"{sentence.rstrip('.')}; see '{command} --help'")
    again = shlex.join(["arcorp", *arguments, "--debug"])
    return Failure(f"a bug: {type(error).__name__}: {error}; please report it with the output of '{again}'")
