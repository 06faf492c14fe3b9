"""A Kerberos realm of its own: a real KDC on loopback, with its files in a temporary directory."""
import os
import pathlib
import socket
import subprocess
import time

from conftest import free_port

REALM = "EXAMPLE.TEST"
PASSWORD = "four words of kerberos"


class Realm:
    def __init__(self, directory, name=REALM):
        self.dir = pathlib.Path(directory)
        self.name = name
        self.process = None
        port = free_port()
        (self.dir / "krb5.conf").write_text(f"""
[libdefaults]
  default_realm = {name}
  dns_lookup_realm = false
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  rdns = false
[realms]
  {name} = {{
    kdc = 127.0.0.1:{port}
  }}
[domain_realm]
  .{name.lower()} = {name}
""")
        (self.dir / "kdc.conf").write_text(f"""
[kdcdefaults]
  kdc_listen = 127.0.0.1:{port}
  kdc_tcp_listen = 127.0.0.1:{port}
[realms]
  {name} = {{
    database_name = {self.dir}/principal
    key_stash_file = {self.dir}/stash
    max_life = 1h
    supported_enctypes = aes256-cts-hmac-sha1-96:normal
  }}
[logging]
  default = FILE:{self.dir}/log
""")
        self.env = {**os.environ, "KRB5_CONFIG": str(self.dir / "krb5.conf"),
                    "KRB5_KDC_PROFILE": str(self.dir / "kdc.conf"), "LC_ALL": "C"}
        self.env.pop("KRB5CCNAME", None)
        self.run("kdb5_util", "create", "-s", "-r", name, "-P", "master of this test")
        self.process = subprocess.Popen(["/usr/sbin/krb5kdc", "-n"], env=self.env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, "no KDC"
                time.sleep(0.02)

    def run(self, program, *words, **more):
        path = pathlib.Path("/usr/sbin") / program
        return subprocess.run([path if path.exists() else program, *words], env=self.env,
                              check=True, capture_output=True, timeout=60, **more)

    def add_user(self, name):
        self.run("kadmin.local", "-r", self.name, "addprinc", "-pw", PASSWORD, name)

    def make_keytab(self, path, *services):
        known = self.run("kadmin.local", "-r", self.name, "listprincs").stdout.decode().split()
        for service in services:
            if f"{service}@{self.name}" not in known:
                self.run("kadmin.local", "-r", self.name, "addprinc", "-randkey", service)
            self.run("kadmin.local", "-r", self.name, "ktadd", "-k", str(path), "-norandkey",
                     service)

    def ticket(self, name):
        """The environment of a client who has logged in as name."""
        env = {**self.env, "KRB5CCNAME": f"FILE:{self.dir}/cache-{name.replace('/', '-')}"}
        subprocess.run(["kinit", f"{name}@{self.name}"], env=env, input=PASSWORD + "\n", text=True,
                       check=True, capture_output=True, timeout=60)
        return env

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(20)
