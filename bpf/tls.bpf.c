// SPDX-License-Identifier: GPL-2.0-only
/* Hook: tcp_sendmsg, through which write(2), sendmsg(2) and io_uring hand bytes to a TCP socket; of
 * them only the first of a connection, where a TLS client says in clear whom it wants to reach. Not
 * the packet on its way out: that takes CAP_NET_ADMIN, and who sent it is not known there. Not a
 * uprobe on a TLS library: programs bring their own. Twin: a kprobe, for kernels that have no
 * trampolines (arm64 before 6.0).
 *
 * The hello is recognised by its first bytes, whatever the port. Not seen: one that does not begin
 * the connection (STARTTLS, a proxy's CONNECT), one over Multipath TCP or QUIC, one in memory that
 * is not resident, and the name in an encrypted hello. */
#include "bpf/lib/send.h"

#define HANDSHAKE 22 /* type of a TLS record */
#define CLIENT_HELLO 1

static __always_inline int on_first_send(const struct sock *sk, const struct msghdr *msg)
{
	struct user_bytes sent = first_bytes(msg);
	/* record: type, version (2), size (2); in it: type */
	__u8 begin[6];

	if (!sent.start || sent.count < sizeof(begin) ||
	    bpf_probe_read_user(begin, sizeof(begin), sent.start))
		return 0;
	if (begin[0] != HANDSHAKE || begin[1] != 3 || begin[5] != CLIENT_HELLO)
		return 0;
	if (from_agent() || !is_open(sk))
		return 0;
	send_record(sk, &sent, EVENT_tls, EVENT_RAW_MAX, NULL);
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
