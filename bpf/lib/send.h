/* SPDX-License-Identifier: GPL-2.0-only */
/* What a process hands to tcp_sendmsg(), as far as the first time is concerned. */
#ifndef IDTRAIL_BPF_SEND_H
#define IDTRAIL_BPF_SEND_H

#include "bpf/lib/inet.h"
#include "bpf/lib/iter.h"
#include "bpf/lib/name.h"

/* Nothing was sent on this connection, and nothing waits to be. No state of ours: the socket knows.
 * While it still connects, the SYN lies between the two numbers. By plain loads: every send comes
 * here, and all but the first go no further. */
static __always_inline bool is_first_send(struct sock *sk)
{
	const struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);

	return tcp && !tcp->bytes_sent && tcp->write_seq == tcp->snd_una;
}

/* The same for a kprobe, whose pointers have no type. */
static __always_inline bool is_first_send_untyped(const struct sock *sk)
{
	const struct tcp_sock *tcp = (const void *)sk;

	return !BPF_CORE_READ(tcp, bytes_sent) &&
	       BPF_CORE_READ(tcp, write_seq) == BPF_CORE_READ(tcp, snd_una);
}

/* Not before the handshake (MSG_FASTOPEN) nor after the end: there is no peer. */
static __always_inline bool is_open(const struct sock *sk)
{
	__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);

	return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT;
}

/* What was read is what the process meant to send a moment ago: another thread may change it before
 * the kernel takes it, but then it lies about a name that it could have made up anyway. */
static __always_inline void send_record(const struct sock *sk, const struct user_bytes *sent,
					__u32 kind, __u32 max, const struct file_id *object)
{
	const struct task_struct *task = current_task();
	struct name_event *event;
	struct arrival arrival;
	__u32 bytes;

	event = name_admit(&arrival, task, kind, object, 0);
	if (!event)
		return;
	event->name.family = family_of(sk, false);
	event->name.protocol = IPPROTO_TCP;
	read_local(&event->name.local, &event->name.local_port, sk, false);
	read_peer(&event->name.peer, &event->name.peer_port, sk, false);
	bytes = name_bounded(event, sent->count > max ? max + 1 : sent->count, max);
	if (bpf_probe_read_user(event->raw, bytes, sent->start)) {
		event->name.flags |= NAME_CUT;
		bytes = 0;
	}
	name_output(event, &arrival, task, kind, bytes);
}

#endif /* IDTRAIL_BPF_SEND_H */
