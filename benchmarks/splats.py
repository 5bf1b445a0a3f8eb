"""Splats into Blender: seconds and memory of what the add-on does, beside a plain import that sets vertex after vertex.

Each import runs in a process of its own (headless Blender, the bpy package), from a splats.ply of discs on rolling ground,
so that the peak of its memory is its own. "import" is from the file to an object with all attributes, "drawn" what its nodes
need once to show it.
"""
from __future__ import annotations

import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
COUNTS = (200_000, 1_000_000)
CAP = 100_000
BYTES_SPLAT = 68 + 4 * (3 + 1 + 4 + 1 + 4 + 3)  # a vertex of the file, and of the mesh: place, class, colour, opacity ...


def run() -> list[dict]:
    """Rows: name, seconds, ratio (plain import / this; above 1 is faster), reference, bytes."""
    if importlib.util.find_spec("bpy") is None:
        return [{"name": "splats", "skipped": "the package bpy is not installed"}]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count in COUNTS:
            path = Path(folder) / f"{count}.ply"
            write(path, count)
            plain, ours, capped = (_in_a_process(kind, path) for kind in ("plain", "ours", "capped"))
            against = {"reference": f"vertex by vertex, {plain['MB']:.0f} MB", "bytes": count * BYTES_SPLAT}
            size = f"{count:,} splats"
            rows += [
                {"name": f"{size}: plain import ({plain['MB']:.0f} MB)", "seconds": plain["import"]},
                {"name": f"{size}: import ({ours['MB']:.0f} MB)", "seconds": ours["import"],
                 "ratio": plain["import"] / ours["import"], **against},
                {"name": f"{size}: longest step of it on the main thread", "seconds": ours["step"]},
                {"name": f"{size}: import, merged to {CAP:,}", "seconds": capped["import"],
                 "ratio": plain["import"] / capped["import"], **against},
                {"name": f"{size}: drawn as points", "seconds": ours["points"]},
                {"name": f"{size}: drawn as discs ({ours['discs MB']:.0f} MB)", "seconds": ours["discs"]}]
    return rows


def write(path: Path, count: int) -> None:
    """A splats.ply of `count` discs on rolling ground, the same each time."""
    from earthcrafter_core.convert.files import write_splats
    from earthcrafter_core.scene.splats import Splats

    rng = np.random.default_rng(0)
    side = count ** 0.5 / 2
    x, y = rng.uniform(0, side, (2, count))
    quat = rng.normal([1, 0, 0, 0], 0.1, (count, 4))
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    write_splats(path, Splats(np.stack([x, y, 3 * np.sin(x / 9) * np.cos(y / 13)], 1).astype(np.float32),
                              rng.normal(np.log(0.3), 0.3, (count, 2)).astype(np.float32), quat.astype(np.float32),
                              rng.normal(3, 1, count).astype(np.float32), rng.normal(0, 1, (count, 1, 3)).astype(np.float32),
                              rng.integers(1, 26, count).astype(np.uint8)))


def _in_a_process(kind: str, path: Path) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-m", "benchmarks.splats", kind, str(path)], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def _peak() -> float:
    """Megabytes that this process has held at most; what the one that started it held counts in `resource`, not in /proc."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10))


def _timed(call: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    value = call()
    return time.perf_counter() - start, value


def _ours(addon: object, path: Path, cap: int) -> dict[str, float]:
    import bpy

    arrays, files, objects, nodes, merging = (addon.part(n) for n in (  # type: ignore[attr-defined]
        "splat_arrays", "result_files", "cloud_objects", "splat_nodes", "earthcrafter_core.scene.merging"))
    group, before = nodes.splats_group(), _peak()

    def read() -> object:
        splats = files.read_splats(path)
        return arrays.splat_arrays(merging.merged(splats, cap))

    seconds, made = _timed(read)
    steps, longest, obj = objects.cloud_object("Splats", made, group, {}), 0.0, None
    while obj is None:
        start = time.perf_counter()
        try:
            next(steps)
        except StopIteration as end:
            obj = end.value
        seconds, longest = seconds + time.perf_counter() - start, max(longest, time.perf_counter() - start)
    figures = {"import": seconds, "step": longest, "MB": _peak() - before}
    bpy.context.scene.collection.objects.link(obj)
    for form in ("POINTS", "DISCS"):
        obj.earthcrafter_splats.viewport = form
        figures[form.lower()] = _timed(lambda: bpy.context.evaluated_depsgraph_get())[0]
    return {**figures, "discs MB": _peak() - before}


def _plain(path: Path) -> dict[str, float]:
    """What a first script would do: the file read as it is, then for each vertex its place and attributes."""
    import bpy

    before = _peak()

    def plain() -> None:
        with open(path, "rb") as f:
            names, count = [], 0
            while (words := f.readline().split()) != [b"end_header"]:
                count = int(words[2]) if words[:2] == [b"element", b"vertex"] else count
                names += [(words[2].decode(), {b"float": "<f4", b"uchar": "u1"}[words[1]])] if words[0] == b"property" else []
            rows = np.frombuffer(f.read(), np.dtype(names), count)
        mesh = bpy.data.meshes.new("Plain")
        mesh.vertices.add(count)
        for name, kind in (("Col", "FLOAT_COLOR"), ("opacity", "FLOAT"), ("scale", "FLOAT_VECTOR"), ("rotation", "QUATERNION")):
            mesh.attributes.new(name, kind, "POINT")
        color, opacity, scale, rotation = (mesh.attributes[name].data for name in ("Col", "opacity", "scale", "rotation"))
        for i, row in enumerate(rows):
            mesh.vertices[i].co = row["x"], row["y"], row["z"]
            color[i].color = *(0.5 + 0.28209479 * row[f"f_dc_{k}"] for k in range(3)), 1.0
            opacity[i].value = 1 / (1 + np.exp(-row["opacity"]))
            scale[i].vector = np.exp(row["scale_0"]), np.exp(row["scale_1"]), 1.0
            rotation[i].value = row["rot_0"], row["rot_1"], row["rot_2"], row["rot_3"]

    return {"import": _timed(plain)[0], "MB": _peak() - before}


def _main() -> None:
    """One import in this process; prints its figures as JSON."""
    kind, path = sys.argv[1], Path(sys.argv[2])
    sys.path.insert(0, str(ROOT / "tests"))
    addon = importlib.import_module("addon")
    addon.enable()
    figures = _plain(path) if kind == "plain" else _ours(addon, path, CAP if kind == "capped" else 1 << 40)
    print(json.dumps(figures))


if __name__ == "__main__":
    _main()
