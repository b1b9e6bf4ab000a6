"""The table of ways to receive.

Law.   Only counted figures: the same on every machine.
Reads. devmemlab.lab.receive_modes; performance-anchors section 2.
Omits. What was measured: ``result.measured()`` spells it.
"""

from devmemlab.view.tables import COUNTED, html_table


def receive_modes_html(result):
    """Show the ways to receive.

    Parameters
    ----------
    result : ReceiveModes
        From ``dml.receive_modes``.

    Returns
    -------
    html : str
        A table with one row a way.
    """
    heads, lines = result.lines()
    counted = len(heads) - 2
    shown = [heads[0], *((head, COUNTED) for head in heads[1:counted]), (heads[counted], "checked"), heads[-1]]
    seen = result.input
    return html_table(
        f"Ways to receive {seen['bytes']:,} octets ({seen['kind']}, {seen['frames']:,} frames, MTU {result.settings['mtu']:,})",
        shown, lines,
        "Columns in capitals are stages of the ledger: how often each octet of payload crossed there. Control octets are what "
        "kernel and program tell each other besides payload: messages and returned tokens, completions and refill entries.")
