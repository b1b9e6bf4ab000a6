"""Building the site: lessons with their stored outputs, pages for those who teach, and every chapter of the package.

Law.   No lesson is run and no address is asked; what is written comes from this checkout alone.
Reads. Sphinx's and MyST's ways of writing; numpydoc, which Sphinx's napoleon understands.
Omits. Functions whose names begin with an underscore; solutions of puzzles.

::

    make docs                                                 # builds build/site/html
    python notebooks/site/build_site.py build/site            # the same, where Sphinx is installed
"""

import argparse
import ast
import json
import pathlib
import re
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PACKAGE = ROOT / "devmemlab"
LEVELS = {
    "story": "What happens, and why anybody wants it.",
    "mechanism": "How it works inside.",
    "ABI": "Numbers, octets and errors that programs rely on.",
    "cost": "What is counted or measured.",
    "research": "What could be done otherwise.",
}


def label(path):
    """Name the place of a chapter or a room.

    Parameters
    ----------
    path : str
        Below the package, with or without ``.py``.

    Returns
    -------
    name : str
        A label.
    """
    return "source-" + re.sub(r"\W|_", "-", path.strip("/").removesuffix(".py"))


def linked(text):
    """Make the names of chapters and rooms lead to their descriptions.

    Parameters
    ----------
    text : str
        A cell in Markdown.

    Returns
    -------
    text : str
        The same with links; what is a link already, or code, stays.
    """
    def one(found):
        path = PACKAGE / found[1]
        known = path.is_file() if path.suffix else (path / "__init__.py").is_file()
        return f"[`devmemlab/{found[1]}`](#{label(found[1])})" if known else found[0]

    parts = re.split(r"(^```.*?^```)", text, flags=re.M | re.S)
    return "".join(part if i % 2 else re.sub(r"(?<!\[)`devmemlab/([\w/]+?(?:\.py)?)/?`", one, part)
                   for i, part in enumerate(parts))


def slug(title):
    """Spell a heading as the anchor that MyST makes of it.

    Parameters
    ----------
    title : str
        A heading.

    Returns
    -------
    anchor : str
        Without the hash.
    """
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def lessons(folder):
    """Copy the lessons as they are stored.

    Parameters
    ----------
    folder : pathlib.Path
        Where to.

    Returns
    -------
    found : dict
        For each lesson its title and its sections, which are pairs of a title and a level (or None).
    """
    folder.mkdir(parents=True)
    found = {}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        book = json.loads(path.read_text(encoding="utf-8"))
        text = ""
        for cell in book["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = linked("".join(cell["source"]))
                text += cell["source"] + "\n\n"
        heads = re.findall(r"^## (.+)\n+(?:\*\*Level: (\w+)\.\*\*)?", text, re.M)
        found[path.stem] = re.search(r"^# (.+)", text, re.M)[1], [(title, level or None) for title, level in heads]
        (folder / path.name).write_text(json.dumps(book), encoding="utf-8")
    return found


def levels_page(found):
    """List the sections of all lessons by level.

    Parameters
    ----------
    found : dict
        From `lessons`.

    Returns
    -------
    text : str
        A page in MyST.
    """
    out = ["# Sections by level", "", "Every section of a lesson says its level. Read one level through, if you like."]
    for level, meaning in LEVELS.items():
        out += ["", f"## {level[0].upper()}{level[1:]}", "", meaning, ""]
        for stem, (title, sections) in found.items():
            out += [f"- {title}: [{name}](lessons/{stem}.ipynb#{slug(name)})" for name, own in sections if own == level]
    return "\n".join(out) + "\n"


def errors_text():
    """Write the page of errors.

    Returns
    -------
    text : str
        A page in MyST.
    """
    from devmemlab.lab.error_page import errors_page

    page = errors_page()
    out = ["# Errors", "", "Every error that a program meets with device memory: who answers it, what it means, what to do. In",
           "Python `dml.errors_page(\"bind-rx\")` shows those of one call and `dml.explain_errno(525)` the causes of one number."]
    for call in dict.fromkeys(line.call for line in page):
        out += ["", f"## {call}", "", "| errno | what it means | what to do | source |", "|---|---|---|---|"]
        out += [f"| {line.number} {line.name} | {line.means} | {line.do} | {line.source} |" for line in page if line.call == call]
    return "\n".join(out) + "\n"


def referenced(text):
    """Let full names lead to what they name, and signs stand for themselves.

    Parameters
    ----------
    text : str
        Of a docstring.

    Returns
    -------
    text : str
        Names in single backticks that begin with the package are references; stars of file names and last underscores are plain.
    """
    parts = re.split(r"(`+[^`]+`+)", text)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"(?<=[/-])\*|(?<=\w)_(?![\w`])", r"\\\g<0>", parts[i])
    return re.sub(r"(?<![`:])`(devmemlab(?:\.\w+)+)`(?!`)", r":py:obj:`\1`", "".join(parts))


