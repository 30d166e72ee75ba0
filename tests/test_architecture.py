"""The architecture: layers, owners of outside libraries, names, light commands."""

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
    "PIL": {"captioning", "evaluation", "library/batch", "metadata", "photos", "training"},
    "anyio": {"web"},
    "click": {"cli"},
    "fsspec": {"library/batch"},
    "jinja2": {"web"},
    "matplotlib": {"training"},
    "onnxruntime": {"captioning"},
    "pathspec": {"photos"},
    "pillow_heif": {"photos"},
    "pillow_jxl": {"photos"},
    "platformdirs": {"cli"},
    "pyarrow": {"library/batch"},
    "rawpy": {"photos"},
    "ray": {"library/batch"},
    "rich": {"cli"},
    "safetensors": {"captioning", "training"},
    "sqlite3": {"index"},
    "sqlite_utils": {"index"},
    "starlette": {"web"},
    "torch": {"captioning", "training", "evaluation"},
    "transformers": {"captioning"},
    "torchvision": {"captioning", "training"},
    "uvicorn": {"web"},
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


def package_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def source_files():
    return [path for path in sorted(PACKAGE.rglob("*.py")) if package_of(path) not in ("__init__", "__main__")]


def package_imports():
    """Return each package (or module at the root) with the others that it imports."""
    packages = {package_of(path): set() for path in source_files()}
    for path in source_files():
        imported = {name.split(".")[1] for name in imports_of(path) if name.startswith("photocap.")}
        packages[package_of(path)] |= imported - {package_of(path), "__version__"}
    return packages


@pytest.fixture(scope="module")
def layers():
    """Return the layer of each package as docs/architecture.md lists it; 0 is the lowest."""
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^LAYER (\d) \| ([\w ]+) \|", text, re.MULTILINE)
    assert [int(layer) for layer, _ in rows] == list(reversed(range(len(rows))))
    return {package: int(layer) for layer, packages in rows for package in packages.split()}


def test_every_package_has_a_layer(layers):
    assert set(layers) == set(package_imports())


def test_the_root_holds_packages_and_what_all_of_them_share():
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert modules == {"errors", "records", "tokenizer"}
    assert len({package_of(path) for path in source_files()} - modules) <= 15


def test_a_package_imports_only_from_layers_below(layers):
    for package, imported in package_imports().items():
        for other in imported:
            below = layers[other] < layers[package] or layers[other] == layers[package] == 0
            assert below, f"{package} (layer {layers[package]}) imports {other} (layer {layers[other]})"


def test_there_are_no_cycles():
    TopologicalSorter(package_imports()).prepare()  # raises CycleError


def test_the_lowest_layer_needs_the_standard_library_only(layers):
    for path in source_files():
        if layers[package_of(path)] == 0:
            outside = {name.split(".")[0] for name in imports_of(path)} - set(sys.stdlib_module_names)
            assert outside <= {"photocap", "PIL"}, path  # PIL: a type of the captioner's protocol


def test_each_outside_library_has_its_owners():
    for path in source_files():
        for name in imports_of(path):
            owners = OWNERS.get(name.split(".")[0], {""})
            assert any(path.is_relative_to(PACKAGE / owner) for owner in owners), f"{path} imports {name}"


def test_the_picture_hash_shares_no_code_with_the_verification_of_a_write():
    finders = [path for path in (PACKAGE / "formats").glob("*.py") if path.stem.endswith("_picture")]
    assert len(finders) >= 3
    for path in [*finders, PACKAGE / "formats" / "spans.py"]:
        inside = {name for name in imports_of(path) if name.startswith("photocap")}
        assert inside <= {"photocap.formats.spans"}, path
    found = {node.name for path in finders for node in ast.parse(path.read_text("utf-8")).body if hasattr(node, "name")}
    for path in set((PACKAGE / "formats").glob("*.py")) - set(finders):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name != "picture_spans":
                used = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
                assert not {name for name in used & found if name.endswith("_picture")}, f"{path}: {node.name}"


def test_all_sql_is_in_the_index():
    statement = re.compile(r"\b(SELECT .* FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE|PRAGMA \w+)\b")
    for path in source_files():
        if package_of(path) != "index":
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


def test_a_search_imports_no_decoder_and_no_network(tmp_path):
    code = (
        "import sys; from pathlib import Path; from photocap.cli import group; from photocap.index import PhotoIndex\n"
        "heavy = {'torch', 'onnxruntime', 'PIL', 'pillow_heif', 'pathspec', 'sqlite_utils'}\n"
        "if sys.argv[1] == 'make': PhotoIndex.open(Path(sys.argv[2]), create=True).close()\n"
        "else:\n"
        "    group.main(['search', 'dog', '--db', sys.argv[2]], standalone_mode=False)\n"
        "    print('heavy:', sorted(heavy & set(sys.modules)))"
    )
    for task in ("make", "search"):
        arguments = [sys.executable, "-c", code, task, str(tmp_path / "index.db")]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=True)
    assert "heavy: []" in done.stdout


def test_the_lower_bounds_are_those_that_were_tried():
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    bounds = set(re.findall(r'"([\w-]+)>=([\d.]+)["; ]', project))
    needed = re.search(r"^dependencies = \[\n(.*?)^\]", project, re.MULTILINE | re.DOTALL)[1]
    tried = re.findall(r"^([\w-]+)==([\d.]+)$", (REPOSITORY / "tests" / "lowest.txt").read_text(), re.MULTILINE)
    assert set(tried) <= bounds
    assert set(re.findall(r'"([\w-]+)', needed)) <= {name for name, _ in tried}


def test_modules_are_nouns():
    allowed = {
        "captioning",
        "training",
        "indexing",
        "spelling",
        "encoding",
    }  # domains of the field, and the noun itself
    for path in source_files():
        names = {part for part in path.relative_to(PACKAGE).with_suffix("").parts if part.endswith("ing")}
        assert names <= allowed, path


def test_no_two_public_classes_share_a_name():
    homes = {}
    for path in source_files():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(str(path.relative_to(PACKAGE)))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def test_dataclasses_of_five_fields_are_built_by_keyword():
    for path in source_files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            made_by = [ast.unparse(decorator) for decorator in getattr(node, "decorator_list", [])]
            if isinstance(node, ast.ClassDef) and any(name.startswith("dataclass") for name in made_by):
                names = [ast.unparse(item.target) for item in node.body if isinstance(item, ast.AnnAssign)]
                by_keyword = "kw_only=True" in made_by[0] or "_" in names[:3]  # `_: KW_ONLY` after two of them
                assert by_keyword or len(names) < 5, f"{path}: {node.name}"
