// SPDX-License-Identifier: GPL-2.0-only
/* No program: the owner of the shared maps. Were they made by the first probe that loads, they
 * would go with it if the kernel refused it halfway. */
#include "bpf/lib/maps.h"
#include "bpf/lib/owner.h"

char LICENSE[] SEC("license") = "GPL";
