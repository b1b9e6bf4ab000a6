"""Programs that talk to the lab from the kernel's side, where no tool of the system does what is wanted.

Law.   Each is a program of Python's standard library alone, run by ``python -c``; it prints what it got, and nothing else.
Reads. Python's socket and threading modules.
Omits. Failing with words: a traceback says enough.
"""

RECEIVING = """
import hashlib, socket, sys
with socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True) as server:
    connection, _ = server.accept()
digest, room = hashlib.sha256(), memoryview(bytearray(1 << 18))
while got := connection.recv_into(room):
    digest.update(room[:got])
connection.close()
print(digest.hexdigest())
"""
"""PORT: take one connection to its end, print the digest."""

MANY_IN = """
import socket, sys, threading
octets = sys.stdin.buffer.read()
def send():
    with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
        connection.sendall(octets)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
threads = [threading.Thread(target=send) for _ in range(int(sys.argv[3]))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
"""ADDRESS PORT COUNT: send standard input on so many connections at once."""

MANY_OUT = """
import hashlib, socket, sys, threading
def receive(connection):
    digest = hashlib.sha256()
    while part := connection.recv(1 << 16):
        digest.update(part)
    connection.close()
    digests.append(digest.hexdigest())
digests, threads = [], []
with socket.create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128) as server:
    for _ in range(int(sys.argv[2])):
        threads.append(threading.Thread(target=receive, args=[server.accept()[0]]))
        threads[-1].start()
for thread in threads:
    thread.join()
print(*digests)
"""
"""PORT COUNT: take so many connections to their ends, print their digests."""
