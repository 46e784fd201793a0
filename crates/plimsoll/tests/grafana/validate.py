"""Holds dashboards against Grafana's published schema.

grafana-foundation-sdk is what Grafana generates from its own schema, a class per object with the type of every field. A file
holds when it reads as a Dashboard with its panels and queries, every value has the type that the schema gives it, and writing it
again loses no field: a field that the schema does not know is lost. Prints one line per dashboard, or what is wrong and ends with 1.
"""

import enum
import json
import sys
import types
import typing

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

# The schema leaves annotation queries open: these are the Prometheus data source's own.
OPEN = {".annotations.list[]": {"expr", "step", "textFormat", "titleFormat"}}


def lost(place, given, written):
    """Fields and values of `given` that are not in `written`."""
    if isinstance(given, dict) and isinstance(written, dict):
        for key, value in given.items():
            if key in written:
                yield from lost(f"{place}.{key}", value, written[key])
            elif value not in (None, {}, []) and key not in OPEN.get(place, ()):
                yield f"{place}.{key}: the schema has no such field"
    elif isinstance(given, list) and isinstance(written, list) and len(given) == len(written):
        for one, other in zip(given, written):
            yield from lost(f"{place}[]", one, other)
    elif given != written:
        yield f"{place}: {given!r} is read as {written!r}"


def mistyped(place, value, hint):
    """What of `value` is not of the type that the schema gives it."""
    origin = typing.get_origin(hint)
    if hint is typing.Any or hint is object:
        return
    if origin in (typing.Union, types.UnionType):
        errors = [list(mistyped(place, value, one)) for one in typing.get_args(hint)]
        if all(errors):
            yield min(errors, key=len)[0]
    elif origin is typing.Literal:
        if value not in typing.get_args(hint):
            yield f"{place}: {value!r} is none of {typing.get_args(hint)}"
    elif origin is list:
        if not isinstance(value, list):
            yield f"{place}: {value!r} is no list"
            return
        for item in value:
            yield from mistyped(f"{place}[]", item, typing.get_args(hint)[0])
    elif origin is dict:
        if not isinstance(value, dict):
            yield f"{place}: {value!r} is no object"
            return
        for key, item in value.items():
            yield from mistyped(f"{place}.{key}", item, typing.get_args(hint)[1])
    elif hint is type(None) or hint is None:
        if value is not None:
            yield f"{place}: {value!r} is not null"
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        if value not in [member.value for member in hint]:
            yield f"{place}: {value!r} is none of {[member.value for member in hint]}"
    elif hint is float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            yield f"{place}: {value!r} is no number"
    elif hint in (int, str, bool):
        if type(value) is not hint and not (isinstance(value, enum.Enum) and isinstance(value.value, hint)):
            yield f"{place}: {value!r} is no {hint.__name__}"
    elif isinstance(hint, type):
        if not isinstance(value, hint):
            yield f"{place}: {value!r} is no {hint.__name__}"
            return
        yield from fields(place, value)


def fields(place, value):
    hints = typing.get_type_hints(type(value), include_extras=False)
    for name, item in vars(value).items():
        if name in hints:
            yield from mistyped(f"{place}.{name}", item, hints[name])


def main(paths):
    plugins.register_default_plugins()
    wrong = 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            given = json.load(file)
        read = dashboard.Dashboard.from_json(given)
        written = json.loads(json.dumps(read, cls=JSONEncoder))
        found = [*fields("", read), *lost("", given, written)]
        for panel in read.panels or []:
            found += fields(f" panel {panel.title!r}", panel)
            for target in getattr(panel, "targets", None) or []:
                found += fields(f" query of {panel.title!r}", target)
                if type(target).__name__ == "UnknownDataquery":
                    found.append(f"panel {panel.title!r}: a query of no known data source")
        for line in dict.fromkeys(found):
            print(f"{path}: {line}")
        wrong += bool(found)
        if not found:
            print(f"{path}: holds, {len(read.panels or [])} panels")
    return 1 if wrong else 0


sys.exit(main(sys.argv[1:]))
