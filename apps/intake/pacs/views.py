"""Pages: remote nodes for the PACS administrator; query and pull for the data steward."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.access.doors import actor_of, uuid_of
from apps.access.errors import NotFound, Refused
from apps.intake.domain.peer_reasons import words
from apps.intake.domain.study_query import UnfitCriterion, criteria
from apps.intake.pacs import asking, committing, queries, services
from apps.intake.pacs.client import PeerError
from apps.intake.pacs.models import RemoteNode
from apps.projects.models import Project

_FIELDS = ("name", "host", "port", "ae_title", "uses_tls", "ca_certificate", "may_be_queried",
           "retrieval")  # fmt: skip
_PULLS_SHOWN = 50


@require_GET
@login_required
def remote_nodes(request: HttpRequest) -> HttpResponse:
    """The remote nodes, each with its newest check."""
    return _nodes(request)


def _nodes(request: HttpRequest, refusal: Refused | None = None, status: int = 200) -> HttpResponse:
    user: Any = request.user
    context = {
        "nodes": queries.remote_nodes_for(user),
        "ways": RemoteNode.Retrieval.choices,
        "refusal": refusal,
        "values": request.POST if refusal else {"port": 104, "may_be_queried": True},
    }
    return render(request, "intake/remote_nodes.html", context, status=status)


def _values(request: HttpRequest) -> dict[str, Any]:
    return {name: request.POST.get(name, "") for name in _FIELDS}


@require_POST
@login_required
def add_node(request: HttpRequest) -> HttpResponse:
    """Enter a remote node; what does not fit is said beside the form, which keeps its values."""
    queries.remote_nodes_for(request.user)  # type: ignore[arg-type]
    try:
        services.add_node(actor_of(request), None, **_values(request))
    except Refused as refusal:
        return _nodes(request, refusal, refusal.status)
    messages.success(request, _("Added. Try it with Echo."))
    return redirect("remote-nodes")


@require_http_methods(["GET", "POST"])
@login_required
def change_node(request: HttpRequest, node_id: uuid.UUID) -> HttpResponse:
    """The form of one remote node, then the change."""
    node = queries.remote_node_for(request.user, node_id)  # type: ignore[arg-type]
    refusal: Refused | None = None
    if request.method == "POST":
        try:
            services.change_node(actor_of(request), node, **_values(request))
        except Refused as refused:
            refusal = refused
        else:
            messages.success(request, _("Changed."))
            return redirect("remote-nodes")
    values = request.POST if refusal else {name: getattr(node, name) for name in _FIELDS}
    return render(
        request,
        "intake/remote_node.html",
        {
            "node": node,
            "values": values,
            "refusal": refusal,
            "ways": RemoteNode.Retrieval.choices,
        },
        status=refusal.status if refusal else 200,
    )


@require_POST
@login_required
def remove_node(request: HttpRequest, node_id: uuid.UUID) -> HttpResponse:
    node = queries.remote_node_for(request.user, node_id)  # type: ignore[arg-type]
    services.remove_node(actor_of(request), node)
    messages.success(request, _("Removed."))
    return redirect("remote-nodes")


@require_POST
@login_required
def echo_node(request: HttpRequest, node_id: uuid.UUID) -> HttpResponse:
    """C-ECHO to a remote node."""
    return _check(request, node_id, "echo")


@require_POST
@login_required
def test_store_node(request: HttpRequest, node_id: uuid.UUID) -> HttpResponse:
    """C-STORE of a harmless generated instance to a remote node."""
    return _check(request, node_id, "test_store")


def _check(request: HttpRequest, node_id: uuid.UUID, what: str) -> HttpResponse:
    node = queries.remote_node_for(request.user, node_id)  # type: ignore[arg-type]
    ask = asking.echo if what == "echo" else asking.test_store
    reason, duration_ms = asking.timed(ask, node)
    services.note_check(actor_of(request), node, what=what, reason=reason, duration_ms=duration_ms)
    if reason:
        messages.error(request, f"{node.name}: {' '.join(words(reason))}")
    else:
        messages.success(
            request,
            _("%(name)s answered with success in %(ms)d ms.")
            % {"name": node.name, "ms": duration_ms},
        )
    return redirect("remote-nodes")


@require_GET
@login_required
def pacs(request: HttpRequest) -> HttpResponse:
    """The query form and the pulls so far; the list renews itself."""
    user: Any = request.user
    context = _pacs_context(user)
    template = "intake/_pulls.html" if request.headers.get("HX-Request") else "intake/pacs.html"
    return render(request, template, {**context, "values": {}})


def _pacs_context(user: Any) -> dict[str, Any]:
    projects = queries.steward_projects(user)
    pulls = list(queries.pulls_for(user)[:_PULLS_SHOWN])
    return {
        "projects": projects,
        "nodes": queries.queryable_nodes(user),
        "pulls": queries.pull_rows(pulls),
    }


@require_POST
@login_required
@never_cache
def query(request: HttpRequest) -> HttpResponse:
    """Ask a PACS for studies. Its answers identify, so they are shown in the answer of this POST
    alone, and no cache keeps it."""
    user: Any = request.user
    context = _pacs_context(user)
    node = context["nodes"].filter(pk=uuid_of(request.POST.get("node"))).first()
    project = context["projects"].filter(slug=request.POST.get("project", "")).first()
    if node is None or project is None:
        raise NotFound
    context |= {"values": request.POST, "node": node, "project": project}
    try:
        asked = criteria({name: str(value) for name, value in request.POST.items()})
    except UnfitCriterion as unfit:
        refusal = Refused("criterion", unfit.message, unfit.remedy, field=unfit.field)
        return render(request, "intake/pacs.html", {**context, "refusal": refusal}, status=400)
    actor = actor_of(request)
    services.ask_node(actor, project, node, criteria=asked)
    try:
        found, has_more = asking.find_studies(node, asked)
    except PeerError as error:
        services.note_answers(actor, project, node, count=0, reason=error.reason)
        refusal = Refused(error.reason, *words(error.reason))
        return render(request, "intake/pacs.html", {**context, "refusal": refusal}, status=502)
    services.note_answers(actor, project, node, count=len(found))
    answers = [{"study": one, "pick": queries.pick_of(user, node, one)} for one in found]
    context |= {"answers": answers, "has_more": has_more, "has_asked": True}
    return render(request, "intake/pacs.html", context)


@require_POST
@login_required
def pull(request: HttpRequest) -> HttpResponse:
    """Pull the picked study in the background."""
    user: Any = request.user
    projects = queries.steward_projects(user)
    project = projects.filter(slug=request.POST.get("project", "")).first()
    if project is None:
        raise NotFound
    node, found = queries.open_pick(user, request.POST.get("pick", ""))
    services.start_pull(
        actor_of(request),
        project,
        node,
        study_instance_uid=found.study_instance_uid,
        patient_id=found.patient_id,
        issuer=found.issuer,
        modality=found.modality,
    )
    messages.success(request, _("It is being pulled; the list shows how far it is."))
    return redirect("pacs")


@require_POST
@login_required
def cancel_pull(request: HttpRequest, pull_id: uuid.UUID) -> HttpResponse:
    row = queries.pull_for(request.user, pull_id)  # type: ignore[arg-type]
    services.cancel_pull(actor_of(request), row)
    messages.success(request, _("Cancelled; what has come stays."))
    return redirect("pacs")


@require_POST
@login_required
def resume_pull(request: HttpRequest, pull_id: uuid.UUID) -> HttpResponse:
    row = queries.pull_for(request.user, pull_id)  # type: ignore[arg-type]
    services.resume_pull(actor_of(request), row)
    messages.success(request, _("It goes on where it stopped."))
    return redirect("pacs")


@require_POST
@login_required
def switch_commitment(request: HttpRequest) -> HttpResponse:
    """Storage commitment of a project, on or off."""
    queries.remote_nodes_for(request.user)  # type: ignore[arg-type]
    project = Project.objects.filter(slug=request.POST.get("project", "")).first()
    if project is None:
        raise NotFound
    is_wanted = request.POST.get("on") == "1"
    committing.switch(actor_of(request), project, is_wanted=is_wanted)
    messages.success(
        request, _("Storage commitment is on.") if is_wanted else _("Storage commitment is off.")
    )
    return redirect("node")
