"""Files from elsewhere: the right bytes or one line that says what to do; pickles run no code."""

import datetime
import errno
import http.server
import io
import ipaddress
import os
import pickle
import socket
import ssl
import sys
import threading
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gennas.errors import InputError
from gennas.files import download, pickles
from gennas.files.fetch import File, PackageFile, fetch

HELLO = b"hello\n"
#: As sha256sum and `git hash-object` print them.
SHA256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
GIT_BLOB = "ce013625030ba8dba906f756967f9e9ca394464a"
NOWHERE = "https://localhost:1/hello.txt"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path) -> Path:
    """A cache of the test's own, and no mirror."""
    monkeypatch.delenv("GENNAS_MIRROR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "localhost")
    return tmp_path / "cache" / "gennas"


def mirror(monkeypatch, folder: Path, content: bytes) -> Path:
    (folder / "some").mkdir(parents=True)
    (folder / "some/hello.txt").write_bytes(content)
    monkeypatch.setenv("GENNAS_MIRROR", str(folder))
    return folder / "some/hello.txt"


def hello(url: str | None = NOWHERE, **changes) -> File:
    return File("some/hello.txt", url, **({"sha256": SHA256} | changes))


def test_a_mirror_may_have_a_file_repacked(monkeypatch, tmp_path):
    path = mirror(monkeypatch, tmp_path / "mirror", HELLO)
    official = File("official/hello.txt", NOWHERE, git_blob="0" * 40, repacked=hello(None))
    assert fetch(official) == path
    path.write_bytes(b"another\n")
    with pytest.raises(InputError, match=r"some/hello\.txt: its hash differs"):
        fetch(official)


@pytest.mark.parametrize("kind, digest", [("sha256", SHA256), ("git_blob", GIT_BLOB)])
def test_mirror_is_verified_by_any_hash(monkeypatch, tmp_path, kind, digest):
    path = mirror(monkeypatch, tmp_path / "mirror", HELLO)
    assert fetch(File("some/hello.txt", NOWHERE, **{kind: digest})) == path
    path.write_bytes(b"jello\n")
    with pytest.raises(InputError, match=f"{path}: its hash differs"):
        fetch(File("some/hello.txt", NOWHERE, **{kind: digest}))


def test_mirror_without_the_file_falls_through_to_the_cache(monkeypatch, tmp_path, own_cache):
    monkeypatch.setenv("GENNAS_MIRROR", str(tmp_path))
    (own_cache / "some").mkdir(parents=True)
    (own_cache / "some/hello.txt").write_bytes(HELLO)
    assert fetch(hello()) == own_cache / "some/hello.txt"


def test_a_file_without_a_hash_is_a_bug():
    with pytest.raises(ValueError, match="needs a hash"):
        File("some/hello.txt", NOWHERE)


@pytest.mark.parametrize("url", ["http://localhost/hello.txt", "file:///etc/hostname", "ftp://localhost/x"])
def test_only_https(url):
    with pytest.raises(InputError, match="not an https address"):
        fetch(hello(url))


def test_a_file_without_an_address_needs_the_mirror():
    with pytest.raises(InputError, match="no public address; set GENNAS_MIRROR to a folder that holds some/hello"):
        fetch(hello(None))


def test_no_network_is_one_line_soon(own_cache):
    start = time.monotonic()
    with pytest.raises(InputError) as error:
        fetch(hello())
    assert time.monotonic() - start < 15
    reason = f"[Errno {errno.ECONNREFUSED}] Connection refused"
    assert str(error.value) == (
        f"some/hello.txt: could not be fetched from {NOWHERE} ({reason}); "
        "check the network, or set GENNAS_MIRROR to a folder that holds some/hello.txt"
    )
    assert not [path for path in own_cache.rglob("*") if path.is_file()]


def test_a_silent_server_is_asked_once(monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", (0.2, 0.2))
    with socket.create_server(("localhost", 0)) as server:
        with pytest.raises(InputError, match="timed out"):
            fetch(hello(f"https://localhost:{server.getsockname()[1]}/"))
        server.settimeout(0.5)
        server.accept()
        with pytest.raises(TimeoutError):
            server.accept()


# --- members of the mirror's archives ------------------------------------------------------------

MEMBER = ("some/data.zip", "data/hello.txt")


def archive(monkeypatch, folder: Path, name: str, content: bytes) -> Path:
    """A mirror that has an archive of one member, and nothing else."""
    (folder / "some").mkdir(parents=True)
    with zipfile.ZipFile(folder / "some/data.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(name, content)
    monkeypatch.setenv("GENNAS_MIRROR", str(folder))
    return folder / "some/data.zip"


def test_a_member_is_taken_out_of_the_archive_once(monkeypatch, tmp_path, own_cache):
    path = archive(monkeypatch, tmp_path / "mirror", MEMBER[1], HELLO)
    assert fetch(hello(member=MEMBER)) == own_cache / "some/hello.txt"
    assert (own_cache / "some/hello.txt").read_bytes() == HELLO
    path.write_bytes(b"")
    fetch(hello(member=MEMBER))


def test_the_mirror_s_own_file_is_preferred_to_its_archive(monkeypatch, tmp_path):
    archive(monkeypatch, tmp_path, MEMBER[1], b"jello\n")
    (tmp_path / "some/hello.txt").write_bytes(HELLO)
    assert fetch(hello(member=MEMBER)) == tmp_path / "some/hello.txt"


@pytest.mark.parametrize(
    "name, content, changes, message",
    [
        (MEMBER[1], b"jello\n", {}, "the hash of data/hello.txt differs from the expected one; replace it"),
        ("../some/hello.txt", HELLO, {}, "data/hello.txt could not be taken out .+no item named 'data/hello.txt'"),
        (MEMBER[1], bytes(1 << 20), {"size_limit": 1000}, "more than 1000 bytes at .+some/data.zip/data/hello.txt"),
    ],
)
def test_a_bad_member_leaves_nothing(monkeypatch, tmp_path, own_cache, name, content, changes, message):
    archive(monkeypatch, tmp_path / "mirror", name, content)
    with pytest.raises(InputError, match=message) as error:
        fetch(hello(member=MEMBER, **changes))
    assert "\n" not in str(error.value)
    assert not [path for path in own_cache.rglob("*") if path.is_file()]


@pytest.mark.parametrize("damage", [lambda content: b"PK", lambda content: content.replace(b"\x08\x00", b"\x63\x00")])
def test_a_damaged_archive_is_one_line(monkeypatch, tmp_path, damage):
    path = archive(monkeypatch, tmp_path, MEMBER[1], HELLO)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=f"{path}: data/hello.txt could not be taken out .+; replace it") as error:
        fetch(hello(member=MEMBER))
    assert "\n" not in str(error.value)


def test_the_archive_is_named_too():
    with pytest.raises(InputError, match=r"a folder that holds some/hello\.txt, or the archive some/data\.zip$"):
        fetch(hello(None, member=MEMBER))


# --- downloads from a real TLS server -----------------------------------------------------------


def write_certificate(path: Path) -> None:
    """A self-signed certificate for localhost, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))


class Server(http.server.BaseHTTPRequestHandler):
    """Answers each path in its own way, and counts."""

    asked: ClassVar[Counter[str]] = Counter()
    moved: ClassVar[dict[str, str]] = {
        "/moved": "http://localhost/hello.txt",
        "/file": "file:///etc/hostname",
        "/odd": "https://[",
        "/loop": "/loop",
    }

    def do_GET(self) -> None:
        self.asked[self.path] += 1
        unwell = self.path == "/unwell" and self.asked[self.path] < 3
        status = {"/missing": 404, "/broken": 500}.get(self.path, 503 if unwell else 200)
        if self.path in self.moved:
            status = 302
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.moved[self.path])
        length = len(HELLO) + (self.path == "/short")
        self.send_header("Content-Length", {"/odd-length": "many", "/no-length": "-1"}.get(self.path, str(length)))
        self.end_headers()
        self.wfile.write(HELLO)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def address(tmp_path, monkeypatch):
    """The address of a server whose certificate is trusted; no waiting between tries."""
    monkeypatch.setattr(download._Retry, "get_backoff_time", lambda self: 0)
    certificate = tmp_path / "certificate.pem"
    write_certificate(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = http.server.ThreadingHTTPServer(("localhost", 0), Server)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    Server.asked = Counter()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_download_once(address, own_cache):
    path = fetch(hello(f"{address}/hello.txt"))
    assert path == own_cache / "some/hello.txt"
    assert path.read_bytes() == HELLO
    fetch(hello(f"{address}/hello.txt"))
    assert Server.asked["/hello.txt"] == 1


def test_a_damaged_cache_is_mended(address, own_cache):
    (own_cache / "some").mkdir(parents=True)
    (own_cache / "some/hello.txt").write_bytes(b"hel")
    assert fetch(hello(f"{address}/hello.txt")).read_bytes() == HELLO


@pytest.mark.parametrize("path", ["/odd-length", "/no-length"])
def test_a_server_that_states_no_length_only_loses_the_bar(address, path):
    assert fetch(hello(address + path)).read_bytes() == HELLO


def test_an_unwell_server_is_asked_again(address):
    assert fetch(hello(f"{address}/unwell")).read_bytes() == HELLO
    assert Server.asked["/unwell"] == 3


@pytest.mark.parametrize(
    "path, changes, message",
    [
        ("/hello.txt", {"sha256": "0" * 64}, r"has changed \(another hash\); set GENNAS_MIRROR"),
        ("/hello.txt", {"size_limit": 5}, "more than 5 bytes"),
        ("/missing", {}, "404 Client Error"),
        ("/moved", {}, "No connection adapters were found for 'http://localhost/hello.txt'"),
        ("/file", {}, "No connection adapters were found for 'file:///etc/hostname'"),
        ("/odd", {}, "could not be fetched from .+/odd .*Invalid"),
        ("/loop", {}, "Exceeded 30 redirects"),
        ("/short", {}, "6 bytes read, 1 more expected"),
        ("/broken", {}, "too many 500 error responses"),
    ],
)
def test_a_bad_download_leaves_nothing(address, own_cache, path, changes, message):
    with pytest.raises(InputError, match=message) as error:
        fetch(hello(address + path, **changes))
    assert "\n" not in str(error.value)
    assert not [path for path in own_cache.rglob("*") if path.is_file()]


def test_four_tries(address):
    with pytest.raises(InputError):
        fetch(hello(f"{address}/broken"))
    assert Server.asked["/broken"] == 4


def test_an_untrusted_server_is_refused(address, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with pytest.raises(InputError, match="certificate verify failed"):
        fetch(hello(f"{address}/hello.txt"))


# --- files of installed packages ----------------------------------------------------------------


@pytest.fixture
def installed(tmp_path, monkeypatch) -> Path:
    """A distribution whose code must not be imported."""
    (tmp_path / "fancy_data-1.2.dist-info").mkdir()
    (tmp_path / "fancy_data-1.2.dist-info/METADATA").write_text("Name: fancy-data\nVersion: 1.2\n")
    (tmp_path / "fancy_data").mkdir()
    (tmp_path / "fancy_data/__init__.py").write_text("raise AssertionError('imported')")
    (tmp_path / "fancy_data/table.bin").write_bytes(HELLO)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_package_file(installed):
    path = fetch(PackageFile("fancy-data", "1.2", "fancy_data/table.bin", SHA256))
    assert path == installed / "fancy_data/table.bin"
    assert "fancy_data" not in sys.modules


@pytest.mark.parametrize(
    "file, message",
    [
        (
            PackageFile("fancy-data", "1.3", "fancy_data/table.bin", SHA256),
            "1.2 is installed, not 1.3; run: pip install",
        ),
        (
            PackageFile("fancy-dada", "1.2", "x", SHA256),
            "fancy-dada: not installed; run: pip install fancy-dada==1.2",
        ),
        (PackageFile("fancy-data", "1.2", "fancy_data/x", SHA256), "fancy_data/x: missing from fancy-data; run: pip"),
        (
            PackageFile("fancy-data", "1.2", "fancy_data/table.bin", "0" * 64),
            "fancy_data/table.bin: its hash differs from the expected one; run: pip .* --force-reinstall",
        ),
    ],
)
def test_package_file_that_is_not_there(installed, file, message):
    with pytest.raises(InputError, match=message):
        fetch(file)


# --- pickles ------------------------------------------------------------------------------------


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


def test_a_pickle_may_use_what_is_allowed():
    content = pickle.dumps({"when": datetime.date(2021, 12, 6)})
    allowed = {("datetime", "date"): lambda raw: ("a date", raw)}
    assert pickles.load(io.BytesIO(content), allowed, "x")["when"][0] == "a date"


def test_a_pickle_may_use_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("evil.pickle").write_bytes(pickle.dumps(Evil()))
    with (
        Path("evil.pickle").open("rb") as file,
        pytest.raises(InputError, match=r"evil.pickle: .*posix\.mkdir"),
    ):
        pickles.load(file, {("datetime", "date"): datetime.date})
    assert not Path("evil").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 not a pickle",
        pickle.dumps(list(range(1000)))[:-10],
        b"\x80\x02U\x01xQ.",  # a persistent id
        b"\x80\x02K\x01K\x02s.",  # sets an item of a number
        b"\x80\x02cdatetime\ndate\n)R.",  # calls an allowed global wrongly
    ],
)
def test_a_broken_pickle_is_one_line(content):
    with pytest.raises(InputError, match=r"^table\.bin: not a readable pickle \(.+\)") as error:
        pickles.load(io.BytesIO(content), {("datetime", "date"): datetime.date}, "table.bin")
    assert "\n" not in str(error.value)


def test_a_download_without_its_extra_names_it(own_cache, monkeypatch):
    monkeypatch.delitem(sys.modules, "gennas.files.download", raising=False)
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(InputError, match=r"download needs requests; pip install 'gennas\[pipeline\]'"):
        fetch(hello("https://localhost/"))
