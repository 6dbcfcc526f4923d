"""Small builds of the demo recipe, and the hashes of their files for comparison."""

import hashlib
from pathlib import Path

from pipelines import cli

WITHOUT_CHAT = """[
  {source: fineweb-2, input: "embedded:fineweb-2/data/arb_Arab/train", language: arb_Arab},
  {source: fineweb-2, input: "embedded:fineweb-2/data/arz_Arab/train", language: arz_Arab},
  {source: fineweb-2, input: "embedded:fineweb-2/data/ars_Arab/train", language: ars_Arab},
  {source: oscar, input: "embedded:oscar", language: arb_Arab},
  {source: openiti, input: "embedded:openiti"},
  {source: the-stack-v2, input: "embedded:the-stack-v2"},
  {source: fineweb-edu, input: "embedded:fineweb-edu"},
  {source: open-web-math, input: "embedded:open-web-math"}]"""
"""The demo's corpora of text: formats without loss masks hold no conversations."""

SMALL = (
    f"corpora={WITHOUT_CHAT}",
    "tokenizer.specials=['<|bos|>', '<|eos|>', '<|pad|>']",
    "embedded.bytes=300000",
    "tokenizer.vocab_size=1024",
    "pack.row_tokens=128",
    "pack.rows_per_shard=256",
    "runs=null",
    "phases=[{name: one, steps: 6}, {name: two, steps: 2}]",
    "mixture={by: language, rule: inverse-frequency, power: 0.38, max_epochs: 50}",
    "evaluate.tasks=[]",
    "train={ranks: 1, layers: 1, width: 32, heads: 2, batch_rows: 4, threads: 1, checkpoint: {every: 2}}",
)
SETTINGS = [word for setting in SMALL for word in ("--set", setting)]


def build(out: Path, *arguments: str, until: str = "verify") -> int:
    """Build the demo recipe at reduced size in this process; returns the exit code."""
    return cli.run(["build", "demo", "--out", str(out), "--until", until, *SETTINGS, *arguments])


def tree(folder: Path) -> dict[str, str]:
    """Return the sha256 of every result file of a build. States, logs, timings and the report are not results.

    Hashes, because pytest would need minutes to show the difference of two trees of bytes.
    """
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and ".arcorp" not in path.parts
        and path.name not in ("timings.jsonl", ".lock", "report.html", "report.json")
    }


TURNS = ("<|bos|>", "<|eos|>", "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|eot|>")


def chat_dataset(built: Path, out: Path) -> Path:
    """A dataset of a small build's documents whose tokenizer has special tokens for the turns of a conversation."""
    specials = ", ".join(f'"{name}"' for name in TURNS)
    small = ["--set", "vocab_size=600", "--set", f"specials=[{specials}]"]
    flags = ["--format", "quiet", "--workers", "1"]
    documents = str(built / "unique")
    assert cli.run(["tokenizer", "train", documents, "--out", str(out / "tokenizer"), *small, *flags]) == 0
    tokenize = ["tokenize", documents, "--tokenizer", str(out / "tokenizer"), "--out", str(out / "tokens")]
    assert cli.run([*tokenize, *flags]) == 0
    pack = ["pack", str(out / "tokens"), "--row-tokens", "128", "--out", str(out / "dataset")]
    assert cli.run([*pack, *flags]) == 0
    return out / "dataset"
