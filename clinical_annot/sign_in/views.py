"""Pages of signing in that differ from django-allauth's."""

from __future__ import annotations

from typing import Any

from allauth.account.views import LoginView, LogoutView
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.access.errors import NotFound
from clinical_annot.sign_in.adapters import provider_addresses
from clinical_annot.sign_in.events import note


class SignInView(LoginView):  # type: ignore[misc]
    """User name and password; then the second factor of who has one."""

    template_name = "account/login.html"

    def get_form_kwargs(self) -> dict[str, Any]:
        kwargs: dict[str, Any] = super().get_form_kwargs()
        if "data" in kwargs:
            data = kwargs["data"].copy()
            # Scripts and password stores know the field by the name it had before allauth.
            data["login"] = data.get("username", data.get("login", ""))
            kwargs["data"] = data
        return kwargs

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        errors = context["form"].non_field_errors().as_data() if context["form"].is_bound else []
        is_locked = any(error.code == "too_many_login_attempts" for error in errors)
        return {**context, "providers": provider_addresses(), "is_locked": is_locked}


@method_decorator(require_http_methods(["POST"]), name="dispatch")
class SignOutView(LogoutView):  # type: ignore[misc]
    pass


@require_http_methods(["GET", "POST"])
@login_required
def sessions(request: HttpRequest) -> HttpResponse:
    """Where one is signed in; each other session can be ended at once."""
    found = UserSession.objects.purge_and_list(request.user)  # type: ignore[arg-type]
    current = request.session.session_key
    if request.method == "POST":
        wanted = request.POST.get("session", "")
        ended = [
            one for one in found if one.session_key != current and wanted in ("all", str(one.pk))
        ]
        if not ended and wanted != "all":
            raise NotFound
        for one in ended:
            one.end()
        note("session.ended", request, request.user, n=len(ended))
        messages.success(request, _("Ended."))
        return redirect("usersessions_list")
    rows = [{"row": one, "is_current": one.session_key == current} for one in found]
    return render(request, "account/sessions.html", {"rows": rows})
