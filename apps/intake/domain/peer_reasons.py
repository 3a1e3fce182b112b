"""Why a DICOM peer or we refused, in words: reason code → sentence, remedy. No value in them."""

from __future__ import annotations

# What our node answers to others.
REFUSED = {
    "unknown_called_ae": (
        "The sender called an AE title that no project has.",
        "At the sender, set the called AE title to a project's (under Routes).",
    ),
    "unknown_calling_ae": (
        "The sender's AE title is not in the project's list.",
        "Have the project list it, if the sender belongs to it.",
    ),
    "calling_ae_not_listed": (
        "The project lists no calling AE title, so only this machine may send.",
        "Have the project list the sender's AE title.",
    ),
    "no_service_accepted": (
        "The sender asked for services that the node does not offer (query, worklist, …).",
        "Nothing can be queried or fetched here; at the sender, set it up for storage only.",
    ),
    "too_many_associations": (
        "One peer opened more associations than it may.",
        "Lower the sender's parallel associations.",
    ),
    "disk_reserve_reached": (
        "Free space is below the reserve (status A700).",
        "Make room; the sender tries again.",
    ),
    "storage_or_database_away": (
        "Storage or database did not answer (status A700).",
        "See /healthz; the sender tries again.",
    ),
    "does_not_match_its_command": (
        "The data set is not what its command said (status A900).",
        "The sender must repair the instance.",
    ),
    "cannot_understand": (
        "The header cannot be read (status C000).",
        "The sender must repair the instance.",
    ),
    "not_asked_for": (
        "A PACS sent by C-GET what was not asked for (status A900).",
        "See the PACS; nothing of it was kept.",
    ),
    "another_study": (
        "An instance of another study than the address names came by DICOMweb.",
        "At the sender, store to the study's own address, or to one without a study.",
    ),
    "malformed": (
        "The body of a DICOMweb request is not the multipart that was announced.",
        "See the sender.",
    ),
    "cut": ("A DICOMweb request broke off.", "The sender tries again."),
    "too_large": (
        "A DICOMweb request is larger than the site allows.",
        "Send fewer instances a request, or raise the limit.",
    ),
    "instance_too_large": (
        "The instance is larger than the site allows (status A700).",
        "Raise the limit, or leave it out.",
    ),
    "subject_destroyed": (
        "The subject was withdrawn, and nothing of it is taken any more (status C211).",
        "Have the sender stop sending this patient.",
    ),
    "address_not_listed": (
        "The sender's address is not among those that may call.",
        "Have the address listed, if the sender belongs here.",
    ),
    "certificate_not_listed": (
        "The sender's certificate is not among those that may call.",
        "Have the certificate listed, if the sender belongs here.",
    ),
    "tls_required": ("The sender came without TLS.", "Set TLS at the sender."),
    "tls_certificate_refused": (
        "The sender's certificate is not trusted, or it showed none.",
        "Check the certificate and its authority at both ends.",
    ),
    "unknown_application_context": ("The sender speaks no DICOM that we know.", "See the sender."),
    "unknown_protocol_version": ("The sender speaks another version of DICOM.", "See the sender."),
    "broken_traffic": (
        "What the sender said is not DICOM, or broke off in the middle of an instance.",
        "See the sender and what lies between.",
    ),
    "database_away": ("The database did not answer.", "See /healthz; the sender tries again."),
    "node_stopped": ("The node was being stopped.", "The sender tries again."),
    "too_long_a_pdu": ("A PDU longer than allowed was announced.", "See the sender."),
    "timed_out": ("The sender fell silent.", "See the sender and the network."),
    "connection_lost": ("The connection broke off.", "See the sender and the network."),
    "nothing_sent": (
        "A connection was opened and closed without a byte.",
        "See what connects from there; name a balancer or monitor in the configuration.",
    ),
    "peer_aborted": ("The sender aborted.", "See the sender's log."),
    "no_proxy_header": (
        "A balancer did not say whose connection it passed on.",
        "Switch on the PROXY protocol there (HAProxy: send-proxy-v2), or take its address out of"
        " CLINICAL_ANNOT_NODE_BALANCERS.",
    ),
    "no_request": ("A connection asked for nothing.", "See what connects from there."),
    "failed": ("The node failed; the cause is in its log.", "Tell the system administrator."),
    "unparsable": ("The file's header cannot be read.", "See whether the file is whole."),
    "not_dicom": ("The file is neither DICOM nor a known video.", "Leave it out."),
    "decode_failed": ("The video cannot be decoded.", "See whether the file is whole."),
    "archive_damaged": ("The archive is damaged or locked.", "Pack it again without a password."),
    "unreadable": ("The file could not be read.", "See the medium and its permissions."),
}

# What a remote node did to us.
PEER = {
    "unreachable": (
        "Nothing answered at this host and port.",
        "Check host and port, whether the peer runs, and the firewall.",
    ),
    "tls_failed": (
        "The TLS handshake failed.",
        "Check whether the peer speaks TLS on this port, its certificate, and whether it asks for"
        " ours.",
    ),
    "rejected": (
        "The peer rejected the association.",
        "Check its AE title here, and have it list ours.",
    ),
    "called_ae_unknown": (
        "The peer does not know the AE title we called it by.",
        "Correct the AE title of this node.",
    ),
    "calling_ae_unknown": (
        "The peer does not know our AE title.",
        "Have the peer list our AE title, host and port.",
    ),
    "not_supported": (
        "The peer does not offer this service to us.",
        "Have it enabled at the peer for our AE title.",
    ),
    "no_answer": ("The peer stopped answering.", "Try again; see the peer's own log."),
    "failure_status": (
        "The peer answered with a failure.",
        "See the peer's own log; it names the cause.",
    ),
    "destination_unknown": (
        "The peer does not know where to send (C-MOVE destination).",
        "Have the peer list the project's AE title with our host and port.",
    ),
    "study_not_found": ("The peer has no such study any more.", "Query again."),
    "not_all_came": (
        "Not everything that the peer lists has come.",
        "Resume; what is here already is not sent again. See Node for refusals.",
    ),
    "key_destroyed": ("The subject was withdrawn.", "Nothing can be pulled for this subject."),
    "no_address": (
        "No remote node has the AE title that asked.",
        "Enter it under Remote nodes with its host and port.",
    ),
    "not_authorised": (
        "The peer does not accept our credentials.",
        "Enter them anew, and see what the peer lets them do.",
    ),
    "wrong_address": (
        "There is no such service or bucket at this address.",
        "Check the address, and the bucket's name.",
    ),
    "no_room": ("The peer has no room, or takes nothing this large.", "Make room there."),
    "given_up": ("It failed three times.", "Resume it; if it stays, see the peer's own log."),
}

TEXTS = REFUSED | PEER


def words(code: str) -> tuple[str, str]:
    """Sentence and remedy of a reason code; the code itself when it has none."""
    return TEXTS.get(code, (code.replace("_", " "), ""))
