"""Rules that are called by name, run by Pants' engine, whatever its release."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pants.engine.console import Console
from pants.engine.environment import EnvironmentName
from pants.engine.fs import CreateDigest, DigestContents, FileContent, MergeDigests, PathGlobs
from pants.engine.goal import Goal, GoalSubsystem
from pants.engine.process import InteractiveProcess
from pants.engine.rules import collect_rules, goal_rule
from pants.engine.unions import UnionRule, union
from pants.testutil.rule_runner import QueryRule, RuleRunner, mock_console

from pants_modelkiln.compat import calls
from pants_modelkiln.compat.calls import (
    concurrently,
    create_digest,
    get_digest_contents,
    implicitly,
    merge_digests,
    rule,
    run_interactive_process,
)


@dataclass(frozen=True)
class Word:
    text: str


@dataclass(frozen=True)
class Length:
    value: int


@dataclass(frozen=True)
class Report:
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Words:
    texts: tuple[str, ...]


@union(in_scope_types=[EnvironmentName])
@dataclass(frozen=True)
class Shape:
    size: int


@dataclass(frozen=True)
class Square(Shape):
    pass


@dataclass(frozen=True)
class Circle(Shape):
    pass


@dataclass(frozen=True)
class Area:
    text: str


@rule
async def measure(word: Word) -> Length:
    return Length(len(word.text))


@rule(polymorphic=True)
async def area(shape: Shape) -> Area:
    raise NotImplementedError


@rule
async def area_of_square(shape: Square) -> Area:
    return Area(f"{shape.size**2}")


@rule
async def area_of_circle(shape: Circle) -> Area:
    return Area(f"{shape.size**2} pi")


async def _written(text: str) -> DigestContents:
    first, second = await concurrently(
        create_digest(CreateDigest([FileContent(f"{text}-{number}", text.encode())])) for number in (1, 2)
    )
    return await get_digest_contents(await merge_digests(MergeDigests([first, second])))


@rule
async def report(words: Words) -> Report:
    texts = words.texts
    one = await measure(Word(texts[0]))
    two = await measure(**implicitly(Word(texts[1])))
    word = Word(texts[2])
    three = await measure(**implicitly({word: Word}))
    made = await concurrently([measure(Word("length")), _written("a"), measure(Word("x")), _written("b")])
    shapes = await concurrently(area(**implicitly({shape: Shape})) for shape in (Square(3), Circle(2)))
    found = await get_digest_contents(**implicitly(PathGlobs(["notes/*.txt"])))
    return Report(
        (
            f"{one.value} {two.value} {three.value}",
            f"{made[0].value} {made[2].value}",
            " ".join(file.path for contents in (made[1], made[3]) for file in contents),
            " ".join(shape.text for shape in shapes),
            " ".join(file.path for file in found),
        )
    )


class AskSubsystem(GoalSubsystem):
    name = "ask"
    help = "Run a process in the foreground."


class Ask(Goal):
    subsystem_cls = AskSubsystem
    environment_behavior = Goal.EnvironmentBehavior.LOCAL_ONLY


@goal_rule
async def ask(console: Console) -> Ask:
    result = await run_interactive_process(InteractiveProcess(argv=("/bin/sh", "-c", "exit 7")))
    return Ask(exit_code=result.exit_code)


@pytest.fixture
def runner():
    """Return an engine with the rules of this module."""
    return RuleRunner(
        rules=[
            *collect_rules(globals()),
            UnionRule(Shape, Square),
            UnionRule(Shape, Circle),
            QueryRule(Report, [Words]),
        ]
    )


def test_rules_are_called_in_every_way_that_pants_has(runner):
    """By position, by a value's type or a named type, several at once, through a union and with Pants' own."""
    runner.write_files({"notes/a.txt": "1", "notes/b.txt": "2"})
    found = runner.request(Report, [Words(("a", "bc", "def"))])
    assert ("1 2 3", "6 1", "a-1 a-2 b-1 b-2", "9 4 pi", "notes/a.txt notes/b.txt") == found.lines


def test_a_goal_runs_a_process_in_the_foreground(runner):
    """What 2.17 calls an effect: the exit code is the process's."""
    with mock_console(runner.options_bootstrapper):
        assert 7 == runner.run_goal_rule(Ask).exit_code


@pytest.mark.skipif(calls.HAS_CALLS_BY_NAME, reason="Pants itself calls rules by name")
def test_a_call_with_more_than_one_argument_is_refused():
    """A rule of newer releases may take several by position, for which 2.17 has no Get."""
    word = Word("a")
    for wrong in (lambda: measure(word, word), lambda: measure(word, **implicitly(word)), lambda: measure(word=word)):
        with pytest.raises(TypeError, match="first argument by position"):
            wrong()


def test_every_name_is_there():
    """All that the module hands on exists in the release of Pants that runs this."""
    assert [] == [name for name in calls.__all__ if not hasattr(calls, name)]
