"""The training loop: AdamW, polynomial decay, EMA, mixed precision where it is faster, resume after a kill, curves."""
from __future__ import annotations

import csv
import json
import os
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from ..data.dataset import Dataset
from ..errors import BadInput
from ..models.config import config
from ..models.flux import FluxFeatures
from ..precision import autocast
from ..weights import store
from .stages import STAGES, Stage, stage_of

MEASURED = 200
"""Batches that a stage may measure before a training from nothing, and after any; it takes as many as it needs."""


@dataclass
class TrainSettings:
    """How to train one network.

    Attributes:
        network: one of weights.store.NETWORKS. data: folder that `dataset build` made. out: for weights, state and curves.
        steps: optimiser steps of the whole schedule. minutes: end the schedule earlier than that many minutes, or None.
        rate: learning rate at the start, None for the network's own. batch: samples a step, None for the network's own.
        power: of the polynomial decay to 0. ema: decay of the averaged weights. seed: of everything drawn.
        precision: "auto" (bfloat16 where it measures faster than float32), "fp32" or "bf16".
        init: folder of weights to start from instead of fresh ones, or None.
        freeze: parameters whose names start so stay as they are ("encoder" with struct-vae: refine its decoder under the
            trained fine flow, whose weights must lie beside it), or None.
        flux: folder of FLUX-VAE weights whose features tex-vae reads (and tex-flow on such a tex-vae), or None.
    """

    network: str
    data: Path
    out: Path
    configuration: str = "default"
    steps: int = 2000
    minutes: float | None = None
    rate: float | None = None
    batch: int | None = None
    power: float = 1.0
    weight_decay: float = 0.01
    ema: float = 0.998
    seed: int = 0
    device: str = "cpu"
    precision: str = "auto"
    save_every: int = 100
    init: Path | None = None
    freeze: str | None = None
    flux: Path | None = None


class Ema:
    """Exponential moving average of a module's parameters; the decay warms up so that early steps are forgotten."""

    def __init__(self, module: nn.Module, decay: float):
        self.decay = decay
        self.values = {k: p.detach().clone() for k, p in module.named_parameters()}

    def update(self, module: nn.Module, step: int) -> None:
        """Take in the parameters after `step` steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for k, p in module.named_parameters():
            self.values[k].lerp_(p.detach(), 1 - decay)

    def copy_to(self, module: nn.Module) -> None:
        """Put the average into the module."""
        with torch.no_grad():
            for k, p in module.named_parameters():
                p.copy_(self.values[k])


def train(s: TrainSettings) -> Path:
    """Train one network, resuming from `out` if a state lies there; returns the path of the written weights.

    Raises:
        BadInput: unknown network or data. WeightsError: the VAE that a flow needs is missing.
    """
    if s.network not in STAGES:
        raise BadInput(f"There is no network named {s.network!r}.", f"Use one of {', '.join(STAGES)}.")
    torch.manual_seed(s.seed)
    data = Dataset(s.data, "train")
    extra = [FluxFeatures(s.flux, s.device)] if s.flux is not None else []
    if extra and not s.network.startswith("tex-"):
        raise BadInput(f"The network {s.network!r} reads no FLUX-VAE features.", "Leave --flux out.")
    stage: Stage = stage_of(s.network, s.freeze)(config(s.configuration), s.init or s.out, *extra)
    if s.init is not None:
        store.load(s.network, stage.module, s.init, s.configuration)
    module = stage.module.to(s.device).train()
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(s.freeze is None or not name.startswith(s.freeze))
    learnt = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=1.0, betas=(0.9, 0.98), weight_decay=s.weight_decay)
    ema = Ema(module, s.ema)
    state = s.out / f"{s.network}.state.safetensors"
    step, spent = _resume(state, module, optimizer, ema)
    if step == 0 and s.init is None:
        with torch.no_grad():
            stage.prepare(stage.draw(data, s.seed + 2, i, 4, s.device) for i in range(MEASURED))
    log = CurveLog(s.out / f"{s.network}.csv", step)
    start = time.monotonic() - spent
    rate = s.rate or stage.rate
    bar = tqdm(total=s.steps, initial=step, desc=s.network, dynamic_ncols=True, mininterval=2.0)
    while True:
        elapsed = time.monotonic() - start
        done = max(step / s.steps, elapsed / (60 * s.minutes) if s.minutes else 0)
        if done >= 1:
            break
        rng = np.random.default_rng((s.seed, step, 1))  # a resumed run draws what an unbroken one would have drawn
        torch.manual_seed(int(rng.integers(2 ** 62)))
        batch = stage.draw(data, s.seed, step, s.batch or stage.batch, s.device)
        with autocast(s.device, s.precision):
            loss, figures = stage.loss(batch, rng)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 50) * (1 - done) ** s.power
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(learnt, 1.0)
        optimizer.step()
        step += 1
        ema.update(module, step)
        log.add(step, {"loss": float(loss.detach()), **figures})
        bar.set_postfix({k: f"{v:.3g}" for k, v in log.recent().items()}, refresh=False)
        bar.update()
        if step % s.save_every == 0:
            _save_state(state, module, optimizer, ema, step, time.monotonic() - start)
            log.flush()
    bar.close()
    _save_state(state, module, optimizer, ema, step, time.monotonic() - start)
    log.flush()
    return _finish(s, stage, ema, data, step, time.monotonic() - start, log)


class CurveLog:
    """Loss curves: one CSV row for every 10 steps (means), and a picture of them."""

    EVERY = 10

    def __init__(self, path: Path, step: int):
        self.path, self.rows = path, [r for r in _read_csv(path) if float(r["step"]) <= step]
        self.pending: dict[str, list[float]] = defaultdict(list)

    def add(self, step: int, figures: dict[str, float]) -> None:
        """Note one step's figures."""
        for k, v in figures.items():
            self.pending[k].append(v)
        if step % self.EVERY == 0:
            self.rows.append({"step": step, **{k: float(np.mean(v)) for k, v in self.pending.items()}})
            self.pending.clear()

    def recent(self) -> dict[str, float]:
        """The last row without the step."""
        return {k: float(v) for k, v in self.rows[-1].items() if k != "step"} if self.rows else {}

    def flush(self) -> None:
        """Write the CSV and the PNG."""
        if not self.rows:
            return
        temporary = self.path.with_suffix(".tmp")
        temporary.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "w", newline="") as f:
            writer = csv.DictWriter(f, list(self.rows[-1]))
            writer.writeheader()
            writer.writerows(self.rows)
        os.replace(temporary, self.path)
        self._plot()

    def _plot(self) -> None:
        from matplotlib.figure import Figure
        names = [k for k in self.rows[-1] if k != "step"]
        figure = Figure(figsize=(3.2 * len(names), 2.6), layout="constrained")
        for axis, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names):
            axis.plot([float(r["step"]) for r in self.rows], [float(r[name]) for r in self.rows], linewidth=0.8)
            axis.set_title(name)
            axis.set_xlabel("step")
        figure.savefig(self.path.with_suffix(".png"), dpi=80)


