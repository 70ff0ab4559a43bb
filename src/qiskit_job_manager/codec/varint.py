"""Figures, texts and bytes on the wire, every read checked against what is there.

All integers are little-endian. A *varint* has seven bits a byte, lowest first, the high bit set on
all but the last; a *zigzag* is a varint of ``2n`` for ``n >= 0`` and ``-2n - 1`` below.
"""

from __future__ import annotations

from qiskit_job_manager.errors import CodecError

# Ten bytes hold 64 bits; a longer number is no size.
_LONGEST_VARINT = 10


def write_varint(out: bytearray, number: int) -> None:
    """Append a number of at least 0 and below 2**64."""
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def write_zigzag(out: bytearray, number: int) -> None:
    """Append a number of either sign that fits 64 bits."""
    write_varint(out, number * 2 if number >= 0 else -number * 2 - 1)


def write_bytes(out: bytearray, data: bytes) -> None:
    """Append bytes after their length."""
    write_varint(out, len(data))
    out += data


def write_text(out: bytearray, text: str) -> None:
    """Append a text after its length; lone surrogates, which Python allows, are kept."""
    write_bytes(out, text.encode("utf-8", "surrogatepass"))


def decode_text(data: bytes) -> str:
    """Undo the encoding of `write_text`.

    Raises:
        CodecError: The bytes are not UTF-8.
    """
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise CodecError(f"A text in the stored bytes is not UTF-8: {error}") from None


class Reader:
    """Reads forwards through bytes, and never past their end."""

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        """Read ``data[start:end]``."""
        self._data = data
        self._position = start
        self._end = len(data) if end is None else end

    @property
    def position(self) -> int:
        """Where the next read begins, from the start of the data."""
        return self._position

    @property
    def left(self) -> int:
        """Number of bytes not yet read."""
        return self._end - self._position

    def most_values(self, least: int) -> int:
        """Return how many values may be claimed: ``least``, or one a bit of all the data."""
        return max(least, 8 * len(self._data))

    def skip(self, length: int) -> int:
        """Step over bytes and return where they begin.

        Raises:
            CodecError: Fewer are left.
        """
        start = self._position
        if not 0 <= length <= self._end - start:
            raise CodecError(
                f"Stored bytes end too early: {length} bytes wanted at {start}, {self.left} left"
            )
        self._position = start + length
        return start

    def take(self, length: int) -> bytes:
        """Read so many bytes."""
        start = self.skip(length)
        return self._data[start : start + length]

    def peek(self) -> int:
        """Return the next byte and leave it unread."""
        return self.again().byte()

    def byte(self) -> int:
        """Read one byte as a number."""
        return self._data[self.skip(1)]

    def varint(self) -> int:
        """Read a number of at least 0 and below 2**64."""
        number = 0
        for place in range(_LONGEST_VARINT):
            byte = self.byte()
            number |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return number & 0xFFFFFFFFFFFFFFFF
        raise CodecError(f"A number at {self._position} of the stored bytes has no end")

    def zigzag(self) -> int:
        """Read a number of either sign."""
        number = self.varint()
        return number >> 1 if not number & 1 else -((number + 1) >> 1)

    def bytes(self) -> bytes:
        """Read bytes after their length."""
        return self.take(self.varint())

    def text(self) -> str:
        """Read a text after its length."""
        return decode_text(self.bytes())

    def part(self) -> Reader:
        """Read what `bytes` reads, as a reader of its own, without copying."""
        length = self.varint()
        start = self.skip(length)
        return Reader(self._data, start, start + length)

    def again(self) -> Reader:
        """Return a reader of what this one has not yet read."""
        return Reader(self._data, self._position, self._end)

    def finish(self) -> None:
        """Check that all was read.

        Raises:
            CodecError: Something is left.
        """
        if self.left:
            raise CodecError(f"{self.left} stored bytes are left over at {self._position}")
