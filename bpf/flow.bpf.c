// SPDX-License-Identifier: GPL-2.0-only
/* Hooks: the inet_sock_set_state tracepoint, where a TCP connection is begun and where it ends,
 * whatever ended it; and the exit of inet_csk_accept, which tells who took a connection; and an
 * iterator over our own table, by which the agent asks from time to time for those that go on. Not
 * iter/tcp for that: it sees one network namespace, and does not know who opened. Not
 * tcp_close: what is still on its way is not counted yet, and a reset ends a connection before.
 * Nothing per packet: the socket itself counts its bytes. Twin of the exit: a kretprobe, for
 * kernels that have no trampolines (arm64 before 6.0).
 *
 * The end often comes in an interrupt or in another process, so who opened is remembered by socket.
 * A connection that is older than the probe has no such entry, nor has one that was pushed out of
 * the full table: it is not reported, since nobody can say whose it was. */
#include "bpf/lib/accept.h"
#include "bpf/lib/inet.h"
#include "bpf/lib/ring.h"

#define FLOWS_MAX 16384
#define YOUNG_NS 1000000000ULL /* a connection goes on if it is older than that */

struct flow_event {
	struct event_header hdr;
	struct flow_payload flow;
};

struct opener {
	struct flow_payload flow; /* as far as it is known at the beginning */
	__u64 boot_ns;
	__u64 told_bytes; /* of both directions, when it was last said to go on */
	__u64 cgroup_id;
	__u64 start_boot_ns;
	__u64 lineage;
	__u64 tree_start_boot_ns;
	__u32 tgid;
	__u32 tid;
	__u32 tree_tgid;
	__u32 reserved;
};

/* By address of the socket: it stays the socket's until after the end. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FLOWS_MAX);
	__type(key, __u64);
	__type(value, struct opener);
} openers SEC(".maps");

static __always_inline bool is_tcp(const struct sock *sk, bool typed)
{
	return is_inet(sk, typed) && READ(typed, sk, sk_protocol) == IPPROTO_TCP;
}

static __always_inline void count_flow(bool begins)
{
	__u32 first = 0;
	struct flow_counts *counts = bpf_map_lookup_elem(&flow_counts, &first);

	if (counts)
		__sync_fetch_and_add(begins ? &counts->begun : &counts->ended, 1);
}

static __always_inline int remember(const struct sock *sk, bool typed, __u32 flags)
{
	const struct task_struct *task = current_task();
	const struct task_struct *parent = TASK_READ(task, real_parent);
	const struct process_row *self = own_row(task);
	__u64 ids = bpf_get_current_pid_tgid();
	__u64 key = (__u64)sk;
	struct opener opener;

	if (from_agent() || !is_tcp(sk, typed))
		return 0;
	opener = (struct opener){
		.flow = {
			.exe = exe_id(task),
			.parent_start_boot_ns = start_boot_ns(parent),
			.parent_tgid = TASK_READ(parent, tgid),
			.flags = flags,
			.family = family_of(sk, typed),
			.protocol = IPPROTO_TCP,
		},
		.boot_ns = bpf_ktime_get_boot_ns(),
		.cgroup_id = cgroup_id(task),
		.start_boot_ns = start_boot_ns(task),
		.tgid = ids >> 32,
		.tid = (__u32)ids,
	};
	if (self) {
		opener.lineage = self->lineage;
		opener.tree_start_boot_ns = self->tree_start_boot_ns;
		opener.tree_tgid = self->tree_tgid;
	}
	if (!bpf_map_update_elem(&openers, &key, &opener, BPF_NOEXIST))
		count_flow(true);
	else
		bpf_map_update_elem(&openers, &key, &opener, BPF_ANY);
	return 0;
}

static __always_inline void count_bytes(struct flow_payload *out, const struct sock *sk)
{
	const struct tcp_sock *tcp = (const void *)sk;
	__u64 received = BPF_CORE_READ(tcp, bytes_received);

	/* The peer's FIN takes a number in the stream and is no byte. */
	if (received && BPF_CORE_READ(sk, __sk_common.skc_flags) & 1UL << SOCK_DONE)
		received--;
	out->bytes_received = received;
	out->bytes_sent = BPF_CORE_READ(tcp, bytes_sent) - BPF_CORE_READ(tcp, bytes_retrans);
}

