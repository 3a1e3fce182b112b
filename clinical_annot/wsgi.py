"""The WSGI application that the web server loads."""

import logging
import multiprocessing
import os
import signal
import threading
import time

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


def _end_with_server() -> None:
    """A worker process whose server was killed ends too: nobody else would end it, and it would
    serve on beside its successor with old code."""
    server = os.getppid()

    def watch() -> None:
        while os.getppid() == server:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(3.0)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-server", daemon=True).start()


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinical_annot.settings.development")
application = get_wsgi_application()
_note_start()
# Only in a process that a server has made: one started from a shell outlives the shell.
if multiprocessing.parent_process() is not None:
    _end_with_server()
