"""Each trap through examination, de-identification, index and review copy: frame i is frame i."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Callable

import numpy as np
import pytest
from pydicom import dcmread

from apps.deid.domain import pipeline
from apps.deid.domain.header import DeidContext
from apps.deid.domain.profile import load_builtin
from apps.deid.domain.reasons import Refused
from apps.intake.domain.wrap_video import wrap
from apps.library.domain import digest as digests
from apps.library.domain.cine_master import CineReader, write_cine_master
from apps.library.domain.decode import FrameReader
from apps.library.domain.encapsulated_video import open_video_pixel_data
from apps.library.domain.frame_index import build_index
from apps.library.domain.index_format import FrameIndex
from apps.library.domain.review_copy import make_cine_review_copy, make_review_copy
from fixtures import barcode
from tests.traps.catalogue import CLIPS
from tests.traps.clips import Clip
from tests.traps.visits import visits

SEEKS = int(os.environ.get("BAR_SEEKS", "20"))
PROFILE = load_builtin("basic")


def instance(clip: Clip) -> tuple[bytes, set[str]]:
    """The instance as intake makes it of a file, and what intake warns of."""
    if clip.suffix == ".dcm":
        return clip.data, set()
    wrapped = wrap(io.BytesIO(clip.data), "0" * 64)
    return b"".join(wrapped.pieces()), set(wrapped.warnings) - {"container_changed"}


def deidentified(data: bytes, pseudonym: str = "P-ABCDEF") -> tuple[bytes, set[str]]:
    """The instance after its way through de-identification, and what was noted of the stream."""
    examined = pipeline.examine(io.BytesIO(data), with_proposals=False)
    context = DeidContext(
        profile=PROFILE,
        uid_key=b"k" * 32,
        pseudonym=pseudonym,
        date_offset_s=-100 * 86_400,
        harvest=examined.harvest,
        pixels_confirmed=True,
        visual_features_confirmed=True,
    )
    out = io.BytesIO()
    produced = pipeline.produce(io.BytesIO(data), out, context, None)
    assert {code for code, _ in examined.notes} <= {code for code, _ in produced.notes}
    return out.getvalue(), {code for code, _ in produced.notes}


def right(clip: Clip, shown: Callable[[int], np.ndarray], seed: int) -> None:
    n = len(clip.numbers)
    wrong = []
    for index in itertools.chain(*visits(n, seed, SEEKS)):
        found = barcode.read(shown(index), *(clip.coded_size_px(index) or ()))
        if clip.numbers[index] is not None and found != clip.numbers[index]:
            wrong.append((index, found))
    assert wrong == []


@pytest.mark.parametrize("name", CLIPS)
def test_each_seek_and_step_gives_the_picture_of_its_index(name: str) -> None:
    clip = CLIPS[name]()
    data, warned = instance(clip)
    if clip.held:
        with pytest.raises(Refused) as refused:
            deidentified(data)
        assert str(refused.value.reason) == clip.held
        return
    output, noted = deidentified(data)
    ds = dcmread(io.BytesIO(output))
    review = io.BytesIO()
    reader: CineReader | FrameReader
    if ds.file_meta.TransferSyntaxUID.startswith("1.2.840.10008.1.2.4.10"):
        media = open_video_pixel_data(io.BytesIO(output))  # type: ignore[arg-type]
        index = build_index(media, int(ds.NumberOfFrames))  # type: ignore[arg-type]
        seen = bytearray()
        made = make_review_copy(
            media, index, review,  # type: ignore[arg-type]
            seen=lambda frame: seen.extend(digests.picture_digest(frame)),
        )  # fmt: skip
        # Both read the file from where they are.
        reader = FrameReader(media, index)  # type: ignore[arg-type]
        listed = bytes(seen)
        digest_of = lambda i: digests.picture_digest(reader.picture(i))  # noqa: E731
    else:
        master = io.BytesIO()
        index = write_cine_master(ds, master)
        reader = CineReader(master)
        made = make_cine_review_copy((reader.picture(i) for i in range(reader.n_frames)),
                                     index, review)  # fmt: skip
        listed = reader.digests()
        digest_of = lambda i: bytes.fromhex(reader.digest(i))  # noqa: E731
    assert index.n_frames == made.index.n_frames == len(clip.numbers) == int(ds.NumberOfFrames)
    assert warned | noted | index.warning_codes == clip.warnings
    right(clip, reader.rgb, 1)
    assert [
        i
        for i in itertools.chain(*visits(index.n_frames, 2, SEEKS))
        if digest_of(i) != listed[32 * i : 32 * i + 32]
    ] == []
    with FrameReader(review, made.index) as copy:
        right(clip, copy.rgb, 3)


def test_times_of_the_copy_are_the_masters() -> None:
    """An index that was read back tells the same times as the one that was made."""
    clip = CLIPS["variable rate"]()
    output, _ = deidentified(clip.data)
    media = open_video_pixel_data(io.BytesIO(output))  # type: ignore[arg-type]
    index = build_index(media)  # type: ignore[arg-type]
    made = make_review_copy(media, index, io.BytesIO())  # type: ignore[arg-type]
    assert made.times_equal
    assert FrameIndex.from_bytes(index.to_bytes()).pts.tolist() == index.pts.tolist()
