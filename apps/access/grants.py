"""Object grants: the only module that touches django-guardian.

Grants sit on Project, Assignment and Release, each with its own permission table by foreign key;
what lies below inherits by query. Being a superuser grants nothing. A grant that has an end is none
from that moment on: every question asked here leaves it out, in SQL.
"""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import timezone
from guardian.models import UserObjectPermissionBase
from guardian.utils import get_user_obj_perms_model

from apps.access.models import User
from apps.access.prepared import Given, Prepared


def _table(model: type[models.Model]) -> Any:
    return get_user_obj_perms_model(cast(Any, model))


def _permission(model: type[models.Model], codename: str) -> Permission:
    return Permission.objects.get(
        content_type=ContentType.objects.get_for_model(model), codename=codename
    )


def _ends(table: Any) -> bool:
    """Whether grants of this kind can have an end."""
    return any(field.name == "ends_at" for field in table._meta.fields)


def _live(model: type[models.Model], now: Any = None, **wanted: Any) -> Any:
    """Grants that hold now."""
    table = _table(model)
    rows = table.objects.filter(**wanted)
    if _ends(table):
        rows = rows.filter(models.Q(ends_at=None) | models.Q(ends_at__gt=now or timezone.now()))
    return rows


def grant(user: User, codename: str, obj: models.Model, **basis: Any) -> None:
    """Give ``user`` the permission on this one object. ``basis``: ``ends_at`` and what else the
    table says of why; without it the grant has no end, also where it had one. Raises
    Permission.DoesNotExist."""
    table = _table(type(obj))
    without = {"ends_at": None, "agreement": None} if _ends(table) else {}
    table.objects.update_or_create(
        user=user,
        permission=_permission(type(obj), codename),
        content_object=obj,
        defaults={**without, **basis},
    )


def revoke(user: User, codename: str, obj: models.Model) -> None:
    _table(type(obj)).objects.filter(
        user=user, permission__codename=codename, content_object=obj
    ).delete()


def granted_codenames(user: User, obj: models.Model) -> set[str]:
    """What ``user`` holds on this object, by codename."""
    if not user.is_active:
        return set()
    return set(_held_on(type(obj))(user=user.pk, object=obj.pk, now=timezone.now()))


_USER, _NOW = Given("user", User._meta.pk), Given("now", models.DateTimeField())


@cache
def _held_on(model: type[models.Model]) -> Prepared[str]:
    place = Given("object", model._meta.pk)

    def compose() -> Any:
        rows = _live(model, _NOW, user_id=_USER, content_object_id=place)
        return rows.values_list("permission__codename", flat=True)

    return Prepared(compose)


def held_anywhere(user: User, model: type[models.Model]) -> set[str]:
    """Every codename that ``user`` holds on any object of the model."""
    if not user.is_active:
        return set()
    rows = _live(model, user=user)
    return set(rows.values_list("permission__codename", flat=True).distinct())


def granted_to_given(codenames: list[str], model: type[models.Model]) -> Any:
    """:func:`granted_ids` as a part of a prepared query, which is then asked with ``user`` (the id
    of an active person) and ``now``."""
    rows = _live(model, _NOW, user_id=_USER, permission__codename__in=codenames)
    return rows.values("content_object_id")


def granted_ids(user: User, codenames: list[str], model: type[models.Model]) -> list[Any]:
    """Primary keys of the objects on which ``user`` holds any of the permissions. Read first and
    filtered by: a third of what guardian's own shortcut costs on long lists."""
    if not user.is_active:
        return []
    rows = _live(model, user=user, permission__codename__in=codenames)
    return list(rows.values_list("content_object_id", flat=True).distinct())


def rows_of(user: Any, codenames: list[str], model: type[models.Model]) -> Any:
    """The live grants themselves, for a query of which they are a part; in a prepared one ``user``
    is given with each asking, and so is the time where the model's grants end."""
    now = _NOW if isinstance(user, Given) and _ends(_table(model)) else None
    return _live(model, now, user=user, permission__codename__in=codenames)


@cache
def _all_held(model: type[models.Model]) -> Prepared[tuple[str, Any]]:
    columns = "permission__codename", "content_object_id"
    return Prepared(lambda: _live(model, _NOW, user_id=_USER).values_list(*columns))


def ids_by_codename(user: User, model: type[models.Model]) -> dict[str, set[Any]]:
    """Every object of the model on which ``user`` holds something, in one query."""
    held: dict[str, set[Any]] = {}
    if user.is_active:
        for codename, key in _all_held(model)(user=user.pk, now=timezone.now()):
            held.setdefault(codename, set()).add(key)
    return held


def holders(codename: str, obj: models.Model) -> list[User]:
    """Active people who hold the permission on this object, by user name."""
    rows = _live(type(obj), permission__codename=codename, content_object=obj)
    return list(User.objects.filter(pk__in=rows.values_list("user_id", flat=True), is_active=True))


def live_rows(model: type[models.Model]) -> Any:
    """Every grant on any object of the model that holds now, as (user's id, object's id,
    codename)."""
    rows = _live(model).order_by("permission__codename")
    return rows.values_list("user_id", "content_object_id", "permission__codename")


def rows_on(obj: models.Model) -> Any:
    """Every grant on this object, also those that have ended, with person and permission."""
    rows = _table(type(obj)).objects.filter(content_object=obj)
    return rows.select_related("user", "permission").order_by("user__username", "permission_id")


def end_all(user: User) -> int:
    """Take every grant that ``user`` holds on anything; returns how many there were."""
    tables = UserObjectPermissionBase.__subclasses__()
    return sum(
        table._base_manager.filter(user=user).delete()[0]
        for table in tables
        if not table._meta.abstract
    )
