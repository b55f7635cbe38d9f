"""The values of properties as JSON, exactly: what is read back equals what was stored.

Texts, whole numbers, truth values and finite numbers are those of JSON. Everything else is an
object with one name, the type, as Neo4j stores no objects: `{"date": "2026-11-27"}`.
"""

from __future__ import annotations

import base64
import math
import struct
from array import array
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import pytz
from neo4j import spatial, time
from neo4j.vector import Vector

from bookgraph.core.errors import BookgraphError, InputError

# Shorter lists of numbers are as small as text.
_LEAST_PACKED = 4
_NUMBERS = {"f": "f4", "d": "f8"}


def to_json(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a node or a relationship as values that `orjson` writes exactly."""
    return {name: _encoded(value) for name, value in properties.items()}


def from_json(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that `to_json` was given.

    Raises:
        InputError: a value has a type that this version does not know.
    """
    return {name: _decoded(value) for name, value in properties.items()}


def dumps(value: object) -> bytes:
    """One line of JSON without its end; equal values give equal bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def as_vector(value: object) -> Vector | None:
    """A list of numbers that was packed as float32, as what the procedures for vectors take."""
    if not (isinstance(value, dict) and "f4" in value):
        return None
    return Vector.from_native(_unpacked(value["f4"], "f4"), "f32")


def _encoded(value: Any) -> Any:
    kind = type(value)
    if kind in {str, bool, int}:
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if kind is list:
        return _encoded_list(value)
    for name, (types, encode, _) in _TYPES.items():
        if isinstance(value, types):
            return {name: encode(value)}
    raise BookgraphError(
        f"A property has a value of the type {kind.__name__}, which a backup cannot hold. Remove "
        "the property, then run the command again."
    )


def _encoded_list(values: list[Any]) -> Any:
    # Vectors are most of a graph's bytes. As text they would take four times as many.
    if len(values) >= _LEAST_PACKED and type(values[0]) is float:
        narrow = array("f", values)
        is_exact = narrow.tolist() == values
        code = "f" if is_exact else "d"
        packed = struct.pack(f"<{len(values)}{code}", *values)
        return {_NUMBERS[code]: base64.b64encode(packed).decode()}
    return [_encoded(value) for value in values]


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(one) for one in value]
    if not isinstance(value, dict):
        return value
    name, content = next(iter(value.items()), ("", None))
    if name in _NUMBERS.values():
        return _unpacked(str(content), name)
    if name == "float":
        return float(str(content))
    if name not in _TYPES:
        raise InputError(
            f"The backup holds a value of the unknown type {name!r}. Update bookgraph, then run "
            "the command again."
        )
    return _TYPES[name][2](content)


def _unpacked(text: str, kind: str) -> list[float]:
    code = "f" if kind == "f4" else "d"
    packed = base64.b64decode(text)
    return list(struct.unpack(f"<{len(packed) // struct.calcsize(code)}{code}", packed))


def _encode_datetime(value: time.DateTime) -> list[str | None]:
    # The offset alone would forget the zone, whose offset changes over the year.
    zone = getattr(value.tzinfo, "zone", None) or getattr(value.tzinfo, "key", None)
    return [value.iso_format(), zone]


def _decode_datetime(parts: list[str | None]) -> time.DateTime:
    text, zone = parts
    found = time.DateTime.from_iso_format(str(text))
    # The zones of pytz, as the driver returns them. Python's own crash the process (CPython reads a
    # field of `datetime` in the driver's DateTime, which is no `datetime`).
    return found.astimezone(pytz.timezone(zone)) if zone else found


def _encode_duration(value: time.Duration) -> list[int]:
    return [value.months, value.days, value.seconds, value.nanoseconds]


def _decode_duration(parts: list[int]) -> time.Duration:
    months, days, seconds, nanoseconds = parts
    return time.Duration(months=months, days=days, seconds=seconds, nanoseconds=nanoseconds)


def _decode_point(parts: list[Any]) -> spatial.Point:
    srid, *coordinates = parts
    is_on_earth = srid in {4326, 4979}
    kind = spatial.WGS84Point if is_on_earth else spatial.CartesianPoint
    return kind(coordinates)


_TYPES: Mapping[str, tuple[type | tuple[type, ...], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "datetime": (time.DateTime, _encode_datetime, _decode_datetime),
    "date": (time.Date, time.Date.iso_format, time.Date.from_iso_format),
    "time": (time.Time, time.Time.iso_format, time.Time.from_iso_format),
    "duration": (time.Duration, _encode_duration, _decode_duration),
    "point": (spatial.Point, lambda value: [value.srid, *value], _decode_point),
    "bytes": (
        (bytes, bytearray),
        lambda value: base64.b64encode(value).decode(),
        base64.b64decode,
    ),
    "vector": (
        Vector,
        lambda value: [value.dtype.value, base64.b64encode(value.raw()).decode()],
        lambda parts: Vector(base64.b64decode(parts[1]), parts[0]),
    ),
}
"""Name in JSON to a driver's type, how it is written, and how it is read."""
