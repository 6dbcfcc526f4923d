"""A model translates in each of its kinds; a sentence without a translation has a fault; other folders are refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ctranslate2", reason="ctranslate2 is not installed: pip install 'arcorp[translate]'")

from translation_models import LOOPS, STAYS, VANISHES, make_marian, sentences, translated

from corpora.errors import BadInput, Untranslatable
from corpora.translation import Engine, TranslationModel, local_model
from corpora.translation.engine import CUT_OFF, EMPTY, OTHER_SCRIPT, REPEATED, TOO_LONG, repeated_pieces

BOTH = ("arb_Arab", "arz_Arab")
KINDS = [("opus", "arb_Arab"), *((kind, target) for kind in ("several", "nllb") for target in BOTH)]


def engine(folder: Path, target: str = "arb_Arab") -> Engine:
    return Engine(TranslationModel(folder, "eng_Latn", target), 2)


@pytest.mark.parametrize(("kind", "target"), KINDS)
def test_each_kind_of_model_translates_into_the_language_that_is_asked_for(
    translators: Path, kind: str, target: str
) -> None:
    done = engine(translators / kind, target).translate(sentences())
    assert [each.text for each in done] == [translated(sentence, target) for sentence in sentences()]


def test_a_sentence_has_the_fault_of_its_translation(translators: Path) -> None:
    faults = {LOOPS: REPEATED, VANISHES: EMPTY, STAYS: OTHER_SCRIPT, "Sara sees .": ""}
    done = engine(translators / "nllb").translate(list(faults))
    assert [each.fault for each in done] == list(faults.values())
    assert [bool(each.text) for each in done] == [False, False, False, True]


def test_an_output_without_an_end_is_cut_off(translators: Path) -> None:
    checked = engine(translators / "opus")._checked(["▁Sara"], ["▁سارة"], ended=False)
    assert checked.fault == CUT_OFF


def test_batches_and_their_order_do_not_change_a_translation(translators: Path) -> None:
    opened = engine(translators / "opus")
    texts = sentences()
    alone = [opened.translate([text])[0] for text in texts[::7]]
    assert opened.translate(texts[::-1])[::-1][::7] == alone


@pytest.mark.parametrize("word", ["cat ", "cat , "])
def test_a_sentence_longer_than_the_model_reads_is_divided_between_words(translators: Path, word: str) -> None:
    text = f"Sara sees a big {word}" * 100
    done = engine(translators / "several", "arz_Arab").translate([text])[0]
    assert (done.text, done.fault) == (translated(text, "arz_Arab"), "")


def test_a_word_longer_than_the_model_reads_is_too_long(translators: Path, tmp_path: Path) -> None:
    import sentencepiece

    folder = Path(shutil.copytree(translators / "opus", tmp_path / "chars"))
    with (folder / "source.spm").open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["abc"] * 10), model_writer=file, model_type="char", vocab_size=5, minloglevel=2,
            unk_id=0, bos_id=-1, eos_id=1, hard_vocab_limit=False,
        )  # fmt: skip
    vocabulary = folder / "shared_vocabulary.json"
    tokens = json.loads(vocabulary.read_bytes())
    tokens[2:6] = ["a", "b", "c", "▁"]
    vocabulary.write_text(json.dumps(tokens))
    opened = engine(folder)
    assert opened.translate(["abc" * 300_000])[0].fault == TOO_LONG
    assert opened.translate(["abc " + "c" * 128])[0].fault == TOO_LONG
    assert opened.translate(["abc " + "c" * 126])[0].fault != TOO_LONG


@pytest.mark.parametrize(
    ("pieces", "length"),
    [
        ("abcabcabc", 0),
        ("abcabcabcabc", 12),
        ("xxabababababyy", 10),
        ("aaa", 0),
        ("aaaa", 4),
        ("", 0),
        ("abcd" * 5, 20),
    ],
)
def test_a_repetition_is_four_times_the_same(pieces: str, length: int) -> None:
    assert repeated_pieces(list(pieces)) == length


# -- what is refused --------------------------------------------------------------------------------------


def cut(folder: Path, name: str, size: int) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:size])


DAMAGE: dict[str, tuple[Any, str]] = {
    "no model": (lambda folder: (folder / "model.bin").unlink(), "model.bin"),
    "no configuration": (lambda folder: (folder / "config.json").unlink(), "config.json"),
    "no vocabulary": (lambda folder: (folder / "shared_vocabulary.json").unlink(), "vocabulary"),
    "no sentencepiece": (lambda folder: (folder / "target.spm").unlink(), "target.spm"),
    "empty model": (lambda folder: cut(folder, "model.bin", 0), "model.bin"),
    "model cut short": (lambda folder: cut(folder, "model.bin", 30_000), "model.bin"),
    "model without its end": (
        lambda folder: cut(folder, "model.bin", (folder / "model.bin").stat().st_size - 1),
        "model.bin",
    ),
    "text for a model": (lambda folder: (folder / "model.bin").write_text("no model\n" * 100), "model.bin"),
    "configuration cut short": (lambda folder: cut(folder, "config.json", 20), "config.json"),
    "vocabulary cut short": (lambda folder: cut(folder, "shared_vocabulary.json", 100), "shared_vocabulary.json"),
    "vocabulary of numbers": (
        lambda folder: (folder / "shared_vocabulary.json").write_text("[1, 2]"),
        "shared_vocabulary.json",
    ),
    "sentencepiece cut short": (lambda folder: cut(folder, "source.spm", 100), "source.spm"),
    "sentencepiece of other text": (
        lambda folder: shutil.copy(folder / "target.spm", folder / "source.spm"),
        "source.spm",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_folder_that_is_no_model_is_refused_with_the_file(translators: Path, tmp_path: Path, damage: str) -> None:
    folder = Path(shutil.copytree(translators / "opus", tmp_path / "opus"))
    if damage == "sentencepiece of other text":
        vocabulary = folder / "shared_vocabulary.json"
        tokens = json.loads(vocabulary.read_bytes())
        both = [token for token in tokens if token.isascii() or "▁" not in token]
        (folder / "source_vocabulary.json").write_text(json.dumps([*both, *["x"] * (len(tokens) - len(both))]))
        vocabulary.rename(folder / "target_vocabulary.json")
    change, file = DAMAGE[damage]
    change(folder)
    with pytest.raises(BadInput, match=file) as caught:
        engine(folder)
    assert caught.value.mend


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="missing-model"):
        TranslationModel(local_model(str(tmp_path / "missing-model")), "eng_Latn", "arb_Arab")


@pytest.mark.parametrize(
    ("kind", "source", "target", "named"),
    [
        ("opus", "fra_Latn", "arb_Arab", "eng_Latn"),
        ("opus", "eng_Latn", "fra_Latn", "arb_Arab"),
        ("several", "eng_Latn", "apc_Arab", "arz_Arab"),
        ("nllb", "eng_Latn", "apc_Arab", "arz_Arab"),
        ("nllb", "fra_Latn", "arb_Arab", "eng_Latn"),
    ],
)
def test_languages_that_the_model_has_not_are_refused_with_those_that_it_has(
    translators: Path, kind: str, source: str, target: str, named: str
) -> None:
    with pytest.raises(Untranslatable, match=named):
        TranslationModel(translators / kind, source, target)


@pytest.fixture
def marian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of transformers. Its conversion is written to `cache` beside it."""
    pytest.importorskip("transformers")
    monkeypatch.setattr("huggingface_hub.utils._cache_assets.HF_ASSETS_CACHE", str(tmp_path / "cache"))
    make_marian(tmp_path / "marian")
    return tmp_path / "marian"


def test_a_model_of_transformers_is_converted_once(marian: Path) -> None:
    folder = local_model(str(marian))
    assert marian.parent / "cache" in folder.parents
    made = (folder / "model.bin").stat().st_mtime_ns
    assert local_model(str(marian)) == folder
    assert (folder / "model.bin").stat().st_mtime_ns == made
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert engine(folder)._longest == 64


@pytest.mark.parametrize("content", ['{"model_type": "gpt2"}', "[]", "{"])
def test_another_model_of_transformers_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(BadInput, match=str(tmp_path)) as caught:
        local_model(str(tmp_path))
    assert caught.value.mend


def test_a_model_whose_files_are_no_model_is_not_converted(marian: Path) -> None:
    cut(marian, "model.safetensors", 5_000)
    with pytest.raises(BadInput, match="marian") as caught:
        local_model(str(marian))
    assert caught.value.mend
    assert not list(marian.parent.glob("cache/**/model*"))