def spaced(text):
    """Set a line free for each field of a record, where some are explained and others are not.

    Parameters
    ----------
    text : str
        Of a docstring.

    Returns
    -------
    text : str
        Sections are left as they are.
    """
    words, head, sections = re.match(r"(.*?)(^\w[\w ]+\n-{3,}\n|\Z)(.*)", text, re.M | re.S).groups()
    return re.sub(r"(?<=\S)\n(?=[a-z]\w*(?:, \w+)* : )", "\n\n", words) + head + sections


def described(doc, what):
    """Turn a docstring into reStructuredText.

    Parameters
    ----------
    doc : str or None
        As `ast.get_docstring` gives it.
    what : str
        ``"function"``, ``"class"``, ...

    Returns
    -------
    lines : list of str
        Not indented.
    """
    from sphinx.ext.napoleon import Config, NumpyDocstring

    # Types are words here, not references: a search for each of many thousand would take minutes and find namesakes.
    settings = Config(napoleon_use_param=False, napoleon_use_rtype=False, napoleon_use_ivar=False, napoleon_use_keyword=False)
    text = str(NumpyDocstring(referenced(spaced(doc or "")), settings, what=what))
    text = re.sub(r"^( *):raises ([^:]+):", r"\1:Raises \2:", text, flags=re.M)
    text = re.sub(r"^( *)(\.\. attribute:: .+)$", r"\1\2\n\1   :no-index:", text, flags=re.M)
    return re.sub(r"^( *):type: (.+)$", r"\1Type: \2.", text, flags=re.M).split("\n")


def signature(node, method=False):
    """Spell the arguments of a function.

    Parameters
    ----------
    node : ast.FunctionDef
        A function.
    method : bool
        Its first argument is not given by callers.

    Returns
    -------
    text : str
        With parentheses.
    """
    text = ast.unparse(node.args)
    return f"({re.sub(r'^(self|cls)(, )?', '', text) if method else text})"


def decorated(node):
    """Name what stands above a function.

    Parameters
    ----------
    node : ast.FunctionDef or ast.ClassDef
        Either.

    Returns
    -------
    names : set of str
        Last words of the decorators.
    """
    return {ast.unparse(d.func if isinstance(d, ast.Call) else d).split(".")[-1] for d in node.decorator_list}


def entry(node, indent="", inside=False):
    """Describe a function or a class, with its public methods.

    Parameters
    ----------
    node : ast.stmt
        Of a module or a class.
    indent : str
        Before each line.
    inside : bool
        It belongs to a class.

    Returns
    -------
    lines : list of str
        Empty for what is private.
    """
    if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith("_"):
        return []
    names, deeper = decorated(node), indent + "   "
    if names & {"setter", "deleter", "overload"}:
        return []
    if isinstance(node, ast.ClassDef):
        init = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
        head, what = f".. py:class:: {node.name}{signature(init, True) if init else ''}", "class"
    elif names & {"property", "cached_property"}:
        head, what = f".. py:property:: {node.name}", "property"
    elif inside:
        kept = "staticmethod" not in names
        head, what = f".. py:method:: {node.name}{signature(node, kept)}", "method"
    else:
        head, what = f".. py:function:: {node.name}{signature(node)}", "function"
    note = ["*A kernel: compiled, and the same interpreted.*", ""] if "kernel" in names else []
    body = [*note, *described(ast.get_docstring(node), what)]
    lines = ["", indent + head, "", *(deeper + line if line.strip() else "" for line in body), ""]
    if isinstance(node, ast.ClassDef):
        for child in node.body:
            lines += entry(child, deeper, True)
    return lines


