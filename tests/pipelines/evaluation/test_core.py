"""CORE: prompts, scored ids, decisions and centring, by arithmetic that can be checked by hand.

The same inputs were scored once by karpathy/nanochat's own functions at commit d6d86cb, with equal results.
"""

import json
import random
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.errors import Failure, InputError, UsageError
from pipelines.evaluation import core, evaluate_stage, find_model, find_tasks
from pipelines.evaluation.core import centred, common, evaluate_core, read_bundle
from pipelines.evaluation.models import Item
from pipelines.run import Context, run_stage
from sharding.seal import Sealed


class Characters:
    """A model whose ids are characters with fixed log-likelihoods; `e` and a space are the most probable ones."""

    prefix = 0

    def __init__(self, nats: Mapping[str, float], context: int = 10_000) -> None:
        self.nats, self.context, self.asked = nats, context, []

    def encode(self, text: str) -> list[int]:
        return [ord(char) for char in text]

    def score(self, items: Sequence[Item]) -> list[tuple[float, bool]]:
        self.asked += ["".join(map(chr, ids[:first])) + "|" + "".join(map(chr, ids[first:])) for ids, first in items]
        scored = [[chr(id) for id in ids[first:]] for ids, first in items]
        return [(sum(self.nats.get(char, -9.0) for char in text), set(text) <= set("e ")) for text in scored]


QUESTIONS = {
    "choice": [
        {"query": "q0", "choices": ["aa", "b"], "gold": 0},
        {"query": "q1", "choices": ["b", "aab"], "gold": 1},
        {"query": "q2", "choices": ["b", "a"], "gold": 0},
    ],
    "schema": [
        {"context_options": ["aX", "bb"], "continuation": "ab", "gold": 0},
        {"context_options": ["b", "a"], "continuation": "a", "gold": 0},
        {"context_options": ["b", "ab"], "continuation": "", "gold": 1},
    ],
    "words": [
        {"context": " c0 ", "continuation": "ee"},
        {"context": "c1", "continuation": "ea"},
        {"context": "c2 ", "continuation": "e"},
    ],
}
KINDS = {"choice": "multiple_choice", "schema": "schema", "words": "language_modeling"}


def write_bundle(folder: Path, shots: int = 0) -> Path:
    """A bundle of one task of each kind, in nanochat's layout."""
    (folder / "eval_data").mkdir(parents=True)
    tasks = []
    for label, kind in KINDS.items():
        lines = "".join(f"{json.dumps(question)}\n" for question in QUESTIONS[label])
        (folder / "eval_data" / f"{label}.jsonl").write_text(lines)
        task = {"label": label, "icl_task_type": kind, "dataset_uri": f"{label}.jsonl", "num_fewshot": [shots]}
        tasks.append(task | ({"continuation_delimiter": ": "} if label == "choice" else {}))
    (folder / "core.yaml").write_text(json.dumps({"icl_tasks": tasks}))
    guessing = "Eval Task,Other,Random baseline\nchoice,x,50\nschema,x,25.0\nwords,x,0\n"
    (folder / "eval_meta_data.csv").write_text(guessing)
    return folder


def test_a_choice_is_the_least_mean_loss_of_its_continuation(tmp_path: Path) -> None:
    model = Characters({"a": -1.0, "b": -1.5, " ": -1.0})
    result = evaluate_core(read_bundle(write_bundle(tmp_path))["choice"], model, None)
    # means: q0 1.0 < 1.5, right; q1 1.5 > (1 + 1 + 1.5) / 3, right; q2 1.5 > 1.0, wrong
    metrics = result["rows"][0]["metrics"]
    assert metrics["acc"]["value"] == pytest.approx(2 / 3)
    assert metrics["centred"]["value"] == pytest.approx((2 / 3 - 0.5) / 0.5)
    assert sorted(model.asked) == [
        "\0q0: |aa", "\0q0: |b", "\0q1: |aab", "\0q1: |b", "\0q2: |a", "\0q2: |b",
    ]  # fmt: skip
    assert (result["documents"], result["of"]) == (3, 3)


def test_a_schema_is_scored_on_the_common_end_of_its_prompts(tmp_path: Path) -> None:
    model = Characters({"a": -1.0, "b": -1.5, " ": -1.0})
    result = evaluate_core(read_bundle(write_bundle(tmp_path))["schema"], model, None)
    assert sorted(model.asked) == [
        "\0aX| ab", "\0a| a", "\0a|b ", "\0bb| ab", "\0b| a", "\0|b ",
    ]  # fmt: skip
    # equal ends give equal losses, and the first of equals is chosen: right where gold is 0
    assert result["rows"][0]["metrics"]["acc"]["value"] == pytest.approx(2 / 3)


def test_words_are_right_if_each_token_is_the_most_probable(tmp_path: Path) -> None:
    model = Characters({})
    result = evaluate_core(read_bundle(write_bundle(tmp_path))["words"], model, None)
    # the space of the delimiter is cut from the prompt without the continuation, and is scored with it
    assert sorted(model.asked) == ["\0c0| ee", "\0c1| ea", "\0c2| e"]
    assert result["rows"][0]["metrics"]["acc"]["value"] == pytest.approx(2 / 3)  # `ea` is wrong


