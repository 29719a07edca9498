"""The WSGI entry point: `gunicorn wsgi:app`. Never starts a database."""

from cardnet import create_app

app = create_app()
