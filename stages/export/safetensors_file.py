"""safetensors: eight bytes that say how long a JSON header is, the header, and the numbers one behind the other.

https://github.com/huggingface/safetensors says the format: little-endian; a tensor's ``data_offsets`` count from the end of the header;
``__metadata__`` holds texts; no two tensors overlap and nothing lies between them.  Here the widest numbers come first, so that all of them
are aligned, and spaces fill the header up to a multiple of eight bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stages.arrays import Array
from stages.errors import ArtifactError

_TYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}
_ALIGNMENT = 8


def encode(tensors: Mapping[str, Array], texts: Mapping[str, str]) -> bytes:
    """Return tensors, and texts about them, as the content of a file; the same bytes for the same numbers."""
    header: dict[str, Any] = {"__metadata__": dict(sorted(texts.items()))}
    parts, place = [], 0
    for name in sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name)):
        values = tensors[name]
        content = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()
        header[name] = {"dtype": _TYPES[values.dtype.name], "shape": list(values.shape), "data_offsets": [place, place + len(content)]}
        parts.append(content)
        place += len(content)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return struct.pack("<Q", len(text)) + text + b"".join(parts)


def read(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the tensors and the texts of a file.

    Raises:
        ArtifactError: it is cut short, or no file of this format.
    """
    content = path.read_bytes()
    try:
        (length,) = struct.unpack_from("<Q", content)
        header = json.loads(content[8 : 8 + length])
        texts, tensors = header.pop("__metadata__", {}), {}
        types = {short: name for name, short in _TYPES.items()}
        for name, said in header.items():
            first, last = said["data_offsets"]
            values = np.frombuffer(content[8 + length + first : 8 + length + last], dtype=np.dtype(types[said["dtype"]]).newbyteorder("<"))
            tensors[name] = values.reshape(said["shape"])
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{path} is no readable safetensors file: {error}.", hint="aqa export writes it again") from None
    return tensors, texts
