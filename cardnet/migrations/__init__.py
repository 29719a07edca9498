"""The schema's history: numbered files, one line in `HEAD`, so that two new migrations conflict in git."""

from pathlib import Path

from flask_migrate import Migrate

migrate = Migrate(directory=str(Path(__file__).parent))
