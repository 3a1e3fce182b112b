#!/usr/bin/env python3
"""Django's command line. A broken environment ends with 2 and one line, never as a finding."""

import os
import sys
import traceback


def main() -> int:
    """Run the command; its own exit code stands. 2 where settings, folder or database do not do."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinical_annot.settings.development")
    import django
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError, ProgrammingError
    from environs import EnvError

    try:
        django.setup()
    except (EnvError, ImproperlyConfigured, OSError) as error:
        print(f"The environment is not usable: {error}", file=sys.stderr)
        return 2
    from apps.vault.master import MasterKeyError

    try:
        execute_from_command_line(sys.argv)
    except MasterKeyError as error:
        print(error, file=sys.stderr)
        return 2
    except (OperationalError, ProgrammingError) as error:
        told = str(error).partition("\n")[0]
        print(
            f"The database does not answer or is not migrated ({told}): "
            "check DATABASE_URL and CLINICAL_ANNOT_DATA_DIR, then run manage.py migrate",
            file=sys.stderr,
        )
        return 2
    except Exception:
        traceback.print_exc()
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
