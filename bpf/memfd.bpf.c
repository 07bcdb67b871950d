// SPDX-License-Identifier: GPL-2.0-only
/* Hook: the exit of shmem_file_setup, which makes the file for memfd_create(2) and has the kernel's
 * copy of the name; hugetlb_file_setup for MFD_HUGETLB, whose arguments differ by kernel, so there
 * the attempt alone. Not the system call: a second one serves 32-bit programs, and the name is the
 * caller's to change. What memfd_create(2) refuses by its flags alone does not come this far. */
#include "bpf/lib/privilege.h"

#define PREFIX "memfd:"
#define PREFIX_BYTES (sizeof(PREFIX) - 1)

/* Others make such files too: drivers, with names of their own. */
static __always_inline bool is_memfd(const char *name)
{
	char start[PREFIX_BYTES] = {};

	bpf_probe_read_kernel(start, sizeof(start), name);
	return !__builtin_memcmp(start, PREFIX, sizeof(start));
}

static __always_inline int emit_memfd(const char *name, const struct file *file, __u32 marks)
{
	struct privilege_event *event;
	int error = error_of(file);

	if (!is_memfd(name))
		return 0;
	event = privilege_reserve(EVENT_memfd, MEMFD_CREATE, error);
	if (!event)
		return 0;
	event->privilege.marks = marks;
	bpf_probe_read_kernel_str(event->privilege.name, EVENT_NAME_MAX, name + PREFIX_BYTES);
	if (file && !error) {
		struct file_id id = file_id(BPF_CORE_READ(file, f_inode));

		event->privilege.args[0] = id.inode;
		event->privilege.args[1] = id.device;
	}
	event_submit(event, EVENT_memfd);
	return 0;
}

SEC("?fexit/shmem_file_setup")
int BPF_PROG(memory_fexit, const char *name, long long size, unsigned long flags,
	     const struct file *file)
{
	return emit_memfd(name, file, 0);
}

SEC("?fentry/hugetlb_file_setup")
int BPF_PROG(huge_fexit, const char *name)
{
	return emit_memfd(name, NULL, PRIVILEGE_RESULT_UNKNOWN);
}

char LICENSE[] SEC("license") = "GPL";
