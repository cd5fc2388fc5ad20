"""LocalStack on loopback only, for as long as the process that started it lives.

Its own server takes the port of GATEWAY_LISTEN but not the host, and would listen on all addresses.
"""

import ctypes
import os
import shutil
import signal
from functools import partial

PR_SET_PDEATHSIG = 1
parent = os.getppid()
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
if os.getppid() != parent:
    raise SystemExit("The process that started this has ended.")

# A pipe breaks with the process that reads it, and LocalStack prints before it stops.
root = os.environ["FILESYSTEM_ROOT"]
log = os.open(os.path.join(root, "log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.dup2(log, 1)
os.dup2(log, 2)

from twisted.internet import endpoints  # noqa: E402

endpoints.TCP4ServerEndpoint = partial(endpoints.TCP4ServerEndpoint, interface="127.0.0.1")

from localstack.runtime.main import main  # noqa: E402

try:
    main()
finally:
    # Who started this removes the folder, unless it was killed itself.
    if os.getppid() != parent:
        shutil.rmtree(root, ignore_errors=True)
