"""Filling templates into one self-contained HTML page: what the pages of the report and of comparisons share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

SHARED = Path(__file__).parent
"""Where the style and the parts lie that templates of other folders may use: ``head.html.j2``, ``parts.html.j2``, ``style.css``."""


def filled(template: Path, content: Mapping[str, Any]) -> str:
    """Return ``template`` with ``content`` as HTML text; everything that comes from data is escaped by the template engine."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, SHARED]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(content)
