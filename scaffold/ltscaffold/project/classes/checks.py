"""Findings in a task, data module or callback: what its source and that of its bases tell."""

import ast
import re
from collections.abc import Iterator
from difflib import get_close_matches
from operator import itemgetter

from lightning_transformers.predecessor import DATA_METHODS, TASK_METHODS
from ltscaffold.project.classes.source import ClassSource, Sources
from ltscaffold.project.diagnostics import Finding
from ltscaffold.project.removed_hooks import REMOVED_HOOKS
from ltscaffold.record.component_types import DATASET, TASK

SIMILARITY = 0.8
"""Of a method's name to that of a method that the base classes have."""
NO_VALUE = re.compile(r"\b(None|Optional|STEP_OUTPUT|NoReturn)\b")
"""In the annotation of a method that may return nothing."""
MANUAL = {"training_step", "configure_optimizers"}
"""Methods that may return nothing under manual optimization."""
CUMULATIVE = re.compile(r"__init__|setup|configure_callbacks|on_\w+")
"""Methods that extend those of the base classes and do not replace them."""
SERVES = {
    "setup": "train_dataloader",
    "on_train_epoch_end": "training_step",
    "on_validation_epoch_end": "validation_step",
    "on_test_epoch_end": "test_step",
}
"""Methods of the runtime's base classes whose work is for another one only."""
STATEFUL = {"defaultdict", "Counter", "deque"}
MUTABLE = {"list", "dict", "set", "bytearray", "OrderedDict", *STATEFUL}
"""Callables that return a new mutable container."""
FORMER_METHODS = {TASK.name: TASK_METHODS, DATASET.name: DATA_METHODS}
MUTATED = (
    r"[\w()]+\.{name}"
    r"(\[[^]]*\] [-+*/|&]?= |\[[^]]*\] = | [-+*|&]= |\.(append\w*|extend\w*|insert|add|update"
    r"|setdefault|pop\w*|remove|clear|discard|sort|reverse)\()"
)
"""Code that changes a container in place; `ast.unparse` decides the spaces."""


def check_class(sources: Sources, path: str, owner: ClassSource) -> Iterator[Finding]:
    """Yield the findings in a class of a project, unless it is not one of a component.

    Args:
        sources: the classes of the project.
        path: the file of the class, for the findings.
        owner: the class.
    """
    if owner.component_type is None:
        return
    problems = (
        *former_methods(sources, owner),
        *unknown_hooks(sources, owner),
        *missing_values(sources, owner),
        *missing_super_calls(sources, owner),
        *asynchronous(owner),
        *mutable_defaults(owner),
    )
    for code, line, message in sorted(problems, key=itemgetter(1)):
        yield Finding(code, path, line, message)


Problem = tuple[str, int, str]
"""The code, the line and the message of a finding."""


def former_methods(sources: Sources, owner: ClassSource) -> Iterator[Problem]:
    """Yield the methods that only lightning-transformers called, or called otherwise."""
    former = FORMER_METHODS.get(owner.component_type or "", {})
    if not any(each.is_in("lightning_transformers") for each in owner.ancestry):
        return
    for method in owner.methods():
        name, arguments = method.name, [each.arg for each in method.args.args]
        if name in former and name not in owner.inherited and not sources.uses(name):
            message = f"nothing calls {name} any more; override {former[name]}"
            yield "former-method", method.lineno, message
        if name == "process_data" and "stage" in arguments:
            message = "process_data gets no stage any more; define process_data(self, dataset)"
            yield "former-method", method.lineno, message
        if name == "__init__" and "super().__init__(downstream_model_type" in ast.unparse(method):
            message = "__init__ passes the model type first; remove it, and set default_model_type"
            yield "former-method", method.lineno, message


def unknown_hooks(sources: Sources, owner: ClassSource) -> Iterator[Problem]:
    """Yield a problem for each method that nothing calls, with a name like that of a hook."""
    known = {*REMOVED_HOOKS[owner.component_type or ""]}
    known |= FORMER_METHODS.get(owner.component_type or "", {}).keys()
    for method in owner.methods() if owner.is_complete else ():
        name = method.name
        if name in owner.inherited or name in known or name[0] == "_" or sources.mentions(name):
            continue
        hooks = {
            name: member
            for name, (each, member) in owner.inherited.items()
            if isinstance(member, ast.FunctionDef) and not (each.is_in("torch") or name[0] == "_")
        }
        alike = [h for h in hooks if _abbreviates(name, h) or _abbreviates(f"on_{name}", h)]
        alike += get_close_matches(name, hooks, cutoff=SIMILARITY)
        near = [each for each in alike if _takes(method, hooks[each])]
        is_hook = name.startswith("on_") and not method.decorator_list
        if is_hook and not near:
            near = get_close_matches(name, hooks, n=1)
        if near:
            yield "unknown-hook", method.lineno, f"nothing calls {name}; did you mean {near[0]}?"
        elif is_hook:
            message = f"nothing calls {name}; see `ltscaffold list hooks`"
            yield "unknown-hook", method.lineno, message


def missing_values(sources: Sources, owner: ClassSource) -> Iterator[Problem]:
    """Yield a problem for each method that returns nothing where the base class returns a value."""
    own = [each for each in owner.ancestry if sources.is_own(each)]
    for method in owner.methods():
        definitions = (each.members.get(method.name) for each in owner.ancestry if each not in own)
        base = next((each for each in definitions if isinstance(each, ast.FunctionDef)), None)
        expected = ast.unparse(base.returns).strip("'") if base and base.returns else "None"
        if NO_VALUE.search(expected) or any(map(_gives_value, _own_nodes(method))):
            continue
        if method.name in MANUAL and any(
            "automatic_optimization" in ast.unparse(each.node) for each in own
        ):
            continue
        is_abstract = any("abstract" in ast.unparse(each) for each in method.decorator_list)
        raises = any(isinstance(each, ast.Raise) for each in method.body)
        if not (is_abstract or raises):
            message = f"{method.name} returns nothing, and must return {expected}"
            yield "missing-return", method.lineno, message


