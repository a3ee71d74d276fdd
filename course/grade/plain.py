"""Plain data as one line of text, and back: for what leaves the process of a submission.

The data are None, numbers, texts, arrays, ``Raised``, and lists, tuples and dicts of these. Nothing
is pickled, so to read a line runs no code, whoever wrote it.
"""

import base64
import json

import numpy as np

from lab.ask import Raised

MOST_VALUES = 500_000  # in all lines of a report; the right solution has 26,000
MOST_KEYS = 1_000  # of a dict; their hashes may all be the same
LONGEST = 20_000  # characters of a text; what is longer is cut
KINDS = ("<f4", "<f8", "<i8", "|b1")  # of numbers in an array


def packed(value):
    """Return plain data as a line of text. Raises TypeError or ValueError for other data."""
    return json.dumps(_packed(value), ensure_ascii=True)


def _packed(value):
    if isinstance(value, Raised):
        return {"raised": [*value]}
    if isinstance(value, np.ndarray):
        kind = {"f": "<f4" if value.itemsize <= 4 else "<f8", "b": "|b1"}.get(
            value.dtype.kind, "<i8"
        )
        data = base64.b64encode(value.astype(kind).tobytes()).decode()
        return {"array": [kind, value.shape, data]}
    if isinstance(value, dict):
        return {"dict": [[_packed(key), _packed(each)] for key, each in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": list(map(_packed, value))}
    return list(map(_packed, value)) if isinstance(value, list) else value


def unpacked(line):
    """Return the plain data of a line of text; raise ValueError for any other line."""
    try:
        return _unpacked(json.loads(line))
    except (RecursionError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"not plain data: {error}") from error


def _unpacked(value):
    if isinstance(value, list):
        return list(map(_unpacked, value))
    if isinstance(value, str):
        return value[:LONGEST]
    if not isinstance(value, dict):
        return value
    ((tag, content),) = value.items()
    if tag == "array":
        kind, shape, data = content
        if kind not in KINDS or not all(type(size) is int and size >= 0 for size in shape):
            raise ValueError(f"an array of {kind!r} and the shape {shape}")
        return np.frombuffer(base64.b64decode(data), kind).reshape(shape).copy()
    if tag == "dict" and len(content) <= MOST_KEYS:
        return {_unpacked(key): _unpacked(each) for key, each in content}
    if tag == "raised":
        return Raised(*map(str, content))
    return {"tuple": tuple}[tag](map(_unpacked, content))
