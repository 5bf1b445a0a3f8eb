"""What OpenStreetMap's tags stand for among the classes: the one home of this mapping. NumPy alone."""
from __future__ import annotations

from . import classes as c

# For each class: keys and their values; "*" is any value and counts where no exact tag does.
OSM: dict[int, dict[str, str]] = {
    c.HOUSE: {
        "building": "house detached semidetached_house terrace bungalow residential farm cabin semi villa static_caravan "
                    "houseboat detached_house",
    },
    c.APARTMENTS: {
        "building": "apartments dormitory hotel prefabricated",
    },
    c.TOWER: {
        "man_made": "tower chimney water_tower communications_tower",
        "building": "tower skyscraper water_tower",
    },
    c.COMMERCIAL: {
        "building": "commercial retail office public school university hospital church civic government kindergarten "
                    "supermarket train_station college cathedral chapel mosque temple synagogue monastery castle museum "
                    "stadium sports_hall sports_centre fire_station transportation shop mall kiosk grandstand parking "
                    "religious shrine theatre pavilion",
    },
    c.INDUSTRIAL: {
        "building": "industrial warehouse hangar barn farm_auxiliary manufacture greenhouse stable cowshed sty silo "
                    "factory storage_tank depot works digester storage slurry_tank boathouse",
        "man_made": "storage_tank silo gasometer bunker_silo",
        "railway": "roundhouse",
    },
    c.STRUCTURE: {
        "building": "garage garages shed roof carport service hut ruins bunker toilets tent gatehouse transformer_tower "
                    "allotment_house canopy",
        "barrier": "city_wall",
        "amenity": "shelter",
        "historic": "citywalls",
    },
    c.ROAD: {
        "highway": "motorway trunk primary secondary tertiary unclassified residential living_street service "
                   "motorway_link trunk_link primary_link secondary_link tertiary_link road busway raceway",
        "aeroway": "runway taxiway",
        "area:highway": "*",
    },
    c.PATH: {
        "highway": "footway path pedestrian cycleway track steps bridleway platform",
        "place": "square",
        "railway": "platform",
        "public_transport": "platform",
        "amenity": "marketplace bus_station bicycle_parking fuel car_wash courthouse",
        "aeroway": "helipad",
        "landuse": "plaza commercial retail industrial garages port depot",
        "area:highway": "footway pedestrian cycleway",
        "man_made": "breakwater groyne works wastewater_plant water_works",
        "power": "substation sub_station plant",
        "shop": "*",
    },
    c.PARKING: {
        "amenity": "parking parking_space",
        "aeroway": "apron",
        "highway": "rest_area services",
        "landuse": "fairground",
    },
    c.RAILWAY: {
        "railway": "rail light_rail tram narrow_gauge disused preserved subway monorail funicular",
        "landuse": "railway",
    },
    c.BRIDGE: {
        "man_made": "bridge pier",
    },
    c.LAWN: {
        "landuse": "grass village_green cemetery recreation_ground residential allotments farmyard education "
                   "institutional religious churchyard civic_admin flowerbed greenery",
        "leisure": "park garden common golf_course sports_centre dog_park playground recreation_ground water_park resort "
                   "horse_riding stadium",
        "golf": "*",
        "amenity": "grave_yard school kindergarten university college hospital clinic nursing_home social_facility "
                   "place_of_worship monastery prison fire_station police",
        "tourism": "camp_site caravan_site picnic_site zoo attraction theme_park",
        "aeroway": "aerodrome",
        "landcover": "grass",
    },
    c.MEADOW: {
        "landuse": "meadow military pasture greenfield animal_keeping grassland logging conservation",
        "natural": "grassland wetland fell tundra meadow",
        "leisure": "nature_reserve",
    },
    c.SHRUB: {
        "natural": "scrub heath shrubbery bush",
        "barrier": "hedge",
        "wetland": "reedbed swamp mangrove",
        "landuse": "scrub",
    },
    c.BROADLEAF: {
        "leaf_type": "broadleaved",
        "natural": "wood tree tree_row tree_group",
        "landuse": "forest wood",
        "wood": "deciduous",
        "landcover": "trees",
    },
    c.CONIFER: {
        "leaf_type": "needleleaved",
        "wood": "coniferous",
        "type": "conifer",
    },
    c.CROPLAND: {
        "landuse": "farmland farm field greenhouse_horticulture",
        "crop": "*",
    },
    c.SOIL: {
        "landuse": "construction brownfield landfill mud",
        "natural": "mud earth_bank wasteland",
    },
    c.SAND: {
        "natural": "sand beach dune",
        "golf": "bunker",
        "wetland": "tidalflat",
        "leisure": "beach_resort",
    },
    c.ROCK: {
        "natural": "bare_rock scree shingle cliff",
        "landuse": "quarry",
    },
    c.SNOW: {
        "natural": "glacier",
    },
    c.WATER: {
        "natural": "water bay strait",
        "waterway": "riverbank river stream canal drain ditch dock tidal_channel fish_pass boatyard",
        "landuse": "reservoir basin aquaculture",
        "water": "*",
        "leisure": "marina",
        "amenity": "fountain",
    },
    c.POOL: {
        "leisure": "swimming_pool",
        "amenity": "swimming_pool",
    },
    c.SPORTS: {
        "leisure": "pitch track ice_rink schoolyard",
    },
    c.ORCHARD: {
        "landuse": "orchard vineyard plant_nursery hop_garden",
        "natural": "orchard",
    },
}

