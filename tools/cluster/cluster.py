"""A throw-away server of PostgreSQL for development and tests, in a folder, on loopback, a free port and a socket.

    with cluster.Cluster.start() as server:
        server.sql("create schema realtime")
        … "conninfo": "env:STORE_DSN", STORE_DSN = server.dsn() …

Users: `owner` with the password `owner-secret`, who may make schemas in the database `heddle`; `reader` (`reader-secret`) with no right but to
connect; `postgres`, the superuser, over the socket alone. The folder has `ca.pem` (whose certificate the server shows as `localhost`) and
`other-ca.pem` (an authority that signed nothing here). It refuses to run as root, so as root it runs as the user postgres."""
import glob
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

START_LIMIT_S = 60
USER = "postgres"


def binaries():
    """The folder of the newest server that is installed; None: there is none."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: int(path.split("/")[4]))
    if found:
        return pathlib.Path(found[-1]).parent
    path = shutil.which("initdb")
    return pathlib.Path(path).resolve().parent if path else None


def missing():
    """What keeps a server from being started; empty: nothing."""
    if binaries() is None:
        return "no server of PostgreSQL (tools/setup installs it)"
    if shutil.which("openssl") is None:
        return "no openssl to make certificates with"
    return ""


def skip_unless_there():
    """Ends a test that needs a server: skipped (CTest's 77), or failed under CI=true."""
    why = missing()
    if why:
        print(f"skipped: {why}")
        raise SystemExit(1 if os.environ.get("CI") == "true" else 77)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def dropped(command):
    """The command, as a user that is not root."""
    if os.geteuid() != 0:
        return command
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *command]


class Cluster:
    def __init__(self, folder, port, is_own):
        self.folder, self.port, self.is_own = pathlib.Path(folder), port, is_own
        self.data = self.folder / "data"

    # ---- Making ----

    @classmethod
    def start(cls, folder=None, settings=()):
        is_own = folder is None
        folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="heddle-postgres-"))
        folder.mkdir(parents=True, exist_ok=True)
        self = cls(folder, free_port(), is_own)
        if os.geteuid() == 0:
            os.chmod(folder, 0o711)
            (folder / "data").mkdir()
            user = pwd.getpwnam(USER)
            os.chown(folder / "data", user.pw_uid, user.pw_gid)
        self._run("initdb", "-D", self.data, "-U", "postgres", "--auth=peer", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8")
        self._certificates()
        self._configure(settings)
        self.up()
        self.sql("create role owner login password 'owner-secret'; create role reader login password 'reader-secret'")
        self.sql("create database heddle owner owner")
        (folder / "port").write_text(str(self.port))
        return self

    @classmethod
    def attach(cls, folder):
        folder = pathlib.Path(folder)
        return cls(folder, int((folder / "port").read_text()), False)

    def _certificates(self):
        def openssl(*arguments):
            subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=self.folder)
        for name in ("ca", "other-ca"):
            openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 30, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
        (self.folder / "san").write_text("subjectAltName=DNS:localhost,DNS:store.example")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", 30, "-extfile", "san", "-out", "server.pem")
        for name in ("server.key", "server.pem"):
            shutil.copy(self.folder / name, self.data / name)
            os.chmod(self.data / name, 0o600)
            if os.geteuid() == 0:
                user = pwd.getpwnam(USER)
                os.chown(self.data / name, user.pw_uid, user.pw_gid)

    def _configure(self, settings):
        with open(self.data / "postgresql.conf", "a") as file:
            file.write(f"listen_addresses = '127.0.0.1'\nport = {self.port}\nunix_socket_directories = '{self.data}'\nssl = on\nssl_cert_file = 'server.pem'\n"
                       "ssl_key_file = 'server.key'\nmax_connections = 60\nshared_buffers = 64MB\nlog_min_messages = warning\n")
            for line in settings:
                file.write(line + "\n")
        (self.data / "pg_hba.conf").write_text("local all postgres trust\nlocal all all scram-sha-256\nhost all postgres 127.0.0.1/32 reject\n"
                                               "host all all 127.0.0.1/32 scram-sha-256\n")

    def _run(self, name, *arguments, **more):
        return subprocess.run(dropped([str(binaries() / name), *map(str, arguments)]), check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              cwd="/", **more)

    # ---- Running ----

    def up(self):
        self._run("pg_ctl", "-D", self.data, "-w", "-t", START_LIMIT_S, "-l", self.data / "log", "start")

    def down(self, mode="fast"):
        self._run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def pid(self):
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def kill(self):
        """-9 to the server; its sessions end with it."""
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        limit = time.monotonic() + START_LIMIT_S
        while subprocess.run(["pgrep", "-f", f"^postgres: .*|-D {self.data}", "-P", str(pid)], capture_output=True).stdout and time.monotonic() < limit:
            time.sleep(0.05)
        while pathlib.Path(f"/proc/{pid}").exists() and time.monotonic() < limit:
            time.sleep(0.05)

    def sql(self, text, database="postgres"):
        """As the superuser; gives the rows, columns apart by |."""
        return self._run("psql", "-h", self.data, "-p", self.port, "-U", "postgres", "-d", database, "-v", "ON_ERROR_STOP=1", "-XAtc", text).stdout

    def hold(self, text):
        """A superuser's session in the database `heddle` that has run the statements, and lives until its input is closed or the server ends."""
        session = subprocess.Popen(dropped([str(binaries() / "psql"), "-h", str(self.data), "-p", str(self.port), "-U", "postgres", "-d", "heddle", "-v", "ON_ERROR_STOP=1", "-XAtq"]),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd="/")
        session.stdin.write(text + "; select 'held';\n")
        session.stdin.flush()
        if session.stdout.readline() != "held\n":
            raise RuntimeError(f"the server did not take: {text}")
        return session

    def store_sql(self, text):
        return self.sql(text, "heddle")

    def dsn(self, user="owner", password=None, host="127.0.0.1", port=None, database="heddle", more=""):
        return f"host={host} port={port or self.port} dbname={database} user={user} password={password or user + '-secret'} {more}".strip()

    def end(self):
        if (self.data / "postmaster.pid").exists():
            try:
                self.down("immediate")
            except subprocess.CalledProcessError:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
