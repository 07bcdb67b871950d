// SPDX-License-Identifier: GPL-2.0-only
/* Hook: skb_consume_udp, where udp_recvmsg and udpv6_recvmsg let go of a datagram that the process
 * has been given: the receiver is the current task, and the datagram is still whole and cannot be
 * changed by it. Not a packet on its way in: that takes CAP_NET_ADMIN, and who will receive it is
 * not known there. Twin: a kprobe, for kernels that have no trampolines (arm64 before 6.0).
 *
 * What a driver left in pages of its own cannot be read there. Then the exit of the two reads what
 * the process was given; it could have written over that in between, from another thread. The twin
 * says that it cannot read it.
 *
 * An answer is what comes from port 53 and says that it is one. One that is only peeked at will be
 * received later. Not seen: DNS over TCP, TLS, HTTPS or a Unix socket of a local resolver. */
#include "bpf/lib/iter.h"
#include "bpf/lib/name.h"

#include <bpf/bpf_endian.h>

#define DNS_PORT 53
#define DNS_HEADER 12 /* bytes */
#define DNS_FLAGS 2 /* offset in it */
#define DNS_IS_ANSWER 0x80
#define ANSWER_MAX 1232 /* bytes: what servers keep to, lest their answers be fragmented */
#define GIVEN_MAX 512

/* What of both versions is needed, in one read: a shorter header has the packet behind it. */
union ip_header {
	__u8 version; /* upper half */
	struct {
		__u8 unused[12];
		__u8 from[4], to[4];
	} v4;
	struct {
		__u8 unused[8];
		__u8 from[16], to[16];
	} v6;
};

struct udp_ports {
	__be16 from, to;
};

struct answer {
	union ip_header ip;
	struct udp_ports ports;
	__u32 bytes; /* of which the process was given so many */
	__u32 given;
};

/* By thread: an answer in pages, until udp_recvmsg ends. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GIVEN_MAX);
	__type(key, __u64);
	__type(value, struct answer);
} in_pages SEC(".maps");

static __always_inline void fill_ends(struct name_payload *out, const struct answer *answer)
{
	const union ip_header *ip = &answer->ip;

	if (ip->version >> 4 == 4) {
		out->family = AF_INET;
		__builtin_memcpy(out->peer, ip->v4.from, sizeof(ip->v4.from));
		__builtin_memcpy(out->local, ip->v4.to, sizeof(ip->v4.to));
	} else {
		out->family = AF_INET6;
		__builtin_memcpy(out->peer, ip->v6.from, sizeof(ip->v6.from));
		__builtin_memcpy(out->local, ip->v6.to, sizeof(ip->v6.to));
	}
	out->peer_port = bpf_ntohs(answer->ports.from);
	out->local_port = bpf_ntohs(answer->ports.to);
	out->protocol = IPPROTO_UDP;
}

enum memory { KERNEL_MEMORY, USER_MEMORY };

static __always_inline long copy(void *to, __u32 bytes, const void *from, enum memory memory)
{
	return memory == USER_MEMORY ? bpf_probe_read_user(to, bytes, from) :
				       bpf_probe_read_kernel(to, bytes, from);
}

/* Of readable bytes at `at`; none where that is null. */
static __always_inline int emit_dns(const struct answer *answer, const void *at, __u32 readable,
				    enum memory memory, __u32 slot)
{
	const struct task_struct *task = current_task();
	__u8 flags = DNS_IS_ANSWER;
	struct name_event *event;
	struct arrival arrival;
	__u32 bytes;

	if (at && readable > DNS_FLAGS)
		copy(&flags, sizeof(flags), at + DNS_FLAGS, memory);
	if (!(flags & DNS_IS_ANSWER))
		return 0;
	event = name_admit(&arrival, task, EVENT_dns, NULL, slot);
	if (!event)
		return 0;
	fill_ends(&event->name, answer);
	bytes = name_bounded(event, at ? readable : 0, ANSWER_MAX);
	if (copy(event->raw, bytes, at, memory))
		bytes = 0;
	if (bytes < answer->bytes)
		event->name.flags |= NAME_CUT;
	name_output(event, &arrival, task, EVENT_dns, bytes);
	return 0;
}

static __always_inline void keep(const struct answer *answer)
{
	__u64 thread = bpf_get_current_pid_tgid();

	bpf_map_update_elem(&in_pages, &thread, answer, BPF_ANY);
}

/* connected: the peer's port, or 0. given is negative for a datagram that was only peeked at.
 * waits: there will be an on_end(). */
static __always_inline int on_received(const struct sk_buff *skb, __be16 connected, int given,
				       bool waits)
{
	const unsigned char *head;
	struct answer answer = {};
	__u32 readable;

	if ((connected && connected != bpf_htons(DNS_PORT)) || given < 0)
		return 0;
	head = BPF_CORE_READ(skb, head);
	bpf_probe_read_kernel(&answer.ports, sizeof(answer.ports),
			      head + BPF_CORE_READ(skb, transport_header));
	answer.bytes = BPF_CORE_READ(skb, len);
	if (answer.ports.from != bpf_htons(DNS_PORT) || answer.bytes < DNS_HEADER || from_agent())
		return 0;
	bpf_probe_read_kernel(&answer.ip, sizeof(answer.ip),
			      head + BPF_CORE_READ(skb, network_header));
	answer.given = given;
	readable = answer.bytes - BPF_CORE_READ(skb, data_len);
	if (readable == answer.bytes || !waits)
		return emit_dns(&answer, BPF_CORE_READ(skb, data), readable, KERNEL_MEMORY, 0);
	keep(&answer);
	return 0;
}

static __always_inline int on_end(const struct sock *sk, const struct msghdr *msg, __u32 slot)
{
	__be16 connected = sk->__sk_common.skc_dport;
	__u64 thread = bpf_get_current_pid_tgid();
	const struct answer *answer;
	struct user_bytes given;

	if (connected && connected != bpf_htons(DNS_PORT))
		return 0;
	answer = bpf_map_lookup_elem(&in_pages, &thread);
	if (!answer)
		return 0;
	given = last_bytes(msg, answer->given);
	emit_dns(answer, given.start, answer->given, USER_MEMORY, slot);
	bpf_map_delete_elem(&in_pages, &thread);
	return 0;
}

SEC("?fentry/skb_consume_udp")
int BPF_PROG(receive_fentry, struct sock *sk, struct sk_buff *skb, int given)
{
	return on_received(skb, sk->__sk_common.skc_dport, given, true);
}

SEC("?fexit/udp_recvmsg")
int BPF_PROG(v4_fentry, struct sock *sk, struct msghdr *msg)
{
	return on_end(sk, msg, 1);
}

SEC("?fexit/udpv6_recvmsg")
int BPF_PROG(v6_fentry, struct sock *sk, struct msghdr *msg)
{
	return on_end(sk, msg, 2);
}

SEC("?kprobe/skb_consume_udp")
int BPF_KPROBE(receive_kprobe, struct sock *sk, struct sk_buff *skb, int given)
{
	return on_received(skb, BPF_CORE_READ(sk, __sk_common.skc_dport), given, false);
}

char LICENSE[] SEC("license") = "GPL";
