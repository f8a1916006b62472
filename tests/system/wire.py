# SPDX-License-Identifier: BSD-2-Clause
"""wire.py - a node between two raw sockets: namespaces, frames and TAP for tests that look at the wire.

Three namespaces named with the pid: client -- eth0 node eth1 -- server. The test is the client and the server itself:
what it sends and sees are whole Ethernet frames, built and read with scapy. Everything goes away at exit."""

import atexit
import ctypes
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import logging
logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
from scapy.all import Ether, IP, UDP, ARP, DNS, DNSQR, DNSRR, Raw, bind_layers  # noqa: E402,F401

bind_layers(UDP, DNS, dport=5300)
bind_layers(UDP, DNS, sport=5300)

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TANDEM_BUILD", os.path.join(TOP, "build"))
CLONE_NEWNET = 0x40000000
PREFIX = "tw%d" % os.getpid()
CLIENT_MAC, SERVER_MAC = "02:00:00:00:00:0c", "02:00:00:00:00:05"
CLIENT, NODE_C, NODE_S, SERVER = "10.77.1.2", "10.77.1.1", "10.77.2.1", "10.77.2.2"


def run(*words, **kw):
    return subprocess.run(words, check=True, capture_output=True, text=True, **kw).stdout


class Tap:
    """TAP on standard output; exit status says whether all went well."""

    some_failed = False

    def __init__(self):
        self.n = self.failed = 0

    def ok(self, good, description, *detail):
        self.n += 1
        self.failed += not good
        Tap.some_failed |= not good
        print("%sok %d - %s" % ("" if good else "not ", self.n, description), flush=True)
        if not good:
            for d in detail:
                print("# %s" % str(d).replace("\n", "\n# "), flush=True)
        return good

    def equal(self, got, want, description):
        return self.ok(got == want, description, "got:  %r" % (got,), "want: %r" % (want,))

    def finish(self):
        print("1..%d" % self.n)
        sys.exit(self.failed != 0)


def skip_all(why):
    print("1..0 # SKIP %s" % why)
    sys.exit(0)


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    return condition()


