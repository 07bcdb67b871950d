// SPDX-License-Identifier: GPL-2.0-only
/* Hooks: tcp_v4_destroy_sock, which takes down a TCP socket of either family, whatever ended its
 * connection; tcp_disconnect, after which a socket may connect anew; and an iterator over our own
 * table, by which the agent asks from time to time for those that go on. Not iter/tcp for that: it
 * sees one network namespace, and does not know who opened. Not tcp_close: what is still on its way
 * is not counted yet, and a reset ends a connection before. Not inet_sock_set_state: five times for
 * each. Nothing per packet: the socket itself counts its bytes. Twins: kprobes, for kernels that have no
 * trampolines (arm64 before 6.0).
 *
 * The end often comes in an interrupt or in another process, so the probes of connect and accept
 * remember who opened (lib/flow.h). A connection that is older than they are is not reported, since
 * nobody can say whose it was. */
#include "bpf/lib/flow.h"
#include "bpf/lib/known.h"

#define YOUNG_NS 1000000000ULL /* a connection goes on if it is older than that */

struct flow_event {
	struct event_header hdr;
	struct flow_payload flow;
};

struct bytes {
	__u64 sent;
	__u64 received;
};

struct ended {
	const struct sock *sk;
	const struct tcp_sock *tcp; /* the same */
	bool typed; /* they may be followed by plain loads */
};

/* The peer's FIN takes a number in the stream and is no byte; by arithmetic, since the verifier would
 * follow a branch. */
static __always_inline struct bytes bytes_of(const struct ended *end)
{
	const struct tcp_sock *tcp = end->tcp; /* CO-RE would look for `end` in the kernel */
	const struct sock *sk = end->sk;
	__u64 received = READ(end->typed, tcp, bytes_received);
	__u64 has_fin = READ(end->typed, sk, __sk_common.skc_flags) >> SOCK_DONE & 1;

	return (struct bytes){
		.sent = READ(end->typed, tcp, bytes_sent) - READ(end->typed, tcp, bytes_retrans),
		.received = received - (has_fin & is_not_zero(received)),
	};
}

static __always_inline bool was_established(const struct flow_row *row, const struct ended *end)
{
	const struct tcp_sock *tcp = end->tcp;

	return row->flags & FLOW_ACCEPTED || READ(end->typed, tcp, bytes_acked);
}

static __always_inline __u16 own_port(const struct ended *end)
{
	return local_port(&end->tcp->inet_conn.icsk_inet, end->typed);
}

/* What was said to go on is ended by a record, which replaces the totals so far. */
static __always_inline enum verdict verdict_on_end(const struct flow_row *row,
						   const struct ended *end,
						   const struct bytes *bytes)
{
	const struct control *settings = control_of_agent();
	const struct sock *sk = end->sk;
	struct behaviour behaviour = {
		.cgroup_id = row->cgroup_id,
		.lineage = row->lineage,
		.kind = EVENT_flow,
	};
	__u64 peer[2] = {};
	__u16 port;

	if (!settings || row->told_bytes || on_alert(row->cgroup_id, bpf_ktime_get_boot_ns()))
		return VERDICT_SEND;
	read_peer((__u8(*)[16])peer, &port, sk, end->typed);
	if (row->flags & FLOW_ACCEPTED)
		port = own_port(end);
	flow_object(&behaviour, peer, port, family_of(sk, end->typed), row->flags, bytes->sent);
	return verdict_of(key_of(&behaviour, settings), bytes->sent, bytes->received);
}

static __always_inline void fill(struct flow_event *event, const struct flow_row *row,
				 const struct ended *end, const struct bytes *bytes, __u32 flags)
{
	const struct sock *sk = end->sk;

	event->hdr.start_boot_ns = row->start_boot_ns;
	event->hdr.tgid = row->tgid;
	event->hdr.tid = row->tid;
	event->hdr.flags |= row->event_flags;
	event->hdr.lineage = row->lineage;
	event->hdr.tree_start_boot_ns = row->tree_start_boot_ns;
	event->hdr.tree_tgid = row->tree_tgid;
	event->flow = (struct flow_payload){
		.exe = row->exe,
		.parent_start_boot_ns = row->parent_start_boot_ns,
		.parent_tgid = row->parent_tgid,
		.flags = row->flags | flags,
		.bytes_sent = bytes->sent,
		.bytes_received = bytes->received,
		.duration_ns = event->hdr.boot_ns - row->boot_ns,
		.local_port = own_port(end),
		.family = family_of(sk, end->typed),
		.protocol = IPPROTO_TCP,
	};
	read_local_address(&event->flow.local, sk, end->typed);
	read_peer(&event->flow.peer, &event->flow.peer_port, sk, end->typed);
}

