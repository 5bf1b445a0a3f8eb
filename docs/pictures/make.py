"""The pictures of the documentation, made again from the weights: real places beside generated ones, and every class.

python docs/pictures/make.py real DATA        layouts of held-out blocks, generated, beside the real places
python docs/pictures/make.py swatches         the 25 classes, painted as swatches
python docs/pictures/make.py overview         what `build.py demo` left in demo/, as the README's picture
"""
from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from earthcrafter_core.convert.files import read_splats  # noqa: E402
from earthcrafter_core.convert.from_training import training_to_scene  # noqa: E402
from earthcrafter_core.convert.layout_io import read_class_ids, write_layout  # noqa: E402
from earthcrafter_core.data.dataset import Dataset  # noqa: E402
from earthcrafter_core.pipeline import Models, Settings, generate  # noqa: E402
from earthcrafter_core.render import Camera  # noqa: E402
from earthcrafter_core.render.image import render_splats  # noqa: E402
from earthcrafter_core.scene import classes as sem  # noqa: E402
from earthcrafter_core.scene.layout import Layout  # noqa: E402
from earthcrafter_core.scene.splats import Splats  # noqa: E402

WIDTH, HEIGHT, SEED = 640, 420, 5
PLACES = {"woodford": 4, "autzen": 0}  # source: which of its held-out tiles


def made(layout: Layout, models: Models, seed: int) -> Splats:
    """Generated splats of a layout on flat ground."""
    with tempfile.TemporaryDirectory() as folder:
        generate(layout, Path(folder) / "scene", Settings(seed=seed, relief="flat"), models=models)
        return read_splats(Path(folder) / "scene" / "splats.ply")


def oblique(splats: Splats, side: float) -> np.ndarray:
    """The scene from the south-west, 35 degrees high."""
    return render_splats(splats, Camera.oblique((0, 0, side, side), width=WIDTH, height=HEIGHT))


def palette_picture(ids: np.ndarray, size: int) -> np.ndarray:
    """The layout in its palette's colours."""
    return np.asarray(Image.fromarray(sem.PALETTE[ids]).resize((size, size), Image.Resampling.NEAREST))


def titled(parts: list[tuple[str, np.ndarray]]) -> Image.Image:
    """Pictures of one height side by side, each with its title."""
    sheet = Image.new("RGB", (sum(p.shape[1] for _, p in parts) + 8 * (len(parts) - 1), parts[0][1].shape[0] + 18), "white")
    draw, x = ImageDraw.Draw(sheet), 0
    for title, picture in parts:
        draw.text((x + 2, 2), title, fill="black")
        sheet.paste(Image.fromarray(picture), (x, 18))
        x += picture.shape[1] + 8
    return sheet


def real(data: Path, models: Models) -> None:
    """real_<place>.png: the layout of a held-out block, the real place, the generated one."""
    test = Dataset(data, "test")
    for source, index in PLACES.items():
        tiles = test.test_tiles(source)
        tile = tiles[min(index, len(tiles) - 1)]
        side = tile.layout.shape[0]
        write_layout(HERE / f"{source}_layout.png", Layout(tile.layout), source)
        parts = [("layout", palette_picture(tile.layout, HEIGHT)),
                 ("the real place (LiDAR)", oblique(training_to_scene(tile)[1], side))]
        parts.append(("generated", oblique(made(Layout(tile.layout), models, SEED), side)))
        titled(parts).save(HERE / f"real_{source}.png", optimize=True)
        print(HERE / f"real_{source}.png")


def swatch_layout(cells: int = 25, gap: int = 2) -> Layout:
    """The 25 classes as 5 x 5 swatches with strips of lawn between them; class 1 in the north-west."""
    side = 5 * cells
    ids = np.full((side, side), sem.LAWN, np.uint8)
    for c in range(1, 26):
        row, col = divmod(c - 1, 5)
        ids[row * cells + gap:(row + 1) * cells - gap, col * cells + gap:(col + 1) * cells - gap] = c
    return Layout(ids)


def swatches(models: Models) -> None:
    """swatches.png: the layout, from above, oblique."""
    layout = swatch_layout()
    write_layout(HERE / "swatches_layout.png", layout, "swatches")
    side, size = layout.class_id.shape[0], 620
    splats = made(layout, models, SEED)
    map_ = Image.fromarray(palette_picture(layout.class_id, size))
    draw = ImageDraw.Draw(map_)
    for c in sem.CLASSES[1:]:
        row, col = divmod(c.id - 1, 5)
        draw.text((col * size / 5 + 16, row * size / 5 + size / 10 - 6), c.label[:17], fill="black", stroke_width=2,
                  stroke_fill="white")
    top = render_splats(splats, Camera.top_down((0, 0, side, side), width=size))
    view = render_splats(splats, Camera.oblique((0, 0, side, side), width=880, height=size, azimuth=180, elevation=40))
    titled([("painted", np.asarray(map_)), ("generated, from above", top), ("from the south", view)]).save(
        HERE / "swatches.png", optimize=True)
    print(HERE / "swatches.png")


def overview(demo: Path) -> None:
    """docs/demo/overview.jpg: the demo's layout and oblique render above its top and street renders."""
    def picture(name: str, height: int) -> Image.Image:
        whole = Image.open(demo / name).convert("RGB")
        return whole.resize((whole.width * height // whole.height, height), Image.Resampling.LANCZOS)

    ids = read_class_ids(demo / "layout.png")
    rows = [[Image.fromarray(palette_picture(ids, 440)), picture("oblique.png", 440)],
            [picture("top.png", 342), picture("street.png", 342)]]
    sheet = Image.new("RGB", (max(sum(p.width + 6 for p in row) - 6 for row in rows), 440 + 6 + 342), "white")
    for y, row in zip((0, 446), rows):
        x = 0
        for part in row:
            sheet.paste(part, (x, y))
            x += part.width + 6
    sheet.save(HERE.parent / "demo" / "overview.jpg", quality=88)
    print(HERE.parent / "demo" / "overview.jpg")


def main() -> None:
    """Make the pictures that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("real", "swatches", "overview"))
    parser.add_argument("data", nargs="?", type=Path, help="dataset folder, for `real`")
    parser.add_argument("--weights", type=Path)
    args = parser.parse_args()
    if args.what == "overview":
        overview(HERE.parents[1] / "demo")
        return
    models = Models("default", args.weights, "cpu")
    if args.what == "real":
        real(args.data, models)
    else:
        swatches(models)


if __name__ == "__main__":
    main()
