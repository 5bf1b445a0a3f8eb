"""`python -m earthcrafter_core train NETWORK`: the options of the training loop."""
from __future__ import annotations

import argparse
from pathlib import Path

from ..weights.store import NETWORKS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `train`, one for each setting of trainer.TrainSettings."""
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--data", type=Path, required=True, help="folder that `dataset build` made")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder for weights, state and curves")
    parser.add_argument("--configuration", default="default", choices=("default", "paper"))
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--minutes", type=float, help="end the schedule after that many minutes, whatever the steps")
    parser.add_argument("--rate", type=float, help="learning rate at the start")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "bf16"))
    parser.add_argument("--init", type=Path, help="folder of weights to start from")
    parser.add_argument("--flux", type=Path, help="folder of FLUX-VAE weights (yours) whose features tex-vae and tex-flow read")
    parser.add_argument("--freeze", help="leave the parameters whose names start so as they are, e.g. encoder")


def main(args: argparse.Namespace) -> None:
    """Train one network. Raises EarthCrafterError."""
    from .trainer import TrainSettings, train
    names = ("network", "data", "out", "configuration", "steps", "minutes", "rate", "batch", "seed", "device",
             "precision", "init", "freeze", "flux")
    print(train(TrainSettings(**{k: getattr(args, k) for k in names})))
