"""Two projects, somebody in every role of each, and one object of every kind in the first.

People of the second project hold the same roles there: what they get of the first project's objects
is what a token or a session of another project gets.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.test import Client
from django.utils import timezone

from apps.access import grants, roles, tokens
from apps.access.actor import Actor, service
from apps.access.again import Proof
from apps.access.models import ApiToken, User
from apps.adjudication.assigning import assign_clip
from apps.adjudication.models import Adjudication, Assignment
from apps.adjudication.reader_models import FurtherReading, ReadersReport
from apps.adjudication.services import open_adjudication
from apps.annotation.comments import begin_thread
from apps.annotation.examples import add_example
from apps.annotation.models import Propagation
from apps.audit.models import Event
from apps.deid import policy
from apps.deid.models import Deidentification, Device, DeviceMask, ProjectSubject
from apps.intake.models import Correction, CorrectionTarget, ReceivedInstance
from apps.intake.pacs.models import Pull, RemoteNode, RoutingRule
from apps.keys import keyring
from apps.library.incidental import flag
from apps.library.models import Clip, ReviewSegment
from apps.projects import emergency, holds
from apps.projects.agreements import add_agreement
from apps.projects.models import EmergencyAccess
from apps.projects.services import create_project, grant_role
from apps.release import drafts, sending, services
from apps.release.checking import check_draft
from apps.release.models import Destination, RecallNotice, Release
from apps.vault.files import create_file
from fixtures import broken
from fixtures.people import MORGAN
from tests import builders
from tests.access.factors import code_of, with_app

SYSTEM = (roles.COMPLIANCE_OFFICER, roles.PACS_ADMINISTRATOR, roles.ADMINISTRATOR)
PROPOSED = {"boxes": [], "spans": [], "width_px": 320, "height_px": 240, "n_frames": 1}
LOOSE = "name: loose\nversion: 1\noptions: [retain_uids]\n"


@dataclass
class Someone:
    """``roles`` as rights.md calls them; ``is_system``: held everywhere, not in the project."""

    name: str
    actor: Actor
    roles: set[str]
    is_system: bool = False
    is_elsewhere: bool = False
    is_signed_in: bool = True
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))
    token: str = ""

    @property
    def is_another(self) -> bool:
        """A second one of a kind that the world has."""
        return self.is_elsewhere or self.name.endswith("_idle")


@dataclass
class Thing:
    """What an address names, and who stands to it in which relation (by a person's name)."""

    kwargs: dict[str, Any]
    assigned: set[str] = field(default_factory=set)
    own: set[str] = field(default_factory=set)
    granted: set[str] = field(default_factory=set)
    # Whose own work it is, where another person is wanted.
    made_by: set[str] = field(default_factory=set)
    # The address is no project's: everybody stores into their own.
    is_shared: bool = False


@dataclass
class World:
    people: dict[str, Someone]
    things: dict[str, Thing]
    # What nobody who may not see the first project's things may be told, by what it is.
    marks: set[str]
    project_marks: set[str]
    # What an annotator may not be told of another's work.
    blind: set[str]
    sent: dict[str, str]


def _people(project: Any, other: Any) -> dict[str, Someone]:
    held: dict[str, tuple[tuple[str, ...], Any, bool]] = {
        **{name: ((name,), project, False) for name in roles.GRANTED_ROLES},
        "annotator_b": ((roles.ANNOTATOR,), project, False),
        "annotator_idle": ((roles.ANNOTATOR,), project, False),
        "adjudicator_idle": ((roles.ADJUDICATOR,), project, False),
        "lead_idle": ((roles.PROJECT_LEAD,), project, False),
        "steward_idle": ((roles.DATA_STEWARD,), project, False),
        "researcher_idle": ((roles.RESEARCHER,), project, False),
        # Holds both roles that a conflict of interest parts: freezes, and could approve.
        "freezer": ((roles.PROJECT_LEAD, roles.COMPLIANCE_OFFICER), project, False),
        # An officer who broke the glass.
        "rescuer": ((roles.COMPLIANCE_OFFICER,), project, False),
        # A steward who did.
        "telling_steward": ((roles.DATA_STEWARD,), project, False),
        **{f"{name}_elsewhere": ((name,), other, False) for name in roles.GRANTED_ROLES},
        **{f"{name}_of_all": ((name,), None, True) for name in SYSTEM},
        "nobody": ((), None, False),
        "superuser": ((), None, False),
        "switched_off": ((), None, False),
    }
    people = {}
    for name, (wanted, where, is_system) in held.items():
        user = User.objects.create_user(username=name.replace("_", "-"), password=builders.PASSWORD)
        user.printed_name = f"Dr {name.title()} Printed"
        user.system_roles = list(wanted) if is_system else []
        user.is_superuser = user.is_staff = name == "superuser"
        user.save()
        for role in wanted:
            if where is not None:
                grant_role(service("command"), where, user, role)
        someone = Someone(name, Actor(user), set(wanted), is_system, where is other)
        someone.client.force_login(user)
        someone.token = tokens.make(user, "tests")
        people[name] = someone
    off = people["switched_off"].actor.user
    off.is_active = False
    off.save()
    people["switched_off"].is_signed_in = False
    for name in ("rescuer", "telling_steward"):
        _break_glass(people[name], project)
    people["stranger"] = Someone("stranger", Actor(User()), set(), is_signed_in=False)
    return people


def _break_glass(someone: Someone, project: Any) -> None:
    code = code_of(with_app(someone.actor.user))
    proof = Proof(builders.PASSWORD, code)
    emergency.begin(someone.actor, project, reason="asked", minutes=240, proof=proof)
    someone.roles.add(roles.EMERGENCY)


def _received(project: Any, state: str, device: Device) -> ReceivedInstance:
    with TemporaryDirectory() as folder:
        received = builders.received_instance(project, broken.sound(Path(folder)))
    received.state = state
    received.reason = "text_left" if state == "held" else ""
    received.sop_uid_digest = uuid.uuid4().bytes
    received.save()
    subject = received.subject or keyring.subject_for("P1")
    named, _ = ProjectSubject.objects.get_or_create(
        project=project,
        subject=subject,
        defaults={
            "pseudonym": "S-QUARANTINE",
            "sealed": keyring.seal_for(subject, b"{}", "project-subject"),
        },
    )
    Deidentification.objects.create(
        instance=received,
        project_subject=named,
        profile="basic",
        profile_digest="0" * 64,
        device=device,
        sealed_proposals=keyring.seal_for(subject, json.dumps(PROPOSED).encode(), "proposals"),
    )
    return received


def _quarantine(project: Any, people: dict[str, Someone]) -> dict[str, Thing]:
    device = Device.objects.create(
        project=project,
        key_digest=b"d" * 32,
        sealed_names=keyring.seal_for(None, b'["Maker", "Model", "1"]', "device"),
        rows=240,
        columns=320,
    )
    steward = people[roles.DATA_STEWARD].actor
    mask = DeviceMask.objects.create(device=device, boxes=[], author=steward.user)
    profile = policy.save_profile(people["lead_idle"].actor, project, text=LOOSE)
    received = _received(project, "pixel_review", device)
    held = _received(project, "held", device)
    correction = Correction.objects.create(project=project, kind=Correction.Kind.REJECTED)
    CorrectionTarget.objects.create(
        correction=correction,
        instance=held,
        sop_uid_digest=held.sop_uid_digest,
        state_before="held",
    )
    peer = RemoteNode.objects.create(name="peer", host="127.0.0.1", port=1, ae_title="PEER")
    rule = RoutingRule.objects.create(
        name="rule", called_ae="X", project=project, changed_at=timezone.now()
    )
    pull = Pull.objects.create(
        project=project,
        node=peer,
        subject=received.subject or keyring.subject_for("P1"),
        requested_by=steward.user,
        study_digest=b"s" * 32,
        state=Pull.State.FAILED,
    )
    instance = {"received_id": received.pk, "subject_id": received.subject_id, "frame_index": 0}
    return {
        "received": Thing(instance),
        "held": Thing({"received_id": held.pk}),
        "correction": Thing({"correction_id": correction.pk}),
        "device": Thing({"device_id": device.pk}),
        "mask": Thing({"mask_id": mask.pk}),
        "profile": Thing({"profile_id": profile.pk}, made_by={"lead_idle"}),
        "peer": Thing({"node_id": peer.pk}),
        "rule": Thing({"rule_id": rule.pk}),
        "pull": Thing({"pull_id": pull.pk}),
    }


def _clip_thing(clip: Clip, assigned: set[str]) -> Thing:
    series = clip.instance.series
    return Thing(
        {
            "clip_id": clip.pk,
            "study_id": series.study_id,
            "study_uid": series.study.study_instance_uid,
            "series_uid": series.series_instance_uid,
            "instance_uid": clip.instance.sop_instance_uid,
            "frame_index": 0,
            "start_frame": 0,
            "numbers": [1],
            "tag": "7fe00010",
            "scope": "",
        },
        assigned=assigned,
    )


def _by_role(people: dict[str, Someone]) -> Any:
    """A maker of people as the builders want one: those of the world, by role."""
    waiting = {
        roles.ANNOTATOR: ["annotator", "annotator_b"],
        roles.ADJUDICATOR: ["adjudicator"],
    }
    return lambda role: people[waiting[role].pop(0)].actor


def _labels(project: Any, people: dict[str, Someone]) -> dict[str, Thing]:
    """A clip that two annotators work on, one whose two sets are with an adjudicator, and one that
    is signed."""
    clip = builders.ready_clip(project, 8)
    mine, theirs = (
        builders.label_set(project, people[name].actor, clip)
        for name in ("annotator", "annotator_b")
    )
    judge = people[roles.ADJUDICATOR].actor.user
    assign_clip(service("command"), clip, person=judge, kind=Assignment.Kind.ADJUDICATE)
    opened, _ = builders.open_adjudication(
        project, _by_role(people), builders.ready_clip(project, 16), shift=3
    )
    signed = builders.signed_adjudication(
        project, _by_role(people), builders.ready_clip(project, 16), shift=3
    )
    reviewed = _review(project, people)
    project.options = {**project.options, "countersign": True}
    project.save(update_fields=["options"])
    _segment(clip)
    carried = Propagation.objects.create(
        label_set=mine, clip=clip, class_id="lesion", shape={}, from_frame=0, to_frame=1
    )
    thread = begin_thread(
        people["annotator"].actor, mine, clip_id=str(clip.pk), frame_index=0, object_id=None,
        text="Is this the cystic duct?",
    )  # fmt: skip
    finding = flag(people["annotator"].actor, clip, frame_index=0, severity="soon", text="A polyp")
    example = add_example(
        people[roles.PROJECT_LEAD].actor, clip, ontology=mine.ontology.slug, class_id="grasper",
        frame_index=1,
    )  # fmt: skip
    measured = ReadersReport.objects.create(
        project=project,
        clip=opened.clip,
        ontology=opened.set_a.ontology,
        state=ReadersReport.State.DONE,
        handed_in_at=timezone.now(),
    )
    further = FurtherReading.objects.create(
        project=project, clip=opened.clip, report=measured, metric="agreement", label="Lesion",
        value=0.1, below=0.5,
    )  # fmt: skip
    return {
        "finding": Thing({"finding_id": finding.pk}, own={"annotator", "telling_steward"}),
        "example": Thing({"example_id": example.pk}),
        "further reading": Thing({"reading_id": further.pk}),
        "comment": Thing({"thread_id": thread.pk}, own={"annotator"}),
        "propagation": Thing(
            {"label_set_id": mine.pk, "propagation_id": carried.pk}, own={"annotator"}
        ),
        "clip": _clip_thing(clip, {"annotator", "annotator_b", "adjudicator"}),
        "label set": Thing({"label_set_id": mine.pk, "revision": 0}, own={"annotator"}),
        "set beside": Thing({"label_set_id": opened.set_a_id}, own={"annotator", "adjudicator"}),
        "their label set": Thing({"label_set_id": theirs.pk, "revision": 0}, own={"annotator_b"}),
        "adjudication": Thing({"adjudication_id": opened.pk}, own={"adjudicator"}),
        "assignment": Thing(
            {"assignment_id": Assignment.objects.get(label_set=mine).pk},
            own={"annotator"},
            made_by={"annotator"},
        ),
        "calibration": Thing({"assignment_id": _calibrated(project, people)}, own={"annotator"}),
        "review": Thing({"adjudication_id": reviewed.pk}, own={"adjudicator"}),
        "signed": Thing(
            {"adjudication_id": signed.pk}, own={"adjudicator"}, made_by={"adjudicator"}
        ),
    }


def _calibrated(project: Any, people: dict[str, Someone]) -> uuid.UUID:
    """A calibration that was compared with its gold."""
    made = Assignment.objects.create(
        project=project,
        clip=builders.ready_clip(project, 8),
        person=people["annotator"].actor.user,
        kind=Assignment.Kind.ANNOTATE,
        purpose=Assignment.Purpose.CALIBRATION,
        result={"summary": [], "disagreements": []},
    )
    return made.pk


def _review(project: Any, people: dict[str, Someone]) -> Adjudication:
    """One annotator's labels with their reviewer."""
    clip = builders.ready_clip(project, 16)
    only = builders.submitted_set(
        project, people["annotator"].actor, clip, builders.interval(clip, "preparation", 0, 4)
    )
    return open_adjudication(
        service("worker"), clip, set_a=only, set_b=None,
        adjudicator=people[roles.ADJUDICATOR].actor.user,
    )  # fmt: skip


def _release(project: Any, people: dict[str, Someone], version: str, state: str) -> Thing:
    made = services.freeze(people["freezer"].actor, project, version=version, formats=["mot"])
    if state != Release.State.FROZEN:
        services.record_approval(people[roles.COMPLIANCE_OFFICER].actor, made)
    if state == Release.State.PUBLISHED:
        with create_file("release-archive", keyring.intake_key()) as out:
            out.write(b"archive")
            archive = out.finish()
        archive.save(force_insert=True)
        Release.objects.filter(pk=made.pk).update(archive=archive, is_archive_approved=True)
        services.publish(people[roles.PROJECT_LEAD].actor, made)
        grants.revoke(people["researcher_idle"].actor.user, "download", made)
    return Thing(
        {"release_id": made.pk},
        granted={roles.RESEARCHER, roles.PROJECT_LEAD, "lead_idle", "freezer"},
        made_by={"freezer"},
    )


def _draft(project: Any, people: dict[str, Someone]) -> Thing:
    lead = people["freezer"].actor
    made = drafts.begin_draft(lead, project, version="5")
    made = drafts.choose(lead, made, formats=["mot"], clips=[], division={}, about={})
    of = drafts.choices_digest(made)
    drafts.store_report(service("worker"), made, report=check_draft(made), of=of)
    return Thing({"release_id": made.pk})


def _sendings(project: Any, people: dict[str, Someone], release: Thing) -> dict[str, Thing]:
    place = Destination.objects.create(
        name="place", kind="stow", url="http://127.0.0.1:1/dicom-web"
    )
    peer = RemoteNode.objects.get(name="peer")
    found = Release.objects.get(pk=release.kwargs["release_id"])
    lead = people[roles.PROJECT_LEAD].actor
    going = sending.send(lead, found, to=place)
    stopped = sending.cancel_sending(lead, sending.send(lead, found, to=peer))
    idle = Destination.objects.create(name="idle", kind="stow", url="http://127.0.0.1:1/dicom-web")
    return {
        "sending": Thing({"sending_id": going.pk}),
        "stopped sending": Thing({"sending_id": stopped.pk}),
        "destination": Thing({"destination_id": idle.pk}),
    }


def _notice(people: dict[str, Someone], release: Thing) -> Thing:
    now = timezone.now()
    made = RecallNotice.objects.create(
        release_id=release.kwargs["release_id"],
        person=people[roles.RESEARCHER].actor.user,
        n_downloads=1,
        first_at=now,
        last_at=now,
        written_at=now,
    )
    return Thing({"notice_id": made.pk}, own={roles.RESEARCHER})


def _segment(clip: Clip) -> None:
    with create_file("review", keyring.intake_key()) as out:
        out.write(b"segment")
        file = out.finish()
    file.save(force_insert=True)
    ReviewSegment.objects.create(
        clip=clip, start_frame=0, end_frame=1, made_of=b"", digests=b"", file=file
    )


def build(project: Any) -> World:
    other = create_project(
        service("command"), None, slug="other", name="Other", ae_title="OTHER", options={}
    )
    people = _people(project, other)
    things = {"project": Thing({"project_id": project.pk, "scope": project.slug})}
    things |= _labels(project, people) | _quarantine(project, people)
    for version, state in (("1", "frozen"), ("2", "approved"), ("3", "published")):
        things[state] = _release(project, people, version, state)
    things["superseding"] = _release(project, people, "4", "published")
    agreement = add_agreement(
        people[roles.PROJECT_LEAD].actor,
        project,
        kind="ethics",
        reference="EC 7",
        until="2040-01-01",
    )
    subject = ReceivedInstance.objects.get(pk=things["received"].kwargs["received_id"]).subject
    hold = holds.place(
        people[roles.COMPLIANCE_OFFICER].actor, project, subject=subject, reason="a lawsuit"
    )
    things["hold"] = Thing({"hold_id": hold.pk})
    things["agreement"] = Thing({"agreement_id": agreement.pk})
    broken = EmergencyAccess.objects.get(person=people["rescuer"].actor.user)
    things["emergency"] = Thing({"access_id": broken.pk}, own={"rescuer"}, made_by={"rescuer"})
    things["draft"] = _draft(project, people)
    things["notice"] = _notice(people, things["published"])
    things |= _sendings(project, people, things["published"])
    event = Event.objects.filter(project=str(project.pk)).order_by("recorded_at").first()
    assert event is not None
    things["event"] = Thing({"event_id": event.pk})
    pseudonym = Clip.objects.get(pk=things["clip"].kwargs["clip_id"]).pseudonym
    things["patient"] = Thing({"pseudonym": pseudonym})
    things["factor"] = Thing({"pk": 987_654})
    things["provider"] = Thing({"provider_id": "site"})
    token = ApiToken.objects.get(user=people["annotator"].actor.user)
    things["token"] = Thing({"token_id": token.pk}, own={"annotator"})
    spare = User.objects.create_user(username="spare", printed_name="Spare")
    grant_role(service("command"), project, spare, roles.ANNOTATOR)
    things["study address"] = Thing(things["clip"].kwargs, is_shared=True)
    things["account"] = Thing({"user_id": spare.pk})
    ids = {str(value) for thing in things.values() for value in thing.kwargs.values()}
    clip = Clip.objects.get(pk=things["clip"].kwargs["clip_id"])
    projects = {str(project.pk), project.name}
    theirs = people["annotator_b"].actor.user
    return World(
        people,
        things,
        marks={mark for mark in ids if len(mark) > 8} - projects | {clip.pseudonym, "S-QUARANTINE"},
        project_marks=projects,
        blind={
            str(things["their label set"].kwargs["label_set_id"]),
            str(theirs.pk),
            theirs.pseudonym,
            theirs.username,
            theirs.printed_name,
        },
        sent={
            "spare": str(spare.pk),
            "slug": project.slug,
            "patient": MORGAN.patient_id,
            **{name: str(v) for thing in things.values() for name, v in thing.kwargs.items()},
        },
    )
