/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outcome.h - the names of everything a worker counts. Every query that reached a worker ends in exactly one
 * outcome (D250): sum of outcomes = queries received - queries in flight. Events say what else happened.
 * One block of DP_COUNTERS per worker, on its own cache lines.
 *
 *   X(identifier, "metric_name", "help")
 */
#ifndef DATAPLANE_OUTCOME_H
#define DATAPLANE_OUTCOME_H

#define DP_OUTCOMES(X) \
	X(HIT, "hit", "answered from the cache") \
	X(JOINED, "joined", "answered by what another query was already on its way for") \
	X(FORWARDED_ANSWERED, "forwarded_answered", "a server's answer was sent") \
	X(FORWARDED_TIMEOUT, "forwarded_timeout", "no server answered in time: SERVFAIL") \
	X(OVERLOAD, "overload", "every usable server has all the queries it may have: SERVFAIL") \
	X(NO_SERVER, "no_server", "no usable server in the pool: SERVFAIL") \
	X(LOCAL, "local", "answered by the node itself") \
	X(LOCAL_ANY, "local_any", "ANY over UDP: a minimal answer or TC, by the node itself") \
	X(REFUSED_ACL, "refused_acl", "client outside the access list of the pool's kind: REFUSED") \
	X(REFUSED_ROUTE, "refused_route", "no route for the name: REFUSED") \
	X(REFUSED_TYPE, "refused_type", "zone transfer, meta type or class: REFUSED or NOTIMP") \
	X(REFUSED_RD, "refused_rd", "RD = 0 for a recursive pool, which would look into its cache: REFUSED") \
	X(REFUSED_SIGNED, "refused_signed", "TSIG or SIG(0) in the query: REFUSED") \
	X(REFUSED_UPDATE, "refused_update", "NOTIFY or UPDATE, not allowed or not for an authoritative pool: REFUSED") \
	X(NOTIMP, "notimp", "opcode other than QUERY, NOTIFY and UPDATE: NOTIMP") \
	X(FORMERR_QDCOUNT, "formerr_qdcount", "not exactly one question: FORMERR") \
	X(FORMERR_COUNTS, "formerr_counts", "answer or authority records in a query: FORMERR") \
	X(FORMERR_NAME, "formerr_name", "bad name in the question: FORMERR") \
	X(FORMERR_TRUNCATED, "formerr_truncated", "fewer octets than the counts promise: FORMERR") \
	X(FORMERR_TRAILING, "formerr_trailing", "octets behind the last record: FORMERR") \
	X(FORMERR_OPT, "formerr_opt", "bad OPT: FORMERR") \
	X(BADVERS, "badvers", "EDNS version over 0: BADVERS") \
	X(DROP_SHORT, "drop_short", "shorter than a DNS header: dropped") \
	X(DROP_RESPONSE, "drop_response", "a response sent to us as a server: dropped") \
	X(DROP_SOURCE, "drop_source", "impossible source address or port: dropped") \
	X(DROP_FULL, "drop_full", "no room for another query in flight: dropped") \
	X(DROP_TRANSMIT, "drop_transmit", "no room to send it or its answer: dropped") \
	X(DROP_LEASE, "drop_lease", "the address was not ours any more: dropped") \
	X(DROP_DENIED, "drop_denied", "client on the deny list or blocked: dropped") \
	X(LIMITED_SLIP, "limited_slip", "client over its limit: TC = 1") \
	X(LIMITED_DROP, "limited_drop", "client over its limit: dropped") \
	X(LIMITED_REFUSED, "limited_refused", "client over its limit: REFUSED") \
	X(LIMITED_CACHE_ONLY, "limited_cache_only", "client over its limit, answer not in the cache: dropped") \
	X(LIMITED_NAME, "limited_name", "too much failed below the same name, answer not in the cache: SERVFAIL") \
	X(CLIENT_GONE, "client_gone", "the TCP client left before the answer")

