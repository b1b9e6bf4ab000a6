"""One skb as a table for notebooks: its frags, and who refers to each; and what is answered to those who want to read.

Law.   Octets are shown only where the skb says that they may be read.
Reads. devmemlab.host.inspect.
Omits. Drawing; following a frag list, whose rows are named.
"""

from devmemlab.view.tables import html_table

FEW = 12
"""Octets of each part that are shown: a wider table would not fit into a page."""


def inspection_html(found):
    """Show an inspection.

    Parameters
    ----------
    found : devmemlab.host.inspect.Inspection
        From ``host.inspect(skb)``.

    Returns
    -------
    html : str
        One table, a row for the linear part and one for each frag.
    """
    at, first = found.headlen, found.octets[:min(found.headlen, FEW)].hex(" ")
    rows = [["linear part", str(at), "host memory", "this skb", first]]
    for f in found.frags:
        where = f"page {f.netmem >> 1}, offset {f.offset}"
        if f.kind == "net_iov":
            where = f"binding {f.binding}, offset {f.frag_offset}"
        owners = ", ".join([f"pool {f.pool}", f"pp_ref_count {f.pp_ref_count}"]
                           + [f"token {token} of connection {sock}" for sock, token in f.tokens])
        octets = found.octets[at:at + min(f.length, FEW)].hex(" ") if found.readable else "nobody here may read it"
        rows.append([f"frag {f.number}", str(f.length), where, owners, octets])
        at += f.length
    kind = "readable" if found.readable else "unreadable"
    return html_table(f"skb {found.skb}: {found.length} octets, {kind}, truesize {found.truesize}",
                      ["part", "octets", "where", "owners", "first octets"], rows,
                      note=found.links and f"It goes on in the skbs {', '.join(map(str, found.links))} of its frag list.")


def answers_html(answers):
    """Show what consumers of skbs got.

    Parameters
    ----------
    answers : devmemlab.lab.scenes_guards.Answers
        From ``scenes_skb.ask()``.

    Returns
    -------
    html : str
        One table, a row for each question; the number is that of the rule.
    """
    rows = [[f"{a.number}  {a.consumer}", a.head, a.pages, a.device] for a in answers]
    return html_table("What becomes of a question to an skb", ["who wants octets", "only of the head", "past it, in pages",
                                                               "past it, in device memory"], rows,
                      note="Numbers are those of the rules in devmemlab/net/guards.py; a dash: no octets are named.")
