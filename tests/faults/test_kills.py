"""kill -9 at random moments of a build, each followed by resume: the sealed tree is that of an undisturbed build.

`ARCORP_KILLS=30 pytest tests/faults/test_kills.py` for many; a few in the suite.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from builds import tree
from translation_models import sentences

KILLS = int(os.environ.get("ARCORP_KILLS", "3"))


RECIPE = """
name: every-stage
embedded: {{bytes: 200_000}}
corpora:
  - {{source: fineweb-2, input: "embedded:fineweb-2/data/arz_Arab/train", language: arz_Arab}}
  - {{source: openiti, input: "embedded:openiti"}}
  - {{source: chat, input: "embedded:chat", language: arb_Arab}}
  - source: jsonl
    input: {folder}/stories.jsonl
    language: eng_Latn
    translate: {{model: {model}, source: eng_Latn, target: arb_Arab, beam: 2}}
dedup: {{method: minhash, similarity: 0.8}}
tokenizer: {{vocab_size: 800, specials: ["<|bos|>", "<|eos|>", "<|pad|>", "<|user|>", "<|assistant|>", "<|eot|>"]}}
pack: {{row_tokens: 128, rows_per_shard: 256, validation: {{share: 0.05}}}}
mixture: {{max_epochs: 100}}
train: {{ranks: 1, layers: 1, width: 32, heads: 2, batch_rows: 4, threads: 1, checkpoint: {{every: 2}}}}
runs:
  - {{name: base, phases: [{{name: all, steps: 4}}]}}
  - name: sft
    init_from: base
    phases:
      - name: chat
        steps: 4
        mixture: {{by: category, rule: proportional, shares: {{arabic: 20, classical: 10, chat: 70}}}}
"""
"""All stages: text, conversations, a translation; near-deduplication; a run that continues another one."""


@pytest.fixture
def recipe(tmp_path, translators):
    texts = sentences()
    stories = [json.dumps({"text": " ".join(texts[n : n + 6])}) + "\n" for n in range(0, len(texts) - 6, 2)]
    (tmp_path / "stories.jsonl").write_text("".join(stories))
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(folder=tmp_path, model=translators / "opus"))
    return tmp_path / "recipe.yaml"


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def build(recipe, out, workers):
    return start("build", recipe, "--out", out, "--until", "train", "--workers", workers)


def finish(process):
    _, err = process.communicate()
    assert process.returncode == 0, err


def kill(process, whole_group):
    """The run alone, as a person would, or with everything it started, as a scheduler does."""
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()


def sealed_folders(out):
    seals = [*out.glob("*/manifest.json"), *out.glob("*/*/manifest.json")]
    return sorted(seals, key=lambda path: path.stat().st_mtime_ns)


def ended_before(process, moment, out, count):
    """Wait until `out` holds `count` sealed folders and then for `moment` seconds; True if the run ended meanwhile."""
    while process.poll() is None and len(sealed_folders(out)) < count:
        time.sleep(0.01)
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        return False
    return True


@pytest.mark.fault(1)
@pytest.mark.slow
def test_kill_9_at_random_moments_of_a_build_and_resume_gives_the_same_bytes(recipe, tmp_path, record_property):
    finish(build(recipe, tmp_path / "undisturbed", 2))
    dice = random.Random(20)
    out, kills, progress = tmp_path / "killed", 0, set()
    while kills < KILLS:
        # by what the build has sealed, not by the clock: a slow machine, or a cold cache, is killed all over too
        further = len(sealed_folders(out)) + (kills > 0) * dice.choice((0, 1, 1, 2))
        process = build(recipe, out, 1 + kills % 2)
        if ended_before(process, dice.uniform(0, 1), out, further):
            finish(process)
            # the build ended before the kill: remove one of the last folders' seals, and try again
            sealed_folders(out)[-1 - dice.randrange(5)].unlink()
            continue
        kill(process, whole_group=bool(kills % 3))
        kills += 1
        progress.add(len(sealed_folders(out)))
    finish(build(recipe, out, 1))
    record_property("times", kills)
    assert len(progress) > 1, "every kill hit the same stage: the test shows nothing"
    assert tree(out) == tree(tmp_path / "undisturbed")


@pytest.mark.fault(1)
@pytest.mark.slow
def test_kill_9_while_a_model_is_exported_leaves_no_part_of_it(trained, tmp_path, record_property):
    def export(out):
        return start("export", trained / "run", "--to", "hf", "--out", out)

    finish(export(tmp_path / "undisturbed"))
    right = tree(tmp_path / "undisturbed")
    dice = random.Random(21)
    out, kills = tmp_path / "killed" / "model", 0
    out.parent.mkdir()
    for _ in range(KILLS):
        process = export(out)
        while process.poll() is None and not any(out.parent.iterdir()):  # the first file, under a temporary name
            time.sleep(0.001)
        if ended_before(process, dice.uniform(0, 0.05), out, 0):
            finish(process)
        else:
            kill(process, whole_group=True)
            kills += 1
        if out.exists():
            assert tree(out) == right
            shutil.rmtree(out)
    finish(export(out))
    assert tree(out) == right
    record_property("times", kills)
