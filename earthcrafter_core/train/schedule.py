"""All five trainings in one go, and StructVAE's decoder refined under the fine flow at the end, for a machine that is lent for
half an hour or a CPU over night; resumes after a kill.

python -m earthcrafter_core.train.schedule --data DATA -o WEIGHTS --minutes 25 --device cuda [--init earthcrafter_core/weights]
"""
from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

from ..weights.store import NETWORKS, path_of
from .trainer import TrainSettings, train

SHARE = {"struct-vae": 0.18, "tex-vae": 0.08, "struct-coarse": 0.18, "struct-fine": 0.22, "tex-flow": 0.22}
"""Share of the time; the flows come after the VAE whose latent they learn. weights.store.NETWORKS is such an order."""
REFINE = 0.12
"""Share of the decoder's refinement at the end."""
BATCH = {"cpu": 1, "cuda": 8}
"""Batches larger than the networks' own by this factor; the learning rate stays."""


def run(data: Path, out: Path, minutes: float, device: str = "cpu", init: Path | None = None, seed: int = 0,
        configuration: str = "default") -> None:
    """Train every network whose weights are not in `out` yet, one after another, within `minutes` altogether.

    The decoder's refinement works in out/refined, its weights take StructVAE's place in `out` at the end.
    """
    from .stages import STAGES
    factor = BATCH["cuda" if device.startswith("cuda") else "cpu"]

    def phase(network: str, share: float, folder: Path, start: Path | None, freeze: str | None = None) -> None:
        if path_of(network, folder).is_file():
            return
        begun = time.monotonic()
        train(TrainSettings(network, data, folder, configuration, steps=10 ** 6, minutes=minutes * share,
                            batch=STAGES[network].batch * factor, seed=seed, device=device, init=start, freeze=freeze))
        print(f"{network}: {(time.monotonic() - begun) / 60:.1f} min")

    for network in NETWORKS:
        phase(network, SHARE[network], out, init)
    refined = out / "refined"
    phase("struct-vae", REFINE, refined, out, "encoder")
    shutil.copyfile(path_of("struct-vae", refined), path_of("struct-vae", out))


def main(argv: list[str] | None = None) -> None:
    """Options of the schedule."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--init", type=Path, help="weights to start from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--configuration", default="default", choices=("default", "paper"))
    args = parser.parse_args(argv)
    run(args.data, args.out, args.minutes, args.device, args.init, args.seed, args.configuration)


if __name__ == "__main__":
    main()
