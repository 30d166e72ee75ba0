"""The README says what the code does."""

import re
import subprocess
import sys

import click
import pytest
import readme_parts
from conftest import REPOSITORY

from photocap.cli import COMMANDS

SUMMARIES = {name: summary for section in COMMANDS.values() for name, summary in section.items()}
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_the_generated_parts_are_up_to_date():
    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", "--diff", "README.md"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"run `make readme`\n{done.stdout}{done.stderr}"


def test_every_command_file_is_in_the_group():
    files = {p.stem for p in (REPOSITORY / "photocap" / "cli" / "commands").glob("*.py") if "def command(" in p.read_text("utf-8")}
    assert files == set(SUMMARIES)


@pytest.mark.parametrize("name", SUMMARIES)
def test_the_help_of_a_command_leads_with_an_example(name):
    paragraphs = readme_parts.help_of(name).split("\n\n")
    assert re.sub(r"\s+", " ", paragraphs[0]) == SUMMARIES[name]
    assert paragraphs[1].startswith("\b\n")
    examples = readme_parts.examples(name)
    assert examples
    assert all(re.search(rf"\bphotocap ({'|'.join(SUMMARIES)})\b", example) for example in examples)


@pytest.mark.parametrize("name", SUMMARIES)
def test_every_option_says_what_it_does(name):
    command = readme_parts.command(name)
    for this in command.commands.values() if isinstance(command, click.Group) else [command]:
        for option in this.params:
            assert isinstance(option, click.Argument) or option.help, f"{name}: {option.opts}"


@pytest.mark.parametrize("name", SUMMARIES)
def test_every_option_in_an_example_exists(name):
    for example in readme_parts.examples(name):
        used = re.search(r"photocap ([a-z]+)(?: ([a-z]+))?(.*)", example)
        this = readme_parts.command(used[1])
        if isinstance(this, click.Group):
            this = this.commands[used[2]]
        known = {name for option in this.params for name in (*option.opts, *option.secondary_opts)}
        typed = re.findall(r"(?<=\s)(-[\w-]+)", re.split(r"[|>]", used[3])[0])
        if used[1] != "search":  # where -word is a part of the query
            assert set(typed) <= known | {"--help"}, example


def test_every_file_the_readme_names_exists():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (REPOSITORY / target).exists(), target


def test_every_photocap_command_in_the_readme_exists():
    typed = "".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
    for name in re.findall(r"^photocap ([a-z]+)", typed, re.MULTILINE) + re.findall(r"`photocap ([a-z]+)", README):
        assert name in SUMMARIES
