"""Train the tiny pose network that ships with the toolkit, on rendered people: ``python examples/train_tiny_pose.py OUT.h5``.

The people are drawn from other seeds than any generated set's; half of the postures come from the exercise, half are free
(bent and twisted trunks, arms anywhere, facing up to 70° aside).  About ten minutes on one processor core.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from stages.arrays import Array
from stages.artifacts import store
from stages.artifacts.fingerprint import fingerprint
from stages.artifacts.provenance import provenance
from stages.datasets.generated import Clip, film
from stages.datasets.generated.bodies import SIDES, Posture, draw_body
from stages.datasets.generated.bodies import joints as body_joints
from stages.datasets.generated.film import camera, figure, room, wardrobe
from stages.datasets.generated.sensor import View, seen_from
from stages.engine.seeding import generator
from stages.extract_pose.estimators.tiny import HEATMAP_SIZE, INPUT_SIZE, MODEL, SIGMA, config
from stages.openmmlab import build_pose, prepare

SEED = 7_000_000
PER_CLIP = 12
SIDES_SWAPPED = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
BATCH = 32


def free_body(random: np.random.Generator) -> Array:
    """Return PER_CLIP free postures (T, 25, 3) of one person before the sensor."""
    body = draw_body(random)

    def some(low: float, high: float) -> Array:
        return random.uniform(low, high, PER_CLIP)

    drop = some(0, 0.5) * body.leg * random.integers(0, 2, PER_CLIP)
    posture = Posture(
        drop=drop,
        back=0.5 * drop,
        shift=some(-0.1, 0.1),
        tilt=some(-0.15, 0.15),
        lean=some(-0.15, 0.9),
        bend=some(-0.4, 0.4),
        twist=some(-0.5, 0.5),
        raise_={side: some(-0.4, 3.0) for side in SIDES},
        spread={side: some(-0.1, 1.4) for side in SIDES},
        elbow={side: some(0, 2.2) for side in SIDES},
    )
    view = View(float(np.radians(random.uniform(-70, 70))), float(random.uniform(1.9, 3.5)), float(random.uniform(-0.4, 0.4)), 1.0)
    return seen_from(body_joints(body, posture), view)


def pictures(number: int) -> tuple[list[Array], Array]:
    """Return one person's images and their joints (T, 17, 2)."""
    clip = Clip(f"u{number % 900:02d}/c1", SEED + number)
    if number % 2:
        body = free_body(clip.random("free"))
        shot = film.Film(clip, body, camera.draw_lens(clip.random("lens"), body, film.SIZE))
    else:
        whole = film.film_of(clip)
        kept = np.sort(clip.random("kept").choice(len(whole.body), PER_CLIP, replace=False))
        shot = film.Film(clip, whole.body[kept], whole.lens)
    look, behind = wardrobe.draw_look(clip.random_of_subject("look")), room.draw_room(clip.random("room"), film.SIZE)
    images = list(room.exposed(figure.painted(behind, shot.body, shot.lens, look), clip.random("light")))
    return images, film.truth(shot).positions[0]


def crops(images: list[Array], joints: Array, random: np.random.Generator, *, plain: bool = False) -> Iterator[tuple[Array, Array]]:
    """Yield crops (128, 96, 3) and joints (17, 2) in their pixels, with boxes as inexact as tracking makes them."""
    from mmpose.structures.bbox import get_udp_warp_matrix

    width, height = INPUT_SIZE
    for image, true in zip(images, joints, strict=True):
        low, high = true.min(axis=0), true.max(axis=0)
        size = (high - low).max()
        centre = (low + high) / 2 + (0 if plain else random.uniform(-0.12, 0.12, 2) * size)
        box = (high - low) * (1.25 if plain else random.uniform(1.0, 2.0))
        box = np.maximum(box, [box[1] * width / height, box[0] * height / width])
        turn = 0.0 if plain else random.normal(0, 15) * (random.random() < 0.5)
        matrix = get_udp_warp_matrix(centre.astype(np.float32), box.astype(np.float32), turn, output_size=INPUT_SIZE)
        crop = cv2.warpAffine(image, matrix, INPUT_SIZE, flags=cv2.INTER_LINEAR)
        points = true @ matrix[:, :2].T + matrix[:, 2]
        if not plain:
            if random.random() < 0.5:
                crop = crop[:, ::-1]
                points[:, 0] = width - 1 - points[:, 0]
                points[:] = points[SIDES_SWAPPED]
            crop = crop.astype(np.float32) * random.uniform(0.7, 1.3) + random.normal(0, 15, 3)
            if random.random() < 0.3:  # something before the person
                x, y, w, h = (int(value) for value in random.uniform([0, 0, 8, 8], [width, height, 35, 35]))
                crop[y : y + h, x : x + w] = random.uniform(0, 255, 3)
            crop = np.clip(crop, 0, 255)
        yield np.ascontiguousarray(crop, dtype=np.float32), points