# Of a building whose kind is not stated (building=yes): what its use says of its class.
BUILDING_USE: dict[int, dict[str, str]] = {
    c.HOUSE: {
        "tourism": "guest_house chalet apartment",
    },
    c.APARTMENTS: {
        "tourism": "hotel hostel",
        "amenity": "nursing_home",
        "social_facility": "nursing_home",
    },
    c.TOWER: {
        "tower:type": "*",
    },
    c.COMMERCIAL: {
        "amenity": "*",
        "shop": "*",
        "office": "*",
        "tourism": "*",
        "leisure": "*",
        "healthcare": "*",
        "historic": "*",
        "public_transport": "*",
        "aeroway": "terminal",
        "railway": "station",
        "military": "*",
    },
    c.INDUSTRIAL: {
        "man_made": "*",
        "craft": "*",
        "industrial": "*",
        "railway": "*",
        "aeroway": "hangar",
        "shop": "car_repair tyres",
        "power": "plant",
        "amenity": "boathouse",
    },
    c.STRUCTURE: {
        "amenity": "shelter bicycle_parking toilets fuel car_wash parking waste_disposal",
        "power": "*",
        "man_made": "pumping_station",
    },
}
_REFINING = ("leaf_type", "wood", "wetland", "golf")  # keys that say more of a thing which another key names


def from_osm_tags(tags: dict[str, str]) -> int:
    """Class id for a set of OSM tags, 0 where none is mapped.

    A building is a building whatever else it is: by its kind, else by its use, else any. A way on a bridge is a bridge.
    Otherwise the first exact tag counts, and a wildcard where there is none; the kind of leaf or wetland says more.

    Example:
        >>> from_osm_tags({"building": "yes", "amenity": "school"}) == c.COMMERCIAL
        True
    """
    if tags.get("building", "no") != "no":
        return building_kind(tags) or c.STRUCTURE
    if tags.get("bridge", "no") != "no" and ("highway" in tags or "railway" in tags):
        return c.BRIDGE
    found = _matching(_TAGS, tags)
    if found in (c.BROADLEAF, c.MEADOW, c.LAWN):
        return next((_TAGS[pair] for pair in (f"{k}={tags.get(k)}" for k in _REFINING) if pair in _TAGS), found)
    return found


def building_kind(tags: dict[str, str]) -> int:
    """Class id of a building by its kind, else by its use; 0 where the tags say no more than that it is one."""
    return _TAGS.get(f"building={tags.get('building')}") or _matching(_USES, tags)


def _matching(table: dict[str, int], tags: dict[str, str]) -> int:
    """Class of the first exact tag of a table, else of the first wildcard, else 0."""
    for pairs in ([f"{k}={v}" for k, v in tags.items()], [f"{k}=*" for k in tags]):
        for pair in pairs:
            if pair in table:
                return table[pair]
    return c.UNPAINTED


def _pairs(table: dict[int, dict[str, str]]) -> dict[str, int]:
    return {f"{key}={value}": class_id for class_id, keys in table.items() for key, values in keys.items()
            for value in values.split()}


_TAGS, _USES = _pairs(OSM), _pairs(BUILDING_USE)
