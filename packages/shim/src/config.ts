import type { FlagTable } from '@gantry/service';

/** The shim's own configuration, beside what every service has. */
export interface ShimConfig {
  /** Absolute path of gantry-native; empty: ../libexec/gantry/gantry-native beside the installed bundle, or dist/gantry-native. */
  readonly native: string;
  /** Milliseconds after which an attached client that reads nothing, and so holds the container's output up, is dropped and named in the log. */
  readonly 'client-timeout-ms': number;
}

export const shimDefaults: ShimConfig = { native: '', 'client-timeout-ms': 30_000 };

export const shimFlags = {
  native: { type: 'string', value: 'PATH', help: 'the C program gantry-native (default: found beside the installed bundle)' },
  'client-timeout-ms': {
    type: 'number',
    value: 'MS',
    help: 'an attached client that holds the output up and reads nothing for so long is dropped',
  },
} as const satisfies FlagTable;
