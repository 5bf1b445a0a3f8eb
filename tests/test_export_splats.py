"""Splat files: what we write is read by others, and the same comes back."""
from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import export_scene
import numpy as np
import outside_tools
import pytest
from scipy.spatial import cKDTree

from earthcrafter_core.convert.ply import read_splats, splat_bytes
from earthcrafter_core.errors import BadInput
from earthcrafter_core.export.axes import GLTF, OURS, SPLATS
from earthcrafter_core.export.splat_files import SPZ_REACH, along_curve, write_packed, write_ply
from earthcrafter_core.export.splat_gltf import EXTENSION, write_splat_glb
from earthcrafter_core.scene.splats import Splats

gaussforge = pytest.importorskip("gaussforge")
PACKED = ("compressed.ply", "spz", "sog", "splat")
# of each: metres of places, degrees of normals, share of standard deviations, of colour and opacity (0..1)
NEAR = {"ply": (1e-5, 0.1, 1e-4, 1e-5), "compressed.ply": (0.02, 0.3, 0.01, 0.005), "spz": (0.001, 0.3, 0.04, 0.005),
        "sog": (0.02, 1.5, 0.05, 0.01), "splat": (1e-5, 2.0, 1e-4, 0.005)}


def write(path: Path, kind: str, axes=SPLATS, splats: Splats | None = None) -> Path:
    splats = export_scene.splats() if splats is None else splats
    if kind == "ply":
        write_ply(path, splats, axes)
    else:
        write_packed(path, splats, axes, kind)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("splats")
    return {kind: write(folder / f"town.{kind}", kind) for kind in ("ply", *PACKED)}


def as_ply(path: Path, kind: str, reader: str, folder: Path) -> Splats:
    """What a reader of other people's finds in a file, in the axes of the file."""
    out = folder / f"{reader}.{kind}.ply"
    if reader == "gaussforge":
        made = gaussforge.GaussForge().convert(path.read_bytes(), kind, "ply")
        assert "data" in made, made.get("error")
        out.write_bytes(made["data"])
    else:
        splat_transform("-w", path, out)
    return read_splats(out)


