"""Addresses of this room."""

from django.urls import path

from apps.intake import views
from apps.intake.pacs import rule_views as rules
from apps.intake.pacs import views as pacs

urlpatterns = [
    path("quarantine/", views.quarantine, name="quarantine"),
    path("quarantine/search/", views.search, name="quarantine-search"),
    path("quarantine/bulk/", views.bulk, name="quarantine-bulk"),
    path("quarantine/<uuid:received_id>/reject/", views.reject, name="quarantine-reject"),
    path("quarantine/<uuid:received_id>/retry/", views.retry, name="quarantine-retry"),
    path("node/", views.node, name="node"),
    path("node/echo/", views.echo, name="node-echo"),
    path("node/peers/", pacs.remote_nodes, name="remote-nodes"),
    path("node/peers/add/", pacs.add_node, name="remote-node-add"),
    path("node/peers/<uuid:node_id>/", pacs.change_node, name="remote-node"),
    path("node/peers/<uuid:node_id>/remove/", pacs.remove_node, name="remote-node-remove"),
    path("node/peers/<uuid:node_id>/echo/", pacs.echo_node, name="remote-node-echo"),
    path("node/peers/<uuid:node_id>/test-store/", pacs.test_store_node, name="remote-node-test"),
    path("node/commitment/", pacs.switch_commitment, name="node-commitment"),
    path("node/routing/", rules.listing, name="routing"),
    path("node/routing/add/", rules.add, name="routing-add"),
    path("node/routing/<uuid:rule_id>/", rules.change, name="routing-rule"),
    path("node/routing/<uuid:rule_id>/try/", rules.try_rule, name="routing-try"),
    path("node/routing/<uuid:rule_id>/switch/", rules.switch, name="routing-switch"),
    path("node/routing/<uuid:rule_id>/remove/", rules.remove, name="routing-remove"),
    path("pacs/", pacs.pacs, name="pacs"),
    path("pacs/query/", pacs.query, name="pacs-query"),
    path("pacs/pull/", pacs.pull, name="pacs-pull"),
    path("pacs/pulls/<uuid:pull_id>/cancel/", pacs.cancel_pull, name="pacs-pull-cancel"),
    path("pacs/pulls/<uuid:pull_id>/resume/", pacs.resume_pull, name="pacs-pull-resume"),
]
