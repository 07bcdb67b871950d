// SPDX-License-Identifier: GPL-2.0-only
/* Hooks: the exit of __inet_stream_connect and inet_dgram_connect, through which connect(2) of TCP
 * and UDP of both versions goes, with the result. Not inet_stream_connect: sendto(MSG_FASTOPEN)
 * passes by it. Not tcp_v4_connect and tcp_v6_connect: they know nothing of the handshake's result.
 * Not the system call: io_uring passes by it, and user memory changes under it. Twin: a kprobe on
 * security_socket_connect, which sees the attempt only.
 *
 * After a success the peer is read from the socket: it cannot be spoofed, 0.0.0.0 has become the
 * loopback, and an address rewritten on its way (a service IP) is the one that is really
 * reached. */
#include "bpf/lib/flow.h"
#include "bpf/lib/known.h"

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
	int result;
	__u32 flags; /* enum connect_flag */
	__u16 family; /* of the sockaddr: a v6 socket may connect to a v4 address */
	bool typed; /* sk may be followed by plain loads */
};

/* Not AF_UNSPEC, which dissolves an association. An address that is too short is refused by the
 * kernel, and what lies behind it is not the caller's. Nothing is tried on a socket that is connected
 * or still connecting. */
static __always_inline bool is_attempt(const struct attempt *tried)
{
	if (tried->result == -EISCONN || tried->result == -EALREADY)
		return false;
	if (tried->family == AF_INET)
		return tried->to_bytes >= (int)sizeof(struct sockaddr_in);
	return tried->family == AF_INET6 &&
	       tried->to_bytes >= (int)offsetof(struct sockaddr_in6, sin6_scope_id);
}

static __always_inline void asked_for(struct connect_payload *out, const struct attempt *tried)
{
	if (tried->family == AF_INET) {
		struct sockaddr_in to;

		bpf_probe_read_kernel(&to, sizeof(to), tried->to);
		__builtin_memcpy(out->dst, &to.sin_addr, 4);
		out->dst_port = bpf_ntohs(to.sin_port);
	} else {
		struct sockaddr_in6 to;

		bpf_probe_read_kernel(&to, offsetof(struct sockaddr_in6, sin6_scope_id), tried->to);
		__builtin_memcpy(out->dst, &to.sin6_addr, sizeof(out->dst));
		out->dst_port = bpf_ntohs(to.sin6_port);
	}
}

/* False where the socket has no peer. */
static __always_inline bool reached(struct connect_payload *out, const struct attempt *tried)
{
	const struct sock *sk = tried->sk; /* CO-RE would look for `tried` in the kernel */
	__u16 port = READ(tried->typed, sk, __sk_common.skc_dport);

	if (!port || tried->flags || (tried->result && tried->result != -EINPROGRESS))
		return false;
	if (tried->family == AF_INET)
		*(__u32 *)out->dst = READ(tried->typed, sk, __sk_common.skc_daddr);
	else
		BPF_CORE_READ_INTO(&out->dst, sk, __sk_common.skc_v6_daddr);
	out->dst_port = bpf_ntohs(port);
	return true;
}

static __always_inline void came_from(struct connect_payload *out, const struct attempt *tried)
{
	const struct sock_common *sk = &tried->sk->__sk_common;

	if (tried->family == AF_INET)
		BPF_CORE_READ_INTO((__u32 *)out->src, sk, skc_rcv_saddr);
	else
		BPF_CORE_READ_INTO(&out->src, sk, skc_v6_rcv_saddr);
	out->src_port = BPF_CORE_READ(sk, skc_num);
}

/* What the behaviour is made of. */
static __always_inline struct connect_payload where_to(const struct attempt *tried)
{
	const struct sock *sk = tried->sk;
	struct connect_payload out = {
		.result = tried->result,
		.family = tried->family,
		.protocol = READ(tried->typed, sk, sk_protocol),
		.flags = tried->flags,
	};

	if (!reached(&out, tried))
		asked_for(&out, tried);
	return out;
}

