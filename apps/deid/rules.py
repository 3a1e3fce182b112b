"""Which profile is in force: the product's own, or a version that a project saved."""

from __future__ import annotations

from apps.deid.domain.profile import BUILTIN, Profile, ProfileError, load_builtin, load_profile
from apps.deid.models import ProfileVersion
from apps.projects.models import Project

VERSION_OPTION = "profile_version"


def builtins() -> list[Profile]:
    """The profiles that ship with the product."""
    return [load_builtin(name) for name in BUILTIN]


def chosen(project: Project) -> Profile:
    """The profile that the project's new arrivals go by. Raises ProfileError."""
    return named(project, project.profile, project.options.get(VERSION_OPTION))


def named(project: Project, name: str, version: int | None = None) -> Profile:
    """A usable profile by name: one of the product's, or an approved version of the project's own
    (the newest where none is named). Raises ProfileError."""
    if name in BUILTIN:
        return load_builtin(name)
    rows = ProfileVersion.objects.filter(
        project=project, name=name, state=ProfileVersion.State.APPROVED
    )
    row = rows.filter(version=version).first() if version else rows.order_by("-version").first()
    if row is None:
        raise ProfileError("profile: no such approved profile; use basic, research or a saved one")
    return loaded(row)


def loaded(row: ProfileVersion) -> Profile:
    """A saved version, its text checked against its digest. Raises ProfileError."""
    profile = load_profile(row.text)
    if profile.sha256 != row.sha256:
        raise ProfileError("profile: not what was saved; save a new version")
    return profile


def begun_with(project: Project, name: str, version: int, sha256: str) -> Profile:
    """The profile that an instance was examined with; the project's present one where the product's
    own has changed since. Raises ProfileError."""
    row = ProfileVersion.objects.filter(
        project=project, name=name, version=version, sha256=sha256
    ).first()
    if row is not None:
        return loaded(row)
    return load_builtin(name) if name in BUILTIN else chosen(project)


def approver_of(project: Project, profile: Profile) -> str:
    """Pseudonym of who approved a profile that needed it; empty for any other."""
    row = (
        ProfileVersion.objects.filter(project=project, sha256=profile.sha256)
        .exclude(decided_by=None)
        .select_related("decided_by")
        .first()
    )
    return row.decided_by.pseudonym if row is not None and row.decided_by is not None else ""
