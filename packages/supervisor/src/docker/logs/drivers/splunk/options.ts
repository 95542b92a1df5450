import { readFile } from 'node:fs/promises';
import { invalidArgument, parseGoDuration } from '@gantry/rpc';
import type { LogOptions } from '../../options/cache';
import { goBool, goInt } from '../../options/go-values';
import { METADATA_OPTIONS, refuseUnknown } from '../../options/names';
import { driverEnvironment, type Environment } from '../config';
import type { HttpTls } from '../wires/http';
import { systemText } from '../wires/wire';

const NAMES = [
  ...METADATA_OPTIONS,
  'splunk-url',
  'splunk-token',
  'splunk-source',
  'splunk-sourcetype',
  'splunk-index',
  'splunk-capath',
  'splunk-caname',
  'splunk-insecureskipverify',
  'splunk-format',
  'splunk-verify-connection',
  'splunk-gzip',
  'splunk-gzip-level',
  'splunk-index-acknowledgment',
];

export type SplunkFormat = 'inline' | 'json' | 'raw';

export interface SplunkOptions {
  readonly url: URL;
  readonly token: string;
  readonly insecure: boolean;
  /** zlib's level; undefined: not compressed. */
  readonly gzip: number | undefined;
  readonly acknowledged: boolean;
  readonly verified: boolean;
  readonly format: SplunkFormat;
}

/** Names only: dockerd tells values at the start. */
export function validateSplunk(options: LogOptions): void {
  refuseUnknown(options, NAMES, 'splunk log driver');
}

/** In dockerd's order and words. */
export function splunkOptions(options: LogOptions): SplunkOptions {
  const flag = (name: string, otherwise: boolean): boolean => {
    const text = options[name];
    return text === undefined ? otherwise : goBool(text);
  };
  const url = splunkUrl(options['splunk-url']);
  const token = options['splunk-token'];
  if (token === undefined) throw invalidArgument('splunk: splunk-token is expected');
  const insecure = flag('splunk-insecureskipverify', false);
  const compressed = flag('splunk-gzip', false);
  const level = gzipLevel(options['splunk-gzip-level']);
  const acknowledged = flag('splunk-index-acknowledgment', false);
  const verified = flag('splunk-verify-connection', true);
  const format = options['splunk-format'] ?? 'inline';
  if (format !== 'inline' && format !== 'json' && format !== 'raw')
    throw invalidArgument(`unknown format specified ${format}, supported formats are inline, json and raw`);
  return { url, token, insecure, gzip: compressed ? level : undefined, acknowledged, verified, format };
}

function gzipLevel(text: string | undefined): number {
  if (text === undefined) return -1;
  const level = goInt(text);
  if (level === undefined) throw invalidArgument(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (level < -1 || level > 9)
    throw invalidArgument(`not supported level '${text}' for splunk-gzip-level (supported values between -1 and 9)`);
  return level;
}

function splunkUrl(text: string | undefined): URL {
  if (text === undefined) throw invalidArgument('splunk: splunk-url is expected');
  // What is no URL at all would be told so by dockerd; most of it has no scheme, and fails below.
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const bare =
    url !== undefined && ['http:', 'https:'].includes(url.protocol) && url.pathname === '/' && url.search === '' && url.hash === '';
  if (!bare || text.endsWith('?') || text.endsWith('#'))
    throw invalidArgument('splunk: expected format scheme://dns_name_or_ip:port for splunk-url');
  return new URL('/services/collector/event/1.0', url);
}

/** Whom to trust, and by which name. Throws when the file cannot be read. */
export async function splunkTls(options: LogOptions, { insecure }: SplunkOptions): Promise<HttpTls> {
  const [path, servername] = [options['splunk-capath'], options['splunk-caname']];
  const authorities = async (): Promise<string> => {
    try {
      return await readFile(path ?? '', 'utf8');
    } catch (error) {
      throw invalidArgument(`open ${path}: ${systemText(error)}`, { cause: error });
    }
  };
  return {
    rejectUnauthorized: !insecure,
    ...(path === undefined ? {} : { ca: await authorities() }),
    ...(servername === undefined ? {} : { servername }),
  };
}

const BATCH = 'SPLUNK_LOGGING_DRIVER_POST_MESSAGES_BATCH_SIZE';
const REST = 'SPLUNK_LOGGING_DRIVER_POST_MESSAGES_FREQUENCY';

/** Events of a batch and milliseconds between two, which the engine's environment may set; what is none of either is as if unsaid. */
export function splunkPace(env: Environment = driverEnvironment()): { readonly most: number; readonly restMs: number } {
  const most = goInt(env[BATCH] ?? '') ?? 0;
  const restMs = parseGoDuration(env[REST] ?? '') ?? 0;
  return { most: most > 0 ? most : 1000, restMs: restMs > 0 ? restMs : 5000 };
}
