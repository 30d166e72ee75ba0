"""The tutorial runs as it stands."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
import torch

TUTORIAL = Path(__file__).parent.parent / "docs" / "tutorial.md"


def test_the_tutorial_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    text = re.sub("^```.*$", "", TUTORIAL.read_text(encoding="utf-8"), flags=re.MULTILINE)
    page = doctest.DocTestParser().get_doctest(text, {}, TUTORIAL.name, str(TUTORIAL), 0)
    threads = torch.get_num_threads()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    failed = runner.run(page, clear_globs=False).failed
    torch.set_num_threads(threads)
    assert failed == 0, capsys.readouterr().out
    assert (page.globs["folder"] / "captions.png").stat().st_size > 10_000
