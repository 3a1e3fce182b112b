"""A clip takes over what examination saw of the same stream, and decodes where it cannot."""

from __future__ import annotations

import io
from typing import Any

import pytest

from apps.deid.domain.pictures import VideoPictures
from apps.deid.domain.seen import SeenPictures, coded_digest
from apps.deid.models import SeenVideo
from apps.jobs import work
from apps.keys import keyring
from apps.library import tasks
from apps.library.models import Clip
from tests.builders import cleared_instance, ready_clip, stream

pytestmark = pytest.mark.django_db


def made(project: Any, seen: SeenPictures) -> Clip:
    received = cleared_instance(project)
    sealed = keyring.seal_for(received.subject, seen.to_bytes(), "pictures")
    SeenVideo.objects.create(deidentification=received.deidentification, sealed=sealed)
    tasks._register(received)
    clip = Clip.objects.get(instance__source=received)
    work.enqueue("library.make_clip", clip.pk, priority=99)
    handle = work.claim("test")
    assert handle is not None and handle.job.object_id == str(clip.pk)
    work.run(handle)
    clip.refresh_from_db()
    return clip


def test_what_examination_saw_becomes_the_clips_without_decoding_it_again(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = bytes(ready_clip(project).digests or b"")
    monkeypatch.setattr(tasks, "needs_review_copy", lambda *_: (False, ""))
    pictures = VideoPictures(io.BytesIO(stream()), prove=True)
    for _ in pictures.planes():
        pass
    seen = pictures.seen
    assert seen is not None
    # The stream of the builder is no copy yet: it still holds its encoder's message.
    told = SeenPictures(coded_digest(io.BytesIO(stream())) or b"",
                        seen.decoder, seen.digests)  # fmt: skip
    decoded: list[Any] = []
    whole = tasks.digests.digests
    monkeypatch.setattr(tasks.digests, "digests", lambda *args: decoded.append(1) or whole(*args))
    taken, not_taken = made(project, told), made(project, seen)
    assert taken.state == not_taken.state == Clip.State.READY
    assert bytes(taken.digests or b"") == bytes(not_taken.digests or b"") == expected
    assert len(decoded) == 1
    assert not SeenVideo.objects.exists()
