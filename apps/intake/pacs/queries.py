"""Reads of remote nodes and pulls, filtered for a person; the sealed pick of an answer."""

from __future__ import annotations

import base64
import json
import time
import uuid
from dataclasses import asdict
from typing import Any

from django.db.models import Count, QuerySet

from apps.access import roles
from apps.access.actor import system_roles
from apps.access.errors import NotFound, Refused
from apps.access.models import User
from apps.intake.models import ReceivedInstance
from apps.intake.pacs.asking import Found
from apps.intake.pacs.models import Pull, RemoteNode, RoutingRule
from apps.jobs.models import Job
from apps.keys import keyring
from apps.projects.models import Project
from apps.projects.queries import project_ids, projects_for
from apps.vault.domain.sealed import SealBrokenError

PICK_S = 3600
_PICK = "pacs-pick"


def remote_nodes_for(user: User) -> QuerySet[RemoteNode]:
    """Raises NotFound for anyone but a PACS administrator."""
    if roles.PACS_ADMINISTRATOR not in system_roles(user):
        raise NotFound
    return RemoteNode.objects.filter(removed_at=None)


def remote_node_for(user: User, node_id: uuid.UUID) -> RemoteNode:
    found = remote_nodes_for(user).filter(pk=node_id).first()
    if found is None:
        raise NotFound
    return found


def rules_for(user: User) -> QuerySet[RoutingRule]:
    """Raises NotFound for anyone but a PACS administrator."""
    remote_nodes_for(user)
    return RoutingRule.objects.select_related("project")


def rule_for(user: User, rule_id: uuid.UUID) -> RoutingRule:
    found = rules_for(user).filter(pk=rule_id).first()
    if found is None:
        raise NotFound
    return found


def steward_projects(user: User) -> QuerySet[Project]:
    """The projects into which this person may pull. Raises NotFound when there are none."""
    found = projects_for(user, roles.DATA_STEWARD)
    if not found.exists():
        raise NotFound
    return found


def queryable_nodes(user: User) -> QuerySet[RemoteNode]:
    """What a data steward may query. Raises NotFound for anyone else."""
    steward_projects(user)
    return RemoteNode.objects.filter(removed_at=None, may_be_queried=True)


def pulls_for(user: User) -> QuerySet[Pull]:
    """The pulls of the steward's projects; no identifier is in them."""
    return Pull.objects.filter(project_id__in=project_ids(user, roles.DATA_STEWARD)).select_related(
        "project", "node", "requested_by"
    )


def pull_for(user: User, pull_id: uuid.UUID) -> Pull:
    found = pulls_for(user).filter(pk=pull_id).first()
    if found is None:
        raise NotFound
    return found


def pull_rows(pulls: list[Pull]) -> list[dict[str, Any]]:
    """Each pull with its job's progress and how far its study is through the rooms."""
    live = Job.objects.filter(
        object_id__in=[str(pull.pk) for pull in pulls], state__in=["running", "queued"]
    )
    jobs = {job.object_id: job for job in live}
    rooms: dict[tuple[Any, bytes], dict[Any, int]] = {}
    counted = (
        ReceivedInstance.objects.filter(study_digest__in=[bytes(p.study_digest) for p in pulls])
        .order_by()
        .values_list("project_id", "study_digest", "state")
        .annotate(n=Count("pk"))
    )
    for project_id, digest, state, n in counted:
        rooms.setdefault((project_id, bytes(digest)), {})[ReceivedInstance.State(state).label] = n
    return [
        {
            "pull": pull,
            "job": jobs.get(str(pull.pk)),
            "rooms": rooms.get((pull.project_id, bytes(pull.study_digest)), {}),
            "can_cancel": pull.state in (Pull.State.QUEUED, Pull.State.RUNNING),
            "can_resume": pull.state
            in (Pull.State.CANCELLED, Pull.State.FAILED, Pull.State.INCOMPLETE),
        }
        for pull in pulls
    ]


def pick_of(user: User, node: RemoteNode, found: Found) -> str:
    """An answer as the form sends it back: sealed, for this person and an hour."""
    content = {"found": asdict(found), "user": str(user.pk), "node": str(node.pk)}
    value = json.dumps({**content, "until": time.time() + PICK_S}).encode()
    return base64.urlsafe_b64encode(keyring.seal_for(None, value, _PICK)).decode()


def open_pick(user: User, pick: str) -> tuple[RemoteNode, Found]:
    """What was picked. Raises Refused when it is another person's, too old or altered."""
    try:
        value = json.loads(keyring.unseal_for(None, base64.urlsafe_b64decode(pick.encode()), _PICK))
        is_fit = value["user"] == str(user.pk) and value["until"] > time.time()
    except (ValueError, KeyError, SealBrokenError):
        is_fit = False
    node = queryable_nodes(user).filter(pk=value["node"]).first() if is_fit else None
    if node is None:
        raise Refused("stale_answer", "This answer can no longer be picked.", "Query again.")
    return node, Found(**value["found"])
