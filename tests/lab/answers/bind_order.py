"""Other right answers, and wrong ones made of the solution."""

import devmemlab as dml


def backwards():
    @dml.kernel
    def bind_rx(request):
        err = 0
        if request[14] == 1:
            err = -16
        if request[13] == 1 or request[12] == 1:
            err = -17
        if request[11] != 0 or request[10] == 0 or request[9] == 1:
            err = -22
        if request[9] == 0:
            err = -9
        if request[7] > request[8] - 1 or request[6] or not request[5]:
            err = -22
        if request[4] == 0:
            err = -95
        if request[1] < 1 or request[1] > 3:
            err = -19
        if request[3] == 0 or request[2] == 0 or request[1] == -1:
            err = -22
        if request[1] == 0:
            err = -34
        return err if request[0] else -1
    return bind_rx


@dml.kernel
def of_message(request):
    if request[0] == 0:
        return -1
    if request[1] == 0:
        return -34
    return 0 if request[1] != -1 and request[2] and request[3] else -22


@dml.kernel
def of_device(request):
    if request[1] not in (1, 2, 3):
        return -19
    if request[4] != 1:
        return -95
    return 0 if request[5] == 1 and request[6] == 0 and request[7] < request[8] else -22


@dml.kernel
def of_memory(request):
    if request[9] < 1:
        return -9
    return 0 if request[9] == 2 and request[10] and not request[11] else -22


def in_stages():
    @dml.kernel
    def bind_rx(request):
        err = of_message(request) or of_device(request) or of_memory(request)
        if err == 0 and (request[12] or request[13]):
            err = -17
        if err == 0 and request[14]:
            err = -16
        return err
    return bind_rx


RIGHT = [backwards(), in_stages()]

_LINES = {
    "admin": "    if not request[0]:\n        return -1\n", "zero": "    if request[1] == 0:\n        return -34\n",
    "given": "    if request[1] < 0 or not request[2] or not request[3]:\n        return -22\n",
    "device": "    if request[1] > 3:\n        return -19\n", "ops": "    if not request[4]:\n        return -95\n",
    "queue": "    if not request[5] or request[6] == 1 or request[7] >= request[8]:\n        return -22\n",
    "closed": "    if request[9] == 0:\n        return -9\n", "dmabuf": "    if request[9] == 1:\n        return -22\n",
    "split": "    if not request[10] or request[11] > 0:\n        return -22\n",
    "exists": "    if request[12] or request[13]:\n        return -17\n", "xsk": "    if request[14]:\n        return -16\n",
}


def swapped(*names):
    """Two checks that follow one another, the other way round."""
    first, second = (_LINES[name] for name in names)
    return first + second, second + first


MUTANTS = [
    swapped("admin", "zero"), swapped("zero", "given"), swapped("given", "device"), swapped("device", "ops"),
    swapped("ops", "queue"),
    swapped("queue", "closed"), swapped("split", "exists"), swapped("exists", "xsk"),
    *((_LINES[name], "") for name in ("zero", "given", "device", "ops", "queue", "closed", "dmabuf", "split", "exists", "xsk")),
    (_LINES["closed"] + _LINES["dmabuf"] + _LINES["split"], _LINES["split"] + _LINES["closed"] + _LINES["dmabuf"]),
    ("return -19", "return -22"), ("return -9\n", "return -22\n"), ("return -16", "return -17"), ("return -95", "return -22"),
    ("request[7] >= request[8]", "request[7] > request[8]"), ("request[1] > 3", "request[1] > 2"), ("request[12] or ", ""),
    (" or request[11] > 0", ""), ("request[6] == 1 or ", ""), ("not request[2] or ", ""),
]
