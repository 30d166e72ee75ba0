"""The same targets under atheris, which is guided by what code an input reaches (Linux; `pip install atheris`).

    PYTHONPATH=.:tests:examples python -m fuzz.with_atheris photo CORPUS -max_total_time=600

The corpus is filled with the seeds first. libFuzzer's options follow the folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["photocap"]):
    from fuzz import harness, seeds


def _fill(corpus: Path, target: str) -> list[str]:
    """Write the seeds, each after a byte that stands for a name; return the names."""
    photos = seeds.photos()
    names = sorted(photos) if target == "photo" else [target]
    corpus.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        data = [photos[name]] if target == "photo" else seeds.others()[target]
        for place, content in enumerate(data):
            (corpus / f"{name}-{place}").write_bytes(bytes([number]) + content)
    return names


def main() -> None:
    """Run libFuzzer on one target."""
    target, corpus = sys.argv[1], Path(sys.argv[2])
    names = _fill(corpus, target)

    def run(data: bytes) -> None:
        harness.check(target, names[data[0] % len(names)] if data else names[0], data[1:])

    atheris.Setup([sys.argv[0], *sys.argv[2:]], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
