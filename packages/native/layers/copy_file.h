/* The bytes of one file into another. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

/* Into an empty file: shared where the file system can (asked until it says no, which no_clone remembers), holes kept. -1: reported. */
int copy_file_bytes(int from, int to, off_t size, bool *no_clone, const char *path);
