/* failure.h - what went wrong in a launch, so that callers map it to 126, 127 or an API status. */
#ifndef GANTRY_FAILURE_H
#define GANTRY_FAILURE_H

enum launch_kind {
	LAUNCH_INTERNAL = 0,
	LAUNCH_NOT_FOUND = 1, /* executable, user program or path is missing */
	LAUNCH_PERMISSION = 2, /* EACCES, EPERM, not executable, a directory */
	LAUNCH_INVALID = 3, /* malformed plan, bad cwd, exec format error */
};

struct launch_error {
	enum launch_kind kind;
	int err; /* errno or 0 */
	char text[1024]; /* lower case, e.g.: exec: "foo": executable file not found in $PATH */
};

/* "internal", "not_found", "permission", "invalid" */
const char *launch_kind_name(enum launch_kind kind);

/* The kind that an errno suggests. */
enum launch_kind kind_of_errno(int err);

/* Fills *error ("text: reason of err") and answers -1. */
__attribute__((format(printf, 4, 5))) int launch_failed(
    struct launch_error *error, enum launch_kind kind, int err, const char *format, ...);

#endif
