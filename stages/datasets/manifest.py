"""The manifest: which clips there are and what is known of each; a plain CSV that users can write for their own data.

One row per clip.  ``clip`` is required and unique.  ``score``, ``score.*``, ``difficulty``, ``start`` and ``end`` are numbers (an
empty cell is missing); every other column is text: ``subject`` (whom splits keep together), ``action``, ``label``, ``view``,
``split`` (train, val, test), and anything else, which reports can group by.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.errors import ArtifactError, UsageError, nearest

Value = str | float | None

_NUMERIC = ("score", "difficulty", "start", "end")


def is_numeric(column: str) -> bool:
    """Say whether ``column`` holds numbers."""
    return column in _NUMERIC or column.startswith("score.")


@dataclass(frozen=True)
class Row:
    """One clip: its id and its other columns."""

    clip: str
    values: Mapping[str, Value]

    def text(self, column: str) -> str:
        """Return a column (or the clip id) as text, ``""`` where it is missing."""
        if column == "clip":
            return self.clip
        value = self.values.get(column)
        return "" if value is None else str(value)

    def number(self, column: str) -> float:
        """Return a numeric column, or NaN where it is missing."""
        value = self.values.get(column)
        return value if isinstance(value, float) else math.nan


@dataclass(frozen=True)
class Manifest:
    """Clips in a stated order, with unique ids."""

    rows: tuple[Row, ...]
    name: str = "manifest"

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def columns(self) -> list[str]:
        """Every column but ``clip`` that some row has, in order of appearance."""
        return list(dict.fromkeys(column for row in self.rows for column in row.values))

    @property
    def clips(self) -> list[str]:
        """The clip ids."""
        return [row.clip for row in self.rows]

    def by_clip(self) -> dict[str, Row]:
        """Return the rows by clip id."""
        return {row.clip: row for row in self.rows}

    def require(self, column: str) -> None:
        """Raise a usage error that names the nearest column where ``column`` does not exist."""
        if column not in self.columns:
            guess = nearest(column, self.columns)
            question = f" Did you mean '{guess}'?" if guess else ""
            raise UsageError(f"{self.name} has no column '{column}'.{question}", hint=f"columns: {', '.join(self.columns)}")

    def where(self, conditions: Sequence[str]) -> Manifest:
        """Return the rows that meet every ``COLUMN=VALUE[,VALUE…]``.

        Raises:
            UsageError: a condition is malformed, its column unknown, or nothing is left.
        """
        rows = self.rows
        for condition in conditions:
            column, equals, text = condition.partition("=")
            if not equals:
                raise UsageError(f"--where takes COLUMN=VALUE, found '{condition}'.", hint="for example --where action=Es5")
            if column != "clip":
                self.require(column)
            wanted = {_comparable(column, part.strip()) for part in text.split(",")}
            rows = tuple(row for row in rows if _comparable(column, row.text(column)) in wanted)
            if not rows:
                known = sorted({row.text(column) for row in self.rows})
                raise UsageError(f"No clip of {self.name} has {condition}.", hint=f"values of {column}: {', '.join(known[:20])}")
        return Manifest(rows, self.name)

    def keep(self, test: Callable[[Row], bool]) -> Manifest:
        """Return the rows for which ``test`` holds."""
        return Manifest(tuple(row for row in self.rows if test(row)), self.name)

    def to_csv(self) -> str:
        """Return the manifest as CSV text."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        columns = self.columns
        writer.writerow(["clip", *columns])
        for row in self.rows:
            writer.writerow([row.clip, *(_cell(row.values.get(column)) for column in columns)])
        return buffer.getvalue()

    def to_json(self) -> list[dict[str, Value]]:
        """Return the rows as JSON values; the manifest's identity in fingerprints."""
        return [{"clip": row.clip, **{key: value for key, value in row.values.items() if value is not None}} for row in self.rows]


def from_rows(rows: Iterable[tuple[str, Mapping[str, Value]]], name: str) -> Manifest:
    """Build a manifest; duplicate ids are an error, whole numbers in numeric columns become floats."""
    built = tuple(Row(clip, {column: _typed(column, value) for column, value in values.items()}) for clip, values in rows)
    problems = _duplicates(row.clip for row in built)
    if problems:
        raise _error(name, problems)
    return Manifest(built, name)


