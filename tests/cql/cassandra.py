#!/usr/bin/env python3
"""A real Apache Cassandra for the tests: `cassandra.py [--nodes 1|3] [--keep] -- COMMAND…`.

Fetches the server's jars once with Maven into a cache, starts one node or a ring of three on loopback
addresses of its own, runs COMMAND with CHAPIANA_TEST_CQL=host:port, and stops the nodes by process id.
With --secured the server asks for a name and a password and speaks TLS alone: COMMAND finds them in
CHAPIANA_TEST_CQL_LOGIN (name:password) and CHAPIANA_TEST_CQL_CA (a PEM file). With --keep it prints the addresses
and the pids, and leaves the nodes running; FOLDER/nodeN/command.json starts one again. Needs Java 17 and Maven.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from peers import whole_peers

VERSION = "5.0.9"
CQL, STORAGE = 9042, 7000
TOKENS = ["-9223372036854775808", "-3074457345618258603", "3074457345618258602"]

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>chapiana.test</groupId><artifactId>cassandra</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies><dependency>
    <groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId><version>{VERSION}</version>
  </dependency></dependencies>
</project>
"""

LOGBACK = """<configuration>
  <appender name="FILE" class="ch.qos.logback.core.FileAppender">
    <file>${cassandra.logdir}/system.log</file>
    <encoder><pattern>%-5level [%thread] %date %logger{20} - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="FILE"/></root>
</configuration>
"""

YAML = """cluster_name: test
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{{seeds: "{seed}:{storage}"}}]
listen_address: {address}
rpc_address: {address}
storage_port: {storage}
native_transport_port: {cql}
num_tokens: 1
initial_token: "{token}"
auto_bootstrap: false
data_file_directories: [{dir}/data]
commitlog_directory: {dir}/commitlog
hints_directory: {dir}/hints
saved_caches_directory: {dir}/saved_caches
cdc_raw_directory: {dir}/cdc_raw
# An append is answered after its fsync, as in production.
commitlog_sync: batch
commitlog_segment_size: 16MiB
commitlog_total_space: 128MiB
paxos_variant: v2
memtable_allocation_type: heap_buffers
memtable_heap_space: 64MiB
key_cache_size: 4MiB
counter_cache_size: 0MiB
file_cache_size: 32MiB
networking_cache_size: 16MiB
prepared_statements_cache_size: 8MiB
concurrent_reads: 32
concurrent_writes: 64
concurrent_compactors: 1
auto_snapshot: false
materialized_views_enabled: false
user_defined_functions_enabled: false
internode_compression: none
{more}"""

# The first name and password are the server's own; it makes them some seconds after its port opens.
LOGIN = "cassandra:cassandra"
SECURED = """authenticator: PasswordAuthenticator
authorizer: CassandraAuthorizer
client_encryption_options:
  enabled: true
  optional: false
  keystore: {folder}/node.p12
  keystore_password: chapiana
  store_type: PKCS12
"""

# Each table takes some of it: who makes many keyspaces on one server wants more.
HEAP = os.environ.get("CQL_HEAP", "400m")
JAVA = f"""-Xms{HEAP} -Xmx{HEAP} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xss512k -XX:MaxDirectMemorySize=256m
-XX:+PerfDisableSharedMem -XX:+ExitOnOutOfMemoryError
--add-opens java.base/sun.nio.ch=ALL-UNNAMED --add-opens java.base/java.io=ALL-UNNAMED
--add-opens java.base/jdk.internal.ref=ALL-UNNAMED
-Dcassandra-foreground=yes -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=20000
-Dcassandra.superuser_setup_delay_ms=5000 -Dcassandra.memtable.row_overhead_size=180
-Dcassandra.consistent.rangemovement=false""".split()


