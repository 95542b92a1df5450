/* Runs the program from a sealed copy of itself, so that no container can write to it through /proc/<pid>/exe. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/seal.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

extern char **environ;

static int copy_to_memory(int self) {
	struct stat st;
	off_t at = 0;
	int copy;

	if (fstat(self, &st)) return -1;
	copy = memfd_create("gantry-native", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (copy < 0 && errno == EINVAL) /* before 6.3 */
		copy = memfd_create("gantry-native", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (copy < 0) return -1;
	while (at < st.st_size) {
		ssize_t n = sendfile(copy, self, &at, (size_t)(st.st_size - at));

		if (n <= 0) return -1;
	}
	if (fchmod(copy, 0500) || fcntl(copy, F_ADD_SEALS, SEALS)) return -1;
	return copy;
}

int launch_seal_self(char **argv) {
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), copy, seals;

	if (self < 0) return -1;
	seals = fcntl(self, F_GET_SEALS);
	if (seals >= 0 && (seals & SEALS) == SEALS) {
		close(self);
		return 0;
	}
	copy = copy_to_memory(self);
	close(self);
	if (copy < 0) return -1;
	syscall(SYS_execveat, copy, "", argv, environ, AT_EMPTY_PATH);
	close(copy);
	return -1;
}
