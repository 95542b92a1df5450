/* The way of a whole archive into a tree. */
#pragma once
#include "layers/untar_state.h"

/* Lays every entry out below st->tree; counts in st. -1: reported. */
int untar_extract(struct untar_state *st);
