"""ROUGE-L: the longest common subsequence of a caption and its references.

Lin: ROUGE, a Package for Automatic Evaluation of Summaries (ACL workshop 2004), section 3; beta as in COCO-caption.
"""

from __future__ import annotations

from collections.abc import Sequence

from photocap.tokenizer import Words

BETA = 1.2  # recall counts this much more than precision


def rouge_l(candidate: Words, references: Sequence[Words]) -> float:
    """Return ROUGE-L (x 100) of one caption: its best precision and best recall over the references."""
    common = [_common_length(candidate, reference) for reference in references]
    if not any(common):
        return 0.0
    precision = max(common) / len(candidate)
    recall = max(length / len(reference) for length, reference in zip(common, references, strict=True) if length)
    return 100 * (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def _common_length(a: Words, b: Words) -> int:
    """Return the length of the longest common subsequence."""
    best = [0] * (len(b) + 1)  # best[j]: within the words of `a` so far and b[:j]
    for word in a:
        diagonal = 0
        for j, other in enumerate(b, start=1):
            diagonal, best[j] = best[j], diagonal + 1 if word == other else max(best[j], best[j - 1])
    return best[-1]
