"""The scene of a receive queue: the skbs that wait, and everything about the one that is picked.

Law.   What a consumer gets is the answer that the skb itself gave; a function is named as the rule names it.
Reads. skb_film.py; skb_strip.py draws the picked skb; devmemlab.net.guards for who asks.
Omits. Octets: the inspector's table shows those that may be read.
"""

from devmemlab.net.guards import RULES
from devmemlab.view import theme
from devmemlab.view.marks import count, level
from devmemlab.view.skb_film import PLACES, SLOTS, picked_version
from devmemlab.view.skb_picture import SkbPicture, _frags_in_words
from devmemlab.view.skb_strip import LEFT, RIGHT, legend, skb_drawn
from devmemlab.view.still import WIDTH, css
from devmemlab.view.svg import document, element, prefix_of

CHIP, HIGH, TOP, STEP = 108, 48, 76, 84
PREFIX = "PREFIX"
REFUSALS = ("EFAULT", "NULL", "ENOMEM", "fails", "dropped", "skipped", "0, and a warning")
PANEL = TOP + 2 * STEP + 24
TITLES = {"in": "receive queue, in order", "early": "out-of-order queue: came before what is missing"}


def refused(answer):
    """Tell whether an answer is a refusal.

    Parameters
    ----------
    answer : str
        From `devmemlab.lab.scenes_guards.ask_one`.

    Returns
    -------
    refused : bool
        It got no octets, or not all.
    """
    return answer in REFUSALS or answer.endswith("the end")


def chip(place, found):
    """Draw an skb as one box, at the origin.

    Parameters
    ----------
    place : str
        One of `devmemlab.view.skb_film.PLACES`.
    found : Inspection
        The skb.

    Returns
    -------
    drawn : str
        Elements.
    """
    frags = sum(len(one.frags) for one in (found, *found.linked))
    look = {"stroke_width": 3} if not found.readable else {"stroke_width": 1, "stroke_dasharray": "4 3"}
    role = "device" if not found.readable else "host"
    return (element("rect", x=2, y=2, width=CHIP - 6, height=HIGH, rx=3, fill=theme.colour("paper"), stroke=theme.colour("ink"),
                    **look)
            + element("rect", x=6, y=6, width=10, height=HIGH - 8, fill=theme.texture(PREFIX, role))
            + element("text", f"skb {found.skb}", x=24, y=18, class_="strong")
            + element("text", f"{found.length:,} octets", x=24, y=32, class_="small")
            + element("text", f"{frags} frag{'s' if frags != 1 else ''}", x=24, y=45, class_="small"))


def owners(found):
    """Say who refers to the memory of an skb.

    Parameters
    ----------
    found : Inspection
        The skb.

    Returns
    -------
    text : str
        A sentence.
    """
    if not found.frags:
        return "It has no frags: its octets are in its linear part, which is its own."
    tokens = sum(len(f.tokens) for f in found.frags)
    more = sum(f.pp_ref_count for f in found.frags) - len(found.frags) - tokens
    pools = sorted({f.pool for f in found.frags})
    said = f"Its {len(found.frags)} buffers are of page_pool {', '.join(map(str, pools))}; it holds one reference of each"
    said += f", tokens hold {tokens}" if tokens else ""
    return said + (f", others {more}" if more else "") + "."


def words(place, found, answers):
    """Say everything about an skb.

    Parameters
    ----------
    place, found, answers : str, Inspection, tuple
        A version of the film.

    Returns
    -------
    text : str
        For screen readers.
    """
    said = [f"{RULES[number - 1].consumer} ({function(number)}): {answer}" for number, answer in answers]
    return (f"skb {found.skb}, {TITLES[place].partition(':')[0]}: {SkbPicture._facts(found)}; {found.headlen} linear; "
            f"{_frags_in_words(found.frags)}. {owners(found)} Who asks, and what it gets: {'; '.join(said)}")


def function(number):
    """Name the function that keeps a rule.

    Parameters
    ----------
    number : int
        Of the rule.

    Returns
    -------
    name : str
        As in the lab, where it is named after the kernel's.
    """
    return RULES[number - 1].where.partition(":")[2]