def read(path: Path) -> Manifest:
    """Read a manifest file; see :func:`parse`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ArtifactError(f"The manifest {path} does not exist.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"The manifest {path} cannot be read: {error}.") from None
    return parse(text, str(path))


def parse(text: str, name: str) -> Manifest:
    """Parse CSV text.

    Raises:
        ArtifactError: no ``clip`` column, no rows, or a list of every other problem: duplicate or empty ids, rows of the wrong
            length, cells that are no numbers, ends before starts.
    """
    try:
        reader = csv.reader(io.StringIO(text))
        table = [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        raise ArtifactError(f"{name} is not a CSV file: {error}.") from None
    header = [column.strip() for column in table[0][1]] if table else []
    if "clip" not in header:
        other = len(header) == 1 and re.search(r"[;\t]", header[0])
        hint = "separate the cells by commas" if other else "see docs/manifest.md for the columns"
        raise ArtifactError(f"{name} must have a column 'clip'; found {', '.join(header) or 'nothing'}.", hint=hint)
    problems: list[str] = [f"column '{column}' appears twice" for column in dict.fromkeys(header) if column and header.count(column) > 1]
    problems += [f"column {number} has no name" for number, column in enumerate(header, start=1) if not column]
    rows = []
    for number, cells in table[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            problems.append(f"line {number}: expected {len(header)} cells, found {len(cells)}")
            continue
        values = {column: cell.strip() for column, cell in zip(header, cells, strict=True)}
        clip = values.pop("clip")
        if not clip:
            problems.append(f"line {number}: empty clip id")
        elif clip.startswith("/") or ".." in clip.split("/"):
            problems.append(f"line {number}: clip id '{clip}' must be a relative path without '..'")
        row = Row(clip, {column: _parse_cell(column, cell, number, problems) for column, cell in values.items()})
        if row.number("end") <= row.number("start"):
            problems.append(f"line {number}: end {row.number('end'):g} must come after start {row.number('start'):g}")
        rows.append(row)
    problems.extend(_duplicates(row.clip for row in rows if row.clip))
    if problems:
        raise _error(name, problems)
    if not rows:
        raise ArtifactError(f"{name} has no rows.")
    return Manifest(tuple(rows), name)


def typed(column: str, text: str, where: str) -> Value:
    """Return what a cell of a column would hold, for a text that was typed at ``where``.

    Raises:
        UsageError: the column holds numbers, and the text is none.
    """
    problems: list[str] = []
    value = _parse_cell(column, text, 0, problems)
    if problems:
        raise UsageError(f"{where} {column}={text}: {problems[0].partition(': ')[2]}.")
    return value


def _parse_cell(column: str, cell: str, line: int, problems: list[str]) -> Value:
    if cell == "":
        return None
    if not is_numeric(column):
        return cell
    try:
        number = float(cell)
    except ValueError:
        problems.append(f"line {line}: {column} must be a number, found '{cell}'")
        return None
    if math.isinf(number):
        problems.append(f"line {line}: {column} must be finite, found '{cell}'")
    return None if math.isnan(number) else number


def _typed(column: str, value: Value) -> Value:
    return float(value) if is_numeric(column) and value is not None else value


def _duplicates(clips: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    twice: dict[str, None] = {}
    for clip in clips:
        if clip in seen:
            twice[clip] = None
        seen.add(clip)
    return [f"duplicate clip id '{clip}'" for clip in twice]


def _error(name: str, problems: Sequence[str]) -> ArtifactError:
    shown = "\n".join(f"  - {problem}" for problem in problems[:20])
    more = f"\n  … and {len(problems) - 20} more" if len(problems) > 20 else ""
    return ArtifactError(f"{name} has {len(problems)} problem(s):\n{shown}{more}")


def _comparable(column: str, text: str) -> Value:
    try:
        return float(text) if is_numeric(column) else text
    except ValueError:
        return text


def _cell(value: Value) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else value
