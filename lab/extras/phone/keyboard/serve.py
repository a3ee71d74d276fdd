"""A server for the local network: a phone opens the page and sends the measured table back."""

import contextlib
import re
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from IPython.display import HTML, display

import helpers
from lab.extras.phone.keyboard.readback import device_table, received_tables
from lab.extras.phone.keyboard.write import given_to

REMEDIES = """\
If the page does not open on the phone, check three things:
1. The phone and this computer must be in the same network.
2. The firewall of this computer must allow connections to Python.
3. Many networks, for example in schools, do not let devices connect to each other. Then connect
   this computer to the phone's own hotspot and run this again.
You can also put the file on the course's site (https) or send the file to the phone. If the
notebook runs on another computer, for example on Colab, only these two ways work."""
ALONE = "127.0.0.1"
IN_NO_NETWORK = (
    "This computer is not connected to a network, so only this computer can open the address. "
    "Connect it to a network, and run this again."
)
PORT = 8020  # always the same, so an open page can still send after a restart; another if in use
LONGEST_TABLE = 4_000  # bytes
MOST = 100  # tables that one run accepts


def serve_keyboard(keyboard=None):
    """Serve the page of write_keyboard in the local network, until the cell is interrupted.

    ``keyboard`` is the path of the page, by default the one that write_keyboard chooses.
    Prints the address, also as a QR code if segno is installed. The server sends only this page and
    accepts only tables that this page has measured. compare_with_laptop reads these tables.
    """
    keyboard = keyboard or helpers.folder_for("exported") / "keyboard.html"
    try:
        given_to(keyboard)
    except (OSError, ValueError, TypeError):  # no such file, not our page, or not written
        print(f"There is no page in {keyboard}. First run the cell that writes it.")
        return
    with _server(Path(keyboard)) as server:
        address = own_address()
        link = f"http://{address}:{server.server_port}/"
        print(f"Open {link} on the phone. At the end, interrupt this cell (in a terminal: Ctrl+C).")
        show_code(link)
        print(REMEDIES if address != ALONE else IN_NO_NETWORK, flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print(f"The server has stopped. Tables received: {server.received}.")


def _server(keyboard):
    try:
        return Server(("", PORT), keyboard)
    except OSError:
        return Server(("", 0), keyboard)


def own_address():
    """Return this computer's address in the local network, or ALONE if it has no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # for documentation (RFC 5737): nothing is sent
        except OSError:
            return ALONE
        return probe.getsockname()[0]


def show_code(address):
    """Show an address as a QR code: as a picture in a notebook, as text in a terminal."""
    try:
        import segno
    except ImportError:
        print("To see the address as a QR code, install segno: pip install segno")
        return
    code = segno.make_qr(address)
    if sys.stdout.isatty():
        with contextlib.suppress(UnicodeEncodeError):  # a terminal without block characters
            code.terminal(compact=True)
    else:
        display(HTML(code.svg_inline(scale=5, light="white", title="The address as a QR code")))


class Server(ThreadingHTTPServer):
    """Serves the page in a file, and counts the tables that it has received."""

    def __init__(self, address, keyboard):
        self.keyboard, self.received, self.lock = keyboard, 0, threading.Lock()
        super().__init__(address, Handler)

    def keep(self, table):
        """Store a table in the file of received tables."""
        lines = "\n".join(line for line in table.splitlines() if line.strip())
        with (
            self.lock,
            received_tables(self.keyboard).open("a", encoding="utf-8", newline="\n") as file,
        ):
            file.write(f"{lines}\n\n")
            self.received += 1

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), ConnectionError):  # a phone may close the connection
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Answers GET / with the page and accepts a table by POST /table; refuses everything else."""

    timeout = 20  # seconds until a silent connection is closed
    server_version, sys_version = "keyboard", ""

    def do_GET(self):
        if self.path.partition("?")[0] != "/":
            self._answer(404, "This server has only the page, at /.")
            return
        try:
            self._answer(200, self.server.keyboard.read_bytes(), "text/html")
        except OSError as error:
            self._answer(404, f"The page cannot be read ({error.strerror}). Write it again.")

    do_HEAD = do_GET

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if self.path != "/table":
            self._answer(404, "This server accepts only a table, at /table.")
        elif not re.fullmatch("[0-9]{1,9}", length) or int(length) > LONGEST_TABLE:
            self._answer(413, f"A table can have at most {LONGEST_TABLE} bytes.")
        elif self.server.received >= MOST:
            self._answer(429, f"This server accepts at most {MOST} tables.")
        else:
            self._take(self.rfile.read(int(length)))

    def _take(self, body):
        try:
            text = body.decode()
            _, device = device_table(text, given_to(self.server.keyboard))
            self.server.keep(text)
        except ValueError as error:  # not a text, not a table, or the table of another page
            self._answer(400, str(error))
        except OSError as error:
            self._answer(500, f"The table cannot be saved ({error}). Copy the table instead.")
        else:
            print(f"Received a table from {self.client_address[0]}: {device}", flush=True)
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
