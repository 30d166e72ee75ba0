"""Find, among sentences by people, those that are true of a photograph by all that its captions say.

Captions written by one hand sound like that hand; people's sentences about like pictures do not. A sentence is taken
where it names nothing that the photo's captions and labels lack, has no other number, colour or sex, and says the same
by the text side of the joint space and by its words.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from dataset import Data, Photo, Words, open_data, start_model
from torch import Tensor

from photocap.captioning.labels import labels_in, with_broader
from photocap.captioning.network import JointEmbedding
from photocap.captioning.vocabulary import PAD, UNK, Vocabulary
from photocap.tokenizer import tokenize

_CANDIDATES = 300  # nearest sentences that are looked at
_LEAST_COSINE = 0.35
_LEAST_PRECISION = 0.6  # share of a sentence's words, by weight, that the photo's captions have
_LEAST_SCORE = 1.35
_SHARE = 0.6  # weight of precision and of coverage beside the cosine
_MOST = 3
_SAME = 0.7  # overlap of words from which two sentences are one
_DETAIL = 0.4  # weight of a caption of details
_LEAST_WORDS, _MOST_WORDS = 6, 16
_EMPTY = frozenset(
    "a an the of in on at to and is are with it its this that there by for from as be being his her their some up near "
    "next while into has have".split()
)
_COLOURS = frozenset(
    "black white red blue green yellow orange brown gray grey pink purple tan silver gold golden beige dark".split()
)
_MANY = frozenset("several many multiple group bunch herd various crowd lots row".split())
_NUMBERS = _MANY | frozenset("one two three four five six seven eight nine ten couple pair empty".split())
_PEOPLE = frozenset("man men woman women boy boys girl girls lady guy baby child children kid kids".split())


@dataclass(frozen=True)
class Sentence:
    """A sentence and what it says: its labels with all above them, and the stems of its words."""

    words: Words
    labels: frozenset[str]
    stems: frozenset[str]


def main() -> None:
    """Write WORK/mined.json."""
    data = open_data()
    start, model = start_model()
    joint = model.joint
    assert joint is not None
    joint.eval()
    sentences = _sentences(data, start.vocabulary)
    places = _embed(joint, [s.words for s in sentences], start.vocabulary)
    weigh = _Weights(sentences)
    everyday = [photo for photo in data.train if photo.source == "everyday"]
    mined = {}
    for photo in everyday:
        captions = data.captions(photo, details=True, mined=0)
        weights = torch.tensor([1.0] * (len(photo.by_people) + 1) + [_DETAIL] * len(captions))[: len(captions)]
        query = (_embed(joint, captions, start.vocabulary) * weights.unsqueeze(1)).sum(dim=0)
        near = (places @ query / query.norm()).topk(_CANDIDATES)
        candidates = zip(near.values.tolist(), (sentences[i] for i in near.indices.tolist()), strict=True)
        mined[photo.path.name] = _fitting(data, photo, candidates, weigh)
    (data.work / "mined.json").write_text(json.dumps(mined), encoding="utf-8")
    print(Counter(len(found) for found in mined.values()))


def _sentences(data: Data, vocabulary: Vocabulary) -> list[Sentence]:
    lines = data.sentences.read_text(encoding="utf-8", errors="replace").splitlines()
    said = dict.fromkeys(tuple(tokenize(line)) for line in lines)
    fit = [s for s in said if _LEAST_WORDS <= len(s) <= _MOST_WORDS and UNK not in vocabulary.encode(s)]
    return [Sentence(words, with_broader(labels_in(words)), _stems(words)) for words in fit]


def _stems(words: Iterable[str]) -> frozenset[str]:
    return frozenset(_stem(word) for word in words if word not in _EMPTY)


def _stem(word: str) -> str:
    for end in ("ing", "es", "s", "ed"):
        if word.endswith(end) and len(word) >= len(end) + 3:
            return word[: -len(end)]
    return word


class _Weights:
    """How much a stem tells: rare ones more."""

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        self._count, self._in = len(sentences), Counter(stem for s in sentences for stem in s.stems)

    def __call__(self, stems: Iterable[str]) -> float:
        return sum(math.log(self._count / (1 + self._in[stem])) for stem in stems)


@torch.no_grad()
def _embed(joint: JointEmbedding, texts: Sequence[Words], vocabulary: Vocabulary) -> Tensor:
    """Return unit vectors (n, S) of texts."""
    found = torch.zeros(len(texts), joint.text.out_features)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for start in range(0, len(order), 1024):
        rows = order[start : start + 1024]
        ids = [vocabulary.encode(texts[i]) for i in rows]
        longest = max(map(len, ids))
        tokens = torch.tensor([each + [PAD] * (longest - len(each)) for each in ids])
        found[rows] = joint.embed_texts(tokens, torch.tensor([len(each) for each in ids]))
    return found


def _fitting(
    data: Data, photo: Photo, candidates: Iterable[tuple[float, Sentence]], weigh: _Weights
) -> list[tuple[float, str]]:
    """Return the best of the sentences that are true of a photo, unlike each other, with their scores."""
    captions = data.captions(photo, details=True, mined=0)
    nouns = data.nouns.get(photo.path.name, [])
    words = frozenset(word for caption in captions for word in caption)
    stems = _stems(words) | _stems(word for noun in nouns for word in noun)
    labels = with_broader(data.known_labels.get(photo.path.name, ())).union(
        *(with_broader(labels_in(text)) for text in [*captions, *nouns])
    )
    subject = _stems(word for caption in (*photo.by_people[:1], *photo.written[:1]) for word in caption)
    scored = []
    for cosine, sentence in candidates:
        if cosine < _LEAST_COSINE or not sentence.labels <= labels or _contradicts(sentence, words):
            continue
        precision = weigh(sentence.stems & stems) / max(weigh(sentence.stems), 1e-6)
        coverage = weigh(sentence.stems & subject) / max(weigh(subject), 1e-6)
        score = cosine + _SHARE * (precision + coverage)
        if precision >= _LEAST_PRECISION and score >= _LEAST_SCORE:
            scored.append((score, sentence.words))
    taken: list[tuple[float, Words]] = []
    for score, text in sorted(scored, reverse=True):
        if len(taken) < _MOST and not any(_overlap(text, other) > _SAME for _, other in taken):
            taken.append((score, text))
    return [(score, " ".join(text)) for score, text in taken]


def _contradicts(sentence: Sentence, words: frozenset[str]) -> bool:
    """Return whether a sentence has a colour, a number or a sex that the captions do not have."""
    said = frozenset(sentence.words)
    numbers = (said & _NUMBERS) - words
    if numbers and not (numbers <= _MANY and words & _MANY):
        return True
    return bool((said & (_COLOURS | _PEOPLE)) - words)


def _overlap(one: Words, other: Words) -> float:
    return len({*one} & {*other}) / len({*one, *other})


if __name__ == "__main__":
    main()
