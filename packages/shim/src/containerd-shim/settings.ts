import { invalidArgument } from '@gantry/rpc/errors';
import type { FlagTable } from '@gantry/service';
import { type ShimConfig, shimDefaults, shimFlags } from '../config';
import type { Protocol } from './caller';

/** /etc/gantry/containerd-shim.yaml. */
export interface ContainerdShimConfig extends ShimConfig {
  /** What a containerd that reads bootstrap parameters is told to speak: ttrpc or grpc. */
  readonly protocol: string;
}

export const containerdShimDefaults: ContainerdShimConfig = { ...shimDefaults, protocol: 'ttrpc' };

export const containerdShimFlags = {
  ...shimFlags,
  protocol: { type: 'string', value: 'ttrpc|grpc', help: 'what a containerd 2 is told to speak with the shim' },
} as const satisfies FlagTable;

export function protocolOf({ protocol }: ContainerdShimConfig): Protocol {
  if (protocol !== 'ttrpc' && protocol !== 'grpc') throw invalidArgument(`protocol "${protocol}" is not ttrpc or grpc`);
  return protocol;
}
