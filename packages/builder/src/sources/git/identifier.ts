import { invalidArgument } from '@gantry/rpc';

/** What a `git://` source asks for. */
export interface GitIdentifier {
  /** As git is given it: never an option, of a protocol that reaches over the network. */
  readonly remote: string;
  /** Branch, tag or commit; empty: the default branch. */
  readonly ref: string;
  /** Folder of the repository; empty: all of it. */
  readonly subdir: string;
  readonly checksum: string;
  readonly keepGitDir: boolean;
  readonly skipSubmodules: boolean;
  readonly authHeaderSecret: string;
  readonly authTokenSecret: string;
  readonly sshAgent: string;
  readonly knownHosts: string;
}

const PROTOCOL = /^[a-zA-Z0-9]+:\/\//;
export const PROTOCOLS: readonly string[] = ['http', 'https', 'ssh', 'git'];
/** `user@host:path`, as scp has it. */
const SCP = /^(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*:(?!\/\/)[^\s#?]+$/;
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

export const isCommit = (text: string): boolean => COMMIT.test(text);

export function gitIdentifier(text: string, attributes: Readonly<Record<string, string>>): GitIdentifier {
  const hash = text.indexOf('#');
  const address = (hash < 0 ? text : text.slice(0, hash)).replace(/\?.*$/s, '');
  const [ref = '', subdir = ''] = (hash < 0 ? '' : text.slice(hash + 1)).split(/:(.*)/s);
  const named: Record<string, string> = {};
  for (const [key, value] of Object.entries(attributes)) {
    if (!KEYS.has(key)) throw invalidArgument(`git source: unknown attribute ${key}`);
    named[key] = value;
  }
  const checksum = named['git.checksum'] ?? '';
  if (checksum !== '' && !/^[0-9a-fA-F]+$/.test(checksum))
    throw invalidArgument(`invalid checksum ${checksum} for Git URL, expected hex commit hash`);
  const full = (named['git.fullurl'] ?? '').replace(/[#?].*$/s, '');
  return {
    remote: remoteOf(full === '' ? address : full),
    ref: refOf(decoded(ref)),
    subdir: subdirOf(decoded(subdir)),
    checksum: checksum.toLowerCase(),
    keepGitDir: named['git.keepgitdir'] === 'true',
    skipSubmodules: named['git.skipsubmodules'] === 'true',
    authHeaderSecret: named['git.authheadersecret'] ?? '',
    authTokenSecret: named['git.authtokensecret'] ?? '',
    sshAgent: named['git.mountsshsock'] ?? '',
    knownHosts: named['git.knownsshhosts'] ?? '',
  };
}

const KEYS = new Set([
  'git.keepgitdir',
  'git.fullurl',
  'git.authheadersecret',
  'git.authtokensecret',
  'git.knownsshhosts',
  'git.mountsshsock',
  'git.checksum',
  'git.skipsubmodules',
]);

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function remoteOf(text: string): string {
  const protocol = PROTOCOL.exec(text)?.[0];
  if (protocol === undefined && SCP.test(text)) return text;
  const whole = protocol === undefined ? `https://${text}` : text;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  const scheme = url?.protocol.slice(0, -1) ?? '';
  if (url === undefined || !PROTOCOLS.includes(scheme))
    throw invalidArgument(`git source: "${text}" is of no protocol that is allowed (${PROTOCOLS.join(', ')})`);
  if (!/^[A-Za-z0-9[]/.test(url.hostname)) throw invalidArgument(`git source: "${url.hostname}" is no host`);
  return whole;
}

/** A name that git takes as a name and as nothing else. */
function refOf(ref: string): string {
  if (ref === '') return '';
  if (ref.startsWith('-') || /[\s~^:?*[\\]|\.\.|@\{|[\x00-\x1f\x7f]|^\/|\/$|\/\/|\.lock$/.test(ref))
    throw invalidArgument(`git source: "${ref}" is no ref`);
  return ref;
}

function subdirOf(subdir: string): string {
  const parts = subdir.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || subdir.includes('\0'))
    throw invalidArgument(`git source: subdirectory "${subdir}" leads out of the repository`);
  return parts.join('/');
}

/** The address without what it may hold to say who asks. */
export function shown(remote: string): string {
  if (!PROTOCOL.test(remote) || !URL.canParse(remote)) return remote;
  const url = new URL(remote);
  if (url.password !== '') url.password = 'xxxxx';
  return url.href;
}
