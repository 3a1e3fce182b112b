"""Releases of ClinicalAnnot in Python.

`Server` lists and downloads releases and uploads pre-labels; `Release` is a downloaded folder:
verified, its clips iterated as exact frames (numpy) with their labels; `FrameDataset` has the form
that PyTorch's DataLoader takes, without needing torch.
"""

from clinical_annot_client.dataset import FrameDataset
from clinical_annot_client.labels import Interval, Label
from clinical_annot_client.pictures import PictureMismatchError
from clinical_annot_client.release import Clip, Frame, Release
from clinical_annot_client.server import Server, ServerError
from clinical_annot_client.verify import VerificationError

__all__ = [
    "Clip",
    "Frame",
    "FrameDataset",
    "Interval",
    "Label",
    "PictureMismatchError",
    "Release",
    "Server",
    "ServerError",
    "VerificationError",
]
__version__ = "0.1.0"
