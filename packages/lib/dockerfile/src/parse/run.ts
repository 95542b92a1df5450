import { invalidArgument } from '@gantry/rpc/errors';
import type { Heredoc } from '../heredoc';
import type { Arguments, Command } from '../instruction';
import { quoted } from '../quote';
import { type Device, parseDevice } from './device';
import { parseFlags } from './flags';
import { commandOf } from './forms';
import { mountFrom } from './mount';

export interface Run {
  readonly command: Command;
  readonly files: readonly Heredoc[];
  /** As written: their values may have variables. `parseMount` reads them. */
  readonly mounts: readonly { readonly text: string; readonly from: string }[];
  readonly network: 'default' | 'none' | 'host';
  readonly security: 'sandbox' | 'insecure';
  readonly devices: readonly Device[];
}

export function parseRun(given: Arguments): Run {
  const flags = parseFlags(given.flags, { mount: 'list', network: 'text', security: 'text', device: 'list' });
  const { network = 'default', security = 'sandbox', mount = [], device = [] } = flags;
  const devices = device.map(parseDevice);
  const mounts = mount.map((text) => ({ text, from: mountFrom(text) }));
  if (network !== 'default' && network !== 'none' && network !== 'host') throw invalidArgument(`invalid network mode ${quoted(network)}`);
  if (security !== 'sandbox' && security !== 'insecure') throw invalidArgument(`security ${quoted(security)} is not valid`);
  return { command: commandOf(given.rest), files: given.heredocs, mounts, network, security, devices };
}
