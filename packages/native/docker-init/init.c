/*
 * gantry-init: the first process of a container that asked for one (`docker run --init`).
 *
 *   gantry-init -- PROGRAM [ARGUMENT]...
 *
 * Starts PROGRAM in a process group of its own (in the foreground of the terminal, if there is one), passes signals on to it, reaps every
 * orphan, and ends as PROGRAM ended: with its exit code, or 128 plus the signal's number. A program that cannot be executed ends it with 127
 * when it is missing, else 126.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int start(char **argv, const sigset_t *before) {
	pid_t pid = fork();
	if (pid != 0) return pid;
	setpgid(0, 0);
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	if (tty >= 0) { /* SIGTTOU is blocked until the mask is put back */
		tcsetpgrp(tty, getpgrp());
		close(tty);
	}
	sigprocmask(SIG_SETMASK, before, NULL);
	execvp(argv[0], argv);
	int error = errno;
	fprintf(stderr, "exec: \"%s\": %s\n", argv[0], error == ENOENT ? "executable file not found in $PATH" : strerror(error));
	_exit(error == ENOENT ? 127 : 126);
}

/* Reaps what has ended; the exit status of the program once it is among them, else -1. */
static int reap(pid_t program) {
	int result = -1, status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		if (pid == program) result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return result;
}

int main(int argc, char **argv) {
	char **program = argv + 1;
	if (argc > 1 && strcmp(*program, "--") == 0) program++;
	if (program >= argv + argc) {
		fprintf(stderr, "usage: gantry-init -- PROGRAM [ARGUMENT]...\n");
		return 125;
	}
	sigset_t all, before;
	sigfillset(&all);
	/* Faults of our own must end us. */
	const int own[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS};
	for (size_t i = 0; i < sizeof own / sizeof *own; i++) sigdelset(&all, own[i]);
	if (sigprocmask(SIG_SETMASK, &all, &before) < 0) return 125;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* when we are not the first process of the namespace */

	pid_t child = start(program, &before);
	if (child < 0) {
		fprintf(stderr, "fork: %s\n", strerror(errno));
		return 125;
	}
	for (;;) {
		siginfo_t info;
		int number = sigwaitinfo(&all, &info);
		if (number < 0) continue;
		if (number == SIGCHLD) {
			int result = reap(child);
			if (result >= 0) return result;
		} else if (number != SIGTTOU && number != SIGTTIN) {
			kill(child, number);
		}
	}
}
