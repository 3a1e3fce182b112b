"""The witness: a second program, on a machine that the server's operator does not run.

It co-signs a checkpoint only when that is consistent with all it saw before. Needs the standard
library and ``cryptography`` alone: ``python -m clinical_annot.witness --help``.
"""
