"""A corpus of instances with identifiers planted in every kind of place, and its judge.

Made from a seed and a difficulty; what is expected of a cleaned instance is known from the making
alone. Nothing here imports the product: bytes are written by `wire`, read back with pydicom, libav
and zlib. No patient ever existed.
"""

from .instances import Made, corpus
from .judge import Verdict, judge

__all__ = ["Made", "Verdict", "corpus", "judge"]
