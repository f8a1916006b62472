# SPDX-License-Identifier: BSD-2-Clause
"""topology.py - where the bench happens, and the processes in it.

    gen eth0 ------- eth0 node eth1 ------- eth0 srv         three namespaces, veth pairs of one queue or more
    .1.2             .1.1      .2.1             .2.2         10.99.0.0/16
    ::2              ::1                                     fd99:1::/64

The generator's end, the system under test, and a server that XDP makes of the third. Names carry the pid;
everything goes away with the context, however it ends."""

import ctypes
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager

GENERATOR, CLIENT_SIDE = "10.99.1.2", "10.99.1.1"
GENERATOR_6, CLIENT_SIDE_6 = "fd99:1::2", "fd99:1::1"
SERVER_SIDE, SERVER = "10.99.2.1", "10.99.2.2"
CLONE_NEWNET = 0x40000000
STOP_S = 5
PAUSE_S = 0.001         # between two looks at a program that starts
# host0.example. A, with RD, as the wire has it
QUERY = bytes.fromhex("1234 0100 0001 0000 0000 0000") + b"\5host0\7example\0" + bytes.fromhex("0001 0001")

# host, device, address; one below the other are the two ends of a pair
ENDS = (("gen", "eth0", GENERATOR), ("node", "eth0", CLIENT_SIDE),
        ("node", "eth1", SERVER_SIDE), ("srv", "eth0", SERVER))

libc = ctypes.CDLL(None, use_errno=True)


class BenchError(Exception):
    """Said to the user as it is, without a traceback."""


def run(*words, timeout=30):
    """A command that must succeed; all it wrote."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
                          check=False)
    if done.returncode:
        raise BenchError(f"{' '.join(words)}: {done.stdout.strip()}")
    return done.stdout


class Process:
    """A program in the background. Its output goes to a file, shown when it dies too early."""

    def __init__(self, name, words, log_path):
        self.name = name
        self.log_path = log_path
        with open(log_path, "wb") as log:
            self.popen = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def is_alive(self):
        return self.popen.poll() is None

    def cpu_ns(self):
        """User and system time of all its threads. The kernel keeps it in nanoseconds and offers it as a clock
        (the number is made as clock_getcpuclockid() makes it); /proc rounds it to ticks."""
        if not self.is_alive():
            raise BenchError(f"{self.name} died; it wrote:\n{self.last_words()}")
        return time.clock_gettime_ns((~self.popen.pid << 3) | 2)

    def resident(self):
        """Octets of memory in use."""
        with open(f"/proc/{self.popen.pid}/status", encoding="ascii", errors="replace") as status:
            return 1024 * int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])

    def lines(self):
        """Whole lines that it wrote."""
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return [line for line in log.readlines() if line.endswith("\n")]

    def last_words(self):
        return "".join(self.lines()[-10:])

    def wait_while(self, is_waiting, seconds):
        """Until is_waiting() is false; the program has that long, and must not die meanwhile."""
        give_up = time.monotonic() + seconds
        while is_waiting():
            if not self.is_alive() or time.monotonic() > give_up:
                raise BenchError(f"{self.name} does not work; it wrote:\n{self.last_words()}")
            time.sleep(PAUSE_S)

    def stop(self):
        self.popen.terminate()
        try:
            self.popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


class Topology:
    """Of one queue a device, unless queues says otherwise."""

    def __init__(self, queues=1):
        self.queues = str(queues)
        self.prefix = f"tb{os.getpid()}q{queues}"
        self.directory = tempfile.mkdtemp(prefix=f"{self.prefix}.")
        self.hosts = []
        self.files = 0

    def __enter__(self):
        try:
            for host in ("gen", "node", "srv"):
                self.add_host(host)
            for left, right in zip(ENDS[::2], ENDS[1::2]):
                self.add_link(left, right)
            self.add_ipv6()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for host in self.hosts:
            subprocess.run(["ip", "netns", "delete", self.namespace(host)], check=False)
        shutil.rmtree(self.directory)

    def namespace(self, host):
        return f"{self.prefix}-{host}"

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text)
        return self.path(name)

    def write_new(self, name, text):
        """The same beside what already has the name."""
        self.files += 1
        return self.write(f"{self.files}-{name}", text)

    def add_host(self, host):
        run("ip", "netns", "add", self.namespace(host))
        self.hosts.append(host)
        run("ip", "-n", self.namespace(host), "link", "set", "lo", "up")

    def add_link(self, left, right):
        ends = []
        for host, device, address in (left, right):
            ends += [device, "netns", self.namespace(host), "address", mac_of(address),
                     "numrxqueues", self.queues, "numtxqueues", self.queues]
        run("ip", "link", "add", *ends[:len(ends) // 2], "type", "veth", "peer", "name", *ends[len(ends) // 2:])
        for (host, device, address), (_, _, peer) in ((left, right), (right, left)):
            self.set_up_end(host, device, address, peer)

    def set_up_end(self, host, device, address, peer):
        """The neighbour is permanent, so that no query waits for ARP; checksums are finished by the sender."""
        ip = ("ip", "-n", self.namespace(host))
        run(*self.on(host, "ethtool", "-K", device, "tx", "off"))
        run(*ip, "address", "add", f"{address}/24", "dev", device)
        run(*ip, "link", "set", device, "up")
        run(*ip, "neighbour", "replace", peer, "lladdr", mac_of(peer), "dev", device, "nud", "permanent")

    def add_ipv6(self):
        for host, own, peer, peer_mac in (("gen", GENERATOR_6, CLIENT_SIDE_6, mac_of(CLIENT_SIDE)),
                                          ("node", CLIENT_SIDE_6, GENERATOR_6, mac_of(GENERATOR))):
            ip = ("ip", "-n", self.namespace(host))
            run(*ip, "address", "add", f"{own}/64", "dev", "eth0", "nodad")
            run(*ip, "neighbour", "replace", peer, "lladdr", peer_mac, "dev", "eth0", "nud", "permanent")

    def on(self, host, *words):
        """The command line that runs words on a host."""
        return ("ip", "netns", "exec", self.namespace(host), *words)

    @contextmanager
    def running(self, host, *words):
        """A process on a host until the end of the block."""
        name = os.path.basename(words[0])
        process = Process(name, self.on(host, *words), self.path(f"{host}-{name}.log"))
        try:
            yield process
        finally:
            process.stop()

    def socket(self, host, *kind):
        """A socket that lives on a host; this thread is there only while it is made."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.namespace(host)}", os.O_RDONLY)
        try:
            enter(there)
            return socket.socket(*kind)
        finally:
            enter(home)
            os.close(there)
            os.close(home)


def enter(descriptor):
    if libc.setns(descriptor, CLONE_NEWNET):
        raise BenchError(f"setns: {os.strerror(ctypes.get_errno())}")


def mac_of(address):
    return "02:00:" + ":".join(f"{int(octet):02x}" for octet in re.findall(r"\d+", address))


def await_answer(topology, process, seconds):
    """Asks the node until it answers; the moment of the answer (monotonic)."""
    with topology.socket("gen", socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.connect((CLIENT_SIDE, 53))
        asker.settimeout(PAUSE_S)

        def is_silent():
            try:
                asker.send(QUERY)
                return asker.recv(512)[3] & 0x0f != 0
            except OSError:         # none yet, or nobody listens yet
                return True

        process.wait_while(is_silent, seconds)
        return time.monotonic()
