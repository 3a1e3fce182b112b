"""The WSGI application that the web server loads."""

import logging
import os

from django.core.wsgi import get_wsgi_application


def _note_start() -> None:
    """Record that a web process started; a database that is away must not keep it from starting."""
    from django.db import DatabaseError, connection

    from apps.access.actor import service
    from apps.access.people import note_process

    try:
        note_process(service("web"), None, process="web", what="start")
    except DatabaseError:
        logging.getLogger(__name__).warning("start not recorded")
    finally:
        connection.close()


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinical_annot.settings.development")
application = get_wsgi_application()
_note_start()
