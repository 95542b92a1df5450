import { invalidArgument } from '@gantry/rpc';
import type { LogOptions } from '../../options/cache';
import { goInt } from '../../options/go-values';
import { METADATA_OPTIONS } from '../../options/names';
import { type Host, splitHost } from '../wires/wire';

export interface GelfAddress {
  readonly scheme: 'udp' | 'tcp';
  readonly at: Host;
}

/** In dockerd's order and words. */
export function validateGelf(options: LogOptions): void {
  const { scheme } = gelfAddress(options);
  for (const [name, value] of Object.entries(options)) {
    const number = goInt(value);
    switch (name) {
      case 'gelf-address':
        break;
      case 'gelf-compression-level':
        if (scheme !== 'udp') throw invalidArgument('compression is only supported on UDP');
        if (number === undefined || number < -1 || number > 9) throw unknownValue(name, value);
        break;
      case 'gelf-compression-type':
        if (scheme !== 'udp') throw invalidArgument('compression is only supported on UDP');
        if (!['gzip', 'zlib', 'none'].includes(value)) throw unknownValue(name, value);
        break;
      case 'gelf-tcp-max-reconnect':
      case 'gelf-tcp-reconnect-delay':
        if (scheme !== 'tcp') throw invalidArgument(`"${name}" is only valid for TCP`);
        if (number === undefined || number < 0) throw invalidArgument(`"${name}" must be a positive integer`);
        break;
      default:
        if (!(METADATA_OPTIONS as readonly string[]).includes(name))
          throw invalidArgument(`unknown log opt ${JSON.stringify(name)} for gelf log driver`);
    }
  }
}

const unknownValue = (name: string, value: string): Error =>
  invalidArgument(`unknown value ${JSON.stringify(value)} for log opt ${JSON.stringify(name)} for gelf log driver`);

export function gelfAddress(options: LogOptions): GelfAddress {
  const text = options['gelf-address'] ?? '';
  if (text === '') throw invalidArgument('gelf-address is a required parameter');
  const [, scheme, rest = ''] = /^([a-zA-Z][a-zA-Z0-9+.-]*):(?:\/\/)?([^/]*)/.exec(text) ?? [];
  if (scheme !== 'udp' && scheme !== 'tcp') throw invalidArgument('gelf: endpoint needs to be TCP or UDP');
  if (!/^(?:\[[^\]]*\]|[^:[\]]*):[0-9]*$/.test(rest)) throw invalidArgument('gelf: please provide gelf-address as proto://host:port');
  return { scheme, at: splitHost(rest) };
}
