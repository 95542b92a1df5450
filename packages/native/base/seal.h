/* seal.h - a program that no container can write to. */
#ifndef GANTRY_SEAL_H
#define GANTRY_SEAL_H

/*
 * Makes this process run from a sealed, anonymous copy of its own binary
 * (CVE-2019-5736), by executing itself once more when it does not yet. main()
 * calls it for every mode that is marked sealed. Returns 0 when sealed.
 */
int launch_seal_self(char **argv);

#endif
