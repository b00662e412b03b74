"""Anybody's predictions: a CSV file instead of an experiment.  Nothing here needs torch, so that it starts at once."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np

from stages.arrays import Array
from stages.artifacts.provenance import provenance
from stages.errors import ArtifactError, UsageError, nearest
from stages.evaluate import figures, write
from stages.evaluate.config import STAGE, VERSION, EvaluateConfig
from stages.evaluate.evaluation import Evaluation
from stages.evaluate.groups import telling
from stages.evaluate.table import ONE_GROUP, Table


def run(
    config: EvaluateConfig,
    path: Path,
    truth: str,
    prediction: str,
    *,
    group: str | None = None,
    subject: str | None = None,
    clip: str | None = None,
    output: Path | None = None,
) -> Evaluation:
    """Evaluate anybody's predictions; the columns are those of :func:`read_csv`.

    Writes the figures and the report to ``output``, and nothing where it is None.
    """
    table = read_csv(path, truth, prediction, group=group, subject=subject, clip=clip)
    columns = {"truth": truth, "prediction": prediction, "group": group, "subject": subject, "clip": clip}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    source = {"role": "predictions", "count": 1, "fingerprint": digest, "made_by": []}
    facts = {
        "source": path.name,
        "columns": {key: value for key, value in columns.items() if value is not None},
        "clips": len(table),
        "subjects": len(set(table.clusters.tolist())),
        "stamps": [],
    }
    evaluation = Evaluation(
        name=path.stem,
        table=table,
        figures=figures.compute(table, config),
        facts=facts,
        provenance=provenance(STAGE, VERSION, config.model_dump(mode="json"), [source]),
        folder=output,
    )
    if output is not None:
        write.figures(evaluation)
    return evaluation


def read_csv(
    path: Path, truth: str, prediction: str, *, group: str | None = None, subject: str | None = None, clip: str | None = None
) -> Table:
    """Read anybody's predictions.

    Args:
        path: a CSV file with a header.
        truth: its column of true scores.
        prediction: its column of predicted scores.
        group: its column of classes.
        subject: its column of whom each row belongs to.
        clip: its column of ids; the rows' line numbers without one.

    Further columns of text that tell groups of rows apart come along.

    Raises:
        ArtifactError: not readable, no rows, empty cells, ids that repeat, or cells that are no finite numbers (all are named).
        UsageError: a column does not exist.
    """
    columns, lines, rows = _cells(path)
    for name in (truth, prediction, group, subject, clip):
        if name is not None and name not in columns:
            guess = nearest(name, columns)
            question = f" Did you mean '{guess}'?" if guess else ""
            raise UsageError(f"{path} has no column '{name}'.{question}", hint=f"columns: {', '.join(columns)}")
    if not rows:
        raise ArtifactError(f"{path} has no rows.")
    problems = [
        f"line {line}: expected {len(columns)} cells, found {len(row)}"
        for line, row in zip(lines, rows, strict=True)
        if len(row) != len(columns)
    ]
    if problems:
        raise _error(path, problems)
    cells = {name: [row[columns.index(name)].strip() for row in rows] for name in columns}
    numbers = {name: _numbers(cells[name], lines, name, problems) for name in (truth, prediction)}
    texts = {name: _texts(cells[name], lines, name, problems) for name in (group, subject, clip) if name is not None}
    if clip is not None:
        first = {text: line for line, text in reversed(list(zip(lines, texts[clip], strict=True)))}
        repeated = [(line, text) for line, text in zip(lines, texts[clip], strict=True) if first[text] != line and text]
        problems += [f"line {line}: {clip} '{text}' was already on line {first[text]}" for line, text in repeated]
    if problems:
        raise _error(path, problems)
    places = np.array([f"line {line}" for line in lines])
    groups = texts[group] if group else np.full(len(rows), ONE_GROUP)
    means, deviations = _statistics(numbers[truth], groups)
    return Table(
        clips=texts[clip] if clip else places,
        truth=numbers[truth],
        predicted=numbers[prediction][None],
        seeds=("0",),
        groups=groups,
        clusters=texts[subject] if subject else places,
        folds=np.full(len(rows), ONE_GROUP),
        means=means,
        deviations=deviations,
        normalised_by="these clips",
        columns=telling(
            {name: texts for name, texts in cells.items() if name not in (truth, prediction, clip) and not _all_numbers(texts)}
        ),
    )


def _cells(path: Path) -> tuple[list[str], list[int], list[list[str]]]:
    """Return a CSV file's column names, and the line number and cells of each row that is not blank."""
    lines, rows = [], []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            columns = [name.strip() for name in next(reader, [])]
            for row in reader:
                if any(cell.strip() for cell in row):
                    lines.append(reader.line_num)
                    rows.append(row)
    except OSError as error:
        raise ArtifactError(f"The predictions {path} cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ArtifactError(f"The predictions {path} are not a CSV file: {error}.") from None
    return columns, lines, rows


def _numbers(cells: list[str], lines: list[int], column: str, problems: list[str]) -> Array:
    values = np.full(len(cells), np.nan)
    for number, cell in enumerate(cells):
        try:
            values[number] = float(cell)
        except ValueError:
            pass
        if not np.isfinite(values[number]):
            problems.append(f"line {lines[number]}: {column} must be a finite number, found '{cell}'")
    return values


def _all_numbers(cells: list[str]) -> bool:
    try:
        return all(np.isfinite(float(cell)) for cell in cells if cell)
    except ValueError:
        return False


def _texts(cells: list[str], lines: list[int], column: str, problems: list[str]) -> Array:
    problems += [f"line {line}: {column} is empty" for line, cell in zip(lines, cells, strict=True) if not cell]
    return np.array(cells)


def _statistics(truth: Array, groups: Array) -> tuple[Array, Array]:
    means, deviations = np.zeros(len(truth)), np.ones(len(truth))
    for group in np.unique(groups):
        members = groups == group
        means[members], deviations[members] = truth[members].mean(), truth[members].std() or 1.0
    return means, deviations


def _error(path: Path, problems: list[str]) -> ArtifactError:
    listing = "\n".join(f"  - {problem}" for problem in problems[:20])
    more = f"\n  … and {len(problems) - 20} more" if len(problems) > 20 else ""
    return ArtifactError(f"{path} has {len(problems)} problem(s):\n{listing}{more}")
