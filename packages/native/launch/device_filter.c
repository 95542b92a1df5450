/* cgroup v2 has no devices controller: a program at the directory decides. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launch/setup.h"

int attach_devices(struct setup *s, struct plan_op *op) {
	union bpf_attr load = {
	    .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insn_cnt = (uint32_t)(op->f[1].n / 8), .license = (uint64_t)(uintptr_t) "Apache-2.0"};
	union bpf_attr attach = {.attach_type = BPF_CGROUP_DEVICE, .attach_flags = BPF_F_ALLOW_MULTI};
	int dir = open(op->f[0].s, O_RDONLY | O_DIRECTORY | O_CLOEXEC), program = -1, result = 0;
	void *aligned = malloc(op->f[1].n + 8);

	if (aligned && dir >= 0) {
		memcpy(aligned, op->f[1].bytes, op->f[1].n);
		load.insns = (uint64_t)(uintptr_t)aligned;
		program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	}
	attach.target_fd = (uint32_t)dir;
	attach.attach_bpf_fd = (uint32_t)program;
	if (program < 0 || syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)))
		result = launch_failed(s->error, LAUNCH_INTERNAL, errno, "limit the devices of cgroup \"%s\"", op->f[0].s);
	close_fd(&program);
	close_fd(&dir);
	free(aligned);
	return result;
}