class Host:
    """A namespace; its sockets are made inside it and used from here."""

    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def __init__(self, name):
        self.ns = "%s-%s" % (PREFIX, name)
        run("ip", "netns", "add", self.ns)
        atexit.register(lambda: subprocess.run(["ip", "netns", "del", self.ns], capture_output=True))
        self.sh("ip link set lo up")

    def sh(self, command):
        return run("nsenter", "--net=/run/netns/" + self.ns, "sh", "-c", command)

    def socket(self, *args):
        fd = os.open("/run/netns/" + self.ns, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if self.libc.setns(fd, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            return socket.socket(*args)
        finally:
            self.libc.setns(self.home, CLONE_NEWNET)
            os.close(fd)

    def spawn(self, *words, **kw):
        return subprocess.Popen(["nsenter", "--net=/run/netns/" + self.ns] + list(words), **kw)


class Wire:
    """Frames on one device of a host."""

    def __init__(self, host, device):
        self.socket = host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)   # SO_RCVBUFFORCE
        self.socket.bind((device, 3))
        self.socket.setsockopt(263, 23, 1)   # SOL_PACKET, PACKET_IGNORE_OUTGOING
        self.socket.setsockopt(263, 8, 1)    # PACKET_AUXDATA: the kernel takes a VLAN tag off before we see the frame

    def send(self, frame):
        try:
            self.socket.send(bytes(frame))
        except OSError:     # a link that was down is told once
            self.socket.send(bytes(frame))

    def receive(self, wanted, seconds=2.0):
        """The first frame for which wanted(frame) is true, else None."""
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            if left < 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            frame = Ether(self.read())
            if wanted(frame):
                return frame

    def read(self):
        """One frame, its VLAN tag put back."""
        octets, control, _, _ = self.socket.recvmsg(65536, 64)
        for level, kind, data in control:
            if level == 263 and kind == 8:
                status, tci, tpid = struct.unpack("=I12xHH", data[:20])
                if status & 0x10:       # TP_STATUS_VLAN_VALID
                    octets = octets[:12] + struct.pack("!HH", tpid or 0x8100, tci) + octets[12:]
        return octets

    def drain(self):
        while select.select([self.socket], [], [], 0)[0]:
            self.socket.recv(65536)


CONFIG = """
node = { name = "wire"; %(node)s };
interfaces = ( { name = "eth0"; side = "client"; }, { name = "eth1"; side = "server"; } );
listen = ( { address = "%(listen)s"; } );
acl = { recursive = [ "10.77.1.0/24" ]; authoritative = [ "0.0.0.0/0" ]; };
pools = (
  { name = "auth"; kind = "authoritative"; timeout_ms = %(timeout)s; servers = ( { address = "%(server)s"; } ); %(auth)s },
  { name = "rec"; kind = "recursive"; timeout_ms = %(timeout)s; servers = ( { address = "%(server)s"; port = 5300; } ); %(rec)s } );
routes = ( { suffixes = [ "example.net" ]; pool = "auth"; }, { suffixes = [ "." ]; pool = "rec"; } );
control = { socket = "%(dir)s/control.sock"; group = ""; };
log = { level = "debug"; };
%(more)s
"""


class Node:
    """Client, node and server with tandemd between them."""

    def __init__(self, queues=1, node="", more="", start=True):
        if os.geteuid():
            skip_all("needs root")
        self.dir = tempfile.mkdtemp(prefix=PREFIX)
        atexit.register(lambda: subprocess.run(["rm", "-rf", self.dir]))
        self.client, self.node, self.server = Host("client"), Host("node"), Host("server")
        self.link(self.client, CLIENT_MAC, CLIENT, "eth0", NODE_C, queues)
        self.link(self.server, SERVER_MAC, SERVER, "eth1", NODE_S, queues)
        for device, address, mac in (("eth0", CLIENT, CLIENT_MAC), ("eth1", SERVER, SERVER_MAC)):
            self.node.sh("ip neigh replace %s lladdr %s dev %s nud permanent" % (address, mac, device))
        self.mac_c, self.mac_s = self.mac("eth0"), self.mac("eth1")
        self.c, self.s = Wire(self.client, "eth0"), Wire(self.server, "eth0")
        self.settings = dict(node=node, more=more, listen=NODE_C, server=SERVER, dir=self.dir, timeout=500, auth="",
                             rec="")
        self.path = os.path.join(self.dir, "node.conf")
        self.write()
        self.process = None
        self.id = 0
        atexit.register(self.show_log)
        if start:
            self.start()

    def link(self, far, far_mac, far_address, device, address, queues):
        run("ip", "link", "add", "eth0", "netns", far.ns, "numrxqueues", str(queues), "numtxqueues", str(queues),
            "type", "veth", "peer", "name", device, "netns", self.node.ns,
            "numrxqueues", str(queues), "numtxqueues", str(queues))
        far.sh("ip link set eth0 address %s up; ethtool -K eth0 tx off; ip addr add %s/24 dev eth0;"
               "sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1" % (far_mac, far_address))
        self.node.sh("ip link set %s up; ethtool -K %s tx off; ip addr add %s/24 dev %s;"
                     "sysctl -qw net.ipv6.conf.%s.disable_ipv6=1" % (device, device, address, device, device))

    def mac(self, device):
        return json.loads(self.node.sh("ip -j link show dev " + device))[0]["address"]

    def write(self, **changed):
        """Without a packet cache, unless a setting has one: it would answer where the server should be asked."""
        self.settings.update(changed)
        text = CONFIG % self.settings
        if "cache = { memory" not in text:
            text += "cache = { memory = 0; };\n"
        with open(self.path, "w") as f:
            f.write(text)

    def start(self):
        """Starts tandemd and waits until it answers its control socket; returns the seconds that took."""
        begin = time.monotonic()
        self.log = open(os.path.join(self.dir, "log"), "a")
        self.process = self.node.spawn(os.path.join(BUILD, "tandemd"), "--config", self.path,
                                       stdout=self.log, stderr=self.log)
        atexit.register(self.stop)
        if not wait_for(self.is_up, 10):
            print("Bail out! tandemd did not start: " + self.log_text())
            sys.exit(1)
        return time.monotonic() - begin

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode if self.process else None

    def show_log(self):
        """At exit, when a test failed or the script itself did: the daemon's last lines."""
        if Tap.some_failed or sys.exc_info()[0] or hasattr(sys, "last_type"):
            lines = [x for x in self.log_text().splitlines() if " debug: " not in x]
            print("# the node's log:\n# " + "\n# ".join(lines[-40:]), flush=True)

    def log_text(self):
        with open(os.path.join(self.dir, "log")) as f:
            return f.read()

    def is_up(self):
        return subprocess.run([os.path.join(BUILD, "tandemctl"), "-s", self.dir + "/control.sock", "status"],
                              capture_output=True).returncode == 0

    def ctl(self, *words):
        """A tandemctl command's JSON document."""
        return json.loads(run(os.path.join(BUILD, "tandemctl"), "-s", self.dir + "/control.sock", "--json", *words))

    def counter(self, name):
        found = []

        def walk(value):
            if isinstance(value, dict):
                for key, inner in value.items():
                    if key == name and isinstance(inner, int):
                        found.append(inner)
                    walk(inner)
            elif isinstance(value, list):
                for inner in value:
                    walk(inner)
        walk(self.ctl("counters"))
        return found[0] if found else None

    # frames

    def query(self, name="www.example.com", dns=None, sport=4000, **ip):
        self.id = (self.id + 1) & 0xffff
        dns = dns if dns is not None else DNS(id=self.id, rd=1, qd=DNSQR(qname=name))
        return Ether(src=CLIENT_MAC, dst=self.mac_c) / IP(src=CLIENT, dst=NODE_C, **ip) / \
            UDP(sport=sport, dport=53) / dns

    def at_server(self, seconds=2.0):
        """The next DNS query on the server's wire."""
        return self.s.receive(lambda f: UDP in f and f[UDP].dport in (53, 5300) and f[IP].src == NODE_S, seconds)

    def at_client(self, seconds=2.0, sport=4000):
        return self.c.receive(lambda f: UDP in f and f[UDP].sport == 53 and f[UDP].dport == sport, seconds)

    def answer(self, q, address="192.0.2.1", **dns):
        """The server's answer to the frame q."""
        fields = dict(id=q[DNS].id, qr=1, ra=1, rd=q[DNS].rd, qd=q[DNS].qd,
                      an=DNSRR(rrname=q[DNS].qd.qname, ttl=300, rdata=address))
        fields.update(dns)
        return Ether(src=q[Ether].dst, dst=q[Ether].src) / IP(src=q[IP].dst, dst=q[IP].src) / \
            UDP(sport=q[UDP].dport, dport=q[UDP].sport) / DNS(**fields)