def splat_transform(*arguments: str | Path) -> str:
    cli = outside_tools.modules() / "@playcanvas" / "splat-transform" / "bin" / "cli.mjs"
    done = subprocess.run(["node", str(cli), "-q", *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_same(given: Splats, found: Splats, kind: str) -> None:
    """Splat for splat by its nearest of all properties (the order may differ), within the format's steps."""
    assert len(given) == len(found)
    place, degrees, size, shade = NEAR[kind]

    def key(s: Splats) -> np.ndarray:
        n = s.normals()
        return np.concatenate([s.mean, (n[:, :, None] * n[:, None]).reshape(-1, 9), s.rgb() / 255], 1)  # n and -n are one

    index = cKDTree(key(found)).query(key(given))[1]
    assert len(np.unique(index)) > 0.99 * len(index)
    assert np.abs(found.mean[index] - given.mean).max() < place
    cos = np.abs((found.normals()[index] * given.normals()).sum(1)).clip(0, 1)
    assert np.degrees(np.arccos(cos)).max() < degrees
    a, b = (np.sort(np.exp(s.log_scale), 1) for s in (given, found))
    assert np.median(np.abs(b[index] / a - 1)) < size
    alpha = [1 / (1 + np.exp(-s.opacity.astype(float))) for s in (given, found)]
    assert np.abs(alpha[1][index] - alpha[0]).max() < shade
    assert np.abs(found.rgb()[index].astype(int) - given.rgb()).max() <= 255 * shade + 1


@pytest.mark.parametrize("kind", ["ply", *PACKED])
def test_gaussforge_reads_the_same(files, kind, tmp_path):
    assert_same(SPLATS.splats(export_scene.splats()), as_ply(files[kind], kind, "gaussforge", tmp_path), kind)


@pytest.mark.parametrize("kind", ["ply", *PACKED])
def test_splat_transform_reads_the_same(files, kind, tmp_path):
    assert_same(SPLATS.splats(export_scene.splats()), as_ply(files[kind], kind, "splat-transform", tmp_path), kind)


@pytest.mark.parametrize("kind", ["ply", "compressed.ply", "spz"])
def test_gsply_counts_the_same(files, kind):
    gsply = pytest.importorskip("gsply")
    read = gsply.read_spz if kind == "spz" else gsply.plyread
    assert len(read(str(files[kind]))) == len(export_scene.splats())


def test_all_readers_count_the_same(files):
    """splat-transform's own word for what each file is, and how many splats it holds."""
    for kind, path in files.items():
        told = json.loads(splat_transform(path, "--info", "json", "null"))
        assert told["numGaussians"] == len(export_scene.splats()), kind
        assert told["format"] == ("ply" if kind.endswith("ply") else kind)


def test_the_same_bytes_every_time(files, tmp_path):
    for kind, path in files.items():
        assert write(tmp_path / path.name, kind).read_bytes() == path.read_bytes(), kind


@pytest.mark.parametrize("axes, up", [(SPLATS, (0, -1, 0)), (GLTF, (0, 1, 0)), (OURS, (0, 0, 1))], ids=lambda a: str(a)[:12])
def test_axes(axes, up, tmp_path):
    """As many splats lie level as in ours, wherever up is, and heights are the same."""
    found = as_ply(write(tmp_path / "a.splat", "splat", axes), "splat", "gaussforge", tmp_path)
    height = found.mean @ np.array(up, np.float32)
    level = [np.mean(np.abs(n @ np.array(u)) > 0.99) for n, u in ((found.normals(), up),
                                                                  (export_scene.splats().normals(), (0, 0, 1)))]
    assert level[0] == pytest.approx(level[1], abs=0.02) and level[1] > 0.5
    ours = export_scene.splats().mean[:, 2]
    assert np.allclose([height.min(), height.max()], [ours.min(), ours.max()], atol=1e-4)


def test_neighbours_lie_together():
    """Blocks of 256 on the curve are several times smaller than blocks in the order of the columns."""
    def spread(s: Splats) -> float:
        whole = s.mean[:len(s) // 256 * 256].reshape(-1, 256, 3)
        return float(np.median(np.ptp(whole, axis=1).max(1)))

    splats = export_scene.splats()
    assert spread(along_curve(splats)) < 0.5 * spread(splats)
    assert set(map(tuple, along_curve(splats).mean)) == set(map(tuple, splats.mean))


def test_spz_refuses_what_it_cannot_hold(tmp_path):
    far = export_scene.splats()
    far = replace(far, mean=far.mean + np.float32(SPZ_REACH))
    with pytest.raises(BadInput, match="SPZ holds"):
        write_packed(tmp_path / "far.spz", far, GLTF, "spz")
    write_packed(tmp_path / "far.sog", far, GLTF, "sog")


def test_our_own_file_keeps_the_class_and_others_do_without(tmp_path):
    gsply, gaussforge = pytest.importorskip("gsply"), pytest.importorskip("gaussforge")
    splats = export_scene.splats()
    own = tmp_path / "own.ply"
    own.write_bytes(splat_bytes(splats))
    assert np.array_equal(read_splats(own).class_id, splats.class_id) and len(np.unique(splats.class_id)) > 1
    assert np.array_equal(gsply.plyread(str(own)).means, splats.mean)
    made = gaussforge.GaussForge().convert(own.read_bytes(), "ply", "splat")
    assert len(made["data"]) == 32 * len(splats)
    write_ply(tmp_path / "a.ply", splats, OURS, ("x east, y north, z up, metres",))
    head = (tmp_path / "a.ply").read_bytes().partition(b"end_header")[0].decode()
    assert "class_id" not in head and "comment x east, y north, z up, metres\n" in head


def test_gltf_splats(tmp_path):
    """The Khronos validator knows only that it does not know the extension; values are read back apart from our code."""
    pygltflib = pytest.importorskip("pygltflib")
    path, splats = tmp_path / "a.glb", along_curve(export_scene.splats())
    write_splat_glb(path, splats, GLTF, {"crs": "EPSG:32633"})
    document = pygltflib.GLTF2().load(str(path))
    primitive = document.meshes[0].primitives[0]
    assert document.extensionsUsed == [EXTENSION] and primitive.mode == pygltflib.POINTS
    assert primitive.extensions[EXTENSION]["kernel"] == "ellipse"
    assert document.nodes[0].extras == {"crs": "EPSG:32633"}

    def values(name: str, width: int) -> np.ndarray:
        a = document.accessors[getattr(primitive.attributes, name)]
        view = document.bufferViews[a.bufferView]
        return np.frombuffer(document.binary_blob(), "<f4", a.count * width, view.byteOffset).reshape(-1, width)

    turned = GLTF.splats(splats)
    assert np.allclose(values("POSITION", 3), turned.mean)
    assert np.allclose(values(f"{EXTENSION}:ROTATION", 4)[:, [3, 0, 1, 2]], turned.quat, atol=1e-6)
    assert np.allclose(values(f"{EXTENSION}:SCALE", 3)[:, :2], np.exp(turned.log_scale))
    assert np.allclose(values(f"{EXTENSION}:OPACITY", 1)[:, 0], 1 / (1 + np.exp(-turned.opacity)), atol=1e-6)
    assert np.allclose(values(f"{EXTENSION}:SH_DEGREE_0_COEF_0", 3), turned.sh[:, 0])


def test_gltf_splats_by_the_khronos_validator(tmp_path):
    """It has no support for the extension (2.0.0-dev.3.10) and takes the names of its attributes, which are the
    specification's, for errors; there is nothing else to say."""
    write_splat_glb(tmp_path / "a.glb", export_scene.splats(), GLTF, {})
    issues = outside_tools.khronos(tmp_path / "a.glb")[0]["issues"]
    errors = [m for m in issues["messages"] if m["severity"] < 2]
    assert {m["code"] for m in errors} == {"MESH_PRIMITIVE_INVALID_ATTRIBUTE"}
    assert all(m["pointer"].rpartition("/")[2].startswith(f"{EXTENSION}:") for m in errors) and len(errors) == 4


def test_gltf_splats_as_splat_transform_writes_them(tmp_path):
    """From our .ply it makes a .glb with the same attributes and the same values, but for its own turn about the vertical."""
    pygltflib = pytest.importorskip("pygltflib")
    write_ply(tmp_path / "a.ply", export_scene.splats(), SPLATS)
    splat_transform("-w", tmp_path / "a.ply", tmp_path / "theirs.glb")
    write_splat_glb(tmp_path / "ours.glb", export_scene.splats(), GLTF, {})
    theirs, ours = (pygltflib.GLTF2().load(str(tmp_path / f"{n}.glb")) for n in ("theirs", "ours"))
    a, b = (d.meshes[0].primitives[0] for d in (theirs, ours))
    names = [{k for k, v in vars(p.attributes).items() if v is not None} for p in (a, b)]
    assert names[0] == names[1]
    assert a.extensions == b.extensions
    bounds = [np.array([d.accessors[p.attributes.POSITION].min, d.accessors[p.attributes.POSITION].max])
              for d, p in ((theirs, a), (ours, b))]
    turned = np.sort(bounds[0] * [-1, 1, -1], 0)  # it shows .ply turned by 180 degrees about the vertical from ours
    assert np.allclose(turned, bounds[1], atol=1e-4)
