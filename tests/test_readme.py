"""The README says what the code does."""

import re
import subprocess
import sys

import click
import pytest
import reference
from conftest import REPOSITORY

from photocap.cli import COMMANDS

SUMMARIES = {name: summary for section in COMMANDS.values() for name, summary in section.items()}
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_the_generated_parts_are_up_to_date():
    pages = sorted((REPOSITORY / "docs").glob("*.md"))
    command = [sys.executable, "-m", "cogapp", "--check", "--diff", *pages]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, f"run `make docs`\n{done.stdout}{done.stderr}"


def test_every_command_file_is_in_the_group():
    commands = REPOSITORY / "photocap" / "cli" / "commands"
    assert {path.stem for path in commands.glob("*.py")} - {"__init__"} == set(SUMMARIES)


@pytest.mark.parametrize("name", SUMMARIES)
def test_the_help_of_a_command_leads_with_an_example(name):
    paragraphs = reference.help_of(name).split("\n\n")
    assert re.sub(r"\s+", " ", paragraphs[0]) == SUMMARIES[name]
    assert paragraphs[1].startswith("\b\n")
    examples = reference.examples(name)
    assert examples
    assert all(re.search(rf"\bphotocap ({'|'.join(SUMMARIES)})\b", example) for example in examples)


@pytest.mark.parametrize("name", SUMMARIES)
def test_every_option_says_what_it_does(name):
    command = reference.command(name)
    for this in command.commands.values() if isinstance(command, click.Group) else [command]:
        for option in this.params:
            assert isinstance(option, click.Argument) or option.help, f"{name}: {option.opts}"


@pytest.mark.parametrize("name", SUMMARIES)
def test_every_option_in_an_example_exists(name):
    for example in reference.examples(name):
        used = re.search(r"photocap ([a-z]+)(?: ([a-z]+))?(.*)", example)
        this = reference.command(used[1])
        if isinstance(this, click.Group):
            this = this.commands[used[2]]
        known = {name for option in this.params for name in (*option.opts, *option.secondary_opts)}
        typed = re.findall(r"(?<=\s)(-[\w-]+)", re.split(r"[|>]", used[3])[0])
        if used[1] != "search":  # where -word is a part of the query
            assert set(typed) <= known | {"--help"}, example


PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_file_that_a_page_names_exists(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_photocap_command_on_a_page_exists(page):
    text = page.read_text(encoding="utf-8")
    typed = "".join(re.findall(r"```(?:sh|console)\n(.*?)```", text, re.DOTALL))
    for name in re.findall(r"^(?:\$ )?photocap ([a-z]+)", typed, re.MULTILINE) + re.findall(
        r"`photocap ([a-z]+)", text
    ):
        assert name in SUMMARIES


def test_the_readme_is_short():
    assert len(README.encode()) < 7_000
