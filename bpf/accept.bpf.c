// SPDX-License-Identifier: GPL-2.0-only
/* Hook: the exit of inet_csk_accept, which takes a connection off a listener's queue for accept(2),
 * io_uring and Multipath TCP, with its result. Not inet_accept: Multipath TCP passes by it since
 * 6.6. Not security_socket_accept: before there is a connection. Twin: a kretprobe, for kernels
 * that have no trampolines (arm64 before 6.0); it sees the successes only.
 *
 * A queue that turns out to be empty is how every loop of accepts ends: no event, nor is a signal. */
#include "bpf/lib/accept.h"
#include "bpf/lib/inet.h"
#include "bpf/lib/ring.h"

struct accept_event {
	struct event_header hdr;
	struct socket_payload socket;
};

/* After a failure sk is the listener, whose peer is nobody. */
static __always_inline int emit_accept(const struct sock *sk, bool typed, int result)
{
	const struct task_struct *task = current_task();
	struct accept_event *event;

	if (from_agent() || result == -EAGAIN || result == -EINTR || result == -ERESTARTSYS ||
	    !is_inet(sk, typed))
		return 0;
	event = event_reserve(task, EVENT_accept, sizeof(*event));
	if (!event)
		return 0;
	fill_socket(&event->socket, task, sk, typed, result, 0);
	if (!result)
		read_peer(&event->socket.peer, &event->socket.peer_port, sk, typed);
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
