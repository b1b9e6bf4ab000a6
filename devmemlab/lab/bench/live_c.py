"""bench live: the line that a TAP device gives, drawn by a small receiver in C.

Law.   It does what nobody can leave out: read frames, place payload where it belongs, acknowledge; validated like the lab.
Reads. RFC 9293; RFC 7323 for timestamps and the window's scale.
Omits. Everything that makes a TCP: it takes segments in order only, never sends again, and verifies no checksum, which the
       kernel at the other end of the wire has no way to spoil.

It is as favoured as the lab's host on the same device: bursts of as many octets, one acknowledgement a burst, the same window,
a target of the same size that was touched before. With offload it places super-frames as they come, and never cuts one.
"""

import os
import shutil
import subprocess

SOURCE = r"""
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 65536 + 64, ETH = 14, FIN = 1, SYN = 2, ACK = 16 };
static unsigned char room[ROOM], said[10 + 128], *out = said + 10;
static uint32_t expected, own = 1000, stamp;
static int device, port, stamped, mss, burst, vnet;

static uint32_t get(const unsigned char *at, int octets) {
    uint32_t value = 0;
    while (octets--) value = value << 8 | *at++;
    return value;
}
static void put(unsigned char *at, int octets, uint32_t value) {
    while (octets--) { at[octets] = value; value >>= 8; }
}
static uint16_t sum(const unsigned char *at, int octets, uint32_t total) {
    for (; octets > 1; at += 2, octets -= 2) total += get(at, 2);
    while (total >> 16) total = (total & 65535) + (total >> 16);
    return ~total;
}
static void answer(int flags, int options) {
    unsigned char *ip = out + ETH, *tcp = ip + 20, *option = tcp + 20;
    if (options) {
        put(option, 4, 0x02040000 | mss); put(option + 4, 4, 0x01030307); option += 8;
    }
    if (stamped) {
        put(option, 4, 0x0101080a); put(option + 4, 4, 1); put(option + 8, 4, stamp); option += 12;
    }
    int length = option - tcp;
    put(ip, 4, 0x45000000 | (20 + length)); put(ip + 4, 4, 0x4000); put(ip + 8, 4, 0x40060000);
    put(ip + 10, 2, sum(ip, 20, 0));
    put(tcp + 4, 4, own); put(tcp + 8, 4, expected);
    tcp[12] = length / 4 << 4; tcp[13] = flags;
    put(tcp + 14, 2, options ? 65535 : WINDOW >> 7); put(tcp + 16, 4, 0);
    put(tcp + 16, 2, sum(tcp, length, 6 + length + get(ip + 12, 2) + get(ip + 14, 2) + get(ip + 16, 2) + get(ip + 18, 2)));
    if (write(device, out - vnet, vnet + ETH + 20 + length) < 0) perror("write");
}
static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}
int main(int count, char **words) {
    device = atoi(words[1]); port = atoi(words[2]);
    int memory = atoi(words[3]);
    uint64_t size = strtoull(words[4], 0, 10), place = 0, total = 0, frames = 0;
    mss = atoi(words[5]) - 40; burst = atoi(words[6]); vnet = atoi(words[7]);
    unsigned char *in = room + vnet;
    unsigned char *target = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (target == MAP_FAILED) return 1;
    memset(target, 0, size);
    double began = 0, ended = 0;
    puts("ready"); fflush(stdout);
    for (int open = 0, over = 0; !over;) {
        int fresh = 0;
        for (long left = (long)burst * mss, first = 1; left > 0 && !over; first = 0) {
            long got = read(device, room, ROOM);
            if (got < 0 && first) {
                struct pollfd waits = { device, POLLIN, 0 };
                if (poll(&waits, 1, 20000) <= 0) return 2;
                got = read(device, room, ROOM);
            }
            if (got < 0) break;
            left -= got > mss ? got : mss;
            got -= vnet;
            unsigned char *ip = in + ETH, *tcp = ip + 4 * (ip[0] & 15);
            if (got < 54 || get(in + 12, 2) != 0x800 || ip[9] != 6 || (int)get(tcp + 2, 2) != port) continue;
            int head = 4 * (tcp[12] >> 4), flags = tcp[13];
            long length = get(ip + 2, 2) - 4 * (ip[0] & 15) - head;
            if (head >= 32 && get(tcp + 20, 4) == 0x0101080a) stamp = get(tcp + 24, 4);
            if (flags & SYN) {
                memcpy(out, in + 6, 6); memcpy(out + 6, in, 6); put(out + 12, 2, 0x800);
                memcpy(out + ETH + 12, ip + 16, 4); memcpy(out + ETH + 16, ip + 12, 4);
                memcpy(out + ETH + 20, tcp + 2, 2); memcpy(out + ETH + 22, tcp, 2);
                for (int at = 20; at < head && tcp[at];) {
                    if (tcp[at] == 1) { at++; continue; }
                    if (tcp[at] == 8) { stamped = 1; stamp = get(tcp + at + 2, 4); }
                    at += tcp[at + 1] ? tcp[at + 1] : 1;
                }
                expected = get(tcp + 4, 4) + 1;
                answer(SYN | ACK, 1);
                own++; open = 1;
                continue;
            }
            if (!open) continue;
            if (!began) began = now();
            if (length && get(tcp + 4, 4) == expected) {
                long whole = size - place < (uint64_t)length ? (long)(size - place) : length;
                memcpy(target + place, tcp + head, whole);
                memcpy(target, tcp + head + whole, length - whole);
                place = (place + length) % size;
                expected += length; total += length; frames++;
            }
            fresh |= length > 0;
            if (flags & FIN && get(tcp + 4, 4) + length == expected) { expected++; over = 1; ended = now(); }
        }
        if (over) answer(ACK | FIN, 0);
        else if (fresh) answer(ACK, 0);
    }
    printf("%.0f %llu %llu\n", ended - began, (unsigned long long)total, (unsigned long long)frames);
    return 0;
}
"""
"""FD PORT MEMORY_FD OCTETS MTU BURST VNET: say ``ready``; take one connection to its end; print nanoseconds, octets, frames.

BURST: frames of the device's MTU after whose octets it acknowledges at the latest; it polls only when the device is dry. VNET:
octets before each frame, 10 on a device with offload, where a frame is as long as the kernel made it."""
WINDOW = 6 << 20


def compiler():
    """Find a C compiler.

    Returns
    -------
    command : str or None
        ``$CC``, cc, gcc or clang.
    """
    return next((found for name in (os.environ.get("CC"), "cc", "gcc", "clang") if name and (found := shutil.which(name))), None)


def build(folder):
    """Compile the receiver.

    Parameters
    ----------
    folder : str
        Where it goes.

    Returns
    -------
    path : str
        Program.

    Raises
    ------
    FileNotFoundError
        No compiler.
    ChildProcessError
        It does not compile; the text has what the compiler said.
    """
    command = compiler()
    if command is None:
        raise FileNotFoundError("no C compiler here: apt-get install gcc")
    path = f"{folder}/receiver"
    done = subprocess.run([command, "-O3", "-march=native", f"-DWINDOW={WINDOW}", "-o", path, "-x", "c", "-"], input=SOURCE,
                          capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise ChildProcessError(f"{command}: {done.stderr[-400:]}")
    return path
