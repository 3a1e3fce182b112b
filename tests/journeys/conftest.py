"""Fixtures that journeys share with the interop tests."""

from tests.interop.test_trackeval import trackeval_path as trackeval_path
