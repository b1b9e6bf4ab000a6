"""Two answers, field by field: errno, extack message and missing attribute, returned value, control messages, flags.

Law.   Only what every machine must answer alike counts; numbers that a kernel hands out as it likes do not.
Reads. The notes on the golden records: which fields to compare, known artefacts.
Omits. Offsets into requests (``bad_attr_offset``, ``policy``): they follow from the octets of the request, not from the answer.

========================================== ================================================================
interface, pool, NAPI and binding ids      given in order of asking; compared only as there or not there
frag_offset                                the allocator's order
inflight of a pool                         what the driver has posted and cached
detach-time, addr= in messages             a clock, an address
xdp and xsk feature words                  of the driver
========================================== ================================================================
"""

import json
import re

ANY = "any"
HANDED_OUT = {"inflight", "inflight-mem", "ifindex", "napi-id", "dmabuf", "dmabuf_id", "frag_offset", "detach-time",
              "offsets", "xdp-features", "xdp-rx-metadata-features", "xsk-features"}
_ADDRESS = re.compile(r"(addr=)0x[0-9a-f]+")


def masked(value, key=None, queue=False):
    """Replace what does not count by a word.

    Parameters
    ----------
    value : object
        Of dicts, lists, strings and numbers.
    key : str, optional
        Under which name it was found.
    queue : bool
        True: an ``id`` here is the index of a queue, which counts.

    Returns
    -------
    value : object
        Of the same shape.
    """
    if isinstance(value, dict):
        is_queue = "type" in value and "id" in value
        return {name: masked(item, name, is_queue) for name, item in value.items()}
    if key in HANDED_OUT and value is not None:
        return ANY
    if key in ("id", "ids") and not queue and value is not None:
        return ANY
    if isinstance(value, (list, tuple)):
        return [masked(item) for item in value]
    if isinstance(value, str):
        return _ADDRESS.sub(r"\1" + ANY, value)
    return value


def what_counts(errno, result, extack):
    """Reduce an answer to what is compared.

    Parameters
    ----------
    errno : str or None
        Name.
    result : object
        Returned value.
    extack : dict or None
        What netlink added.

    Returns
    -------
    fields : dict
        ``errno``, ``result`` (of a call that succeeded), ``msg``, ``miss_type``.
    """
    extack = extack or {}
    # Round trip through JSON: a tuple and a list, 1 and True written by different hands, are the same answer.
    result = json.loads(json.dumps(masked(result))) if errno is None else None
    return {"errno": errno, "result": result, "msg": masked(extack.get("msg")), "miss_type": extack.get("miss_type")}


def same_steps(recorded, came):
    """Reduce a recorded trace to the fields that the other side tells, step by step.

    Parameters
    ----------
    recorded, came : list of dict
        Steps; the story of the other side may go on longer, but never tells another act.

    Returns
    -------
    recorded, told, fields : list of dict, int, int
        What is left; fields that were told, and all.
    """
    left, told, fields = [], 0, 0
    for number, step in enumerate(recorded):
        other = came[number] if number < len(came) else {}
        left.append({name: value for name, value in step.items() if name in other or name == "op"})
        told += len(left[-1])
        fields += len(step)
    return left, told, fields


def differences(record, answer):
    """Compare what was recorded with what came back.

    Parameters
    ----------
    record : Record
        The recorded answer.
    answer : Answer
        The other one.

    Returns
    -------
    fields : list of str
        Names of the fields that differ; empty when the answers agree.
    """
    if record.call == "scenario" and isinstance(answer.result, list):
        return [said for pair in zip(same_steps(record.result, answer.result)[0], answer.result, strict=False)
                if (said := _wrong_step(*pair))]
    recorded, came = (what_counts(one.errno, one.result, one.extack) for one in (record, answer))
    return [name for name in recorded if recorded[name] != came[name]]


def _wrong_step(recorded, came):
    """Name a step that differs, with both values of its first wrong field; nothing when it does not differ."""
    for name in recorded:
        if masked(recorded[name], name) != json.loads(json.dumps(masked(came.get(name), name))):
            values = ", ".join(json.dumps(step.get(name))[:90] for step in (recorded, came))
            return f"step {recorded.get('op', '')!r}, {name}: {values}"
    return ""
