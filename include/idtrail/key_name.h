/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a file's name tells of it. Every open of a file asks, so the last four bytes of the name
 * come first: they drop nearly all for the price of a few comparisons. No helper of the kernel is
 * called here: the tests build it for the host.
 */
#ifndef IDTRAIL_KEY_NAME_H
#define IDTRAIL_KEY_NAME_H

#include "idtrail/events.h"
#include "idtrail/siphash.h" /* IDTRAIL_INLINE */

#define KEY_NAME_BYTES 40 /* no name that is compared as a whole is longer */
#define KEY_DIR_BYTES 16

struct key_name {
	__u64 tail; /* key_tail() */
	char text[KEY_NAME_BYTES]; /* the name, NUL included unless it is cut, the rest zero */
	char dir[KEY_DIR_BYTES]; /* the directory's name likewise */
};

/* The last eight bytes of a name, little endian; of a shorter one, zeros before. `last` is the word of
 * the name that holds its last byte, `before` the one before it. What follows the name in `last`
 * does not matter. */
IDTRAIL_INLINE __u64 key_tail(__u64 before, __u64 last, __u32 length)
{
	__u32 unused_bits = 64 - ((length - 1) % 8 + 1) * 8;

	if (!unused_bits)
		return last;
	return before >> (64 - unused_bits) | last << unused_bits;
}

#define KEY_END(a, b, c, d) ((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)

/* False for nearly every file there is. */
IDTRAIL_INLINE int may_name_key(__u64 tail)
{
	switch ((__u32)(tail >> 32)) {
	case KEY_END('i', 'a', 'l', 's'): /* credentials */
	case KEY_END('n', 'f', 'i', 'g'): /* config, kubeconfig */
	case KEY_END('c', 'o', 'n', 'f'): /* kubelet.conf */
	case KEY_END('j', 's', 'o', 'n'): /* config.json, auth.json, .dockerconfigjson */
	case KEY_END('r', 'c', 'f', 'g'): /* .dockercfg */
	case KEY_END('_', 'r', 's', 'a'): /* id_rsa */
	case KEY_END('_', 'd', 's', 'a'): /* id_dsa */
	case KEY_END('c', 'd', 's', 'a'): /* id_ecdsa */
	case KEY_END('5', '5', '1', '9'): /* id_ed25519 */
	case KEY_END('a', '_', 's', 'k'): /* id_ecdsa_sk */
	case KEY_END('9', '_', 's', 'k'): /* id_ed25519_sk */
	case KEY_END('_', 'k', 'e', 'y'): /* ssh_host_rsa_key */
	case KEY_END('.', 'k', 'e', 'y'):
	case KEY_END('.', 'p', 'e', 'm'):
	case KEY_END('.', 'p', '1', '2'):
	case KEY_END('.', 'p', 'f', 'x'):
	case KEY_END('o', 'k', 'e', 'n'): /* .vault-token */
		return 1;
	default:
		return 0;
	}
}

#define KEY_IS(text, word) (!__builtin_memcmp(text, word, sizeof(word)))
#define KEY_BEGINS(text, word) (!__builtin_memcmp(text, word, sizeof(word) - 1))

IDTRAIL_INLINE __u32 key_sort_of_config(const struct key_name *name)
{
	if (KEY_IS(name->text, "credentials"))
		return KEY_IS(name->dir, ".aws") ? KEY_AWS : 0;
	if (KEY_IS(name->text, "config"))
		return KEY_IS(name->dir, ".kube") ? KEY_KUBECONFIG : 0;
	if (KEY_IS(name->text, "kubeconfig"))
		return KEY_KUBECONFIG;
	if (KEY_IS(name->text, "config.json"))
		return KEY_IS(name->dir, ".docker") ? KEY_REGISTRY : 0;
	if (KEY_IS(name->text, "auth.json"))
		return KEY_IS(name->dir, "containers") ? KEY_REGISTRY : 0;
	if (KEY_IS(name->text, ".dockercfg") || KEY_IS(name->text, ".dockerconfigjson"))
		return KEY_REGISTRY;
	if (KEY_IS(name->text, "application_default_credentials.json"))
		return KEY_GCP;
	if (KEY_IS(name->text, ".vault-token"))
		return KEY_VAULT;
	return 0;
}

/* Public halves end in .pub, certificates mostly in .crt; a .pem may be either, so only what says
 * that it is a key, or lies where keys do. */
IDTRAIL_INLINE __u32 key_sort(const struct key_name *name)
{
	switch ((__u32)(name->tail >> 32)) {
	case KEY_END('.', 'k', 'e', 'y'):
	case KEY_END('.', 'p', '1', '2'):
	case KEY_END('.', 'p', 'f', 'x'):
		return KEY_TLS;
	case KEY_END('.', 'p', 'e', 'm'):
		if (name->tail << 32 >> 40 == (KEY_END('k', 'e', 'y', 0)))
			return KEY_TLS;
		return KEY_IS(name->dir, "private") ? KEY_TLS : 0;
	case KEY_END('_', 'k', 'e', 'y'):
		return KEY_BEGINS(name->text, "ssh_host_") ? KEY_SSH : 0;
	case KEY_END('c', 'o', 'n', 'f'):
		return KEY_IS(name->dir, "kubernetes") ? KEY_KUBECONFIG : 0;
	default:
		break;
	}
	if (KEY_BEGINS(name->text, "id_"))
		return KEY_SSH;
	return key_sort_of_config(name);
}

#endif /* IDTRAIL_KEY_NAME_H */
