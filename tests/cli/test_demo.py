"""``aqa demo`` and ``examples/quickstart.sh``, in miniature."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aqa_cli.commands.demo import EXPERIMENTS, commands
from stages.configuration import Layer, nest_flags, parse_assignments
from stages.finetune.config import resolve_finetune
from stages.pretrain.config import resolve_pretrain

MINIATURE = ("--dataset", "generated-6x1+4", "--pretrain-epochs", "1", "--epochs", "1")
STAGES = ["datasets", "extract-pose", "extract-features", "pretrain"] + ["finetune"] * 4 + ["evaluate"] * 4 + ["score"]
ROOT = Path(__file__).resolve().parents[2]


def commands_of(out: str) -> list[str]:
    return [line for line in out.splitlines() if line.startswith("$ aqa ")]


def test_demo__runs_what_it_prints_and_ends_with_the_numbers(aqa, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AQA_WORKSPACE", str(tmp_path / "another"))
    folder = tmp_path / "demo"
    code, out, err = aqa("demo", "--workspace", folder, *MINIATURE)
    assert code == 0, err
    assert out.startswith(f"$ export AQA_WORKSPACE={folder}\n")
    assert [line.split()[2] for line in commands_of(out)] == STAGES
    assert out.count("10 done, 0 skipped") == 3
    scored = out[out.index("\nc1: ") : out.index("out-of-fold")]
    assert "  costs most: " in scored
    assert (folder / "scored/reports/kinematics/c1.html").is_file()
    table = out[out.index("out-of-fold") :]
    for title in EXPERIMENTS.values():
        figures = next(line for line in table.splitlines() if line.startswith(title)).split("\t")
        assert -1 <= float(figures[1]) <= 1
        assert figures[2].startswith("[")
    report = Path(next(line for line in table.splitlines() if line.startswith("report: ")).removeprefix("report: "))
    assert report == folder / "evaluations/pretrained/report.html"
    assert report.is_file()
    assert os.environ["AQA_WORKSPACE"] == str(tmp_path / "another")
    assert not (tmp_path / "another").exists()

    before = {path: path.stat().st_mtime_ns for path in (folder / "models").rglob("*.h5")}
    code, out, _ = aqa("demo", "--workspace", folder, *MINIATURE)
    assert code == 0
    assert [line.split(";")[0] for line in out.splitlines() if " done, " in line] == [
        "0 done, 10 skipped",
        *["0 done, 10 skipped, 0 failed"] * 2,
        "0 done, 1 skipped, 0 failed",
        *["0 done, 3 skipped, 0 failed"] * 4,
    ]
    assert {path: path.stat().st_mtime_ns for path in (folder / "models").rglob("*.h5")} == before


def test_demo__an_error_of_a_stage_is_its_own(aqa, tmp_path) -> None:
    code, _, err = aqa("demo", "--workspace", tmp_path / "demo", "--dataset", "generated-big")
    assert code == 2
    assert "generated-big" in err


def test_demo__scratch_and_pretrained_train_the_same_network() -> None:
    def layers(words: list[str]) -> list[Layer]:
        flags = {"method": "sme-gcn", "training.epochs": int(words[words.index("--epochs") + 1])}
        return [
            Layer("--set", parse_assignments([words[i + 1] for i, word in enumerate(words) if word == "--set"])),
            Layer("flag", nest_flags(flags)),
        ]

    all_words = commands(Path("x"), "generated", 40, 50)
    *_, pretrain, pretrained, scratch, _, _ = [words for words in all_words if words[0] not in ("evaluate", "score")]
    encoder, network = resolve_pretrain(layers(pretrain)).config.settings, resolve_finetune(layers(scratch)).config.settings
    assert encoder["encoder_settings"] == network["encoder_settings"]
    assert encoder["input"] == network["input"]
    shared = [word for word in pretrained if "=" in word]
    assert shared
    assert set(shared) <= set(scratch)
    assert pretrained[pretrained.index("--epochs") + 1] == scratch[scratch.index("--epochs") + 1]


@pytest.mark.slow
def test_quickstart__runs_as_it_stands(tmp_path) -> None:
    shell = shutil.which("sh")
    if shell is None:
        pytest.skip("needs a POSIX shell")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment |= {"AQA_WORKSPACE": str(tmp_path / "ws"), "DATASET": "generated-6x1+4", "EPOCHS": "1"}
    result = subprocess.run([shell, str(ROOT / "examples/quickstart.sh")], capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("Spearman ρ ") >= 2
    for name in ("generated-6x1+4-sme-gcn", "generated-6x1+4-kinematics-ridge"):
        assert (tmp_path / "ws/evaluations" / name / "report.html").is_file()