def test_examples_are_drawn_as_nanochat_draws_them(tmp_path: Path) -> None:
    model = Characters({"a": -1.0, "b": -1.5})
    task = read_bundle(write_bundle(tmp_path, shots=2))["choice"]
    evaluate_core(task, model, None)
    order = list(QUESTIONS["choice"])
    random.Random(1337).shuffle(order)
    expected = []
    for number, question in enumerate(order):
        others = [order[i] for i in range(3) if i != number]
        first, second = random.Random(1234 + number).sample(others, 2)
        before = "".join(f"{each['query']}: {each['choices'][each['gold']]}\n\n" for each in (first, second))
        expected += [f"\0{before}{question['query']}: |{choice}" for choice in question["choices"]]
    assert model.asked == expected
    with pytest.raises(UsageError, match="--limit 3"):
        evaluate_core(task, model, 2)


def test_a_long_prompt_loses_its_beginning(tmp_path: Path) -> None:
    model = Characters({"a": -1.0, "b": -1.5}, context=4)
    evaluate_core(read_bundle(write_bundle(tmp_path))["choice"], model, None)
    assert "q0: |aa"[-5:] in model.asked
    assert all(len(asked) <= 5 for asked in model.asked)


def test_centring_puts_guessing_at_zero_and_all_right_at_one() -> None:
    assert [centred(value, 0.25) for value in (0.25, 1.0, 0.0)] == pytest.approx([0, 1, -1 / 3])
    assert common([[1, 2], [1, 2, 3], [1, 2, 4]]) == 2


@pytest.mark.parametrize(
    ("file", "text", "place"),
    [
        ("core.yaml", "icl_tasks: 3", "core.yaml"),
        ("core.yaml", "icl_tasks: [{label: x, icl_task_type: dance, dataset_uri: x, num_fewshot: [0]}]", "dance"),
        ("eval_meta_data.csv", "a,b\n1,2\n", "eval_meta_data.csv"),
        ("eval_data/choice.jsonl", '{"query": "q"}\n', "choice.jsonl"),
        ("eval_data/choice.jsonl", "{", "choice.jsonl"),
        ("eval_data/choice.jsonl", "", "choice.jsonl"),
    ],
)
def test_a_faulty_bundle_is_refused_with_its_file(tmp_path: Path, file: str, text: str, place: str) -> None:
    folder = write_bundle(tmp_path)
    (folder / file).write_text(text)
    with pytest.raises(InputError, match=place):
        evaluate_core(read_bundle(folder)["choice"], Characters({}), None)


@pytest.mark.slow
def test_a_bundle_on_disk_is_evaluated_with_its_mean(
    run_of: Callable[[str], Path], built: Path, tmp_path: Path
) -> None:
    tasks = find_tasks([str(write_bundle(tmp_path / "bundle", shots=1))], chat=False)
    stage = evaluate_stage(tmp_path / "out", find_model(run_of("llama"), built / "dataset"), tasks, None)
    run_stage(stage, Context())
    summary = Sealed(tmp_path / "out", "evaluate").manifest.summary
    values = [task["rows"][0]["metrics"]["centred"]["value"] for task in summary["tasks"]]
    assert summary["means"] == {"CORE": pytest.approx(sum(values) / 3)}
    assert [task["task"] for task in summary["tasks"]] == ["core/choice", "core/schema", "core/words"]


def test_a_bundle_that_cannot_be_fetched_is_refused_with_the_way_around(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipelines.evaluation.core.ADDRESS", "http://127.0.0.1:9/eval_bundle.zip")
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    with pytest.raises(Exception, match="--tasks PATH/eval_bundle"):
        find_tasks(["core"], chat=False)
    assert cli.run(["evaluate", str(tmp_path / "run"), "--tasks", "core"]) == 2
    assert "--data" in capsys.readouterr().err


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a server on loopback, whose file eval_bundle.zip is the bundle to fetch."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        monkeypatch.setattr(core, "ADDRESS", f"http://127.0.0.1:{server.server_port}/eval_bundle.zip")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder
        server.shutdown()


def test_a_bundle_is_fetched_once(served: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "here" / "eval_bundle")
    shutil.make_archive(str(served / "eval_bundle"), "zip", tmp_path / "here")
    folder = core.fetch_bundle(tmp_path / "cache")
    assert list(read_bundle(folder)) == list(QUESTIONS)
    (served / "eval_bundle.zip").unlink()
    assert core.fetch_bundle(tmp_path / "cache") == folder


@pytest.mark.parametrize("most", [300, 3000], ids=["packed", "unpacked"])
def test_a_bundle_that_is_too_large_leaves_nothing(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    (write_bundle(tmp_path / "here" / "eval_bundle") / "eval_data" / "large").write_bytes(bytes(5000))
    packed = Path(shutil.make_archive(str(served / "eval_bundle"), "zip", tmp_path / "here")).stat().st_size
    assert 300 < packed < 3000
    monkeypatch.setattr(core, "MOST", most)
    with pytest.raises(Failure, match=f"eval_bundle.zip .*{most:,} bytes.*--tasks"):
        core.fetch_bundle(tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*"))
