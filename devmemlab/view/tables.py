"""Tables for notebooks: HTML that a screen reader can walk through.

Law.   Every figure says how it is known: counted (by the ledger), measured (on this machine), modelled, or quoted.
Reads. Results of the lab, hosts, ledgers.
Omits. Colours: the page's own are good enough.
"""

from html import escape

from devmemlab.mem.ledger import rows as ledger_rows
from devmemlab.view.flow import MODES
from devmemlab.view.picture import heading

COUNTED = "counted"
CELL = "padding:3px 10px;line-height:1.35;white-space:nowrap"
NUMBERS, NAMES = f"{CELL};text-align:right", f"{CELL};text-align:left"


def html_table(caption, heads, rows, note=""):
    """Write a table.

    Parameters
    ----------
    caption : str
        What it is about.
    heads : sequence of str or (str, str)
        Column heads; those of figures with a label on how they are known.
    rows : sequence of sequence of str
        The first cell of each names the row.
    note : str
        A line below.

    Returns
    -------
    html : str
        One element.
    """
    styles = [NAMES if isinstance(head, str) else NUMBERS for head in heads]

    def top(head, style):
        text, label = (head, "") if isinstance(head, str) else head
        small = f"<br><small>{escape(label)}</small>" if label else ""
        return f'<th scope="col" style="{style};white-space:normal">{escape(text)}{small}</th>'

    lines = [
        "<tr>"
        + f'<th scope="row" style="{NAMES}">{escape(row[0])}</th>'
        + "".join(f'<td style="{style}">{escape(cell)}</td>' for cell, style in zip(row[1:], styles[1:]))
        + "</tr>"
        for row in rows
    ]
    small = f'<p style="line-height:1.35"><small>{escape(note)}</small></p>' if note else ""
    return (
        f'<div class="dml-table"><table style="border-collapse:collapse">'
        f'<caption style="{NAMES};padding-left:0">{escape(caption)}</caption>'
        f"<thead><tr>{''.join(map(top, heads, styles))}</tr></thead><tbody>{''.join(lines)}</tbody></table>{small}</div>"
    )


def result_html(result):
    """Show a comparison.

    Parameters
    ----------
    result : Result
        From ``dml.compare``.

    Returns
    -------
    html : str
        A table with one row a mode.
    """
    label = result.rows[0].label
    heads = [
        "way",
        ("ns for each packet", label),
        ("payload GB/s", label),
        ("copies of each payload byte", COUNTED),
        ("tokens issued", COUNTED),
        ("returned", COUNTED),
        ("in flight at the end", COUNTED),
        ("SHA-256", "checked"),
    ]
    rows = [
        (
            f"{MODES[row.mode][0]}  {row.mode}",
            f"{row.ns_per_packet:,.0f}",
            f"{row.payload_gbytes_per_s:.2f}",
            f"{row.copied_bytes_per_payload_byte:.2f}",
            f"{row.tokens_issued:,}",
            f"{row.tokens_returned:,}",
            f"{row.netmems_in_flight:,}",
            "match" if row.sha256_ok else "DIFFERS",
        )
        for row in result.rows
    ]
    return html_table(
        heading(result),
        heads,
        rows,
        "Times are measured on this machine, in a simulation: compare them within this table, not with a network card.",
    )


def ledger_html(ledger, caption="Bus ledger"):
    """Show a ledger.

    Parameters
    ----------
    ledger : LEDGER[n_stage]
        A ledger.
    caption : str
        Above.

    Returns
    -------
    html : str
        A table with one row for each stage that was used.
    """
    heads = ["stage", "link", "carries", ("octets", COUNTED), ("pieces", COUNTED)]
    rows = [(r["stage"], r["link"], r["carries"], f"{r['length']:,}", f"{r['copies']:,}") for r in ledger_rows(ledger)]
    return html_table(caption, heads, rows, "" if rows else "Nothing has moved yet.")


def host_html(host):
    """Show a host.

    Parameters
    ----------
    host : Host
        Of a lab.

    Returns
    -------
    html : str
        What it is, and its ledger.
    """
    facts = [
        ("addresses", ", ".join(filter(None, (host.ip, host.ip6)))),
        ("interface", host.netdev.name),
        ("kernel profile", host.profile.name),
    ]
    return html_table(f"Host {host.name}", ["what", "value"], facts) + ledger_html(host.ledger)
