import { createSign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { hasCode } from '@gantry/linux';
import { errorText, unavailable } from '@gantry/rpc';
import type { Environment } from '../config';
import type { HttpClient } from '../wires/http';
import { metadata } from './instance';

const SCOPE = 'https://www.googleapis.com/auth/logging.write';
const TOKEN_URI = 'https://oauth2.googleapis.com/token';
/** Milliseconds before its end at which a token is asked for anew. */
const EARLY_MS = 60_000;
const LIFE_SECONDS = 3600;

type Key = Readonly<Record<string, string | undefined>>;

interface Token {
  readonly text: string;
  readonly expires: number;
}

/** Google's default credentials, as tokens: of a file that is named or that its tools made, or of the machine. */
export class Tokens {
  private known: Token | undefined;

  constructor(
    private readonly client: HttpClient,
    private readonly env: Environment,
  ) {}

  async get(signal: AbortSignal): Promise<string> {
    if (this.known === undefined || this.known.expires - EARLY_MS <= Date.now()) this.known = await this.ask(signal);
    return this.known.text;
  }

  private async ask(signal: AbortSignal): Promise<Token> {
    const key = await readKey(this.env);
    if (key === undefined) return this.ofMachine(signal);
    switch (key['type']) {
      case 'service_account':
        return this.exchange(
          key['token_uri'] ?? TOKEN_URI,
          { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: assertion(key) },
          signal,
        );
      case 'authorized_user': {
        const { client_id = '', client_secret = '', refresh_token = '' } = key;
        return this.exchange(
          key['token_uri'] ?? TOKEN_URI,
          { grant_type: 'refresh_token', client_id, client_secret, refresh_token },
          signal,
        );
      }
      default:
        throw unavailable(`google: credentials of the type ${JSON.stringify(key['type'])} are not supported`);
    }
  }

  private async exchange(uri: string, form: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Token> {
    const body = Buffer.from(new URLSearchParams(form).toString());
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const { status, statusText, text } = await this.client.ask({ method: 'POST', url: new URL(uri), headers, body }, signal);
    if (status !== 200) throw unavailable(`oauth2: cannot fetch token: ${statusText}\nResponse: ${text.slice(0, 1024)}`);
    return readToken(text);
  }

  private async ofMachine(signal: AbortSignal): Promise<Token> {
    const path = `instance/service-accounts/default/token?scopes=${encodeURIComponent(SCOPE)}`;
    const text = await metadata(this.client, this.env, path, signal);
    if (text === undefined)
      throw unavailable(
        'google: could not find default credentials. See https://cloud.google.com/docs/authentication/external/set-up-adc for more information',
      );
    return readToken(text);
  }
}

function readToken(text: string): Token {
  const { access_token: token, expires_in: seconds } = JSON.parse(text) as { access_token?: unknown; expires_in?: unknown };
  if (typeof token !== 'string' || token === '') throw unavailable('oauth2: server response missing access_token');
  return { text: token, expires: Date.now() + (typeof seconds === 'number' ? seconds : LIFE_SECONDS) * 1000 };
}

/** The file of credentials; undefined where there is none. */
async function readKey(env: Environment): Promise<Key | undefined> {
  const named = env['GOOGLE_APPLICATION_CREDENTIALS'] ?? '';
  const folder = env['CLOUDSDK_CONFIG'] || join(env['HOME'] || homedir(), '.config/gcloud');
  const path = named === '' ? join(folder, 'application_default_credentials.json') : named;
  try {
    return { type: '', ...(JSON.parse(await readFile(path, 'utf8')) as Key) };
  } catch (error) {
    if (named === '' && (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR'))) return undefined;
    throw unavailable(
      `google: error getting credentials using ${named === '' ? path : 'GOOGLE_APPLICATION_CREDENTIALS environment variable'}: ${errorText(error)}`,
      { cause: error },
    );
  }
}

/** What a service account says of itself, signed by its key (RFC 7523). */
function assertion(key: Key): string {
  const now = Math.floor(Date.now() / 1000);
  const coded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  const header = coded({ alg: 'RS256', typ: 'JWT', kid: key['private_key_id'] });
  const claims = coded({ iss: key['client_email'], scope: SCOPE, aud: key['token_uri'] ?? TOKEN_URI, iat: now, exp: now + LIFE_SECONDS });
  const signature = createSign('RSA-SHA256')
    .update(`${header}.${claims}`)
    .sign(key['private_key'] ?? '', 'base64url');
  return `${header}.${claims}.${signature}`;
}