def jars():
    """The folder with the server's jars, fetched if it is not there."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    place = cache / "chapiana" / f"cassandra-{VERSION}"
    if not place.exists():
        if not shutil.which("mvn") or not shutil.which("java"):
            sys.exit("Java 17 and Maven are needed: apt-get install openjdk-17-jdk-headless maven")
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as folder:
            pathlib.Path(folder, "pom.xml").write_text(POM)
            lib = pathlib.Path(folder, "lib")
            print(f"fetching Apache Cassandra {VERSION} once …", flush=True)
            subprocess.run(
                ["mvn", "-B", "-q", "-ntp", "dependency:copy-dependencies", "-DincludeScope=runtime",
                 f"-DoutputDirectory={lib}"], cwd=folder, check=True)
            lib.rename(place)
    return place


def free_addresses(count):
    """Loopback addresses on which nobody listens."""
    for _ in range(100):
        net = f"127.{random.randint(1, 250)}.{random.randint(1, 250)}"
        found = [f"{net}.{n}" for n in range(1, count + 1)]
        try:
            for address in found:
                for port in (CQL, STORAGE):
                    with socket.socket() as probe:
                        probe.bind((address, port))
            return found
        except OSError:
            continue
    sys.exit("no free loopback address was found")


def certificate(folder, addresses):
    """A certificate of its own for all nodes: node.p12 for them, ca.pem for who wants to know them."""
    names = ",".join(["dns:localhost", *(f"ip:{address}" for address in addresses)])
    store = ["-alias", "node", "-keystore", folder / "node.p12", "-storetype", "PKCS12", "-storepass", "chapiana"]
    subprocess.run(["keytool", "-genkeypair", *store, "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "2",
                    "-dname", "CN=localhost", "-ext", f"san={names}"], check=True, capture_output=True)
    subprocess.run(["keytool", "-exportcert", "-rfc", *store, "-file", folder / "ca.pem"], check=True,
                   capture_output=True)


class Ring:
    def __init__(self, nodes, folder, more="", secured=False):
        self.folder, self.lib = pathlib.Path(folder).resolve(), jars()
        self.addresses = free_addresses(nodes)
        self.more = more
        if secured:
            certificate(self.folder, self.addresses)
            self.more += SECURED.format(folder=self.folder)
        (self.folder / "logback.xml").write_text(LOGBACK)
        self.running = [self.start(n) for n in range(nodes)]
        for n in range(nodes):
            self.wait(n)
        self.wait_for_ring()

    def start(self, n):
        home = self.folder / f"node{n + 1}"
        for name in ("logs", "tmp"):
            (home / name).mkdir(parents=True, exist_ok=True)
        settings = YAML.format(seed=self.addresses[0], address=self.addresses[n], token=TOKENS[n],
                               dir=home, cql=CQL, storage=STORAGE, more=self.more)
        (home / "cassandra.yaml").write_text(settings)
        # As root the server would lock its whole heap in memory.
        lean = ["setpriv", "--bounding-set", "-ipc_lock", "--inh-caps", "-ipc_lock"]
        command = (lean if os.geteuid() == 0 else []) + ["java", *JAVA,
            f"-Djava.io.tmpdir={home}/tmp", f"-Djna.tmpdir={home}/tmp",
            f"-Dcassandra.config=file://{home}/cassandra.yaml", f"-Dcassandra.storagedir={home}",
            f"-Dcassandra.logdir={home}/logs", f"-Dlogback.configurationFile={self.folder}/logback.xml",
            "-cp", f"{self.lib}/*", "org.apache.cassandra.service.CassandraDaemon"]
        (home / "command.json").write_text(json.dumps(command))
        with open(home / "out", "w") as out:
            return subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)

    def wait(self, n):
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            if self.running[n].poll() is not None:
                break
            try:
                socket.create_connection((self.addresses[n], CQL), 1).close()
                return
            except OSError:
                time.sleep(0.2)
        home = self.folder / f"node{n + 1}"
        for log in (home / "out", home / "logs" / "system.log"):
            if log.exists():
                print(log.read_text(errors="replace")[-3000:], file=sys.stderr)
        self.stop()
        sys.exit(f"node {n + 1} did not start")

    def wait_for_ring(self):
        """A node takes connections before it knows the others: a keyspace made then would get too few copies."""
        others = len(self.addresses) - 1
        deadline = time.monotonic() + 60
        while others and any(whole_peers(address, CQL) < others for address in self.addresses):
            if time.monotonic() > deadline:
                self.stop()
                sys.exit("the nodes do not find each other")
            time.sleep(0.2)

    def stop(self):
        for node in self.running:
            if node.poll() is None:
                os.kill(node.pid, signal.SIGKILL)
            node.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=int(os.environ.get("CQL_NODES", 1)))
    parser.add_argument("--secured", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--folder", help="where the nodes keep their data (default: a new one, removed at the end)")
    at = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    given, command = parser.parse_args(sys.argv[1:at]), sys.argv[at + 1:]
    folder = given.folder or tempfile.mkdtemp(prefix="chapiana-cql-")
    os.makedirs(folder, exist_ok=True)
    began = time.monotonic()
    ring = Ring(given.nodes, folder, secured=given.secured)
    contact = f"{ring.addresses[0]}:{CQL}"
    contacts = ",".join(f"{address}:{CQL}" for address in ring.addresses)
    pids = " ".join(str(node.pid) for node in ring.running)
    print(f"Cassandra {VERSION}, {given.nodes} node(s) at {contacts}, pids {pids}, "
          f"ready in {time.monotonic() - began:.0f} s", flush=True)
    if given.keep:
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        environment = {**os.environ, "CHAPIANA_TEST_CQL": contact, "CQL_NODES": str(given.nodes)}
        if given.secured:
            environment |= {"CHAPIANA_TEST_CQL_LOGIN": LOGIN, "CHAPIANA_TEST_CQL_CA": str(ring.folder / "ca.pem")}
        return subprocess.run(command, env=environment).returncode
    finally:
        ring.stop()
        if not given.folder:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
