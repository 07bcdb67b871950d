/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the exit of inet_csk_accept() tells: (sk, flags, err, kern, returned), and from 6.10 on
 * (sk, arg, returned).
 */
#ifndef IDTRAIL_BPF_ACCEPT_H
#define IDTRAIL_BPF_ACCEPT_H

#include "bpf/lib/kernel.h"

/* NULL after a failure. The barrier keeps the compiler from making one load of the two, at an
 * offset that old verifiers refuse for a context. */
static __always_inline const struct sock *accepted(const unsigned long long *ctx)
{
	const struct sock *sk;

	if (bpf_core_type_exists(struct proto_accept_arg)) {
		sk = (const void *)ctx[2];
		barrier();
		return sk;
	}
	return (const void *)ctx[4];
}

static __always_inline int accept_error(const unsigned long long *ctx)
{
	const int *old;
	int error = 0;

	if (bpf_core_type_exists(struct proto_accept_arg))
		return BPF_CORE_READ((const struct proto_accept_arg *)ctx[1], err);
	/* Not ctx[2]: before 5.12 the verifier lets no program load a pointer to an int. */
	bpf_probe_read_kernel(&old, sizeof(old), &ctx[2]);
	bpf_probe_read_kernel(&error, sizeof(error), old);
	return error;
}

#endif /* IDTRAIL_BPF_ACCEPT_H */
