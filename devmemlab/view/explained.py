"""Why a packet went where it went, as a table for notebooks.

Law.   One row a step, in the order of the decision; the last one is the answer.
Reads. devmemlab.nic.explain.
Omits. Drawing; the steps are words and numbers.
"""

from devmemlab.view.tables import html_table


def explanation_html(told):
    """Show an explanation.

    Parameters
    ----------
    told : devmemlab.nic.explain.Explanation
        From ``host.explain(frame)``.

    Returns
    -------
    html : str
        One table.
    """
    where = "is dropped" if told.queue < 0 else f"goes to queue {told.queue}"
    by = f"rule {told.rule}" if told.rule >= 0 else "RSS"
    return html_table(f"This packet {where}: {by}", ["looked at", "found", "so"], [list(step) for step in told.steps],
                      note=told.drop and f"It never gets there: {told.drop}.")
