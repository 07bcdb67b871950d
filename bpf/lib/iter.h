/* SPDX-License-Identifier: GPL-2.0-only */
/* Where in the memory of the process a message lies. */
#ifndef IDTRAIL_BPF_ITER_H
#define IDTRAIL_BPF_ITER_H

#include "bpf/lib/kernel.h"

struct user_bytes {
	const void *start; /* null: not in the memory of the process (io_uring's own buffers, say) */
	unsigned long count;
};

static __always_inline bool iter_is(const struct iov_iter *iter, __u32 type)
{
	const struct iov_iter___before_v5_14 *old = (const void *)iter;

	if (bpf_core_field_exists(iter->iter_type))
		return BPF_CORE_READ(iter, iter_type) == type;
	return (BPF_CORE_READ(old, type) & ~1U) == type;
}

/* Before 6.4 the field was called iov. */
static __always_inline const struct iovec *iovec_of(const struct iov_iter *iter)
{
	const struct iov_iter___before_v6_4 *old = (const void *)iter;

	if (bpf_core_field_exists(iter->__iov))
		return BPF_CORE_READ(iter, __iov);
	return BPF_CORE_READ(old, iov);
}

/* A single buffer is of a type of its own since 6.0. */
static __always_inline bool is_one_buffer(const struct iov_iter *iter)
{
	return bpf_core_enum_value_exists(enum iter_type, ITER_UBUF) &&
	       iter_is(iter, bpf_core_enum_value(enum iter_type, ITER_UBUF));
}

static __always_inline bool is_buffers(const struct iov_iter *iter)
{
	return iter_is(iter, bpf_core_enum_value(enum iter_type, ITER_IOVEC));
}

/* The first part of a message that is to be sent; clients hand over a request line or a ClientHello
 * in one. */
static __always_inline struct user_bytes first_bytes(const struct msghdr *msg)
{
	const struct iov_iter *iter = &msg->msg_iter;
	unsigned long offset = BPF_CORE_READ(iter, iov_offset);
	const struct iovec *iov;

	if (is_one_buffer(iter))
		return (struct user_bytes){ BPF_CORE_READ(iter, ubuf) + offset,
					    BPF_CORE_READ(iter, count) };
	if (!is_buffers(iter))
		return (struct user_bytes){};
	iov = iovec_of(iter);
	return (struct user_bytes){ BPF_CORE_READ(iov, iov_base) + offset,
				    BPF_CORE_READ(iov, iov_len) - offset };
}

/* The last count bytes that were received, where one buffer took them all. One that is full has
 * been stepped over. */
static __always_inline struct user_bytes last_bytes(const struct msghdr *msg, unsigned long count)
{
	const struct iov_iter *iter = &msg->msg_iter;
	unsigned long offset = BPF_CORE_READ(iter, iov_offset);
	const struct iovec *iov;

	if (is_one_buffer(iter))
		return (struct user_bytes){ BPF_CORE_READ(iter, ubuf) + offset - count, count };
	if (!is_buffers(iter))
		return (struct user_bytes){};
	iov = iovec_of(iter);
	if (!offset) {
		iov--;
		offset = BPF_CORE_READ(iov, iov_len);
	}
	if (offset < count)
		return (struct user_bytes){};
	return (struct user_bytes){ BPF_CORE_READ(iov, iov_base) + offset - count, count };
}

#endif /* IDTRAIL_BPF_ITER_H */
