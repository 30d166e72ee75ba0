"""Real, freely licensed photographs that packages from the registry carry; found without importing the packages."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

# What is in each picture, for people; see the README files beside the pictures for authors and licences.
IN_PACKAGES = {
    "skimage/data": {
        "chelsea.png": "a cat",
        "astronaut.png": "a woman in a space suit before a flag",
        "coffee.png": "a cup of coffee on a table",
        "rocket.jpg": "a rocket on its launch pad",
        "motorcycle_left.png": "a motorcycle in a garage",
    },
    "sklearn/datasets/images": {
        "china.jpg": "a temple",
        "flower.jpg": "a dahlia",
    },
    "matplotlib/mpl-data/sample_data": {
        "grace_hopper.jpg": "a woman in uniform before a flag",
    },
}


def sample_photos() -> list[Path]:
    """Return the sample photographs that are installed here."""
    found = []
    for folder, names in IN_PACKAGES.items():
        package, _, inner = folder.partition("/")
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations or []) if spec else []:
            found += [path for path in (Path(place) / inner / name for name in names) if path.is_file()]
    return found


def copy_sample_photos(folder: Path) -> list[Path]:
    """Copy the sample photographs into a folder; return the copies."""
    folder.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copy(path, folder)) for path in sample_photos()]
