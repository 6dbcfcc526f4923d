"""Questions of ChatCORE as nanochat renders them (karpathy/nanochat at commit d6d86cb, `tasks/`).

lm-evaluation-harness calls these functions with a document of a data set. The YAML files beside this module name them.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

SECONDS = 5
"""Time that a program of an answer may run."""


def letters(doc: Mapping[str, Any]) -> list[str]:
    """Return the letters of the choices, in their order."""
    choices = doc["choices"]
    return list(choices["label"]) if isinstance(choices, Mapping) else [chr(65 + i) for i in range(len(choices))]


def question(doc: Mapping[str, Any]) -> str:
    """Return the text of the user's turn. A letter stands directly after `=`, as the answer stands after its token."""
    choices = doc["choices"]
    texts = choices["text"] if isinstance(choices, Mapping) else choices
    listed = "".join(f"- {text}={letter}\n" for letter, text in zip(letters(doc), texts, strict=True))
    return (
        f"Multiple Choice question: {doc['question']}\n{listed}\nRespond only with the letter of the correct answer."
    )


def letter(doc: Mapping[str, Any]) -> int:
    """Return the number of the right choice."""
    return letters(doc).index(doc["answerKey"]) if "answerKey" in doc else int(doc["answer"])


def passed(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Run the tests of a problem on the first code block of an answer, or on all of it if it has none."""
    blocks = re.findall(r"```(?:python)?\s*\n(.*?)\n```", results[0], re.DOTALL)
    imports = []
    for line in doc["prompt"].splitlines():
        if line.startswith(("import ", "from ")):
            imports.append(line)
        elif line.strip() and not line.lstrip().startswith("#"):
            break
    program = "\n\n".join(
        ["\n".join(imports), (blocks or results)[0].strip(), doc["test"], f"check({doc['entry_point']})"]
    )
    command = [sys.executable, "-I", "-c", program]
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False)
    except (subprocess.TimeoutExpired, ValueError):  # ValueError: a NUL in the program
        return {"pass@1": 0.0}
    return {"pass@1": float(done.returncode == 0)}
