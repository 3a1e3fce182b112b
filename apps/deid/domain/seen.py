"""The pictures that examination saw, and the proof that a copy of the stream shows the same ones.

Examination gives the decoder what a copy will hold: each packet and parameter set as ``remux.py``
cleans it. Beside the pictures' digests it keeps one over what the decoder was given. A file whose
packets have that digest makes the same decoder give the same pictures: they need not be decoded
again to be known.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Any

import av

from . import packets, sei
from .packets import UNIT_CODECS, Timeline
from .parameter_sets import SetsInUse, configuration_units
from .picture_digest import DIGEST_BYTES, decoder_name, picture_digest
from .refusals import StreamRefusal
from .remux import Cleaner, with_data

_MAGIC = b"SEEN1"
_WAITING_PICTURES = 4


class NotProven(Exception):
    """The stream cannot be followed as its copy: look at it again, decoded as it came."""


@dataclass(frozen=True)
class SeenPictures:
    """``coded``: digest of what the decoder was given, see :class:`CodedDigest`; ``digests``: 32
    bytes a picture in presentation order."""

    coded: bytes
    decoder: str
    digests: bytes

    def to_bytes(self) -> bytes:
        name = self.decoder.encode()
        return _MAGIC + self.coded + bytes([len(name)]) + name + self.digests

    @classmethod
    def from_bytes(cls, data: bytes) -> SeenPictures:
        """The inverse of :meth:`to_bytes`. Raises ValueError for anything else."""
        start = len(_MAGIC) + DIGEST_BYTES + 1
        end = start + data[start - 1] if len(data) >= start else start
        if data[: len(_MAGIC)] != _MAGIC or (len(data) - end) % DIGEST_BYTES:
            raise ValueError("seen pictures: damaged; decode the video")
        return cls(data[len(_MAGIC) : start - 1], data[start:end].decode(), data[end:])


class CodedDigest:
    """SHA-256 over codec, parameter sets and each packet's time and units, whatever container
    they lie in. Raises ``sei.DamagedUnits``."""

    def __init__(self, codec: str, time_base: Fraction, configuration: bytes | None) -> None:
        self._sha, self._ticks = hashlib.sha256(), time_base.numerator
        self._has_units, self._length_size = codec in UNIT_CODECS, 0
        self._put(f"{codec} {time_base.denominator}".encode())
        units = [bytes(configuration or b"")]
        if self._has_units:
            self._length_size, units = configuration_units(configuration, codec)
        self._put_all(units)

    def add(self, pts: int, data: bytes) -> None:
        """Take the next packet in coded order."""
        self._put(str(pts * self._ticks).encode())
        self._put_all(packets.units_of(data, self._length_size) if self._has_units else [data])

    def digest(self) -> bytes:
        return self._sha.digest()

    def _put_all(self, units: list[bytes]) -> None:
        self._put(str(len(units)).encode())
        for unit in units:
            self._put(unit)

    def _put(self, value: bytes) -> None:
        self._sha.update(len(value).to_bytes(8, "big"))
        self._sha.update(value)


def coded_digest(f: IO[bytes]) -> bytes | None:
    """The digest of what a decoder of this file is given; None where it leaves out pictures or
    their times, or is damaged."""
    with packets.open_media(f) as container:
        stream = packets.video_stream(container)
        context = stream.codec_context
        try:
            given = CodedDigest(context.name, Fraction(stream.time_base), context.extradata)
            for packet in packets.packets_of(container, stream):
                if packet.is_discard or packet.is_corrupt or packet.pts is None:
                    return None
                given.add(packet.pts, bytes(packet))
        except sei.DamagedUnits:
            return None
    return given.digest()


class Watch:
    """One decoding of a stream as its copy, each picture's digest taken in a thread beside it.

    Any doubt raises :class:`NotProven`: a packet without a time or cut by an edit list, damage that
    the decoder would conceal, a picture out of order, a codec that is never copied.
    """

    def __init__(self, f: IO[bytes], timeline: Timeline) -> None:
        if timeline.is_counted or timeline.n_repeated_times:
            raise NotProven
        try:
            self._used: SetsInUse | None = packets.sets_in_use(f)
        except sei.DamagedUnits:
            raise NotProven from None
        self._n_frames = timeline.n_frames
        self._given: CodedDigest | None = None
        self._digests = bytearray()
        self._waiting: deque[Future[bytes]] = deque()
        self._n_taken = 0
        self._size_px: tuple[int, int] | None = None
        self._hasher = ThreadPoolExecutor(1, "picture-digest")

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self._hasher.shutdown(cancel_futures=True)

    def frames(self, container: Any, stream: Any) -> Iterator[Any]:
        """Pictures in presentation order, from the packets as a copy holds them."""
        context = stream.codec_context
        try:
            clean = Cleaner(stream, self._used)
            context.extradata = clean.configuration.cleaned or None
            # What would be concealed is an error: nothing says that it is concealed alike again.
            context.options = {"err_detect": "explode"}
            given = CodedDigest(context.name, Fraction(stream.time_base), context.extradata)
            for packet in packets.packets_of(container, stream):
                if packet.is_discard or packet.is_corrupt or packet.pts is None:
                    raise NotProven
                data = clean(bytes(packet))
                if data:
                    given.add(packet.pts, data)
                    yield from context.decode(with_data(packet, data))
            yield from context.decode(None)
        except (av.error.FFmpegError, sei.DamagedUnits, StreamRefusal):
            raise NotProven from None
        self._given = given

    def take(self, index: int | None, frame: Any) -> None:
        """Note the next picture."""
        size_px = frame.width, frame.height
        self._size_px = self._size_px or size_px
        if index != self._n_taken or frame.is_corrupt or size_px != self._size_px:
            raise NotProven
        self._n_taken += 1
        self._waiting.append(self._hasher.submit(picture_digest, frame))
        if len(self._waiting) > _WAITING_PICTURES:
            self._settle()

    def seen(self) -> SeenPictures:
        """What was seen, once all pictures are through."""
        while self._waiting:
            self._settle()
        if self._given is None or self._n_taken != self._n_frames:
            raise NotProven
        return SeenPictures(self._given.digest(), decoder_name(), bytes(self._digests))

    def _settle(self) -> None:
        try:
            self._digests += self._waiting.popleft().result()
        except ValueError:
            raise NotProven from None