#define DP_EVENTS(X) \
	X(QUERIES, "queries", "queries received, kernel path and fast path") \
	X(QUERIES_TCP, "queries_tcp", "of these, over TCP") \
	X(ANSWERS, "answers", "messages from servers received") \
	X(ANSWER_LATE, "answer_late", "matched no query in flight: late, duplicate or guessed") \
	X(ANSWER_MISMATCH, "answer_mismatch", "right port and id, wrong server, address or question") \
	X(ANSWER_MALFORMED, "answer_malformed", "from a server, not a DNS response that parses") \
	X(ANSWER_NO_QUESTION, "answer_no_question", "an error without its question: SERVFAIL at once") \
	X(ANSWER_TRUNCATED, "answer_truncated", "TC set by the server") \
	X(EDNS_RETRIED, "edns_retried", "FORMERR or NOTIMP from a server: asked again without EDNS") \
	X(REPLY_TRUNCATED, "reply_truncated", "cut to fit the client") \
	X(RETRIES, "retries", "queries sent to a second server because the first was slow or unreachable") \
	X(RETRIES_CAPPED, "retries_capped", "not sent there because they would be too many") \
	X(REPLY_KERNEL, "reply_kernel", "longer than the interface's MTU: sent by the kernel, in fragments") \
	X(HANDED_OVER, "handed_over", "answers given to the worker that asked") \
	X(HANDOVER_FULL, "handover_full", "answers lost because that worker's ring was full") \
	X(FRAME_NOT_UDP, "frame_not_udp", "frame that is no plain UDP: dropped") \
	X(FRAME_LENGTH, "frame_length", "lengths contradict each other: dropped") \
	X(FRAME_IP_CHECKSUM, "frame_ip_checksum", "IPv4 header checksum wrong: dropped") \
	X(FRAME_UDP_CHECKSUM, "frame_udp_checksum", "UDP checksum wrong: dropped") \
	X(FRAME_UNFINISHED, "frame_unfinished", "UDP checksum left to an offload: accepted") \
	X(FRAME_STRANGER, "frame_stranger", "neither for a listen address nor from a server: dropped") \
	X(SERVER_UNREACHABLE, "server_unreachable", "ICMP error or refused connection from a server") \
	X(TCP_ACCEPTED, "tcp_accepted", "client connections accepted") \
	X(TCP_CLOSED_IDLE, "tcp_closed_idle", "client connections closed after the idle timeout") \
	X(TCP_CLOSED_FULL, "tcp_closed_full", "client connections closed to make room") \
	X(TCP_CLOSED_SLOW, "tcp_closed_slow", "client connections closed because the client did not read") \
	X(TCP_CLOSED_BAD, "tcp_closed_bad", "client connections closed after a broken message") \
	X(TCP_TO_SERVER, "tcp_to_server", "queries sent to servers over TCP") \
	X(SELF_QUERIES, "self_queries", "canary and fast-path checks, in no other count") \
	X(LEASE_CANCELLED, "lease_cancelled", "frames taken back before sending: the lease ended meanwhile") \
	X(FRAMES_OUT, "frames_out", "frames and datagrams sent") \
	X(BATCHES, "batches", "batches worked")

/* What a worker counts of each pool. Hits by kind: DP_POOL_HITS + enum dp_cache_kind; a query is one hit, one miss or
 * one that joined a miss. */
#define DP_POOL_EVENTS(X) \
	X(HITS, "hits", "queries answered from the cache with records") \
	X(HITS_NEGATIVE, "hits_negative", "queries answered from the cache: no such name, or no such records") \
	X(HITS_FAILURE, "hits_failure", "queries answered from the cache: SERVFAIL") \
	X(MISSES, "misses", "queries sent to a server") \
	X(JOINED, "joined", "queries that waited for the answer to another one's") \
	X(STORED, "stored", "answers kept") \
	X(NOT_KEPT, "not_kept", "answers not kept: type, code, size, TTL, or no room")

#define DP_NAME(id, name, help) DP_COUNT_##id,
enum dp_counter {
	DP_OUTCOMES(DP_NAME)
	DP_OUTCOME_END,
	DP_EVENT_BEGIN = DP_OUTCOME_END - 1,
	DP_EVENTS(DP_NAME)
	DP_COUNTERS
};
#undef DP_NAME

#define DP_NAME(id, name, help) DP_POOL_##id,
enum dp_pool_counter { DP_POOL_EVENTS(DP_NAME) DP_POOL_COUNTERS };
#undef DP_NAME

/* Metric name and help of a counter; any thread. */
const char *dp_counter_name(enum dp_counter counter);
const char *dp_counter_help(enum dp_counter counter);
const char *dp_pool_counter_name(enum dp_pool_counter counter);
const char *dp_pool_counter_help(enum dp_pool_counter counter);

#endif
