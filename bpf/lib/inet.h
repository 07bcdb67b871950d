/* SPDX-License-Identifier: GPL-2.0-only */
/* What we tell of an IPv4 or IPv6 socket. */
#ifndef IDTRAIL_BPF_INET_H
#define IDTRAIL_BPF_INET_H

#include "bpf/lib/task.h"

#include <bpf/bpf_endian.h>

/* `typed` says of sk what READ() wants to know. */
static __always_inline __u16 family_of(const struct sock *sk, bool typed)
{
	return READ(typed, sk, __sk_common.skc_family);
}

static __always_inline bool is_inet(const struct sock *sk, bool typed)
{
	__u16 family = family_of(sk, typed);

	return family == AF_INET || family == AF_INET6;
}

static __always_inline void read_local_address(__u8 (*address)[16], const struct sock *sk,
					       bool typed)
{
	const struct sock_common *common = &sk->__sk_common;

	if (family_of(sk, typed) == AF_INET)
		*(__u32 *)address = READ(typed, sk, __sk_common.skc_rcv_saddr);
	else
		BPF_CORE_READ_INTO(address, common, skc_v6_rcv_saddr);
}

/* Not skc_num, which is zero before the last change of state. */
static __always_inline __u16 local_port(const struct inet_sock *inet, bool typed)
{
	return bpf_ntohs(READ(typed, inet, inet_sport));
}

static __always_inline void read_local(__u8 (*address)[16], __u16 *port, const struct sock *sk,
				       bool typed)
{
	read_local_address(address, sk, typed);
	*port = local_port((const void *)sk, false);
}

static __always_inline void read_peer(__u8 (*address)[16], __u16 *port, const struct sock *sk,
				      bool typed)
{
	const struct sock_common *common = &sk->__sk_common;

	if (family_of(sk, typed) == AF_INET)
		*(__u32 *)address = READ(typed, sk, __sk_common.skc_daddr);
	else
		BPF_CORE_READ_INTO(address, common, skc_v6_daddr);
	*port = bpf_ntohs(READ(typed, sk, __sk_common.skc_dport));
}

/* All but the peer. */
static __always_inline void fill_socket(struct socket_payload *out, const struct task_struct *task,
					const struct sock *sk, bool typed, int result, __u32 flags)
{
	const struct task_struct *parent = TASK_READ(task, real_parent);

	*out = (struct socket_payload){
		.exe = exe_id(task),
		.parent_start_boot_ns = start_boot_ns(parent),
		.parent_tgid = TASK_READ(parent, tgid),
		.result = result,
		.family = family_of(sk, typed),
		.protocol = READ(typed, sk, sk_protocol),
		.flags = flags,
	};
	read_local(&out->local, &out->local_port, sk, typed);
}

#endif /* IDTRAIL_BPF_INET_H */
