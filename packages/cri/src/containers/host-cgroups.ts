import { type Cgroups, detectCgroups } from '@gantry/linux';

let known: Cgroups | undefined;

/** The hierarchies of this machine, looked at once: they do not change, and their table is as long as there are mounts. */
export const hostCgroups = (): Cgroups => (known ??= detectCgroups());
