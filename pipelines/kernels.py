"""Compile the functions of numba once for all stages and workers, before the first build on a machine.

numba compiles a function when it is first called, and keeps the code beside its module, or in NUMBA_CACHE_DIR. Left to
the stages, each worker would compile the same functions at once. Two very small builds compile them instead, in two
processes: the types of all arguments are those of a build. Both are forked, as workers are, from the server that has
loaded all modules (`pipelines.preload`), which compiles what both need. A marker beside the code records that this was
done; its name depends on the sources, on the versions and on the processor. `python -m pipelines.kernels` compiles
without a build.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from pipelines.console import Console, Format

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("corpora", "tokenization", "sharding")
TEXT = "ذهب الولد إلى المدرسة في الصباح، وعاد منها بعد الظهر. A short line of English, 1234. "

EMBEDDED: dict[str, Any] = {
    "name": "compile-embedded",
    "embedded": {"bytes": 150_000},  # enough for near-duplicates among the problems
    "corpora": [{"source": "open-web-math", "input": "embedded:open-web-math"}],
    "dedup": {"method": "minhash"},
}
"""Generates documents, cleans them, and drops near-duplicates."""
PLAIN: dict[str, Any] = {
    "name": "compile-plain",
    "corpora": [{"source": "jsonl", "input": f"{name}.jsonl", "language": "arb_Arab"} for name in ("many", "one")],
    "dedup": {"method": "exact"},
    "tokenizer": {"vocab_size": 320},
    "pack": {"row_tokens": 32},
    "phases": [{"name": "all", "steps": 1}],
    "train": {"batch_rows": 2},
}
"""Cleans many documents and one alone, drops copies, trains a tokenizer and packs rows."""
BUILDS = {"embedded": (EMBEDDED, "dedup"), "plain": (PLAIN, "pack")}
"""Recipe and last stage of each process."""


def compile_once(console: Console) -> None:
    """Compile what no earlier build on this machine has compiled; one line on the console if there is something.

    A failure is not one of the build: its stages compile what is missing.
    """
    marker = _marker()
    if marker is None or marker.exists():
        return
    console.say("compiling, once: functions of numba, for about 15 processor seconds")
    from pipelines.run.executor import forked, uninterrupted

    processes = [forked().Process(target=_build, args=(name,), daemon=True) for name in BUILDS]
    try:
        with uninterrupted():
            for process in processes:
                process.start()
        for process in processes:
            process.join()
    except BaseException:
        for process in processes:
            if process.pid is not None:
                process.kill()
                process.join()
        raise
    if not any(process.exitcode for process in processes):
        marker.touch()


def _marker() -> Path | None:
    """Return the file that records that the functions are compiled; None if no folder for it can be written."""
    state: list[Any] = [sys.version, metadata.version("numba"), metadata.version("numpy"), platform.machine()]
    try:
        with Path("/proc/cpuinfo").open("rb") as file:
            head = file.read(4096)
        state += [line.decode() for line in head.splitlines() if line.startswith((b"model name", b"flags"))][:2]
    except OSError:
        pass
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            status = path.stat()
            state.append([str(path), status.st_mtime_ns, status.st_size])
    name = f"arcorp-compiled-{hashlib.sha256(json.dumps(state).encode()).hexdigest()[:16]}"
    given = os.environ.get("NUMBA_CACHE_DIR")
    for folder in [Path(given)] if given else [ROOT / "corpora" / "__pycache__", _user_cache()]:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder / name
    return None


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "arcorp"


def _build(name: str) -> None:
    """Run one of BUILDS in a temporary folder, in this process, in silence."""
    from corpora import compiled
    from pipelines.build import build
    from pipelines.recipe import load_recipe
    from pipelines.run import Context

    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    compiled.load()  # so little text would be processed without compiled code
    recipe, until = BUILDS[name]
    with tempfile.TemporaryDirectory(prefix="arcorp-") as folder:
        path = Path(folder) / "recipe.yaml"
        path.write_text(json.dumps(recipe), encoding="utf-8")
        lines = [json.dumps({"id": str(number), "text": f"{TEXT * 3}{number % 50}"}) for number in range(60)]
        path.with_name("many.jsonl").write_text("\n".join(lines), encoding="utf-8")
        path.with_name("one.jsonl").write_text(json.dumps({"text": TEXT}), encoding="utf-8")
        console = Console(Format.quiet)
        build(load_recipe(path), Path(folder) / "out", until, Context(1, False, console.progress), console)


if __name__ == "__main__":
    from pipelines import kernels  # workers don't import the main module, so that no function of it is sent to them

    kernels.compile_once(Console())
