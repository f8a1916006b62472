# SPDX-License-Identifier: BSD-2-Clause
"""systems.py - the systems under test. Each is a context: inside it answers on the node, and what it yields is
its process."""

from contextlib import contextmanager

from topology import CLIENT_SIDE, SERVER, await_answer

START_S = 10

TANDEM_CONF = """
node = {{ name = "bench"; workers = 1; }};
interfaces = ( {{ name = "eth0"; side = "client"; }}, {{ name = "eth1"; side = "server"; }} );
listen = ( {{ address = "{client_side}"; }} );
acl = {{ recursive = [ "10.99.1.0/24" ]; }};
pools = ( {{ name = "server"; kind = "recursive"; servers = ( {{ address = "{server}"; }} ); }} );
routes = ( {{ suffixes = [ "." ]; {file} pool = "server"; }} );
control = {{ socket = "{socket}"; group = "root"; }};
"""

# Everything Debian's version forwards, nothing cached; its usual threads: one for clients, one for the server.
DNSDIST_CONF = """
setLocal("{client_side}:53")
setACL("10.99.1.0/24")
setSecurityPollSuffix("")
setMaxUDPOutstanding(65535)
setUDPSocketBufferSizes(4194304, 4194304)
newServer({{ address = "{server}:53" }}):setUp()
"""


def tandem_config(topology, suffix_file=None):
    file = f'file = "{suffix_file}";' if suffix_file else ""
    return topology.write("tandem.conf", TANDEM_CONF.format(
        client_side=CLIENT_SIDE, server=SERVER, file=file, socket=topology.path("control.sock")))


class System:
    name = ""

    def __init__(self, topology, words):
        self.topology = topology
        self.words = words

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
    name = "tandem"

    def __init__(self, topology, build):
        super().__init__(topology, (f"{build}/tandemd", "--config", tandem_config(topology)))


class Dnsdist(System):
    """Over the kernel's sockets. What XDP sends back (XDP_TX) arrives only where XDP runs at the other end of the
    veth as well; the server's program does, because it lets through what does not go to port 53."""
    name = "dnsdist"

    def __init__(self, topology, build):
        config = topology.write("dnsdist.conf", DNSDIST_CONF.format(client_side=CLIENT_SIDE, server=SERVER))
        super().__init__(topology, ("dnsdist", "--supervised", "--disable-syslog", "-C", config))
        self.receive = f"{build}/tests/bench/reflect_xdp"

    @contextmanager
    def running(self):
        with self.topology.running("node", self.receive, "eth1"), super().running() as process:
            yield process


@contextmanager
def running_server(topology, build):
    """The server that is never the bottleneck."""
    with topology.running("srv", f"{build}/tests/bench/reflect_xdp", "eth0") as process:
        process.wait_while(lambda: "ready" not in process.last_words(), START_S)
        yield process
