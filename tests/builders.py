"""What tests of the upper rooms begin with: a ready clip, a signed adjudication.

What lies below de-identification is written as rows (a cleared instance with its encrypted output);
everything above is done by the verbs and by the same background work as in the product.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable, Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import generate_uid

from apps.access.actor import Actor, service
from apps.adjudication import services as adjudicating
from apps.adjudication.assigning import assign_clip
from apps.adjudication.models import Adjudication, Assignment
from apps.adjudication.tasks import compare
from apps.annotation.domain import rle
from apps.annotation.models import LabelSet
from apps.annotation.services import save_operations, submit_label_set
from apps.deid.models import Deidentification, ProjectSubject
from apps.intake.models import ReceivedInstance
from apps.intake.receiving import Incoming, take
from apps.jobs import work
from apps.jobs.models import Job
from apps.keys import keyring
from apps.library import tasks as library
from apps.library.models import Clip
from apps.ontology.models import OntologyVersion
from apps.ontology.services import current, draft_version, publish_version
from apps.vault.files import create_file
from tests.domain import clips as streams

STARTER = Path(__file__).parents[1] / "apps/ontology/starters/laparoscopic_cholecystectomy.json"
PASSWORD = "correct horse battery"
H264_HIGH = "1.2.840.10008.1.2.4.102"
WIDTH_PX, HEIGHT_PX = 320, 240
Person = Callable[..., Actor]


@cache
def stream(n_frames: int = 40) -> bytes:
    """A 320×240 H.264 clip in MP4, 25 fps, each picture with its index as a bar code."""
    options = {"preset": "ultrafast", "g": "12", "bf": "0", "threads": "1"}
    return streams.make_clip(n_frames, options=options)


def instance_bytes(pseudonym: str, n_frames: int, study_uid: str | None = None) -> bytes:
    """A de-identified Video Endoscopic instance around ``stream``."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.1.1", generate_uid(None)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study_uid or generate_uid(None), generate_uid(None)
    ds.PatientID = ds.PatientName = pseudonym
    ds.PatientSex, ds.StudyDate, ds.StudyTime, ds.StudyID = "F", "20200102", "101500", "1"
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "ES", 1, 1
    ds.PatientIdentityRemoved, ds.DeidentificationMethod = "YES", "ClinicalAnnot basic 1"
    ds.SamplesPerPixel, ds.PlanarConfiguration = 3, 0
    ds.PhotometricInterpretation = "YBR_PARTIAL_420"
    ds.Rows, ds.Columns, ds.NumberOfFrames = HEIGHT_PX, WIDTH_PX, n_frames
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.PixelData = encapsulate([stream(n_frames)], fragments_per_frame=1, has_bot=False)
    ds["PixelData"].VR = "OB"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = H264_HIGH
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def cleared_instance(
    project: Any,
    n_frames: int = 40,
    patient: str = "",
    output_of: Callable[[str], bytes] | None = None,
) -> ReceivedInstance:
    """A cleared instance of a subject of its own (or of ``patient``), as de-identification
    leaves it; ``output_of``: what it leaves under a pseudonym, else ``n_frames`` plain pictures."""
    subject = keyring.subject_for(patient)
    known = ProjectSubject.objects.filter(project=project, subject=subject).first()
    person = known or ProjectSubject.objects.create(
        project=project,
        subject=subject,
        pseudonym=f"S-{uuid.uuid4().hex[:8].upper()}",
        sealed=keyring.seal_for(subject, b"{}", "project-subject"),
    )
    made = output_of or (lambda pseudonym: instance_bytes(pseudonym, n_frames))
    content = made(person.pseudonym)
    with create_file("deidentified", keyring.subject_key(subject)) as out:
        out.write(content)
        output = out.finish()
    output.save(force_insert=True)
    received = ReceivedInstance.objects.create(
        project=project,
        subject=subject,
        state=ReceivedInstance.State.CLEARED,
        sop_uid_digest=uuid.uuid4().bytes,
        sealed_uids=keyring.seal_for(subject, b"{}", "received-uids"),
        study_digest=uuid.uuid4().bytes,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.77.1.1.1",
        transfer_syntax_uid=H264_HIGH,
        size_bytes=len(content),
        sha256=sha256(content).hexdigest(),
    )
    Deidentification.objects.create(
        instance=received,
        project_subject=person,
        profile="basic",
        profile_digest="0" * 64,
        output=output,
    )
    return received


def ready_clip(
    project: Any,
    n_frames: int = 40,
    patient: str = "",
    output_of: Callable[[str], bytes] | None = None,
) -> Clip:
    """A clip that the library has indexed, digested and made ready to be assigned."""
    received = cleared_instance(project, n_frames, patient, output_of)
    library._register(received)
    clip = Clip.objects.get(instance__source=received)
    work.enqueue("library.make_clip", clip.pk, priority=99)
    handle = work.claim("builder")
    assert handle is not None and handle.job.object_id == str(clip.pk)
    work.run(handle)
    clip.refresh_from_db()
    assert clip.state == Clip.State.READY, Job.objects.get(pk=handle.job.pk).reason
    return clip


def published_ontology(project: Any) -> OntologyVersion:
    """The project's ontology: the starter, published on first use."""
    found = current(project)
    if found is not None:
        return found
    draft = draft_version(
        service("command"), project, definition=json.loads(STARTER.read_text(encoding="utf-8"))
    )
    return publish_version(service("command"), draft)


