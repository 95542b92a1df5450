/* The command line of mode `untar`; see untar.c. */
#pragma once
#include "layers/untar_state.h"

/* -1: reported. Maps of ids go to id_ranges.h. */
int untar_options_read(int argc, char **argv, struct untar_options *o);
