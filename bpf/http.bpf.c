// SPDX-License-Identifier: GPL-2.0-only
/* Hook: tcp_sendmsg, the first of a connection, as in tls.bpf.c; here where the peer is an address
 * at which a cloud hands out credentials. The path tells which: a role's keys, a token, user data.
 * Twin: a kprobe, as there. Later requests of the same connection are not seen. */
#include "bpf/lib/send.h"

#define REQUEST_MAX 512 /* bytes: a request line of any use is shorter */

/* Where AWS, GCP, Azure and others answer; ECS tasks, EKS pods; Alibaba. */
static __always_inline bool is_metadata_v4(__u32 address)
{
	switch (bpf_ntohl(address)) {
	case 0xa9fea9fe: /* 169.254.169.254 */
	case 0xa9feaa02: /* 169.254.170.2 */
	case 0xa9feaa17: /* 169.254.170.23 */
	case 0x646464c8: /* 100.100.100.200 */
		return true;
	default:
		return false;
	}
}

/* fd00:ec2::254 and ::23 of AWS, fd20:ce::254 of GCP. */
static __always_inline bool is_metadata_v6(const struct in6_addr *address)
{
	const __be32 *word = address->s6_addr32;

	if (word[1] || word[2])
		return false;
	if (word[0] == bpf_htonl(0xfd000ec2))
		return word[3] == bpf_htonl(0x254) || word[3] == bpf_htonl(0x23);
	return word[0] == bpf_htonl(0xfd2000ce) && word[3] == bpf_htonl(0x254);
}

/* An IPv6 socket that talks IPv4 has the IPv4 address too, any other a loopback there. */
static __always_inline bool is_metadata(const struct sock *sk)
{
	struct in6_addr address;

	if (is_metadata_v4(BPF_CORE_READ(sk, __sk_common.skc_daddr)))
		return true;
	if (family_of(sk, false) != AF_INET6)
		return false;
	BPF_CORE_READ_INTO(&address, sk, __sk_common.skc_v6_daddr);
	return is_metadata_v6(&address);
}

static __always_inline int on_first_send(const struct sock *sk, const struct msghdr *msg)
{
	struct file_id peer = {};
	struct user_bytes sent;

	if (!is_metadata(sk) || from_agent() || !is_open(sk))
		return 0;
	sent = first_bytes(msg);
	peer.inode = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	send_record(sk, &sent, EVENT_http, REQUEST_MAX, &peer);
	return 0;
}

SEC("?fentry/tcp_sendmsg")
int BPF_PROG(send_fentry, struct sock *sk, struct msghdr *msg)
{
	return is_first_send(sk) ? on_first_send(sk, msg) : 0;
}

SEC("?kprobe/tcp_sendmsg")
int BPF_KPROBE(send_kprobe, struct sock *sk, struct msghdr *msg)
{
	return is_first_send_untyped(sk) ? on_first_send(sk, msg) : 0;
}

char LICENSE[] SEC("license") = "GPL";
