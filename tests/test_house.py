"""What holds the house together: floors, the outside libraries' owners, a light `--help`."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest
from conftest import REPOSITORY

PACKAGE = REPOSITORY / "photocap"

# Who may import what from outside; names of types, imported for type checkers only, are everybody's.
OWNERS = {
    "PIL": {"caption_data", "photos"},
    "click": {"cli"},
    "matplotlib": {"training"},
    "pathspec": {"photos"},
    "piexif": {"metadata", "photos"},
    "pillow_heif": {"photos"},
    "pillow_jxl": {"photos"},
    "platformdirs": {"cli"},
    "rawpy": {"photos"},
    "rich": {"cli"},
    "safetensors": {"checkpoint", "text_encoder", "training"},
    "sqlite3": {"index"},
    "sqlite_utils": {"index"},
    "torch": {"model", "engine", "checkpoint", "caption_data", "captioner", "training", "evaluation"},
    "torchvision": {"model", "training"},
}


def imports_of(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{a.name}" for a in node.names] if node.module == "photocap" else [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if node not in for_types or name.startswith("photocap"))


def room_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def source_files():
    return [path for path in sorted(PACKAGE.rglob("*.py")) if room_of(path) not in ("__init__", "__main__")]


def inside_imports():
    """Return each room (module or package of the house) with the other rooms it imports."""
    rooms = {room_of(path): set() for path in source_files()}
    for path in source_files():
        imported = {name.split(".")[1] for name in imports_of(path) if name.startswith("photocap.")}
        rooms[room_of(path)] |= imported - {room_of(path), "__version__"}
    return rooms


@pytest.fixture(scope="module")
def floors():
    """Return the floor of each room as the plan in the README draws it; the ground is 0."""
    plan = re.findall(
        r"^(ROOF|FLOOR \d|GROUND) +\| ([\w ]+)", (REPOSITORY / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    height = {room: len(plan) - number for number, (_, rooms) in enumerate(plan, 1) for room in rooms.split()}
    assert height["cli"] == len(plan) - 1 >= 3
    assert height["errors"] == 0
    return height


def test_every_room_is_on_the_plan(floors):
    assert set(floors) == set(inside_imports())


def test_a_room_imports_only_from_floors_below(floors):
    for room, imported in inside_imports().items():
        for other in imported:
            below = floors[other] < floors[room] or floors[other] == floors[room] == 0
            assert below, f"{room} (floor {floors[room]}) imports {other} (floor {floors[other]})"


def test_there_are_no_circles():
    TopologicalSorter(inside_imports()).prepare()  # raises CycleError


def test_the_ground_floor_needs_the_standard_library_only(floors):
    for path in source_files():
        if floors[room_of(path)] == 0:
            outside = {name.split(".")[0] for name in imports_of(path)} - set(sys.stdlib_module_names)
            assert outside <= {"photocap"}, path


def test_each_outside_library_has_its_owners():
    for path in source_files():
        for name in imports_of(path):
            library = name.split(".")[0]
            assert room_of(path) in OWNERS.get(library, {room_of(path)}), f"{path} imports {library}"


def test_all_sql_is_in_the_index():
    statement = re.compile(r"\b(SELECT .* FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE|PRAGMA \w+)\b")
    for path in source_files():
        if room_of(path) != "index":
            assert not statement.search(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["config"], ["search", "--help"]])
def test_light_commands_import_nothing_heavy(arguments):
    code = (
        "import sys; from photocap.cli import group\n"
        f"try: group.main({arguments!r}, standalone_mode=False)\n"
        "finally: print('heavy:', sorted({'torch', 'numpy', 'PIL', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.strip() == "heavy: []"


def test_the_lower_bounds_are_those_that_were_tried():
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    dependencies = re.search(r"^dependencies = \[\n(.*?)^\]", project, re.MULTILINE | re.DOTALL)[1]
    bounds = set(re.findall(r'^ +"([\w-]+)>=([\d.]+)', dependencies, re.MULTILINE))
    tried = re.findall(r"^([\w-]+)==([\d.]+)$", (REPOSITORY / "tests" / "lowest.txt").read_text(), re.MULTILINE)
    assert bounds == set(tried)
