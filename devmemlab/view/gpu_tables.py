"""The table that was measured on a GPU, or the sentence that none was.

Law.   What was measured elsewhere says where, above its figures.
Reads. devmemlab.cuda.stored.
Omits. Pictures: a figure of a simulated NIC's copies is no figure of devmem TCP.
"""

from devmemlab.view.tables import html_table


def stored_html(table):
    """Show the stored table.

    Parameters
    ----------
    table : devmemlab.cuda.stored.StoredTable
        From ``dml.cuda.stored_table()``.

    Returns
    -------
    html : str
        One row a case; only the note when nothing is stored.
    """
    heads, lines = table.lines()
    return html_table("bench gpu", [heads[0], *((head, "measured elsewhere") for head in heads[1:])], lines, table.caption)
