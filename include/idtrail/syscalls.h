/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The set of system calls that each cgroup has made, as the kernel half keeps it: which member a call
 * is, and in which word its flag stands.
 *
 * A word belongs to a cgroup by itself: it says whose it is beside 32 flags, and is written in one
 * piece. So no lock is needed where two cgroups reach for one place: a flag is never found in
 * another's word, and what is pushed out or lost is told again.
 */
#ifndef IDTRAIL_SYSCALLS_H
#define IDTRAIL_SYSCALLS_H

#include "idtrail/siphash.h" /* IDTRAIL_INLINE */

#define SYSCALL_FLAGS 32 /* of a word */
#define SYSCALL_WORDS (SYSCALL_TABLES * SYSCALL_NUMBERS / SYSCALL_FLAGS) /* of a row */
#define SYSCALL_ROWS 4096 /* a power of two */
#define SYSCALL_WAYS 8 /* rows in which a cgroup's words may stand; likewise */

/* x32's numbers have this bit; nobody else's do. */
#define SYSCALL_X32_BIT 0x40000000U

IDTRAIL_INLINE __u32 syscall_member(__u32 table, __u32 number)
{
	return table * SYSCALL_NUMBERS + (number < SYSCALL_LARGER ? number : SYSCALL_LARGER);
}

/* Whose words are whose: by the serial number that the kernel gives a cgroup, and no other. */
IDTRAIL_INLINE __u32 syscall_tag(__u64 serial)
{
	return (__u32)serial;
}

/* The way-th of the rows of a cgroup: nearly always the first serves. */
IDTRAIL_INLINE __u32 syscall_row(__u64 serial, __u32 way)
{
	return (serial & (SYSCALL_ROWS - 1)) ^ way;
}

IDTRAIL_INLINE __u32 syscall_word(__u32 row, __u32 member)
{
	return row * SYSCALL_WORDS + member / SYSCALL_FLAGS;
}

IDTRAIL_INLINE int syscall_is_of(__u64 word, __u32 tag)
{
	return (__u32)(word >> 32) == tag;
}

IDTRAIL_INLINE int syscall_has(__u64 word, __u32 tag, __u32 member)
{
	return syscall_is_of(word, tag) && word >> member % SYSCALL_FLAGS & 1;
}

/* The word with one flag more; one that was another's or nobody's begins with that flag alone. */
IDTRAIL_INLINE __u64 syscall_with(__u64 word, __u32 tag, __u32 member)
{
	const __u64 before = syscall_is_of(word, tag) ? word : (__u64)tag << 32;

	return before | 1ULL << member % SYSCALL_FLAGS;
}

#endif /* IDTRAIL_SYSCALLS_H */
