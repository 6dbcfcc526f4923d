"""Losses of single tokens at the end of a run: which text is chosen, and what each piece of it costs."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sharding import Dataset
from training import checkpoint
from training.config import Config
from training.detokenize import TokenBytes
from training.evaluate import row_nats
from training.model import Decoder, ModelConfig, make_model
from training.token_losses import beginnings, pieces


@pytest.fixture(scope="module")
def losses(done: Path) -> list[dict]:
    return json.loads((done / "samples.json").read_text())["losses"]


def trained(run: Path) -> Decoder:
    path = run / "checkpoints/step-000012"
    model = Decoder(ModelConfig(**checkpoint.read_meta(path).model)).eval()
    model.load_state_dict(checkpoint.load_tensors(path)[0])
    return model


def test_a_run_writes_the_losses_of_a_document_of_each_stratum_arabic_first(dataset: Path, losses: list[dict]) -> None:
    validation = Dataset(dataset).validation
    assert {each["stratum"] for each in losses} == {stratum.name for stratum in validation.strata if stratum.rows}
    assert [each["language"] for each in losses] == ["arb_Arab", "arz_Arab", "eng_Latn"][: len(losses)]
    for each in losses:
        row = validation.read([each["row"]])
        text = TokenBytes(dataset / "tokenizer").decode(row.ids[0].tolist())
        assert "".join(piece[0] for piece in each["pieces"]) in text


def test_a_piece_has_the_nats_of_its_tokens_by_the_models_logits(
    dataset: Path, done: Path, losses: list[dict]
) -> None:
    data, model = Dataset(dataset), trained(done)
    for each, begin in zip(losses, beginnings(data.validation), strict=True):
        batch = data.validation.read([begin.row])
        with torch.no_grad():
            logits = model.logits(torch.from_numpy(batch.ids))[0].double()
        expected = [
            -float(F.log_softmax(logits[place - 1], dim=0)[batch.ids[0, place]])
            for place in range(begin.position, begin.position + begin.length)
            if place and batch.is_target[0, place] and batch.ids[0, place] != data.layout.bos
        ]
        written = [nats for _, _, nats in each["pieces"] if nats is not None]
        assert math.fsum(written) == pytest.approx(math.fsum(expected), abs=1e-3 * (len(written) + 1))


def test_tokens_that_end_inside_a_character_are_one_piece_with_its_end(dataset: Path) -> None:
    token_bytes = TokenBytes(dataset / "tokenizer")
    id_of = {token_bytes.of(id): id for id in range(265)}
    ids = np.array([264, *(id_of[bytes([byte])] for byte in "aلb".encode()[:-1]), id_of["ل".encode()[:1]]])
    nats = np.array([math.nan, math.nan, 1.0, 2.5, 0.25])
    assert pieces(token_bytes, ids, nats) == [("a", 1, None), ("ل", 2, 3.5), ("\ufffd", 1, 0.25)]


def test_rows_beyond_a_batch_have_the_nats_of_a_batch_of_one(dataset: Path) -> None:
    data = Dataset(dataset)
    model = make_model(Config(preset="llama", layers=1, width=16).model(data.vocab_size, data.row_tokens), 0).eval()
    rows, cpu = np.arange(5), torch.device("cpu")
    together = row_nats(model, data.validation, rows, cpu, 3)
    alone = np.concatenate([row_nats(model, data.validation, rows[i : i + 1], cpu, 1) for i in range(5)])
    assert together.shape == (5, data.row_tokens)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert np.array_equal(np.isnan(together[:, :-1]), ~data.validation.read(rows).is_target[:, 1:])
