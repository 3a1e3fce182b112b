import io
import random

import cv2
import numpy as np
import pytest
import video_clips as clips

from apps.library.domain.decode import FrameReader, PictureMissing
from apps.library.domain.digest import digests, picture_digest
from apps.library.domain.encapsulated_video import NoVideoPixelData, open_video_pixel_data
from apps.library.domain.frame_index import build_index


@pytest.mark.parametrize("name", clips.CLIPS)
def test_200_of_200_random_seeks_give_the_picture_that_decoding_from_the_start_gives(name):
    video = clips.CLIPS[name]()
    index = build_index(io.BytesIO(video))
    known = digests(io.BytesIO(video), index)
    first = 7 if name.startswith("edit list") else 0
    dice = random.Random(7)
    exact = numbered = 0
    with FrameReader(io.BytesIO(video), index, kept_bytes=0) as reader:
        for _ in range(200):
            i = dice.randrange(index.n_frames)
            exact += picture_digest(reader.picture(i)) == known[32 * i : 32 * i + 32]
            numbered += clips.number_in(reader.rgb(i)) == i + first
    assert (exact, numbered) == (200, 200)


def test_single_steps_forward_and_back_are_exact():
    video = clips.CLIPS["variable rate, late start, b-frames"]()
    index = build_index(io.BytesIO(video))
    with FrameReader(io.BytesIO(video), index) as reader:
        path = [*range(0, 60), *range(59, -1, -1), *([30, 31] * 10)]
        assert [clips.number_in(reader.rgb(i)) for i in path] == path


def test_all_pictures_come_in_one_pass_and_seeking_works_after_it():
    video = clips.CLIPS["b-frames open group"]()
    with FrameReader(io.BytesIO(video), build_index(io.BytesIO(video))) as reader:
        assert [i for i, _ in reader] == list(range(120))
        assert clips.number_in(reader.rgb(3)) == 3
        assert [i for i, _ in reader] == list(range(120))


def test_outside_the_clip_is_an_index_error():
    video = clips.clip(n=5)
    with FrameReader(io.BytesIO(video), build_index(io.BytesIO(video))) as reader:
        for i in (-1, 5):
            with pytest.raises(IndexError):
                reader.picture(i)


def test_an_index_of_another_video_gives_no_wrong_picture():
    index = build_index(io.BytesIO(clips.clip(n=30, pts=clips.variable_times(30))))
    with FrameReader(io.BytesIO(clips.clip(n=30)), index) as reader:
        with pytest.raises(PictureMissing):
            reader.picture(12)


def test_png_holds_exactly_the_picture_of_rgb():
    video = clips.clip(n=4)
    with FrameReader(io.BytesIO(video), build_index(io.BytesIO(video))) as reader:
        blob = reader.png_bytes(2)
        read = cv2.cvtColor(cv2.imdecode(np.frombuffer(blob, np.uint8), 1), cv2.COLOR_BGR2RGB)
        assert (read == reader.rgb(2)).all()
        assert b"tEXt" not in blob and b"tIME" not in blob


@pytest.mark.parametrize(
    ("height_px", "colour", "kr", "kb", "full"),
    [
        (144, None, 0.299, 0.114, False),
        (720, None, 0.2126, 0.0722, False),
        (144, (1, 1, 1, 1), 0.2126, 0.0722, False),
        (144, (6, 6, 6, 2), 0.299, 0.114, True),
    ],
)
def test_colours_are_those_a_browser_shows(height_px, colour, kr, kb, full):
    video = clips.clip(n=1, height_px=height_px, colour=colour, x264="qp=1")
    with FrameReader(io.BytesIO(video), build_index(io.BytesIO(video))) as reader:
        frame, shown = reader.picture(0), reader.rgb(0).astype(float)
    y, cb, cr = (
        np.frombuffer(p, np.uint8).reshape(-1, p.line_size)[: p.height, : p.width].astype(float)
        for p in frame.planes
    )
    cb, cr = (c.repeat(2, axis=0).repeat(2, axis=1) - 128 for c in (cb, cr))
    if not full:
        y, cb, cr = (y - 16) * 255 / 219, cb * 255 / 224, cr * 255 / 224
    red = y + 2 * (1 - kr) * cr
    blue = y + 2 * (1 - kb) * cb
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    expected = np.clip(np.stack([red, green, blue], -1), 0, 255)
    inner = (slice(40, 80), slice(40, 200))
    assert np.abs(expected[inner].mean((0, 1)) - shown[inner].mean((0, 1))).max() < 1


def _instance(video: bytes, cuts: list[int]) -> bytes:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import MPEG4HP41, VideoEndoscopicImageStorage

    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = MPEG4HP41
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = VideoEndoscopicImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = "2.25.1"
    ds.NumberOfFrames = 40
    items = b"\xfe\xff\x00\xe0\0\0\0\0"
    for a, b in zip([0, *cuts], [*cuts, len(video)], strict=True):
        part = video[a:b] + b"\0" * ((b - a) % 2)
        items += b"\xfe\xff\x00\xe0" + len(part).to_bytes(4, "little") + part
    ds.PixelData = items + b"\xfe\xff\xdd\xe0\0\0\0\0"
    ds["PixelData"].is_undefined_length = True
    ds["PixelData"].VR = "OB"
    out = io.BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


@pytest.mark.parametrize("cuts", [[], [1000], [2, 1000, 5000]])
def test_a_video_inside_a_dicom_instance_is_read_in_place(cuts):
    video = clips.clip(n=40, x264="keyint=10")
    view = open_video_pixel_data(io.BytesIO(_instance(video, cuts)))
    assert view.read()[: len(video)] == video
    assert view.seek(990) == 990
    assert view.read(20) == video[990:1010]
    index = build_index(view, dicom_number_of_frames=40)
    assert not index.warnings
    with FrameReader(view, index, kept_bytes=0) as reader:
        assert [clips.number_in(reader.rgb(i)) for i in (35, 3, 20)] == [35, 3, 20]


def test_an_instance_without_a_video_is_refused_by_name():
    whole = _instance(clips.clip(n=4), [])
    for bad in (b"", b"no DICOM" * 40, whole[: whole.index(b"\xe0\x7f\x10\x00")]):
        with pytest.raises(NoVideoPixelData):
            open_video_pixel_data(io.BytesIO(bad))


def test_a_seek_reads_from_the_last_entry_and_not_from_the_start():
    class Counting(io.BytesIO):
        n_bytes = 0

        def read(self, size=-1):
            data = super().read(size)
            self.n_bytes += len(data)
            return data

    for name in ("matroska", "mpeg-2 program stream", "hevc open groups", "plain mp4"):
        video = (
            clips.CLIPS[name]()
            if name != "plain mp4"
            else clips.clip(n=400, x264="bframes=0:keyint=12:scenecut=0")
        )
        index = build_index(io.BytesIO(video))
        entries = np.flatnonzero(index.flags & 4)
        with FrameReader(io.BytesIO(video), index, kept_bytes=0) as reader:
            for entry in entries[::-1]:
                reader.picture(int(entry))
            assert not reader._lost_entries
    file = Counting(video)
    with FrameReader(file, index) as reader:
        file.n_bytes = 0
        reader.picture(390)
        assert file.n_bytes < len(video) / 3
