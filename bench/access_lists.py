"""10,000 studies with a clip each, 200 people: what a page of 50 clips costs in CPU time.

No grant, some (60 assigned clips beside 4 of 100 projects), all (lead of every project). Exit code
0 when each page costs at most 6 times the unfiltered page and at most a third of guardian's own
shortcut. ``LISTS_STUDIES`` tries it smaller.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinical_annot.settings.test")

PROJECTS, PEOPLE, PAGE = 100, 200, 50
STUDIES = int(os.environ.get("LISTS_STUDIES", "10000"))
MOST, OF_GUARDIAN = 6.0, 1 / 3


def _fill() -> dict[str, Any]:
    """The rows, written in bulk: what is measured is the reading."""
    from apps.access import grants, roles
    from apps.access.models import User
    from apps.adjudication.models import Assignment
    from apps.deid.models import ProjectSubject
    from apps.intake.models import ReceivedInstance
    from apps.keys import keyring
    from apps.library.models import Clip, Instance, Series, Study
    from apps.projects.models import Project
    from apps.vault.models import VaultFile

    projects = [
        Project.objects.create(slug=f"p{n}", name=f"P{n}", ae_title=f"P{n}")
        for n in range(PROJECTS)
    ]
    people = User.objects.bulk_create(
        [User(username=f"u{n}", pseudonym=f"U-{n}") for n in range(PEOPLE)]
    )
    subject = keyring.subject_for("")
    named = ProjectSubject.objects.bulk_create(
        ProjectSubject(project=p, subject=subject, pseudonym="S", sealed=b"") for p in projects
    )
    rows: dict[type[Any], list[Any]] = {
        kind: [] for kind in (VaultFile, ReceivedInstance, Study, Series, Instance, Clip)
    }
    for n in range(STUDIES):
        project, person = projects[n % PROJECTS], named[n % PROJECTS]
        file = _blank(VaultFile)
        received = _blank(ReceivedInstance, project=project, sop_uid_digest=uuid.uuid4().bytes)
        study = _blank(Study, project=project, project_subject=person, study_instance_uid=f"1.{n}")
        series = _blank(Series, study=study, series_instance_uid=f"1.{n}.1")
        instance = _blank(
            Instance, series=series, source=received, file=file, sop_instance_uid=f"1.{n}.2"
        )
        clip = _blank(Clip, project=project, instance=instance, name=f"clip {n}", state="ready")
        for row in (file, received, study, series, instance, clip):
            rows[type(row)].append(row)
    for kind, made in rows.items():
        kind._base_manager.bulk_create(made, batch_size=500)
    some, every = people[1], people[2]
    for project in projects[:4]:
        grants.grant(some, roles.codename(roles.PROJECT_LEAD), project)
    for project in projects:
        grants.grant(every, roles.codename(roles.PROJECT_LEAD), project)
    for n, other in enumerate(people[3:]):
        for project in (projects[n % PROJECTS], projects[(n + 7) % PROJECTS]):
            grants.grant(other, roles.codename(roles.ANNOTATOR), project)
    grants.grant(some, roles.codename(roles.ANNOTATOR), projects[9])
    for clip in [clip for clip in rows[Clip] if clip.project_id == projects[9].pk][:60]:
        given = Assignment.objects.create(
            project=projects[9], clip=clip, person=some, kind="annotate"
        )
        grants.grant(some, "work_on", given)
    return {"none": people[0], "some": some, "all": every}


def _blank(model: type[Any], **fields: Any) -> Any:
    """A row with empty values where the model wants any."""
    row = model(**fields)
    for field in model._meta.concrete_fields:
        if field.name in fields or field.null or getattr(row, field.attname) not in (None, ""):
            continue
        kind = field.get_internal_type()
        if kind in ("PositiveIntegerField", "BigIntegerField", "IntegerField", "FloatField"):
            setattr(row, field.attname, 1)
        elif kind == "BinaryField":
            setattr(row, field.attname, b"")
        elif kind == "DateTimeField" and not (field.auto_now or field.auto_now_add):
            from django.utils import timezone

            setattr(row, field.attname, timezone.now())
        elif field.unique and kind == "CharField":
            setattr(row, field.attname, uuid.uuid4().hex[: field.max_length])
    return row


def _cpu_ms(work: Callable[[], Any], times: int = 15) -> float:
    """The least of several: what the work costs where nothing disturbs it."""
    best = float("inf")
    for _ in range(times):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best * 1000


def main() -> int:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db.models import Q
    from guardian.shortcuts import get_objects_for_user

    from apps.access import roles
    from apps.adjudication.models import Assignment
    from apps.library.listing import SHOWN, seen_by
    from apps.library.models import Clip
    from apps.projects.models import Project

    call_command("migrate", verbosity=0)
    people = _fill()

    # The same columns, order and page in each; only what filters differs.
    def page(clips: Any) -> list[Any]:
        return list(clips.only(*SHOWN).order_by("-created_at", "-pk")[:PAGE])

    plain = Clip._base_manager.order_by()

    def by_guardian(user: Any) -> Any:
        perms = [roles.codename(role) for role in (roles.PROJECT_LEAD, roles.DATA_STEWARD)]
        options = {"any_perm": True, "with_superuser": False, "use_groups": False}
        projects = get_objects_for_user(user, perms, Project, **options)
        given = get_objects_for_user(user, ["work_on"], Assignment, **options)
        return plain.filter(Q(project__in=projects) | Q(pk__in=given.values("clip_id"))).distinct()

    bare = _cpu_ms(lambda: page(plain))
    said, held = [f"unfiltered {bare:.2f} ms"], True
    for name, user in people.items():
        ours = _cpu_ms(lambda user=user: page(seen_by(user)))
        theirs = _cpu_ms(lambda user=user: page(by_guardian(user)), 5)
        said.append(f"{name} x{ours / bare:.1f}, {ours:.2f} ms ({ours / theirs:.2f} of guardian's)")
        held = held and ours <= MOST * bare and ours <= OF_GUARDIAN * theirs
    print("; ".join(said))
    return 0 if held else 1


if __name__ == "__main__":
    raise SystemExit(main())
