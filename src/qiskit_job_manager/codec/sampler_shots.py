"""Outcomes of the shots of a sampler, as ``backend.run`` gives them.

A sampler has an array of bits for each classical register; ``backend.run`` has one whole number a
shot, whose lowest bits are the first register.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qiskit.primitives import BitArray

    Array = np.ndarray[Any, np.dtype[Any]]

_WORD_BYTES = 8


def joined(registers: Sequence[BitArray]) -> Array:
    """Return the bits of all registers together.

    Args:
        registers: One at least, of one shape and number of shots; the first has the lowest bits.

    Returns:
        uint8 array of the shape of the PUB, with two axes more: shots, and bytes, highest first.
    """
    if len(registers) == 1:
        return _without_strays(registers[0])
    bits = [_bits(register) for register in reversed(registers)]
    together = np.concatenate(bits, axis=-1)
    missing = -together.shape[-1] % 8
    zeros = np.zeros((*together.shape[:-1], missing), np.uint8)
    return np.packbits(np.concatenate((zeros, together), axis=-1), axis=-1)


def _bits(register: BitArray) -> Array:
    """Return the bits of a register, highest first."""
    unpacked = np.unpackbits(register.array, axis=-1)
    bits: Array = unpacked[..., unpacked.shape[-1] - register.num_bits :]
    return bits


def _without_strays(register: BitArray) -> Array:
    """Return the bytes of a register; bits of the first byte that are beyond it mean nothing."""
    array: Array = register.array
    if register.num_bits % 8 == 0 or not array.size:
        return array
    clean = array.copy()
    clean[..., 0] &= (1 << register.num_bits % 8) - 1
    return clean


def hex_counts(shots: Array) -> dict[str, int]:
    """Return how often each outcome came, in the order of the outcomes.

    Args:
        shots: uint8 array of two axes: shots, and bytes, highest first.
    """
    numbers, counts = np.unique(_words(shots), return_counts=True)
    return dict(zip(map(hex, _numbers(numbers)), counts.tolist(), strict=True))


def hex_memory(shots: Array) -> list[str]:
    """Return the outcome of each shot, in order; arguments as for `hex_counts`."""
    return list(map(hex, _numbers(_words(shots))))


def _words(shots: Array) -> Array:
    """Return the outcomes as one item each that sorts as the number does."""
    width = shots.shape[-1]
    if width > _WORD_BYTES:
        return np.ascontiguousarray(shots).view(f"V{width}").reshape(-1)
    words = np.zeros((len(shots), _WORD_BYTES), np.uint8)
    words[:, _WORD_BYTES - width :] = shots
    return words.view(">u8").reshape(-1).astype(np.uint64)


def _numbers(words: Array) -> list[int]:
    if words.dtype.kind == "V":
        return [int.from_bytes(word.tobytes(), "big") for word in words]
    numbers: list[int] = words.tolist()
    return numbers
