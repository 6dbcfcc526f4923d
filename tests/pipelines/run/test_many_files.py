"""The guarantees of a stage's folder with many files, whose sidecars are folded into the leaves of its manifest."""

import os
from pathlib import Path

import pytest

from pipelines.errors import IntegrityError, UsageError
from pipelines.run import Context, Finish, Part, PartWriter, Stage, Work, files_of, note_faults, run_stage
from sharding import leaves, seal

PARTS = 6


def write_number(_: object, part: Part, writer: PartWriter) -> None:
    with writer.file(".txt") as file:
        file.write(f"{part.spec * part.spec}\n".encode())
    writer.counts = {"numbers": seal.Counts(input=1, out=1)}
    writer.summary = {"number": part.spec}


def finish_numbers(finish: Finish) -> None:
    finish.write("all.json", seal.canonical([sidecar.summary for sidecar in finish.sidecars]))


def numbers(folder: Path, **options: object) -> Stage:
    parts = [Part(f"part-{number:05d}", number) for number in range(PARTS)]
    return Stage("numbers", 1, folder, options, {}, lambda: Work(parts, [], write_number, finish_numbers))


def tree(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each file of the result by name, without the state."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and ".arcorp" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves of four files, in folders of more than five."""
    monkeypatch.setattr(seal, "MOST_FILES", 5)
    monkeypatch.setattr(leaves, "LEAF", 4)


def test_sidecars_are_no_files_once_a_stage_with_many_is_sealed(tmp_path):
    out = tmp_path / "out"
    outcome = run_stage(numbers(out), Context())
    names = {f"part-{number:05d}.txt" for number in range(PARTS)} | {"all.json", "manifest.json"}
    assert {name for name in tree(out) if not name.startswith("manifest/")} == names
    assert len(list((out / "manifest").iterdir())) == 7, "four leaves, three of them with sidecars"
    sidecars = outcome.sealed.names(prefix="part-", suffix=".json")
    assert [outcome.sealed.read_json(name)["summary"]["number"] for name in sidecars] == [*range(PARTS)]
    assert outcome.sealed.manifest.counts["numbers"].out == PARTS
    assert run_stage(numbers(out), Context()).idle
    run_stage(numbers(tmp_path / "two"), Context(workers=2))
    assert tree(out) == tree(tmp_path / "two")


def test_parts_do_not_depend_on_whether_their_sidecars_are_folded(tmp_path, monkeypatch):
    run_stage(numbers(tmp_path / "many"), Context())
    monkeypatch.undo()
    run_stage(numbers(tmp_path / "few"), Context())
    many, few = tree(tmp_path / "many"), tree(tmp_path / "few")
    assert {name: data for name, data in few.items() if name.endswith(".txt")} == {
        name: data for name, data in many.items() if name.endswith(".txt")
    }
    sealed = [seal.Sealed(tmp_path / name) for name in ("many", "few")]
    assert dict(sealed[0].manifest.files) == dict(sealed[1].manifest.files)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def change(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"1", b"7", 1).replace(b"[", b"{", 1))


@pytest.mark.fault(8)
@pytest.mark.parametrize("damage", [Path.unlink, cut, change])
@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("part-00001.txt", 1),
        ("all.json", 0),
        ("manifest/00001.json", 0),
        ("manifest/00001-sidecars.json", 2),
        ("manifest.json", 0),
    ],
)
def test_what_is_damaged_is_made_again_with_the_same_bytes(tmp_path, damage, name, made):
    out = tmp_path / "out"
    run_stage(numbers(out), Context())
    before, untouched = tree(out), (out / "part-00005.txt").stat().st_mtime_ns
    damage(out / name)
    outcome = run_stage(numbers(out), Context())
    assert outcome.made == made
    assert outcome.mended == ([name] if name != "manifest.json" else [])
    assert tree(out) == before
    assert (out / "part-00005.txt").stat().st_mtime_ns == untouched


def test_a_file_that_verify_found_damaged_is_made_again(tmp_path):
    out = tmp_path / "out"
    run_stage(numbers(out), Context())
    before = tree(out)
    times = (out / "part-00004.txt").stat()
    change(out / "part-00004.txt")
    os.utime(out / "part-00004.txt", ns=(times.st_atime_ns, times.st_mtime_ns))
    note_faults(out, ["part-00004.txt"])
    assert run_stage(numbers(out), Context()).mended == ["part-00004.txt"]
    assert tree(out) == before


@pytest.mark.fault(1)
@pytest.mark.parametrize("damaged", ["", "part-00001.txt", "manifest/00001.json", "manifest.json"])
def test_a_kill_before_any_rename_or_removal_leaves_what_a_run_completes_to_the_same_bytes(tmp_path, damaged):
    """Of a new folder, and of one that is mended."""
    run_stage(numbers(tmp_path / "undisturbed"), Context())
    expected = tree(tmp_path / "undisturbed")
    moment = 0
    killed = True
    while killed:
        out = tmp_path / f"out-{moment}"
        if damaged:
            run_stage(numbers(out), Context())
            change(out / damaged)
        killed = _killed_at(moment, out)
        run_stage(numbers(out), Context())
        assert tree(out) == expected, f"killed before operation {moment}"
        assert run_stage(numbers(out), Context()).idle
        moment += 1
    assert moment > 15


def _killed_at(moment: int, out: Path) -> bool:
    """Run the stage in a child process that ends before a rename or removal. Returns False if it ran to its end."""
    child = os.fork()
    if child == 0:
        operations = 0

        def counted(operation):
            def counting(*arguments, **options):
                nonlocal operations
                if operations == moment:
                    os._exit(9)
                operations += 1
                return operation(*arguments, **options)

            return counting

        Path.replace, Path.unlink = counted(Path.replace), counted(Path.unlink)
        try:
            run_stage(numbers(out), Context())
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9


def test_a_folder_with_leaves_is_refused_for_other_options_and_started_over(tmp_path):
    out = tmp_path / "out"
    run_stage(numbers(out, colour="red"), Context())
    with pytest.raises(UsageError, match="colour"):
        run_stage(numbers(out, colour="blue"), Context())
    assert files_of(out)[1] == [], "all its files are known as ours, leaves too"
    assert run_stage(numbers(out, colour="blue"), Context(restart=True)).made == PARTS
    assert not list(out.glob("part-*.json"))


def test_a_folder_of_many_files_that_was_sealed_without_leaves_keeps_its_seal(tmp_path, monkeypatch):
    """Folders of before there were leaves."""
    out = tmp_path / "out"
    monkeypatch.setattr(seal, "MOST_FILES", 1000)
    digest = run_stage(numbers(out), Context()).sealed.digest
    before = tree(out)
    monkeypatch.setattr(seal, "MOST_FILES", 5)
    assert run_stage(numbers(out), Context()).idle
    (out / "part-00003.txt").unlink()
    outcome = run_stage(numbers(out), Context())
    assert (outcome.made, outcome.sealed.digest) == (1, digest)
    assert tree(out) == before


def test_a_leaf_that_can_not_be_made_again_with_the_same_bytes_is_an_integrity_error(tmp_path):
    out = tmp_path / "out"
    run_stage(numbers(out), Context())
    (out / "part-00000.txt").unlink()

    def other(_, part, writer):
        write_number(_, Part(part.name, part.spec + 1), writer)

    stage = numbers(out)
    parts = stage.work().parts
    with pytest.raises(IntegrityError, match="digest"):
        run_stage(Stage("numbers", 1, out, {}, {}, lambda: Work(parts, [], other, finish_numbers)), Context())
