"""Why an instance is refused: codes with one sentence and one remedy each, never a value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Reason codes of a refusal; stable, stored in the trail and shown to the steward."""

    NOT_DICOM = "not_dicom"
    UNPARSABLE = "unparsable"
    TRAILING_BYTES = "trailing_bytes"
    TRANSFER_SYNTAX_UNKNOWN = "transfer_syntax_unknown"
    TRANSFER_SYNTAX_MISMATCH = "transfer_syntax_mismatch"
    STREAM_TRUNCATED = "stream_truncated"
    DECODE_FAILED = "decode_failed"
    SECOND_VIDEO_STREAM = "second_video_stream"
    ENCRYPTED_MEDIA = "encrypted_media"
    VIDEO_TOO_LARGE = "video_too_large"
    ENCRYPTED_ATTRIBUTES = "encrypted_attributes"
    UNSUPPORTED_IOD = "unsupported_iod"
    ENCAPSULATED_DOCUMENT = "encapsulated_document"
    PRIVATE_SOP_CLASS = "private_sop_class"
    ILLEGAL_GROUP = "illegal_group"
    CHARSET_UNDECODABLE = "charset_undecodable"
    IDENTIFIER_LEFT_IN_TAG = "identifier_left_in_tag"
    IDENTIFIER_LEFT_IN_STREAM = "identifier_left_in_stream"
    IDENTIFIER_LEFT_IN_FRAME = "identifier_left_in_frame"
    DEVICE_MASK_MISSING = "device_mask_missing"
    BURNED_IN_UNREVIEWED = "burned_in_unreviewed"
    REVIEW_REFUSED = "review_refused"
    UID_CLASH = "uid_clash"
    CORRECTION = "correction"
    REJECTION_NOTE = "rejection_note"
    PATIENT_CHANGED = "patient_changed"
    DEMOGRAPHICS_CHANGED = "demographics_changed"


@dataclass(frozen=True)
class ReasonText:
    """What a person reads: one sentence, one remedy."""

    sentence: str
    remedy: str


REASON_TEXTS: dict[Reason, ReasonText] = {
    Reason.NOT_DICOM: ReasonText(
        "The file is not a DICOM file.",
        "Send DICOM Part 10 files, or a plain video through the video intake.",
    ),
    Reason.UNPARSABLE: ReasonText(
        "The data set cannot be read to its end.",
        "Send the instance again from its source; it may have been cut on the way.",
    ),
    Reason.TRAILING_BYTES: ReasonText(
        "There are bytes behind the end of the data set.",
        "Export the instance again; bytes outside the data set cannot be checked.",
    ),
    Reason.TRANSFER_SYNTAX_UNKNOWN: ReasonText(
        "The transfer syntax is unknown or missing.",
        "Send the instance in a transfer syntax of the DICOM standard.",
    ),
    Reason.TRANSFER_SYNTAX_MISMATCH: ReasonText(
        "The pixel stream is not what the transfer syntax says.",
        "Correct the export; the stream and its transfer syntax must agree.",
    ),
    Reason.STREAM_TRUNCATED: ReasonText(
        "The pixel stream ends early.", "Send the instance again, whole."
    ),
    Reason.DECODE_FAILED: ReasonText(
        "The pictures cannot be decoded, so they cannot be checked.",
        "Send the instance again, or in another transfer syntax.",
    ),
    Reason.SECOND_VIDEO_STREAM: ReasonText(
        "The instance holds a second video stream.",
        "Send each video as an instance of its own.",
    ),
    Reason.ENCRYPTED_MEDIA: ReasonText(
        "The video stream is encrypted.", "Send the video without encryption of its samples."
    ),
    Reason.VIDEO_TOO_LARGE: ReasonText(
        "The video is larger or faster than any DICOM video syntax holds (HEVC level 5.1).",
        "Record or export it at 4096 x 2176 and 60 pictures a second at most.",
    ),
    Reason.ENCRYPTED_ATTRIBUTES: ReasonText(
        "The data set holds encrypted attributes, which nobody here can check.",
        "Have the sender leave out the Encrypted Attributes Sequence.",
    ),
    Reason.UNSUPPORTED_IOD: ReasonText(
        "This kind of object is not supported.",
        "Send images, videos, reports, key object notes or presentation states.",
    ),
    Reason.ENCAPSULATED_DOCUMENT: ReasonText(
        "The instance wraps a document, whose text cannot be cleaned.",
        "Leave encapsulated documents out of what is sent.",
    ),
    Reason.PRIVATE_SOP_CLASS: ReasonText(
        "The SOP class is private to a vendor.",
        "Have the sender export a standard SOP class.",
    ),
    Reason.ILLEGAL_GROUP: ReasonText(
        "The data set holds a group that no data set may hold.",
        "Export the instance again with a conformant tool.",
    ),
    Reason.CHARSET_UNDECODABLE: ReasonText(
        "A text cannot be decoded with the character set that the instance names.",
        "Correct Specific Character Set (0008,0005) at the source.",
    ),
    Reason.IDENTIFIER_LEFT_IN_TAG: ReasonText(
        "An identifier was found in an attribute of the result.",
        "Make the profile's rule for that attribute stricter, then run again.",
    ),
    Reason.IDENTIFIER_LEFT_IN_STREAM: ReasonText(
        "An identifier was found in the bytes of the pixel stream.",
        "Have the stream encoded again, then run again.",
    ),
    Reason.IDENTIFIER_LEFT_IN_FRAME: ReasonText(
        "Text was found in a picture outside the parts that were kept.",
        "Add a box over it in pixel review.",
    ),
    Reason.DEVICE_MASK_MISSING: ReasonText(
        "The profile asks for a mask of this device, and there is none.",
        "Draw and save a mask for this device and picture size.",
    ),
    Reason.BURNED_IN_UNREVIEWED: ReasonText(
        "The instance says that its pictures bear text, and nobody has looked.",
        "Clear the instance in pixel review.",
    ),
    Reason.REVIEW_REFUSED: ReasonText(
        "The reviewer refused the instance.", "See the reviewer's note; send another export."
    ),
    Reason.CORRECTION: ReasonText(
        "The archive has corrected or rejected it since.",
        "See Corrections: what it touches, and keep or withdraw it there.",
    ),
    Reason.REJECTION_NOTE: ReasonText(
        "It is the archive's note that rejects other instances.",
        "See Corrections: what it touches, and keep or withdraw that.",
    ),
    Reason.PATIENT_CHANGED: ReasonText(
        "The same instance came again under another patient.",
        "See Corrections: which of the two is right is known at the archive.",
    ),
    Reason.DEMOGRAPHICS_CHANGED: ReasonText(
        "The same instance came again with other data of the patient.",
        "See Corrections: which of the two is right is known at the archive.",
    ),
    Reason.UID_CLASH: ReasonText(
        "Another instance with the same SOP Instance UID and other bytes is held already.",
        "Find out which one is right; then remove the other.",
    ),
}


class Refused(Exception):
    """An instance cannot be de-identified.

    Attributes: `reason` (a `Reason`) and `place`, a tag path or a stream part, never a value.
    """

    def __init__(self, reason: Reason, place: str = "") -> None:
        self.reason = reason
        self.place = place
        text = REASON_TEXTS[reason]
        at = f" ({place})" if place else ""
        super().__init__(f"{reason}{at}: {text.sentence} {text.remedy}")
