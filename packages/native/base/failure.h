/* failure.h - what went wrong in a launch, so that callers map it to 126, 127 or an API status. */
#ifndef GANTRY_FAILURE_H
#define GANTRY_FAILURE_H

enum launch_kind {
	LAUNCH_INTERNAL = 0,
	LAUNCH_NOT_FOUND = 1, /* a path is missing */
	LAUNCH_PERMISSION = 2, /* EACCES, EPERM */
	LAUNCH_INVALID = 3, /* malformed plan, bad cwd */
	LAUNCH_NO_PROGRAM = 4, /* the program is missing */
	LAUNCH_PROGRAM_REFUSED = 5, /* it may not be executed, or is a directory */
	LAUNCH_PROGRAM_BROKEN = 6, /* the kernel cannot execute it: format, size of its arguments */
	LAUNCH_MOUNT_KIND = 7, /* a directory onto a file, or a file onto a directory */
};

struct launch_error {
	enum launch_kind kind;
	int err; /* errno or 0 */
	char text[1024]; /* lower case, e.g.: exec: "foo": executable file not found in $PATH */
};

/* "internal", "not_found", "permission", "invalid", "no_program", "program_refused", "program_broken", "mount_kind" */
const char *launch_kind_name(enum launch_kind kind);

/* The kind that an errno suggests: of anything, of execve(2), of making a mount. */
enum launch_kind kind_of_errno(int err);
enum launch_kind kind_of_exec(int err);
enum launch_kind kind_of_mount(int err);

/* The exit status that such a failure stands for, as shells have it: 127, 126, or `other`. */
int launch_exit_code(enum launch_kind kind, int other);

/* Fills *error ("text: reason of err") and answers -1. */
__attribute__((format(printf, 4, 5))) int launch_failed(
    struct launch_error *error, enum launch_kind kind, int err, const char *format, ...);

#endif
