"""highdicom building a TID 1500 report of N tracked points, run by itself: N FILE.

Prints {"cpu_s", "peak_mb"}; only building and writing the document is counted.
"""

from __future__ import annotations

import json
import os
import resource
import sys

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

VIDEO_ENDOSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.1.1"


def source(n_frames: int) -> Dataset:
    """A video instance as the report refers to it."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = VIDEO_ENDOSCOPIC, generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.PatientID = ds.PatientName = "subject^"
    ds.PatientBirthDate = ds.PatientSex = ds.AccessionNumber = ""
    ds.StudyDate = ds.StudyTime = ds.StudyID = ds.ReferringPhysicianName = ""
    ds.Modality, ds.NumberOfFrames = "ES", n_frames
    ds.Rows, ds.Columns = 1080, 1920
    return ds


def main(n_points: int, path: str) -> None:
    """One tracked tip over ``n_points`` frames."""
    video, tracking_uid = source(n_points), generate_uid()
    began = os.times()
    groups = [
        hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=hd.sr.TrackingIdentifier(uid=tracking_uid, identifier="Tip 1"),
            finding_type=hd.sr.CodedConcept("57134006", "SCT", "Instrument"),
            referenced_region=hd.sr.ImageRegion(
                graphic_type=hd.sr.GraphicTypeValues.POINT,
                graphic_data=np.array([[100.5 + n % 900, 200.25]]),
                source_image=hd.sr.SourceImageForRegion(
                    video.SOPClassUID, video.SOPInstanceUID, referenced_frame_numbers=[n + 1]
                ),
            ),
        )
        for n in range(n_points)
    ]
    observer = hd.sr.ObserverContext(
        observer_type=codes.DCM.Person,
        observer_identifying_attributes=hd.sr.PersonObserverIdentifyingAttributes(name="A^B"),
    )
    report = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_person_context=observer),
        procedure_reported=hd.sr.CodedConcept("71388002", "SCT", "Procedure"),
        imaging_measurements=groups,
    )
    document = hd.sr.ComprehensiveSR(
        evidence=[video],
        content=report[0],
        series_instance_uid=generate_uid(),
        series_number=1,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="bench",
    )
    document.save_as(path)
    ended = os.times()
    print(
        json.dumps(
            {
                "cpu_s": ended.user + ended.system - began.user - began.system,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
