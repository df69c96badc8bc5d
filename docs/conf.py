"""How Sphinx builds the documentation: `make docs`."""

import logging
import os
import sys
from importlib import metadata
from pathlib import Path

import django

# autodoc imports models and views, which need settings: those of the tests will do.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

project = "django-modelsync"
author = "the django-modelsync authors"
copyright = author  # noqa: A001  # Sphinx calls it so
release = metadata.version(project)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}
# The four indexes list whatever their folder holds, also when that is nothing yet. The warning about it
# has no type, so `suppress_warnings` cannot name it.
logging.getLogger("sphinx.sphinx.directives.other").addFilter(
    lambda record: getattr(record, "subtype", None) != "empty_glob"
)

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"

html_theme = "furo"
html_title = f"{project} {release}"
