/*
 * Mode `tree`: does work on trees for the builder, one request after the other.
 *
 *   gantry-native tree
 *
 * stdin brings requests: their length (4 bytes, little endian), a letter that says what is wanted, and fields (tree/request.h). stdout answers each with a
 * length, a letter and the outcome: O and what was asked for, or E, how far it came, and on a line of its own one JSON object, {"code","error"}. Each request runs in a process of its own: what it
 * mounts nobody else sees, and it goes with the process. The program ends with its stdin.
 */
#define _GNU_SOURCE
#include "base/wire.h"
#include "layers/tree_walk.h"
#include "layers/untar_report.h"
#include "tree/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

int mode_tree(int argc, char **argv);

static const struct {
	char letter;
	int (*run)(struct tree_request *r, FILE *out);
} kinds[] = {{'P', tree_run_plan}, {'D', tree_run_digest}, {'C', tree_run_digest_list}, {'R', tree_run_read}, {'S', tree_run_stack},
    {'U', tree_run_unpack}, {'G', tree_run_glob}, {'L', tree_run_pack}, {'T', tree_run_lay}};

static void write_all(const void *bytes, size_t size) {
	const char *at = bytes;
	while (size > 0) {
		ssize_t n = write(STDOUT_FILENO, at, size);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) _exit(1); /* whoever asked is gone */
		at += n;
		size -= (size_t)n;
	}
}

static void answer(char letter, const char *bytes, size_t size, const char *more, size_t more_size) {
	uint32_t length = (uint32_t)(size + more_size) + 1;
	char head[5] = {(char)length, (char)(length >> 8), (char)(length >> 16), (char)(length >> 24), letter};
	write_all(head, sizeof head);
	write_all(bytes, size);
	write_all(more, more_size);
}

/* How far the work came, and the last line of what was told: the failure that ended it. */
static void answer_failure(const char *bytes, size_t size) {
	static char text[16384] = "\n";
	const off_t room = (off_t)sizeof text - 2;
	off_t end = lseek(STDERR_FILENO, 0, SEEK_END);
	ssize_t n = pread(STDERR_FILENO, text + 1, (size_t)room, end > room ? end - room : 0);
	while (n > 0 && text[n] == '\n') n--;
	text[n > 0 ? n + 1 : 1] = 0;
	const char *line = strrchr(text, '\n');
	answer('E', bytes, size, line, strlen(line));
}

static void work(char letter, struct tree_request r) {
	char *bytes = NULL;
	size_t size = 0;
	int rc = -1, told = memfd_create("told", MFD_CLOEXEC);
	FILE *out = open_memstream(&bytes, &size);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (told < 0 || !out || dup2(told, STDERR_FILENO) < 0) _exit(1);
	close(told); /* a run may want its number */
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].letter == letter) rc = kinds[i].run(&r, out);
	fclose(out);
	if (rc < 0) answer_failure(bytes, size);
	else answer('O', bytes, size, "", 0);
	_exit(0);
}

/* The worker answers itself; one that died could not. */
static bool serve(const unsigned char *bytes, size_t size) {
	int status;
	pid_t child = fork();
	if (child == 0) work((char)bytes[0], (struct tree_request){bytes + 1, bytes + size, false});
	if (child > 0)
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
	return false;
}

int mode_tree(int argc, char **argv) {
	uint32_t size;
	unsigned char head[4];
	(void)argv;
	if (argc != 1) return untar_fail("io", "mode tree takes no arguments") < 0;
	tree_raise_files();
	umask(0);
	signal(SIGPIPE, SIG_IGN);
	while (read_all(STDIN_FILENO, head, sizeof head) == 1) {
		size = head[0] | head[1] << 8 | head[2] << 16 | (uint32_t)head[3] << 24;
		unsigned char *bytes = size > 0 ? malloc(size) : NULL;
		if (!bytes || read_all(STDIN_FILENO, bytes, size) != 1) return 1;
		bool served = serve(bytes, size);
		free(bytes);
		if (!served) return 1; /* what the worker wrote may be half an answer */
	}
	return 0;
}