static __always_inline void fill(struct flow_event *event, const struct opener *opener,
				 const struct sock *sk, bool typed)
{
	event->hdr.start_boot_ns = opener->start_boot_ns;
	event->hdr.tgid = opener->tgid;
	event->hdr.tid = opener->tid;
	event->hdr.flags = 0;
	event->hdr.lineage = opener->lineage;
	event->hdr.tree_start_boot_ns = opener->tree_start_boot_ns;
	event->hdr.tree_tgid = opener->tree_tgid;
	event->flow = opener->flow;
	event->flow.duration_ns = event->hdr.boot_ns - opener->boot_ns;
	read_local(&event->flow.local, &event->flow.local_port, sk, typed);
	read_peer(&event->flow.peer, &event->flow.peer_port, sk, typed);
	count_bytes(&event->flow, sk);
}

static __always_inline bool emit_flow(const struct opener *opener, const struct sock *sk,
				      bool typed, __u32 flags)
{
	struct arrival arrival = event_arrive_in(opener->cgroup_id); /* not who runs now acted */
	struct flow_event *event;

	event_ask_quota(&arrival, EVENT_flow, 0);
	event = event_take_room(&arrival, current_task(), EVENT_flow, sizeof(*event));
	if (!event)
		return false;
	fill(event, opener, sk, typed);
	event->flow.flags |= flags;
	event_submit(event, EVENT_flow);
	return true;
}

static __always_inline int on_end(const struct sock *sk, int before)
{
	__u64 key = (__u64)sk;
	const struct opener *opener = bpf_map_lookup_elem(&openers, &key);

	if (!opener)
		return 0;
	/* One that was never established: its connect has told the result. */
	if (before != TCP_SYN_SENT)
		emit_flow(opener, sk, true, 0);
	if (!bpf_map_delete_elem(&openers, &key))
		count_flow(false);
	return 0;
}

/* Not one that carried nothing since it was told last. */
static __always_inline int on_walk(const __u64 *key, struct opener *opener)
{
	struct flow_payload so_far = {};
	const struct sock *sk;
	__u64 bytes;

	if (!key || !opener || bpf_ktime_get_boot_ns() - opener->boot_ns < YOUNG_NS)
		return 0;
	sk = (const void *)*key;
	if (!is_tcp(sk, false) || BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE)
		return 0; /* it ends at this moment */
	count_bytes(&so_far, sk);
	bytes = so_far.bytes_sent + so_far.bytes_received;
	if (bytes != opener->told_bytes && emit_flow(opener, sk, false, FLOW_OPEN))
		opener->told_bytes = bytes;
	return 0;
}

static __always_inline int on_state(const struct sock *sk, int before, int after)
{
	if (after == TCP_SYN_SENT)
		return remember(sk, true, 0);
	return after == TCP_CLOSE ? on_end(sk, before) : 0;
}

/* It may have ended in the queue already. */
static __always_inline int on_accept(const struct sock *sk, bool typed)
{
	bool lives = sk && READ(typed, sk, __sk_common.skc_state) != TCP_CLOSE;

	return lives ? remember(sk, typed, FLOW_ACCEPTED) : 0;
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(state_fexit, const struct sock *sk, int before, int after)
{
	return on_state(sk, before, after);
}

SEC("?fexit/inet_csk_accept")
int accept_fexit(unsigned long long *ctx)
{
	return on_accept(accepted(ctx), true);
}

SEC("?iter/bpf_map_elem")
int walk_fexit(struct bpf_iter__bpf_map_elem *ctx)
{
	return on_walk(ctx->key, ctx->value);
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(state_kretprobe, const struct sock *sk, int before, int after)
{
	return on_state(sk, before, after);
}

SEC("?kretprobe/inet_csk_accept")
int BPF_KRETPROBE(accept_kretprobe, struct sock *sk)
{
	return on_accept(sk, false);
}

SEC("?iter/bpf_map_elem")
int walk_kretprobe(struct bpf_iter__bpf_map_elem *ctx)
{
	return on_walk(ctx->key, ctx->value);
}

char LICENSE[] SEC("license") = "GPL";
