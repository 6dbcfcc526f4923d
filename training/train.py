"""Train a decoder on a dataset: `torchrun [--standalone --nproc-per-node=N] training/train.py --data DIR --out DIR`.

One process without torchrun, DDP with it: gloo on CPU, NCCL on CUDA. What a step computes is a function of
dataset, schedule, configuration, step and the number of ranks, so that a run that was killed and resumed writes
the same metrics.jsonl and the same weights as one that was not. SIGTERM, SIGINT and SIGUSR1 save and leave with
130 (start torchrun with `--signals-to-handle=SIGTERM,SIGINT,SIGUSR1`: its default leaves orphans on the last).
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # torchrun and python put training/ first; a checkout that is not installed needs its root
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from sharding.errors import ShardingError
from sharding.rows import Dataset
from sharding.seal import SealError, write_json
from training import checkpoint, evaluate
from training.config import Config, TrainError, read_config
from training.data import Step, check_batch, steps
from training.fp8 import check_hardware, use_fp8
from training.generate import samples
from training.loss import IGNORE
from training.model import count, make_model
from training.optim import Optimizer, learning_rate
from training.ranks import Elsewhere, Ranks, joined, rank_in_environment
from training.runfolder import RunFolder
from training.speed import attention_in_use, device_name, utilisation

INTERRUPTED = 130
SHOWN_ROWS = 8  # of a step that was not finite
LINGER = 30  # seconds: torchrun ends all ranks when one leaves, and the one that has something to say must be first


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


class Signals:
    """While it is entered, SIGTERM, SIGINT and SIGUSR1 raise a flag, which the loops poll."""

    def __init__(self) -> None:
        self.raised = False

    def __enter__(self) -> Signals:
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
        self._before = {number: signal.signal(number, self._raise) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _raise(self, *_: object) -> None:
        self.raised = True


def seed_step(seed: int, step: int, rank: int) -> None:
    """Random numbers (dropout) of a step: from nothing but these, so that a checkpoint holds no state of them."""
    torch.manual_seed(int.from_bytes(hashlib.sha256(f"{seed}/{step}/{rank}".encode()).digest()[:7], "little"))


def distributed(module: nn.Module, ranks: Ranks) -> nn.Module:
    """DDP, which overlaps the exchange of gradients with backward. Our buffers are constants: none is exchanged."""
    parameters = inspect.signature(DistributedDataParallel.__init__).parameters
    buffers = (
        "forward_sync_buffers" if "forward_sync_buffers" in parameters else "broadcast_buffers"
    )  # torch 2.13 has renamed it
    on_gpu = [ranks.device.index] if ranks.device.type == "cuda" else None
    options: dict[str, Any] = {buffers: False}
    return DistributedDataParallel(module, device_ids=on_gpu, gradient_as_bucket_view=True, **options)


class Trainer:
    """One run on one rank: model, optimizer and how far they are. `folder` is there on rank 0 alone."""

    def __init__(
        self, config: Config, dataset: Dataset, ranks: Ranks, folder: RunFolder | None, stop: Signals
    ) -> None:
        self.config, self.dataset, self.ranks, self.folder, self.stop = config, dataset, ranks, folder, stop
        self.steps = config.steps or dataset.steps
        self.model = make_model(config.model(dataset.vocab_size, dataset.row_tokens), config.seed).to(ranks.device)
        if config.precision == "fp8":
            use_fp8(self.model.blocks, self.pass_rows * dataset.row_tokens)
        self.counts = count(self.model.config)
        self.optimizer = Optimizer(self.model, config)
        self.sizes = evaluate.TokenSizes.read(dataset.tokenizer, dataset.vocab_size)
        self.step = 0
        self.order_hash = bytes.fromhex(dataset.root)
        self.saved = (0, dataset.root)
        self.validated = -1  # the step of the last validation
        forward: nn.Module = torch.compile(self.model) if config.compile else self.model  # type: ignore[assignment]
        self.forward = distributed(forward, ranks) if ranks.world > 1 else forward

    # -- beginning and end --------------------------------------------------------------------------------

    def resume(self) -> None:
        """Take up the newest sound checkpoint, if there is one, and prove that the data behind it is the same."""
        chosen = self.ranks.tell(self._choose)
        if chosen is None:
            return
        path, meta = Path(chosen["path"]), checkpoint.Meta(**chosen["meta"])
        model, optimizer = checkpoint.load_tensors(path)
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(model[name])
        self.optimizer.load(optimizer)
        self.step, self.order_hash = meta.step, bytes.fromhex(meta.order_hash)
        self.saved = (meta.step, meta.order_hash)

    def _choose(self) -> dict[str, Any] | None:
        assert self.folder is not None
        found = checkpoint.choose(self.folder.checkpoints, say)
        if found is None:
            return None
        path, meta = found
        model = asdict(self.model.config)
        schedule = self.dataset.schedule.data["digest"]
        checkpoint.check_belongs(path, meta, model=model, manifest=self.dataset.root, schedule=schedule)
        begin, order_hash = meta.previous[0], bytes.fromhex(meta.previous[1])
        for index in range(begin, meta.step):
            order_hash = self.dataset.order_hash(order_hash, index)
        if order_hash.hex() != meta.order_hash:
            raise TrainError(
                f"{path}: the rows of steps {begin} to {meta.step - 1} are no longer those that it was trained on; "
                "verify the dataset with `arcorp verify --level full`"
            )
        say(f"resuming after step {meta.step} from {path}")
        if meta.world != self.ranks.world:
            say(
                f"{self.ranks.world} ranks go on with what {meta.world} trained: the data and its order are the same, "
                "the last bits of the sums are not"
            )
        return {"path": str(path), "meta": asdict(meta)}

    def save(self) -> None:
        """Write a checkpoint of this step, unless there is one, and drop old ones."""
        if self.saved[0] != self.step:
            self.ranks.tell(self._save)
            self.saved = (self.step, self.order_hash.hex())

    def _save(self) -> None:
        assert self.folder is not None
        rows = self.dataset.schedule.drawn(self.step)
        tokens = {name: n * self.dataset.row_tokens for name, n in rows.items()}
        by_source: dict[str, int] = {}
        for stratum in self.dataset.train.strata:
            source = stratum.source or "(mixed)"
            by_source[source] = by_source.get(source, 0) + tokens[stratum.name]
        meta = checkpoint.Meta(
            step=self.step,
            order_hash=self.order_hash.hex(),
            previous=self.saved,
            manifest=self.dataset.root,
            schedule=self.dataset.schedule.data["digest"],
            model=asdict(self.model.config),
            config=self.folder.config_digest,
            seed=self.config.seed,
            world=self.ranks.world,
            rows=rows,
            tokens=tokens,
            tokens_by_source=by_source,
        )
        self.folder.sync()
        path = checkpoint.save(
            self.folder.checkpoints, meta, dict(self.model.named_parameters()), self.optimizer.state()
        )
        checkpoint.prune(self.folder.checkpoints, self.config.checkpoint.keep, self.step)
        say(f"saved {path}")

    def warm_up(self) -> None:
        """A pass that trains nothing: compiles, and lets DDP lay its buckets for good.

        DDP lays them anew after its first backward, and with more than two ranks the layout decides the order
        of sums: without this, the first step after a resume would differ from the same step without one.
        """
        if self.ranks.world == 1 and not self.config.compile:
            return
        ids = torch.zeros((self.pass_rows, self.dataset.row_tokens), dtype=torch.int64, device=self.ranks.device)
        with self.autocast():
            self.forward(ids, torch.full_like(ids, IGNORE), ids == 0)[0].backward()
        for parameter in self.model.parameters():
            parameter.grad = None

    @property
    def pass_rows(self) -> int:
        """Rows of one rank in one micro-step."""
        return self.dataset.batch_rows // (self.ranks.world * self.config.accumulation)

    def autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.ranks.device.type, torch.bfloat16, enabled=self.config.precision != "fp32")

    def without_sync(self) -> AbstractContextManager[Any]:
        """Gradients are exchanged once a step, with the last micro-step."""
        return self.forward.no_sync() if isinstance(self.forward, DistributedDataParallel) else nullcontext()

    # -- the loop -----------------------------------------------------------------------------------------

    def run(self) -> int:
        """Train from here to the end. Returns the exit code."""
        self.warm_up()
        coming = steps(self.dataset, self.step, self.steps, self.ranks, self.config.accumulation, self.order_hash)
        spent, waited, last = 0.0, 0.0, self.step
        while True:
            if not self.validate():
                return self.leave()
            if self.step == self.steps:
                break
            every = self.config.checkpoint.every
            if every and self.step and self.step % every == 0:
                self.save()
            began = time.perf_counter()
            step = next(coming)
            waited += time.perf_counter() - began
            line, stop = self.train(step)
            spent += time.perf_counter() - began
            if self.step % self.config.log_every == 0 or self.step == self.steps:
                self.log(line, self.step - last, spent, waited)
                spent, waited, last = 0.0, 0.0, self.step
            if stop:
                return self.leave()
        self.save()
        self.ranks.tell(self.write_samples)
        return 0

    def leave(self) -> int:
        """Save, because a signal came."""
        self.save()
        if self.ranks.first:
            say(f"interrupted after step {self.step} of {self.steps}; the same command goes on from there")
        return INTERRUPTED

    def train(self, step: Step) -> tuple[dict[str, Any], bool]:
        """One step. Returns its line of metrics.jsonl, and whether a signal came on any rank.

        Raises TrainError, before the optimizer step, if loss or gradient are not finite.
        """
        device, ranks = self.ranks.device, self.ranks
        seed_step(self.config.seed, step.index, ranks.rank)
        own = sum(int((micro.targets != IGNORE).sum()) for micro in step.micros)
        total = ranks.sum(torch.tensor(float(own), dtype=torch.float64, device=device)).clamp(min=1)
        by_row: list[Tensor] = []
        for number, micro in enumerate(step.micros):
            last = number == len(step.micros) - 1
            with nullcontext() if last else self.without_sync():
                with self.autocast():
                    sum_of_nats, nats = self.forward(*(one.to(device, non_blocking=True) for one in micro))
                by_row.append(nats.sum(dim=1))
                (sum_of_nats * (ranks.world / total)).backward()  # DDP takes the mean over ranks
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.config.grad_clip)
        mine = torch.cat(by_row)
        words = torch.stack((mine.double().sum(), torch.tensor(float(self.stop.raised), device=device).double()))
        nats_sum, stop = ranks.sum(words).tolist()
        loss, norm_value = nats_sum / float(total), float(norm)
        if not np.isfinite(loss) or not np.isfinite(norm_value):
            raise self.not_finite(step, loss, norm_value, mine)
        lr = learning_rate(step.index, self.steps, self.config)
        self.optimizer.step(lr)
        self.step, self.order_hash = step.index + 1, step.order_hash
        line = {
            "step": self.step,
            "phase": self.dataset.schedule.phase_of(step.index),
            "loss": loss,
            "lr": lr,
            "grad_norm": norm_value,
            "targets": int(total),
            "order_hash": self.order_hash.hex(),
        }
        if self.folder is not None:
            self.folder.metric(line)
        return line, bool(stop)

    def not_finite(self, step: Step, loss: float, norm: float, mine: Tensor) -> Exception:
        """What to say of a step that must not be taken: its rows, their sources and documents. Rank 0 says it."""
        ranks, per = self.ranks, self.pass_rows
        nats = torch.zeros(len(step.rows), dtype=torch.float64, device=ranks.device)
        for micro in range(self.config.accumulation):
            first = (micro * ranks.world + ranks.rank) * per
            nats[first : first + per] = mine[micro * per : (micro + 1) * per]
        ranks.sum(nats)
        if not ranks.first:
            return Elsewhere()
        guilty = step.rows[~torch.isfinite(nats).cpu().numpy()]
        what = f"loss {loss}" if len(guilty) else f"a gradient norm of {norm} with a finite loss in each row"
        rows = guilty if len(guilty) else step.rows
        lines = [describe_row(self.dataset, int(row)) for row in rows[:SHOWN_ROWS]]
        if len(rows) > SHOWN_ROWS:
            lines.append(f"... and {len(rows) - SHOWN_ROWS} more rows")
        return TrainError(
            f"step {step.index + 1} has {what} and was not taken; the last checkpoint stands. Its rows:\n  "
            + "\n  ".join(lines)
        )

    def validate(self) -> bool:
        """Validate if it is due at this step and not done. False if a signal came on any rank meanwhile."""
        settings, whole = self.config.eval, self.step in (0, self.steps)
        due = whole or (settings.every and self.step % settings.every == 0)
        if not due or self.validated == self.step or not self.dataset.validation.rows:
            return True
        split = self.dataset.validation
        rows = evaluate.choose_rows(split.strata, None if whole else settings.rows)
        with self.autocast():
            sums = evaluate.sum_rows(
                self.model, split, rows, self.sizes, self.ranks, settings.batch, lambda: self.stop.raised
            )
        if sums is None:
            return False
        self.validated = self.step
        result = evaluate.report(sums, rows, split.strata)
        if self.folder is not None:
            self.folder.metric({"step": self.step, "validation": result})
            say(validation_line(self.step, result))
        return True

    def log(self, line: dict[str, Any], taken: int, seconds: float, waited: float) -> None:
        """A line for people, and one of timings.jsonl, about the last `taken` steps."""
        slowest = self.ranks.max(waited)
        if self.folder is None:
            return
        speed = taken * self.dataset.batch_rows * self.dataset.row_tokens / seconds
        timing = {
            "step": self.step,
            "seconds": seconds,
            "steps": taken,
            "tokens_per_second": speed,
            "data_wait_ms": 1000 * waited / taken,
            "slowest_data_wait_ms": 1000 * slowest / taken,  # of all ranks
            **utilisation(speed, self.counts, device_name(self.ranks.device), self.ranks.world),
        }
        if self.ranks.device.type == "cuda":
            timing["memory_mib"] = torch.cuda.max_memory_allocated() / 2**20
            timing["reserved_mib"] = torch.cuda.max_memory_reserved() / 2**20
        self.folder.timing(timing)
        mfu = f"  MFU {timing['mfu']:.1%} ({timing['mfu_causal']:.1%} causal)" if "mfu" in timing else ""
        say(
            f"step {self.step:>6}/{self.steps}  loss {line['loss']:.4f}  lr {line['lr']:.2e}  "
            f"norm {line['grad_norm']:.3f}  {speed:,.0f} tokens/s{mfu}  "
            f"{line['phase']}"
        )

    def finished(self, folder: RunFolder) -> bool:
        """Whether nothing is left to do."""
        validated = self.validated == self.steps or not self.dataset.validation.rows
        return self.step == self.steps and validated and (folder.samples.exists() or not self.wants_samples)

    @property
    def wants_samples(self) -> bool:
        return bool(self.config.generate.prompts and self.dataset.validation.rows)

    def write_samples(self) -> None:
        """Text generated by the trained model, on rank 0."""
        assert self.folder is not None
        if not self.wants_samples:
            return
        layout = self.dataset.layout
        stop = layout.eos if layout.eos is not None else layout.bos
        found = samples(
            self.model, self.dataset.validation, self.dataset.tokenizer, self.config.generate, self.config.seed, stop
        )
        write_json(self.folder.samples, {"step": self.step, "samples": found})


def describe_row(dataset: Dataset, row: int) -> str:
    """Where a training row comes from, and the command that shows it."""
    stratum = next(s for s in dataset.train.strata if s.first_row <= row < s.first_row + s.rows)
    documents = ", ".join(str(segment["document"]) for segment in dataset.train.segments(row))
    return (
        f"row {row}: source {stratum.source or stratum.name}, document ordinals {documents}; "
        f"see `arcorp inspect {dataset.path} --row {row}`"
    )


def validation_line(step: int, result: dict[str, Any]) -> str:
    """The figures for people: overall, then by language."""

    def bits(one: dict[str, Any]) -> str:
        return "-" if one["bits_per_byte"] is None else f"{one['bits_per_byte']:.4f}"

    by_language = "".join(f"  {name} {bits(one)}" for name, one in result.get("by_language", {}).items())
    return f"validation at step {step}: {bits(result)} bits per byte over {result['rows']} rows{by_language}"


# -- the command ------------------------------------------------------------------------------------------


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="train.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a dataset made by `arcorp pack`")
    parser.add_argument("--out", type=Path, required=True, help="the run's folder; a run begun there goes on")
    parser.add_argument("--config", type=Path, help="YAML or JSON; defaults without it")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="lay a value over the file's")
    parser.add_argument("--schedule", default="schedule.json", help="a schedule in the dataset's folder")
    parser.add_argument("--restart", action="store_true", help="delete what an earlier run left in --out")
    return parser.parse_args(argv)


def train(arguments: argparse.Namespace, config: Config, ranks: Ranks) -> int:
    """A whole run on this rank. Returns the exit code."""
    if config.threads:
        torch.set_num_threads(config.threads)
    root = ranks.tell(lambda: open_dataset(arguments, config, ranks).root)
    dataset = open_dataset(arguments, config, ranks)
    if dataset.root != root:
        raise TrainError(f"rank {ranks.rank} sees dataset {dataset.root[:16]} where rank 0 sees {root[:16]}")
    with ExitStack() as stack:
        stop = stack.enter_context(Signals())
        folder: RunFolder | None = None

        def open_folder() -> None:
            nonlocal folder
            model = config.model(dataset.vocab_size, dataset.row_tokens)
            folder = stack.enter_context(RunFolder(arguments.out, config, model, restart=arguments.restart))

        ranks.tell(open_folder)
        trainer = Trainer(config, dataset, ranks, folder, stop)
        trainer.resume()
        trainer.validated = ranks.tell(lambda: folder.resume_metrics(trainer.step) if folder else -1)
        if ranks.tell(lambda: folder is not None and trainer.finished(folder)):
            if ranks.first:
                say(f"{arguments.out} is complete: {trainer.steps} steps; nothing to do")
            return 0
        if ranks.first:
            cost = trainer.counts
            say(
                f"{config.preset}: {cost.parameters:,} parameters, {cost.flops / 1e9:.4f} GFLOP per token; "
                f"{trainer.steps} steps of {dataset.batch_rows} x {dataset.row_tokens} tokens on {ranks.world} x "
                f"{ranks.device.type}; {attention_in_use(ranks.device)}"
            )
        return trainer.run()


def open_dataset(arguments: argparse.Namespace, config: Config, ranks: Ranks) -> Dataset:
    """Raises SealError if it is not sound, TrainError if the configuration doesn't fit it."""
    dataset = Dataset(arguments.data, schedule=arguments.schedule)
    config.model(dataset.vocab_size, dataset.row_tokens)
    check_batch(dataset, config.batch_rows, ranks.world, config.accumulation)
    if config.steps is not None and config.steps > dataset.steps:
        raise TrainError(
            f"steps is {config.steps} but the schedule has {dataset.steps}: lay a longer one with `arcorp mix`"
        )
    if config.generate.prompt_tokens >= dataset.row_tokens:
        raise TrainError(f"generate.prompt_tokens is {config.generate.prompt_tokens}: a row has {dataset.row_tokens}")
    return dataset


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, join, train. Errors are a sentence, said by the rank that knows."""
    arguments = parse(argv)
    speaks = rank_in_environment() == 0
    try:
        config = read_config(arguments.config, arguments.set)
        with joined(config.device) as ranks:
            if ranks.device.type == "cuda":
                torch.cuda.set_per_process_memory_fraction(config.memory)
            if config.precision == "fp8":
                check_hardware(ranks.device)
            speaks = True
            return train(arguments, config, ranks)
    except Elsewhere:
        time.sleep(LINGER)
        return 1
    except (TrainError, SealError, ShardingError) as error:
        if speaks:
            say(f"error: {error}")
        else:
            time.sleep(LINGER)
        return error.exit_code if isinstance(error, TrainError) else 4


if __name__ == "__main__":
    sys.exit(main())
