// SPDX-License-Identifier: GPL-2.0-only
/* Hooks: the exit of load_module, which knows how it ended, for init_module(2) and finit_module(2).
 * It no longer knows the name, so that is kept from the module_load tracepoint or, where the
 * kernel refuses the module before (format, signature), from security_kernel_read_file, which
 * knows the file. Not do_init_module: it sees no refusal. A missing CAP_SYS_MODULE is a denied
 * capability.
 *
 * security_kernel_module_request tells who makes the kernel ask for a module, by a socket of a
 * rare family say: modprobe then runs outside of that process's container. */
#include "bpf/lib/pending.h"

/* A compressed file has been another one in newer kernels. */
enum kernel_read_file_id { READING_MODULE = 2, READING_MODULE_COMPRESSED = 7 };

static __always_inline bool is_module(unsigned int id)
{
	if (id == bpf_core_enum_value(enum kernel_read_file_id, READING_MODULE))
		return true;
	return bpf_core_enum_value_exists(enum kernel_read_file_id, READING_MODULE_COMPRESSED) &&
	       id == bpf_core_enum_value(enum kernel_read_file_id, READING_MODULE_COMPRESSED);
}

static __always_inline int emit_module(__u16 op, const char *name, int result, __u32 marks)
{
	struct privilege_event *event = privilege_reserve(EVENT_module, op, result);

	if (!event)
		return 0;
	event->privilege.marks = marks;
	if (name)
		bpf_probe_read_kernel_str(event->privilege.name, EVENT_NAME_MAX, name);
	event_submit(event, EVENT_module);
	return 0;
}

static __always_inline void keep_name(const char *name)
{
	struct pending_use use = { .op = MODULE_LOAD };

	bpf_probe_read_kernel_str(use.name, sizeof(use.name), name);
	pending_keep(&use);
}

SEC("?fexit/security_kernel_read_file")
int BPF_PROG(file_fexit, struct file *file, unsigned int id, bool contents, int result)
{
	const char *name = (const char *)BPF_CORE_READ(file, f_path.dentry, d_name.name);

	if (!is_module(id))
		return 0;
	if (result)
		return emit_module(MODULE_LOAD, name, result, 0);
	keep_name(name);
	return 0;
}

SEC("?tp_btf/module_load")
int BPF_PROG(name_fexit, struct module *module)
{
	keep_name(module->name);
	return 0;
}

SEC("?fexit/load_module")
int BPF_PROG(load_fexit, const void *info, const void *arguments, int flags, int result)
{
	const struct pending_use *use = pending_find();

	emit_module(MODULE_LOAD, use ? use->name : NULL, result, 0);
	pending_drop();
	return 0;
}

SEC("?fexit/security_kernel_module_request")
int BPF_PROG(request_fexit, const char *alias, int result)
{
	return emit_module(MODULE_REQUEST, alias, result, result ? 0 : PRIVILEGE_RESULT_UNKNOWN);
}

char LICENSE[] SEC("license") = "GPL";
