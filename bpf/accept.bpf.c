// SPDX-License-Identifier: GPL-2.0-only
/* Hook: the exit of inet_csk_accept, which takes a connection off a listener's queue for accept(2),
 * io_uring and Multipath TCP, with its result. Not inet_accept: Multipath TCP passes by it since
 * 6.6. Not security_socket_accept: before there is a connection. Twin: a kretprobe, for kernels
 * that have no trampolines (arm64 before 6.0); it sees the successes only.
 *
 * A queue that turns out to be empty is how every loop of accepts ends: no event, nor is a signal. */
#include "bpf/lib/accept.h"
#include "bpf/lib/inet.h"
#include "bpf/lib/known.h"
#include "bpf/lib/ring.h"

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

static __always_inline struct ends ends_of_socket(const struct sock *sk, bool typed, int result)
{
	struct ends ends = {
		.local_port = bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport)),
		.family = family_of(sk, typed),
		.protocol = READ(typed, sk, sk_protocol),
	};

	if (!result)
		read_peer((__u8(*)[16])ends.peer, &ends.peer_port, sk, typed);
	return ends;
}

static __always_inline enum verdict verdict_on_accept(const struct ends *ends,
						      const struct task_struct *task,
						      const struct control *settings, int result)
{
	struct behaviour behaviour;

	behaviour_of(&behaviour, task, EVENT_accept, own_lineage());
	connect_object(&behaviour, ends->peer, ends->local_port, ends->family, ends->protocol,
		       result);
	return verdict_on(&behaviour, settings);
}

/* After a failure sk is the listener, whose peer is nobody. */
static __always_inline int emit_accept(const struct sock *sk, bool typed, int result)
{
	const struct control *settings = control_of_agent();
	const struct task_struct *task = current_task();
	struct accept_event *event;
	struct arrival arrival;
	enum verdict verdict;
	struct ends ends;

	if (!settings || from_agent() || result == -EAGAIN || result == -EINTR ||
	    result == -ERESTARTSYS || !is_inet(sk, typed))
		return 0;
	ends = ends_of_socket(sk, typed, result);
	verdict = verdict_on_accept(&ends, task, settings, result);
	if (verdict == VERDICT_KNOWN)
		return 0;
	arrival = event_admit_judged(cgroup_id(task), EVENT_accept, 0, verdict);
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
