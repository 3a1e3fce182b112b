"""Syntax elements of parameter sets read one by one and written again, so that what a set carries
behind or beside them stays behind (ITU-T H.264 7.2 and 9.1, H.265 7.2 and 9.2)."""

from __future__ import annotations

from .sei import DamagedUnits, escape, unescape


class BitCopy:
    """Reads a unit's bits in order. What is read is copied, unless ``keep`` is False.

    ``header_bytes`` of the unit go over as they are. Raises ``DamagedUnits`` past the end.

    >>> copy = BitCopy(bytes([0x68, 0b10101000]), 1)
    >>> copy.ue(), copy.u(3)
    (0, 2)
    >>> copy.finished().hex()
    '68a8'
    """

    def __init__(self, unit: bytes, header_bytes: int) -> None:
        self._head = unit[:header_bytes]
        body = unescape(unit)[header_bytes:]
        self._bits = f"{int.from_bytes(body, 'big'):0{8 * len(body)}b}" if body else ""
        self._at = 0
        self._out: list[str] = []
        self.keep = True

    def u(self, n_bits: int) -> int:
        """u(n): an unsigned number of n bits."""
        end = self._at + n_bits
        if end > len(self._bits):
            raise DamagedUnits("parameter set: cut short; send it again")
        part = self._bits[self._at : end]
        self._at = end
        if self.keep:
            self._out.append(part)
        return int(part, 2) if part else 0

    def ue(self) -> int:
        """ue(v): Exp-Golomb, at most 32 leading zeros."""
        one = self._bits.find("1", self._at, self._at + 33)
        if one < 0:
            raise DamagedUnits("parameter set: no number where one belongs; send it again")
        return self.u(2 * (one - self._at) + 1) - 1

    def se(self) -> int:
        """se(v)."""
        value = self.ue()
        return (value + 1) // 2 if value % 2 else -(value // 2)

    def ues(self, count: int) -> None:
        for _ in range(count):
            self.ue()

    def ses(self, count: int) -> None:
        for _ in range(count):
            self.se()

    def skip(self, n_bits: int) -> int:
        """As ``u``, without copying."""
        kept, self.keep = self.keep, False
        value = self.u(n_bits)
        self.keep = kept
        return value

    def put(self, bits: str) -> None:
        """Write bits that were not read."""
        if self.keep:
            self._out.append(bits)

    def more_data(self) -> bool:
        """more_rbsp_data(): whether anything stands before the last bit that is 1."""
        return self._at < self._bits.rfind("1")

    def finished(self) -> bytes:
        """The unit of what was copied, closed by rbsp_trailing_bits."""
        bits = "".join(self._out) + "1"
        bits += "0" * (-len(bits) % 8)
        body = int(bits, 2).to_bytes(len(bits) // 8, "big")
        # The header takes part in the emulation prevention.
        return escape(self._head + body)
