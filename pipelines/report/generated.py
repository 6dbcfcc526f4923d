"""Generated text: samples that a trained model wrote, and its answers to validation conversations (`samples.json`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.html import Figures, Section, count, passage, plural, section, share, table, tag
from sharding.seal import Sealed

SHOWN_ANSWERS, SHOWN_SAMPLES, SHOWN_CHARS = 12, 10, 1_000


def gather(run: Sealed) -> dict[str, Any]:
    """Return the figures of a run's samples and answers."""
    return {"samples": _read_samples(run), "answers": _read_answers(run)}


def _read_samples(run: Sealed) -> list[dict[str, Any]]:
    if "samples.json" not in run.manifest.files:
        return []
    keys = ("stratum", "language", "source", "prompt", "text", "ended")
    return [{key: sample[key] for key in keys} for sample in run.read_json("samples.json")["samples"]]


def _read_answers(run: Sealed) -> dict[str, Any] | None:
    """Return how many answers to validation conversations have ended and are right; None without conversations."""
    answers = run.read_json("samples.json").get("answers") if "samples.json" in run.manifest.files else None
    if not answers:
        return None
    keys = ("prompt", "text", "answer", "exact")
    shown = [{key: answer[key] for key in keys} for answer in answers[:: -(-len(answers) // SHOWN_ANSWERS)]]
    counts = {key: sum(answer[key] for answer in answers) for key in ("ended", "exact")}
    return {"asked": len(answers), **counts, "shown": shown}


# -- the page ---------------------------------------------------------------------------------------------


def render(figures: Figures, of: str, anchor: str) -> list[Section]:
    """Return the sections on samples and answers. of, anchor: ends of titles and anchors, for one run of several."""
    return [*_samples(figures["samples"], of, anchor), *_answers(figures["answers"], of, anchor)]


def _samples(samples: Sequence[Figures], of: str, anchor: str) -> list[Section]:
    if not samples:
        return []
    cards = [
        tag(
            "div",
            tag("p", sample["stratum"], class_="small"),
            passage([tag("span", sample["prompt"], class_="prompt"), _beginning(sample["text"])], sample["language"]),
            class_="card",
        )
        for sample in samples[:SHOWN_SAMPLES]
    ]
    ended = sum(sample["ended"] for sample in samples)
    lead = (
        "The model continues the beginnings of validation documents, which are grey. "
        f"{count(ended)} of {plural(len(samples), 'text')} end before their limit ({share(ended / len(samples))})."
    )
    return [section(f"samples{anchor}", f"Generated samples{of}", lead, *cards, name=f"Samples{of}")]


def _beginning(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]} …"


def _answers(answers: Figures | None, of: str, anchor: str) -> list[Section]:
    if answers is None:
        return []
    asked, ended, exact = (answers[key] for key in ("asked", "ended", "exact"))
    lead = (
        f"{plural(asked, 'question')} of validation conversations, which the model was not trained on, answered by "
        f"the most probable tokens: {count(ended)} answers end ({share(ended / asked)}), and {count(exact)} are "
        f"exactly the right one ({share(exact / asked)})."
    )
    rows = [
        (
            *(passage([text[key]], None) for key in ("prompt", "text", "answer")),
            "yes" if text["exact"] else "no",
        )
        for text in answers["shown"]
    ]
    block = table(["question", "the model's answer", "the right answer", "exact"], rows)
    return [section(f"answers{anchor}", f"Answers{of}", lead, block, name=f"Answers{of}")]
