"""Verbs on ontologies: draft, publish. A published version never changes."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from apps.access import roles
from apps.access.actor import Actor
from apps.access.errors import Refused
from apps.access.verb import event, verb
from apps.ontology.domain import definition as definitions
from apps.ontology.models import OntologyVersion
from apps.projects.models import Project

_AUTHORS = {roles.PROJECT_LEAD, roles.SERVICE}


@verb("ontology.draft", roles=_AUTHORS)
def draft_version(actor: Actor, project: Project, *, definition: dict[str, Any]) -> OntologyVersion:
    """Draft the next version of an ontology; its number is given here."""
    slug = str(definition.get("slug", ""))
    last = project.ontologies.filter(slug=slug).order_by("-number").first()
    numbered = {**definition, "version": last.number + 1 if last else 1}
    try:
        definitions.validate(numbered)
    except definitions.InvalidDefinition as error:
        raise Refused("invalid_ontology", str(error), "Mend it and try again.") from None
    version = OntologyVersion.objects.create(
        project=project,
        slug=slug,
        number=numbered["version"],
        definition=numbered,
        digest=definitions.digest(numbered),
    )
    event(actor, version, public={"slug": slug, "number": version.number, "digest": version.digest})
    return version


@verb("ontology.publish", roles=_AUTHORS, states=(OntologyVersion.State.DRAFT,))
def publish_version(actor: Actor, version: OntologyVersion) -> OntologyVersion:
    """Publish a draft; from now on label sets may name it and it never changes."""
    version.state = OntologyVersion.State.PUBLISHED
    version.published_at = timezone.now()
    version.save(update_fields=["state", "published_at"])
    event(actor, version, public={"digest": version.digest})
    return version


def current(project: Project) -> OntologyVersion | None:
    """The newest published version that a new label set of the project starts on."""
    return (
        project.ontologies.filter(state=OntologyVersion.State.PUBLISHED)
        .order_by("-published_at")
        .first()
    )
