"""Reading pickled pandas tables without pandas and without running them: the columns of a DataFrame that holds numbers and text.

A pickled table is a BlockManager: arrays that hold the columns of one type each, with the numbers of these columns, and two
indexes, the columns' names first.  Versions to 1.2 pickle it as a state (``0.14.1``), later ones as the arguments of its constructor.
Tables with categories, dates or text in pandas' own types are refused, with the way to convert them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.skeletons.importers import safe_pickle
from stages.skeletons.importers.safe_pickle import Record

_CONVERT = "in pandas: pandas.read_pickle(FILE).to_csv(FILE with .csv instead of .pkl); the CSV is read too"


class _Frame(Record):
    pass


class _Manager(Record):
    pass


class _Index(Record):
    pass


def _new_index(_: Any, attributes: Any) -> _Index:
    return _Index(attributes)


def _block(values: Any, placement: Any, *_: Any) -> tuple[Any, Any]:
    return values, placement


_NAMES: safe_pickle.Names = {
    ("builtins", "slice"): slice,
    ("__builtin__", "slice"): slice,
    **{(module, "DataFrame"): _Frame for module in ("pandas", "pandas.core.frame")},
    **{(module, "BlockManager"): _Manager for module in ("pandas.core.internals", "pandas.core.internals.managers")},
    **{("pandas._libs.internals", name): kind for name, kind in (("BlockManager", _Manager), ("_unpickle_block", _block))},
    **{(module, "_new_Index"): _new_index for module in ("pandas.core.indexes.base", "pandas.indexes.base")},
    **{(module, "Index"): _Index for module in ("pandas", "pandas.core.indexes.base", "pandas.indexes.base")},
    **{(module, "RangeIndex"): _Index for module in ("pandas", "pandas.core.indexes.range", "pandas.indexes.range")},
    **{("pandas.core.indexes.numeric", f"{kind}Index"): _Index for kind in ("Int64", "Float64", "UInt64")},
}


def read(file: Path) -> dict[str, Array]:
    """Return column → its values, of numbers or of objects (text, None), each (rows,).

    Raises:
        ArtifactError: it is no pickled table of numbers and text.
    """
    frame = safe_pickle.load(file, _NAMES)
    if not isinstance(frame, _Frame) or not isinstance(frame.state, Mapping):
        raise ArtifactError(f"{file.name} holds no pandas table.", hint=_CONVERT)
    manager = frame.state.get("_mgr", frame.state.get("_data"))
    try:
        axes, blocks = _parts(manager)
        names = [str(name) for name in safe_pickle.objects(_labels(axes[0]), file.name)]
        columns: dict[str, Array] = {}
        for values, placement in blocks:
            table = np.atleast_2d(safe_pickle.objects(values, file.name))
            for row, number in enumerate(_numbers(placement, len(names), file.name)):
                columns[names[number]] = table[row]
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise ArtifactError(f"{file.name}: a pandas table of an unknown structure ({type(error).__name__}).", hint=_CONVERT) from None
    if len({len(values) for values in columns.values()}) != 1 or set(columns) != set(names):
        raise ArtifactError(f"{file.name}: the columns of the table are damaged.", hint="download it again")
    return {name: columns[name] for name in names}


def _parts(manager: Any) -> tuple[Any, list[tuple[Any, Any]]]:
    """Return the axes, and (values, column numbers) of each block."""
    if manager.arguments:
        blocks, axes = manager.arguments[:2]
        return axes, list(blocks)
    state = manager.state[-1]["0.14.1"]
    return state["axes"], [(block["values"], block["mgr_locs"]) for block in state["blocks"]]


def _labels(index: Any) -> Any:
    return index.arguments[0]["data"]


def _numbers(placement: Any, count: int, where: str) -> list[int]:
    if isinstance(placement, slice):
        return list(range(count))[placement]
    return [int(number) for number in np.atleast_1d(safe_pickle.array(placement, where))]
