"""The stand-alone verifier: an audit bundle or a release, on another machine, trusting nobody.

Needs the standard library and ``cryptography`` alone: ``python -m clinical_annot.verify PATH``.
"""
