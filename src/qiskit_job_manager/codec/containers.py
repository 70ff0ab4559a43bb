"""A container: a head, and items in blocks, each block a compressed frame of its own.

    varint     length of the directory's text
    frame      the directory, compressed
    frames     the blocks, compressed, one after the other, up to the end

The directory's text is

    varint     number of blocks
    per block: varint items, varint length of its text, varint length of its frame
    rest       the head, whose meaning is the caller's

and a frame is a byte that tells its kind, and its data: 1, a zstd frame with a checksum; 0, the
text as it is after its CRC-32, for what zstd shrinks more than a bomb guard may believe.
"""

from __future__ import annotations

import sys
import zlib
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit_job_manager.codec.varint import Reader, write_varint
from qiskit_job_manager.errors import CodecError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_ZSTD = 1
_STORED = 0
_LEVEL = 3
# A frame may say that its text is this long whatever its own length; a longer text must be
# within the ratio below, which no real text of that length is beyond unless it is nearly constant.
_ALWAYS_BELIEVED_BYTES = 64 << 20
_BELIEVED_RATIO = 256


def _believable(text_bytes: int, frame_bytes: int) -> bool:
    return text_bytes <= max(_ALWAYS_BELIEVED_BYTES, frame_bytes * _BELIEVED_RATIO)


def compress(segments: Iterable[bytes], level: int = _LEVEL) -> bytes:
    """Compress segments into one frame, each with statistics of its own.

    A zstd block has one table for all its bytes. Planes of different columns share nothing, so a
    block that ends where a column ends makes both smaller.

    Args:
        segments: The text.
        level: How hard zstd tries.
    """
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: level,
        zstd.CompressionParameter.checksum_flag: 1,
    }
    compressor = zstd.ZstdCompressor(options=options)
    out = [bytes((_ZSTD,))]
    texts = list(segments)
    out += [compressor.compress(text, zstd.ZstdCompressor.FLUSH_BLOCK) for text in texts[:-1]]
    out += [compressor.compress(text, zstd.ZstdCompressor.FLUSH_FRAME) for text in texts[-1:]]
    frame = b"".join(out)
    if texts and _believable(sum(map(len, texts)), len(frame)):
        return frame
    text = b"".join(texts)
    return bytes((_STORED,)) + zlib.crc32(text).to_bytes(4, "little") + text


def decompress(frame: bytes, text_bytes: int) -> bytes:
    """Undo `compress`.

    Args:
        frame: The frame.
        text_bytes: Length of its text; nothing longer is ever unpacked.

    Raises:
        CodecError: The frame is damaged, or its text has another length.
    """
    if frame[:1] == bytes((_STORED,)):
        text = frame[5:]
        if zlib.crc32(text).to_bytes(4, "little") != frame[1:5]:
            raise CodecError("A block of the stored bytes does not match its checksum")
    elif frame[:1] == bytes((_ZSTD,)):
        text = _unpack(frame, text_bytes)
    else:
        raise CodecError("A block of the stored bytes is of an unknown kind")
    if len(text) != text_bytes:
        raise CodecError(f"A block unpacks to {len(text)} bytes where {text_bytes} were stored")
    return text


def _unpack(frame: bytes, text_bytes: int) -> bytes:
    if not _believable(text_bytes, len(frame)):
        raise CodecError(f"A block of {len(frame)} bytes says it unpacks to {text_bytes}")
    decompressor = zstd.ZstdDecompressor()
    try:
        # One byte more than should come tells a text that is too long from one that fits.
        text: bytes = decompressor.decompress(frame[1:], text_bytes + 1)
    except zstd.ZstdError as error:
        raise CodecError(f"A block of the stored bytes is damaged: {error}") from None
    if not decompressor.eof or decompressor.unused_data:
        raise CodecError("A block of the stored bytes does not end where it should")
    return text


@dataclass(frozen=True, slots=True)
class PackedBlock:
    """A block on its way out.

    Attributes:
        items: How many items it holds, at least 1.
        segments: Its text, cut where one column ends and another begins.
    """

    items: int
    segments: Sequence[bytes]


def pack(head: bytes, blocks: Iterable[PackedBlock], level: int = _LEVEL) -> bytes:
    """Write a container, its blocks compressed as hard as the level says."""
    directory, frames = bytearray(), []
    for block in blocks:
        frame = compress(block.segments, level)
        for number in (block.items, sum(map(len, block.segments)), len(frame)):
            write_varint(directory, number)
        frames.append(frame)
    text = bytearray()
    write_varint(text, len(frames))
    text += directory + head
    out = bytearray()
    write_varint(out, len(text))
    frame = compress([bytes(text)])
    write_varint(out, len(frame))
    return bytes(out + frame) + b"".join(frames)


@dataclass(frozen=True, slots=True)
class _Entry:
    items: int
    text_bytes: int
    start: int
    end: int


class Container:
    """Reads a container; blocks are unpacked only when they are asked for.

    Attributes:
        head: What the writer gave as head.
        n_items: Number of items in all blocks.
    """

    def __init__(self, data: bytes) -> None:
        """Read the directory.

        Raises:
            CodecError: The bytes are no container, or are not whole.
        """
        self._data = data
        reader = Reader(data)
        text_bytes = reader.varint()
        directory = Reader(decompress(reader.bytes(), text_bytes))
        self._entries = _entries(directory, reader)
        self.head = directory.take(directory.left)
        self._firsts: list[int] = []
        self.n_items = 0
        for entry in self._entries:
            self._firsts.append(self.n_items)
            self.n_items += entry.items

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return len(self._entries)

    def locate(self, item: int) -> tuple[int, int]:
        """Return the block of an item, and the item's place in it.

        Raises:
            CodecError: There is no such item.
        """
        if not 0 <= item < self.n_items:
            raise CodecError(f"There is no item {item} among the {self.n_items} stored")
        block = bisect_right(self._firsts, item) - 1
        return block, item - self._firsts[block]

    def block(self, number: int) -> tuple[int, bytes]:
        """Return how many items a block has, and its text."""
        entry = self._entries[number]
        return entry.items, decompress(self._data[entry.start : entry.end], entry.text_bytes)


def _entries(directory: Reader, frames: Reader) -> list[_Entry]:
    """Read the directory's table, and check that the frames fill the rest exactly."""
    entries = []
    for _ in range(_count(directory)):
        items, text_bytes, frame_bytes = (directory.varint() for _ in range(3))
        start = frames.skip(frame_bytes)
        if not 1 <= items <= max(text_bytes, 1) * _MOST_ITEMS_PER_BYTE:
            raise CodecError(f"A block of {text_bytes} bytes cannot hold {items} items")
        entries.append(_Entry(items, text_bytes, start, start + frame_bytes))
    frames.finish()
    return entries


# A column of equal values has no byte per value; a block has at most a few hundred items.
_MOST_ITEMS_PER_BYTE = 1024


def _count(reader: Reader) -> int:
    """Read how many things follow that take at least a byte each."""
    count = reader.varint()
    if count > reader.left:
        raise CodecError(f"{count} things cannot follow in {reader.left} bytes")
    return count


def split(weights: Sequence[int], most: int, heaviest: int) -> list[range]:
    """Cut items into runs of at most ``most`` items that weigh at most ``heaviest`` together.

    An item that alone weighs more is a run of its own.
    """
    runs, start, weight = [], 0, 0
    for index, each in enumerate(weights):
        if index > start and (index - start >= most or weight + each > heaviest):
            runs.append(range(start, index))
            start, weight = index, 0
        weight += each
    if weights:
        runs.append(range(start, len(weights)))
    return runs
