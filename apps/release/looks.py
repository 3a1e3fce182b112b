"""The verb that keeps how a clip looks, so that a leakage test decodes each clip once."""

from __future__ import annotations

from apps.access import roles
from apps.access.actor import Actor
from apps.access.verb import event, verb
from apps.library.models import Clip
from apps.release.models import ClipLook


@verb("release.look", roles={roles.SERVICE})
def store_look(actor: Actor, clip: Clip, *, bits: bytes) -> ClipLook:
    """Keep the perceptual digest of a clip's pictures, for the test of splits that leak."""
    look, _ = ClipLook.objects.get_or_create(clip=clip, defaults={"bits": bits})
    event(actor, clip, public={"pictures": len(look.bits) // 32})
    return look
