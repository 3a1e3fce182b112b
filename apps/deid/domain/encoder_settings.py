"""How redaction encodes: H.264 where a DICOM transfer syntax holds size and rate, else HEVC."""

from __future__ import annotations

import av

GOP_FRAMES = 30
CRF = 18
PRESET = "veryfast"
THREADS = 2
# ISO/IEC 23091-2 code points: matrices that a player knows, and what Chromium takes where a stream
# names none: BT.601 below 720 lines, BT.709 from there.
NAMED_MATRICES = frozenset({1, 4, 5, 6, 7, 9, 10})
SD_COLOURS, HD_COLOURS, HD_HEIGHT_PX = 6, 1, 720
HIGHEST_H264 = 42
# ITU-T H.265 Table A.8, level 5.1: luma samples of a picture, its longest side, samples a second.
_HEVC_PICTURE, _HEVC_SIDE_PX, _HEVC_RATE, HEVC_LEVEL = 8_912_896, 8444, 534_773_760, 153
HEVC_PRESET, HEVC_CRF = "superfast", 20
# Level: (largest picture, most macroblocks a second), ITU-T H.264 Table A-1.
_LEVELS = (
    (30, 1620, 40500),
    (31, 3600, 108000),
    (32, 5120, 216000),
    (40, 8192, 245760),
    (42, 8704, 522240),
    (50, 22080, 589824),
    (51, 36864, 983040),
    (52, 36864, 2073600),
)


def level_for(width_px: int, height_px: int, pictures_per_s: float) -> int:
    """Smallest H.264 level (41 is 4.1) from 4.1 up that holds size and rate (Table A-1)."""
    macroblocks = -(-width_px // 16) * -(-height_px // 16)
    for level, size, rate in _LEVELS:
        if macroblocks <= size and macroblocks * pictures_per_s <= rate:
            return max(41, level)
    return 62


def hevc_holds(width_px: int, height_px: int, pictures_per_s: float) -> bool:
    """Whether HEVC level 5.1 holds size and rate."""
    samples = width_px * height_px
    return (
        samples <= _HEVC_PICTURE
        and max(width_px, height_px) <= _HEVC_SIDE_PX
        and samples * pictures_per_s <= _HEVC_RATE
    )


def encoder_name(name: str) -> str:
    version = ".".join(map(str, av.library_versions["libavcodec"]))
    return f"{name} (libavcodec {version}, PyAV {av.__version__})"


def h264_options(level: int) -> dict[str, str]:
    return {
        "preset": PRESET,
        "profile": "high",
        "level": f"{level / 10:.1f}",
        "crf": str(CRF),
        "g": str(GOP_FRAMES),
        "keyint_min": str(GOP_FRAMES),
        "sc_threshold": "0",
        "bf": "0",
        "forced-idr": "1",
        "a53cc": "0",
        "x264-params": "open-gop=0:mbtree=0:sliced-threads=0:no-deterministic=0",
    }


def hevc_options() -> dict[str, str]:
    """Threads change nothing about x265's output; its frame threads do, so they are fixed."""
    return {
        "preset": HEVC_PRESET,
        "profile": "main",
        "crf": str(HEVC_CRF),
        "forced-idr": "1",
        "a53cc": "0",
        "udu_sei": "0",
        "x265-params": (
            f"keyint={GOP_FRAMES}:min-keyint={GOP_FRAMES}:scenecut=0:open-gop=0:bframes=0:cutree=0:"
            f"rc-lookahead=0:frame-threads=1:pools={THREADS}:info=0:log-level=none"
        ),
    }
