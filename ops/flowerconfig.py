"""Flower for operators: behind a password, on this machine's own address, with a bounded memory of tasks.

/metrics and /healthcheck answer without the password: keep the port on a private network, or behind a proxy.
"""

import os

address = os.environ.get("FLOWER_ADDRESS", "127.0.0.1")
port = int(os.environ.get("FLOWER_PORT", "5555"))
basic_auth = [credentials] if (credentials := os.environ.get("FLOWER_BASIC_AUTH")) else None
max_tasks = 2000
persistent = False
