/* Which processors a process runs on. */
#define _GNU_SOURCE
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init/child.h"

#define MASK 1024 /* bytes: 8192 processors, the most that the kernel can be built for */

int set_affinity(const uint8_t *mask, uint64_t bytes) {
	unsigned long all[MASK / sizeof(unsigned long)];

	memset(all, bytes ? 0 : 0xff, sizeof(all));
	if (bytes > sizeof(all)) bytes = sizeof(all);
	if (bytes) memcpy(all, mask, bytes);
	return (int)syscall(SYS_sched_setaffinity, 0, sizeof(all), all);
}

int get_affinity(uint8_t *mask, uint64_t bytes) {
	memset(mask, 0, bytes);
	return syscall(SYS_sched_getaffinity, 0, bytes, mask) < 0 ? -1 : 0;
}
