"""Suites: tasks under one name, and the figures that a seed's model has on them.

v2-base   the fifteen of the card of Autoresearch-V2-Base: seven in English, four of them in Arabic, four Arabic ones
chat      the five of nanochat's ChatCORE (`scripts/chat_eval.py` at commit d6d86cb), as conversations
core      nanochat's CORE; its tasks are listed in its bundle (`pipelines.evaluation.core`)
minimal-pairs   sentences of the embedded grammar (`corpora.demo.minimal_pairs`)

Names of tasks are those of lm-evaluation-harness, or of the files in `tasks/` beside this module. Figures are shares,
from the pages named in `source`; where a card's figure is not at hand, there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

TASK_FILES = Path(__file__).with_name("tasks")
"""Definitions of tasks that the harness does not have."""


@dataclass(frozen=True)
class Entry:
    """A task of a suite. task: its name. metric: the one that the suite shows. guessing: its value for random
    answers. published: the seed's value, or None."""

    task: str
    metric: str = "acc"
    guessing: float = 0.0
    published: float | None = None


@dataclass(frozen=True)
class Suite:
    """Tasks under one name.

    source: page of the published figures. model: the model that they are of. mean: name of the mean centred value of
    all tasks, or "". published: the model's mean, or None. chat: prompts are turns of a conversation.
    """

    description: str
    entries: tuple[Entry, ...] = ()
    source: str = ""
    model: str = ""
    mean: str = ""
    published: float | None = None
    chat: bool = False


SUITES = {
    "minimal-pairs": Suite(
        "pairs of Arabic sentences that differ in one word: agreement, case, mood, negation, dialect"
    ),
    "v2-base": Suite(
        "the fifteen tasks of the card of Autoresearch-V2-Base",
        (
            Entry("hellaswag", "acc_norm", 0.25, 0.352),
            Entry("arc_easy", "acc", 0.25, 0.322),
            Entry("arc_challenge", "acc_norm", 0.25, 0.245),
            Entry("piqa", "acc", 0.5, 0.581),
            Entry("boolq", "acc", 0.5, 0.614),
            Entry("winogrande", "acc", 0.5, 0.497),
            Entry("lambada_openai", "acc", 0.0, 0.192),
            # The names of the Arabic tasks are chosen here: the published card could not be compared.
            Entry("arabic_mt_hellaswag", "acc_norm", 0.25),
            Entry("arabic_mt_arc_easy", "acc_norm", 0.25),
            Entry("arabic_mt_arc_challenge", "acc_norm", 0.25),
            Entry("arabic_mt_piqa", "acc_norm", 0.5),
            Entry("arabic_leaderboard_acva", "acc_norm", 0.5),
            Entry("arabicmmlu", "acc", 0.25),
            Entry("arabic_exams", "acc_norm", 0.25),
            Entry("belebele_arb_Arab", "acc", 0.25),
        ),
        source="https://huggingface.co/VectorNomad/autoresearch-v2-base",
        model="Autoresearch-V2-Base, step 47,674",
    ),
    "core": Suite(
        "nanochat's CORE: 22 tasks of its eval_bundle, accuracies centred on guessing",
        source="https://github.com/karpathy/nanochat",
        model="nanochat d20, base",
        mean="CORE",
        published=0.2219,
    ),
    "chat": Suite(
        "nanochat's ChatCORE: five tasks as conversations, accuracies centred on guessing",
        (
            Entry("chat_arc_easy", "acc", 0.25, 0.3876),
            Entry("chat_arc_challenge", "acc", 0.25, 0.2807),
            Entry("chat_mmlu", "acc", 0.25, 0.3151),
            Entry("chat_gsm8k", "exact_match (answer)", 0.0, 0.0455),
            Entry("chat_humaneval", "pass@1", 0.0, 0.0854),
        ),
        source="https://github.com/karpathy/nanochat",
        model="nanochat d20, SFT",
        mean="ChatCORE",
        published=0.0884,
        chat=True,
    ),
}
