/* SPDX-License-Identifier: GPL-2.0-only */
/* Text by words, which is four times as cheap as by bytes. */
#ifndef IDTRAIL_BPF_WORDS_H
#define IDTRAIL_BPF_WORDS_H

#include "bpf/lib/kernel.h"

/* The highest bit of each byte that is zero, and perhaps of those behind the first of them. */
static __always_inline __u64 ends_of(__u64 word)
{
	return (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL;
}

/* What comes before the first zero byte. */
static __always_inline __u64 until_end(__u64 word)
{
	__u64 ends = ends_of(word);

	return word & (((ends & -ends) >> 7) - 1);
}

#endif /* IDTRAIL_BPF_WORDS_H */
