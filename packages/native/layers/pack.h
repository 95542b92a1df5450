/* Layers as archives, for the modes that are not `pack`. */
#pragma once
#include "layers/lowers.h"

#include <stdint.h>

/*
 * Writes what overlayfs keeps in a directory, and what it lies on has not, as the tar of an image layer. 1: it has more than `most` bytes, of which some may be written. -1: reported. To be called
 * once in a process, which gives the memory back by ending.
 */
int pack_changes(int dir, const struct lowers *lower, int fd, uint64_t most);
