"""What a signature on a consensus says and binds, and whether one that was given still holds."""

from __future__ import annotations

from typing import Any

from apps.access import signing
from apps.access.models import User
from apps.adjudication import signatures
from apps.adjudication.domain import watching
from apps.adjudication.models import Adjudication
from apps.annotation import store
from apps.annotation.domain.expand import expanded_digest
from apps.annotation.models import LabelSet
from apps.library.models import WatchedSpan

MEANING = (
    "I have reviewed both annotators' labels of this clip, decided every difference, "
    "and approve this consensus as the reference."
)
MEANING_OF_SEVERAL = MEANING.replace("both annotators'", "all annotators'")
MEANING_OF_REVIEW = (
    "I have reviewed the annotator's labels of this clip, corrected what I would label otherwise, "
    "and approve the result as the reference."
)


def bound(adjudication: Adjudication, label_set: LabelSet) -> dict[str, Any]:
    """What a signature binds beside the digest of the labels."""
    return {
        "label_set": str(label_set.pk),
        "revision": label_set.revision,
        "clip": str(adjudication.clip_id),
        "media_sha256": adjudication.clip.media_sha256,
        "ontology": label_set.ontology.digest,
        "interpolator": label_set.interpolator,
    }


def signature_holds(adjudication: Adjudication) -> bool:
    """Whether the signature is one of this server, of this adjudication, and over its clip, its
    consensus and that label set's content as they stand in the database now."""
    signature, label_set = adjudication.signature, adjudication.consensus
    return (
        signature is not None
        and label_set is not None
        and signatures.is_valid(signature)
        and (signature.object_type, signature.object_id)
        == (adjudication._meta.model_name, str(adjudication.pk))
        and signing.released_facts(signature)["facts"] == bound(adjudication, label_set)
    )


def unseen_by(adjudication: Adjudication, user: User) -> list[dict[str, Any]]:
    """Objects of the consensus on frames that this person's browser never showed."""
    assert adjudication.consensus is not None
    shown = WatchedSpan.objects.filter(clip=adjudication.clip, user=user)
    spans = shown.values_list("start_frame", "end_frame").distinct()
    return watching.unseen(store.load(adjudication.consensus), str(adjudication.clip_id), spans)


def content_digest(label_set: LabelSet) -> str:
    """Digest of the expanded geometry of every frame: exactly what is signed."""
    return expanded_digest(
        store.load(label_set), label_set.ontology.definition, store.clip_sizes(label_set)
    )


def said_of(adjudication: Adjudication, label_set: LabelSet) -> dict[str, Any]:
    """What a signature on the consensus as it stands says: meaning, digest, facts."""
    return {
        "meaning": meaning_of(adjudication),
        "digest": content_digest(label_set),
        "facts": bound(adjudication, label_set),
    }


def meaning_of(adjudication: Adjudication) -> str:
    """What signing it means, in words."""
    if adjudication.is_review:
        return MEANING_OF_REVIEW
    return MEANING if len(adjudication.sides()) == 2 else MEANING_OF_SEVERAL
