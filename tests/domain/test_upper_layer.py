"""PDUs, fragments and commands of the node, against pynetdicom's own encoder and decoder."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.dsutils import decode
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ, A_RELEASE_RP, P_DATA_TF

from apps.intake.domain import upper_layer as wire

ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"


def encoded(primitive, max_pdu: int = 16384) -> list[bytes]:
    """The payloads of the P-DATA-TF in which pynetdicom sends a request."""
    from pynetdicom.dimse_messages import C_ECHO_RQ

    message = C_STORE_RQ() if isinstance(primitive, C_STORE) else C_ECHO_RQ()
    message.primitive_to_message(primitive)
    payloads = []
    for item in message.encode_msg(5, max_pdu):
        pdu = P_DATA_TF()
        pdu.from_primitive(item)
        payloads.append(pdu.encode()[6:])
    return payloads


def store(data: bytes, uid: str = "1.2.3") -> C_STORE:
    request = C_STORE()
    request.MessageID, request.Priority = 7, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = ULTRASOUND, uid
    request.DataSet = io.BytesIO(data)
    return request


@pytest.mark.parametrize("max_pdu", [30, 100, 16384])
def test_a_store_request_of_pynetdicom_is_read_whole(max_pdu):
    data = bytes(range(256)) * 4
    command, body = b"", b""
    ends = []
    for payload in encoded(store(data), max_pdu):
        for context, is_command, is_last, piece in wire.fragments(memoryview(payload)):
            assert context == 5
            command, body = (command + piece, body) if is_command else (command, body + piece)
            ends += [is_command] if is_last else []
    assert ends == [True, False] and body == data
    read = wire.read_command(command)
    assert read == wire.Command(wire.C_STORE_RQ, 7, ULTRASOUND, "1.2.3", True)


def test_an_echo_request_has_no_data_set():
    request = C_ECHO()
    request.MessageID = 9
    ((_, _, is_last, piece),) = wire.fragments(memoryview(encoded(request)[0]))
    read = wire.read_command(bytes(piece))
    assert is_last and (read.field, read.message_id, read.has_data_set) == (0x30, 9, False)


@pytest.mark.parametrize(("uid", "status"), [("1.2.3", 0), ("1.2.34", 0xA700), ("", 0xC000)])
def test_pynetdicom_reads_our_answer(uid, status):
    command = wire.Command(wire.C_STORE_RQ, 7, ULTRASOUND, uid, True)
    pdu = P_DATA_TF()
    answer = wire.answer_pdu(5, command, status)
    pdu.decode(answer)
    assert pdu.encode() == answer
    ((_, _, is_last, piece),) = wire.fragments(memoryview(answer)[6:])
    said = decode(io.BytesIO(bytes(piece)), True, True)
    assert is_last and said.CommandField == 0x8001 and said.Status == status
    assert said.MessageIDBeingRespondedTo == 7 and said.AffectedSOPClassUID == ULTRASOUND
    assert said.get("AffectedSOPInstanceUID", "") == uid
    assert said.CommandDataSetType == 0x0101 and said.CommandGroupLength == len(piece) - 12


def test_the_short_pdus_are_those_of_pynetdicom():
    for kind, made in (
        (A_ABORT_RQ, wire.abort_pdu(2, 6)),
        (A_ASSOCIATE_RJ, wire.reject_pdu(1, 1, 7)),
        (A_RELEASE_RP, wire.RELEASE_RP),
    ):
        pdu = kind()
        pdu.decode(made)
        assert pdu.encode() == made


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.34"])
def test_a_data_set_after_our_file_start_is_a_part_10_file(uid):
    start = wire.file_start(ULTRASOUND, uid, "1.2.840.10008.1.2.1", "1.2.9", "TEST_1")
    data = b"\x10\x00\x20\x00LO\x04\x00ABCD"
    ds = dcmread(io.BytesIO(start + data))
    assert ds.PatientID == "ABCD" and ds.file_meta.MediaStorageSOPInstanceUID == uid
    assert ds.file_meta.FileMetaInformationGroupLength == len(start) - 144
    assert ds.file_meta.ImplementationVersionName == "TEST_1"


@given(st.binary(max_size=200))
def test_any_bytes_are_fragments_or_broken(payload):
    try:
        pieces = list(wire.fragments(memoryview(payload)))
    except wire.BrokenMessageError:
        return
    assert sum(len(piece) + 6 for *_, piece in pieces) == len(payload)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_command_or_broken(data):
    try:
        field = wire.read_command(data).field
        assert field < 0x8000 or field == wire.N_EVENT_REPORT_RSP
    except wire.BrokenMessageError:
        return