def opening(doc):
    """Lay out what a chapter opens with.

    Parameters
    ----------
    doc : str
        Its docstring.

    Returns
    -------
    lines : list of str
        The sentence, the three lines as fields, the rest.
    """
    doc = referenced(doc)
    found = re.search(r"^Law\.(.*?)^Reads\.(.*?)^Omits\.(.*?)(?=\n\n|\Z)", doc, re.M | re.S)
    if not found:
        return [*doc.split("\n"), ""]
    fields = [f":{name}: {' '.join(text.split())}" for name, text in zip(("Law", "Reads", "Omits"), found.groups())]
    return [*doc[:found.start()].strip().split("\n"), "", *fields, "", *doc[found.end():].strip().split("\n"), ""]


def room(folder, seen):
    """Describe a room, chapter by chapter.

    Parameters
    ----------
    folder : pathlib.Path
        Of the package.
    seen : set of str
        What was described already.

    Returns
    -------
    text : str
        A page in reStructuredText.
    """
    own = folder.relative_to(PACKAGE).as_posix()
    first = "devmemlab" if own == "." else "devmemlab." + own.replace("/", ".")
    out = [f".. _{label(own)}:" if own != "." else "", "", first, "=" * len(first), ""]
    for path in sorted(folder.glob("*.py"), key=lambda path: (path.name != "__init__.py", path.name)):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        module = first if path.name == "__init__.py" else f"{first}.{path.stem}"
        if path.name != "__init__.py":
            title = path.stem.replace("_", r"\_")
            out += ["", f".. _{label(path.relative_to(PACKAGE).as_posix())}:", "", title, "-" * len(title), ""]
        out += [f".. py:module:: {module}", "", *opening(ast.get_docstring(tree) or "")]
        for node in tree.body:
            name = f"{module}.{getattr(node, 'name', '')}"
            if name not in seen:
                lines = entry(node)
                out += lines
                seen |= {name} if lines else set()
    return "\n".join(out) + "\n"


def gather(target):
    """Write all sources of the site.

    Parameters
    ----------
    target : pathlib.Path
        A folder; what was there is gone.
    """
    shutil.rmtree(target, ignore_errors=True)
    found = lessons(target / "lessons")
    for path in HERE.glob("*.md"):
        shutil.copy(path, target)
    shutil.copy(ROOT / "notebooks" / "solutions" / "INSTRUCTOR.md", target / "instructor.md")
    (target / "levels.md").write_text(levels_page(found), encoding="utf-8")
    (target / "errors.md").write_text(errors_text(), encoding="utf-8")
    (target / "lessons.md").write_text("\n".join(
        ["# Lessons", "", "Executed, as they are stored; what moves needs a running kernel, what is said does not.", "",
         "```{toctree}", *(f"lessons/{stem}" for stem in found), "```", ""]), encoding="utf-8")
    (target / "api").mkdir()
    seen, pages = set(), []
    for folder in sorted({path.parent for path in PACKAGE.rglob("__init__.py")}):
        name = folder.relative_to(PACKAGE).as_posix().replace("/", "-").replace(".", "face")
        (target / "api" / f"{name}.rst").write_text(room(folder, seen), encoding="utf-8")
        pages.append(f"api/{name}")
    (target / "api.md").write_text("\n".join(
        ["# Rooms and chapters", "", "What each file of `devmemlab/` holds, from its own words: room by room, chapter by",
         "chapter.", "", "```{toctree}", ":maxdepth: 1", *pages, "```", ""]), encoding="utf-8")


def main(arguments=None):
    """Build.

    Parameters
    ----------
    arguments : list of str, optional
        The command line.

    Returns
    -------
    status : int
        Sphinx's: 0 only when it had nothing to warn of.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="gets source, html and what Sphinx remembers")
    folder = parser.parse_args(arguments).folder
    from sphinx.cmd.build import main as sphinx

    sys.path.insert(0, str(ROOT))
    gather(folder / "source")
    return sphinx(["-q", "-W", "--keep-going", "-c", str(HERE), "-d", str(folder / "doctrees"),
                   str(folder / "source"), str(folder / "html")])


if __name__ == "__main__":
    sys.exit(main())
