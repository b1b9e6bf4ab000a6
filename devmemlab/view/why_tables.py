"""Answers, faults and errors as tables for notebooks: everything that is said there, in cells that wrap.

Law.   What a table says, the object says in text as well; a mark is a word, never a colour alone.
Reads. devmemlab.lab.why.answer, devmemlab.lab.faults.break_it, devmemlab.lab.error_page.
Omits. Drawing.
"""

from html import escape

from devmemlab.lab.faults.fault import LETTERS

CELL = "text-align:left;vertical-align:top;padding:2px 10px 2px 0;white-space:normal;overflow-wrap:break-word"


def wrapped(caption, heads, rows, note="", marked=()):
    """Write a table whose cells wrap.

    Parameters
    ----------
    caption : str
        What it is about.
    heads : sequence of str
        Column heads.
    rows : sequence of sequence of str
        The first cell of each names the row.
    note : str
        A line below.
    marked : collection of int
        Rows that are printed in bold; words say why.

    Returns
    -------
    html : str
        One element.
    """
    head = "".join(f'<th scope="col" style="{CELL}">{escape(text)}</th>' for text in heads)
    body = []
    for number, row in enumerate(rows):
        style = CELL + (";font-weight:bold" if number in marked else "")
        body.append(f'<tr><th scope="row" style="{style}">{escape(str(row[0]))}</th>'
                    + "".join(f'<td style="{style}">{escape(str(cell))}</td>' for cell in row[1:]) + "</tr>")
    small = "".join(f'<p style="line-height:1.35">{escape(line)}</p>' for line in note.split("\n") if line)
    return (f'<div class="dml-table"><table style="border-collapse:collapse;width:100%;table-layout:auto">'
            f'<caption style="{CELL}">{escape(caption)}'
            f"</caption><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>{small}</div>")


def answer_html(answer):
    """Show an answer of ``lab.why``.

    Parameters
    ----------
    answer : devmemlab.lab.why.answer.Answer
        Any.

    Returns
    -------
    html : str
        The chain as a table, cause above and fix below.
    """
    rows = [["now" if event.at_ns is None else f"{event.at_ns / 1e6:.3f} ms", event.what, event.source] for event in answer.chain]
    lines = [] if answer.ok else [f"Do: {answer.fix}"]
    lines += [f"Also: {finding.cause}" for finding in answer.also] + [f"Over: {finding.cause}" for finding in answer.past]
    said = "nothing is wrong" if answer.ok else answer.cause
    return wrapped(f"{answer.thing}: {said}", ["when (virtual)", "what", "read from"], rows, "\n".join(lines))


def question_html(fault):
    """Show the question of a fault; and the outcome, once there was an answer.

    Parameters
    ----------
    fault : devmemlab.lab.faults.break_it.BreakIt
        Any.

    Returns
    -------
    html : str
        A table of the answers.
    """
    told, marked, rows = fault.fault, set(), []
    for number, (letter, words) in enumerate(zip(LETTERS, told.choices)):
        marks = ["you said so"] if letter == fault.said else []
        if fault.said and letter == told.answer:
            marks.append("this happens")
            marked.add(number)
        rows.append([letter, words, ", ".join(marks)])
    note = f"Your answer: .predict({LETTERS[0]!r}), or another letter."
    if fault.said:
        seen = ", ".join(f"{name} {value}" for name, value in fault.seen.items())
        note = f"{'Right' if fault.right else 'No'}. {told.told}\nSeen: {seen}."
    return wrapped(f"{told.title}: {told.switch} {told.question}", ["answer", "what will be seen", ""], rows, note,
                   marked)


def faults_html(rows):
    """Show all faults.

    Parameters
    ----------
    rows : devmemlab.lab.faults.break_it.Catalogue
        Any.

    Returns
    -------
    html : str
        One table.
    """
    return wrapped("Faults: what is wrong, what happens, what mends it", ["name", "where", "what is wrong", "what happens", "do"],
                   [[row.name, row.area, row.switch, row.happens, row.fix] for row in rows])


def errors_html(errors):
    """Show the page of errors, or a part of it.

    Parameters
    ----------
    errors : devmemlab.lab.error_page.Errors
        Any.

    Returns
    -------
    html : str
        One table.
    """
    return wrapped("Errors: which call, what it means, what to do", ["errno", "call", "it means", "do"],
                   [[f"{line.number} {line.name}", line.call, line.means, line.do] for line in errors])