def missing_super_calls(sources: Sources, owner: ClassSource) -> Iterator[Problem]:
    """Yield a problem for each method that does not call `super()` and drops work of a base class.

    The work counts in methods of the runtime's classes, and in any `__init__`.
    """
    own = [each for each in owner.ancestry if sources.is_own(each)]
    replaced = {
        name
        for name, served in SERVES.items()
        if any(served in each.members and served not in each.extended for each in own)
    }
    for method in owner.methods():
        name = method.name
        if not CUMULATIVE.fullmatch(name) or name in replaced or name in owner.extended:
            continue
        bases = {
            base.node.name: member
            for base in owner.ancestry[1:]
            if base.is_in("lightning_transformers") or name == "__init__"
            if (member := base.members.get(name)) and _does_something(member)
        }
        does_it_itself = name != "__init__" and any(
            _assigned(member) & _assigned(method) for member in bases.values()
        )
        if bases and not does_it_itself:
            fact = f"{name} does not call super(), and drops {next(iter(bases))}.{name}"
            yield "missing-super", method.lineno, f"{fact}; call super().{name}(...)"


def asynchronous(owner: ClassSource) -> Iterator[Problem]:
    """Yield a problem for each coroutine that replaces a method of the base classes."""
    for name, member in owner.members.items():
        _, replaced = owner.inherited.get(name, (owner, None))
        if isinstance(member, ast.AsyncFunctionDef) and isinstance(replaced, ast.FunctionDef):
            yield "async-method", member.lineno, f"nothing awaits {name}; remove async"


def mutable_defaults(owner: ClassSource) -> Iterator[Problem]:
    """Yield a problem for each container that all instances of a class would share."""
    own = set[str]()
    if isinstance(init := owner.members.get("__init__"), ast.FunctionDef):
        own = _assigned(init)
        for default in (*init.args.defaults, *init.args.kw_defaults):
            if default and _is_mutable(default):
                yield _shared(ast.unparse(default), default.lineno, "an argument of __init__")
    for name, member in owner.members.items():
        value = member.value if isinstance(member, ast.Assign | ast.AnnAssign) else None
        if not (value and _is_mutable(value)):
            continue
        if name.isupper() or name in own or _is_constant(owner, name):
            continue
        mutation = MUTATED.replace("{name}", name)
        is_state = _is_empty(value) or re.search(mutation, ast.unparse(owner.node))
        if isinstance(member, ast.AnnAssign) or is_state:
            yield _shared(f"{name} = {ast.unparse(value)}", member.lineno, "the class")


def _shared(what: str, line: int, place: str) -> Problem:
    message = (
        f"{what} in {place} is shared by all instances; set it in __init__, or use a tuple or None"
    )
    return "mutable-default", line, message


def _abbreviates(name: str, hook: str) -> bool:
    """Return whether two names differ in abbreviated words, as `val_step` and `validation_step`."""
    words = re.sub(r"(?<![a-z])eval[a-z]*", "validation", name).split("_")
    pairs = [sorted(pair, key=len) for pair in zip(words, hook.split("_"), strict=False)]
    return len(pairs) == len(words) == hook.count("_") + 1 > 1 and all(
        long.startswith(short) and (len(short) > 2 or short == long) for short, long in pairs
    )


def _takes(method: ast.FunctionDef, hook: ast.FunctionDef) -> bool:
    """Return whether a method can be called with the arguments of a hook."""
    (least, most), (required, given) = _counts(method), _counts(hook)
    return least <= given and required <= most


def _counts(method: ast.FunctionDef) -> tuple[float, float]:
    """Return how many positional arguments a method needs and takes."""
    arguments = method.args
    count = len(arguments.posonlyargs) + len(arguments.args)
    return count - len(arguments.defaults), float("inf") if arguments.vararg else count


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes below a function, without those of functions and classes in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            yield child
            yield from _own_nodes(child)


def _gives_value(node: ast.AST) -> bool:
    if isinstance(node, ast.Return):
        return node.value is not None and ast.unparse(node.value) != "None"
    return isinstance(node, ast.Yield | ast.YieldFrom)


def _does_something(method: ast.stmt) -> bool:
    """Return whether a body has more than a docstring, `pass`, `...` and `raise`."""
    return isinstance(method, ast.FunctionDef) and any(
        not isinstance(each, ast.Pass | ast.Raise)
        and not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        for each in method.body
    )


def _assigned(method: ast.stmt) -> set[str]:
    """Return the attributes that a method sets."""
    return {
        node.attr
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }


def _is_mutable(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return ast.unparse(value.func).rpartition(".")[2] in MUTABLE
    comprehensions = ast.ListComp | ast.DictComp | ast.SetComp
    return isinstance(value, ast.List | ast.Dict | ast.Set | comprehensions)


def _is_empty(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        named = ast.unparse(value.func).rpartition(".")[2]
        return named in STATEFUL or not (value.args or value.keywords)
    return not (getattr(value, "elts", None) or getattr(value, "keys", None))


def _is_constant(owner: ClassSource, name: str) -> bool:
    """Return whether a class or an ancestor annotates a name as ClassVar or Final."""
    members = (each.members.get(name) for each in owner.ancestry)
    return any(
        isinstance(each, ast.AnnAssign)
        and re.search(r"\b(ClassVar|Final)\b", ast.unparse(each.annotation))
        for each in members
    )
