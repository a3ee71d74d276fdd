"""The page on the local network: a phone opens it, and sends back the table that it measured."""

import contextlib
import re
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from IPython.display import HTML, display

from lab.extras.phone.keyboard.readback import device_table, received_tables
from lab.extras.phone.keyboard.write import given_to

REMEDIES = """\
Does it not open there? Both have to be in one network, and this computer's firewall has to let
Python in. Many networks, those of schools among them, keep devices apart: then join the phone's own
hotspot with this computer and run this again. Or put the file on the course's site (https), or send
the file to the phone: there is no other way where the notebook runs elsewhere, as on Colab."""
ALONE = "127.0.0.1"
IN_NO_NETWORK = (
    "This computer is in no network, so only it can open that: join one, and run this again."
)
PORT = 8020  # so that a page that is still open can send after a restart; any other if it is taken
LONGEST_TABLE = 4_000  # bytes
MOST = 100  # tables that are kept from one run


def serve_keyboard(keyboard="exported/keyboard.html"):
    """Serve a page that write_keyboard wrote to the local network, until it is interrupted.

    Prints its address, as a QR code too where segno is installed. Serves nothing but the page, and
    takes nothing but the tables that it measures, which compare_with_laptop reads.
    """
    try:
        given_to(keyboard)
    except (OSError, ValueError, TypeError):  # not there, not ours, or not written
        print(f"There is no page to serve in {keyboard}: first run the cell that writes it.")
        return
    with _server(Path(keyboard)) as server:
        address = own_address()
        link = f"http://{address}:{server.server_port}/"
        print(f"Open {link} on the phone. In the end stop this cell (in a terminal: Ctrl+C).")
        show_code(link)
        print(REMEDIES if address != ALONE else IN_NO_NETWORK, flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print(f"Ended. Tables that came: {server.received}.")


def _server(keyboard):
    try:
        return Server(("", PORT), keyboard)
    except OSError:
        return Server(("", 0), keyboard)


def own_address():
    """Return this computer's address in the local network; ALONE where it is in none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # of documentation (RFC 5737): nothing is sent
        except OSError:
            return ALONE
        return probe.getsockname()[0]


def show_code(address):
    """Show an address as a QR code: a picture in a notebook, text in a terminal."""
    try:
        import segno
    except ImportError:
        print("As a QR code: pip install segno")
        return
    code = segno.make_qr(address)
    if sys.stdout.isatty():
        with contextlib.suppress(UnicodeEncodeError):  # a terminal without block characters
            code.terminal(compact=True)
    else:
        display(HTML(code.svg_inline(scale=5, light="white", title="The address as a QR code")))


class Server(ThreadingHTTPServer):
    """Serves the page at a path, and counts the tables that it received."""

    def __init__(self, address, keyboard):
        self.keyboard, self.received, self.lock = keyboard, 0, threading.Lock()
        super().__init__(address, Handler)

    def keep(self, table):
        """Add a table to those received."""
        lines = "\n".join(line for line in table.splitlines() if line.strip())
        with (
            self.lock,
            received_tables(self.keyboard).open("a", encoding="utf-8", newline="\n") as file,
        ):
            file.write(f"{lines}\n\n")
            self.received += 1

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), ConnectionError):  # a phone may hang up
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Answers GET / with the page and POST /table to its table; anything else is refused."""

    timeout = 20  # seconds that a silent connection is kept
    server_version, sys_version = "keyboard", ""

    def do_GET(self):
        if self.path.partition("?")[0] != "/":
            self._answer(404, "Only the page is here, at /.")
            return
        try:
            self._answer(200, self.server.keyboard.read_bytes(), "text/html")
        except OSError as error:
            self._answer(404, f"The page is gone ({error.strerror}): write it again.")

    do_HEAD = do_GET

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if self.path != "/table":
            self._answer(404, "Only a table is taken, at /table.")
        elif not re.fullmatch("[0-9]{1,9}", length) or int(length) > LONGEST_TABLE:
            self._answer(413, f"A table has at most {LONGEST_TABLE} bytes.")
        elif self.server.received >= MOST:
            self._answer(429, f"{MOST} tables have come, which is enough.")
        else:
            self._take(self.rfile.read(int(length)))

    def _take(self, body):
        try:
            text = body.decode()
            _, device = device_table(text, given_to(self.server.keyboard))
            self.server.keep(text)
        except ValueError as error:  # no text, no table, or none of this page
            self._answer(400, str(error))
        except OSError as error:
            self._answer(500, f"The table cannot be kept ({error}): copy it.")
        else:
            print(f"A table came from {self.client_address[0]}: {device}", flush=True)
            self._answer(200, "Received.")

    def _answer(self, status, text, kind="text/plain"):
        content = text if isinstance(text, bytes) else text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        pass
