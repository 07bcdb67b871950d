/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF"), one source for the programs
 * and for user space, so that both give the same number.
 */
#ifndef IDTRAIL_SIPHASH_H
#define IDTRAIL_SIPHASH_H

#include "idtrail/events.h"

#ifdef __cplusplus
#define IDTRAIL_INLINE static inline
#else
#define IDTRAIL_INLINE static __attribute__((always_inline)) inline
#endif

struct sip_state {
	__u64 v0;
	__u64 v1;
	__u64 v2;
	__u64 v3;
};

IDTRAIL_INLINE __u64 sip_rotate(__u64 value, unsigned int bits)
{
	return value << bits | value >> (64 - bits);
}

IDTRAIL_INLINE void sip_round(struct sip_state *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = sip_rotate(s->v1, 13) ^ s->v0;
	s->v3 = sip_rotate(s->v3, 16) ^ s->v2;
	s->v0 = sip_rotate(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = sip_rotate(s->v1, 17) ^ s->v2;
	s->v3 = sip_rotate(s->v3, 21) ^ s->v0;
	s->v2 = sip_rotate(s->v2, 32);
}

IDTRAIL_INLINE void sip_absorb(struct sip_state *s, __u64 word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

IDTRAIL_INLINE struct sip_state sip_begin(const __u64 secret[2])
{
	const struct sip_state state = {
		.v0 = secret[0] ^ 0x736f6d6570736575ULL,
		.v1 = secret[1] ^ 0x646f72616e646f6dULL,
		.v2 = secret[0] ^ 0x6c7967656e657261ULL,
		.v3 = secret[1] ^ 0x7465646279746573ULL,
	};

	return state;
}

/* `last`: what is left over, with the number of all bytes modulo 256 in the highest byte. */
IDTRAIL_INLINE __u64 sip_end(struct sip_state *s, __u64 last)
{
	sip_absorb(s, last);
	s->v2 ^= 0xff;
	sip_round(s);
	sip_round(s);
	sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* Of the first `bytes` bytes, at most 255, as they lie in a little-endian memory. What is beyond them in
 * the word that they end in must be zero. */
IDTRAIL_INLINE __u64 siphash13(const __u64 *words, unsigned int bytes, const __u64 secret[2])
{
	unsigned int count = (unsigned int)(bytes / sizeof(__u64));
	struct sip_state s = sip_begin(secret);
	__u64 last = (__u64)bytes << 56;

	for (unsigned int i = 0; i < count; i++)
		sip_absorb(&s, words[i]);
	if (bytes % sizeof(__u64))
		last |= words[count];
	return sip_end(&s, last);
}

#endif /* IDTRAIL_SIPHASH_H */