static __always_inline int send(const struct task_struct *task, const struct attempt *tried,
				struct connect_payload *connect, struct arrival *arrival)
{
	const struct task_struct *parent = TASK_READ(task, real_parent);
	struct connect_event *event;

	event = event_take_room(arrival, task, EVENT_connect, sizeof(*event));
	if (!event)
		return 0;
	connect->exe = exe_id(task);
	connect->parent_start_boot_ns = start_boot_ns(parent);
	connect->parent_tgid = TASK_READ(parent, tgid);
	came_from(connect, tried);
	event->connect = *connect;
	event_submit(event, EVENT_connect);
	return 0;
}

static __always_inline bool begins_flow(const struct attempt *tried,
					const struct connect_payload *connect)
{
	return connect->protocol == IPPROTO_TCP &&
	       (!tried->result || tried->result == -EINPROGRESS);
}

static __always_inline int emit_connect(const struct attempt tried)
{
	const struct control *settings = control_of_agent();
	const struct task_struct *task = current_task();
	enum verdict verdict = VERDICT_SEND;
	const struct process_row *self;
	struct connect_payload connect;
	struct behaviour behaviour;
	struct arrival arrival;
	__u32 process;
	__u64 now;

	if (!settings || !is_attempt(&tried))
		return 0;
	process = own_slot_now();
	self = process_row(process);
	if (!self)
		return 0;
	now = bpf_ktime_get_boot_ns();
	connect = where_to(&tried);
	behaviour_of(&behaviour, task, EVENT_connect, self->lineage);
	connect_object(&behaviour, (const __u64 *)connect.dst, connect.dst_port, connect.family,
		       connect.protocol, connect.result);
	if (!on_alert(behaviour.cgroup_id, now))
		verdict = verdict_on(&behaviour, settings);
	/* What is ours is never sent, hence never judged: it is told by now only. */
	if (verdict != VERDICT_KNOWN && is_agent(settings))
		return 0;
	if (settings->follows_flows && begins_flow(&tried, &connect))
		flow_begins(tried.sk, process, behaviour.cgroup_id, now, 0);
	if (verdict == VERDICT_KNOWN)
		return 0;
	arrival = event_admit_judged(behaviour.cgroup_id, EVENT_connect, 0, verdict);
	return send(task, &tried, &connect, &arrival);
}

static __always_inline int on_exit(const struct socket *sock, const void *to, int to_bytes, int result)
{
	return emit_connect((struct attempt){
		.sk = sock->sk,
		.to = to,
		.to_bytes = to_bytes,
		.result = result,
		.family = ((const struct sockaddr *)to)->sa_family, /* first in every version's type */
		.typed = true,
	});
}

SEC("?fexit/__inet_stream_connect")
int BPF_PROG(stream_fexit, struct socket *sock, void *to, int to_bytes, int flags, int is_sendmsg,
	     int result)
{
	return on_exit(sock, to, to_bytes, result);
}

SEC("?fexit/inet_dgram_connect")
int BPF_PROG(dgram_fexit, struct socket *sock, void *to, int to_bytes, int flags, int result)
{
	return on_exit(sock, to, to_bytes, result);
}

SEC("?kprobe/security_socket_connect")
int BPF_KPROBE(any_kprobe, struct socket *sock, void *to, int to_bytes)
{
	const struct sock *sk = BPF_CORE_READ(sock, sk);
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (family != AF_INET && family != AF_INET6)
		return 0;
	bpf_probe_read_kernel(&family, sizeof(family), to);
	return emit_connect((struct attempt){
		.sk = sk,
		.to = to,
		.to_bytes = to_bytes,
		.flags = CONNECT_RESULT_UNKNOWN,
		.family = family,
	});
}

char LICENSE[] SEC("license") = "GPL";
