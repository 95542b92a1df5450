/* Entry point of mode `untar`; see untar.c for its command line. */
#pragma once
int mode_untar(int argc, char **argv);
