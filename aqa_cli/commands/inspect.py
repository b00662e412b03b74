"""``aqa inspect``"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from aqa_cli import console, options

_SHOWN = 12


def command(
    path: Annotated[Path, typer.Argument(help="An artifact, a folder of them, a merged file, or a CSV manifest.", show_default=False)],
    as_json: options.JsonOption = False,
) -> None:
    """Show at a glance what a file or folder holds and where it came from."""
    from stages.artifacts.describe import describe
    from stages.errors import ArtifactError

    found = describe(path)
    console.result(found, as_json=as_json, text="\n".join(_lines(found)))
    damaged = found.get("damaged", [])
    if damaged:
        listing = "\n".join(f"  - {name}: {reason}" for name, reason in damaged[:_SHOWN])
        raise ArtifactError(f"{len(damaged)} file(s) in {path} cannot be read:\n{listing}", hint=f"aqa validate {path} checks every file")


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    size = _size(found["bytes"])
    if found["form"] == "manifest":
        yield f"{found['path']}: a manifest, {size}"
        yield from _manifest(found)
        return
    if found["form"] == "artifact":
        yield f"{found['path']}: '{found['kind']}' artifact ({found['summary']}), {size}"
        yield from (_pair(key, _plain(value)) for key, value in found["facts"].items())
        yield from _people(found["clip"])
        yield from _arrays(found["arrays"])
        yield from _config(found["config"])
        yield from _origin(found["made_by"])
    else:
        what = "merged file" if found["form"] == "merged" else "folder"
        yield f"{found['path']}: {what} of {found['count']} artifact(s), {size}"
        for kind, entry in found["kinds"].items():
            yield from _kind(kind, entry)
        if found.get("merged_files"):
            yield _pair("merged files", ", ".join(found["merged_files"][:_SHOWN]))
        if "manifest" in found:
            yield from _manifest(found["manifest"])
    if "fingerprint" in found:
        yield _pair("fingerprint", found["fingerprint"])
        yield _pair("written by", f"{found['created_by']}, format {found['schema_version']}")


def _kind(kind: str, entry: Mapping[str, Any]) -> Iterator[str]:
    yield f"{entry['count']} × '{kind}' ({entry['summary']})"
    yield _pair("ids", ", ".join(entry["examples"]) + (" …" if entry["count"] > len(entry["examples"]) else ""))
    if entry["read"] < entry["count"]:
        yield _pair("looked at", f"{entry['read']} of {entry['count']}")
    for key, value in entry["facts"].items():
        if set(value) == {"min", "median", "max"}:
            same = value["min"] == value["max"]
            yield _pair(key, f"{value['min']:g}" if same else f"{value['min']:g} to {value['max']:g}, median {value['median']:g}")
        elif value:
            yield _pair(key, _counts(value))
    yield from _origin(entry["made_by"])


def _manifest(facts: Mapping[str, Any]) -> Iterator[str]:
    yield _pair("manifest", f"{facts['rows']} rows")
    for name, column in facts["columns"].items():
        filled = "" if column["filled"] == facts["rows"] else f", {facts['rows'] - column['filled']} empty"
        if "range" in column:
            low, high = column["range"] or (float("nan"), float("nan"))
            yield _pair(f"  {name}", f"{low:g} to {high:g}{filled}")
        else:
            shown = _counts(column["common"]) if column["values"] <= _SHOWN else f"{column['values']} different values"
            yield _pair(f"  {name}", f"{shown}{filled}")


def _people(clip: Mapping[str, Any]) -> Iterator[str]:
    """Yield who was seen in a video, by the ids that ``aqa extract-pose --person`` takes."""
    tracks = clip.get("tracks", [])
    for track in tracks[:_SHOWN]:
        kept = ", kept" if track["id"] in clip.get("people", []) else ""
        seen = f"{track['frames']} frames from {track['first']} to {track['last']}"
        yield _pair(f"person {track['id']}", f"{seen}, {track['area']:.0f} px²{kept}")
    if len(tracks) > _SHOWN:
        yield _pair("", f"… and {len(tracks) - _SHOWN} more people (--json lists all)")


def _arrays(arrays: list[Mapping[str, Any]]) -> Iterator[str]:
    for array in arrays[:_SHOWN]:
        names = array["dimensions"] + [""] * (len(array["shape"]) - len(array["dimensions"]))
        shape = " × ".join(f"{size} {name}".strip() for size, name in zip(array["shape"], names, strict=True))
        units = f", in {array['units']}" if array.get("units", "1") != "1" else ""
        yield _pair(f"/{array['name']}", f"{array['dtype']}, {shape}{units}")
    if len(arrays) > _SHOWN:
        yield _pair("", f"… and {len(arrays) - _SHOWN} more arrays (--json lists all)")


def _config(config: Mapping[str, Any]) -> Iterator[str]:
    from stages.configuration import flatten

    entries = [f"{key}={_plain(value)}" for key, value in flatten(config) if value is not None]
    if entries:
        more = f" … and {len(entries) - _SHOWN} more (--json shows all)" if len(entries) > _SHOWN else ""
        yield _pair("config", ", ".join(entries[:_SHOWN]) + more)


def _origin(words: list[str]) -> Iterator[str]:
    for number, line in enumerate(words):
        yield _pair("" if number else "made by", line)


def _counts(counts: Mapping[str, int]) -> str:
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{value or 'none'} ({count})" for value, count in counts.items())


def _pair(name: str, value: str) -> str:
    return f"  {name:<16} {value}".rstrip()


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}" if unit != "B" else f"{count:.0f} B"
        count /= 1000
    return f"{count:.3g} GB"
