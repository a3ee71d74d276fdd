"""The page on the local network: a phone opens it, and sends back the table that it measured."""

import io
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from IPython.display import display

from lab.phone.keyboard.report import LONGEST, NotATable, read_table, received_tables

REMEDIES = """\
Does it not open there? Both have to be in one network, and this computer's firewall has to let
Python in. Many networks, those of schools among them, keep devices apart: then join the phone's own
hotspot with this computer and run this again, or put the file on the course's site (https), or send
the file to the phone."""
MOST = 100  # tables that are kept from one run


def serve_keyboard(keyboard="exported/keyboard.html"):
    """Serve a page that write_keyboard wrote to the local network, until it is interrupted.

    Prints its address, as a QR code too where segno is installed. Serves nothing but the page, and
    takes nothing but the tables that it measures, which show_beside_laptop reads.
    """
    keyboard = Path(keyboard or "exported/keyboard.html")
    try:
        server = Server(("", 0), keyboard)
    except OSError as error:
        print(
            f"{keyboard.as_posix()} cannot be served ({error.strerror}): write_keyboard writes it."
        )
        return
    with server:
        address = f"http://{own_address()}:{server.server_port}/"
        print(f"Open {address} on the phone. Once its table is here, stop this cell (Ctrl+C).")
        show_code(address)
        print(REMEDIES, flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print(f"Ended. Tables that came: {server.received}.")


def own_address():
    """Return this computer's address in the local network; 127.0.0.1 where it is in none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # of documentation (RFC 5737): nothing is sent
        except OSError:
            return "127.0.0.1"
        return probe.getsockname()[0]


def show_code(address):
    """Display an address as a QR code: a picture in a notebook, text in a terminal."""
    try:
        display(Code(address))
    except ImportError:
        print("As a QR code: pip install segno")
    except UnicodeEncodeError:  # a terminal without block characters
        pass


class Code:
    """A QR code that IPython displays wherever it runs."""

    def __init__(self, address):
        import segno

        self.code = segno.make_qr(address)

    def _repr_html_(self):
        return self.code.svg_inline(scale=5, light="white", title="The address as a QR code")

    def __repr__(self):
        text = io.StringIO()
        self.code.terminal(text, compact=True)
        return text.getvalue()


class Server(ThreadingHTTPServer):
    """Serves the page at a path, and counts the tables that it received."""

    def __init__(self, address, keyboard):
        self.keyboard, self.page, self.received = keyboard, keyboard.read_bytes(), 0
        super().__init__(address, Handler)

    def keep(self, table):
        """Add a table to those received."""
        with received_tables(self.keyboard).open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"{table.strip()}\n\n")
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
        else:
            self._answer(200, self.server.page, "text/html")

    do_HEAD = do_GET

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if self.path != "/table":
            self._answer(404, "Only a table is taken, at /table.")
        elif not (length.isascii() and length.isdigit()):
            self._answer(411, "The length of the table is missing.")
        elif len(length) > 9 or int(length) > LONGEST:
            self._answer(413, f"A table has at most {LONGEST} bytes.")
        else:
            self._take(self.rfile.read(int(length)))

    def _take(self, body):
        try:
            text = body.decode()
            _, device = read_table(text, self.server.keyboard)
            if self.server.received >= MOST:
                self._answer(429, f"{MOST} tables have come, which is enough.")
                return
            self.server.keep(text)
        except (NotATable, UnicodeDecodeError) as error:
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
