"""Checks of a recipe that hold for those of every paper: valid at full size, complete, with the paper's own figures."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from examples.reproduce import compare
from examples.reproduce.compare import Row
from stages.configuration import Layer, resolve
from stages.datasets import manifest, protocols
from stages.datasets.registry import resolve_name
from stages.encoders.spec import encoder_config
from stages.evaluate.names import TITLES
from stages.extract_features.backbones.registry import entry_of
from stages.extract_pose.estimators.registry import ESTIMATORS
from stages.finetune.methods.registry import METHODS, method_class
from stages.sweep.points import points
from tests.examples import recipes
from tests.examples.recipes import Typed


def every_line_is_valid(lines: Iterable[Typed], aqa: Any, configurations: list[tuple[str, Any]]) -> None:
    """Give every command line to ``aqa``, whose stages only keep their configurations, and check those."""
    typed = [line for line in lines if line.program == "aqa"]
    for line in typed:
        code, _, err = aqa(*line.words)
        assert code == 0, f"aqa {' '.join(line.words)}\n{err}"
    assert len(configurations) == len([line for line in typed if line.command != "profile"])
    for stage, config in configurations:
        check_configuration(stage, config)


def check_configuration(stage: str, config: Any) -> None:
    """Check the names in a resolved configuration that its stage would look up only when it runs."""
    if stage == "extract_pose":
        assert config.estimator in ESTIMATORS
        assert config.boxes is None or config.boxes in ESTIMATORS
    elif stage == "extract_features":
        assert entry_of(config.backbone)
    elif stage in ("pretrain", "finetune"):
        datasets = [config.dataset] if isinstance(config.dataset, str) else config.dataset
        for name in map(resolve_name, datasets):
            assert stage == "pretrain" or config.protocol
            assert config.protocol is None or protocols.resolve(config.protocol, manifest.from_rows([], name))
        if "encoder" in config.settings:
            assert encoder_config(config.settings["encoder"], config.settings["encoder_settings"])
    if stage == "sweep":
        for point in points(config):
            check_configuration("finetune", point.config)
    if stage == "finetune":
        cls = method_class(config.method)
        roles = cls.consumes(resolve(cls.SETTINGS, [Layer("settings", config.settings)]).config)
        features = [role for role in roles if role not in ("poses", "images")]
        assert all(config.settings[role]["backbone"] for role in features), "one of several features must be chosen"


def made_by(lines: Iterable[Typed]) -> dict[str, set[str]]:
    """Return what the lines make, checking that each finds what it takes: poses, features, images, encoders, models, evaluations."""
    made: dict[str, set[str]] = {kind: set() for kind in ("poses", "features", "images", "encoders", "models", "evaluations")}
    for line in lines:
        name, dataset = line.value("--name"), line.value("--set-name") or (line.values("--dataset") or [""])[0]
        if line.command in ("extract-pose", "import-poses"):
            made["poses"].add(dataset)
        elif line.command in ("extract-features", "extract-kinematics"):
            cut = "-patches" if "--patches" in line.words else "-performer" if "--performer" in line.words else ""
            assert not cut or dataset in made["poses"]
            made["features"].add(f"{dataset}/{name or line.value('--backbone') + cut or 'kinematic-dct'}")
        elif line.command == "extract-maps":
            made["images"].add(dataset)
        elif line.command == "pretrain":
            if line.value("--method") == "u-vi":
                assert set(line.values("--dataset")) <= made["images"]
            elif backbone := line.setting("settings.features.backbone"):
                assert {f"{each}/{backbone}" for each in line.values("--dataset")} <= made["features"]
            else:
                assert set(line.values("--dataset")) <= made["poses"]
            assert not line.value("--init") or Path(line.value("--init")).stem in made["encoders"]
            made["encoders"].add(name)
        elif line.command in ("finetune", "sweep"):
            for method in line.values("--method"):
                _finds_what_it_takes(line, method, dataset, made)
            made["models" if line.command == "finetune" else "evaluations"].add(name)
        elif line.command == "evaluate":
            assert set(line.values("--model")) <= made["models"]
            made["evaluations"].add(Path(line.value("-o") or line.value("--model")).name)
    return made


def _finds_what_it_takes(line: Typed, method: str, dataset: str, made: Mapping[str, set[str]]) -> None:
    for kind in {"poses", "images"} & set(METHODS[method].inputs.split(", ")):
        assert dataset in made[kind]
    for backbone in filter(None, (line.value("--backbone"), *(line.setting(f"settings.{role}.backbone") for role in ("flow", "static")))):
        assert f"{dataset}/{backbone}" in made["features"]
        assert method != "jrg" or f"{dataset}/{backbone}-patches" in made["features"]
    if method_class(method).uses_encoder:
        assert line.value("--init") in {"none", *made["encoders"]}


def makes_and_compares(lines: Sequence[Typed], selection: str) -> set[str]:
    """Check that all that is trained is evaluated, selected as ``selection`` says, and that only that is compared; return what is."""
    made = made_by([line for line in lines if line.program == "aqa"])
    assert made["evaluations"] >= made["models"], "models that are not evaluated"
    comparisons = [line for line in lines if line.program == "python3"]
    assert comparisons
    assert {line.value("--suffix") for line in comparisons} == {"" if selection == "val" else f"-{selection}"}
    compared = set()
    for line in comparisons:
        assert Path(line.words[0]).resolve() == recipes.ROOT / "compare.py"
        for row in rows_of(line):
            if row.name != compare.NONE and not row.name.endswith(".json"):
                compared |= {name + line.value("--suffix") for name in row.name.split(",")}
                assert row.figure.rpartition("/")[2] in TITLES
    assert compared <= made["evaluations"]
    assert {line.value("--select") for line in lines if line.words[0] in ("finetune", "sweep")} == {selection}
    return compared


def rows_of(line: Typed) -> list[Row]:
    """Return the rows that a comparison is given."""
    return [compare.parse(text) for text in line.words[line.words.index("--csv") + 2 :]]


def figures_that_are_not_in(paper: str, lines: Iterable[Typed]) -> list[str]:
    """Return the published figures of the recipe's tables that the paper's text does not have; there must be some that it has."""
    rows = [row for line in lines if line.program == "python3" for row in rows_of(line)]
    figures = [row.paper + row.unit.replace("%", "") for row in rows if row.paper != compare.NONE]
    assert figures
    return [figure for figure in figures if figure not in paper]


def check_table(path: Path, said: str) -> list[dict[str, str]]:
    """Check that a table was written, that the recipe ``said`` so, and that what was measured is defined; return its rows."""
    assert f"also in {path}" in said
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    measured = [row["measured"] for row in rows if row["measured"]]
    assert measured
    assert "not defined" not in measured
    return rows
