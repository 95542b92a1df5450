// Compresses a file into another, block by block, as one gzip stream of several members.
#ifndef GANTRY_PACK_H
#define GANTRY_PACK_H

// In a fork of the monitor: leaves everything that is the monitor's.
void pack_alone(void);

// Makes `packed` of `plain` and takes `plain` away, unless it is another file by then. 0, or -1 with errno.
int pack_file(const char *plain, const char *packed);

#endif
