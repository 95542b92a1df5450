/* file.h - small things done to files and descriptors. */
#ifndef GANTRY_FILE_H
#define GANTRY_FILE_H

/* Closes what is open, and remembers that it is not. */
void close_fd(int *fd);

/* Writes a text into an existing file (of /proc or a cgroup) at once. 0, or -1 with errno. */
int write_file(const char *path, const char *text);

#endif
