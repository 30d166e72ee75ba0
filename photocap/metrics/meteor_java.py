"""METEOR 1.5, computed by its authors' Java program where the machine has one.

Denkowski, Lavie: Meteor Universal (WMT 2014). The program and its tables (300 MB) are not part of
photocap; they come with the package pycocoevalcap, which is looked up but never imported.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from subprocess import DEVNULL, PIPE

from photocap.metrics.meteor import MeteorScore
from photocap.tokenizer import Words

_NAME = "METEOR 1.5"


def meteor_1_5(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> MeteorScore:
    """Score a set of captions; a missing program is an answer, not an error."""
    java, jar = shutil.which("java"), _find_jar()
    if java is None or jar is None:
        missing = "java" if java is None else "the METEOR 1.5 program (pip install pycocoevalcap)"
        return MeteorScore(None, f"not installed: {missing}", _NAME)
    command = [java, "-jar", "-Xmx2G", str(jar), "-", "-", "-stdio", "-l", "en", "-norm"]
    if not candidates:
        return MeteorScore(None, "no captions", _NAME)
    try:
        return MeteorScore(100 * _talk(command, jar.parent, candidates, references), "", _NAME)
    except (OSError, ValueError) as error:
        return MeteorScore(None, f"the METEOR program failed: {error}", _NAME)


def _find_jar() -> Path | None:
    spec = find_spec("pycocoevalcap")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        jar = Path(folder) / "meteor" / "meteor-1.5.jar"
        if jar.is_file():
            return jar
    return None


def _talk(
    command: Sequence[str], folder: Path, candidates: Sequence[Words], references: Sequence[Sequence[Words]]
) -> float:
    """Hold the program's conversation: the statistics of each caption, then the score of them all."""
    with subprocess.Popen(
        command, cwd=folder, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, encoding="utf-8", bufsize=1
    ) as program:
        statistics = [
            _ask(program, " ||| ".join(["SCORE", *map(_line, sentences), _line(candidate)]))
            for candidate, sentences in zip(candidates, references, strict=True)
        ]
        _ask(program, " ||| ".join(["EVAL", *statistics]))  # answers with a line per caption, the first one here
        *_, last = program.communicate()[0].splitlines()
    return float(last)


def _line(words: Words) -> str:
    return " ".join(words) or "_"  # an empty field would shift the others


def _ask(program: subprocess.Popen[str], question: str) -> str:
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(question + "\n")
    answer = program.stdout.readline()
    if not answer:
        raise ValueError("it ended early")
    return answer.rstrip("\n")
