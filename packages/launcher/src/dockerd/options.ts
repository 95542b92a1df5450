import type { DockerdOption } from './option';
import { builderOptions } from './options-builder';
import { containerOptions } from './options-container';
import { gantryOptions } from './options-gantry';
import { hostOptions } from './options-host';
import { networkOptions } from './options-network';
import { registryOptions } from './options-registry';

/** All of dockerd's options. Each is honoured or refused by name; see the test beside. */
export const dockerdOptions: readonly DockerdOption[] = [
  ...hostOptions,
  ...builderOptions,
  ...containerOptions,
  ...registryOptions,
  ...networkOptions,
  ...gantryOptions,
];
