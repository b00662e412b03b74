"""The model card: what a model is, what it was trained and measured on, what it is not for, and how it is run.

Everything in it is read from the model's artifact and from the evaluation of its experiment; what neither says is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stages.artifacts.provenance import in_words
from stages.datasets import registry as data_sets
from stages.encoders.spec import PretrainedEncoder
from stages.engine.targets import NO_GROUP
from stages.evaluate.names import SELECTIONS, TITLES
from stages.export.subjects import Subject, folds_of
from stages.finetune.model import Model
from stages.version import __version__

CARD = "MODEL_CARD.md"
PREPARATION = "preparation.json"
_UNKNOWN = "not recorded"

SNIPPET = f'''import json
from pathlib import Path

import numpy as np
import onnxruntime

for member in json.loads(Path("{PREPARATION}").read_text(encoding="utf-8"))["members"]:
    graph = onnxruntime.InferenceSession(member["files"]["onnx"], providers=["CPUExecutionProvider"])
    clips = dict(np.load(member["files"]["example"]))
    expected = {{name: clips.pop(f"expected.{{name}}") for name in member["outputs"]}}
    found = dict(zip(expected, graph.run(list(expected), clips)))
    for name, values in found.items():
        assert np.allclose(values, expected[name], rtol=1e-3, atol=1e-3, equal_nan=True), name
    print(member["id"], {{name: values.tolist() for name, values in found.items()}})
'''


@dataclass(frozen=True)
class Told:
    """What the card is made of beside the models.

    Attributes:
        members: what ``preparation.json`` says of each.
        evaluation: ``metrics.json`` of these very models; None where there is none.
        unmeasured: why there is none.
        digests: file → its SHA-256.
        onnx: whether there are graphs.
    """

    members: Sequence[Mapping[str, Any]]
    evaluation: Mapping[str, Any] | None
    unmeasured: str
    digests: Mapping[str, str]
    onnx: bool


def write(subject: Subject, told: Told) -> str:
    """Return the card, in Markdown."""
    first = subject.members[0].what
    if isinstance(first, Model):
        parts = [_predicts(first), _takes(told), _models_of(subject, first), _trained(subject), _measured(told), _limits(subject, first)]
    else:
        parts = [_represents(first), _takes(told), _pretrained(subject), _no_limits()]
    parts += [_origin(subject), _use(told), _files(subject, told)]
    return f"# {subject.name}\n\n" + "\n".join(part for part in parts if part)


def _section(title: str, *lines: str) -> str:
    return "\n".join([f"## {title}", "", *lines, ""])


def _predicts(model: Model) -> str:
    target, name = model.target, model.documents["method"]["name"]
    config = target.config
    if target.classes:
        said = f"The {config.task} `{config.resolved_column}` of a clip: {', '.join(target.classes)}."
    else:
        said = f"The score `{config.resolved_column}` of a clip, in the data's own units."
        if config.times:
            said += f" It is multiplied by the clip's `{config.times}`, which must be known."
    groups = [group for group in target.groups if group != NO_GROUP]
    known = [f"Classes of clips in training (`{config.group_column}`): {', '.join(groups)}."] if groups else []
    return _section("What it predicts", said, *known, f"Method: `{name}` (`aqa methods` names its paper).")


def _represents(encoder: PretrainedEncoder) -> str:
    spec = encoder.spec
    return _section("What it is", f"An encoder, `{spec.name}`: {spec.sees} → a representation. It predicts nothing by itself.")


def _takes(told: Told) -> str:
    does = "aqa score" if "method" in told.members[0] else "aqa finetune"
    lines = [f"`{PREPARATION}` says with which settings they are made (`prepare`, `made_by`); `{does}` does the same."]
    inputs = told.members[0].get("inputs", {})
    if inputs:
        lines += ["", "| input | type | shape | what |", "| --- | --- | --- | --- |"]
        for name, each in inputs.items():
            lines.append(f"| `{name}` | {each['dtype']} | {' × '.join(map(str, each['shape']))} | {each['meaning']} |")
        lines += ["", "| output | what |", "| --- | --- |"]
        lines += [f"| `{name}` | {each['meaning']} |" for name, each in told.members[0]["outputs"].items()]
        lines += ["", f"Clips at once: {told.members[0]['clips_at_once']}. Shapes are those of `{told.members[0]['id']}`."]
    elif told.members[0].get("prepare"):
        lines.append("What it takes: " + ", ".join(f"`{role}`" for role in told.members[0]["prepare"]) + ".")
    return _section("From what", *lines)


def _models_of(subject: Subject, model: Model) -> str:
    if len(subject.members) == 1:
        return ""
    folds = folds_of(subject.members)
    rule = "class scores are averaged" if model.target.classes else "scores are averaged"
    return _section(
        "Several models",
        f"{len(subject.members)} models, {len(set(folds))} folds: {rule} over the models of a fold first, then over folds,",
        "as `aqa score` does.",
        *(
            ["A clip is judged by the models in whose `groups` its class is; by all of them where none has it."]
            if len({model.what.target.groups for model in subject.members if isinstance(model.what, Model)}) > 1
            else []
        ),
    )


def _trained(subject: Subject) -> str:
    lines = []
    for member in subject.members:
        data, training = member.documents["data"], member.documents["training"]
        counts = f"{len(data['train'])} training, {len(data['validation'])} validation, {len(data['test'])} test"
        more = f", {len(data['unlabelled'])} unlabelled" if data.get("unlabelled") else ""
        seen = f"; pretraining saw {len(training['seen_in_pretraining'])} of the test clips" if training.get("seen_in_pretraining") else ""
        lines.append(f"| {member.id} | {counts}{more}{seen} |")
    data, select = subject.members[0].documents["data"], subject.members[0].documents["training"]["select"]
    where = f", selected by {' '.join(data['where'])}" if data.get("where") else ""
    return _section(
        "Trained on what",
        f"Data set: `{data['dataset']}`{where}. Protocol: `{data['protocol']}`. Epoch: {SELECTIONS.get(select, select)}.",
        f"Licence of the data set: {_licence(str(data['dataset']))}.",
        "",
        "| model | clips |",
        "| --- | --- |",
        *lines,
    )


def _pretrained(subject: Subject) -> str:
    config = subject.members[0].documents.get("config", {})
    named = config.get("dataset") or []
    names = [named] if isinstance(named, str) else list(named)
    clips = [f"| {member.id} | {len(member.documents.get('training', {}).get('clips', []))} |" for member in subject.members]
    return _section(
        "Trained on what",
        f"Method: `{config.get('method', _UNKNOWN)}`. Data sets: {', '.join(f'`{name}`' for name in names) or _UNKNOWN}.",
        *(f"Licence of `{name}`: {_licence(str(name))}." for name in names),
        "",
        "| encoder | clips that it saw |",
        "| --- | --- |",
        *clips,
    )


def _licence(name: str) -> str:
    return data_sets.DATASETS[name].licence if name in data_sets.DATASETS else "unknown to this toolkit"


def _measured(told: Told) -> str:
    found = told.evaluation
    if found is None:
        return _section("How good it is", f"No figures: {told.unmeasured}. `aqa evaluate --model EXPERIMENT` measures an experiment.")
    people = f" of {found['subjects']} subjects" if found.get("subjects") else ""
    lines = [f"On {found['clips']} held-out clips{people}, each predicted by models that did not learn from it (`aqa evaluate`):", ""]
    lines += ["| figure | value | interval |", "| --- | --- | --- |"]
    lines += [f"| {TITLES.get(name, name).strip()} | {_number(each)} | {_interval(each)} |" for name, each in found["overall"].items()]
    for each in found.get("coverage") or []:
        share = f"{each['share']:.1%} | [{each['low']:.1%}, {each['high']:.1%}]"
        lines.append(f"| intervals of {each['confidence']:.0%} hold the truth in | {share} |")
    lines += ["", *(f"**{stamp}**" for stamp in found.get("stamps", [])), *(f"Note: {note}." for note in found.get("notes", []))]
    return _section("How good it is", *lines)


def _number(estimate: Mapping[str, Any]) -> str:
    return "not defined" if estimate.get("value") is None else f"{estimate['value']:.4f}"


def _interval(estimate: Mapping[str, Any]) -> str:
    low, high = estimate.get("low"), estimate.get("high")
    return "" if low is None or high is None else f"[{low:.4f}, {high:.4f}]"


def _limits(subject: Subject, model: Model) -> str:
    lines = [
        "- It has learned from the clips above and says nothing reliable of other actions, other ways of filming, or other people.",
        "- It is no medical device and no judge: a number of it decides nothing about a person by itself.",
        "- Its files give no interval and notice no unusual input; `aqa score` does both, from clips that an export leaves out.",
    ]
    facts = {} if model.carried is None else model.carried.facts
    for role, ranges in facts.items():
        said = [f"{name} {_range(limits)}" for name, limits in ranges.items()]
        lines.append(f"- Training clips of `{subject.members[0].id}` had, as {role}: {'; '.join(said)}. Beyond that nothing is known.")
    return _section("What it is not for", *lines)


def _range(limits: Sequence[Any]) -> str:
    if isinstance(limits[0], str):
        return " or ".join(limits)
    return f"{limits[0]:.3g}" if limits[0] == limits[1] else f"{limits[0]:.3g} to {limits[1]:.3g}"


def _no_limits() -> str:
    return _section("What it is not for", "- It predicts nothing: a regressor has to be trained on it (`aqa finetune --init`).")


def _origin(subject: Subject) -> str:
    documents = [member.documents["provenance"] for member in subject.members]
    started = sorted({str(name) for document in documents for name in _weights(document)})
    return _section(
        "Where it comes from",
        f"Other weights that it rests on: {', '.join(started) or 'none'}.",
        *([f"Their licences are not recorded: see their publishers before passing this on. Digests: `{PREPARATION}`."] if started else []),
        "",
        "```text",
        *in_words(documents),
        "```",
    )


def _weights(provenance: Mapping[str, Any]) -> list[str]:
    """Return the names of all weights in a lineage: encoders, models, and the networks that looked at the videos."""
    found = []
    for key in ("backbone", "estimator"):
        part = provenance.get("config", {}).get(key)
        name = provenance.get("named", {}).get(key) or (part.get("name") if isinstance(part, Mapping) else part)
        found += [f"{key} `{name}`"] if name else []
    for entry in provenance.get("inputs", []):
        for made in entry.get("made_by", []):
            maker = made.get("provenance", {})
            if entry.get("role") in ("encoder", "model"):
                found.append(f"{entry['role']} `{maker.get('config', {}).get('method', _UNKNOWN)}`")
            found += _weights(maker)
    return found


def _use(told: Told) -> str:
    if not told.onnx:
        return _section(
            "How to load it",
            "`safetensors.torch.load_file` gives the numbers by the names that torch gives them; the file's metadata say of what network.",
        )
    text = "In this folder, with numpy and onnxruntime alone. The example is of random numbers, no clip of anybody's; "
    return _section("How to run it", f"{text}it shows that the graph works here as it did there.", "", "```python", SNIPPET.rstrip(), "```")


def _files(subject: Subject, told: Told) -> str:
    prints = [f"| {member.id} | `{member.fingerprint}` |" for member in subject.members]
    return _section(
        "Files",
        "| file | SHA-256 |",
        "| --- | --- |",
        *(f"| `{name}` | `{digest}` |" for name, digest in told.digests.items()),
        "",
        f"Fingerprints of the artifacts that they were made of (`aqa inspect`), by aqa-toolkit {__version__}:",
        "",
        "| artifact | fingerprint |",
        "| --- | --- |",
        *prints,
    )
