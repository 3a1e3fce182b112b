"""Small videos of every codec and container, with identifiers in streams and boxes."""

from __future__ import annotations

import io
import struct
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import av
import numpy as np

from .identities import Person, Planter

MPEG2, H264, HEVC = (f"1.2.840.10008.1.2.4.{n}" for n in (100, 102, 107))
WIDTH, HEIGHT, FRAMES = 176, 144, 14
_SHAPES = {
    "h264": ("libx264", "h264", {"preset": "ultrafast", "bf": "0", "g": "7", "threads": "1"}),
    "hevc": ("libx265", "hevc", {"preset": "ultrafast",
        "x265-params": "log-level=none:bframes=0:pools=1:keyint=7"}),
    "mpeg2": ("mpeg2video", "mpeg2video", {"bf": "0", "g": "7", "threads": "1"}),
}  # fmt: skip


@lru_cache(8)
def elementary(codec: str) -> bytes:
    """A plain elementary stream of 14 pictures."""
    name, container, options = _SHAPES[codec]
    out = io.BytesIO()
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    with av.open(out, "w", format=container) as output:
        stream = output.add_stream(name, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(FRAMES):
            wave = 120 + 60 * np.sin((x + 5 * index) / 11) * np.cos(y / 9)
            rgb = np.stack([wave, wave * 0.6, wave * 0.5], -1).astype(np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        output.mux(stream.encode(None))
    return out.getvalue()


def _sei(kind: int, payload: bytes) -> bytes:
    size = len(payload)
    return bytes([kind]) + b"\xff" * (size // 255) + bytes([size % 255]) + payload + b"\x80"


def _units(p: Planter, codec: str) -> tuple[bytes, bytes]:
    """Units to put before the first slice, and behind it."""
    word = lambda place: p.a_word(f"{codec} {place}").encode()  # noqa: E731
    prefix, suffix = (b"\x06", b"\x06") if codec == "h264" else (b"\x4e\x01", b"\x50\x01")
    unspecified = b"\x1e" if codec == "h264" else b"\x70\x01"
    filler = b"\x0c" if codec == "h264" else b"\x4c\x01"
    start = b"\0\0\0\1"
    uuid = bytes(range(16, 32))
    before = start + prefix + _sei(5, uuid + word("SEI user data unregistered"))
    before += start + prefix + _sei(4, b"\xb5\0\x31GA94\x03" + word("SEI user data registered"))
    before += start + prefix + _sei(200, word("SEI reserved type"))
    behind = start + unspecified + word("unit of unspecified type")
    behind += start + filler + word("filler data unit") + b"\x80"
    if codec == "hevc":
        behind += start + suffix + _sei(5, uuid + word("suffix SEI"))
    return before, behind


def _planted_units(p: Planter, codec: str) -> bytes:
    stream = elementary(codec)
    before, behind = _units(p, codec)
    slices = {0x65, 0x25, 0x45} if codec == "h264" else {0x26, 0x28, 0x2A, 0x12}
    for mark in (b"\0\0\0\1", b"\0\0\1"):
        place = next((at for at in _starts(stream, mark) if stream[at + len(mark)] in slices), -1)
        if place >= 0:
            end = stream.find(b"\0\0\1", place + 4)
            end -= stream[end - 1] == 0
            return stream[:place] + before + stream[place:end] + behind + stream[end:]
    raise AssertionError("no slice found")


def _starts(stream: bytes, mark: bytes) -> list[int]:
    found, at = [], stream.find(mark)
    while at >= 0:
        found.append(at)
        at = stream.find(mark, at + 1)
    return found


def _planted_mpeg2(p: Planter) -> bytes:
    stream = elementary("mpeg2")
    for code, place in ((0xB5, "sequence user data"), (0x01, "picture user data")):
        at = stream.index(bytes([0, 0, 1, code]), 12)
        if code == 0xB5:
            at = stream.index(b"\0\0\1", at + 4)
        stream = stream[:at] + b"\0\0\1\xb2" + p.a_word(f"mpeg2 {place}").encode() + stream[at:]
    at = stream.index(b"\0\0\1\xb8") + 8
    return stream[:at] + b"\0\0\1\xb2" + p.a_word("mpeg2 group user data").encode() + stream[at:]


def stream(p: Planter, codec: str) -> bytes:
    return _planted_mpeg2(p) if codec == "mpeg2" else _planted_units(p, codec)


def _ffmpeg(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["ffmpeg", "-nostdin", "-y", "-loglevel", "error", *arguments], check=True, cwd=folder
    )


def contained(p: Planter, person: Person, codec: str, container: str) -> bytes:
    """A planted stream in "es", "mp4", "mpegts" or "mpeg" (program stream)."""
    data = stream(p, codec)
    if container == "es":
        return data
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").write_bytes(data)
        form = {"mpeg2": "mpegvideo"}.get(codec, codec)
        source = ["-fflags", "+genpts", "-framerate", "25", "-f", form, "-i", "in"]
        if container == "mp4":
            return _mp4(p, person, folder, source)
        if container == "mpegts":
            _ffmpeg(
                folder, *source, "-c", "copy", "-f", "mpegts",
                "-metadata", f"service_name={p.a_word('TS service name')}",
                "-metadata", f"service_provider={p.a_word('TS service provider')}", "out",
            )  # fmt: skip
            return _ts_places(p, (folder / "out").read_bytes())
        _ffmpeg(folder, *source, "-c", "copy", "-f", "vob", "out")
        return _ps_places(p, (folder / "out").read_bytes())


def _mp4(p: Planter, person: Person, folder: Path, source: list[str]) -> bytes:
    word = p.a_word
    (folder / "said.srt").write_text(
        f"1\n00:00:00,000 --> 00:00:00,300\n{word('MP4 subtitle track')}\n"
    )
    (folder / "meta").write_text(
        ";FFMETADATA1\n"
        f"title={word('MP4 title')}\nartist={word('MP4 artist')}\ncomment={word('MP4 comment')}\n"
        f"location=+52.5+013.4/\nmake={word('MP4 make')}\n"
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=300\ntitle={word('MP4 chapter')}\n"
    )
    _ffmpeg(
        folder, *source, "-f", "lavfi", "-i", "sine=duration=0.5", "-i", "said.srt", "-i", "meta",
        "-map", "0:v", "-map", "1:a", "-map", "2:s", "-map_metadata", "3", "-map_chapters", "3",
        "-c:v", "copy", "-c:a", "aac", "-c:s", "mov_text",
        "-metadata:s:v:0", f"handler_name={word('MP4 handler name')}",
        "-metadata:s:a:0", f"title={word('MP4 audio track title')}",
        "-timecode", "10:11:12:13", "-f", "mp4", "out.mp4",
    )  # fmt: skip
    data = (folder / "out.mp4").read_bytes()
    for kind, place in ((b"free", "free box"), (b"skip", "skip box"), (b"uuid", "uuid box")):
        body = (bytes(range(16)) if kind == b"uuid" else b"") + word(f"MP4 {place}").encode()
        data += struct.pack(">I", len(body) + 8) + kind + body
    return data


def _ts_places(p: Planter, data: bytes) -> bytes:
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    for pid, place in ((0x1ABC, "TS private PID"), (0x1FFF, "TS null packet")):
        head = b"\x47" + struct.pack(">H", pid) + b"\x10"
        body = b"\0\0\1\xbf\0\xb0" + p.a_word(place).encode()
        packets.insert(len(packets) // 2, (head + body).ljust(188, b"\xff"))
    private = p.a_word("TS adaptation private data").encode()
    head = b"\x47" + struct.pack(">H", 0x100) + b"\x20"
    field = b"\x02" + bytes([len(private)]) + private
    packets.insert(len(packets) - 1, (head + b"\xb7" + field).ljust(188, b"\xff"))
    return b"".join(packets)


def _ps_places(p: Planter, data: bytes) -> bytes:
    at = data.index(b"\0\0\1\xba", 20)
    places = b""
    for code, place in ((0xBF, "PS private stream 2"), (0xBE, "PS padding stream")):
        body = p.a_word(place).encode()
        places += b"\0\0\1" + bytes([code]) + struct.pack(">H", len(body)) + body
    return data[:at] + places + data[at:]
