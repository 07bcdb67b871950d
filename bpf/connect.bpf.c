// SPDX-License-Identifier: GPL-2.0-only
/* Hooks: the exit of inet_stream_connect and inet_dgram_connect, through which connect(2) of TCP
 * and UDP of both versions goes, with the result; and of __inet_stream_connect for
 * sendto(MSG_FASTOPEN), which passes by the former. Not tcp_v4_connect and tcp_v6_connect: they
 * know nothing of the handshake's result. Not the system call: io_uring passes by it, and user
 * memory changes under it. Twin: a kprobe on security_socket_connect, which sees the attempt
 * only.
 *
 * After a success the peer is read from the socket: it cannot be spoofed, 0.0.0.0 has become the
 * loopback, and an address rewritten on its way (a service IP) is the one that is really
 * reached. */
#include "bpf/lib/ring.h"

#include <bpf/bpf_endian.h>
#include <stddef.h>

struct connect_event {
	struct event_header hdr;
	struct connect_payload connect;
};

struct attempt {
	const struct sock *sk;
	const void *to; /* kernel copy of the sockaddr */
	int to_bytes;
	__u16 family; /* of the sockaddr: a v6 socket may connect to a v4 address */
};

static __always_inline struct attempt attempt_on(const struct sock *sk, const void *to,
						 int to_bytes)
{
	struct attempt attempt = { .sk = sk, .to = to, .to_bytes = to_bytes };

	bpf_probe_read_kernel(&attempt.family, sizeof(attempt.family), to);
	return attempt;
}

/* Not AF_UNSPEC, which dissolves an association. An address that is too short is refused by the
 * kernel, and what lies behind it is not the caller's. */
static __always_inline bool is_inet(const struct attempt *attempt)
{
	if (attempt->family == AF_INET)
		return attempt->to_bytes >= (int)sizeof(struct sockaddr_in);
	return attempt->family == AF_INET6 &&
	       attempt->to_bytes >= (int)offsetof(struct sockaddr_in6, sin6_scope_id);
}

static __always_inline void asked_for(struct connect_payload *out, const struct attempt *attempt)
{
	if (attempt->family == AF_INET) {
		struct sockaddr_in to;

		bpf_probe_read_kernel(&to, sizeof(to), attempt->to);
		__builtin_memcpy(out->dst, &to.sin_addr, 4);
		out->dst_port = bpf_ntohs(to.sin_port);
	} else {
		struct sockaddr_in6 to;

		bpf_probe_read_kernel(&to, offsetof(struct sockaddr_in6, sin6_scope_id),
				      attempt->to);
		__builtin_memcpy(out->dst, &to.sin6_addr, sizeof(out->dst));
		out->dst_port = bpf_ntohs(to.sin6_port);
	}
}

static __always_inline void reached(struct connect_payload *out, const struct attempt *attempt)
{
	const struct sock_common *sk = &attempt->sk->__sk_common;

	if (attempt->family == AF_INET)
		BPF_CORE_READ_INTO((__u32 *)out->dst, sk, skc_daddr);
	else
		BPF_CORE_READ_INTO(&out->dst, sk, skc_v6_daddr);
	out->dst_port = bpf_ntohs(BPF_CORE_READ(sk, skc_dport));
}

static __always_inline void came_from(struct connect_payload *out, const struct attempt *attempt)
{
	const struct sock_common *sk = &attempt->sk->__sk_common;

	if (attempt->family == AF_INET)
		BPF_CORE_READ_INTO((__u32 *)out->src, sk, skc_rcv_saddr);
	else
		BPF_CORE_READ_INTO(&out->src, sk, skc_v6_rcv_saddr);
	out->src_port = BPF_CORE_READ(sk, skc_num);
}

static __always_inline void where_to(struct connect_payload *out, const struct attempt *attempt,
				     int result, __u32 flags)
{
	const struct sock *sk = attempt->sk;

	out->exe = exe_id(current_task());
	out->result = result;
	out->family = attempt->family;
	out->protocol = BPF_CORE_READ(sk, sk_protocol);
	out->flags = flags;
	asked_for(out, attempt);
	if (!flags && (result == 0 || result == -EINPROGRESS) &&
	    BPF_CORE_READ(sk, __sk_common.skc_dport))
		reached(out, attempt);
}

static __always_inline int emit_connect(struct attempt tried, int result, __u32 flags)
{
	const struct task_struct *task = current_task();
	const struct attempt *attempt = &tried;
	struct connect_payload connect = {};
	const struct task_struct *parent;
	struct connect_event *event;
	struct behaviour behaviour;
	struct arrival arrival;
	bool alert;

	/* Nothing is tried on a socket that is connected or still connecting. */
	if (from_agent() || result == -EISCONN || result == -EALREADY || !is_inet(attempt))
		return 0;
	where_to(&connect, attempt, result, flags);
	behaviour_of(&behaviour, task, EVENT_connect, &connect.exe);
	connect_object(&behaviour, (const __u64 *)connect.dst, connect.dst_port, connect.family,
		       connect.protocol, result);
	arrival = event_arrive(task);
	alert = arrival.row && arrival.row->alert_until > arrival.now;
	if (!alert && event_is_known(&arrival, EVENT_connect, &behaviour))
		return 0;
	event_ask_quota(&arrival, EVENT_connect, 0);
	event = event_take_room(&arrival, task, EVENT_connect, sizeof(*event));
	if (!event)
		return 0;
	parent = TASK_READ(task, real_parent);
	connect.parent_start_boot_ns = start_boot_ns(parent);
	connect.parent_tgid = TASK_READ(parent, tgid);
	came_from(&connect, attempt);
	event->connect = connect;
	event_submit(event, EVENT_connect);
	return 0;
}

SEC("?fexit/inet_stream_connect")
int BPF_PROG(stream_fexit, struct socket *sock, void *to, int to_bytes, int flags, int result)
{
	return emit_connect(attempt_on(sock->sk, to, to_bytes), result, 0);
}

SEC("?fexit/inet_dgram_connect")
int BPF_PROG(dgram_fexit, struct socket *sock, void *to, int to_bytes, int flags, int result)
{
	return emit_connect(attempt_on(sock->sk, to, to_bytes), result, 0);
}

SEC("?fexit/__inet_stream_connect")
int BPF_PROG(send_fexit, struct socket *sock, void *to, int to_bytes, int flags, int is_sendmsg,
	     int result)
{
	if (!is_sendmsg)
		return 0;
	return emit_connect(attempt_on(sock->sk, to, to_bytes), result, 0);
}

SEC("?kprobe/security_socket_connect")
int BPF_KPROBE(any_kprobe, struct socket *sock, void *to, int to_bytes)
{
	const struct sock *sk = BPF_CORE_READ(sock, sk);
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (family != AF_INET && family != AF_INET6)
		return 0;
	return emit_connect(attempt_on(sk, to, to_bytes), 0, CONNECT_RESULT_UNKNOWN);
}

char LICENSE[] SEC("license") = "GPL";
