"""Reading pickles without running what they hold.

A pickle is a program.  This reader knows only the instructions that build containers, text, numbers and numpy arrays; the few
names that such a pickle may look up (numpy's array, dtype and scalar constructors, builtin containers) lead to stand-ins
of this module, so that no function of numpy, builtins or anybody else is ever called with a pickle's arguments.  Anything
else is an error.  The slower Python implementation of the standard library is used on purpose: the C one grows its
memo to whatever index a file names, which lets a file of ten bytes take all memory.
"""

from __future__ import annotations

import io
import math
import pickle
import re
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import _Unpickler as PythonUnpickler
from typing import Any, BinaryIO, Literal

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError
from stages.skeletons.importers.common import MAX_VALUES, reading_errors

_PLAIN = re.compile(r"[<>|=]?[biufc](1|2|4|8|16)|b1|\?")
_REFUSED = ("OBJ", "INST", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEXT_BUFFER", "READONLY_BUFFER")


Names = Mapping[tuple[str, str], Callable[..., Any]]
"""(module, name) that a pickle may look up → this toolkit's stand-in for it: a function that only builds, or a kind of :class:`Record`."""


class Record:
    """An object of another program as what it is made from: the arguments of its constructor, and its state."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def fill(self, state: Any) -> None:
        """Keep the state."""
        self.state = state


def load(path: Path, names: Names | None = None) -> Any:
    """Return what the pickle file holds: containers, text, numbers, arrays and the records of ``names``; see :func:`loads`."""
    with reading_errors(path), path.open("rb") as file:
        return _load(file, path.name, path.stat().st_size, names or {})


def loads(data: bytes, where: str) -> Any:
    """Return what the pickle ``data`` holds.

    Raises:
        ArtifactError: it is damaged, or holds anything but containers, text, numbers and arrays.
    """
    return _load(io.BytesIO(data), where, len(data), {})


def array(value: Any, where: str) -> Array:
    """Return a pickled array.

    Raises:
        ArtifactError: it is none, or one of objects, or its size is not what it says.
    """
    if isinstance(value, _Array):
        return value.build(where)
    raise ArtifactError(f"{where}: expected an array, found a {type(value).__name__}.")


def objects(value: Any, where: str) -> Array:
    """Return a pickled array of anything: of numbers as :func:`array` does, of text and None as an array of objects.

    Raises:
        ArtifactError: it is none, or its size is not what it says.
    """
    if not isinstance(value, _Array) or not isinstance(value.data, list):
        return array(value, where)
    sizes = value.shape if isinstance(value.shape, tuple) else (None,)
    if not all(type(size) is int and size >= 0 for size in sizes) or math.prod(sizes) != len(value.data):
        raise ArtifactError(f"{where}: an array of shape {sizes} holds {len(value.data)} values.")
    built = np.empty(len(value.data), dtype=object)
    for number, each in enumerate(value.data):
        built[number] = scalar(each)
    return built.reshape(sizes, order="F" if value.order == "F" else "C")


def scalar(value: Any) -> Any:
    """Return a Python number for a pickled numpy scalar, anything else as it is."""
    return value.build("a number").item() if isinstance(value, _Array) and value.shape == () else value


class _RefusedError(Exception):
    """The pickle asks for something that this reader does not do."""


class _Dtype:
    def __init__(self, code: Any) -> None:
        self.code = code
        self.order: Literal["<", ">", "|", "="] = "="

    def fill(self, state: Any) -> None:
        """Take the byte order, the only part of a plain type's state."""
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise _RefusedError("an array type that is no plain number")
        self.order = state[1]

    def build(self, where: str) -> np.dtype[Any]:
        if not isinstance(self.code, str) or not _PLAIN.fullmatch(self.code):
            raise ArtifactError(f"{where}: expected an array of numbers, found one of type {str(self.code)[:20]!r}.")
        try:
            return np.dtype(self.code).newbyteorder(self.order)
        except TypeError:
            raise ArtifactError(f"{where}: expected an array of numbers, found one of type {self.code!r}.") from None


class _Array:
    def __init__(self, shape: Any = None, dtype: Any = None, data: Any = None, order: str = "C") -> None:
        self.shape, self.dtype, self.data, self.order = shape, dtype, data, order

    def fill(self, state: Any) -> None:
        """Take numpy's (version, shape, dtype, Fortran order, bytes)."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise _RefusedError("an array of an unknown version")
        _, self.shape, self.dtype, fortran, self.data = state
        self.order = "F" if fortran is True else "C"

    def build(self, where: str) -> Array:
        if not isinstance(self.dtype, _Dtype):
            raise ArtifactError(f"{where}: the array has no type.")
        dtype = self.dtype.build(where)
        data = self.data.encode("latin-1") if isinstance(self.data, str) else self.data
        sizes = self.shape if isinstance(self.shape, tuple) else (None,)
        if not isinstance(data, bytes | bytearray) or not all(type(size) is int and 0 <= size <= MAX_VALUES for size in sizes):
            raise ArtifactError(f"{where}: the array is damaged.")
        expected = int(np.prod([*sizes, dtype.itemsize], dtype=object))
        if len(data) != expected:
            raise ArtifactError(f"{where}: an array of shape {sizes} has {expected} bytes, found {len(data)}.")
        return np.frombuffer(data, dtype=dtype).reshape(sizes, order="F" if self.order == "F" else "C")


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any = "C", *_: Any) -> _Array:
    return _Array(shape, dtype, data, "F" if order == "F" else "C")


def _scalar(dtype: Any, data: Any = None, *_: Any) -> _Array:
    return _Array((), dtype, data)


def _dtype(code: Any, *_: Any) -> _Dtype:
    return _Dtype(code)


def _encode(text: Any, encoding: Any = "latin1", *_: Any) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise _RefusedError("_codecs.encode of anything but bytes")
    return text.encode("latin-1")


def _container(kind: type) -> Callable[..., Any]:
    def build(items: Any = (), *_: Any) -> Any:
        if not isinstance(items, list | tuple | dict | set | frozenset):
            raise _RefusedError(f"{kind.__name__} of a {type(items).__name__}")
        return kind(items)

    return build


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _frombuffer for core in ("core", "_core")},
    **{(module, kind.__name__): _container(kind) for module in ("builtins", "__builtin__") for kind in (list, dict, tuple, set, frozenset)},
    ("collections", "OrderedDict"): _container(dict),
    ("numpy", "ndarray"): _reconstruct,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
}


class _Unpickler(PythonUnpickler):
    """The standard library's unpickler, with the instructions that could run anything taken out."""

    dispatch = dict(PythonUnpickler.dispatch)

    def __init__(self, file: Any, names: Names) -> None:
        super().__init__(file, encoding="latin1")
        self.names = {**_ALLOWED, **names}

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for an allowed name."""
        if (module, name) not in self.names:
            raise _RefusedError(f"{module}.{name}")
        return self.names[module, name]

    def newobj(self) -> None:
        """Build a record (instruction NEWOBJ); no other class is one."""
        arguments = self.stack.pop()  # type: ignore[attr-defined]
        kind = self.stack[-1]  # type: ignore[attr-defined]
        if not isinstance(kind, type) or not issubclass(kind, Record) or not isinstance(arguments, tuple):
            raise _RefusedError("objects of other programs")
        self.stack[-1] = kind(*arguments)  # type: ignore[attr-defined]

    def bytearray8(self) -> None:
        """Read a block of bytes (instruction BYTEARRAY8) without first allocating what it claims."""
        size = int.from_bytes(self.read(8), "little")  # type: ignore[attr-defined]
        self.append(self.read(size))  # type: ignore[attr-defined]

    def build(self) -> None:
        """Give an array or a type its state (instruction BUILD); anything else has none."""
        state = self.stack.pop()  # type: ignore[attr-defined]
        target = self.stack[-1]  # type: ignore[attr-defined]
        if not isinstance(target, _Array | _Dtype | Record):
            raise _RefusedError(f"the state of a {type(target).__name__}")
        target.fill(state)

    def reduce(self) -> None:
        """Call a stand-in (instruction REDUCE); nothing else is callable."""
        arguments = self.stack.pop()  # type: ignore[attr-defined]
        function = self.stack[-1]  # type: ignore[attr-defined]
        if not any(function is allowed for allowed in self.names.values()) or not isinstance(arguments, tuple):
            raise _RefusedError(f"a call of a {type(function).__name__}")
        self.stack[-1] = function(*arguments)  # type: ignore[attr-defined]

    def refuse(self) -> None:
        """Refuse an instruction that containers and arrays do not need."""
        raise _RefusedError("objects of other programs")


class _Bounded:
    """A file that refuses to read more than it has, before memory is set aside for it."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self.readline, self.readinto = file.readline, file.readinto  # type: ignore[attr-defined]

    def read(self, size: int) -> bytes:
        """Read ``size`` bytes."""
        if size > _SMALL and size > self._size - self._file.tell():
            raise EOFError
        return self._file.read(size)


_SMALL = 1 << 16
_Unpickler.dispatch[pickle.BYTEARRAY8[0]] = _Unpickler.bytearray8  # type: ignore[assignment]
_Unpickler.dispatch[pickle.BUILD[0]] = _Unpickler.build  # type: ignore[assignment]
_Unpickler.dispatch[pickle.NEWOBJ[0]] = _Unpickler.newobj  # type: ignore[assignment]
_Unpickler.dispatch[pickle.REDUCE[0]] = _Unpickler.reduce  # type: ignore[assignment]
for _name in _REFUSED:
    _Unpickler.dispatch[getattr(pickle, _name)[0]] = _Unpickler.refuse  # type: ignore[assignment]


def _load(file: BinaryIO, where: str, size: int, names: Names) -> Any:
    try:
        return _Unpickler(_Bounded(file, size), names).load()
    except _RefusedError as error:
        raise ArtifactError(
            f"{where} is refused: a pickle may hold containers, text, numbers and arrays, this one asks for {error}.",
            hint="write it again with plain lists, dictionaries and numpy arrays, or as .npz",
        ) from None
    except (pickle.UnpicklingError, EOFError, *_DAMAGE) as error:
        raise ArtifactError(f"{where} is not a readable pickle: truncated or damaged ({type(error).__name__}).") from None


_DAMAGE = (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError, struct.error)
"""What the standard library's unpickler raises on instructions that make no sense."""
