"""`arcorp translate --text`: lines of stdin, translated to stdout as they arrive."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from pipelines.console import Console
from pipelines.errors import InputError
from pipelines.recipe import TranslateOptions


def translate_lines(options: TranslateOptions, console: Console) -> None:
    """Write the translation of each line of stdin, a line for a line; sentences without one are left out, and counted
    on stderr. Raises InputError for a line that is no UTF-8, and the errors of `open_model`."""
    from corpora.translation import Engine, translate_texts
    from pipelines.stages.translate import open_model

    engine = Engine(open_model(options), options.beam)
    for number, line in enumerate(_lines(sys.stdin.buffer), 1):
        [translation] = translate_texts([line], engine)
        sys.stdout.buffer.write(f"{translation.text}\n".encode())
        sys.stdout.buffer.flush()
        if translation.faults:
            faults = ", ".join(f"{count} {fault}" for fault, count in sorted(translation.faults.items()))
            console.say(f"line {number}: of {translation.sentences} sentences, these have no translation: {faults}")


def _lines(stream: Iterable[bytes]) -> Iterable[str]:
    for number, line in enumerate(stream, 1):
        try:
            yield line.decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise InputError(
                f"stdin, line {number}, byte {error.start}: is no UTF-8; convert the text first"
            ) from None
