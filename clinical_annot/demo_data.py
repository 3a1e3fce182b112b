"""What the demo makes: people, project, sample studies sent over DICOM, one clip signed."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.access import tokens
from apps.access.actor import Actor, service
from apps.access.models import User
from apps.adjudication import services as adjudicating
from apps.adjudication.models import Adjudication
from apps.annotation import services as annotating
from apps.annotation.models import LabelSet
from apps.deid import services as deid
from apps.intake.models import ReceivedInstance
from apps.jobs.models import Job
from apps.library.models import Clip
from apps.ontology import services as ontologies
from apps.projects.models import Project
from apps.projects.services import create_project, grant_role
from apps.vault.master import master_key

Say = Callable[[str], None]
State = ReceivedInstance.State
PROJECT = "demo"
CARRIED = "laparoscopy"
# Waits for a person: the pixel review is the first thing a steward tries.
LEFT_IN_REVIEW = "colonoscopy"


def password_of(username: str) -> str:
    """A demo login's password: the same on every start of this data folder."""
    raw = uuid.uuid5(uuid.UUID(bytes=master_key("demo-logins")[:16]), username).hex
    return f"{username}-{raw[:4]}-{raw[4:8]}-{raw[8:12]}"


def ensure_people(
    roles: tuple[tuple[str, str, str], ...], system: set[str]
) -> list[tuple[str, User]]:
    people = []
    for role, username, name in roles:
        user, made = User.objects.get_or_create(
            username=username, defaults={"printed_name": name, "system_roles": []}
        )
        if made:
            user.set_password(password_of(username))
        user.system_roles = [role] if role in system else []
        user.save()
        people.append((role, user))
    return people


def ensure_project(people: list[tuple[str, User]]) -> Project:
    command = service("command")
    project = Project.objects.filter(slug=PROJECT).first()
    if project is None:
        project = create_project(
            command,
            None,
            slug=PROJECT,
            name="Demo hospital",
            ae_title=settings.CLINICAL_ANNOT_AE_TITLE,
            profile="basic",
            options={
                "pixels_without_person": True,
                "assign_to_all": True,
                "keep_originals": True,
            },
        )
    from apps.access import roles as role_names

    for role, user in people:
        if role in role_names.PROJECT_ROLES:
            grant_role(command, project, user, role)
    if ontologies.current(project) is None:
        starter = Path(settings.BASE_DIR) / "apps/ontology/starters"
        definition = json.loads((starter / "laparoscopic_cholecystectomy.json").read_text())
        draft = ontologies.draft_version(command, project, definition=definition)
        ontologies.publish_version(command, draft)
    return project


def prepare(data_dir: Path, check: Callable[[], None], say: Say) -> None:
    """Send the samples, carry one clip to a signed consensus; does only what is not done yet."""
    if (data_dir / "demo.done").exists():
        return
    project = Project.objects.get(slug=PROJECT)
    with tempfile.TemporaryDirectory(prefix="clinicalannot-demo-") as folder:
        truths = _make_samples(Path(folder), check, say)
        for name, truth in truths.items():
            say(f"Sending the {name} sample to the DICOM node ...")
            _send(Path(folder) / f"{name}.dcm")
            received = _received(project, truth["sop_instance_uid"], check)
            if name != LEFT_IN_REVIEW:
                _clear(received, check, say)
        truth = truths[CARRIED]
        clip = _wait_for_clip(project, truth["sop_instance_uid"], check, say)
        _carry_through(clip, truth, check, say)
    (data_dir / "demo.done").touch()


