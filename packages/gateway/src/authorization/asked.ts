import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/** What a plugin is told of a request: members that are empty are not there. */
export interface AskedBefore {
  readonly User?: string;
  readonly UserAuthNMethod?: string;
  readonly RequestMethod: string;
  readonly RequestUri: string;
  /** Base64, as all bytes here. */
  readonly RequestBody?: string;
  readonly RequestHeaders?: Readonly<Record<string, string>>;
  /** Of PEM. */
  readonly RequestPeerCertificates?: readonly string[];
}

/** What it is told besides of the answer. */
export interface AskedAfter extends AskedBefore {
  readonly ResponseStatusCode?: number;
  readonly ResponseBody?: string;
  readonly ResponseHeaders?: Readonly<Record<string, string>>;
}

/** Secrets that a plugin is not told. */
const SECRET = new Set(['authorization', 'x-registry-config', 'x-registry-auth']);
/** What Go's server keeps beside the headers. */
const ELSEWHERE = new Set(['host', 'transfer-encoding']);

/** `Content-Type`, as Go writes names. */
const canonical = (name: string): string => name.toLowerCase().replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());

type Headers = Iterable<readonly [name: string, value: string]>;

/** The last value of each name. */
export function toldHeaders(headers: Headers): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...headers].filter(([name]) => !SECRET.has(name.toLowerCase())).map(([name, value]) => [canonical(name), value]),
  );
}

function* pairsOf(raw: readonly string[]): Generator<readonly [string, string]> {
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = '', value = ''] = raw.slice(at, at + 2);
    if (!ELSEWHERE.has(name.toLowerCase())) yield [name, value];
  }
}

/** Bodies are told where they are JSON; those of `/auth` hold passwords. */
export const tellsBody = (url: string, contentType: string): boolean =>
  contentType.split(';', 1)[0]?.trim().toLowerCase() === 'application/json' && !/^[^/]*\/(v\d[\d.]*\/)?auth/.test(url);

const isEmpty = (value: string | number | object): boolean =>
  value === '' || value === 0 || (typeof value === 'object' && Object.keys(value).length === 0);

const kept = <T extends Readonly<Record<string, string | number | object>>>(members: T): T =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => !isEmpty(value))) as T;

export function askedBefore(request: IncomingMessage, body: Buffer): AskedBefore {
  const certificate = peerOf(request);
  return kept({
    User: certificate?.user ?? '',
    UserAuthNMethod: certificate === undefined ? '' : 'TLS',
    RequestMethod: request.method ?? '',
    RequestUri: request.url ?? '',
    RequestBody: body.toString('base64'),
    RequestHeaders: toldHeaders(pairsOf(request.rawHeaders)),
    RequestPeerCertificates: certificate === undefined ? [] : [Buffer.from(certificate.pem).toString('base64')],
  });
}

export function askedAfter(
  before: AskedBefore,
  answer: { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: Buffer },
): AskedAfter {
  const tells = tellsBody(before.RequestUri, answer.headers['Content-Type'] ?? '');
  return {
    ...before,
    ...kept({
      ResponseStatusCode: answer.status,
      ResponseBody: tells ? answer.body.toString('base64') : '',
      ResponseHeaders: answer.headers,
    }),
  };
}

/** Whom the client's certificate names; undefined without one. */
function peerOf(request: IncomingMessage): { readonly user: string; readonly pem: string } | undefined {
  const socket = request.socket as Partial<TLSSocket>;
  const certificate = socket.getPeerX509Certificate?.();
  if (certificate === undefined) return undefined;
  return { user: /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? '', pem: certificate.toString() };
}
