"""The completion of bash, zsh and fish as one static script: a Tab starts no Python.

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
BASH = r"""%(complete_func)s() {
    local typed=$2 previous=$3 command=%(prog_name)s kind=names project=. word last= words=
    local components
    for word in "${COMP_WORDS[@]:1:$((COMP_CWORD - 1))}"; do
        [[ $word == = ]] && continue  # readline splits --project=folder there
        case $last in -C | --project) project=$word ;; esac
        case $word in --project=*) project=${word#*=} ;; esac
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
ZSH = f"""#compdef %(prog_name)s
autoload -U +X bashcompinit && bashcompinit
{BASH}
# The first Tab loads this file as a function, and expects words at once.
if [[ ${{funcstack[1]}} == _%(prog_name)s ]]; then
    _bash_complete -o default -F %(complete_func)s
fi"""
FISH = r"""function %(complete_func)s
    set -l typed (commandline -ct)
    set -l command %(prog_name)s
    set -l kind names
    set -l project .
    set -l last
    set -l words
    for word in (commandline -opc)[2..]
        switch "$last"
            case -C --project
                set project $word
        end
        string match -q -- '--project=*' $word
        and set project (string replace -- --project= '' $word)
        switch "$command $word"
            case {commands}
                set command "$command $word"
        end
        set last $word
    end
    set project (string replace -r '^~/' $HOME/ $project)
    set -l components (sed -n 's/.*"name": "\([a-z0-9_]*\)".*/\1/p' $project/{record} 2> /dev/null)
    string match -q -- '-*' $typed; and set kind options
    switch "$command $last"
{values}
        case '*'
            switch "$command $kind"
{words}
            end
    end
    if set -q words[1]
        printf '%%s\n' $words
    else
        __fish_complete_path $typed
    end
end
complete -c %(prog_name)s -f -a '(%(complete_func)s)'"""
CASE = '        "{pattern}") words="{words}" ;;'
STYLES = {
    "bash": (BASH, " | ", CASE),
    "zsh": (ZSH, " | ", CASE),
    "fish": (FISH, " ", '        case "{pattern}"\n            set words {words}'),
}
"""Shell → its script, what is between two patterns, and a pattern with its words."""


def use_static_scripts(app: typer.Typer) -> None:
    """Let `--install-completion` and `--show-completion` write the static scripts."""
    commands = dict(commands_of(typer.main.get_command(app), "ltscaffold"))
    values, words = names_by_pattern(commands)
    for shell, (script, between, line) in STYLES.items():
        patterns = between.join(f'"{path}"' for path in [*commands][1:])
        filled = script.replace("{commands}", patterns).replace("{record}", ANSWERS_FILE)
        for place, table, indent in (("{values}", values, ""), ("{words}", words, " " * 8)):
            lines = "\n".join(
                line.format(pattern=pattern, words=" ".join(names)).rstrip()
                for pattern, names in table.items()
            )
            filled = filled.replace(place, indent + lines.replace("\n", f"\n{indent}"))
        _completion_shared._completion_scripts[shell] = filled


def names_by_pattern(
    commands: dict[str, Any],
) -> tuple[dict[str, Sequence[str]], dict[str, Sequence[str]]]:
    """Return the words after an option that takes a value, and those after any other word.

    Args:
        commands: every command, by the words that start it.

    Returns:
        `<command> <option>` → the values of the option; and `<command> options` and
        `<command> names` → the options, and the arguments and further commands.
    """
    values, words = dict[str, Sequence[str]](), dict[str, Sequence[str]]()
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
                        values[f"{path} {option}"] = known
            words |= {f"{path} options": options, f"{path} names": names}
    return values, words


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
    if parameter._custom_shell_complete is None:
        return names
    by_task = (context.command.name, parameter.name) == ("new-task", "base")
    return [*names, COMPONENTS] if by_task or not names else names