def _make_samples(folder: Path, check: Callable[[], None], say: Say) -> dict[str, dict[str, Any]]:
    """Generated in a process each, side by side on the cores there are."""
    from fixtures.make import NAMES

    order = sorted(NAMES, key=lambda name: name != CARRIED)
    say("Generating the sample studies ...")
    running = {
        name: subprocess.Popen(
            [sys.executable, "-m", "fixtures.make", str(folder), "--only", name],
            cwd=settings.BASE_DIR,
            stdout=subprocess.DEVNULL,
        )
        for name in order
    }
    try:
        for name, process in running.items():
            while process.poll() is None:
                check()
                time.sleep(0.2)
            if process.returncode:
                raise RuntimeError(f"the {name} sample could not be made")
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    return {name: json.loads((folder / f"{name}.truth.json").read_text()) for name in order}


def _send(path: Path) -> None:
    """A real C-STORE: dcmtk's storescu where it is installed, else pynetdicom's."""
    host, port = settings.CLINICAL_ANNOT_BIND, settings.CLINICAL_ANNOT_DICOM_PORT
    called = settings.CLINICAL_ANNOT_AE_TITLE
    # pynetdicom installs a script of the same name beside this interpreter: dcmtk's is meant.
    beside = str(Path(sys.prefix).resolve())
    folders = [f for f in os.environ.get("PATH", "").split(os.pathsep) if not f.startswith(beside)]
    storescu = shutil.which("storescu", path=os.pathsep.join(folders))
    if storescu:
        syntax = {"laparoscopy": "-xn", "colonoscopy": "-xn", "ultrasound": "-xr"}[path.stem]
        done = subprocess.run(
            [
                storescu,
                "-R",
                syntax,
                "-aet",
                "OR3_TOWER",
                "-aec",
                called,
                host,
                str(port),
                str(path),
            ],
            env={**os.environ, "TCP_NODELAY": "1"},
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            return
    from pydicom import dcmread
    from pynetdicom import AE

    ds = dcmread(path)
    ae = AE("OR3_TOWER")
    ae.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
    for attempt in range(3):
        association = ae.associate(host, port, ae_title=called)
        if association.is_established:
            status = association.send_c_store(ds)
            association.release()
            if status and status.Status == 0:
                return
        time.sleep(1 + attempt)
    raise RuntimeError("the node did not take the sample")


def _received(
    project: Project, sop_instance_uid: str, check: Callable[[], None]
) -> ReceivedInstance:
    from apps.intake.queries import instance_by_uid

    for _ in range(600):
        check()
        found = instance_by_uid(project, sop_instance_uid)
        if found is not None:
            return found
        time.sleep(0.1)
    raise RuntimeError("the sample did not arrive")


def _clear(received: ReceivedInstance, check: Callable[[], None], say: Say) -> None:
    """The steward's confirmation of everything as proposed."""
    steward = Actor(User.objects.get(username="stefan"), "command")
    while True:
        check()
        received.refresh_from_db()
        if received.state == State.PIXEL_REVIEW:
            proposed = deid.proposals_of(received)
            assert proposed is not None
            deid.open_review(steward, received)
            deid.confirm(
                steward,
                received,
                decision={"boxes": proposed["boxes"], "spans": proposed["spans"]},
            )
            say(f"  {len(proposed['boxes'])} boxes and {len(proposed['spans'])} spans confirmed")
            return
        if received.state not in (State.RECEIVED, State.DEIDENTIFYING):
            return
        time.sleep(0.2)


def _wait_for_clip(
    project: Project, sop_instance_uid: str, check: Callable[[], None], say: Say
) -> Clip:
    from apps.intake.queries import instance_by_uid

    received = instance_by_uid(project, sop_instance_uid)
    assert received is not None
    told = ""
    while True:
        check()
        clip = Clip.objects.filter(instance__source=received, repeats=None).first()
        if clip is not None and clip.state == Clip.State.READY:
            return clip
        if clip is not None and clip.state == Clip.State.FAILED:
            raise RuntimeError(f"the clip could not be made: {clip.reason}")
        received.refresh_from_db()
        if received.state == State.PIXEL_REVIEW:
            _clear(received, check, say)
        if received.state in (State.HELD, State.REJECTED):
            raise RuntimeError(f"the sample was held: {received.reason}")
        ids = [str(received.pk), str(clip.pk) if clip else ""]
        job = Job.objects.filter(object_id__in=ids, state="running").first()
        line = f"  {job.step or job.kind} {job.progress:.0%}" if job else ""
        if line and line != told:
            say(line)
            told = line
        time.sleep(1)


def _carry_through(clip: Clip, truth: dict[str, Any], check: Callable[[], None], say: Say) -> None:
    from fixtures.demo_labels import label_sets

    say("Two annotators label the clip, a third adjudicates and signs ...")
    operations = label_sets(truth, str(clip.pk))
    for username, steps in zip(("anna", "boris"), operations, strict=True):
        user = User.objects.get(username=username)
        label_set = _label_set(clip, user, check)
        if label_set.state not in ("assigned", "in_progress"):
            continue
        if label_set.revision == 0:
            annotating.save_operations(
                Actor(user, "command"),
                label_set,
                client_id=str(uuid.uuid5(label_set.pk, "demo")),
                base_revision=0,
                operations=steps,
            )
            label_set.refresh_from_db()
        annotating.submit_label_set(Actor(user, "command"), label_set, revision=label_set.revision)
    while True:
        check()
        adjudication = Adjudication.objects.filter(clip=clip, findings__isnull=False).first()
        if adjudication is not None:
            break
        time.sleep(0.3)
    if adjudication.state == Adjudication.State.OPEN:
        _decide_and_sign(adjudication)


def _label_set(clip: Clip, user: User, check: Callable[[], None]) -> LabelSet:
    while True:
        check()
        found = LabelSet.objects.filter(places__clip=clip, author=user, origin="manual").first()
        if found is not None:
            return found
        time.sleep(0.3)


def _decide_and_sign(adjudication: Adjudication) -> None:
    assert adjudication.adjudicator is not None and adjudication.consensus is not None
    actor = Actor(adjudication.adjudicator, "command")
    for number, item in enumerate((adjudication.findings or {})["disagreements"]):
        adjudicating.decide(
            actor,
            adjudication,
            disagreement=item["id"],
            choice="b" if item["kind"] == "only_b" or number % 2 else "a",
        )
    adjudication.consensus.refresh_from_db()
    adjudicating.sign(
        actor,
        adjudication,
        password=password_of(adjudication.adjudicator.username),
        revision=adjudication.consensus.revision,
    )


def describe(url: str, people: list[tuple[str, User]]) -> dict[str, Any]:
    """What ``demo.json`` says."""
    logins = []
    for role, user in people:
        user.api_tokens.filter(name="demo").delete()
        logins.append(
            {
                "role": role,
                "username": user.username,
                "password": password_of(user.username),
                "api_token": tokens.make(user, "demo"),
            }
        )
    return {
        "url": url,
        "dicom": {
            "host": settings.CLINICAL_ANNOT_BIND,
            "port": settings.CLINICAL_ANNOT_DICOM_PORT,
            "ae_title": settings.CLINICAL_ANNOT_AE_TITLE,
        },
        "project": PROJECT,
        "logins": logins,
        "clips": clips(),
    }


def clips() -> list[dict[str, str]]:
    """The project's clips with where each stands."""
    rows = []
    for clip in Clip.objects.filter(project__slug=PROJECT).order_by("created_at"):
        signed = clip.adjudications.filter(state=Adjudication.State.SIGNED).exists()
        rows.append(
            {"id": str(clip.pk), "name": clip.name, "state": "signed" if signed else clip.state}
        )
    return rows


def refresh(path: Path, url: str, people: list[tuple[str, User]]) -> None:
    """Keep the clips of ``demo.json`` true while the demo runs."""
    described = json.loads(path.read_text())
    now = clips()
    if described["clips"] == now:
        return
    described["clips"] = now
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
        out.write(json.dumps(described, indent=1))
    partial.rename(path)
