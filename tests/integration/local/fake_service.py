"""Stands for a service in tests of the runtime: answers /health/ready, prints its settings, can be told to fail."""

import http.server
import os
import sys


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


if __name__ == "__main__":
    if os.environ["KEYCOUNTY_INSTANCE"] in sys.argv[1:]:
        sys.exit("this service was told to fail")
    print(*sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("KEYCOUNTY_")), sep="\n")
    http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["KEYCOUNTY_PORT"])), Health).serve_forever()
