"""Which words of some captions are nouns, by how people use them; no word list is needed.

A noun stands between a word like "the" and a word like "on", "is" or the end of the sentence
("the dog on", "two men are"). An adjective hardly ever does, a verb neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from photocap.captioning.sentence import COMMON_ADJECTIVES

_DETERMINERS = "a an the two three four five six several some many his her their its this that these those both 's"
_CONTINUATIONS = (
    "in on at with of is are to through near while by from over into wearing holding along behind during under "
    "around down up across outside for being off as that who which"
)
_PRONOUNS = "other others another one each front it them him he she there"
# Adjectives so common that without them "shirt" would hardly ever follow "a".
_BEFORE = frozenset(_DETERMINERS.split()) | COMMON_ADJECTIVES
_AFTER = frozenset(_CONTINUATIONS.split())
_NEVER = _BEFORE | _AFTER | frozenset(_PRONOUNS.split())
_SHARE = 0.1  # of a word's uses that must look like a noun's


def common_nouns(captions: Iterable[Sequence[str]], limit: int = 100) -> list[str]:
    """Return the nouns used most often in tokenised captions, the most frequent first."""
    uses: Counter[str] = Counter()
    as_noun: Counter[str] = Counter()
    for words in captions:
        uses.update(words)
        for before, word, after in zip(words, words[1:], [*words[2:], "in"], strict=False):
            as_noun[word] += before in _BEFORE and after in _AFTER
    nouns = [w for w in uses if as_noun[w] >= _SHARE * uses[w] and w.isalpha() and len(w) > 1 and w not in _NEVER]
    return sorted(nouns, key=lambda w: (-uses[w], w))[:limit]
