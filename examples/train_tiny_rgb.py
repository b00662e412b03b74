"""Train the tiny video network that ships with the toolkit, on rendered people: ``python examples/train_tiny_rgb.py OUT.h5``.

Segments of 16 frames come from films of other seeds than any generated set's.  From the pixels the network has to tell, for each
joint, where it is on average, how far it moves and how fast: what is needed to see movement, and nothing of scores.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from stages.arrays import Array
from stages.artifacts import store
from stages.artifacts.fingerprint import fingerprint
from stages.artifacts.provenance import provenance
from stages.datasets.generated import Clip, film
from stages.engine.seeding import generator
from stages.extract_features.backbones.tiny import DIMENSIONS, LENGTH, LOOK, SIDE, TinyRGB

SEED = 8_000_000
SEGMENTS = 3
"""Of each film."""
BATCH = 32
TARGETS = 17 * 5


def segments(number: int) -> tuple[Array, Array]:
    """Return pixels (S, 16, 64, 64, 3) and targets (S, 85) of one person's film."""
    clip = Clip(f"u{number % 900:02d}/c1", SEED + number)
    whole = film.film_of(clip)
    starts = np.sort(clip.random("starts").integers(0, len(whole.body) - LENGTH + 1, SEGMENTS))
    pixels, targets = [], []
    for start in starts:
        part = film.Film(clip, whole.body[start : start + LENGTH], whole.lens)
        pixels.append(np.stack([squared(image) for image in film.frames(part)]))
        targets.append(movement(film.truth(part).positions[0]))
    return np.stack(pixels), np.stack(targets)


def squared(image: Array) -> Array:
    """Return the middle of an image as the network sees it: the shorter side to 64, then the middle 64 × 64."""
    height, width = image.shape[:2]
    scale = SIDE / min(height, width)
    size = (round(width * scale), round(height * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    top, left = (size[1] - SIDE) // 2, (size[0] - SIDE) // 2
    return np.asarray(small[top : top + SIDE, left : left + SIDE])


def movement(joints: Array) -> Array:
    """Return what is to be told of joints (16, 17, 2): mean place, range and mean speed, in widths of the picture."""
    unit = (joints - np.array(film.SIZE) / 2) / film.SIZE[0]
    speed = np.linalg.norm(np.diff(unit, axis=0), axis=-1).mean(axis=0)
    return np.concatenate([unit.mean(axis=0).ravel(), np.ptp(unit, axis=0).ravel(), 10 * speed]).astype(np.float32)


def augmented(pixels: Array, random: np.random.Generator) -> torch.Tensor:
    """Return (N, 3, 16, 64, 64), normalised, each segment in another light."""
    clips = torch.from_numpy(pixels).float().flip(-1)
    gain = torch.from_numpy(random.uniform(0.75, 1.25, (len(pixels), 1, 1, 1, 3))).float()
    shift = torch.from_numpy(random.normal(0, 12, (len(pixels), 1, 1, 1, 3))).float()
    return ((clips * gain + shift).clamp(0, 255).permute(0, 4, 1, 2, 3) - LOOK.mean[0]) / LOOK.std[0]


def main() -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--people", type=int, default=1200, help="how many films")
    parser.add_argument("--epochs", type=int, default=4)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    found = []
    for number in range(arguments.people):
        found.append(segments(number))
        if number % 100 == 99:
            print(f"{number + 1} films of {arguments.people}", flush=True)
    pixels, targets = np.concatenate([pixel for pixel, _ in found]), np.concatenate([target for _, target in found])
    held = SEGMENTS * max(arguments.people // 10, 1)
    mean, std = targets[held:].mean(axis=0), targets[held:].std(axis=0) + 1e-6
    truth = torch.from_numpy((targets - mean) / std)
    network, head = TinyRGB(), nn.Linear(DIMENSIONS, TARGETS)
    parameters = [*network.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=1e-2)
    steps = arguments.epochs * ((len(pixels) - held) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps + 1)
    random = generator("tiny rgb")
    for epoch in range(arguments.epochs):
        order = held + random.permutation(len(pixels) - held)
        losses = []
        for start in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            loss = F.mse_loss(head(network(augmented(pixels[chosen], random))), truth[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}", flush=True)
    network.eval()
    plain = (torch.from_numpy(pixels[:held]).float().flip(-1).permute(0, 4, 1, 2, 3) - LOOK.mean[0]) / LOOK.std[0]
    with torch.inference_mode():
        left = F.mse_loss(head(network(plain)), truth[:held]).item()
    print(f"other people: {1 - left:.3f} of the variance explained")
    facts = {"name": "tiny", "script": "examples/train_tiny_rgb.py", "people": arguments.people, "epochs": arguments.epochs, "seed": SEED}
    facts["variance_explained"] = round(1 - left, 4)
    weights = {f"weights/{key}": value.numpy() for key, value in network.state_dict().items() if "num_batches" not in key}
    arrays = {key: value.astype(np.float16) if value.ndim > 1 else value for key, value in weights.items()}
    header = store.Header("network", "training", 1, fingerprint("training", 1, facts, {}))
    store.write(
        arguments.output,
        store.Artifact(header, arrays, {"network": facts, "config": facts, "provenance": provenance("training", 1, facts)}),
    )


if __name__ == "__main__":
    main()
