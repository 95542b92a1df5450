import type { FlagTable } from '@gantry/service';

/** The shim's own configuration, beside what every service has. */
export interface ShimConfig {
  /** Absolute path of gantry-native; empty: ../libexec/gantry/gantry-native beside the installed bundle, or dist/gantry-native. */
  readonly native: string;
}

export const shimDefaults: ShimConfig = { native: '' };

export const shimFlags = {
  native: { type: 'string', value: 'PATH', help: 'the C program gantry-native (default: found beside the installed bundle)' },
} as const satisfies FlagTable;
