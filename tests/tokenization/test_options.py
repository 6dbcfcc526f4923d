"""Options are checked once, when they are made, and the message names the option."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from tokenization.errors import OptionError
from tokenization.options import MorphologyOptions, SampleOptions, Special, TokenizerOptions


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (TokenizerOptions, {"vocab_size": 259}, "vocab_size = 259"),
        (TokenizerOptions, {"vocab_size": 1 << 25}, "vocab_size = 33554432"),
        (TokenizerOptions, {"reserved": -1}, "reserved = -1"),
        (TokenizerOptions, {"merged": 255}, "merged = 255"),
        (TokenizerOptions, {"digits": 4}, "digits = 4"),
        (TokenizerOptions, {"min_frequency": 0}, "min_frequency = 0"),
        (TokenizerOptions, {"max_token_bytes": 1}, "max_token_bytes = 1"),
        (TokenizerOptions, {"specials": ("<|a|>", Special("<|a|>", 300))}, r"'<\|a\|>' is listed 2 times"),
        (TokenizerOptions, {"vocab_size": 300, "specials": (Special("<|a|>", 300),)}, "id 300"),
        (TokenizerOptions, {"vocab_size": 300, "reserved": 42}, "choose 301 or more"),
        (MorphologyOptions, {"mode": "firm"}, "mode = 'firm'"),
        (MorphologyOptions, {"penalty": -0.1}, "penalty = -0.1"),
        (MorphologyOptions, {"penalty": float("nan")}, "penalty = nan"),
        (MorphologyOptions, {"share": 0}, "share = 0"),
        (MorphologyOptions, {"share": 1.01}, "share = 1.01"),
        (MorphologyOptions, {"segmenter": "farasa"}, "segmenter = 'farasa'"),
        (MorphologyOptions, {"database": "calima-msa-r13"}, "set segmenter to 'camel'"),
        (SampleOptions, {"chars": 0}, "chars = 0"),
        (SampleOptions, {"document_cap": 0}, "document_cap = 0"),
    ],
)
def test_a_value_out_of_range_is_refused_with_the_name_of_the_option(
    kind: type, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        kind(**values)


def test_a_model_made_from_the_dataclasses_reports_the_place() -> None:
    adapter = TypeAdapter(TokenizerOptions)
    options = adapter.validate_python({"specials": ["<|bos|>", {"name": "<|x|>", "id": 32_000}]})
    assert options == TokenizerOptions(specials=("<|bos|>", Special("<|x|>", 32_000)))
    with pytest.raises(ValidationError) as refused:
        adapter.validate_python({"morphology": {"mode": "soft", "share": 2}})
    assert refused.value.errors()[0]["loc"] == ("morphology", "share")


def test_the_sealed_form_keeps_its_keys() -> None:
    morphology = {"mode": "none", "penalty": 2.0, "share": 0.91, "segmenter": "learned"}
    assert TokenizerOptions().canonical() == {
        "vocab_size": 32_768,
        "specials": ["<|bos|>", "<|eos|>", "<|pad|>"],
        "reserved": 0,
        "merged": None,
        "digits": 1,
        "min_frequency": 2,
        "max_token_bytes": None,
        "morphology": morphology,
    }
    camel = MorphologyOptions("soft", segmenter="camel", database="x.db", regex=True)
    assert camel.canonical() == morphology | {
        "mode": "soft",
        "quota": None,
        "segmenter": "camel",
        "database": "x.db",
        "regex": True,
    }


def test_opening_and_measuring_a_tokenizer_imports_no_compiler_and_options_import_no_package() -> None:
    code = (
        "import sys, tokenization.options; assert 'numpy' not in sys.modules\n"
        "import tokenization.model, tokenization.morphology, tokenization.evaluation\n"
        "assert not {'numba', 'fastokens', 'tokenizers', 'camel_tools', 'pyarrow'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
