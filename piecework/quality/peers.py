"""Free text reviewed by other workers, paid as work of its own."""

from collections import Counter
from collections.abc import Mapping, Sequence

from piecework.domain.errors import Invalid
from piecework.quality.gold import draw


def assign(authors: Mapping[str, str], reviewers: Sequence[str], each: int, seed: bytes) -> dict[str, list[str]]:
    """Each answer's reviewers: never its author, nobody twice, nobody who would review a reviewer of one's own answer where that can
    be helped, and the work spread evenly.

    Args:
        authors: answer → who wrote it.
        each: reviews an answer.
        seed: secret, so that nobody can tell who will review whom.

    Raises:
        Invalid: too few reviewers.
    """
    load: Counter[str] = Counter()
    met: set[tuple[str, str]] = set()
    found: dict[str, list[str]] = {}
    for answer in sorted(authors, key=lambda name: draw(seed, name, 0)):
        author = authors[answer]
        others = sorted(set(reviewers) - {author})
        if len(others) < each:
            raise Invalid(f"{each} reviews an answer need {each + 1} workers; there are {len(others) + 1}.")
        others.sort(key=lambda name: ((author, name) in met, load[name], draw(seed, answer, 1, name)))
        found[answer] = others[:each]
        load.update(others[:each])
        met.update((name, author) for name in others[:each])
    return {answer: found[answer] for answer in authors}
