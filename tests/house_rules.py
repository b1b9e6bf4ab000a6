"""The rules of the house, each a function from a source text to complaints. test_house.py applies them."""

import ast
import re

from devmemlab.base.table import RESERVED

FLOORS = {"base": 0, "wire": 1, "mem": 1, "nic": 2, "net": 3, "tcp": 4, "sock": 5, "linux": 6, "cuda": 6, "host": 6,
          "lab": 7, "commands": 7, "view": 8}
TOP = 9                         # devmemlab/__init__.py, cli.py and __main__.py see every floor
LONGEST_CHAPTER = 300
LONGEST_LINE = 130
PAYLOAD_NAMES = {"memory", "payload", "octets"}


def room_of(path):
    """The room a module lives in: its first folder below the package, or None for the top of the house."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else None


def floor_of(path):
    return FLOORS.get(room_of(path), TOP)


def functions(tree):
    """Every function with the classes and functions around it."""
    def walk(node, around):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield child, around
                yield from walk(child, (*around, child))
            elif isinstance(child, ast.ClassDef):
                yield from walk(child, (*around, child))
            else:
                yield from walk(child, around)
    return walk(tree, ())


def decorators(function):
    """Dotted names of a function's decorators."""
    return [ast.unparse(d.func if isinstance(d, ast.Call) else d) for d in function.decorator_list]


def is_kernel(function):
    return any(name.split(".")[-1] == "kernel" for name in decorators(function))


def arguments(function):
    """Argument names as a numpydoc section spells them."""
    a = function.args
    names = [arg.arg for arg in (*a.posonlyargs, *a.args)]
    names += [f"*{a.vararg.arg}"] if a.vararg else []
    names += [arg.arg for arg in a.kwonlyargs]
    return names + ([f"**{a.kwarg.arg}"] if a.kwarg else [])


def imported(tree):
    """Names of all modules that a module imports, wherever in it, with line numbers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            yield from ((a.value, node.lineno) for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))


def floors(path, text):
    """A lower floor never imports a higher one."""
    mine = floor_of(path)
    found = set()
    for name, line in imported(ast.parse(text)):
        parts = name.split(".")
        if parts[0] == "devmemlab" and len(parts) > 1 and FLOORS.get(parts[1], 0) > mine:
            found.add(f"{path}:{line} is on floor {mine} and imports devmemlab.{parts[1]} from floor {FLOORS[parts[1]]}")
    return sorted(found)


def no_relative_imports(path, text):
    """The floor rule reads absolute names."""
    return [f"{path}:{node.lineno} imports relatively" for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.ImportFrom) and node.level]


def opening_lines(path, text):
    """A module opens with a sentence and then Law, Reads, Omits."""
    said = ast.get_docstring(ast.parse(text)) or ""
    if re.search(r"\A\S.*\n\nLaw\. .*\n(?: .*\n)*Reads\. .*\n(?: .*\n)*Omits\. ", said):
        return []
    return [f"{path}: the module docstring must open with a sentence, an empty line, and Law. Reads. Omits."]


def chapter_length(path, text):
    """A chapter is read in one sitting."""
    lines = text.count("\n")
    return [f"{path} has {lines} lines; split it before {LONGEST_CHAPTER}"] if lines > LONGEST_CHAPTER else []


def line_length(path, text):
    """A line fits on a screen."""
    return [f"{path}:{number} has {len(line)} columns" for number, line in enumerate(text.splitlines(), 1)
            if len(line) > LONGEST_LINE]


def documented_parameters(docstring):
    """Names in the Parameters section, in order; None without a section."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}$|\Z)", docstring, re.M | re.S)
    if not section:
        return None
    heads = [line.partition(" : ")[0] for line in section[1].splitlines() if line and not line.startswith(" ")]
    return [name.strip() for head in heads for name in head.split(",")]


def numpydoc(path, text):
    """Public functions and all kernels say what each argument is, in the order of the signature."""
    found = []
    for function, around in functions(ast.parse(text)):
        names = decorators(function)
        nested = any(isinstance(a, ast.FunctionDef) for a in around)
        hidden = function.name.startswith("_") or any(isinstance(a, ast.ClassDef) and a.name.startswith("_") for a in around)
        called_by_click = any(n.endswith((".command", ".group")) for n in names)
        if nested or called_by_click or (hidden and not is_kernel(function)) or any(n.endswith(".setter") for n in names):
            continue
        where = f"{path}:{function.lineno} {function.name}"
        said = ast.get_docstring(function)
        if not said:
            found.append(f"{where} has no docstring")
            continue
        wanted = arguments(function)
        if around and "staticmethod" not in names:
            wanted = wanted[1:]
        if (documented_parameters(said) or []) != wanted:
            found.append(f"{where} takes ({', '.join(wanted)}) and documents ({', '.join(documented_parameters(said) or [])})")
        gives = any(isinstance(n, ast.Return) and n.value and ast.unparse(n.value) != "None" for n in ast.walk(function))
        if is_kernel(function) and gives and not re.search(r"^Returns\n-+$", said, re.M):
            found.append(f"{where} returns something and does not say what")
    return found


