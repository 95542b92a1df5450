/* io.h - the streams of a process that is launched. */
#ifndef GANTRY_IO_H
#define GANTRY_IO_H

#include <stdbool.h>
#include <stdint.h>

struct launch_io {
	int in, out, err; /* become 0, 1, 2 when !terminal; -1 = /dev/null. The caller keeps and closes its own copies. */
	bool terminal; /* a pty is made in the container's own devpts; in, out and err are ignored */
	uint16_t rows, cols; /* first window size when terminal; 0 = leave */
};

#endif
