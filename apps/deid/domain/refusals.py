"""Why a stream is not taken: one code and one sentence, never a value from the stream."""

from __future__ import annotations


class StreamRefusal(Exception):
    """A stream that is refused. ``reason`` is a stable code, the message names the remedy.

    Codes: ``no_video``, ``two_video_streams``, ``stream_not_as_declared``, ``decode_failed``,
    ``truncated_stream``, ``encrypted_media``, ``cannot_copy_stream``
    (encode instead), ``frames_not_kept``, ``no_transfer_syntax``, ``detector_missing``,
    ``cancelled``.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
