"""Rings of multipolygons from the lines that they are given in, also where some of these are missing."""
from __future__ import annotations

import numpy as np


def close_rings(lines: list[np.ndarray]) -> tuple[list[np.ndarray], int]:
    """Join lines [K, 2] end to end into rings.

    Lines that share an end are joined, turned round where needed. What then is still open (members that the extract does
    not hold) is joined to the nearest open end and closed by a straight line.

    Returns:
        Rings without their repeated last point, and how many straight lines had to stand in for missing ones.

    Example:
        >>> a, b = np.array([(0.0, 0.0), (1, 0), (1, 1)]), np.array([(0.0, 0.0), (0, 1), (1, 1)])
        >>> rings, mended = close_rings([a, b])
        >>> len(rings), len(rings[0]), mended
        (1, 4, 0)
    """
    rings, open_chains = _join([line for line in lines if len(line) >= 2])
    mended = 0
    while open_chains:
        chain = open_chains.pop(0)
        while True:
            gap = np.hypot(*(chain[-1] - chain[0]))
            ends = [(np.hypot(*(other[k] - chain[-1])), i, k) for i, other in enumerate(open_chains) for k in (0, -1)]
            distance, i, k = min(ends, default=(np.inf, -1, 0))
            mended += 1
            if distance >= gap:
                break
            other = open_chains.pop(i)
            chain = np.concatenate([chain, other if k == 0 else other[::-1]])
        rings.append(chain)
    return [ring for ring in rings if len(ring) >= 3], mended


def _join(lines: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Closed rings, and chains whose ends meet no other line's."""
    rings: list[np.ndarray] = []
    chains: list[np.ndarray] = []
    at_end: dict[tuple[float, float], list[int]] = {}
    for i, line in enumerate(lines):
        for end in (line[0], line[-1]):
            at_end.setdefault(_key(end), []).append(i)
    used = [False] * len(lines)
    for i, line in enumerate(lines):
        if used[i]:
            continue
        used[i] = True
        chain = [line]
        for _ in range(2):  # forwards from the last point, then the same from the first
            while _key(chain[0][0]) != _key(chain[-1][-1]):
                after = next((j for j in at_end[_key(chain[-1][-1])] if not used[j]), None)
                if after is None:
                    break
                used[after] = True
                step = lines[after]
                chain.append(step if _key(step[0]) == _key(chain[-1][-1]) else step[::-1])
            if _key(chain[0][0]) == _key(chain[-1][-1]):
                break
            chain = [part[::-1] for part in reversed(chain)]
        points = np.concatenate([chain[0], *(part[1:] for part in chain[1:])])
        if _key(points[0]) == _key(points[-1]):
            rings.append(points[:-1])
        else:
            chains.append(points)
    return rings, chains


def _key(point: np.ndarray) -> tuple[float, float]:
    return float(point[0]), float(point[1])
