"""The process of the embedded engine: a Sail server that its own user alone can reach.

Sail listens on a TCP port and asks nobody who they are, and who reaches it runs code as this user. So its clients come
through a socket file of this user, and its port is closed to all others: this process has a network of its own, or,
where the system gives it none, the port takes only connections that are signed with a key that this process made.

`python -P sail_server.py FOLDER` writes one line, `closed`, `open` if neither is possible, or why it does not start. It
serves clients of FOLDER/engine until its standard input ends, also because the program that started it was killed, and
removes the folder. `python -P sail_server.py` only writes whether the port would be closed or open. It is run as a
file, so it imports nothing of ours.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import secrets
import shutil
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

CLOSED, OPEN = "closed", "open"
DOOR = "engine"
_CHUNK = 1 << 18

# <linux/sched.h>, <linux/sockios.h>, <linux/if.h>
_NEW_USER, _NEW_NETWORK, _SHARED_FILES = 0x10000000, 0x40000000, 0x400
_SET_FLAGS, _UP = 0x8914, 0x1
# <linux/tcp.h>: a key for a range of addresses; <linux/prctl.h>; <linux/seccomp.h>
_KEY_FOR, _IS_RANGE = 32, 1
_NO_NEW_PRIVILEGES, _END_WITH_PARENT = 38, 1
_FILTER, _TO_LISTENER, _RECEIVE, _SEND, _CONTINUE = 1, 8, 0xC0502100, 0xC0182101, 1
_ASK, _ALLOW = 0x7FC00000, 0x7FFF0000
# The numbers of clone, seccomp and listen
_CALLS = {"x86_64": (56, 317, 50), "aarch64": (220, 277, 201)}


def main(folder: Path) -> None:
    """Serve until the standard input ends."""
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(folder / DOOR))
    (folder / DOOR).chmod(0o600)
    door.listen()  # before the port: with a key, this process may listen once more only
    state, key = close_port()
    threading.Thread(target=_end_with_input, args=(folder,), daemon=True).start()
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer()
    server.start()
    address = server.listening_address
    try:
        _connected(address, key).close()
    except OSError as error:
        print(f"{error.strerror or error}; it needs the loopback interface (`ip link set lo up`)", flush=True)
        return
    print(state, flush=True)
    while True:
        client, _ = door.accept()
        _let_in(client, _connected(address, key))


def close_port() -> tuple[str, bytes | None]:
    """Close the port that this process, which has no other thread yet, will open; whether it is, and its key, if any.

    A client knows the key only if it is this process.
    """
    if _would_work(leave_network):
        leave_network()
        return CLOSED, None
    key = secrets.token_bytes(32)
    try:
        sign_port(key)
    except OSError:
        return OPEN, None
    return CLOSED, key


def _would_work(change: Callable[[], None]) -> bool:
    """A change to a process that cannot be taken back, tried in another one."""
    if (child := os.fork()) == 0:
        try:
            change()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


# --- a network of its own -----------------------------------------------------------------------------------------


def leave_network() -> None:
    """Move this process to a network where no other process is, with a loopback interface.

    Raises OSError if the system does not let this user, or is not Linux.
    """
    if sys.platform != "linux":
        raise OSError(f"{sys.platform} has no namespaces")
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(_NEW_NETWORK) != 0:  # a privileged user may; others may in a user namespace
        _check(libc.unshare(_NEW_USER | _NEW_NETWORK))
        # It stays the user that it is there too, or it would own nothing that it writes.
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))


def _check(answer: int) -> int:
    """What a system call has answered. Raises OSError."""
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


# --- a port with a key --------------------------------------------------------------------------------------------


def sign_port(key: bytes) -> None:
    """Have the next port that this process opens take only connections signed with the key (RFC 2385).

    The key must be there before the port listens, or somebody could come in between. So the system stops the process in
    its call of listen() and asks another one, which shares its open files and gives the socket its key, to let it go
    on. Raises OSError if the system knows no such keys, or does not let itself be asked.
    """
    if sys.platform != "linux" or platform.machine() not in _CALLS:
        raise OSError(f"{sys.platform} on {platform.machine()} is not known")
    clone, seccomp, listen = _CALLS[platform.machine()]
    libc = ctypes.CDLL(None, use_errno=True)
    with socket.socket() as one:
        _sign(one, key)
    asked = _check(libc.syscall(seccomp, _FILTER, _TO_LISTENER, _ask_at(libc, listen)))
    this = os.getpid()
    if _check(libc.syscall(clone, _SHARED_FILES | signal.SIGCHLD, 0, 0, 0, 0)) == 0:
        libc.prctl(_END_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != this:  # it has ended before it could be asked for
            os._exit(0)
        _answer(asked, key)


def _ask_at(libc: ctypes.CDLL, call: int) -> object:
    """A filter that has the system ask about one call, and allows all others."""

    class Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))

    _check(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    load, compare, answer = 0x20, 0x15, 0x06  # of <linux/filter.h>
    steps = ((load, 0, 0, 0), (compare, 0, 1, call), (answer, 0, 0, _ASK), (answer, 0, 0, _ALLOW))
    return ctypes.byref(Filter(len(steps), b"".join(struct.pack("=HBBI", *step) for step in steps)))


def _answer(asked: int, key: bytes) -> None:
    """Give the key to the first socket that is to listen, let it listen, and end."""
    try:
        question = bytearray(80)
        fcntl.ioctl(asked, _RECEIVE, question, True)
        (number,) = struct.unpack_from("=Q", question)
        (descriptor,) = struct.unpack_from("=Q", question, 32)
        port = socket.socket(fileno=descriptor)
        _sign(port, key)
        port.detach()
        fcntl.ioctl(asked, _SEND, bytearray(struct.pack("=QqiI", number, 0, 0, _CONTINUE)), True)
    finally:
        os._exit(0)  # without an answer, listen() fails


def _sign(one: socket.socket, key: bytes) -> None:
    """Have a socket sign what it sends with the key, and accept only what is signed with it, from any address."""
    anybody = struct.pack("=H126x", socket.AF_INET)
    one.setsockopt(socket.IPPROTO_TCP, _KEY_FOR, anybody + struct.pack("=BBHi80s", _IS_RANGE, 0, len(key), 0, key))


# --- clients ------------------------------------------------------------------------------------------------------


def _connected(address: tuple[str, int], key: bytes | None) -> socket.socket:
    server = socket.socket()
    if key is not None:
        _sign(server, key)
    server.settimeout(10)
    server.connect(address)
    server.settimeout(None)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server


def _let_in(client: socket.socket, server: socket.socket) -> None:
    for source, sink in ((client, server), (server, client)):
        threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    """Send on what comes until one side has gone."""
    with suppress(OSError):
        while chunk := source.recv(_CHUNK):
            sink.sendall(chunk)
    for one in (source, sink):
        with suppress(OSError):  # the other direction may have closed it
            one.shutdown(socket.SHUT_RDWR)


def _end_with_input(folder: Path) -> None:
    while os.read(0, 1):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        print(close_port()[0])
