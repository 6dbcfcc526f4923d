"""The guarantees of every stage's folder, tested on a small stage that writes squares."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.errors import Failure, InputError, IntegrityError, UsageError
from pipelines.run import Context, Finish, Part, PartWriter, Stage, Work, lock, note_faults, run_stage
from pipelines.run.launcher import largest_first
from sharding import damage, seal

PARTS = 6


def write_squares(_: object, part: Part, writer: PartWriter) -> None:
    """Write the files of a part: a hundred squares as text, and their sum."""
    numbers = range(part.spec * 100, part.spec * 100 + 100)
    with writer.file(".txt") as file:
        for number in numbers:
            file.write(f"{number * number}\n".encode())
            time.sleep(float(os.environ.get("SLOWLY", "0")))
    with writer.file(".sum") as file:
        file.write(str(sum(n * n for n in numbers)).encode())
    writer.counts = {"numbers": seal.Counts(input=100, out=99, dropped={"the last": 1})}
    writer.summary = {"largest": numbers[-1]}


def fail_on_three(_: object, part: Part, writer: PartWriter) -> None:
    if part.spec == 3:
        raise InputError("number 3 can't be squared: leave it out")
    write_squares(_, part, writer)


def die_on_three(_: object, part: Part, writer: PartWriter) -> None:
    if part.spec == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    write_squares(_, part, writer)


def finish_squares(finish: Finish) -> None:
    finish.write("all.json", seal.canonical([sidecar.summary["largest"] for sidecar in finish.sidecars]))
    finish.summary = {"parts": len(finish.sidecars)}


def squares(folder: Path, write=write_squares, version=1, **options) -> Stage:
    parts = [Part(f"part-{number:05d}", number) for number in range(PARTS)]
    return Stage("squares", version, folder, options, {}, lambda: Work(parts, [], write, finish_squares))


def tree(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each file of the result by name, without the state."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".arcorp" not in path.parts
    }


def test_a_sealed_folder_names_every_file_and_its_counts_balance(tmp_path):
    outcome = run_stage(squares(tmp_path / "out"), Context())
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert {*tree(tmp_path / "out")} - {"manifest.json"} == {*manifest["files"]}
    assert manifest["counts"]["numbers"] == {"in": 600, "added": {}, "out": 594, "dropped": {"the last": 6}}
    assert manifest["summary"] == {"parts": PARTS}
    assert (outcome.made, outcome.kept, outcome.idle) == (PARTS, 0, False)


@pytest.mark.fault(6)
@pytest.mark.parametrize("inputs", [{}, {"ورق": "ab", "a\n": '"}'}])
def test_the_key_of_a_part_is_the_digest_of_its_identity(tmp_path, inputs):
    stage = squares(tmp_path, options={"z": [{}], "a": None})
    stage = dataclasses.replace(stage, inputs=inputs)
    for part in (Part("part-00000", {"x": [1]}), Part("}\n", None)):
        assert stage.key(part) == seal.digest_of({**stage.identity, "part": part.name, "spec": part.spec})


def test_any_number_of_workers_gives_the_same_bytes(tmp_path):
    run_stage(squares(tmp_path / "one"), Context(workers=1))
    run_stage(squares(tmp_path / "three"), Context(workers=3))
    assert tree(tmp_path / "one") == tree(tmp_path / "three")


def test_finished_work_is_not_repeated(tmp_path):
    run_stage(squares(tmp_path / "out"), Context())
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.txt")}
    assert run_stage(squares(tmp_path / "out"), Context()).idle
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.txt")}


@pytest.mark.fault(8)
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.unlink(), id="deleted"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-5]), id="truncated"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes().replace(b"1", b"7", 1)), id="changed"),
    ],
)
@pytest.mark.parametrize("name", ["part-00002.txt", "part-00002.json", "all.json"])
def test_only_a_damaged_file_is_made_again_and_has_the_same_bytes(tmp_path, damage, name):
    out = tmp_path / "out"
    run_stage(squares(out), Context())
    before, untouched = tree(out), (out / "part-00001.txt").stat().st_mtime_ns
    damage(out / name)
    outcome = run_stage(squares(out), Context())
    assert outcome.mended == [name]
    assert outcome.made == (name != "all.json")
    assert tree(out) == before
    assert (out / "part-00001.txt").stat().st_mtime_ns == untouched


def flip(path):
    """Flip a bit, and restore the modification time."""
    times = path.stat()
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.fault(37)
def test_a_flipped_bit_is_mended_if_size_and_modification_time_are_unchanged(tmp_path):
    out = tmp_path / "out"
    run_stage(squares(out), Context())
    before = tree(out)
    flip(out / "part-00004.txt")
    outcome = run_stage(squares(out), Context())
    assert (outcome.made, outcome.mended) == (1, ["part-00004.txt"])
    assert tree(out) == before
    assert run_stage(squares(out), Context()).idle


@pytest.mark.fault(37)
def test_a_bit_flipped_before_the_seal_is_found_when_the_run_resumes(tmp_path):
    out = tmp_path / "out"
    run_stage(squares(out), Context())
    before = tree(out)
    (out / "manifest.json").unlink()
    flip(out / "part-00002.txt")
    assert run_stage(squares(out), Context()).made == 1
    assert tree(out) == before


@pytest.mark.fault(8)
def test_a_file_that_verify_found_damaged_is_hashed_although_there_is_a_proof_of_it(tmp_path, monkeypatch):
    out = tmp_path / "out"
    run_stage(squares(out), Context())
    hashed = []
    hash_file = seal.hash_file
    for module in (seal, damage):
        monkeypatch.setattr(module, "hash_file", lambda path: hashed.append(path.name) or hash_file(path))
    assert run_stage(squares(out), Context()).idle
    assert hashed == [], "no file was written since"
    note_faults(out, ["part-00004.txt"])
    run_stage(squares(out), Context())
    assert hashed[0] == "part-00004.txt"


def test_a_copy_and_a_folder_without_proofs_are_accepted_after_hashing(tmp_path):
    out, copied = tmp_path / "out", tmp_path / "copied"
    run_stage(squares(out), Context())
    shutil.copytree(out, copied)
    (out / ".arcorp" / "proofs.json").write_text("{")
    assert run_stage(squares(out), Context()).idle
    assert run_stage(squares(copied), Context()).idle


@pytest.mark.fault(8)
def test_a_truncated_or_changed_manifest_is_written_again(tmp_path):
    out = tmp_path / "out"
    run_stage(squares(out), Context())
    before = tree(out)
    for spoil in (lambda data: data[:50], lambda data: data.replace(b"594", b"595")):
        (out / "manifest.json").write_bytes(spoil((out / "manifest.json").read_bytes()))
        assert run_stage(squares(out), Context()).made == 0
        assert tree(out) == before


@pytest.mark.fault(7)
def test_other_options_are_refused_and_the_message_names_them(tmp_path):
    run_stage(squares(tmp_path / "out", colour="red"), Context())
    with pytest.raises(UsageError, match=r'options\.colour was "red", now "blue"'):
        run_stage(squares(tmp_path / "out", colour="blue"), Context())
    with pytest.raises(UsageError, match="version was 1, now 2"):
        run_stage(squares(tmp_path / "out", version=2, colour="red"), Context())
    assert run_stage(squares(tmp_path / "out", colour="blue"), Context(restart=True)).made == PARTS


@pytest.mark.fault(7)
def test_unfinished_work_of_other_options_is_refused(tmp_path):
    with pytest.raises(InputError):
        run_stage(squares(tmp_path / "out", fail_on_three, colour="red"), Context())
    with pytest.raises(UsageError, match="colour"):
        run_stage(squares(tmp_path / "out", colour="blue"), Context())


def test_a_folder_with_foreign_files_is_refused_and_unchanged(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        run_stage(squares(tmp_path), Context(restart=True))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.fault(20)
def test_a_folder_that_cannot_be_written_is_a_usage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="choose another --out"):
        run_stage(squares(tmp_path / "file" / "out"), Context())
    with pytest.raises(UsageError, match=r"file.*--out"):
        run_stage(squares(tmp_path / "file"), Context())


@pytest.mark.fault(5)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_part_ends_the_run_with_its_message_and_the_other_parts_are_kept(tmp_path, workers):
    out = tmp_path / "out"
    with pytest.raises(InputError, match="number 3 can't be squared: leave it out"):
        run_stage(squares(out, fail_on_three), Context(workers=workers))
    assert not (out / "manifest.json").exists()
    made = len(list(out.glob("*.sum")))
    outcome = run_stage(squares(out), Context(workers=workers))
    assert (outcome.made, outcome.kept) == (PARTS - made, made)
    run_stage(squares(tmp_path / "undisturbed"), Context())
    assert tree(out) == tree(tmp_path / "undisturbed")


def fail_with_a_bug(_: object, part: Part, writer: PartWriter) -> None:
    if part.spec in (2, 4):
        raise RuntimeError(f"no square of {part.spec}")
    write_squares(_, part, writer)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_has_one_log_with_the_tracebacks_of_its_failed_ranks_and_no_file_for_each_rank(tmp_path, workers):
    out, log = tmp_path / "out", tmp_path / "out" / ".arcorp" / "logs" / "ranks.log"
    with pytest.raises(Failure, match=r"no square of \d.*logs/ranks\.log"):
        run_stage(squares(out, fail_with_a_bug), Context(workers=workers))
    text = log.read_text()
    assert "rank 2 of 6 failed" in text or "rank 4 of 6 failed" in text
    assert "in fail_with_a_bug" in text
    assert "RuntimeError: no square of" in text
    run_stage(squares(out), Context(workers=workers))
    state = {path.relative_to(out / ".arcorp").as_posix() for path in out.rglob("*") if ".arcorp" in path.parts}
    files = {"lock", "stage.json", "plan.json", "written.txt", "proofs.json"}
    assert state - {".", "logs", "proofs"} == files, "however many parts there are"


@pytest.mark.fault(10)
def test_a_part_whose_sidecar_changed_before_the_seal_is_made_again(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(InputError):
        run_stage(squares(out, fail_on_three), Context())
    sidecar = out / "part-00000.json"
    sidecar.write_bytes(sidecar.read_bytes().replace(b'"largest": 99', b'"largest": 98'))
    assert run_stage(squares(out), Context()).kept == 2
    run_stage(squares(tmp_path / "undisturbed"), Context())
    assert tree(out) == tree(tmp_path / "undisturbed")


@pytest.mark.fault(5)
def test_a_worker_that_the_system_kills_ends_the_run(tmp_path):
    with pytest.raises(Failure, match="--workers"):
        run_stage(squares(tmp_path / "out", die_on_three), Context(workers=2))


def test_counts_that_do_not_balance_are_never_sealed(tmp_path):
    def lose_a_number(finish: Finish) -> None:
        finish.counts["numbers"].out -= 1

    stage = squares(tmp_path / "out")
    parts = stage.work().parts
    unbalanced = Stage("squares", 1, stage.folder, {}, {}, lambda: Work(parts, [], write_squares, lose_a_number))
    with pytest.raises(Failure, match="numbers"):
        run_stage(unbalanced, Context())
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_mended_file_with_other_bytes_is_an_integrity_error(tmp_path, monkeypatch):
    out = tmp_path / "out"
    run_stage(squares(out), Context())
    (out / "part-00003.sum").unlink()

    def write_other_bytes(_, part, writer):
        write_squares(_, part, writer)
        with writer.file(".sum") as file:
            file.write(b"0")

    with pytest.raises(IntegrityError, match=r"out: .*digest"):
        run_stage(squares(out, write_other_bytes), Context())


HOLD = "import sys, time; from pathlib import Path; from pipelines.run.folder_lock import lock\n\
with lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


@pytest.mark.fault(3)
def test_a_second_writer_is_refused_and_the_lock_of_a_dead_one_is_free(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(Failure, match=f"process {holder.pid}"), lock(tmp_path):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with lock(tmp_path):
        pass


RUN = "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import test_stage as t\n\
from pipelines.run import Context, run_stage\n\
if __name__ == '__main__': run_stage(t.squares(Path(sys.argv[2])), Context(workers=int(sys.argv[3])))"


KILLS = int(os.environ.get("ARCORP_KILLS", "4"))


@pytest.mark.fault(1)
@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_run_that_was_killed_at_any_moment_resumes_to_the_same_bytes(tmp_path, workers):
    script = tmp_path / "run.py"
    script.write_text(RUN)
    out = tmp_path / "out"
    run_stage(squares(tmp_path / "undisturbed"), Context())
    kills = 0
    for moment in range(KILLS):
        before = set(out.glob(".tmp-*"))
        process = subprocess.Popen(
            [sys.executable, str(script), str(Path(__file__).parent), str(out), workers],
            env={**os.environ, "SLOWLY": "0.004"},
        )
        while process.poll() is None and not set(out.glob(".tmp-*")) - before:
            time.sleep(0.01)
        try:
            process.wait(timeout=0.08 * (moment * 7 % 12))
        except subprocess.TimeoutExpired:
            process.kill()  # this process only: its workers must exit by themselves
            process.wait()
            kills += 1
    done = subprocess.run([sys.executable, str(script), str(Path(__file__).parent), str(out), workers])
    assert done.returncode == 0
    assert kills >= 2
    assert tree(out) == tree(tmp_path / "undisturbed")


def test_workers_take_the_largest_parts_first_and_equal_parts_in_order():
    parts = [Part(str(rank), bytes=size) for rank, size in enumerate([3, 9, 3, 0, 40])]
    assert largest_first(parts, [0, 1, 2, 3]) == [1, 0, 2, 3]
    assert largest_first(parts, range(5)) == [4, 1, 0, 2, 3]