def mask(top: int, left: int, height: int, width: int) -> dict[str, Any]:
    """A rectangle with a hole, as a shape."""
    pixels = np.zeros((HEIGHT_PX, WIDTH_PX), bool)
    pixels[top : top + height, left : left + width] = True
    pixels[top + 3 : top + 6, left + 4 : left + 9] = False
    return {"type": "mask", "rle": rle.encode(pixels)}


def numbered(steps: Iterable[dict[str, Any]], first: int = 1) -> list[dict[str, Any]]:
    """Operations with ids and gapless sequence numbers."""
    return [{"id": str(uuid.uuid4()), "seq": n, **step} for n, step in enumerate(steps, first)]


def track(clip: Clip, class_id: str, keyframes: dict[int, Any]) -> list[dict[str, Any]]:
    """Operations that draw a track: frame index to a shape, or to None where it is absent."""
    name = str(uuid.uuid4())
    made = {"op": "track.create", "object": name, "clip": str(clip.pk), "class_id": class_id}
    return [made] + [
        {
            "op": "keyframe.set",
            "object": name,
            "frame_index": frame,
            "state": "visible" if shape else "absent",
            "shape": shape,
            "attributes": {},
        }
        for frame, shape in keyframes.items()
    ]


def interval(clip: Clip, class_id: str, start: int, end: int) -> list[dict[str, Any]]:
    """The operation that sets a phase or an event on [start, end)."""
    return [
        {
            "op": "interval.set",
            "object": str(uuid.uuid4()),
            "clip": str(clip.pk),
            "class_id": class_id,
            "start_frame": start,
            "end_frame": end,
            "attributes": {},
        }
    ]


def sample_steps(clip: Clip, shift: int = 0) -> list[dict[str, Any]]:
    """Two overlapping masks, a tip, a box, two phases, an event; ``shift`` px and frames away."""
    end = clip.n_frames
    return [
        *track(clip, "lesion", {5: mask(40 + shift, 60, 60, 80), 6: mask(42 + shift, 60, 60, 80)}),
        *track(clip, "lesion", {5: mask(70, 100 + shift, 70, 90)}),
        *track(
            clip,
            "grasper",
            {
                2: {"type": "tip", "point": [100.25 + shift, 80.5]},
                12: {"type": "tip", "point": [140.5 + shift, 90.125]},
                15: None,
            },
        ),
        *track(clip, "specimen_bag", {0: {"type": "box", "box": [20.5, 30, 50, 40.25 + shift]}}),
        *interval(clip, "preparation", 0, end // 2 + shift),
        *interval(clip, "calot_triangle_dissection", end // 2 + shift, end),
        *interval(clip, "bleeding", 7, 9),
    ]


def label_set(project: Any, author: Actor, clip: Clip) -> LabelSet:
    """The author's own label set on the clip, assigned on first use."""
    published_ontology(project)
    held = Assignment.objects.filter(clip=clip, person=author.user, kind="annotate").first()
    assignment = held or assign_clip(service("command"), clip, person=author.user)
    assert assignment.label_set is not None
    return LabelSet.objects.get(pk=assignment.label_set_id)


def submitted_set(project: Any, author: Actor, clip: Clip, steps: list[dict[str, Any]]) -> LabelSet:
    """The author's label set with these operations, handed in."""
    mine = label_set(project, author, clip)
    done = save_operations(
        author,
        mine,
        client_id=str(uuid.uuid4()),
        base_revision=mine.revision,
        operations=numbered(steps),
    )
    return submit_label_set(author, mine, revision=done["revision"])


def open_adjudication(
    project: Any,
    person: Person,
    clip: Clip,
    shift: int = 14,
    steps: tuple[list[dict[str, Any]], list[dict[str, Any]]] | None = None,
) -> tuple[Adjudication, Actor]:
    """Two submitted sets (the sample's, or of ``steps``), compared: the adjudication and who is to
    decide it."""
    first, second = person("annotator"), person("annotator")
    judge = person("adjudicator")
    steps_a, steps_b = steps or (sample_steps(clip), sample_steps(clip, shift))
    set_a = submitted_set(project, first, clip, steps_a)
    set_b = submitted_set(project, second, clip, steps_b)
    made = adjudicating.open_adjudication(
        service("worker"), clip, set_a=set_a, set_b=set_b, adjudicator=judge.user
    )
    work.enqueue("adjudication.compare", made.pk, priority=99)
    handle = work.claim("builder")
    assert handle is not None and handle.job.object_id == str(made.pk)
    compare(handle)
    handle._mine().update(state=Job.State.DONE)
    made.refresh_from_db()
    return made, judge


def signed_adjudication(
    project: Any,
    person: Person,
    clip: Clip,
    choice: str = "a",
    shift: int = 14,
    steps: tuple[list[dict[str, Any]], list[dict[str, Any]]] | None = None,
) -> Adjudication:
    """Every disagreement decided for ``choice``, and signed with the adjudicator's password."""
    made, judge = open_adjudication(project, person, clip, shift, steps)
    for item in made.findings["disagreements"]:
        held = choice if item[choice] else ("b" if choice == "a" else "a")
        made = adjudicating.decide(judge, made, disagreement=item["id"], choice=held)
    consensus = LabelSet.objects.get(pk=made.consensus_id)
    return adjudicating.sign(judge, made, password=PASSWORD, revision=consensus.revision)


def received_instance(project: Any, path: Path, pixels_choice: str = "") -> ReceivedInstance:
    """An instance as it stands in quarantine right after its arrival, by the intake's own way."""
    incoming = Incoming()
    incoming.write(path.read_bytes())
    return take(service("node"), project, incoming, pixels_choice=pixels_choice)
