"""In the pod: unpacks the image's content from standard input, or measures a process.

    stopwatch.py unpack DIRECTORY < ARCHIVE
    stopwatch.py time COMMAND...

The last line that is printed is: exit code, wall seconds, CPU seconds, largest resident size in MiB.
"""

import os
import sys
import tarfile
import time

verb, *rest = sys.argv[1:]
if verb == "unpack":
    tarfile.open(fileobj=sys.stdin.buffer, mode="r|").extractall(rest[0])
else:
    start = time.perf_counter()
    pid = os.posix_spawn(rest[0], rest, os.environ)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    cpu = usage.ru_utime + usage.ru_stime
    print(
        os.waitstatus_to_exitcode(status),
        f"{wall:.3f} {cpu:.3f} {usage.ru_maxrss / 1024:.1f}",
    )
