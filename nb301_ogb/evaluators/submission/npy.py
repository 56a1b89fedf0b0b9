"""Arrays as the bytes of an .npy file, of exactly the forms that are allowed.

The general reader of the format evaluates the header as Python and believes its shape before it has seen the data.
This one matches the header against the form that `numpy.save` writes, and the shape against the bytes that are there.
"""

from __future__ import annotations

import io
import re

import numpy as np
from numpy.typing import NDArray

from nb301_ogb.errors import SubmissionError

_START = re.compile(rb"\x93NUMPY\x01\x00(?P<length>..)", re.DOTALL)
_HEADER = re.compile(
    rb"\{'descr': '(?P<dtype>[<>|=]?[a-zA-Z]\d{1,6})', 'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>(?:\d{1,15}, ?)*(?:\d{1,15})?)\), *\} *\n"
)
_NUMBERS = re.compile(r"[<>|][fiu]\d{1,2}", re.ASCII)
_MAX_DIMENSIONS = 3


def encode(values: NDArray) -> bytes:
    """The bytes of an .npy file, version 1.0."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(values, order="C"), version=(1, 0))
    return stream.getvalue()


def decode(name: str, data: bytes, allowed: str) -> NDArray:
    """The array in the bytes of an .npy file.

    Args:
        name: what the errors call it.
        data: the bytes.
        allowed: the characters of the numpy kinds that are allowed, such as `iu`, or one exact dtype such as `<f4`.

    Raises:
        SubmissionError: for any other bytes than `numpy.save` writes for such an array.
    """
    start = _START.match(data)
    if start is None:
        raise _no_array(name, "it does not begin as one")
    begin = 10 + int.from_bytes(start["length"], "little")
    header = _HEADER.fullmatch(data[10:begin])
    if header is None:
        raise _no_array(name, "its header is not the one that numpy.save writes")
    dtype = _dtype(name, header["dtype"].decode(), allowed)
    shape = tuple(int(one) for one in header["shape"].decode().split(",") if one.strip())
    # Python's integers do not overflow, whatever the header says.
    size = dtype.itemsize
    for length in shape:
        size *= length
    if len(shape) > _MAX_DIMENSIONS or size != len(data) - begin:
        raise _no_array(name, f"its header says {list(shape)} of {dtype}, and {len(data) - begin:,} bytes follow")
    flat = np.frombuffer(data, dtype=dtype, offset=begin)
    return flat.reshape(shape, order="F" if header["fortran"] == b"True" else "C")


def _dtype(name: str, text: str, allowed: str) -> np.dtype:
    try:  # numpy warns of other spellings, and knows more of them than `numpy.save` writes
        dtype = np.dtype(text if _NUMBERS.fullmatch(text) else object)
    except TypeError:
        dtype = np.dtype(object)
    exact = allowed[:1] in "<|"
    if dtype != np.dtype(allowed) if exact else dtype.kind not in allowed:
        wanted = (
            allowed if exact else " or ".join({"i": "integers", "u": "unsigned", "f": "floats"}[k] for k in allowed)
        )
        msg = f"{name} holds values of dtype {text}; give {wanted}."
        raise SubmissionError(msg)
    return dtype


def _no_array(name: str, why: str) -> SubmissionError:
    return SubmissionError(f"{name} is no .npy array ({why}); write it anew.")
