"""DeepLabCut predictions: CSV and pandas' HDF5."""

from __future__ import annotations

import itertools

import h5py
import numpy as np

from tests.skeletons.importers.files import COCO, dlc_table, dlc_text, read_one, refuses

COLUMNS = [("DLC_resnet50", part, coord) for part in COCO for coord in ("x", "y", "likelihood")]
ANIMALS = [("DLC", one, part, coord) for one in ("ann", "bob") for part in COCO for coord in ("x", "y", "likelihood")]


def _values(columns: int = len(COLUMNS), frames: int = 5) -> np.ndarray:
    return np.random.default_rng(1).uniform(0.1, 1, size=(frames, columns))


def _fixed(path, columns, values) -> None:
    """Write the ``fixed`` form: the levels of the columns sorted, and a code per column."""
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        group.attrs["pandas_type"] = np.bytes_(b"frame")
        group.attrs["nblocks"], group.attrs["block0_items_nlevels"] = 1, len(columns[0])
        for level, parts in enumerate(zip(*columns, strict=True)):
            names = sorted(set(parts))
            group[f"block0_items_level{level}"] = np.array(names, dtype="S")
            group[f"block0_items_label{level}"] = np.array([names.index(part) for part in parts], dtype=np.int8)
        group["axis1"] = np.arange(len(values))
        group["block0_values"] = values
        group["block0_values"].attrs["transposed"] = np.uint8(1)


def _check(poses, values) -> None:
    table = values.reshape(len(values), 17, 3)
    np.testing.assert_allclose(poses.positions[0], table[..., :2], rtol=1e-6)
    np.testing.assert_allclose(poses.confidence[0], table[..., 2], rtol=1e-6)
    assert (poses.layout.name, poses.units) == ("coco-17", "px")


def test_dlc_csv__one_person(tmp_path) -> None:
    file, values = tmp_path / "v.csv", _values()
    file.write_text(dlc_text([], values))
    _check(read_one("dlc-csv", file), values)


def test_dlc_csv__individuals_are_people_and_empty_cells_are_missing(tmp_path) -> None:
    file, values = tmp_path / "v.csv", _values(2 * len(COLUMNS))
    values[:2, : len(COLUMNS)] = np.nan
    file.write_text(dlc_text(["ann", "bob"], values))
    poses = read_one("dlc-csv", file)
    assert poses.positions.shape == (2, 5, 17, 2)
    np.testing.assert_allclose(poses.positions[0, 0, 0], values[0, 51:53], rtol=1e-6)
    assert np.isnan(poses.positions[1, :2]).all()


def test_dlc_h5__table(tmp_path) -> None:
    values = _values()
    dlc_table(tmp_path / "v.h5", COLUMNS, values)
    _check(read_one("dlc-h5", tmp_path / "v.h5"), values)


def test_dlc_h5__table_of_several_individuals(tmp_path) -> None:
    dlc_table(tmp_path / "v.h5", ANIMALS, _values(len(ANIMALS)))
    assert read_one("dlc-h5", tmp_path / "v.h5").positions.shape == (2, 5, 17, 2)


def test_dlc_h5__fixed(tmp_path) -> None:
    values = _values()
    _fixed(tmp_path / "v.h5", COLUMNS, values)
    _check(read_one("dlc-h5", tmp_path / "v.h5"), values)


def test_dlc_csv__defects(tmp_path) -> None:
    file, good = tmp_path / "v.csv", dlc_text([], _values())
    lines = good.splitlines()
    cases = {
        "": "expected the header lines scorer, [individuals,] bodyparts, coords; found none",
        "\n".join(lines[1:]): "line 1: expected the header lines scorer, [individuals,] bodyparts, coords; found bodyparts, coords",
        "\n".join([lines[0], *lines]): "line 2: the header line 'scorer' appears twice",
        good.replace("likelihood", "z", 1): "expected columns (scorer, [individual,] bodypart, x|y|likelihood), found DLC_resnet50/nose/z",
        good.replace("likelihood", "x", 1): "a column appears twice",
        good[:-30]: "line 8: expected 52 cells, found",
        good.replace("\n3,", "\n3.5,"): "line 7, the frame: expected a whole number, found '3.5'",
        good.replace("\n3,", "\nlabeled-data/v/img003.png,"): "line 7, the frame: expected a whole number",
        good.replace("\n3,", "\n2,"): "frame 2 appears twice",
        good.replace("\n4,", "\n4000000000,"): "5 frames are numbered 0 to 4000000000",
        "\n".join(lines[:3]): "the clip has no frames",
        dlc_text([], _values(24), tuple("abcdefgh")): "the joint names fit no skeleton",
        lines[0] + ",extra\n" + "\n".join(lines[1:]): "the header lines have different numbers of cells",
    }
    for text, message in cases.items():
        assert text != good, message
        file.write_text(text)
        refuses("dlc-csv", file, message)


def test_dlc_h5__a_pickled_name_that_would_run_is_refused(tmp_path) -> None:
    dlc_table(tmp_path / "v.h5", COLUMNS, _values(), kind=b"cos\nsystem\n(S'true'\ntR.")
    refuses("dlc-h5", tmp_path / "v.h5", "this one asks for os.system")


def test_dlc_h5__defects(tmp_path) -> None:
    numbers = itertools.count()

    def check(message, change) -> None:
        path = tmp_path / f"v{next(numbers)}.h5"
        _fixed(path, COLUMNS, _values())
        with h5py.File(path, "a") as file:
            change(file["df_with_missing"])
        refuses("dlc-h5", path, message)

    check("cannot be read without pandas' own reader", lambda group: group.attrs.modify("pandas_type", np.bytes_(b"series")))
    check("expected a table of one block of numbers", lambda group: group.attrs.modify("nblocks", 2))
    check("'block0_items_label1' is missing", lambda group: group.__delitem__("block0_items_label1"))
    check("level 1 of the columns is damaged", lambda group: group["block0_items_label1"].__setitem__(0, 99))
    check("'axis1' is missing", lambda group: group.__delitem__("axis1"))

    def text_index(group) -> None:
        del group["axis1"]
        group["axis1"] = np.array([b"img1"] * 5)

    check("expected frame numbers as the rows' index", text_index)

    dlc_table(tmp_path / "n.h5", COLUMNS, _values(), kind=b"(lp0\nI5\na.")
    refuses("dlc-h5", tmp_path / "n.h5", "the names of the table's columns are damaged")
    dlc_table(tmp_path / "m.h5", COLUMNS[:-1], _values())
    refuses("dlc-h5", tmp_path / "m.h5", "expected numbers (5, 50), found float64 (5, 51)")
    (tmp_path / "t.h5").write_bytes((tmp_path / "n.h5").read_bytes()[:900])
    refuses("dlc-h5", tmp_path / "t.h5", "is not a readable HDF5 file: truncated or damaged")
    with h5py.File(tmp_path / "e.h5", "w"):
        pass
    refuses("dlc-h5", tmp_path / "e.h5", "expected a pandas table such as 'df_with_missing', found nothing")


def test_dlc_h5__a_shape_that_lies_costs_nothing(tmp_path) -> None:
    path = tmp_path / "v.h5"
    _fixed(path, COLUMNS, _values())
    with h5py.File(path, "a") as file:
        del file["df_with_missing/block0_values"]
        file["df_with_missing"].create_dataset("block0_values", shape=(10**10, 51), chunks=(8, 51), dtype="f8")
    assert path.stat().st_size < 10**6
    refuses("dlc-h5", path, "larger than can be read")
