"""`modelkiln completion`: what a shell completes, as a script of bash, zsh or fish."""

import argparse
import importlib
import shlex
from dataclasses import dataclass
from typing import Callable, Iterator, Mapping, Optional, Sequence

HELP = "Print a script that lets bash, zsh or fish complete commands and options."
EXAMPLES = (
    "completion bash > ~/.local/share/bash-completion/completions/modelkiln",
    "completion fish > ~/.config/fish/completions/modelkiln.fish",
    "completion zsh",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `modelkiln completion`."""
    parser.add_argument("shell", choices=sorted(_SCRIPTS))


def run(args: argparse.Namespace) -> int:
    """Print the script; every command is imported for it."""
    print(_SCRIPTS[args.shell](_commands()), end="")
    return 0


@dataclass(frozen=True)
class _Option:
    """names: "-o" and "--output", none for an argument without a name. help: one line. takes: whether a value follows.
    choices: of the value; without them it is a path or free."""

    names: tuple[str, ...]
    help: str
    takes: bool
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Command:
    help: str
    options: tuple[_Option, ...]

    @property
    def words(self) -> list[str]:
        """Everything that can stand in its place: options, and choices of what has no name."""
        named = [name for option in self.options for name in option.names]
        return [*named, *(choice for option in self.options if not option.names for choice in option.choices)]


def _commands() -> dict[str, _Command]:
    from modelkiln.cli.main import COMMANDS  # It imports this module when this command is called.

    found = {}
    for name, module_name in COMMANDS.items():
        module = importlib.import_module(f"modelkiln.cli.{module_name}")
        parser = argparse.ArgumentParser(prog=f"modelkiln {name}")
        module.add_arguments(parser)
        formatter = parser._get_formatter()
        options = []
        for action in parser._actions:
            text = formatter._expand_help(action) if action.help and action.help != argparse.SUPPRESS else ""
            choices = tuple(map(str, action.choices or ()))
            options.append(_Option(tuple(action.option_strings), _short(text), action.nargs != 0, choices))
        found[name] = _Command(_short(module.HELP), tuple(options))
    return found


def _short(text: str) -> str:
    """The first clause of a help text, in one line."""
    line = " ".join(text.split()).split(";")[0].split(" (")[0].rstrip(".")
    return line if len(line) <= 70 else line[:69].rstrip() + "…"


def _bash(commands: Mapping[str, _Command]) -> str:
    """Values without choices, and arguments without names, are completed as paths, by `-o default`."""
    cases = "".join(
        f"        {name}) words={shlex.quote(' '.join(command.words))} ;;\n" for name, command in commands.items()
    )
    values = "".join(
        f"        {name}:{option}) words={shlex.quote(' '.join(choices))} ;;\n"
        for name, option, choices in _choices(commands)
    )
    free = " | ".join(f"{name}:{option}" for name, option in _free(commands))
    return f"""\
# bash completion of modelkiln, by `modelkiln completion bash`.
_modelkiln() {{
    local words="" current="${{COMP_WORDS[COMP_CWORD]}}"
    if ((COMP_CWORD == 1)); then
        words={shlex.quote(" ".join([*commands, "--version", "--help"]))}
    else
        case "${{COMP_WORDS[1]}}" in
{cases}        esac
        case "${{COMP_WORDS[1]}}:${{COMP_WORDS[COMP_CWORD - 1]}}" in
{values}        {free}) words="" ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -o default -F _modelkiln modelkiln
"""


def _choices(commands: Mapping[str, _Command]) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Of options whose value is one of some: the command, the option, and the values."""
    for name, command in commands.items():
        for option in command.options:
            if option.choices:
                yield from ((name, one, option.choices) for one in option.names)


def _free(commands: Mapping[str, _Command]) -> Iterator[tuple[str, str]]:
    """Of options with any other value: the command and the option."""
    for name, command in commands.items():
        for option in command.options:
            if option.takes and not option.choices:
                yield from ((name, one) for one in option.names)


def _zsh(commands: Mapping[str, _Command]) -> str:
    listed = "".join(f"    {_quoted(f'{name}:{command.help}')}\n" for name, command in commands.items())
    cases = "".join(
        f"    {name}) _arguments {' '.join(_zsh_specs(command))} ;;\n" for name, command in commands.items()
    )
    return f"""\
#compdef modelkiln
# zsh completion of modelkiln, by `modelkiln completion zsh`; to be called `_modelkiln` in a folder of $fpath.
_modelkiln() {{
  if ((CURRENT == 2)); then
    local -a commands=(
{listed}    )
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT -= 1))
  case $command in
{cases}  esac
}}
compdef _modelkiln modelkiln
"""


def _zsh_specs(command: _Command) -> Iterator[str]:
    """What `_arguments` takes for each option; see zshcompsys(1)."""
    for option in command.options:
        value = f":value:{_zsh_value(option)}" if option.takes else ""
        if not option.names:
            yield _quoted(f"*:{_plain(option.help) or 'value'}:{_zsh_value(option)}")
        for one in option.names:
            yield _quoted(f"{one}[{_plain(option.help)}]{value}")


def _zsh_value(option: _Option) -> str:
    return f"({' '.join(option.choices)})" if option.choices else "_files"


def _plain(text: str) -> str:
    """Text without what ends a part of a specification."""
    return text.replace("[", "(").replace("]", ")").replace(":", " ")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish(commands: Mapping[str, _Command]) -> str:
    lines = ["# fish completion of modelkiln, by `modelkiln completion fish`."]
    for name, command in commands.items():
        lines.append(f"complete -c modelkiln -f -n __fish_use_subcommand -a {name} -d {_fish_text(command.help)}")
    for name, command in commands.items():
        start = f"complete -c modelkiln -n '__fish_seen_subcommand_from {name}'"
        for option in command.options:
            lines += [" ".join([start, *parts]) for parts in [_fish_parts(option)] if parts]
    return "\n".join(lines) + "\n"


def _fish_parts(option: _Option) -> Optional[list[str]]:
    if not option.names:
        return ["-f", "-a", _fish_text(" ".join(option.choices))] if option.choices else None
    parts = [f"-l {one[2:]}" if one.startswith("--") else f"-s {one[1:]}" for one in option.names]
    if option.choices:
        parts += ["-x", "-a", _fish_text(" ".join(option.choices))]
    elif option.takes:
        parts += ["-r", "-F"]
    return [*parts, "-d", _fish_text(option.help)]


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_SCRIPTS: Mapping[str, Callable[[Mapping[str, _Command]], str]] = {"bash": _bash, "fish": _fish, "zsh": _zsh}
