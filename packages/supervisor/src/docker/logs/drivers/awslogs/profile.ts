import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { AwsCredentials } from '@gantry/aws';
import { hasCode } from '@gantry/linux';
import { unavailable } from '@gantry/rpc';
import type { Environment } from '../config';

type Section = Readonly<Record<string, string>>;

/** Ways to credentials that a profile may name, and that are not gone here. */
const OTHER_WAYS = [
  'role_arn',
  'credential_process',
  'sso_session',
  'sso_start_url',
  'web_identity_token_file',
  'source_profile',
  'credential_source',
];

/** Keys of the files that AWS's tools share; undefined where they have none. Throws unavailable for a profile that is named and missing, or goes a way that is not known. */
export async function profileCredentials(env: Environment): Promise<AwsCredentials | undefined> {
  const named = env['AWS_PROFILE'] ?? '';
  const name = named === '' ? 'default' : named;
  const home = env['HOME'] || homedir();
  const secrets = sections(await textOf(env['AWS_SHARED_CREDENTIALS_FILE'] || join(home, '.aws/credentials')));
  const config = sections(await textOf(env['AWS_CONFIG_FILE'] || join(home, '.aws/config')));
  const found = [config.get(name === 'default' ? name : `profile ${name}`), config.get('profile default'), secrets.get(name)];
  const [own, otherwise, secret] = found;
  const section = own ?? (name === 'default' ? otherwise : undefined);
  if (section === undefined && secret === undefined) {
    if (named !== '') throw unavailable(`failed to get shared config profile, ${named}`);
    return undefined;
  }
  const profile: Section = { ...section, ...secret };
  const way = OTHER_WAYS.find((each) => (profile[each] ?? '') !== '');
  if (way !== undefined) throw unavailable(`profile ${name}: ${way} is not supported`);
  const {
    aws_access_key_id: accessKeyId = '',
    aws_secret_access_key: secretAccessKey = '',
    aws_session_token: sessionToken = '',
  } = profile;
  if (accessKeyId === '' || secretAccessKey === '') return undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken === '' ? {} : { sessionToken }) };
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return '';
    throw error;
  }
}

function sections(text: string): Map<string, Section> {
  const found = new Map<string, Record<string, string>>();
  let current: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const title = /^\s*\[\s*([^\]]*?)\s*\]/.exec(line)?.[1];
    const [, key, value] = /^([^\s#;=]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (title !== undefined) found.set(title.replace(/\s+/g, ' '), (current = {}));
    else if (key !== undefined) current[key.toLowerCase()] = value ?? '';
  }
  return found;
}
