"""Frozen dataclasses to plain JSON values and back, driven by their type hints.

Readers are compiled once per type. Supported: dataclasses, enums, tuples, lists, dicts with text
keys, optionals, unions of dataclasses told apart by a ``kind`` field of type ``Literal``.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")
Reader = Callable[[Any], Any]
_PLAIN = (str, int, float, bool, type(None))


def to_plain(value: Any) -> Any:
    """A value as JSON-able values; fields that hold their default are left out."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, _PLAIN):
        return value
    if is_dataclass(value):
        return {
            name: to_plain(item)
            for name, default in _fields(cast(Hashable, type(value)))
            if (item := getattr(value, name)) is not default and item != default
        }
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list, set, frozenset)):
        return [to_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no plain form")


def from_plain(kind: type[T], data: Any) -> T:
    """The value of type ``kind`` that ``to_plain`` gave ``data`` for."""
    return cast(T, _reader(cast(Hashable, kind))(data))


@cache
def _fields(kind: Hashable) -> tuple[tuple[str, Any], ...]:
    found = []
    for item in fields(cast(type[Any], kind)):
        default = item.default
        if default is MISSING and item.default_factory is not MISSING:
            default = item.default_factory()
        found.append((item.name, default))
    return tuple(found)


def _same(value: Any) -> Any:
    return value


@cache
def _reader(kind: Hashable) -> Reader:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _union(tuple(get_args(kind)))
    if origin in (tuple, list, dict):
        return _container(origin, get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if is_dataclass(kind):
        return _record(cast(type[Any], kind))
    return _same


def _container(origin: Any, arguments: tuple[Any, ...]) -> Reader:
    if origin is dict:
        item = _reader(arguments[1])
        return _same if item is _same else lambda data: {k: item(v) for k, v in data.items()}
    if origin is list:
        item = _reader(arguments[0])
        return lambda data: [item(part) for part in data]
    if arguments[-1] is Ellipsis:
        item = _reader(arguments[0])
        return lambda data: tuple(map(item, data))
    readers = [_reader(argument) for argument in arguments]
    return lambda data: tuple(read(part) for read, part in zip(readers, data, strict=True))


def _union(members: tuple[Any, ...]) -> Reader:
    some = [member for member in members if member is not type(None)]
    if len(some) == 1:
        read = _reader(some[0])
        return lambda data: None if data is None else read(data)
    records = [member for member in some if is_dataclass(member)]
    if not records:
        return _same
    by_kind = {get_args(get_type_hints(member)["kind"])[0]: member for member in records}
    return lambda data: (
        None if data is None else _reader(cast(Hashable, by_kind[data["kind"]]))(data)
    )


def _record(kind: type[Any]) -> Reader:
    # Readers of the fields are looked up at first use, so that types may refer to each other.
    readers: dict[str, Reader] = {}

    def read(data: Mapping[str, Any]) -> Any:
        if not readers:
            hints = get_type_hints(kind)
            readers.update(
                {
                    item.name: _same
                    if get_origin(hints[item.name]) is Literal
                    else _reader(hints[item.name])
                    for item in fields(kind)
                }
            )
        return kind(**{name: readers[name](value) for name, value in data.items()})

    return read
