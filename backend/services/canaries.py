"""Words that only a scraper reads: an instruction to machines in the page of a task with a free text, in jobs that look at how answers come
about and where a machine may not answer alone.

The element is `hidden`: it isn't drawn, isn't in the accessibility tree, and isn't copied with the page's text. A program that hands the
page's source to a model hands it over as well. Whoever writes the word gets a signal, and a signal withholds nothing.
"""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from piecework.domain.keccak import keccak256
from piecework.domain.typed_data import Key
from piecework.quality import canary
from piecework.quality.suspicion import Signal

TEXTS = ("text", "transcription", "translation")
"""Templates whose answer is a text that a person writes."""
_ELEMENT = Markup('<div hidden aria-hidden="true" data-canary>{}</div>')


class Canaries:
    """Makes the words and finds them again.

    Args:
        key: the coordinator's; who knows it, and nobody else, knows a unit's word beforehand.
    """

    def __init__(self, key: Key) -> None:
        self._secret = keccak256(b"piecework canary" + key.secret)

    def element(self, job: str, manifest: Mapping[str, Any], unit: int) -> str:
        """What a unit's page has besides; nothing where the job has no such words."""
        return str(_ELEMENT.format(canary.instruction(self._seed(job), str(unit)))) if has_canary(manifest) else ""

    def signals(self, job: str, manifest: Mapping[str, Any], texts: Mapping[tuple[str, str], str]) -> list[Signal]:
        """Whose answers (by worker and unit) have their unit's word."""
        if not has_canary(manifest):
            return []
        found = (canary.signal(self._seed(job), worker, unit, text) for (worker, unit), text in texts.items())
        return [one for one in found if one is not None]

    def _seed(self, job: str) -> bytes:
        return self._secret + bytes.fromhex(job[2:])


def has_canary(manifest: Mapping[str, Any]) -> bool:
    """Whether a job's pages have such words: it says that it looks at how answers come about, and doesn't allow machines to give them."""
    return bool(manifest.get("signals")) and manifest["template"] in TEXTS and manifest.get("ai_policy") != "allowed"
