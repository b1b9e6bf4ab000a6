"""Which mistake is told? The order of the lines is the order of the checks."""

import devmemlab as dml


@dml.kernel
def bind_rx(request):
    if not request[0]:
        return -1
    if request[1] == 0:
        return -34
    if request[1] < 0 or not request[2] or not request[3]:
        return -22
    if request[1] > 3:
        return -19
    if not request[4]:
        return -95
    if not request[5] or request[6] == 1 or request[7] >= request[8]:
        return -22
    if request[9] == 0:
        return -9
    if request[9] == 1:
        return -22
    if not request[10] or request[11] > 0:
        return -22
    if request[12] or request[13]:
        return -17
    if request[14]:
        return -16
    return 0
