"""Where weights lie and what names them; standard library alone. `store` reads and writes them."""
from __future__ import annotations

import hashlib
from pathlib import Path

FOLDER = Path(__file__).parent
NETWORKS = ("struct-vae", "tex-vae", "struct-coarse", "struct-fine", "tex-flow")


def path_of(network: str, folder: Path | None = None) -> Path:
    """The network's file in a folder of weights (the shipped ones by default)."""
    return Path(folder or FOLDER) / f"{network}.safetensors"


def weights_id(folder: Path | None = None) -> str:
    """16 hex digits that name the content of a folder's weights, "none" where one is missing."""
    digest = hashlib.sha256()
    try:
        for name in NETWORKS:
            digest.update(path_of(name, folder).read_bytes())
    except OSError:
        return "none"
    return digest.hexdigest()[:16]
