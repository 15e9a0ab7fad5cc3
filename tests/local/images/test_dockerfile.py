"""What is read from a Dockerfile, and what is refused in one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.errors import UserError
from local.images.dockerfile import parse

HEAD = "ARG BASE\nFROM ${BASE}\n"
PATHS = st.from_regex(r"[a-z0-9][a-z0-9_./*-]{0,20}", fullmatch=True).filter(lambda path: ".." not in path)
FLAGS = st.lists(st.sampled_from(["--chown=65532:65532", "--chmod=0755", "--chown=app"]), max_size=2)


def sources(text: str) -> tuple[str, ...]:
    return parse(HEAD + text, where="images/x/Dockerfile").sources


@given(st.lists(PATHS, min_size=1, max_size=5, unique=True), FLAGS, st.sampled_from(["COPY", "copy", "ADD"]))
def test_every_source_is_found_in_either_form(paths: list[str], flags: list[str], word: str) -> None:
    shell = " ".join([word, *flags, *paths, "/app/"])
    listed = " ".join([word, *flags, json.dumps([*paths, "/app/"])])
    assert sources(shell) == sources(listed) == tuple(paths)


@given(st.lists(PATHS, min_size=1, max_size=5, unique=True))
def test_a_line_may_be_continued_and_commented(paths: list[str]) -> None:
    assert sources("COPY \\\n" + "".join(f"  {path} \\\n  # why\n" for path in paths) + "  /app/\n") == tuple(paths)


def test_copies_from_a_stage_are_no_inputs() -> None:
    assert sources("COPY --chown=1:1 --from=build /opt/x /opt/x\nCOPY a /a\n") == ("a",)


def test_build_arguments_of_all_stages() -> None:
    text = "# comment first\nARG BASE\nARG BUILDER\nFROM ${BUILDER} AS b\nARG LEVEL=3\nFROM ${BASE}\n"
    assert parse(text, where="f").args == {"BASE", "BUILDER", "LEVEL"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ADD https://example.com/x /x", "address"),
        ("ADD git@example.com:x.git /x", "address"),
        ("COPY $SRC /x", "variable"),
        ("COPY ${SRC}/y /x", "variable"),
        ("COPY <<EOF /x", "heredoc"),
        ("COPY ../secrets /x", "leaves"),
        ("COPY a/../../b /x", "leaves"),
        ("COPY alone", "destination"),
        ('COPY ["a", /x]', "JSON"),
        ('COPY ["a", 1]', "strings"),
    ],
)
def test_a_source_that_cannot_be_known_is_refused_with_its_line(line: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        sources(f"RUN true\n{line}\n")
    assert caught.value.where == "images/x/Dockerfile:4"
    assert said in caught.value.what


@pytest.mark.parametrize("text", ["", "# nothing\n", "FROM scratch\n", "FROM x\nARG BASE\n", "ARG OTHER\n"])
def test_the_base_must_be_an_argument(text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(text, where="f")
    assert "ARG BASE" in (caught.value.allowed or "")


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        found = parse(f"ARG BASE\n{text}", where="f")
    except UserError as error:
        assert error.where is not None
    else:
        assert "BASE" in found.args
