"""Every task template by its name. One list for the pages that show them, the check of answers, and the documentation."""

from piecework.domain.errors import Invalid
from piecework.domain.templates.forms import FORMS
from piecework.domain.templates.images import IMAGES
from piecework.domain.templates.template import DIALECT, LABEL, Schema, Template
from piecework.domain.templates.texts import TEXTS

__all__ = ["DIALECT", "LABEL", "TEMPLATES", "Schema", "Template", "template"]

TEMPLATES: dict[str, Template] = {template.name: template for template in (*FORMS, *TEXTS, *IMAGES)}


def template(name: str) -> Template:
    """The template of that name.

    Raises:
        Invalid: there is none.
    """
    found = TEMPLATES.get(name)
    if found is None:
        raise Invalid(f"There is no template '{name}'; use one of {', '.join(TEMPLATES)}.")
    return found
