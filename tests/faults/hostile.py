"""Hostile texts, a stand-in for SLURM that runs the submitted scripts, and the checks after each command.

The stand-in is three programs: `sbatch` stores each script, and `drain` runs it as a cluster would, with its
`--output` and its array; `squeue` shows an empty queue.
"""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines import cli

RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that must not be sent to a terminal. A separate list from that of the code under test."""


def texts(planted: Path) -> list[str]:
    """Texts that create `planted`, or a file beside it, if a shell runs them or they are used as a path."""
    touch = f"touch {planted}"
    return [
        "x/../../../OUTSIDE",
        "../OUTSIDE",
        str(planted),
        f"x\n{touch}\n#",
        f"x'; {touch}; '",
        f'x"; {touch}; "',
        f"$({touch})",
        f"`{touch}`",
        f"x; {touch} #",
        f"x\r\n#SBATCH --output={planted}\n{touch}",
        "x\n",
        "a b",
        "..",
        "~nobody/x",
        "-x",
        "%s%n",
        "\x1b[2J\x1b]0;TITLE\x07",
        "\x9b31m red",
        "\u202egnirts\u2066",
        "a\u2028b\u2029c\u061c",
        "x" * 5000,
        "",
    ]


def tree(folder: Path, *but: Path) -> dict[str, tuple[int, bytes]]:
    """Return mode and bytes of all files below a folder, except below the folders `but`."""
    contents = {}
    for path in sorted(folder.rglob("*")):
        if any(path.is_relative_to(each) for each in but):
            continue
        mode = path.lstat().st_mode
        contents[str(path.relative_to(folder))] = (mode, path.read_bytes() if stat.S_ISREG(mode) else b"")
    return contents


def strings(schema: dict[str, Any]) -> Iterator[tuple[str | int, ...]]:
    """Yield the place of every string of a JSON schema: the first item of a list, the key "KEY" of a free mapping."""

    def walk(
        node: dict[str, Any], position: tuple[str | int, ...], within: tuple[str, ...]
    ) -> Iterator[tuple[str | int, ...]]:
        if "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            if within.count(name) < 2:  # mixtures nest without end
                yield from walk(schema["$defs"][name], position, (*within, name))
        for each in [*node.get("anyOf", []), *node.get("allOf", [])]:
            yield from walk(each, position, within)
        if node.get("type") == "string":
            yield position
        for key, value in node.get("properties", {}).items():
            yield from walk(value, (*position, key), within)
        if isinstance(node.get("items"), dict):
            yield from walk(node["items"], (*position, 0), within)
        if isinstance(node.get("additionalProperties"), dict):
            yield (*position, "KEY")
            yield from walk(node["additionalProperties"], (*position, "any"), within)

    yield from dict.fromkeys(walk(schema, (), ()))


def put(data: Any, position: tuple[str | int, ...], text: str) -> Any:
    """Return `data` with `text` at a place. Missing levels are created; at "KEY" the text becomes a key."""
    if not position:
        return text
    step, rest = position[0], position[1:]
    if step == 0:
        items = list(data) if isinstance(data, list) else []
        return [put(items[0] if items else None, rest, text), *items[1:]]
    mapping = dict(data) if isinstance(data, dict) else {}
    if step == "KEY":
        return {**mapping, text: 50}
    return {**mapping, step: put(mapping.get(step), rest, text)}


class Place:
    """A folder with all files that a command may read. Only the output folders may change."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capture = folder, capture
        self.planted = folder / "planted"
        self.out = folder / "deep" / "er" / "out"
        self.spool = folder / "spool"
        for each in (self.out.parent, self.spool, folder / "home", folder / "here", folder / "bin"):
            each.mkdir(parents=True)
        self._program(
            "sbatch",
            'n=$(ls "$SPOOL" | wc -l)\n'
            'if [ $# -gt 0 ] && [ -f "${@: -1}" ]; then cat "${@: -1}"; else cat; fi > "$SPOOL/$n.sh"\n'
            'echo "Submitted batch job $((1000 + n))"',
        )
        self._program("squeue", "exit 0")
        self._program("scontrol", "echo 'MaxArraySize = 1001'")

    def _program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)

    def run(self, *arguments: object, allowed: tuple[Path, ...] = ()) -> int:
        """Run a command in this process with its jobs, and check exit code, output and files. Return the exit code."""
        free = (self.out, self.spool, *allowed)
        before = tree(self.folder, *free)
        code = cli.run([str(each) for each in arguments])
        if "slurm" in arguments and code == 0:
            self.drain()
        printed = "".join(self.capture.readouterr())
        shown = f"{[str(each)[:200] for each in arguments]} -> {code}: {printed[-2000:]!a}"
        assert code in (0, 1, 2, 3, 4, 5), shown
        assert "Traceback" not in printed, shown
        assert "a bug" not in printed, shown
        assert not RAW.search(printed), shown
        after = tree(self.folder, *free)
        assert after == before, f"{sorted(after.items() ^ before.items())[:3]}: {shown}"
        return code

    def drain(self) -> None:
        """Run the submitted jobs, and the jobs that these submit."""
        done = 0
        while (script := self.spool / f"{done}.sh").is_file():
            text = script.read_text()
            given = dict(re.findall(r"^#SBATCH --([a-z-]+)=(.*)$", text, re.MULTILINE))
            last = int(given.get("array", "0-0").rpartition("-")[2])
            for task in range(last + 1):
                job = str(1000 + done)
                log = given["output"].replace("%j", job).replace("%A", job).replace("%a", str(task))
                environment = {**os.environ, "SLURM_JOB_ID": job}
                if "array" in given:
                    environment["SLURM_ARRAY_TASK_ID"] = str(task)
                with Path(log).open("ab") as file:
                    subprocess.run(
                        ["bash", script], stdout=file, stderr=file, env=environment, cwd=self.folder / "here"
                    )
            done += 1
        for script in self.spool.iterdir():
            script.unlink()


@pytest.fixture
def place(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Place:
    made = Place(tmp_path / "place", capfd)
    monkeypatch.chdir(made.folder / "here")
    monkeypatch.setenv("HOME", str(made.folder / "home"))
    monkeypatch.setenv("SPOOL", str(made.spool))
    monkeypatch.setenv("PATH", f"{made.folder / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    return made
