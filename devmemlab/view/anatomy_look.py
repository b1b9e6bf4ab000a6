"""The look of frame anatomy: what a state fills into its scene.

Law.   Nothing here decides: anatomy.py has an answer for every cut; static/anatomy.js makes the same look of the same facts.
Reads. explorer.py for what a look is.
Omits. What does not change when the cut moves: anatomy_stage.py draws that.
"""

from devmemlab.view.anatomy import WHO, consequences
from devmemlab.view.frame_picture import CELL, COLUMNS

LEFT, TOP, PITCH, BAR_LEFT, BAR_ROOM = 60, 56, 58, 150, 500
KINDS = ("right", "wrong", "lost")
BINDING = ("device memory can be bound to this queue",
           "device memory cannot be bound to this queue: EINVAL, hds-thresh must be 0")


def cut_place(cells, cut):
    """Say where among the cells a cut is.

    Parameters
    ----------
    cells : list of int
        The octet of each, -1 where octets are left out.
    cut : int
        First octet behind it.

    Returns
    -------
    place : float
        So many cells are before it; the middle of the gap stands for all that is left out.
    """
    at = next((i for i, octet in enumerate(cells) if octet >= cut), len(cells))
    return at - 0.5 if at and cells[at - 1] < 0 and (at == len(cells) or cells[at] != cut) else float(at)


def anatomy_look(facts, cut, hds_thresh, room):
    """Fill in a state.

    Parameters
    ----------
    facts : dict
        From `anatomy_facts`, and the cells.
    cut, hds_thresh, room : int
        The state.

    Returns
    -------
    look : dict
        See explorer.py; static/anatomy.js makes the same.
    """
    n, cells = facts["n"], facts["cells"]
    place = cut_place(cells, cut)
    written, lines = consequences(facts, cut, room)
    own_at, own = facts["own"][facts["thresholds"].index(hds_thresh)][facts["rooms"].index(room)]
    rows = -(-len(cells) // COLUMNS)
    row = min(max(int(-(-place // COLUMNS)) - 1, 0), rows - 1)
    parts, texts = {}, {}
    for r in range(rows):
        full = min(len(cells) - r * COLUMNS, COLUMNS)
        left = min(max(place - r * COLUMNS, 0), full)
        parts[f"host{r}"] = [LEFT, left * CELL]
        parts[f"device{r}"] = [LEFT + left * CELL, (full - left) * CELL]
    for i, (_, at, length) in enumerate(facts["layers"]):
        before = min(max(cut - at, 0), length) if written else 0
        behind = length - min(max(cut - at, 0), length) if written else 0
        parts[f"h{i}"] = [BAR_LEFT + min(at, room) * BAR_ROOM / room, before * BAR_ROOM / room]
        parts[f"d{i}"] = [BAR_LEFT + max(at - cut, 0) * BAR_ROOM / n, behind * BAR_ROOM / n]
    head = min(cut, facts["payload_at"]) if written else 0
    late = max(min(cut, facts["payload_at"] + facts["payload"]) - facts["payload_at"], 0) if written else 0
    lost = max(facts["payload_at"] - cut, 0) if written else 0
    device = n - cut - lost if written else 0
    texts["cut"] = f"the cut: behind octet {cut:,}" if cut else "no cut"
    texts["header"] = f"{head} octets of headers, {late:,} of payload"
    texts["device"] = f"{lost} octets of headers, {device:,} of payload"
    texts["room"] = f"{room} octets"
    texts["own"] = f"a card in order (hds-thresh {hds_thresh}, header buffers of {room}): {own}"
    texts["binding"] = BINDING[hds_thresh > 0]
    texts |= dict(zip(WHO, lines))
    fate = "right" if written and not late and not lost else "wrong" if written and not lost else "lost"
    words = [f"{facts['title']}: {n:,} octets, {texts['cut']}", f"  header buffer: {texts['header']}",
             f"  device page: {texts['device']}", *(f"  {who}: {texts[who]}" for who in WHO),
             f"  {texts['own']}; {texts['binding']}"]
    own_place = cut_place(cells, own_at)
    own_row = min(max(int(-(-own_place // COLUMNS)) - 1, 0), rows - 1)
    return {"texts": texts, "parts": parts, "words": "\n".join(words),
            "moves": {"knife": [LEFT + (place - row * COLUMNS) * CELL, TOP + row * PITCH],
                      "own": [LEFT + (own_place - own_row * COLUMNS) * CELL, TOP + own_row * PITCH]},
            "on": {**{name: name == fate for name in KINDS}, "own": own_at > 0, "full": written}}
