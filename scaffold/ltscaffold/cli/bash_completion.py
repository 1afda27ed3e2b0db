"""The completion of bash as one static script: a Tab starts no Python.

Commands, options and the names of the newest templates are in it; the shell itself reads the
components of a project from its record. Other shells use Typer's scripts, which start Python.
"""

import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from typer import _completion_shared

from ltscaffold.record.answers import ANSWERS_FILE

COMPONENTS = "$components"
"""The variable of the script with the names of components."""
SCRIPT = r"""%(complete_func)s() {
    local typed=$2 previous=$3 command=%(prog_name)s kind=names project=. word last= words=
    local components
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ $word == = ]] && continue  # readline splits --project=folder there
        case $last in -C | --project) project=$word ;; esac
        case "$command $word" in
            {commands}) command+=" $word" ;;
        esac
        last=$word
    done
    [[ $project == "~/"* ]] && project=$HOME/${project:2}
    # Names only: compgen expands its words, so that a `$(...)` of a record would run.
    components=$(sed -n 's/.*"name": "\([a-z0-9_]*\)".*/\1/p' "$project"/{record} 2> /dev/null)
    case $typed in -*) kind=options ;; esac
    case "$command $previous" in
{values}
        *)
            case "$command $kind" in
{words}
            esac
            ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$typed"))
}
complete -o default -F %(complete_func)s %(prog_name)s"""
"""The script, in Typer's format; a line of `values` or `words` is a pattern with its words."""


def use_static_script(app: typer.Typer) -> None:
    """Let `--install-completion` and `--show-completion` write the static script for bash."""
    _completion_shared._completion_scripts["bash"] = static_script(app)


def static_script(app: typer.Typer) -> str:
    """Return the script, in which Typer replaces the name of the program."""
    commands = dict(commands_of(typer.main.get_command(app), "ltscaffold"))
    values, words = list[str](), list[str]()
    with tempfile.TemporaryDirectory() as empty:
        for path, command in commands.items():
            options = list[str]()
            names = [
                each.rpartition(" ")[2] for each in commands if each.rpartition(" ")[0] == path
            ]
            context = command.make_context(None, [], resilient_parsing=True)
            context.params["project"] = empty
            for parameter in command.get_params(context):
                known = _names(context, parameter)
                if parameter.param_type_name == "argument":
                    names += known
                else:
                    options += sorted(parameter.opts)  # Click keeps those of the help in a set
                    for option in () if parameter.is_flag else parameter.opts:
                        values.append(_line(f"{path} {option}", known))
            words += [_line(f"{path} options", options), _line(f"{path} names", names)]
    patterns = " | ".join(f'"{path}"' for path in [*commands][1:])
    script = SCRIPT.replace("{commands}", patterns).replace("{record}", ANSWERS_FILE)
    indented = "\n".join(words).replace("\n", "\n        ")
    return script.replace("{values}", "\n".join(values)).replace("{words}", f"        {indented}")


def commands_of(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield a command and those below it, except hidden ones, by the words that start them.

    Args:
        command: the command, or a group of commands.
        path: the words that start it.
    """
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        if not each.hidden:
            yield from commands_of(each, f"{path} {name}")


def _names(context: Any, parameter: Any) -> list[str]:
    """Return the names that a parameter takes; `COMPONENTS` among them for those of a project.

    Args:
        context: of the command, in an empty project: the names are those of the templates.
        parameter: an argument or an option of the command.
    """
    names = [item.value for item in parameter.shell_complete(context, "")]
    completes = parameter._custom_shell_complete is not None
    return [*names, COMPONENTS] if completes and (not names or parameter.name == "base") else names


def _line(pattern: str, words: Sequence[str]) -> str:
    return f'        "{pattern}") words="{" ".join(words)}" ;;'
