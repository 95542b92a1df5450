import { goSize } from '@gantry/oci';
import { invalidArgument, parseGoDuration } from '@gantry/rpc';
import type { LogOptions } from '../../options/cache';
import { goBool } from '../../options/go-values';
import { named } from '../../options/named';
import { METADATA_OPTIONS, refuseUnknown } from '../../options/names';
import type { StreamAddress } from '../wires/stream';

const NAMES = [
  ...METADATA_OPTIONS,
  'fluentd-address',
  'fluentd-async',
  'fluentd-async-reconnect-interval',
  'fluentd-buffer-limit',
  'fluentd-max-retries',
  'fluentd-request-ack',
  'fluentd-retry-wait',
  'fluentd-sub-second-precision',
  'fluentd-write-timeout',
];

export interface FluentdOptions {
  readonly address: StreamAddress;
  readonly async: boolean;
  /** Lines that wait in the mode async. */
  readonly bufferLimit: number;
  readonly reconnectMs: number;
  readonly maxRetries: number;
  readonly retryWaitMs: number;
  readonly requestAck: boolean;
  readonly subSecond: boolean;
}

const MOST_RETRIES = 2 ** 31 - 1;

export function validateFluentd(options: LogOptions): void {
  refuseUnknown(options, NAMES, 'fluentd log driver');
  fluentdOptions(options);
}

export function fluentdOptions(options: LogOptions): FluentdOptions {
  const value = <T>(name: string, read: (text: string) => T, otherwise: T): T => {
    const text = options[`fluentd-${name}`] ?? '';
    return text === '' ? otherwise : read(text);
  };
  const address = named(
    () => fluentdAddress(options['fluentd-address'] ?? ''),
    `invalid fluentd-address (${options['fluentd-address']}): `,
  );
  return {
    bufferLimit: value('buffer-limit', (text) => goSize(text, 1024), 1024 * 1024),
    retryWaitMs: value('retry-wait', duration, 1000),
    maxRetries: value('max-retries', retries, MOST_RETRIES),
    async: value('async', goBool, false),
    reconnectMs: value('async-reconnect-interval', interval, 0),
    subSecond: value('sub-second-precision', goBool, false),
    requestAck: value('request-ack', goBool, false),
    address: { ...address, writeTimeoutMs: value('write-timeout', writeTimeout, 0) },
  };
}

function duration(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  const ms = parseGoDuration(text.replace(/^[-+]/, ''));
  if (ms === undefined) throw invalidArgument(`time: invalid duration ${JSON.stringify(text)}`);
  return sign * ms;
}

function retries(text: string): number {
  if (!/^[0-9]+$/.test(text)) throw invalidArgument(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (Number(text) >= 2 ** 32) throw invalidArgument(`strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`);
  if (Number(text) > MOST_RETRIES) throw invalidArgument('invalid fluentd-max-retries: value out of range');
  return Number(text);
}

function interval(text: string): number {
  const name = 'fluentd-async-reconnect-interval';
  const ms = named(() => duration(text), `invalid value for ${name}: `);
  if (ms !== 0 && (ms < 100 || ms > 10_000))
    throw invalidArgument(`invalid value for ${name}: value (${JSON.stringify(text)}) must be between 100ms and 10s`);
  return ms;
}

function writeTimeout(text: string): number {
  const ms = named(() => duration(text), 'invalid value for fluentd-write-timeout: value must be a duration: ');
  if (ms < 0) throw invalidArgument('invalid value for fluentd-write-timeout: value must be a duration that is non-negative');
  return ms;
}

function fluentdAddress(text: string): StreamAddress {
  const [scheme = '', rest = ''] = (text === '' ? 'tcp://' : text.includes('://') ? text : `tcp://${text}`).split(/:\/\/(.*)/s);
  if (scheme === 'unix') {
    const path = rest.replace(/^[^/]*/, '');
    if (path.replace(/^\/+/, '') === '') throw invalidArgument('path is empty');
    return { network: 'unix', at: path };
  }
  if (scheme !== 'tcp' && scheme !== 'tls') throw invalidArgument(`unsupported scheme: '${scheme}'`);
  if (rest.includes('/')) throw invalidArgument('should not contain a path element');
  const [, host, , port] = /^((?:\[[^\]]*\])|[^:]*)(:(.*))?$/.exec(rest) ?? [];
  if (host === undefined || !/^[0-9]*$/.test(port ?? ''))
    throw invalidArgument(`parse ${JSON.stringify(`${scheme}://${rest}`)}: invalid port ${JSON.stringify(`:${port ?? ''}`)} after host`);
  if (Number(port ?? 0) > 65_535)
    throw invalidArgument(`invalid port: strconv.ParseUint: parsing ${JSON.stringify(port)}: value out of range`);
  return { network: scheme, at: { host: host.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1', port: Number(port || 24_224) } };
}
