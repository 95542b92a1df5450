#define _GNU_SOURCE
#include "base/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum launch_kind kind_of_errno(int err) {
	switch (err) {
	case ENOENT:
	case ENOTDIR: return LAUNCH_NOT_FOUND;
	case EACCES:
	case EPERM: return LAUNCH_PERMISSION;
	case EINVAL:
	case ELOOP:
	case ENAMETOOLONG: return LAUNCH_INVALID;
	default: return LAUNCH_INTERNAL;
	}
}

enum launch_kind kind_of_exec(int err) {
	switch (err) {
	case ENOENT:
	case ENOTDIR: return LAUNCH_NO_PROGRAM;
	case EACCES:
	case EPERM:
	case EISDIR: return LAUNCH_PROGRAM_REFUSED;
	default: return LAUNCH_PROGRAM_BROKEN;
	}
}

enum launch_kind kind_of_mount(int err) { return err == ENOTDIR ? LAUNCH_MOUNT_KIND : kind_of_errno(err); }

const char *launch_kind_name(enum launch_kind kind) {
	static const char *const names[] = {
	    "internal", "not_found", "permission", "invalid", "no_program", "program_refused", "program_broken", "mount_kind"};

	return (unsigned)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : names[0];
}

int launch_exit_code(enum launch_kind kind, int other) {
	switch (kind) {
	case LAUNCH_NOT_FOUND:
	case LAUNCH_NO_PROGRAM:
	case LAUNCH_MOUNT_KIND: return 127;
	case LAUNCH_PERMISSION:
	case LAUNCH_PROGRAM_REFUSED: return 126;
	default: return other;
	}
}

int launch_failed(struct launch_error *error, enum launch_kind kind, int err, const char *format, ...) {
	va_list args;
	int n;

	error->kind = kind;
	error->err = err;
	va_start(args, format);
	n = vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	if (err && n >= 0 && (size_t)n < sizeof(error->text)) {
		char *reason = strerror(err);

		snprintf(error->text + n, sizeof(error->text) - (size_t)n, ": %c%s",
		    reason[0] >= 'A' && reason[0] <= 'Z' && reason[1] >= 'a' ? reason[0] + 32 : reason[0], reason + 1);
	}
	return -1;
}
