"""python -m benchmarks [convolution attention rasteriser tile strokes splats meshes osm needs]: times, ratios, floors."""
from __future__ import annotations

import argparse
import importlib
import platform

import torch

from earthcrafter_core.precision import bfloat16_is_fast

from .timing import matmul_rate, memory_rate

NAMES = ("convolution", "attention", "rasteriser", "tile", "strokes", "splats", "meshes", "osm", "needs")


def main() -> None:
    """Run the named benchmarks (all by default) and print their rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    names = parser.parse_args().names or list(NAMES)
    for name in names:
        if name not in NAMES:
            parser.error(f"there is no benchmark {name!r}: use {', '.join(NAMES)}")
    single = matmul_rate(torch.float32)
    flops = {"float32": single, "sampling": matmul_rate(torch.bfloat16) if bfloat16_is_fast("cpu") else single}
    byte_rate = memory_rate()
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}: "
          f"{flops['float32'] / 1e9:.0f} GFLOP/s in float32 products, {flops['sampling'] / 1e9:.0f} in those of the sampling, "
          f"{byte_rate / 1e9:.1f} GB/s copied")
    print(f"{'what':58s} {'ms':>9s} {'ratio':>8s}  {'against':30s} {'GFLOP':>8s} {'MB':>8s} {'floor ms':>9s}")
    for name in names:
        for row in importlib.import_module(f".{name}", __package__).run():
            if "text" in row:
                print(row["text"])
                continue
            if "skipped" in row:
                print(f"{row['name']:58s} skipped: {row['skipped']}")
                continue
            floor = max((row.get("flops") or 0) / flops[row.get("rate", "float32")], (row.get("bytes") or 0) / byte_rate)
            ratio = f"{row['ratio']:8.2f}" if row.get("ratio") else " " * 8
            print(f"{row['name']:58s} {row['seconds'] * 1e3:9.3g} {ratio}  {row.get('reference') or '':30s} "
                  f"{(row.get('flops') or 0) / 1e9:8.2f} {(row.get('bytes') or 0) / 1e6:8.3g} {floor * 1e3:9.3g}")


if __name__ == "__main__":
    main()
