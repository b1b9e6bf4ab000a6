"""The look of the steering explorer: what a packet and a key fill into its scene.

Law.   Nothing here decides: steering_facts.py does; static/steering.js makes the same look of the same facts.
Reads. explorer.py for what a look is.
Omits. What does not change when a bit is flipped: steering_explorer.py draws that.
"""

from devmemlab.view.steering_facts import FIELDS, MOST_RULES, decide
from devmemlab.wire.address import address_text

LEFT, BIT, HIGH, TOP, ROW, COLUMNS = 150, 16, 18, 62, 22, 32
TUPLE_ROWS, KEY_ROWS, BREAK, CELL, TABLE_COLUMNS, QUEUES_LEFT = 3, 4, 14, 16, 16, 330
STEPS = MOST_RULES + 6
CLIPPED = {"what": 14, "found": 50, "so": 74}
"""Column of the steps -> how many letters are drawn; the words of the whole state have all of them."""


def row_top(row):
    """Say where a row of bits begins.

    Parameters
    ----------
    row : int
        From the top.

    Returns
    -------
    y : float
        Pixels.
    """
    return TOP + ROW * row + (BREAK if row >= TUPLE_ROWS else 0)


def _bits(octets):
    """list of int: the bits of some octets, the most significant first."""
    return [octet >> 7 - bit & 1 for octet in octets for bit in range(8)]


def input_place(facts, bit):
    """Say where in the hash input a bit of the tuple is.

    Parameters
    ----------
    facts : dict
        From `devmemlab.view.steering_facts.steering_facts`.
    bit : int
        0 to 95.

    Returns
    -------
    place : int
        -1: it is not hashed.
    """
    before = 0
    for (_, start, end, _, _), hashed in zip(FIELDS, facts["hashed"]):
        if 8 * start <= bit < 8 * end:
            return before + bit - 8 * start if hashed else -1
        before += 8 * (end - start) * hashed
    return -1


def bit_name(facts, cursor):
    """Name a bit.

    Parameters
    ----------
    facts : dict
        From `devmemlab.view.steering_facts.steering_facts`.
    cursor : int
        Of the grid: 0 to 95 the tuple, 96 to 223 the key.

    Returns
    -------
    words : str
        For people.
    """
    if cursor >= 96:
        return f"bit {cursor - 96} of the key"
    at = next(i for i, (_, start, end, _, _) in enumerate(FIELDS) if 8 * start <= cursor < 8 * end)
    return f"bit {cursor - 8 * FIELDS[at][1]} of the {facts['names'][at]}"


def steering_look(facts, flow, key, cursor=-1):
    """Fill in a state.

    Parameters
    ----------
    facts : dict
        From `devmemlab.view.steering_facts.steering_facts`.
    flow, key : bytes
        The tuple and the RSS key.
    cursor : int
        Which bit is looked at; -1: none.

    Returns
    -------
    look : dict
        See explorer.py; static/steering.js makes the same.
    """
    told, bits, texts, parts = decide(facts, flow, key), _bits(flow + key[:16]), {}, {}
    for i, bit in enumerate(bits):
        texts[f"b{i}"] = str(bit)
        parts[f"p{i}"] = [LEFT + i % COLUMNS * BIT, BIT * bit]
    numbers = [int.from_bytes(flow[start:end], "big") for _, start, end, _, _ in FIELDS]
    texts |= {"src": address_text(4, 0, numbers[0]), "dst": address_text(4, 0, numbers[1]),
              "ports": f"{numbers[2]} | {numbers[3]}"}
    texts |= {f"key{r}": key[4 * r:4 * r + 4].hex(" ") for r in range(KEY_ROWS)}
    by_rule = told.rule >= 0
    texts["hash"] = f"rule {told.rule} decides; nothing is hashed" if by_rule else f"hash {told.hash:08x}"
    texts["index"] = "" if by_rule else f"modulo {len(facts['table'])}: entry {told.index}"
    texts["queue"] = "dropped by the rule" if told.queue < 0 else f"queue {told.queue}"
    memory = "device memory" if told.queue in facts["bound"] else "host memory"
    texts["memory"] = "" if told.queue < 0 else f"on {memory}"
    for i in range(STEPS):
        for column, words in zip(CLIPPED, told.steps[i] if i < len(told.steps) else ("", "", "")):
            texts[f"{column}{i}"] = words if len(words) <= CLIPPED[column] else words[:CLIPPED[column] - 1] + "\u2026"
    place = input_place(facts, cursor) if 0 <= cursor < 96 else -1
    first, column = divmod(max(place, 0), COLUMNS)
    for name, at, width in (("w0", column, COLUMNS - column), ("w1", 0, column)):
        parts[name] = [LEFT + at * BIT, width * BIT if place >= 0 else 0]
    texts["window"] = "" if cursor < 0 else f"{bit_name(facts, cursor)}: {bits[cursor]}" + (
        f"; if it is 1, the hash is XORed with key bits {place} to {place + 31} (framed)" if place >= 0 else
        "; it is not hashed" if cursor < 96 else "")
    per, entry = -(-facts["queues"] // 2) if facts["queues"] > 8 else facts["queues"], max(told.index, 0)
    queue = max(told.queue, 0)
    moves = {"w0": [0, row_top(TUPLE_ROWS + first)], "w1": [0, row_top(TUPLE_ROWS + min(first + 1, KEY_ROWS - 1))],
             "cursor": [LEFT + max(cursor, 0) % COLUMNS * BIT, row_top(max(cursor, 0) // COLUMNS)],
             "entry": [8 + entry % TABLE_COLUMNS * CELL, entry // TABLE_COLUMNS * CELL],
             "hand": [QUEUES_LEFT + 150 * (queue // per), queue % per * CELL]}
    way = [f"{what}: {found}" + (f": {so}" if so else "") for what, found, so in told.steps]
    words = [f"Why a packet to {facts['name']} lands on a queue: {texts['queue']} {texts['memory']}".rstrip(), *(f"  {line}"
                                                                                                                 for line in way)]
    return {"texts": texts, "parts": parts, "moves": moves, "words": "\n".join(words),
            "on": {"entry": not by_rule, "hand": told.queue >= 0, "cursor": cursor >= 0, "window": place >= 0}}
