"""``aqa score``"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aqa_cli import console, options

if TYPE_CHECKING:
    from stages.score.judgement import Judgement
    from stages.score.stage import Outcome

_COLUMNS = ("clip", "score", "low", "high", "percentile", "likeness", "warnings")


def command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="VIDEO", help="Videos, folders of frames, or folders that are searched for them.", show_default=False),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Name or folder of an experiment, or the file of a model; default: the only one.")
    ] = None,
    known: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="COLUMN=VALUE", help="What is known of all clips, e.g. action=diving or difficulty=3.2; repeatable."
        ),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option("--manifest", help="CSV of the clips: windows (start, end), and what is known of each.")
    ] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", metavar="NAME", help="A set of the workspace, instead of videos.")] = None,
    where: options.WhereOption = None,
    confidence: Annotated[float | None, typer.Option("--confidence", help="Of the intervals; default: 0.9.")] = None,
    explain: Annotated[
        str | None, typer.Option("--explain", metavar="HOW", help="Why that score: replacement or gradients; default: none.")
    ] = None,
    report: Annotated[
        bool | None, typer.Option("--report/--no-report", help="Write a page per clip; default: for videos.", show_default=False)
    ] = None,
    video: Annotated[bool, typer.Option("--video", help="Draw the explanation over the video, too.")] = False,
    table: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the scores as a table, too.")] = None,
    poses: options.PosesOption = None,
    features: options.FeaturesOption = None,
    images: options.ImagesOption = None,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option("--checkpoint", metavar="NAME=FILE", help="Weights of an estimator or backbone that its name does not find."),
    ] = None,
    weights_dir: Annotated[Path | None, typer.Option("--weights-dir", help="Folder of downloaded weights; else $AQA_WEIGHTS.")] = None,
    workspace: options.WorkspaceOption = None,
    config: options.ConfigOption = None,
    assignments: options.SetOption = None,
    device: options.DeviceOption = "auto",
    as_json: options.JsonOption = False,
) -> None:
    """Score new videos with a trained model: the score, its interval, and how far it can be trusted.

    What the model needs of a video (poses, features, pictures) is made with the settings of its training clips, and kept in the workspace.
    """
    from stages.configuration import resolve
    from stages.engine.opening import Places
    from stages.errors import ItemsFailedError
    from stages.score.config import ScoreConfig
    from stages.score.inputs import Networks
    from stages.score.stage import Clips, run

    settings = resolve(ScoreConfig, options.layers(config, assignments, {"confidence": confidence, "explain": explain})).config
    outcome = run(
        settings,
        options.run_options(workspace, device=device),
        Clips(
            paths=paths or (),
            dataset=dataset,
            manifest=manifest,
            where=where or (),
            known=_values(known, "--with"),
            places=Places(poses=poses, features=features, images=images),
        ),
        model=model,
        networks=Networks(_texts(checkpoint, "--checkpoint"), weights_dir),
        report=report,
        video=video,
    )
    if table is not None:
        _write(table, outcome.judgements)
    content = {
        "model": outcome.model,
        "confidence": settings.confidence,
        "clips": [each.judgement.to_json() | {"why": [why.to_json() for why in each.explanations]} for each in outcome.scored],
        "failed": dict(outcome.failed),
    }
    console.result(content, as_json=as_json, text=_text(outcome))
    if outcome.failed:
        told = "\n".join(f"  - {clip}: {why}" for clip, why in list(outcome.failed.items())[:10])
        raise ItemsFailedError(f"{len(outcome.failed)} of {len(outcome.failed) + len(outcome.judgements)} videos failed:\n{told}")


def _texts(given: list[str] | None, flag: str) -> dict[str, str]:
    from stages.errors import UsageError

    found = {}
    for each in given or []:
        name, equals, value = each.partition("=")
        if not (name and equals and value):
            raise UsageError(f"{flag} takes NAME=VALUE, found '{each}'.")
        found[name] = value
    return found


def _values(given: list[str] | None, flag: str) -> dict[str, Any]:
    from stages.datasets.manifest import typed

    return {column: typed(column, text, flag) for column, text in _texts(given, flag).items()}


def _text(outcome: Outcome) -> str:
    from stages.score.page import sentence

    lines = []
    for scored in outcome.scored:
        each = scored.judgement
        lines.append(f"{each.clip}: {_said(each)}")
        lines += [f"  {sentence(why)}" for why in scored.explanations]
        lines += [f"  {text}" for text in _inputs(each)]
        lines += [f"  NOTE: {text}" for text in each.warnings]
        lines += [f"  page: {outcome.pages[each.clip]}"] if each.clip in outcome.pages else []
        lines += [f"  video: {outcome.videos[each.clip]}"] if each.clip in outcome.videos else []
    return "\n".join(lines)


def _said(each: Judgement) -> str:
    if each.value is None:
        others = [label for label in each.labels if label != each.label]
        return each.label + (f" (may be {' or '.join(others)})" if others else "")
    text = f"{each.value:.4g}"
    if each.interval is not None and each.interval.bounded:
        text += f"  [{each.interval.low:.4g}, {each.interval.high:.4g}] with {each.interval.confidence:.0%}"
    if each.percentile is not None:
        text += f"  above {each.percentile:.0f} % of the training clips"
    return text


def _inputs(each: Judgement) -> list[str]:
    lines = []
    for role, facts in each.facts.items():
        said = [f"{facts['seconds']:.1f} s"] if "seconds" in facts else []
        said += [f"{facts['fps']:.4g} frames per second"] if "fps" in facts else []
        said += [f"{facts['segments']:.0f} segments"] if "segments" in facts else []
        said += [f"joints seen in {1 - facts['unseen']:.0%}, mean confidence {facts['confidence']:.2f}"] if "unseen" in facts else []
        lines.append(f"{role}: {', '.join(said)}")
    return lines


def _write(path: Path, judgements: Any) -> None:
    from stages.artifacts.store import replacing_path

    with replacing_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        labelled = any(each.value is None for each in judgements)
        writer.writerow(("clip", "label", "labels", "likeness", "warnings") if labelled else _COLUMNS)
        for each in judgements:
            said = each.to_json()
            first = [said["label"], " ".join(said["labels"])] if labelled else [said[key] for key in _COLUMNS[1:5]]
            writer.writerow([said["clip"], *first, said["likeness"], "; ".join(said["warnings"])])
