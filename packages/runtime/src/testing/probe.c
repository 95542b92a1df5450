/* What a container may ask of the kernel: prints one line for each call, "name errno". Built by tests, statically, into a rootfs. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void tell(const char *name, long result) { printf("%s %s\n", name, result < 0 ? strerrorname_np(errno) : "0"); }

int main(int argc, char **argv) {
	char parameters[128] = {0};

	if (argc > 1) { /* a call that a seccomp agent answers */
		tell("mkdir", syscall(SYS_mkdir, argv[1], 0755));
		return 0;
	}
	tell("af_alg", socket(38, SOCK_SEQPACKET, 0));
	tell("io_uring", syscall(SYS_io_uring_setup, 1, parameters));
	tell("unix", socket(AF_UNIX, SOCK_STREAM, 0));
	return 0;
}
