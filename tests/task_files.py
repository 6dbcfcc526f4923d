"""Task files of lm-evaluation-harness whose questions are on disk, one for each kind of request."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

QUESTIONS = [
    {"question": "عاصمة مصر", "choices": [" القاهرة", " دمشق", " بغداد"], "answer": 0},
    {"question": "واحد وواحد", "choices": [" ثلاثة", " اثنان"], "answer": 1},
    {"question": "", "choices": ["نعم", "لا أعرف ما هذا"], "answer": 1},
    {"question": "نص طويل " * 60, "choices": [" نعم", " لا"], "answer": 0},
]
TASK = """
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
output_type: {kind}
target_delimiter: ""
doc_to_text: "{{{{question}}}}"
{more}
metadata: {{version: 1.0}}
"""
KINDS = {
    "multiple_choice": "doc_to_choice: choices\ndoc_to_target: answer\n"
    "metric_list: [{metric: acc}, {metric: acc_norm}]",
    "loglikelihood": 'doc_to_target: "{{choices[answer]}}"\nmetric_list: [{metric: acc}, {metric: perplexity}]',
    "loglikelihood_rolling": 'doc_to_text: ""\ndoc_to_target: "{{question}} {{choices[0]}}"\n'
    "metric_list: [{metric: word_perplexity}, {metric: bits_per_byte}]",
    "generate_until": 'doc_to_target: "{{choices[answer]}}"\ngeneration_kwargs: {max_gen_toks: 8, until: ["\\n"]}\n'
    "metric_list: [{metric: exact_match}]",
}


def write_tasks(folder: Path, kinds: Iterable[str] = KINDS, questions: list[dict[str, Any]] = QUESTIONS) -> Path:
    """Write a task file `own_KIND` for each of `kinds` to a new folder, and return the folder."""
    folder.mkdir()
    data = folder.with_name("questions.jsonl")
    data.write_text("".join(f"{json.dumps(line)}\n" for line in questions), "utf-8")
    for kind in kinds:
        text = TASK.format(name=f"own_{kind}", file=data, kind=kind, more=KINDS[kind])
        if kind == "loglikelihood_rolling":
            text = text.replace('doc_to_text: "{{question}}"\n', "")
        (folder / f"{kind}.yaml").write_text(text, "utf-8")
    return folder
