"""Roles: what a person may be. Held on a project by grant, or for the whole system by the user."""

from __future__ import annotations

from apps.access.domain.policy import ANYONE as ANYONE

ANNOTATOR = "annotator"
ADJUDICATOR = "adjudicator"
PROJECT_LEAD = "project_lead"
DATA_STEWARD = "data_steward"
COMPLIANCE_OFFICER = "compliance_officer"
RESEARCHER = "researcher"
PACS_ADMINISTRATOR = "pacs_administrator"
ADMINISTRATOR = "administrator"
SERVICE = "service"
# A machine that may store into a project over DICOMweb, and nothing else.
SENDER = "sender"

PROJECT_ROLES = (
    ANNOTATOR,
    ADJUDICATOR,
    PROJECT_LEAD,
    DATA_STEWARD,
    COMPLIANCE_OFFICER,
    RESEARCHER,
)
# What can be granted on a project; a sender sees nothing of it.
GRANTED_ROLES = (*PROJECT_ROLES, SENDER)
# Held for a while by who broke the glass (apps/projects/emergency.py); given in no other way.
EMERGENCY = "emergency"
SYSTEM_ROLES = (COMPLIANCE_OFFICER, PACS_ADMINISTRATOR, ADMINISTRATOR)


def codename(role: str) -> str:
    """The permission on Project that stands for a role in it."""
    return f"role_{role}"
