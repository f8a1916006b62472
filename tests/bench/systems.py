# SPDX-License-Identifier: BSD-2-Clause
"""systems.py - the systems under test and the server behind them. Each is a context: inside it answers on the node,
and what it yields is its process."""

import json
import signal
import subprocess
from contextlib import contextmanager

from topology import CLIENT_SIDE, CLIENT_SIDE_6, SERVER, await_answer, run

START_S = 10

TANDEM_CONF = """
node = {{ name = "bench"; workers = {workers}; {node} }};
interfaces = ( {{ name = "eth0"; side = "client"; }}, {{ name = "eth1"; side = "server"; }} );
listen = ( {listen} );
acl = {{ recursive = [ "10.0.0.0/8", "fd99:1::/64" ]; }};
pools = ( {{ name = "server"; kind = "recursive"; servers = ( {{ address = "{server}"; }} ); {pool} }} );
routes = ( {{ suffixes = [ "." ]; {file} pool = "server"; }} );
cache = {{ memory = "{memory}"; prefault = {prefault}; }};
control = {{ socket = "{socket}"; group = "root"; }};
{more}
"""

# Everything Debian's version forwards; its usual threads: one for clients, one for the server.
DNSDIST_CONF = """
setLocal("{client_side}:53")
setACL("10.0.0.0/8")
setSecurityPollSuffix("")
setMaxUDPOutstanding(65535)
setUDPSocketBufferSizes(4194304, 4194304)
newServer({{ address = "{server}:53" }}):setUp()
"""
DNSDIST_CACHE = 'getPool(""):setCache(newPacketCache({entries}, {{ maxTTL = 86400 }}))\n'


class System:
    name = ""

    def __init__(self, topology, words):
        self.topology = topology
        self.words = words

    def pin(self, cpu):
        """It and all its threads have this processor, and no other."""
        self.words = ("taskset", "-c", str(cpu), *self.words)
        return self

    @contextmanager
    def running(self):
        with self.topology.running("node", *self.words) as process:
            await_answer(self.topology, process, START_S)
            yield process


class Floor(System):
    """The bare AF_XDP reflector: it answers itself, one frame in and one out."""
    name = "floor"

    def __init__(self, topology, build):
        super().__init__(topology, (f"{build}/tests/bench/reflect_xsk", "eth0"))


class Tandem(System):
    """suffix_file: more suffixes of the only route. node, pool, more: further keys of these and of the file."""
    name = "tandem"

    def __init__(self, topology, build, *, workers=1, memory="512M", prefault=False, addresses=(CLIENT_SIDE,),
                 suffix_file=None, node="", pool="", more=""):
        self.build = build
        self.socket = topology.path("control.sock")
        self.config = topology.write_new("tandem.conf", TANDEM_CONF.format(
            workers=workers, node=node, listen=", ".join(f'{{ address = "{address}"; }}' for address in addresses),
            server=SERVER, pool=pool, file=f'file = "{suffix_file}";' if suffix_file else "", memory=memory,
            prefault=str(prefault).lower(), socket=self.socket, more=more))
        super().__init__(topology, (f"{build}/tandemd", "--config", self.config))

    def refusal(self):
        """Why the daemon does not take the configuration: the first line of what it says; or None."""
        done = subprocess.run((f"{self.build}/tandemd", "--check", self.config), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        said = done.stdout.replace(self.config, "tandem.conf").strip()
        return (said.splitlines() or ["no reason given"])[0] if done.returncode else None

    def ctl(self, *words):
        return json.loads(run(f"{self.build}/tandemctl", "-s", self.socket, "--json", *words, timeout=120))


def ipv6_tandem(topology, build):
    """Listens on both families."""
    return Tandem(topology, build, addresses=(CLIENT_SIDE, CLIENT_SIDE_6))


class Dnsdist(System):
    """Over the kernel's sockets. What XDP sends back (XDP_TX) arrives only where XDP runs at the other end of the
    veth as well; the server's program does, because it lets through what does not go to port 53. No cache without
    entries."""
    name = "dnsdist"

    def __init__(self, topology, build, entries=0):
        text = DNSDIST_CONF.format(client_side=CLIENT_SIDE, server=SERVER)
        config = topology.write_new("dnsdist.conf", text + (DNSDIST_CACHE.format(entries=entries) if entries else ""))
        super().__init__(topology, ("dnsdist", "--supervised", "--disable-syslog", "-C", config))
        self.receive = f"{build}/tests/bench/reflect_xdp"

    @contextmanager
    def running(self):
        with self.topology.running("node", self.receive, "eth1"), super().running() as process:
            yield process


class Server:
    """The server that is never the bottleneck: each answer the query itself, or with records that may be cached."""

    def __init__(self, process):
        self.process = process

    def asked(self):
        """Queries by the first letter of their names; only where answers have records."""
        lines = self.process.lines()
        self.process.popen.send_signal(signal.SIGUSR1)
        self.process.wait_while(lambda: len(self.process.lines()) == len(lines), START_S)
        return json.loads(self.process.lines()[-1])


@contextmanager
def running_server(topology, build, answers=False):
    words = (f"{build}/tests/bench/reflect_xdp", *(("-a",) if answers else ()), "eth0")
    with topology.running("srv", *words) as process:
        process.wait_while(lambda: "ready" not in process.last_words(), START_S)
        yield Server(process)
