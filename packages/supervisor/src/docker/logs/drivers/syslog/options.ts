import { readFile } from 'node:fs/promises';
import type { SecureContextOptions } from 'node:tls';
import { invalidArgument } from '@gantry/rpc';
import type { LogOptions } from '../../options/cache';
import { goInt } from '../../options/go-values';
import { METADATA_OPTIONS, refuseUnknown } from '../../options/names';
import { type Host, splitHost, systemText } from '../wires/wire';

const NAMES = [
  ...METADATA_OPTIONS,
  'syslog-address',
  'syslog-facility',
  'syslog-format',
  'syslog-tls-ca-cert',
  'syslog-tls-cert',
  'syslog-tls-key',
  'syslog-tls-skip-verify',
];

const FACILITIES =
  'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp . . . . local0 local1 local2 local3 local4 local5 local6 local7'.split(
    ' ',
  );

export type SyslogFormat = '' | 'rfc3164' | 'rfc5424' | 'rfc5424micro';

/** `local`: whichever of the host's usual sockets is there. */
export type SyslogAddress =
  | { readonly scheme: 'local' }
  | { readonly scheme: 'unix' | 'unixgram'; readonly path: string }
  | { readonly scheme: 'udp' | 'tcp' | 'tcp+tls'; readonly at: Host };

export function validateSyslog(options: LogOptions): void {
  refuseUnknown(options, NAMES, 'syslog log driver');
  syslogAddress(options);
  syslogFacility(options);
  syslogFormat(options);
}

export function syslogAddress(options: LogOptions): SyslogAddress {
  const text = options['syslog-address'] ?? '';
  if (text === '') return { scheme: 'local' };
  const [, scheme = '', rest = ''] = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):(?:\/\/)?)?(.*)$/.exec(text) ?? [];
  switch (scheme) {
    case 'unix':
    case 'unixgram':
      return { scheme, path: rest };
    case 'udp':
    case 'tcp':
    case 'tcp+tls':
      return { scheme, at: splitHost(rest.replace(/\/.*$/, ''), 514) };
    default:
      throw invalidArgument(`unsupported scheme: '${scheme}'`);
  }
}

/** The facility's number, 0 to 23. */
export function syslogFacility(options: LogOptions): number {
  const text = options['syslog-facility'] || 'daemon';
  const named = text === '.' ? -1 : FACILITIES.indexOf(text);
  const number = named >= 0 ? named : goInt(text);
  if (number === undefined || number < 0 || number > 23) throw invalidArgument('invalid syslog facility');
  return number;
}

export function syslogFormat(options: LogOptions): SyslogFormat {
  const text = options['syslog-format'] ?? '';
  if (text !== '' && text !== 'rfc3164' && text !== 'rfc5424' && text !== 'rfc5424micro') throw invalidArgument('Invalid syslog format');
  return text;
}

export async function syslogTls(options: LogOptions): Promise<SecureContextOptions & { readonly rejectUnauthorized: boolean }> {
  const read = async (name: string, what: string): Promise<string | undefined> => {
    const path = options[name] ?? '';
    if (path === '') return undefined;
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      throw invalidArgument(`could not read ${what} "${path}": open ${path}: ${systemText(error)}`, { cause: error });
    }
  };
  const [ca, cert, key] = await Promise.all([
    read('syslog-tls-ca-cert', 'CA certificate'),
    read('syslog-tls-cert', 'certificate'),
    read('syslog-tls-key', 'private key'),
  ]);
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: options['syslog-tls-skip-verify'] === undefined,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