def targets(points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return heat maps (N, 17, 32, 24) of joints (N, 17, 2) in crop pixels, and which joints lie inside (N, 17)."""
    scale = torch.tensor([(h - 1) / (i - 1) for h, i in zip(HEATMAP_SIZE, INPUT_SIZE, strict=True)])
    place = points * scale
    x, y = torch.arange(HEATMAP_SIZE[0]).float(), torch.arange(HEATMAP_SIZE[1]).float()
    across = torch.exp(-((x - place[..., 0:1]) ** 2) / (2 * SIGMA**2))
    down = torch.exp(-((y - place[..., 1:2]) ** 2) / (2 * SIGMA**2))
    inside = ((place >= 0) & (place <= torch.tensor(HEATMAP_SIZE) - 1)).all(dim=-1)
    return down[..., :, None] * across[..., None, :], inside.float()


def normalised(crop_batch: Array) -> torch.Tensor:
    """Return (N, 3, H, W) as the network's preprocessor would make it."""
    preprocessor = MODEL["data_preprocessor"]
    rgb = torch.from_numpy(crop_batch[..., ::-1].copy()).permute(0, 3, 1, 2)
    mean, std = (torch.tensor(preprocessor[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    return (rgb - mean) / std


def error(network: torch.nn.Module, people: range) -> float:
    """Return the mean error on other people, as a share of the box's larger side in per cent (heat-map maxima, unrefined)."""
    network.eval()
    found = []
    with torch.inference_mode():
        for number in people:
            pairs = list(crops(*pictures(number), generator("tiny", number), plain=True))
            maps = network.head.forward(network.backbone(normalised(np.stack([crop for crop, _ in pairs]))))
            flat = maps.flatten(2).argmax(dim=2)
            place = torch.stack([flat % HEATMAP_SIZE[0], flat // HEATMAP_SIZE[0]], dim=-1).float()
            place = place * torch.tensor([(i - 1) / (h - 1) for h, i in zip(HEATMAP_SIZE, INPUT_SIZE, strict=True)])
            found.append((place - torch.from_numpy(np.stack([p for _, p in pairs])).float()).norm(dim=-1).mean().item())
    network.train()
    return float(np.mean(found)) / (INPUT_SIZE[1] / 1.25) * 100


def main() -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--people", type=int, default=3000, help="how many clips of rendered people")
    parser.add_argument("--passes", type=int, default=3, help="how often each is seen, in other crops")
    arguments = parser.parse_args()
    prepare()
    torch.manual_seed(0)
    network = build_pose(config()).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-2)
    steps = arguments.people * arguments.passes * PER_CLIP // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps + 1)
    random, waiting, step = generator("tiny", "crops"), [], 0
    for number in range(arguments.people):
        images, joints = pictures(number)
        for _ in range(arguments.passes):
            waiting += crops(images, joints, random)
        if len(waiting) < 24 * BATCH and number + 1 < arguments.people:
            continue
        order = random.permutation(len(waiting))  # a batch mixes about twenty people
        for start in range(0, len(order) - BATCH + 1, BATCH):
            chosen = [waiting[index] for index in order[start : start + BATCH]]
            maps, inside = targets(torch.from_numpy(np.stack([points for _, points in chosen])).float())
            output = network.head.forward(network.backbone(normalised(np.stack([crop for crop, _ in chosen]))))
            loss = (F.mse_loss(output, maps, reduction="none").mean(dim=(2, 3)) * inside).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            step += 1
        print(f"person {number + 1}, step {step} of {steps}, loss {loss.item():.5f}", flush=True)
        waiting = []
    reached = error(network, range(10_000_001, 10_000_041))
    print(f"other people: mean error {reached:.2f} % of the box")
    facts = {"name": "tiny", "script": "examples/train_tiny_pose.py", "people": arguments.people, "passes": arguments.passes, "seed": SEED}
    facts["mean_error_percent_of_box"] = round(reached, 3)
    weights = {f"weights/{key}": value.numpy() for key, value in network.state_dict().items() if "num_batches" not in key}
    arrays = {key: value.astype(np.float16) if value.dtype == np.float32 and value.ndim > 1 else value for key, value in weights.items()}
    header = store.Header("network", "training", 1, fingerprint("training", 1, facts, {}))
    documents = {"network": facts, "config": facts, "provenance": provenance("training", 1, facts)}
    store.write(arguments.output, store.Artifact(header, arrays, documents))


if __name__ == "__main__":
    main()
