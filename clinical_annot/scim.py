"""People for a directory (SCIM 2.0, RFC 7644): who is here, and closing their access.

People come by the site's provider on their first sign-in or are added by an administrator, so
nobody is made here. A token of an administrator's service account with the scope "people" asks.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import JSONParser
from rest_framework.response import Response

from apps.access import people, roles
from apps.access.actor import system_roles
from apps.access.doors import ApiView, actor_of, body_of
from apps.access.errors import NotFound, Refused
from apps.access.models import User
from clinical_annot.parsing import StrictJsonParser

_CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_CONFIG = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
_MOST = 200
_BY_NAME = re.compile(r'\s*userName\s+eq\s+"([^"]*)"\s*', re.I)
_ANSWERS = {status: OpenApiTypes.OBJECT for status in (200, 400, 401, 403, 404)}


class ScimParser(StrictJsonParser):
    media_type = "application/scim+json"


class _ScimView(ApiView):
    scope = "people"
    parser_classes: list[type[JSONParser]] = [ScimParser, StrictJsonParser]

    def people(self, request: Any) -> Any:
        """Raises NotFound for anybody but an administrator."""
        if roles.ADMINISTRATOR not in system_roles(request.user):
            raise NotFound
        return User.objects.filter(is_service=False).order_by("username")

    def person(self, request: Any, user_id: uuid.UUID) -> User:
        found: User | None = self.people(request).filter(pk=user_id).first()
        if found is None:
            raise NotFound
        return found


def as_scim(user: User) -> dict[str, Any]:
    """A person as SCIM's core schema has them."""
    return {
        "schemas": [_CORE],
        "id": str(user.pk),
        "userName": user.username,
        "displayName": user.display_name,
        "active": user.is_active,
        "meta": {
            "resourceType": "User",
            "created": user.date_joined.isoformat(),
            "location": reverse("scim-user", args=[user.pk]),
        },
    }


def _number(text: str | None, default: int) -> int:
    """A count of a query (RFC 7644 section 3.4.2.4): below 0 is 0. Raises Refused."""
    if text is None:
        return default
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise Refused("invalidValue", "startIndex or count is no number.", "Give a number.")
    return max(int(text), 0)


class UsersView(_ScimView):
    @extend_schema(
        operation_id="scim_users_list",
        parameters=[
            OpenApiParameter("filter", str, description='only `userName eq "name"`'),
            OpenApiParameter("startIndex", int),
            OpenApiParameter("count", int),
        ],
        responses=_ANSWERS,
    )
    def get(self, request: Any) -> Response:
        """People, by user name; service accounts are none."""
        found = self.people(request)
        asked = request.query_params.get("filter")
        if asked is not None:
            match = _BY_NAME.fullmatch(asked)
            if match is None:
                raise Refused(
                    "invalidFilter", "This filter is not known.", 'Use userName eq "name".'
                )
            found = found.filter(username__iexact=match[1])
        start = max(_number(request.query_params.get("startIndex"), 1), 1)
        count = min(_number(request.query_params.get("count"), _MOST), _MOST)
        rows = [as_scim(one) for one in found[start - 1 : start - 1 + count]]
        return Response(
            {
                "schemas": [_LIST],
                "totalResults": found.count(),
                "startIndex": start,
                "itemsPerPage": len(rows),
                "Resources": rows,
            }
        )


class UserView(_ScimView):
    @extend_schema(responses=_ANSWERS)
    def get(self, request: Any, user_id: uuid.UUID) -> Response:
        """One person."""
        return Response(as_scim(self.person(request, user_id)))

    @extend_schema(request=OpenApiTypes.OBJECT, responses=_ANSWERS)
    def patch(self, request: Any, user_id: uuid.UUID) -> Response:
        """Set `active`: false ends sessions, tokens and every role; true opens the account again,
        without any."""
        user = self.person(request, user_id)
        wanted = _active(body_of(request))
        if wanted is not user.is_active:
            change = people.switch_on if wanted else people.deprovision
            user = change(actor_of(request), user)
        return Response(as_scim(user))

    @extend_schema(responses={204: None, **_ANSWERS})
    def delete(self, request: Any, user_id: uuid.UUID) -> Response:
        """End everything that a person holds; what they did stays theirs, so the account stays."""
        people.deprovision(actor_of(request), self.person(request, user_id))
        return Response(status=204)


def _active(body: dict[str, Any]) -> bool:
    """What a PatchOp says of ``active`` (RFC 7644 section 3.5.2; some directories send the value as
    text, or an object without a path). Raises Refused for any other change."""
    operations = body.get("Operations")
    said: list[Any] = []
    for one in operations if isinstance(operations, list) else []:
        if not isinstance(one, dict) or str(one.get("op", "")).lower() not in ("replace", "add"):
            break
        value = one.get("value")
        if one.get("path") == "active":
            said.append(value)
        elif "path" not in one and isinstance(value, dict) and set(value) == {"active"}:
            said.append(value["active"])
        else:
            break
    else:
        words = [str(value).lower() for value in said]
        if words and set(words) <= {"true", "false"}:
            return words[-1] == "true"
    raise Refused(
        "invalidValue",
        "Only `active` can be changed here.",
        "Send one operation: replace, path active, value true or false.",
        field="Operations",
    )


class ConfigView(ApiView):
    scope = "people"

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Any) -> Response:
        """What of SCIM is here (RFC 7643 section 5)."""
        no = {"supported": False}
        return Response(
            {
                "schemas": [_CONFIG],
                "patch": {"supported": True},
                "bulk": {**no, "maxOperations": 0, "maxPayloadSize": 0},
                "filter": {"supported": True, "maxResults": _MOST},
                "changePassword": no,
                "sort": no,
                "etag": no,
                "authenticationSchemes": [
                    {"type": "oauthbearertoken", "name": "Bearer", "description": "An API token"}
                ],
            }
        )
