"""The model card: what the shipped weights were trained on, how, and what they measure; written from the files themselves.

python -m earthcrafter_core.train.card --weights FOLDER --data DATA --evaluation E.json -o MODEL_CARD.md
"""
from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from safetensors import safe_open

from ..weights.store import NETWORKS, path_of

FLOORS = {"struct_vae_accuracy": ("StructVAE accuracy, held-out tiles", ">= 0.95"),
          "struct_vae_iou": ("StructVAE IoU at L", ">= 0.85"),
          "struct_vae_accuracy_unpainted": ("StructVAE accuracy where the decoder does not see the map", ""),
          "struct_vae_iou_unpainted": ("StructVAE IoU likewise", ""),
          "tex_vae_psnr": ("TexVAE PSNR of renderings, dB", ">= 26"),
          "miou_l8": ("occupancy IoU at L/8, semantic condition", "ground + 0.10"),
          "ground_l8": ("occupancy IoU at L/8 of the ground layer alone", ""),
          "miou_l": ("occupancy IoU at L, semantic condition", "reported"),
          "miou_l_decoded": ("the same before surfaces are mended", ""),
          "ground_l": ("occupancy IoU at L of the ground layer alone", ""),
          "adherence": ("layout adherence, all cells", ">= 0.85"),
          "adherence_decoded": ("the same before surfaces are mended", ""),
          "adherence_building": ("adherence of building cells (>= 2.5 m)", ""),
          "adherence_tree": ("adherence of tree cells (>= 2 m)", ""),
          "adherence_flat": ("adherence of water, road and grass cells (within 1 m)", ""),
          "between_seeds_l": ("diversity: 1 - IoU at L between seeds", "reported"),
          "colour_distance": ("distance of the classes' mean colours to the data, sRGB 0..255", "reported"),
          "colour_data_spread": ("the data's own spread of that from tile to tile", ""),
          "colour_made_spread": ("the made tiles' spread", "")}


def card(weights: Path, data: Path, evaluation: Path, note: str = "") -> str:
    """The card's text in Markdown; `note` is what the files do not tell of the training."""
    manifest = json.loads((data / "manifest.json").read_text())
    measured = json.loads(evaluation.read_text())
    lines = ["# Model card: the default weights", "",
             "Five small networks that turn a painted layout into a textured scene (see docs/architecture.md), trained "
             "by this project's own commands on a CPU. Half precision, averaged (EMA). Licence: GPL-3.0-or-later.", "",
             "## Data", "", f"Dataset hash `{manifest['hash']}`; {len(manifest['scenes'])} scenes, "
             f"{sum(s['voxels'] for s in manifest['scenes']):,} voxels of {manifest['voxel_size']:g} m. Training and test "
             f"places are {manifest['parameters']['gap']} m apart.", "",
             "| source | what | licence | train scenes | test scenes |", "|---|---|---|---|---|"]
    for name, about in manifest["sources"].items():
        count = {which: sum(s["source"] == name and s["split"] == which for s in manifest["scenes"])
                 for which in ("train", "test")}
        lines.append(f"| {name} | {about['source']} | {about['licence']} | {count['train']} | {count['test']} |")
    lines += ["", "## Training", "", "| network | parameters | steps | minutes | batch x tile | seed | data hash |",
              "|---|---|---|---|---|---|---|"]
    for network in NETWORKS:
        with safe_open(str(path_of(network, weights)), framework="pt") as f:
            meta = f.metadata()
            parameters = sum(f.get_tensor(k).numel() for k in f.keys())
        settings = json.loads(meta["settings"])
        lines.append(f"| {network} | {parameters / 1e6:.2f} M | {meta['steps']} | {float(meta['seconds']) / 60:.0f} "
                     f"| {meta['batch']} x {meta['tile']} | {settings['seed']} | `{meta['data_hash'][:12]}` |")
    lines += ["", note] if note else []
    lines += ["", "Learning curves lie in docs/training/. LPIPS is not used (its networks are not shipped here); TexVAE's "
              "renderings are compared by L1 and SSIM instead.", "", "## Measured", "",
              f"{len(measured['tiles'])} held-out tiles of 128 m ({measured['textured']} of them for colour), "
              f"{measured['seeds']} seeds, {measured['steps']} steps, device {measured['device']}, "
              "none of them seen in training.", "", "| what | floor | measured |", "|---|---|---|"]
    table = measured["table"]
    if measured["textured"] < 2:  # one tile has no spread
        table = {k: v for k, v in table.items() if not k.endswith("_spread")}
    lines += [f"| {label} | {floor} | {table[key]:.3f} |" for key, (label, floor) in FLOORS.items() if key in table]
    lines += ["", "## Limits", "", "Trained for an hour each. Facades and the colour of water are learnt from synthetic "
              "scenes alone. Classes that the four LiDAR places lack (towers, conifers, snow, sand, rock, orchards, railways, "
              "sports fields) look as the generator makes them.", ""]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    """Write the card, and the curves beside the documentation where --curves is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--evaluation", type=Path, required=True)
    parser.add_argument("--curves", type=Path, help="folder to copy the loss curves (CSV and PNG) to")
    parser.add_argument("--note", default="", help="what else is to be said of the training")
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args(argv)
    args.out.write_text(card(args.weights, args.data, args.evaluation, args.note))
    if args.curves is not None:
        args.curves.mkdir(parents=True, exist_ok=True)
        for network in NETWORKS:
            for ending in (".csv", ".png"):
                shutil.copyfile(args.weights / f"{network}{ending}", args.curves / f"{network}{ending}")


if __name__ == "__main__":
    main()
