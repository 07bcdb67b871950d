// SPDX-License-Identifier: GPL-2.0-only
/* Hook: the exit of inet_csk_accept, which takes a connection off a listener's queue for accept(2),
 * io_uring and Multipath TCP, with its result. Not inet_accept: Multipath TCP passes by it since
 * 6.6. Not security_socket_accept: before there is a connection. Twin: a kretprobe, for kernels
 * that have no trampolines (arm64 before 6.0); it sees the successes only.
 *
 * A queue that turns out to be empty is how every loop of accepts ends: no event, nor is a signal. */
#include "bpf/lib/accept.h"
#include "bpf/lib/flow.h"
#include "bpf/lib/known.h"

struct accept_event {
	struct event_header hdr;
	struct socket_payload socket;
};

/* What the behaviour is made of. */
struct ends {
	__u64 peer[2];
	__u16 peer_port;
	__u16 local_port;
	__u16 family;
	__u16 protocol;
};

static __always_inline __u16 own_port(const struct sock *sk, bool typed)
{
	const struct tcp_sock *tcp = typed ? bpf_skc_to_tcp_sock((void *)sk) : NULL;

	return tcp ? local_port(&tcp->inet_conn.icsk_inet, true) :
		     local_port((const void *)sk, false);
}

static __always_inline struct ends ends_of_socket(const struct sock *sk, bool typed, int result)
{
	struct ends ends = {
		.local_port = own_port(sk, typed),
		.family = family_of(sk, typed),
		.protocol = READ(typed, sk, sk_protocol),
	};

	if (!result)
		read_peer((__u8(*)[16])ends.peer, &ends.peer_port, sk, typed);
	return ends;
}

/* After a failure sk is the listener, whose peer is nobody. */
static __always_inline int emit_accept(const struct sock *sk, bool typed, int result)
{
	const struct control *settings = control_of_agent();
	const struct task_struct *task = current_task();
	const struct process_row *self;
	struct behaviour behaviour;
	struct accept_event *event;
	struct arrival arrival;
	enum verdict verdict;
	struct ends ends;
	__u32 process;

	if (!settings || is_agent(settings) || result == -EAGAIN || result == -EINTR ||
	    result == -ERESTARTSYS || !is_inet(sk, typed))
		return 0;
	process = own_slot_now();
	self = process_row(process);
	if (!self)
		return 0;
	ends = ends_of_socket(sk, typed, result);
	behaviour_of(&behaviour, task, EVENT_accept, self->lineage);
	connect_object(&behaviour, ends.peer, ends.local_port, ends.family, ends.protocol, result);
	if (settings->follows_flows && !result)
		flow_begins(sk, process, behaviour.cgroup_id, bpf_ktime_get_boot_ns(),
			    FLOW_ACCEPTED);
	verdict = verdict_on(&behaviour, settings);
	if (verdict == VERDICT_KNOWN)
		return 0;
	arrival = event_admit_judged(behaviour.cgroup_id, EVENT_accept, 0, verdict);
	event = event_take_room(&arrival, task, EVENT_accept, sizeof(*event));
	if (!event)
		return 0;
	fill_socket(&event->socket, task, sk, typed, result, 0);
	__builtin_memcpy(event->socket.peer, ends.peer, sizeof(ends.peer));
	event->socket.peer_port = ends.peer_port;
	event_submit(event, EVENT_accept);
	return 0;
}

SEC("?fexit/inet_csk_accept")
int accept_fexit(unsigned long long *ctx)
{
	const struct sock *sk = accepted(ctx);

	if (sk)
		return emit_accept(sk, true, 0);
	return emit_accept((const void *)ctx[0], true, accept_error(ctx));
}

SEC("?kretprobe/inet_csk_accept")
int BPF_KRETPROBE(accept_kretprobe, struct sock *sk)
{
	return sk ? emit_accept(sk, false, 0) : 0;
}

char LICENSE[] SEC("license") = "GPL";
