"""``aqa datasets``: the list, the check and the manifest."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from stages.datasets.registry import DATASETS


@pytest.fixture
def root(tmp_path: Path, workspace: Path) -> Path:
    """A data root with two NW-UCLA clips, one of a single frame."""
    folder = tmp_path / "data" / "nw-ucla" / "all_sqe"
    folder.mkdir(parents=True)
    for name, frames in (("a01_s01_e00_v01", 5), ("a02_s02_e00_v03", 1)):
        positions = np.random.default_rng(0).normal(size=(frames, 20, 3))
        (folder / f"{name}.json").write_text(json.dumps({"skeletons": positions.tolist()}))
    return tmp_path / "data"


def test_list__every_data_set_and_where_it_lies(aqa, root) -> None:
    code, out, err = aqa("datasets", "--data-root", root)
    assert code == 0
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(out), delimiter="\t")}
    assert set(rows) == set(DATASETS)
    assert rows["nw-ucla"]["found"] == str(root / "nw-ucla" / "all_sqe")
    assert rows["kimore"]["found"] == "no"
    assert "Politecnica" in rows["kimore"]["request from"]
    assert rows["jigsaws"]["protocols"] == "4-fold, loso, louo, 4-fold/50-percent-labels/seed-0"
    assert err == ""


def test_list__without_a_data_root_says_how_to_name_one(aqa, workspace) -> None:
    code, out, err = aqa("datasets")
    assert code == 0
    assert "kimore\t" in out
    assert "No data root: give --data-root DIR or set AQA_DATA" in err


def test_list__json(aqa, root, monkeypatch) -> None:
    monkeypatch.setenv("AQA_DATA", str(root))
    code, out, _ = aqa("datasets", "--json")
    assert code == 0
    found = {entry["name"]: entry for entry in json.loads(out)}
    assert found["nw-ucla"]["found"].endswith("all_sqe")
    assert "kimore/5-fold" in found["kimore"]["protocols"]


def test_check__usable_with_warnings(aqa, root) -> None:
    code, out, _ = aqa("datasets", "check", "NW_UCLA", "--data-root", root)
    assert code == 0
    assert "clips             2  of 1494 published" in out
    assert "a02_s02_e00_v03: a single frame" in out
    assert out.rstrip().endswith("usable, 1 warning(s)")


def test_check__data_root_before_the_subcommand_counts_too(aqa, root) -> None:
    code, out, _ = aqa("datasets", "--data-root", root, "check", "nw-ucla", "--json")
    assert code == 0
    report = json.loads(out)
    assert report["usable"] is True
    assert report["counts"][0] == {"what": "clips", "found": 2, "published": 1494}


def test_check__not_usable_is_exit_3(aqa, root) -> None:
    for file in (root / "nw-ucla" / "all_sqe").iterdir():
        file.write_text("{")
    code, out, err = aqa("datasets", "check", "nw-ucla", "--data-root", root)
    assert code == 3
    assert "unreadable: 2" in out
    assert "is not usable: no recording can be read." in err
    assert "hint: download it again" in err


@pytest.mark.parametrize("action", ["check", "export"])
def test_subcommands__not_there_unknown_or_nowhere(aqa, tmp_path, workspace, action) -> None:
    more = ["-o", tmp_path / "m.csv"] if action == "export" else []
    code, _, err = aqa("datasets", action, "kimore", "--data-root", tmp_path, *more)
    assert code == 3
    assert f"kimore was not found under {tmp_path}." in err
    assert "hint: expected KiMoRe/CG/Expert" in err
    code, _, err = aqa("datasets", action, "kimor", "--data-root", tmp_path, *more)
    assert code == 2
    assert "Unknown data set 'kimor'. Did you mean 'kimore'?" in err
    code, _, err = aqa("datasets", action, "kimore", *more)
    assert code == 2
    assert "Where is kimore?" in err


def test_export__manifest_of_the_recordings(aqa, root, tmp_path) -> None:
    target = tmp_path / "manifest.csv"
    code, out, _ = aqa("datasets", "export", "nw-ucla", "--data-root", root, "-o", target)
    assert code == 0
    assert out == f"2 clips in {target}\n"
    rows = list(csv.DictReader(target.open()))
    assert [(row["clip"], row["split"]) for row in rows] == [("a01_s01_e00_v01", "train"), ("a02_s02_e00_v03", "test")]


def test_export__does_not_replace_unasked(aqa, root, tmp_path) -> None:
    target = tmp_path / "manifest.csv"
    target.write_text("mine")
    code, _, err = aqa("datasets", "export", "nw-ucla", "--data-root", root, "-o", target)
    assert code == 2
    assert f"{target} exists.\n  hint: --overwrite replaces it" in err
    assert target.read_text() == "mine"
    code, _, _ = aqa("datasets", "export", "nw-ucla", "--data-root", root, "-o", target, "--overwrite")
    assert code == 0
    assert target.read_text().startswith("clip,action,subject")


def test_film__writes_videos_and_their_labels(aqa, tmp_path) -> None:
    code, out, _ = aqa("datasets", "film", "generated-1x1+0", "-o", tmp_path / "films")
    assert code == 0
    assert out == f"1 done, 0 skipped; in {tmp_path / 'films'}, labels in {tmp_path / 'films' / 'manifest.csv'}\n"
    assert (tmp_path / "films" / "s01" / "c1.mp4").is_file()


def test_film__real_data_cannot_be_filmed(aqa, tmp_path) -> None:
    code, _, err = aqa("datasets", "film", "kimore", "-o", tmp_path)
    assert code == 2
    assert "Only a generated set can be filmed" in err
