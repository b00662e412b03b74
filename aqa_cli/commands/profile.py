"""``aqa profile``"""

from __future__ import annotations

from typing import Annotated

import typer

from aqa_cli import console, options

_SHAPE = "Input"


def command(
    method: Annotated[str | None, typer.Option("--method", help="A finetuning method; 'aqa methods' lists them.")] = None,
    backbone: Annotated[str | None, typer.Option("--backbone", help="A video network, alone or for the method's features.")] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Clips.", rich_help_panel=_SHAPE)] = 1,
    skeleton: Annotated[str, typer.Option("--skeleton", help="Layout of the poses.", rich_help_panel=_SHAPE)] = "coco-17",
    channels: Annotated[int, typer.Option("--channels", min=2, max=3, help="Coordinates of a joint.", rich_help_panel=_SHAPE)] = 2,
    frames: Annotated[int | None, typer.Option("--frames", min=2, help="Frames of a clip.", rich_help_panel=_SHAPE)] = None,
    segments: Annotated[int, typer.Option("--segments", min=1, help="Segments of a clip.", rich_help_panel=_SHAPE)] = 10,
    dimensions: Annotated[int, typer.Option("--dimensions", min=1, help="Numbers of a segment's feature.", rich_help_panel=_SHAPE)] = 1024,
    repeats: Annotated[int, typer.Option("--repeats", min=0, help="Timed passes; 0 only counts.")] = 5,
    config: options.ConfigOption = None,
    assignments: options.SetOption = None,
    device: options.DeviceOption = "auto",
    as_json: options.JsonOption = False,
) -> None:
    """Count the parameters and operations of a method or a video network, and time it on random clips of a given shape."""
    from stages.configuration import Layer, resolve
    from stages.engine import device as devices
    from stages.errors import UsageError
    from stages.finetune.config import resolve_finetune
    from stages.finetune.methods.registry import method_class
    from stages.profile import subjects
    from stages.profile.measure import Cost, measure

    if method is None and backbone is None:
        raise UsageError("Nothing to profile was named.", hint="aqa profile --method NAME, or --backbone NAME, or both")
    chosen = devices.choose(device)
    shape = subjects.Shape(batch, skeleton, channels, segments, dimensions)
    costs: list[Cost] = []
    if method is not None:
        flags = {"method": method, "settings.input.frames": frames}
        resolved = resolve_finetune(options.layers(config, assignments, flags)).config
        settings = resolve(method_class(method).SETTINGS, [Layer("settings", resolved.settings)]).config
        subject = subjects.method(method, settings, shape, chosen)
        costs.append(measure(subject.name, subject.module, subject.forward, chosen, repeats))
    if backbone is not None:
        subject = subjects.backbone(backbone, shape, chosen)
        costs.append(measure(subject.name, subject.module, subject.forward, chosen, repeats))
    if len(costs) > 1:
        latency = sum(cost.latency or 0 for cost in costs) if repeats else None
        costs.append(Cost("together", sum(cost.parameters for cost in costs), sum(cost.macs for cost in costs), latency))
    if as_json:
        console.result([cost.to_json() for cost in costs], as_json=True, text="")
        return
    console.table(
        ("part", "parameters", "MACs", "FLOPs", "latency", "memory"),
        [
            [
                cost.name,
                f"{cost.parameters / 1e6:.2f} M",
                f"{cost.macs / 1e9:.2f} G",
                f"{cost.flops / 1e9:.2f} G",
                "" if cost.latency is None else f"{1000 * cost.latency:.1f} ms",
                "" if cost.memory is None else f"{cost.memory / 2**20:.0f} MiB",
            ]
            for cost in costs
        ],
    )