def _read_csv(path: Path) -> list[dict]:
    if not path.is_file():
        return []
    with open(path, newline="") as f:
        return list(csv.DictReader(f))


def _save_state(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, ema: Ema, step: int,
                spent: float) -> None:
    names = {id(p): k for k, p in module.named_parameters()}
    tensors = {f"model.{k}": v for k, v in module.state_dict().items()}
    tensors |= {f"ema.{k}": v for k, v in ema.values.items()}
    for p, slots in optimizer.state.items():
        tensors |= {f"adam.{names[id(p)]}.{k}": v for k, v in slots.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    save_file(tensors, str(temporary), {"progress": json.dumps({"step": step, "seconds": spent})})
    os.replace(temporary, path)


def _resume(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, ema: Ema) -> tuple[int, float]:
    """Fill everything from a state file; step and seconds spent, 0 where there is none."""
    if not path.is_file():
        return 0, 0.0
    from safetensors import safe_open
    with safe_open(str(path), framework="pt") as f:
        progress = json.loads(f.metadata()["progress"])
    tensors: dict[str, Tensor] = load_file(str(path))
    try:
        module.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
    except RuntimeError as e:
        raise BadInput(f"The training state {path} is of another network.", "Remove it or choose another folder.") from e
    for k, p in module.named_parameters():
        ema.values[k].copy_(tensors[f"ema.{k}"])
        slots = {name: tensors[f"adam.{k}.{name}"] for name in ("step", "exp_avg", "exp_avg_sq")
                 if f"adam.{k}.{name}" in tensors}
        if slots:
            optimizer.state[p] = {n: v.to(p.device) if n != "step" else v for n, v in slots.items()}
    return int(progress["step"]), float(progress["seconds"])


def _finish(s: TrainSettings, stage: Stage, ema: Ema, data: Dataset, step: int, seconds: float, log: CurveLog) -> Path:
    """Average into the module, measure statistics, write the weights with what they come from."""
    ema.copy_to(stage.module)
    stage.module.eval()
    if s.freeze is None:  # a frozen encoder keeps the statistics that the flows were trained with
        with torch.no_grad():
            stage.statistics(stage.draw(data, s.seed + 1, i, 4, s.device) for i in range(MEASURED))
    settings = {k: str(v) for k, v in asdict(s).items() if k not in ("data", "out", "init", "flux")}
    return store.save(s.network, stage.module, s.out, {
        "configuration": s.configuration, "data_hash": data.manifest["hash"], "steps": str(step), "seconds": f"{seconds:.0f}",
        "batch": str(s.batch or stage.batch), "tile": str(stage.size),
        "settings": json.dumps(settings), "last": json.dumps(log.recent())})
