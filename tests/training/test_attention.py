"""Attention inside documents, by flex_attention and by a mask, and the choice of kernels, as far as a CPU can show."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask

from training import attention
from training.attention import attend, fastest_kernels, flex_serves, inside_documents
from training.config import Config, ModelConfig, Preset
from training.errors import TrainError
from training.model import make_model

CPU = torch.device("cpu")
pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")


def model_config(preset: Preset = "llama", context: int = 256) -> ModelConfig:
    return replace(
        Config(preset=preset, layers=2, width=32, heads=2, intra_document=True).model(64, context),
        kv_heads=1 if preset == "llama" else 2,
    )


def starts_at(rows: int, length: int, begins: set[int]) -> Tensor:
    starts = torch.zeros(rows, length, dtype=torch.bool)
    starts[:, 0] = True
    for begin in begins:
        starts[begin % rows, begin % length] = True
    return starts


@pytest.fixture
def flex(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use flex_attention, as in a compiled model on a GPU."""
    monkeypatch.setattr(attention, "flex_serves", lambda *_, **__: True)


@given(begins=st.sets(st.integers(0, 511), max_size=12), length=st.sampled_from([48, 128, 200]))
def test_flex_attention_equals_attention_under_the_mask(begins: set[int], length: int) -> None:
    starts = starts_at(2, length, begins)
    config = model_config(context=length)
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, heads, length, 16, generator=generator) for heads in (4, 2, 2))
    with pytest.MonkeyPatch.context() as patch:
        positions, mask = inside_documents(starts, config)
        plain = attend(q, k, v, mask, 0.0)
        patch.setattr(attention, "flex_serves", lambda *_, **__: True)
        same_positions, blocks = inside_documents(starts, config)
        assert isinstance(mask, Tensor)
        assert isinstance(blocks, BlockMask)
        torch.testing.assert_close(attend(q, k, v, blocks, 0.0), plain, rtol=1e-5, atol=1e-5)
    assert torch.equal(positions, same_positions)


@pytest.mark.usefixtures("flex")
@pytest.mark.parametrize("preset", ["nanochat", "gpt2"])  # rotated and learned positions
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # torch.compile does it
def test_a_model_with_flex_attention_is_one_graph_and_computes_the_same(
    preset: Preset, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.compiler.reset()
    model = make_model(Config(preset=preset, layers=2, width=32, heads=2, intra_document=True).model(64, 256), 0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05)
    ids = torch.randint(0, 64, (2, 256), generator=torch.Generator().manual_seed(1))
    starts = starts_at(2, 256, {7, 130, 300})
    with torch.no_grad():  # flex_attention has no backward on a CPU
        _, compiled = torch.compile(model, fullgraph=True, backend="aot_eager")(ids, ids.roll(-1, 1), starts)
        monkeypatch.undo()
        _, plain = model(ids, ids.roll(-1, 1), starts)
    torch.testing.assert_close(compiled, plain, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("flex")
def test_flex_attention_accepts_the_precisions_of_a_run() -> None:
    """Under autocast, rotated queries and keys are fp32 and values bf16."""
    _, blocks = inside_documents(starts_at(1, 128, {40}), model_config(context=128))
    q, k = (torch.randn(1, 2, 128, 16) for _ in range(2))
    assert attend(q, k, k.bfloat16(), blocks, 0.0).dtype == torch.bfloat16


def test_flex_attention_is_used_only_compiled_on_cuda_without_dropout_in_whole_blocks() -> None:
    cuda, config = torch.device("cuda"), model_config()
    assert flex_serves(config, cuda, compiling=True)
    assert not flex_serves(config, cuda, compiling=False)
    assert not flex_serves(config, CPU, compiling=True)
    assert not flex_serves(replace(config, dropout=0.1), cuda, compiling=True)
    assert not flex_serves(replace(config, context=200), cuda, compiling=True)


def test_the_order_of_kernels_holds_for_a_run_and_the_previous_order_is_restored() -> None:
    before = torch._C._get_sdp_priority_order()
    with fastest_kernels(model_config(), CPU):
        first = [torch.nn.attention.SDPBackend(number).name for number in torch._C._get_sdp_priority_order()[:4]]
        assert first == ["CUDNN_ATTENTION", "FLASH_ATTENTION", "EFFICIENT_ATTENTION", "MATH"]
    assert torch._C._get_sdp_priority_order() == before


def pretend_hopper(monkeypatch: pytest.MonkeyPatch, folder: Path, source: str) -> None:
    """Simulate a Hopper GPU, and a package of FlashAttention 3 whose module contains `source`."""
    (folder / "flash_attn_interface.py").write_text(source)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "flash_attn_interface", raising=False)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))


def test_flash_attention_3_is_used_if_it_is_installed_and_usable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cuda, config, asked = torch.device("cuda"), model_config(), []
    if not hasattr(torch.nn.attention, "activate_flash_attention_impl"):
        pytest.skip("this torch has no registry of attention")
    monkeypatch.setattr(torch.nn.attention, "activate_flash_attention_impl", asked.append)
    assert not attention._use_flash_3(config, cuda)  # not installed
    pretend_hopper(monkeypatch, tmp_path, "")
    assert attention._use_flash_3(config, cuda)
    assert asked == ["FA3"]
    assert not attention._use_flash_3(replace(config, dropout=0.1), cuda)
    assert not attention._use_flash_3(config, CPU)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    assert not attention._use_flash_3(config, cuda)


def test_a_flash_attention_3_that_does_not_load_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if not hasattr(torch.nn.attention, "activate_flash_attention_impl"):
        pytest.skip("this torch has no registry of attention")
    pretend_hopper(monkeypatch, tmp_path, "raise ImportError('undefined symbol')")
    with pytest.raises(TrainError, match=r"flash_attn_interface .*undefined symbol.*uninstall"):
        attention._use_flash_3(model_config(), torch.device("cuda"))
