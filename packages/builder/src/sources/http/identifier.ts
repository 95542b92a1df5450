import { isDigest } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';

/** What an `http://` or `https://` source asks for. */
export interface HttpIdentifier {
  readonly url: URL;
  readonly checksum: string | undefined;
  /** Name of the file; empty: the server's, or the last part of the path. */
  readonly filename: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly authSecret: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Headers that a definition may set: none that could say who asks. */
const HEADERS: readonly string[] = ['accept', 'user-agent'];
const HEADER = 'http.header.';

export function httpIdentifier(text: string, attributes: Readonly<Record<string, string>>): HttpIdentifier {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw invalidArgument(`"${text}" is no http or https URL`);
  let checksum: string | undefined;
  let filename = '';
  let mode = 0o600;
  let uid = 0;
  let gid = 0;
  let authSecret = '';
  const headers: (readonly [string, string])[] = [];
  for (const [key, value] of Object.entries(attributes)) {
    if (key === 'http.checksum') checksum = checksumOf(value);
    else if (key === 'http.filename') filename = filenameOf(value);
    else if (key === 'http.perm') mode = numberOf(key, value) || 0o600;
    else if (key === 'http.uid') uid = numberOf(key, value);
    else if (key === 'http.gid') gid = numberOf(key, value);
    else if (key === 'http.authheadersecret') authSecret = value;
    else if (key.startsWith(HEADER)) {
      const name = key.slice(HEADER.length).toLowerCase();
      if (HEADERS.includes(name)) headers.push([name, value]); // others are ignored, as the protocol has it
    } else throw invalidArgument(`http source: unknown attribute ${key}`);
  }
  headers.sort(([a], [b]) => (a < b ? -1 : 1));
  return { url, checksum, filename, mode, uid, gid, authSecret, headers };
}

function checksumOf(value: string): string {
  if (!isDigest(value)) throw invalidArgument(`invalid http checksum ${value}`);
  return value;
}

/** A name is one component of a path. */
export function filenameOf(value: string): string {
  if (value.includes('/') || value.includes('\0') || value === '.' || value === '..' || Buffer.byteLength(value) > 255)
    throw invalidArgument(`http source: "${value}" is no file name`);
  return value;
}

/** As Go reads numbers with base 0. */
function numberOf(key: string, value: string): number {
  const octal = /^0[oO]?([0-7]+)$/.exec(value)?.[1];
  const number = octal !== undefined ? parseInt(octal, 8) : /^(0[xX][0-9a-fA-F]+|\d+)$/.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(number) || number > 0xffff_ffff) throw invalidArgument(`http source: ${key} "${value}" is no number`);
  return number;
}
