"""Run a program that gets a signal when its parent dies: `follow.py PARENT SIGNAL UID GID PROGRAM ARGUMENT...`.

A script of its own rather than subprocess's preexec_fn: that one runs between fork and exec, where another thread's
lock may be held for ever. It is started while still root, because the user it drops to may not be able to enter the
venv. UID and GID -1 keep who we are. Only the standard library: it runs isolated, without site-packages.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def follow(parent: int, number: int) -> None:
    """Ask for the signal when the parent dies; exit if it is dead already. Elsewhere than on Linux do nothing."""
    # Python's handler would only note the signal and lose it at the exec; an inherited "ignore" (nohup, a shell's &)
    # would lose it too.
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    # It may have died before we asked, and then nothing would ever be sent.
    if os.getppid() != parent:
        os._exit(1)


def drop_to(uid: int, gid: int) -> None:
    """Become another user, for good."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def main(arguments: list[str]) -> None:
    """Never returns: becomes the program, or exits."""
    parent, number, uid, gid = map(int, arguments[:4])
    if uid != -1:
        drop_to(uid, gid)
    # After the change of user, which clears it.
    follow(parent, number)
    os.execv(arguments[4], arguments[4:])  # noqa: S606 -- no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
