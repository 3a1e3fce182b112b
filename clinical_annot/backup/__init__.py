"""Backup of a running system, and its restore. The order of things is what guarantees them:

- Vault files first, in passes, while everything runs: they never change.
- Then writing waits for a moment (reading goes on), the database is copied as of that moment, and
  the few files are added that its rows name and no pass has seen. A row is saved after its file and
  removed before it, so every row of the copy has its file; files without a row stay out.
- Last the marker ``COMPLETE``. What was acknowledged before it is in the backup.

The master key never is.
"""
