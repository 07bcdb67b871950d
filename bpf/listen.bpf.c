// SPDX-License-Identifier: GPL-2.0-only
/* Hook: the exit of inet_csk_listen_start, where a socket begins to listen: the port is chosen, the
 * result is known. Not inet_listen: a listener of Multipath TCP, which Go programs make by default,
 * passes by it since 6.6. Not security_socket_listen: before a port is chosen, and for every kind
 * of socket. Price: a listen that is refused at once (a datagram socket, one that is connected) and
 * one that only changes the backlog of a listener are not seen.
 *
 * The function lost its second argument in 5.17. The verifier refuses a program that asks for an
 * argument too many, so the twins stand in this order. Last a kprobe, for kernels that have no
 * trampolines (arm64 before 6.0); it sees the attempt only. */
#include "bpf/lib/inet.h"
#include "bpf/lib/ring.h"

struct listen_event {
	struct event_header hdr;
	struct socket_payload socket;
};

static __always_inline int emit_listen(const struct sock *sk, bool typed, int result,
				       __u32 flags)
{
	const struct task_struct *task = current_task();
	struct listen_event *event;

	if (from_agent() || !is_inet(sk, typed))
		return 0;
	event = event_reserve(task, EVENT_listen, sizeof(*event));
	if (!event)
		return 0;
	fill_socket(&event->socket, task, sk, typed, result, flags);
	event->socket.backlog = READ(typed, sk, sk_max_ack_backlog);
	event_submit(event, EVENT_listen);
	return 0;
}

SEC("?fexit/inet_csk_listen_start")
int BPF_PROG(start_fexit2, struct sock *sk, int backlog, int result)
{
	return emit_listen(sk, true, result, 0);
}

SEC("?fexit/inet_csk_listen_start")
int BPF_PROG(start_fexit, struct sock *sk, int result)
{
	return emit_listen(sk, true, result, 0);
}

SEC("?kprobe/inet_csk_listen_start")
int BPF_KPROBE(start_kprobe, struct sock *sk)
{
	return emit_listen(sk, false, 0, SOCKET_RESULT_UNKNOWN);
}

char LICENSE[] SEC("license") = "GPL";