def detail(place, found, answers):
    """Draw everything about an skb.

    Parameters
    ----------
    place, found, answers : str, Inspection, tuple
        A version of the film.

    Returns
    -------
    drawn, bottom : str, float
        Elements, and where they end.
    """
    drawn, y = skb_drawn(PREFIX, found, SkbPicture._facts(found), PANEL, found.truesize)
    parts = [drawn, element("text", owners(found), x=8, y=y + 10, class_="small"),
             *(element("text", head, x=x, y=y + 36, class_="small strong")
               for x, head in ((8, "who may touch it? (asked of this very skb)"), (280, "function"), (448, "gets")))]
    y += 28
    for number, answer in answers:
        y += 16
        no = refused(answer)
        parts.append(element("text", RULES[number - 1].consumer.partition(",")[0], x=8, y=y + 10, class_="small"))
        parts.append(element("text", function(number), x=280, y=y + 10, class_="small"))
        parts.append(element("path", d=f"M428 {y + 1}l9 9m0 -9l-9 9" if no else f"M428 {y + 6}l3 4l6 -9", fill="none",
                             stroke=theme.colour("ink"), stroke_width=2.5 if no else 1.5))
        parts.append(element("text", answer, x=448, y=y + 10, class_="small strong" if no else "small"))
    return "".join(parts), y + 18


def drawn_versions(film):
    """Draw everything that the page may want to show.

    Parameters
    ----------
    film : Film
        From `devmemlab.view.skb_film.skb_film`.

    Returns
    -------
    facts, bottom : dict, float
        Chips, details and words of each version, and where the tallest detail ends.
    """
    details = [detail(*version) for version in film.versions]
    facts = {"chips": [chip(place, found) for place, found, _ in film.versions], "details": [drawn for drawn, _ in details],
             "said": [words(*version) for version in film.versions],
             "names": [f"skb {found.skb}" + (", early" if place == "early" else "") for place, found, _ in film.versions]}
    return facts, max((bottom for _, bottom in details), default=PANEL + 40)


def skb_stage(film, position, picked):
    """Draw a film of a receive queue at one position.

    Parameters
    ----------
    film : Film
        From `devmemlab.view.skb_film.skb_film`, with the facts of `drawn_versions`.
    position, picked : int
        How many moments have passed; and whose life is looked at, 0 for the first that waits.

    Returns
    -------
    svg : str
        The player moves what is marked in it.
    """
    prefix, facts = prefix_of("skbs", film.title, len(film)), film.facts
    parts = [theme.textures(prefix), element("text", film.title, x=8, y=22, class_="strong big"),
             count(film, position, "charged", f"charged: # of {facts['rcvbuf']:,}", x=8, y=44, class_="small"),
             element("rect", x=220, y=35, width=RIGHT - 220, height=10, fill="none", stroke=theme.colour("ink"),
                     stroke_width=0.8),
             level(film, position, "charged", facts["rcvbuf"], (220, 35, RIGHT - 220, 10), fill=theme.texture(prefix, "payload"))]
    version, life = picked_version(film, position, picked)
    for row, place in enumerate(PLACES):
        y = TOP + row * STEP
        parts.append(element("text", TITLES[place], x=8, y=y - 6, class_="small strong"))
        for k in range(SLOTS):
            name = f"{place}.{k}"
            shown, own = film.value(name, position), film.value(f"{name}.life", position)
            inside = facts["chips"][shown - 1].replace(PREFIX, prefix) if shown else ""
            inside += _frame() if shown and own == life else ""
            parts.append(element("g", inside, transform=f"translate({8 + k * (CHIP + 5)} {y})", data_slot=name,
                                 data_own="slot"))
    parts.append(count(film, position, "more", "not drawn: # more", x=RIGHT, y=TOP - 6, class_="small quiet end"))
    inside = facts["details"][version - 1].replace(PREFIX, prefix) if version else facts["gone"] if picked else facts["none"]
    parts.append(element("g", inside, data_detail="picked", data_own="detail"))
    body = element("g", "".join(parts), data_skbs="queue", data_prefix=prefix) + legend(prefix, facts["bottom"] + 14)
    style = css() + f".{theme.SCOPE} [data-slot]{{cursor:pointer}}"
    return document(film.title, film.words(position), WIDTH, facts["bottom"] + 52, body, style, theme.SCOPE)


def _frame():
    """Draw the frame of the chip that is picked."""
    return element("path", d=f"M{CHIP / 2 - 9} {HIGH + 5}h14l-7 8z", fill=theme.colour("ink"))


def messages():
    """Draw what stands where no skb can be shown.

    Returns
    -------
    facts : dict of str to str
        ``gone`` and ``none``, and the frame of a picked chip.
    """
    return {"gone": element("text", "this skb is in no queue of the connection at this moment", x=LEFT, y=PANEL + 20),
            "none": element("text", "nothing waits at this moment", x=LEFT, y=PANEL + 20), "frame": _frame()}
