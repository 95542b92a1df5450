import { type ErrorOptions, GantryError } from '@gantry/rpc';

/** What kubelet's clients know by no code of its own: containerd's CRI answers Unknown, and tests of the interface look for that. */
export const unknown = (message: string, options?: ErrorOptions): GantryError => new GantryError('unknown', message, options);
