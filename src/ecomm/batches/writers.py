"""Whether somebody is still writing a file: the system knows, where it has leases (Linux)."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import sys
from pathlib import Path

_SET_SIGNAL = 10  # F_SETSIG of <linux/fcntl.h>
_ASK_A_SERVER = ("nfs", "cifs", "smb")
"""File systems whose server gives a lease, or refuses it for reasons of its own."""


def is_being_written(path: Path) -> bool:
    """Some process has the file open for writing, as far as the system tells.

    It does not tell of another user's file, on a network's disk, or elsewhere than on Linux: then it is False.
    """
    if sys.platform != "linux":
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # Who opens the file now to write to it makes the system send a signal, which ends a process if it is SIGIO.
        fcntl.fcntl(descriptor, _SET_SIGNAL, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN and not _is_of_a_server(os.fstat(descriptor).st_dev)
    finally:
        os.close(descriptor)
    return False


def _is_of_a_server(device: int) -> bool:
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return file_system(device, mounts).startswith(_ASK_A_SERVER)


def file_system(device: int, mounts: str) -> str:
    """The kind of file system that a device has, by the text of /proc/self/mountinfo; empty if it is not there."""
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.splitlines():
        mount, _, kind = line.partition(" - ")
        if mount.split()[2:3] == [number]:
            return kind.partition(" ")[0]
    return ""