def payload_arguments(path, text):
    """Law 6: TCP and the stack below it decide from headers; only net/linear may touch a byte."""
    room = room_of(path)
    if room not in ("tcp", "net") or path.startswith("devmemlab/net/linear"):
        return []
    return [f"{path}:{function.lineno} {function.name} takes {name}: {room} may not see payload"
            for function, _ in functions(ast.parse(text)) for name in arguments(function) if name.strip("*") in PAYLOAD_NAMES]


def no_clock(path, text):
    """Law 7: time is an argument. The cache is exempt: it needs the ages of files, and no machine state depends on it."""
    if floor_of(path) >= FLOORS["host"] or path == "devmemlab/base/cache.py":
        return []
    return [f"{path}:{line} imports {name}: below host/ports time is an argument"
            for name, line in imported(ast.parse(text)) if name.split(".")[0] in ("time", "datetime")]


def no_slice_copies(path, text):
    """Inside a kernel ``a[i:j] = b[k:l]`` is several times slower than copy_octets."""
    def sliced(node):
        return isinstance(node, ast.Subscript) and any(isinstance(n, ast.Slice) for n in ast.walk(node.slice))

    return [f"{path}:{node.lineno} copies slice to slice; use copy_octets (or np.copyto outside kernels)"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Assign) and sliced(node.value) and any(map(sliced, node.targets))]


def one_way_to_compile(path, text):
    """@kernel only: no jitclass, no threads within a kernel, no bare njit."""
    found = []
    for node in ast.walk(ast.parse(text)):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
        if isinstance(node, ast.keyword) and node.arg == "parallel":
            found.append(f"{path}:{node.value.lineno} asks for parallel=: actors are threads around kernels")
        elif name in ("jitclass", "prange", "vectorize", "guvectorize"):
            found.append(f"{path}:{node.lineno} uses {name}")
        elif name in ("njit", "jit") and path != "devmemlab/base/kernel.py" and room_of(path) != "cuda":
            found.append(f"{path}:{node.lineno} uses {name} instead of @kernel")
    return found


def kernels_return_errno(path, text):
    """Law 4: a kernel never raises."""
    return [f"{path}:{node.lineno} raises inside kernel {function.name}"
            for function, _ in functions(ast.parse(text)) if is_kernel(function)
            for node in ast.walk(function) if isinstance(node, (ast.Raise, ast.Assert))]


def kernels_stay_below_pictures(path, text):
    """Law 8: pictures and commands read what kernels left; they hold none."""
    if path.split("/")[1] not in ("view", "commands", "cli.py"):
        return []
    return [f"{path}: {function.name} is a kernel above the lab" for function, _ in functions(ast.parse(text))
            if is_kernel(function)]


def schema_names(path, text):
    """Field names must not be what numpy.record answers to itself."""
    return [f"{path}:{node.lineno} names a field {argument.value!r}, which numpy.record answers to itself"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "schema"
            for argument in node.args if isinstance(argument, ast.Constant) and argument.value in RESERVED]


# Spelled in two halves, so that this file does not accuse itself.
_PLACES = ["wo" + "rk", "ro" + "ot", "ho" + r"me/\w+", "Us" + r"ers/\w+", "opt/p" + "ypi"]
_MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:" + "|".join(_PLACES) + r")(?:/|\b)")
_LEFTOVERS = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")


def no_machine_paths(path, text):
    """Nothing here knows where it was written."""
    return [f"{path}:{number} names {match[0]}" for number, line in enumerate(text.splitlines(), 1)
            for match in _MACHINE_PATHS.finditer(line)]


def no_leftovers(path, text):
    """What is not done is an issue, not a comment."""
    return [f"{path}:{number} says {match[0]}" for number, line in enumerate(text.splitlines(), 1)
            for match in _LEFTOVERS.finditer(line)]


SOURCE_RULES = [floors, kernels_stay_below_pictures, no_relative_imports, opening_lines, chapter_length, numpydoc,
                payload_arguments, no_clock, no_slice_copies, one_way_to_compile, kernels_return_errno, schema_names]
"""For the Python files of the package."""

TEXT_RULES = [line_length, no_leftovers]
"""For every Python file, tests included."""