static __always_inline bool emit_flow(const struct flow_row *row, const struct ended *end,
				      const struct bytes *bytes, __u32 flags, enum verdict verdict)
{
	/* Not who runs now acted. */
	const struct arrival arrival =
		event_admit_judged(row->cgroup_id, EVENT_flow, 0, verdict);
	struct flow_event *event;

	event = event_take_room_of_other(&arrival, current_task(), EVENT_flow, sizeof(*event));
	if (!event)
		return false;
	fill(event, row, end, bytes, flags);
	event_submit(event, EVENT_flow);
	return true;
}

static __always_inline void tell_end(const struct flow_row *row, const struct ended *end)
{
	struct bytes bytes;
	enum verdict verdict;

	if (!was_established(row, end))
		return; /* its connect has told the result */
	bytes = bytes_of(end);
	verdict = verdict_on_end(row, end, &bytes);
	if (verdict != VERDICT_KNOWN)
		emit_flow(row, end, &bytes, 0, verdict);
}

static __always_inline int on_end(const struct ended end)
{
	__u32 slot = flow_slot(end.sk);
	const struct flow_row *row;

	if (slot == FLOW_NONE)
		return 0;
	row = flow_row(slot);
	if (!row || !end.tcp)
		return 0;
	tell_end(row, &end);
	release_slot(slot);
	return 0;
}

static __always_inline int on_typed_end(struct sock *sk)
{
	return on_end((struct ended){ .sk = sk, .tcp = bpf_skc_to_tcp_sock(sk), .typed = true });
}

static __always_inline int on_untyped_end(const struct sock *sk)
{
	return on_end((struct ended){ .sk = sk, .tcp = (const void *)sk });
}

/* Not one that is young, or carried nothing since it was told last. All is read before it is looked
 * whether it is the same still: the connection may end meanwhile, and another's take its place. Not
 * static: see process_slot(). */
__noinline int tell_going_on(__u32 slot)
{
	const struct flow_bucket *bucket = flow_bucket(slot / FLOW_WAYS);
	struct flow_row *row = flow_row(slot);
	const volatile __u64 *place;
	const struct sock *sk;
	struct flow_row copy;
	struct bytes bytes;
	struct ended now;

	if (!bucket || !row)
		return 0;
	place = &bucket->sockets[slot % FLOW_WAYS];
	sk = (const void *)*place;
	copy = *row;
	if (!sk || bpf_ktime_get_boot_ns() - copy.boot_ns < YOUNG_NS)
		return 0;
	now = (struct ended){ .sk = sk, .tcp = (const void *)sk };
	bytes = bytes_of(&now);
	barrier();
	if ((const void *)*place != sk || row->boot_ns != copy.boot_ns ||
	    BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE)
		return 0; /* it ends at this moment */
	if (bytes.sent + bytes.received != copy.told_bytes &&
	    emit_flow(&copy, &now, &bytes, FLOW_OPEN, VERDICT_SEND))
		row->told_bytes = bytes.sent + bytes.received;
	return 0;
}

static __always_inline int on_walk(const __u32 *index, const struct flow_bucket *bucket)
{
	__u32 way;

	if (!index || !bucket)
		return 0;
#pragma unroll
	for (way = 0; way < FLOW_WAYS; way++) {
		if (bucket->sockets[way])
			tell_going_on(*index * FLOW_WAYS + way);
	}
	return 0;
}

SEC("?fentry/tcp_v4_destroy_sock")
int BPF_PROG(destroy_fentry, struct sock *sk)
{
	return on_typed_end(sk);
}

SEC("?fentry/tcp_disconnect")
int BPF_PROG(disconnect_fentry, struct sock *sk)
{
	return on_typed_end(sk);
}

SEC("?iter/bpf_map_elem")
int walk_fentry(struct bpf_iter__bpf_map_elem *ctx)
{
	return on_walk(ctx->key, ctx->value);
}

SEC("?kprobe/tcp_v4_destroy_sock")
int BPF_KPROBE(destroy_kprobe, struct sock *sk)
{
	return on_untyped_end(sk);
}

SEC("?kprobe/tcp_disconnect")
int BPF_KPROBE(disconnect_kprobe, struct sock *sk)
{
	return on_untyped_end(sk);
}

SEC("?iter/bpf_map_elem")
int walk_kprobe(struct bpf_iter__bpf_map_elem *ctx)
{
	return on_walk(ctx->key, ctx->value);
}

char LICENSE[] SEC("license") = "GPL";
