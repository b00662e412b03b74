"""``aqa export`` as a user types it: an experiment, one of its models, an encoder; the files, the card, and what is refused."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from stages.artifacts import store
from stages.encoders.spec import PretrainedEncoder
from stages.export import onnx_file, safetensors_file
from stages.export.card import SNIPPET
from stages.finetune.model import Model
from tests.small import write_feature_set, write_pose_set

SMALL = ("--set", "settings.encoder_settings={width: 8, blocks: 2}", "--set", "settings.input.frames=16")
FOLDS = ("--dataset", "arms", "--protocol", "2-fold")


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def without_torch(code: str, folder: Path) -> str:
    """Run code in a process in which neither torch nor this toolkit can be imported; return what it prints."""
    blocked = "import sys; sys.modules.update(dict.fromkeys(['torch', 'stages', 'onnx', 'safetensors']))\n"
    ran = subprocess.run([sys.executable, "-c", blocked + code], capture_output=True, text=True, check=False, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture
def ridge(aqa, workspace: Path) -> Path:
    """An experiment of two folds whose method is fitted in an instant; the folder that its export goes to."""
    write_feature_set(workspace / "features/arms/tiny")
    assert aqa("finetune", *FOLDS, "--method", "features-ridge", "--name", "ridge")[0] == 0
    return workspace / "exports/ridge"


def test_experiment__from_an_encoder_to_a_card_whose_example_runs(aqa, workspace: Path) -> None:
    write_pose_set(workspace / "poses/arms")
    assert aqa("pretrain", "--dataset", "arms", "--epochs", "1", *SMALL)[0] == 0
    tune = (*FOLDS, "--epochs", "2", "--select", "last", "--name", "own")
    assert aqa("finetune", "--method", "sme-gcn", *tune)[0] == 0
    assert aqa("evaluate", "--model", "own")[0] == 0
    code, out, err = aqa("export", "own", "--json")
    assert code == 0, err
    said, folder = json.loads(out), workspace / "exports/own"
    found = files(folder)
    ends = (".onnx", ".npz", ".safetensors")
    assert set(found) == {"MODEL_CARD.md", "preparation.json", *(f"fold-{fold}/0{end}" for fold in (0, 1) for end in ends)}
    assert said["files"] == {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
    assert (said["clips_at_once"], max(said["differences"].values()) < 1e-3) == ({"fold-0/0": "any number", "fold-1/0": "any number"}, True)

    card = found["MODEL_CARD.md"].decode()
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert code == SNIPPET
    assert [line.partition(" ")[0] for line in without_torch(code, folder).splitlines()] == ["fold-0/0", "fold-1/0"]
    metrics = json.loads((workspace / "evaluations/own/metrics.json").read_text())
    best = metrics["overall"]["mae"]
    for text in (
        "Method: `sme-gcn`",
        f"| MAE | {best['value']:.4f} | [{best['low']:.4f}, {best['high']:.4f}] |",
        "On 18 held-out clips of 6 subjects",
        "intervals of 80% hold the truth in",
        "| fold-0/0 | 9 training, 0 validation, 9 test; pretraining saw 9 of the test clips |",
        "Other weights that it rests on: encoder `sme-gcn`.",
        "Their licences are not recorded",
        "seconds 0.767 to 1.03",
        f"| `fold-0/0.onnx` | `{said['files']['fold-0/0.onnx']}` |",
        f"| fold-0/0 | `{store.read_header(workspace / 'models/own/fold-0/0.h5').fingerprint}` |",
    ):
        assert text in card, text
    assert not [name for name, content in found.items() if b"clip-" in content or str(workspace).encode() in content]

    prepared = json.loads(found["preparation.json"])["members"][0]["prepare"]["poses"]
    assert (prepared["frames"], prepared["scale"], prepared["skeleton"], len(prepared["joints"])) == (16, "trunk", "kinect-20", 20)
    code, _, err = aqa("export", "own", "-o", workspace / "again")
    assert code == 0, err
    assert files(workspace / "again") == found


def test_evaluation__of_other_models_is_left_out(aqa, ridge: Path) -> None:
    assert aqa("export", "ridge", "--format", "safetensors")[0] == 0
    assert "No figures: there is no evaluation of it." in (ridge / "MODEL_CARD.md").read_text()
    assert aqa("evaluate", "--model", "ridge")[0] == 0
    assert aqa("export", "ridge", "--format", "safetensors", "--member", "fold-1/0", "--overwrite")[0] == 0
    assert "No figures: the evaluation of its experiment is of all its models together." in (ridge / "MODEL_CARD.md").read_text()
    tune = ("--method", "features-ridge", "--name", "ridge", "--set", "settings.statistics=[mean, std]", "--overwrite")
    assert aqa("finetune", *FOLDS, *tune)[0] == 0
    assert aqa("export", "ridge", "--format", "safetensors", "--overwrite")[0] == 0
    assert "No figures: the evaluation of that name is of other models." in (ridge / "MODEL_CARD.md").read_text()
    (ridge.parents[1] / "evaluations/ridge/predictions.h5").write_bytes(b"half")
    assert aqa("export", "ridge", "--format", "safetensors", "--overwrite")[0] == 0
    assert "No figures: the evaluation of that name cannot be read." in (ridge / "MODEL_CARD.md").read_text()


def test_safetensors__a_network_is_built_again_from_it(aqa, workspace: Path) -> None:
    write_feature_set(workspace / "features/arms/tiny")
    tune = (*FOLDS, "--epochs", "2", "--select", "last", "--name", "own", "--set", "settings.hidden=16")
    assert aqa("finetune", "--method", "core", *tune)[0] == 0
    model = workspace / "models/own/fold-0/0.h5"
    assert aqa("export", model, "--format", "safetensors", "-o", workspace / "out")[0] == 0
    assert set(files(workspace / "out")) == {"MODEL_CARD.md", "preparation.json", "model.safetensors"}
    tensors, texts = safetensors_file.read(workspace / "out/model.safetensors")
    method = Model.read(model).method
    state = method.state_dict()
    assert {name for name in tensors if not name.startswith("reference/")} == set(state)
    assert all(np.array_equal(values.numpy(), tensors[name]) for name, values in state.items())
    assert tensors["reference/target"].shape == (len(store.read_document(model, "method")["reference"]),)
    assert json.loads(texts["aqa.method"])["name"] == "core"
    assert (texts["format"], "clip-" in json.dumps(texts)) == ("pt", False)


def test_encoder__by_name_and_by_file(aqa, workspace: Path) -> None:
    write_pose_set(workspace / "poses/arms")
    assert aqa("pretrain", "--dataset", "arms", "--epochs", "1", *SMALL)[0] == 0
    code, out, err = aqa("export")
    assert code == 0, err
    assert out.splitlines()[-1].startswith("sme-gcn: takes any number of clips at once; differs from torch by at most ")
    folder = workspace / "exports/sme-gcn"
    clips = dict(np.load(folder / "model.npz"))
    found = onnx_file.run((folder / "model.onnx").read_bytes(), {name: clips[name] for name in ("poses", "mask")})
    encoder = PretrainedEncoder.read(workspace / "encoders/sme-gcn.h5")
    network = encoder.spec.build().eval()
    network.load_state_dict(dict(encoder.weights))
    with torch.no_grad():
        wanted = network(torch.from_numpy(clips["poses"]), torch.from_numpy(clips["mask"]))
    assert np.allclose(found["representation"], wanted, atol=1e-5)
    assert "It predicts nothing by itself." in (folder / "MODEL_CARD.md").read_text()
    assert aqa("export", workspace / "encoders/sme-gcn.h5", "-o", workspace / "out")[0] == 0
    assert files(workspace / "out") == files(folder)
    assert aqa("finetune", *FOLDS, "--method", "linear-probe", "--name", "sme-gcn")[0] == 0
    code, _, err = aqa("export", "sme-gcn")
    assert code == 2
    assert "'sme-gcn' is an experiment and an encoder." in err


def test_encoder__one_per_fold(aqa, workspace: Path) -> None:
    write_pose_set(workspace / "poses/arms")
    assert aqa("pretrain", *FOLDS, "--epochs", "1", *SMALL)[0] == 0
    assert aqa("export", "sme-gcn", "--format", "safetensors")[0] == 0
    assert {"fold-0.safetensors", "fold-1.safetensors"} < set(files(workspace / "exports/sme-gcn"))


def test_trees__have_no_graph_but_arrays(aqa, workspace: Path, ridge: Path) -> None:
    write_pose_set(workspace / "poses/arms")
    assert aqa("finetune", *FOLDS, "--method", "kinematics-trees", "--name", "trees", "--set", "settings.trees=5")[0] == 0
    code, _, err = aqa("export", "trees")
    assert code == 2
    assert "kinematics-trees cannot be exported as ONNX: a prediction follows the branches of trees" in err
    assert "hint: --format safetensors writes its arrays" in err
    assert not (workspace / "exports/trees").exists()
    assert aqa("export", "trees", "--format", "safetensors")[0] == 0
    tensors, _ = safetensors_file.read(workspace / "exports/trees/fold-0/0.safetensors")
    assert np.array_equal(tensors["leaf"], Model.read(workspace / "models/trees/fold-0/0.h5").method.arrays()["leaf"])


def test_existing__is_replaced_when_asked_and_nothing_old_stays(aqa, ridge: Path) -> None:
    assert aqa("export", "ridge")[0] == 0
    before = files(ridge)
    code, _, err = aqa("export", "ridge", "--format", "onnx")
    assert code == 2
    assert "exports/ridge holds an export already: fold-0/0.onnx, fold-0/0.npz, " in err
    assert "--overwrite, or another folder with -o" in err
    assert files(ridge) == before
    (ridge / "mine.safetensors").write_text("mine")
    assert aqa("export", "ridge", "--format", "onnx", "--overwrite")[0] == 0
    assert not [name for name in files(ridge) if name.endswith("0.safetensors")]
    assert (ridge / "mine.safetensors").read_text() == "mine"


def test_dry_run__names_the_files(aqa, ridge: Path) -> None:
    code, out, _ = aqa("export", "ridge", "--member", "fold-1/0", "--format", "onnx", "--dry-run")
    assert code == 0
    assert out.splitlines()[1:] == ["  model.onnx", "  model.npz", "  preparation.json", "  MODEL_CARD.md", "dry run: nothing was written"]
    assert not ridge.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("rigde",), 2, "Unknown model or encoder 'rigde'. Did you mean 'ridge'?"),
        (("ridge", "--member", "fold-1"), 2, "Unknown member of 'ridge' 'fold-1'. Did you mean 'fold-1/0'?"),
        (("ridge", "--format", "tflite"), 2, "'format' (flag): Input should be 'onnx', 'safetensors' or 'both', found 'tflite'."),
        (("ridge", "--frames", "0"), 2, "'frames' (flag)"),
        (("{w}/features",), 3, "holds neither a list of models nor encoders."),
        (("{w}/features/arms/tiny/s0/clip-0.h5",), 3, "is of kind 'features'; models and encoders are exported."),
        (("{w}/features/arms/tiny/manifest.csv",), 3, "manifest.csv"),
    ],
)
def test_errors__say_what_is_wrong(aqa, workspace: Path, ridge: Path, arguments, code: int, message: str) -> None:
    found, _, err = aqa("export", *(each.format(w=workspace) for each in arguments))
    assert found == code, err
    assert message in err
    assert not ridge.exists()


def test_errors__nothing_there_and_no_onnxruntime(aqa, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = aqa("export")
    assert code == 2
    assert "There is no model or encoder in the workspace." in err
    write_feature_set(workspace / "features/arms/tiny")
    assert aqa("finetune", *FOLDS, "--method", "features-ridge", "--name", "ridge")[0] == 0
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    code, _, err = aqa("export")
    assert code == 5
    assert "Exporting to ONNX needs onnxruntime" in err
    assert aqa("export", "--format", "safetensors")[0] == 0
