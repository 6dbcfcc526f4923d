"""Our models under lm-evaluation-harness, against its own model of the exported folder, which shares no code."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from trainings import VARIANTS

from pipelines import cli
from pipelines.evaluation import RESULTS, evaluate_stage, find_model, find_tasks
from pipelines.evaluation.harness import hub_lm, run_lm
from pipelines.evaluation.models import RunModel
from pipelines.run import Context, run_stage
from sharding.seal import Sealed

pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install 'arcorp[evaluate]'")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]

PAIRS = [
    ("عاصمة مصر", " القاهرة"),
    ("The capital of France is", " Paris and not London"),
    ("", "نص بلا سياق"),
    ("ينتهي بمسافة ", "ثم كلمة"),
    ("كلمة " * 200, " أخيرة"),
    ("اسم <|eos|> في نص", " <|bos|>"),
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_has_the_scores_of_its_exported_folder(
    variant: str, run_of: Callable[[str], Path], built: Path, task_files: Path, tmp_path: Path
) -> None:
    run, data, folder = run_of(variant), built / "dataset", tmp_path / "hf"
    assert cli.run(["export", str(run), "--data", str(data), "--to", "hf", "--out", str(folder)]) == 0

    place = find_model(run, data)
    model = RunModel(place)
    ours, theirs = run_lm(model), hub_lm(find_model(folder, None))
    plain = [pair for pair in PAIRS if "<|" not in "".join(pair)]  # there a name of a special token is its id
    requests = [SimpleNamespace(args=pair) for pair in plain]
    expected = theirs.loglikelihood(requests, disable_tqdm=True)
    scores = ours.loglikelihood(requests, disable_tqdm=True)
    difference = max(abs(own - other) for (own, _), (other, _) in zip(scores, expected, strict=True))
    furthest = max(-nats for nats, _ in scores)
    sys.stdout.write(f"{variant}: log-likelihoods down to -{furthest:.1f}, apart by {difference:.1e}\n")  # with -s
    assert difference < 1e-4
    assert [greedy for _, greedy in scores] == [greedy for _, greedy in expected]
    texts = [SimpleNamespace(args=(context + end,)) for context, end in plain]
    rolling = zip(ours.loglikelihood_rolling(texts), theirs.loglikelihood_rolling(texts), strict=True)
    assert max(abs(own - other) for own, other in rolling) < 1e-3
    model.close()

    tasks = find_tasks([str(task_files)], chat=False)
    results = []
    for name, where in (("ours", place), ("theirs", find_model(folder, None))):
        run_stage(evaluate_stage(tmp_path / name, where, tasks, None), Context())
        results.append(Sealed(tmp_path / name, "evaluate").read_json(RESULTS)["tasks"])
    for own, other in zip(*results, strict=True):
        assert own["questions"] == other["questions"]
        for mine, another in zip(own["rows"], other["rows"], strict=True):
            for metric, value in mine["metrics"].items():
                assert value["value"] == pytest.approx(another["metrics"][metric]["value"], rel=1e-5), metric
            assert (mine["name"], mine["documents"]) == (another["name"], another["documents"])
    assert {task["task"] for task in results[0]} == {task.label for task in tasks}
    assert len(tasks) == 4


def test_names_of_special_tokens_in_a_text_stay_text_and_turns_have_their_ids(talking: tuple[Path, Path]) -> None:
    model = RunModel(find_model(*talking))
    lm, tokenizer = run_lm(model), model.tokenizer
    assert lm.tok_encode("اسم <|eos|>") == [tokenizer.bos, *tokenizer.encode("اسم <|eos|>")]
    history = [
        {"role": "user", "content": "ما <|assistant|> هذا؟"},
        {"role": "assistant", "content": "نعم"},
        {"role": "user", "content": "ثم؟"},
    ]
    expected, _ = tokenizer.encode_chat(history, prompt=True)
    assert lm.tok_encode(lm.apply_chat_template(history)) == expected
    begun = [*history[:1], {"role": "assistant", "content": "الجواب"}]
    prefilled = lm.tok_encode(lm.apply_chat_template(begun, add_generation_prompt=False))
    assert prefilled == tokenizer.encode_chat(begun)[0][:-1]
    model.close()


def test_generation_ends_at_the_texts_that_a_task_names_and_at_the_end_of_a_turn(
    run_of: Callable[[str], Path], built: Path
) -> None:
    model = RunModel(find_model(run_of("gpt2"), built / "dataset"))
    tokenizer = model.tokenizer
    prompt = [tokenizer.bos, *tokenizer.encode("السلام عليكم")]
    greedy = {"tokens": 20, "temperature": 0.0}
    (ids,) = model.complete([prompt], greedy, [], [])
    assert len(ids) == 20
    assert model.complete([prompt], greedy, [ids[5]], []) == [ids[: ids.index(ids[5])]]
    written = tokenizer.decode(ids)
    end = next(char for char in written[3:] if char.isalpha())
    (cut,) = model.complete([prompt], greedy, [], [end])
    assert end in tokenizer.decode(cut)
    assert end not in tokenizer.decode(cut[:-1])
    request = SimpleNamespace(args=("السلام عليكم", {"until": [end], "max_gen_toks": 20}))
    assert run_lm(model).generate_until([request]) == [written.split(end)[0]]
    model.close()


def test_what_cannot_be_evaluated_is_refused_with_a_sentence(
    run_of: Callable[[str], Path], built: Path, task_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data", str(built / "dataset"), "--out", str(tmp_path / "out")]

    def refused(code: int, *places: str, model: Path | None = None, tasks: str = "minimal-pairs") -> None:
        capsys.readouterr()
        assert cli.run(["evaluate", str(model or run_of("gpt2")), "--tasks", tasks, *where]) == code
        message = capsys.readouterr().err.strip().splitlines()[-1]
        assert message.startswith("arcorp: ")
        assert all(place in message for place in places), message

    refused(2, "arabicmlu", "'arabicmmlu'", tasks="arabicmlu")
    refused(2, "nowhere.yaml", "no such file", tasks=str(tmp_path / "nowhere.yaml"))
    refused(1, "piqa", "could not be fetched", "--tasks FILE.yaml", tasks="piqa")
    (tmp_path / "empty.yaml").write_text("a: 1\n")
    refused(3, "empty.yaml", "defines no task", tasks=str(tmp_path / "empty.yaml"))
    missing = (task_files / "multiple_choice.yaml").read_text().replace("questions.jsonl", "none.jsonl")
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "lost.yaml").write_text(missing)
    refused(3, "own_multiple_choice", "none.jsonl", tasks=str(tmp_path / "alone" / "lost.yaml"))
    refused(2, str(tmp_path), "neither a run", model=tmp_path)
    unsafe = task_files / "multiple_choice.yaml"
    unsafe.write_text(f"{unsafe.read_text()}unsafe_code: true\n")
    refused(2, "own_multiple_choice", "HF_ALLOW_CODE_EVAL", tasks=str(unsafe))


def test_a_file_of_tasks_is_evaluated_alone_and_its_change_is_noticed(
    run_of: Callable[[str], Path], built: Path, task_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = task_files / "multiple_choice.yaml"
    command = ["evaluate", str(run_of("llama")), "--data", str(built / "dataset"), "--tasks", str(file)]
    command += ["--out", str(tmp_path / "out"), "--format", "json", "--limit", "3"]
    assert cli.run(command) == 0
    shown = json.loads(capsys.readouterr().out)
    (task,) = shown["tasks"]
    assert task["rows"][0]["name"] == "own_multiple_choice"
    assert (task["documents"], task["of"]) == (3, 4)
    assert task["rows"][0]["metrics"]["acc"]["value"] in (0, pytest.approx(1 / 3), pytest.approx(2 / 3), 1)
    sealed = Sealed(tmp_path / "out", "evaluate")
    assert sealed.manifest.counts["documents"].dropped == {"over the limit": 1}
    assert str(tmp_path) not in (tmp_path / "out" / RESULTS).read_text()
    assert cli.run(command) == 0
    assert "done before" in capsys.readouterr().err
    file.write_text(file.read_text().replace("version: 1.0", "version: 2.0"))
    assert cli.run(command) == 2
    assert "--restart" in capsys.readouterr().err
