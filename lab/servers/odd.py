#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
odd.py - an authoritative server that misbehaves on purpose, as the first label of the name says.

    dN.slow.com          192.0.2.1 after N milliseconds (also dN-anything.slow.com)
    servfail.fail.com    SERVFAIL; likewise refused, formerr, notimp; and *-anything
    silent.fail.com      no answer at all
    tN.big.com           TXT of about N octets; rN.big.com: N address records
    cut.big.com          TC over UDP and nothing over TCP

Everything has TTL 0, so a recursive server asks each time. Usage: odd.py ADDRESS [PORT]
"""
import asyncio
import re
import sys

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

ZONES = [dns.name.from_text(zone) for zone in ("slow.com.", "fail.com.", "big.com.")]
TXT_PART = 200
RCODES = {"servfail": dns.rcode.SERVFAIL, "refused": dns.rcode.REFUSED,
          "formerr": dns.rcode.FORMERR, "notimp": dns.rcode.NOTIMP}
LABEL = re.compile(r"([a-z]+)(\d*)(?:-.*)?$")
DELAY_MAX_S = 30


def zone_of(name):
    return next((zone for zone in ZONES if name.is_subdomain(zone)), None)


def soa(zone):
    return dns.rrset.from_text(zone, 60, "IN", "SOA", f"ns.{zone} hostmaster.{zone} 1 3600 900 604800 60")


def records(question, word, number, address):
    """The RRset that answers the question, or None where the name has none of this type."""
    name, kind = question.name, question.rdtype
    zone = zone_of(name)
    if name == zone and kind == dns.rdatatype.NS:
        return dns.rrset.from_text(name, 3600, "IN", "NS", f"ns.{zone}")
    if name == zone and kind == dns.rdatatype.SOA:
        return soa(zone)
    if word == "ns" and kind == dns.rdatatype.A:
        return dns.rrset.from_text(name, 3600, "IN", "A", address)
    if word == "t" and kind == dns.rdatatype.TXT:
        parts = " ".join(f'"{left:0{TXT_PART}d}"' for left in range(number, 0, -TXT_PART))
        return dns.rrset.from_text(name, 0, "IN", "TXT", parts or '""')
    if word == "r" and kind == dns.rdatatype.A:
        hosts = (f"198.18.{i // 250}.{i % 250 + 1}" for i in range(max(number, 1)))
        return dns.rrset.from_text(name, 0, "IN", "A", *hosts)
    if word not in ("t", "r") and name != zone and kind == dns.rdatatype.A:
        return dns.rrset.from_text(name, 0, "IN", "A", "192.0.2.1")
    return None


def answer(query, address, over_udp):
    """(message or None for silence, delay in seconds)."""
    question = query.question[0]
    reply = dns.message.make_response(query)
    zone = zone_of(question.name)
    if zone is None:
        reply.set_rcode(dns.rcode.REFUSED)
        return reply, 0
    reply.flags |= dns.flags.AA
    label = question.name.labels[0].decode("ascii", "replace").lower()
    found = LABEL.match(label) if question.name != zone else None
    word, number = (found[1], int(found[2] or 0)) if found else ("", 0)
    if word == "silent" or (word == "cut" and not over_udp):
        return None, 0
    if word == "cut":
        reply.flags |= dns.flags.TC
        return reply, 0
    if word in RCODES:
        reply.set_rcode(RCODES[word])
        return reply, 0
    rrset = records(question, word, number, address)
    if rrset is not None:
        reply.answer.append(rrset)
    else:
        reply.authority.append(soa(zone))
    return reply, min(number / 1000, DELAY_MAX_S) if word == "d" else 0


def truncate(reply):
    """Empty sections and TC, for a client that has to come back over TCP."""
    reply.answer.clear()
    reply.authority.clear()
    reply.flags |= dns.flags.TC
    return reply


def respond(wire, address, over_udp):
    """(octets or None, delay in seconds)."""
    try:
        query = dns.message.from_wire(wire)
    except Exception:  # whatever the parser does not like gets no answer
        return None, 0
    if query.flags & dns.flags.QR or len(query.question) != 1:
        return None, 0
    reply, delay_s = answer(query, address, over_udp)
    if reply is None:
        return None, 0
    octets = reply.to_wire(max_size=65535)
    if over_udp and len(octets) > max(512, query.payload):
        octets = truncate(reply).to_wire()
    return octets, delay_s


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, address):
        self.address = address
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        octets, delay_s = respond(data, self.address, True)
        if octets:
            asyncio.get_running_loop().call_later(delay_s, self.transport.sendto, octets, addr)


async def serve_stream(reader, writer, address):
    try:
        while True:
            size = int.from_bytes(await asyncio.wait_for(reader.readexactly(2), 10), "big")
            octets, delay_s = respond(await asyncio.wait_for(reader.readexactly(size), 10),
                                      address, False)
            if not octets:
                break
            await asyncio.sleep(delay_s)
            writer.write(len(octets).to_bytes(2, "big") + octets)
            await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(address, port):
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Datagrams(address), local_addr=(address, port))
    server = await asyncio.start_server(lambda r, w: serve_stream(r, w, address), address, port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 53))
