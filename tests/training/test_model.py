"""Size, loss and cache of the model, against published numbers and independent computations. Logits: test_export."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from trainings import cost_of

from training import loss
from training.config import Config, ModelConfig, Preset
from training.model import Cache, Decoder, make_model

VOCAB, CONTEXT = 512, 64
SMALL: dict[Preset, ModelConfig] = {
    "nanochat": ModelConfig("nanochat", VOCAB, CONTEXT, 4, 64, 4, 4, 256),
    "gpt2": ModelConfig("gpt2", VOCAB, CONTEXT, 4, 64, 4, 4, 256),
    "llama": ModelConfig("llama", VOCAB, CONTEXT, 4, 64, 4, 2, 192),
}


def randomised(config: ModelConfig) -> Decoder:
    model = Decoder(config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            mean = float(parameter.ndim == 1 and name.endswith("weight"))
            parameter.normal_(mean, 0.05 if parameter.ndim == 1 else 0.08, generator=generator)
    return model


V1 = ModelConfig("nanochat", 32_768, 2_048, 16, 1_024, 8, 8, 4_096)
V1_VALUES = replace(V1, value_embeddings=True)
ARAFUSION = ModelConfig("gpt2", 76_800, 512, 24, 1_024, 16, 16, 4_096)
D20 = ModelConfig("nanochat", 65_536, 2_048, 20, 1_280, 10, 10, 5_120)
SLM_ENHANCED = ModelConfig("gpt2", 32_000, 512, 24, 1_024, 16, 16, 4_096)
SLM = ModelConfig("gpt2", 50_000, 128, 6, 384, 6, 6, 1_536)


@pytest.mark.parametrize(
    ("config", "dense", "gigaflops"),
    [  # 6 per weight of a matrix product; with attention
        (V1, 1.4093, 1.8119),
        (ARAFUSION, 2.2838, 2.4348),
        (D20, 2.8626, 3.491758),
        (SLM_ENHANCED, 2.0085, 2.1595),
        (SLM, 0.1789, 0.1824),
    ],
)
def test_flops_per_token_equal_the_published_ones(config: ModelConfig, dense: float, gigaflops: float) -> None:
    counts = cost_of(config)
    assert 6 * counts.matrices / 1e9 == pytest.approx(dense, abs=6e-5)
    assert counts.flops / 1e9 == pytest.approx(gigaflops, abs=6e-5)


def test_parameters_equal_the_published_ones() -> None:
    assert cost_of(V1).matrices / 1e6 == pytest.approx(234.9, abs=0.1)  # "235M"
    assert cost_of(V1_VALUES).parameters / 1e6 == pytest.approx(536.87, abs=0.005)
    assert (cost_of(V1_VALUES).parameters - cost_of(V1).parameters) / 1e6 == pytest.approx(268.4, abs=0.05)  # 8 tables
    assert cost_of(V1_VALUES).flops == cost_of(V1).flops
    assert cost_of(ARAFUSION).parameters / 1e6 == pytest.approx(381.48, abs=0.005)


def test_parameters_of_a_gpt2_are_those_of_its_layers_embeddings_and_norms() -> None:
    width, layers, ffn = 384, 6, 1_536
    block = 4 * width * (width + 1) + width * (2 * ffn + 1) + ffn + 4 * width
    assert cost_of(SLM).parameters == 50_000 * width + 128 * width + layers * block + 2 * width


@pytest.mark.parametrize("softcap", [None, 5.0])
def test_the_chunked_loss_and_its_gradient_equal_plain_cross_entropy(
    softcap: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(loss.CHUNK_LOGITS, "cpu", 7 * 50)  # chunks of 7 tokens, the last one short
    generator = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((24, 8), (50, 8)))
    targets = torch.randint(0, 50, (24,), generator=generator)
    targets[[0, 9, 23]] = loss.IGNORE

    def gradients(chunked: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        a, b = x.float().requires_grad_(), weight.float().requires_grad_()
        if chunked:
            total, nats = loss.head_loss(a, b, targets, softcap)
        else:
            nats = F.cross_entropy(loss.cap(a @ b.T, softcap), targets, ignore_index=loss.IGNORE, reduction="none")
            total = nats.sum()
        (0.25 * total).backward()
        assert a.grad is not None
        assert b.grad is not None
        return total.detach(), nats.detach(), a.grad, b.grad

    for ours, plain in zip(gradients(True), gradients(False), strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("preset", ["nanochat", "gpt2", "llama"])
def test_logits_with_a_cache_equal_those_of_the_whole_text(preset: Preset) -> None:
    model = randomised(SMALL[preset])
    ids = torch.randint(0, VOCAB, (2, 20), generator=torch.Generator().manual_seed(1))
    caches = [Cache(model.config, 2, torch.device("cpu")) for _ in range(4)]
    with torch.no_grad():
        whole = model.logits(ids)
        parts = [model.logits(ids[:, :8], caches)]
        parts += [model.logits(ids[:, i : i + 1], caches) for i in range(8, 20)]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=1e-4, atol=1e-5)


@pytest.mark.fault(27)
@pytest.mark.parametrize("preset", ["nanochat", "gpt2", "llama"])
def test_initial_weights_are_a_function_of_the_seed_and_predict_the_uniform_distribution(preset: Preset) -> None:
    config = Config(preset=preset, layers=2, width=32).model(VOCAB, CONTEXT)
    model, again, other = (make_model(config, seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert not torch.equal(model.embedding.weight, other.embedding.weight)
    ids = torch.arange(CONTEXT).unsqueeze(0)
    _, nats = model(ids, ids.roll(-1))
    assert float(nats.mean()) == pytest.approx(torch.tensor(VOCAB).log().item(), abs=0.2)


def _in_one_row_and_alone(config: ModelConfig) -> tuple[Tensor, Tensor]:
    """Nats of three documents in one row, and of each by itself."""
    model = randomised(replace(config, intra_document=True))
    ids = torch.randint(0, VOCAB, (1, 40), generator=torch.Generator().manual_seed(2))
    begins, ends = (0, 7, 30), (7, 30, 40)
    starts = torch.zeros(1, 40, dtype=torch.bool)
    starts[0, list(begins)] = True
    targets = ids.roll(-1, 1)
    with torch.no_grad():
        whole = model(ids, targets, starts)[1]
        parts = [model(ids[:, a:b], targets[:, a:b])[1] for a, b in zip(begins, ends, strict=True)]
    return whole, torch.cat(parts, dim=1)


@pytest.mark.parametrize("preset", ["nanochat", "gpt2", "llama"])
def test_attention_inside_documents_equals_running_each_document_alone(preset: Preset) -> None:
    whole, alone = _in_one_row_and_alone(SMALL[preset])
    torch.testing.assert_close(whole, alone, rtol=1e-5, atol=1e-5)


def test_attention_crosses_documents_of_a_row_unless_intra_document_is_set() -> None:
    model = randomised(SMALL["gpt2"])
    ids = torch.randint(0, VOCAB, (2, 20), generator=torch.Generator().manual_seed(3))
    starts = torch.zeros(2, 20, dtype=torch.bool)
    starts[:, 9] = True
    other = ids.clone()
    other[:, :9] += 1
    other %= VOCAB
    with torch.no_grad():
        assert not torch.equal(model(ids, ids, starts)[1][:, 9:], model(other, ids, starts)[1][:, 9:])
        model.config = replace(model.config, intra_document=True)
        assert torch.equal(model(ids, ids, starts)[1][:, 9:], model(other, ids, starts)[1][:, 9:])


def test_value_embeddings_have_gradients_and_work_with_a_cache() -> None:
    model = randomised(replace(SMALL["nanochat"], value_embeddings=True))
    assert sorted(model.values) == ["1", "3"]
    ids = torch.randint(0, VOCAB, (2, 12), generator=torch.Generator().manual_seed(4))
    model(ids, ids.roll(-1, 1))[0].backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())
    caches = [Cache(model.config, 2, torch.device("cpu")) for _ in range(4)]
    with torch.no_grad():
        parts = [model.logits(ids[:, :8], caches)] + [model.logits(ids[:, i : i + 1], caches) for i in range(8, 12)]
        torch.testing.assert_close(torch.cat(parts, dim=1), model.logits(ids), rtol=1e-4, atol=1e-5)
