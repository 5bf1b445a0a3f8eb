"""What the command line, Blender and the makers of layouts know in common about where layouts come from. NumPy alone."""
from __future__ import annotations

from typing import NamedTuple

from ..errors import BadInput

MAP_SUFFIXES = (".osm", ".osm.bz2", ".osm.gz", ".osm.pbf", ".pbf", ".geojson", ".json")
SURVEY_SUFFIXES = (".laz", ".las")


class Preset(NamedTuple):
    """A kind of place to start from: its name in options, what an artist reads, and one sentence about it."""

    name: str
    label: str
    description: str


PRESETS = (
    Preset("suburb", "Suburb", "Streets of detached houses with drives, gardens and pools"),
    Preset("downtown", "Downtown", "Blocks of towers, offices and apartments around car parks, courts and squares"),
    Preset("village", "Village", "A crooked main road with houses, barns and a church among gardens and fields"),
    Preset("coast", "Coast", "Sea, a beach, a promenade, and houses behind"),
    Preset("valley", "Mountain Valley", "A stream, meadows, a road and huts below woods, rock and snow"),
    Preset("farmland", "Farmland", "Fields, orchards and hedges around farmyards on a lane"),
    Preset("campus", "Campus", "Large buildings in lawns with paths, sports fields and car parks"),
)


def parse_place(text: str) -> tuple[float, float] | None:
    """Latitude and longitude in degrees of text like "53.557, 13.261"; None for an empty one. Raises BadInput."""
    if not text.strip():
        return None
    try:
        lat, lon = (float(part) for part in text.replace(",", " ").split())
    except ValueError as e:
        raise BadInput(f"The centre {text!r} is no place.",
                       "Give latitude and longitude in degrees, such as 53.557, 13.261.") from e
    if not (-85 <= lat <= 85 and -180 <= lon <= 180):
        raise BadInput(f"The centre {text!r} is no place on a map.", "Give the latitude first, -85 to 85, then the longitude.")
    return lat, lon
