#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the fuzzers' seeds, one small binary file each, to seeds/<fuzzer>/ beside this file.

The seeds are in the repository; run this after changing it. The same files come out each time.
"""
import pathlib
import random
import struct

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rrset
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.layers.vrrp import VRRPv3

SEEDS = pathlib.Path(__file__).resolve().parent / "seeds"


def write(fuzzer, name, octets):
    folder = SEEDS / fuzzer
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(octets)


def query(name="wWw.Example.NET", rdtype="A", **options):
    message = dns.message.make_query(name, rdtype, **options)
    message.id = 0x1D2C
    return message


def with_record(wire, record):
    """One more additional record; the message had none."""
    return wire[:10] + b"\0\1" + wire[12:] + record


def queries():
    nsid = dns.edns.GenericOption(3, b"")
    cookie = dns.edns.GenericOption(10, b"abcdefgh")
    notify = query(rdtype="SOA")
    notify.set_opcode(dns.opcode.NOTIFY)
    edns_1 = query(use_edns=0)
    edns_1.ednsflags = 1 << 16
    yield "plain", query().to_wire()
    yield "root", query(".", "NS").to_wire()
    yield "long-name", query(".".join(["x"] * 127)).to_wire()
    yield "https-do", query(rdtype="HTTPS", want_dnssec=True).to_wire()
    yield "options", query(use_edns=0, payload=4096, options=[nsid, cookie]).to_wire()
    yield "edns-1", edns_1.to_wire()
    yield "notify", notify.to_wire()
    yield "tsig", with_record(query().to_wire(), b"\3key\0" + b"\0\xfa\0\xff" + b"\0\0\0\0" + b"\0\6" + b"\4hmac\0")


def opts():
    """Size, TTL field and options of an OPT."""
    nsid, cookie = bytes.fromhex("00030000"), bytes.fromhex("000a0008") + b"abcdefgh"
    yield "plain", 1232, 0, b""
    yield "small", 100, 0x8000, nsid
    yield "version-1", 4096, 0x018000, cookie
    yield "flags", 65535, 0xFF007FFF, nsid + cookie + nsid
    yield "inside", 1232, 0, bytes.fromhex("000a0008") + b"abcd" + nsid
    yield "overrun", 1232, 0, nsid + bytes.fromhex("000a0009") + b"abcdefgh"
    yield "half", 1232, 0, cookie + b"\0\3\0"
    yield "empty-ones", 512, 0, bytes(4 * 300)
    yield "long", 512, 0, bytes.fromhex("000c1000") + bytes(0x1000)


def response(*sections, flags=dns.flags.QR | dns.flags.RA, edns=True, rdtype="A"):
    message = dns.message.make_response(query(rdtype=rdtype, use_edns=0 if edns else False), our_payload=1232)
    message.flags = flags
    for section, records in zip((message.answer, message.authority, message.additional), sections):
        section.extend(dns.rrset.from_text(*record) for record in records)
    return message


def responses():
    soa = ("example.net.", 300, "IN", "SOA", "ns1.example.net. root.example.net. 1 2 3 4 5")
    ns = ("example.net.", 300, "IN", "NS", "ns1.example.net.", "ns2.example.net.")
    glue = [("ns1.example.net.", 300, "IN", "A", "192.0.2.1"), ("ns2.example.net.", 300, "IN", "AAAA", "2001:db8::1")]
    chain = [("www.example.net.", 60, "IN", "CNAME", "cdn.example.org."), ("cdn.example.org.", 60, "IN", "A", "192.0.2.2")]
    many = [("www.example.net.", 60, "IN", "A", *[f"192.0.2.{i}" for i in range(40)])]
    yield "address", response([("www.example.net.", 60, "IN", "A", "192.0.2.1")])
    yield "chain", response(chain, edns=False)
    yield "referral", response([], [ns], glue, flags=dns.flags.QR)
    yield "nxdomain", response([], [soa], flags=dns.flags.QR | dns.flags.AA | 3)
    yield "many", response(many, [ns], glue)
    yield "https", response([("www.example.net.", 60, "IN", "HTTPS", '1 . alpn="h2"')], rdtype="HTTPS")
    yield "error", response(flags=dns.flags.QR | 2, edns=False)


def kept():
    """Answers whose TTLs matter: the first octet is the policy."""
    soa = ("example.net.", 300, "IN", "SOA", "ns1.example.net. root.example.net. 1 2 3 4 50")
    chain = ("www.example.net.", 20, "IN", "CNAME", "gone.example.net.")
    large = ("www.example.net.", 0x7FFFFFFF, "IN", "A", "192.0.2.1")
    small = ("WWW.example.net.", 60, "IN", "A", "192.0.2.2")
    other = ("ns.example.net.", 90, "IN", "A", "192.0.2.3")
    sig = ("www.example.net.", 60, "IN", "RRSIG", "A 13 3 3600 20300101000000 20200101000000 1 example.net. c2ln")
    yield "sets", 1, response([large, other, small])
    yield "signed", 1 + 8, response([small, sig])
    yield "raised", 1 + 8, response([small, other], edns=False)
    yield "capped", 1 + 16, response([large])
    yield "nodata", 1 + 32, response([], [soa])
    yield "chain-nxdomain", 1, response([chain], [soa], flags=dns.flags.QR | dns.flags.RA | 3)
    yield "servfail", 1 + 64, response(flags=dns.flags.QR | 2)


def opt_first(wire):
    """The OPT of 'many' (11 octets, last) moved in front of the glue (16 and 28 octets)."""
    glue, opt = wire[-55:-11], wire[-11:]
    return wire[:-55] + opt + glue


def frames():
    ethernet = Ether(dst="02:00:00:00:00:22", src="02:00:00:00:00:11")
    tag = Dot1Q(vlan=100, prio=3)
    v4 = IP(src="10.10.2.166", dst="10.10.2.161", tos=0xB8)
    v6 = IPv6(src="fd00:10::66", dst="fd00:10::61", tc=0xB8, fl=0x12345)
    udp = UDP(sport=40000, dport=53)
    payload = query().to_wire()
    yield "v4", ethernet / v4 / udp / payload
    yield "v4-tagged", ethernet / tag / v4 / udp / payload
    yield "v4-no-sum", ethernet / v4 / UDP(sport=40000, dport=53, chksum=0) / payload
    yield "v4-padded", ethernet / v4 / udp / b"short"
    yield "v6", ethernet / v6 / udp / payload
    yield "v6-tagged", ethernet / tag / v6 / udp / payload


def adverts():
    """The first octet: 0 rfc9568, 1 rfc5798, 2 both; 0x80 has the sums set right."""
    v4 = IP(src="192.0.2.1", dst="224.0.0.18", ttl=255, proto=112, tos=0xC0)
    v6 = IPv6(src="fe80::1", dst="ff02::12", hlim=255, nh=112, tc=0xC0)
    two = ["192.0.2.53", "198.51.100.53"]
    yield "v4", 0x80, v4 / VRRPv3(vrid=51, priority=100, adv=100, addrlist=two[:1])
    yield "v4-rfc5798", 1, v4 / VRRPv3(vrid=51, priority=100, adv=100, addrlist=two[:1])
    yield "v4-both", 2, v4 / VRRPv3(vrid=7, priority=254, adv=10, addrlist=two)
    yield "v4-release", 0x80, v4 / VRRPv3(vrid=51, priority=0, adv=100, addrlist=two)
    yield "v4-padded", 2, bytes(v4 / VRRPv3(vrid=51, priority=1, adv=1, addrlist=two)).ljust(46, b"\0")
    yield "v4-many", 2, v4 / VRRPv3(vrid=51, adv=1, addrlist=[f"192.0.2.{i}" for i in range(40)])
    yield "v6", 0, v6 / VRRPv3(vrid=51, priority=100, adv=100, addrlist=["fe80::53", "2001:db8::53"])
    yield "version-2", 0x80, v4 / bytes.fromhex("2133640100010000c00002350000000000000000")


def hellos():
    """What one node tells the other, without its seal."""
    def text(t):
        return bytes([len(t)]) + t.encode()

    def prelude(version=1, needs=1):
        return (b"S" * 16 + struct.pack("!Q", 7) + b"E" * 16 + struct.pack("!Q", 5) + bytes(24) +
                bytes([version, needs]) + text("0.1.0"))

    def router(family, vrid, state, group=""):
        return struct.pack("!BBBBBBHIQQ", family, vrid, state, 1, 250, 190, 10, 42, 0x1122334455667789, 3) + text(group)

    def body(parts=5, routers=(), conditions=()):
        return (struct.pack("!QQQQQ", 1700000000 * 10**9, 123456, 99, 1000, 512 << 20) + text("dd1") + b"\1" +
                bytes([parts]) + b"".join(struct.pack("!Q", i) for i in range(parts)) +
                bytes([len(routers)]) + b"".join(routers) + struct.pack("!H", len(conditions)) +
                bytes([len(conditions)]) + b"".join(bytes([kind]) + text(name) for kind, name in conditions))

    yield "alone", prelude() + body()
    yield "pair", prelude() + body(routers=[router(4, 51, 3, "lan"), router(6, 51, 2, "lan")],
                                   conditions=[(0, "filter:eth0"), (1, "pool:rec"), (2, "peer-config")])
    yield "full", prelude() + body(8, [router(4, i + 1, 1, "g" * 31) for i in range(32)], [(2, "c" * 63)] * 8)
    yield "too-many-routers", prelude() + body(8, [router(4, i + 1, 1) for i in range(33)])
    yield "later-version", prelude(2, 1) + body() + b"something new"
    yield "no-pair", prelude(9, 8) + b"whatever"
    yield "trailing", prelude() + body() + b"x"
    yield "cut", (prelude() + body(routers=[router(4, 51, 3)]))[:-20]


def wait(ms):
    return b"\0" + ms.to_bytes(2, "big")


def hear(priority, source="192.0.2.2", **more):
    packet = bytes(IP(src=source, dst="224.0.0.18", ttl=255, proto=112) /
                   VRRPv3(vrid=51, priority=priority, adv=10, addrlist=["192.0.2.53"], **more))
    return bytes([2, len(packet)]) + packet


def lives():
    """Of a virtual router with priority 100: see fuzz_router.c. 8 startup, 9 release, 10 fault, 7 demote."""
    alone = b"\x08" + wait(362)
    yield "alone", alone + wait(100) * 4 + b"\x09" + wait(10) + b"\x08" + wait(400)
    yield "backup", b"\x08" + (hear(200) + wait(100)) * 4 + hear(0) + wait(62) + hear(200) + wait(100) + b"\x0a"
    yield "two-actives", alone + hear(50) + hear(50, type=2) + wait(5) + hear(100, "192.0.2.9") + wait(400)
    yield "lapsed", alone + b"\x03" + wait(100) * 3 + hear(50) + b"\x03" + wait(400)
    yield "late", alone + wait(5000) + hear(50) + wait(400) + b"\x08" + wait(2000) + wait(62)
    yield "demoted", alone + b"\x04\x3c" + wait(100) + b"\x07" + hear(1, "192.0.2.9") + wait(400) + b"\x05" + wait(2000)


def main():
    random.seed(1)  # dnspython shuffles the records of a set
    for name, octets in queries():
        write("fuzz_query", name, octets)
    for name, size, ttl, options in opts():
        write("fuzz_opt", name, size.to_bytes(2, "big") + ttl.to_bytes(4, "big") + options)
    for number, (name, message) in enumerate(responses()):
        wire = message.to_wire()
        write("fuzz_answer", name, bytes([number * 9 & 63]) + wire)
        if name == "many":
            write("fuzz_answer", "opt-first", b"\0" + opt_first(wire))
        write("fuzz_ttl", name, b"\1" + wire)
    for name, policy, message in kept():
        write("fuzz_ttl", name, bytes([policy]) + message.to_wire())
    for name, frame in frames():
        octets = bytes(frame)
        write("fuzz_packet", name, octets.ljust(60, b"\0") if "padded" in name else octets)
    for name, octets in hellos():
        write("fuzz_hello", name, octets)
    for name, first, packet in adverts():
        write("fuzz_advert", name, bytes([first]) + bytes(packet))
    for name, steps in lives():
        write("fuzz_router", name, steps)


if __name__ == "__main__":
    main()
