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
    UNSUPPORTED_SAMPLES = "unsupported_samples"
    ENCAPSULATED_DOCUMENT = "encapsulated_document"
    PRIVATE_SOP_CLASS = "private_sop_class"
    ILLEGAL_GROUP = "illegal_group"
    CHARSET_UNDECODABLE = "charset_undecodable"
    IDENTIFIER_LEFT_IN_TAG = "identifier_left_in_tag"
    IDENTIFIER_LEFT_IN_STREAM = "identifier_left_in_stream"
    IDENTIFIER_LEFT_IN_FRAME = "identifier_left_in_frame"
    DEVICE_MASK_MISSING = "device_mask_missing"
    DEVICE_UNSEEN = "device_unseen"
    PHANTOM_FAILED = "phantom_failed"
    SUBJECT_WITHDRAWN = "subject_withdrawn"
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
        "Remove the encrypted attributes and run again, or have the sender leave them out.",
    ),
    Reason.UNSUPPORTED_IOD: ReasonText(
        "This kind of object is not supported.",
        "Send images, videos, reports, key object notes or presentation states.",
    ),
    Reason.UNSUPPORTED_SAMPLES: ReasonText(
        "The pictures have samples, or a compression of them, that nothing here decodes.",
        "Have the sender export it uncompressed: greyscale of 1 to 64 bits or floating, colour of "
        "8 or 16 bits a sample. Reject this one when the other has come.",
    ),
    Reason.ENCAPSULATED_DOCUMENT: ReasonText(
        "The instance wraps a document, whose text cannot be cleaned.",
        "Remove the document and run again; an instance that is nothing else can only be rejected.",
    ),
    Reason.PRIVATE_SOP_CLASS: ReasonText(
        "The SOP class is private to a vendor.",
        "Have the sender export a standard SOP class.",
    ),
    Reason.ILLEGAL_GROUP: ReasonText(
        "The data set holds a group that no data set may hold.",
        "Remove that group and run again, or export the instance with a conformant tool.",
    ),
    Reason.CHARSET_UNDECODABLE: ReasonText(
        "A text cannot be decoded with the character set that the instance names.",
        "Correct Specific Character Set (0008,0005) at the source.",
    ),
    Reason.IDENTIFIER_LEFT_IN_TAG: ReasonText(
        "An identifier was found in an attribute of the result.",
        "Remove the attribute from this instance and run again, or make the profile stricter.",
    ),
    Reason.IDENTIFIER_LEFT_IN_STREAM: ReasonText(
        "An identifier was found in the bytes of the pixel stream.",
        "Have the pictures encoded again and run again.",
    ),
    Reason.IDENTIFIER_LEFT_IN_FRAME: ReasonText(
        "Text was found in a picture outside the parts that were kept.",
        "Send it to pixel review, and add a box over the text there.",
    ),
    Reason.DEVICE_MASK_MISSING: ReasonText(
        "The profile asks for a mask of this device, and there is none.",
        "Review it without one, and save a mask there; what waits for the mask then goes on.",
    ),
    Reason.DEVICE_UNSEEN: ReasonText(
        "No phantom of this device, software and picture size has passed yet.",
        "If this is the phantom, say so; else send one, or release the device with a reason.",
    ),
    Reason.SUBJECT_WITHDRAWN: ReasonText(
        "The subject has withdrawn from this project.",
        "Reject it, and ask the sender to send nothing more of this subject.",
    ),
    Reason.PHANTOM_FAILED: ReasonText(
        "The phantom did not prove its device.",
        "Look at what failed; run the phantom again, or release the device with a reason.",
    ),
    Reason.BURNED_IN_UNREVIEWED: ReasonText(
        "The instance says that its pictures bear text, and nobody has looked.",
        "Send it to pixel review.",
    ),
    Reason.REVIEW_REFUSED: ReasonText(
        "The second reviewer did not agree with the decision.",
        "Review it again, or reject it; the reviewer's note stands below.",
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
        "Find out which one is right; then remove the other, or take this one instead.",
    ),
}


class Remedy(StrEnum):
    """What a steward can do about a hold, from the screen."""

    RETRY = "retry"
    REMOVE = "remove"
    ENCODE = "encode"
    REVIEW = "review"
    WITHOUT_MASK = "without_mask"
    PHANTOM = "phantom"
    RELEASE_DEVICE = "release_device"
    TAKE_NEWER = "take_newer"
    CORRECTIONS = "corrections"
    REJECT = "reject"


_REMEDIES: dict[str, tuple[Remedy, ...]] = {
    Reason.ENCAPSULATED_DOCUMENT: (Remedy.REMOVE, Remedy.REJECT),
    Reason.ENCRYPTED_ATTRIBUTES: (Remedy.REMOVE, Remedy.REJECT),
    Reason.ILLEGAL_GROUP: (Remedy.REMOVE, Remedy.REJECT),
    Reason.IDENTIFIER_LEFT_IN_TAG: (Remedy.REMOVE, Remedy.RETRY, Remedy.REJECT),
    Reason.IDENTIFIER_LEFT_IN_STREAM: (Remedy.ENCODE, Remedy.RETRY, Remedy.REJECT),
    Reason.IDENTIFIER_LEFT_IN_FRAME: (Remedy.REVIEW, Remedy.REJECT),
    Reason.BURNED_IN_UNREVIEWED: (Remedy.REVIEW, Remedy.REJECT),
    Reason.REVIEW_REFUSED: (Remedy.REVIEW, Remedy.REJECT),
    Reason.DEVICE_MASK_MISSING: (Remedy.WITHOUT_MASK, Remedy.REJECT),
    Reason.DEVICE_UNSEEN: (Remedy.PHANTOM, Remedy.RELEASE_DEVICE, Remedy.REJECT),
    Reason.PHANTOM_FAILED: (Remedy.PHANTOM, Remedy.RELEASE_DEVICE, Remedy.REJECT),
    Reason.SUBJECT_WITHDRAWN: (Remedy.REJECT,),
    Reason.UID_CLASH: (Remedy.TAKE_NEWER, Remedy.REJECT),
    Reason.CORRECTION: (Remedy.CORRECTIONS,),
    Reason.REJECTION_NOTE: (Remedy.CORRECTIONS,),
    Reason.PATIENT_CHANGED: (Remedy.CORRECTIONS, Remedy.TAKE_NEWER, Remedy.REJECT),
    Reason.DEMOGRAPHICS_CHANGED: (Remedy.CORRECTIONS, Remedy.TAKE_NEWER, Remedy.REJECT),
}


def remedies_of(code: str) -> tuple[Remedy, ...]:
    """What can be done about a hold with this code; retry and reject for any that names no more."""
    return _REMEDIES.get(code, (Remedy.RETRY, Remedy.REJECT))


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
