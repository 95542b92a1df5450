import { goBool, quoted } from '@gantry/dockerfile';
import { invalidArgument } from '@gantry/rpc';

/** A git repository, with what of it is wanted. */
export interface GitRef {
  /** What git clones from. */
  readonly remote: string;
  /** host/path, whatever the protocol. */
  readonly name: string;
  readonly ssh: boolean;
  readonly ref: string;
  readonly directory: string;
  readonly checksum: string;
  readonly keepGitDir: boolean | undefined;
  readonly submodules: boolean | undefined;
  /** `github.com/a/b` could be a path as well. */
  readonly mayBePath: boolean;
}

interface Url {
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  readonly remote: string;
  readonly query: URLSearchParams;
  readonly fragment: string;
}

/** Reads a git URL; undefined where the text is none. Errors: invalidArgument for one whose query is wrong. */
export function parseGitRef(text: string): GitRef | undefined {
  if (text.startsWith('./') || text.startsWith('../')) return undefined;
  const mayBePath = text.startsWith('github.com/');
  const url = mayBePath ? parseUrl(`https://${text}`) : (parseUrl(text) ?? parseScp(text));
  if (url === undefined) return undefined;
  if (!mayBePath && /^https?$/.test(url.scheme) && !url.path.endsWith('.git')) return undefined;
  const colon = url.fragment.indexOf(':');
  return {
    ...wanted(url.query, colon < 0 ? url.fragment : url.fragment.slice(0, colon), colon < 0 ? '' : url.fragment.slice(colon + 1)),
    remote: mayBePath ? url.remote.replace(/^https:\/\//, '') : url.remote,
    name: `${url.host}/${url.path.replace(/^\/+/, '')}`,
    ssh: url.scheme === 'ssh',
    mayBePath,
  };
}

function parseUrl(text: string): Url | undefined {
  const [, given = '', rest = ''] = /^([a-zA-Z0-9]+):\/\/(.*)$/s.exec(text) ?? [];
  const scheme = given.toLowerCase();
  if (!['http', 'https', 'ssh', 'git'].includes(scheme)) return undefined;
  const [, place = '', query = '', fragment = ''] = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(rest) ?? [];
  const [, authority = '', path = ''] = /^([^/]*)(.*)$/s.exec(place) ?? [];
  const host = authority.replace(/^.*@/, '');
  const decoded = decode(fragment);
  if (host === '' || decoded === undefined) return undefined;
  return { scheme, host, path: decode(path) ?? path, remote: `${scheme}://${place}`, query: new URLSearchParams(query), fragment: decoded };
}

/** `git@host:path`. */
function parseScp(text: string): Url | undefined {
  const [, user = '', host = '', path = '', query = '', fragment = ''] =
    /^([a-zA-Z0-9\-_]+)@([a-zA-Z0-9\-.]+):([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/.exec(text) ?? [];
  if (user === '') return undefined;
  return { scheme: 'ssh', host, path, remote: `${user}@${host}:${path}`, query: new URLSearchParams(query), fragment };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

type Wanted = Pick<GitRef, 'ref' | 'directory' | 'checksum' | 'keepGitDir' | 'submodules'>;

/** What the query adds to the fragment; both may not say different things. */
function wanted(query: URLSearchParams, ref: string, directory: string): Wanted {
  const found = {
    ref,
    directory,
    checksum: '',
    keepGitDir: undefined as boolean | undefined,
    submodules: undefined as boolean | undefined,
  };
  const agree = (what: string, one: string, other: string): string => {
    if (one !== '' && one !== other) throw invalidArgument(`${what} conflicts: ${quoted(one)} vs ${quoted(other)}`);
    return other;
  };
  const switches = { 'keep-git-dir': 'keepGitDir', submodules: 'submodules' } as const;
  let tag = '';
  let branch = '';
  for (const key of new Set(query.keys())) {
    const [value = '', ...more] = query.getAll(key);
    const isSwitch = key === 'keep-git-dir' || key === 'submodules';
    if (more.length > 0) throw invalidArgument(`query ${quoted(key)} has multiple values`);
    if (value === '' && !isSwitch) throw invalidArgument(`query ${quoted(key)} has no value`);
    if (isSwitch) {
      const on = value === '' ? true : goBool(value);
      if (on === undefined) throw invalidArgument(`invalid ${key} value: ${quoted(value)}`);
      found[switches[key]] = on;
    } else if (key === 'ref') found.ref = agree('ref', found.ref, value);
    else if (key === 'subdir') found.directory = agree('subdir', found.directory, value);
    else if (key === 'tag') tag = value;
    else if (key === 'branch') branch = value;
    else if (key === 'checksum' || key === 'commit') found.checksum = value;
    else throw invalidArgument(`unexpected query ${quoted(key)}`);
  }
  const full = (prefix: string, name: string): string => (name.startsWith(prefix) ? name : prefix + name);
  if (tag !== '' && branch !== '') throw invalidArgument('branch conflicts with tag');
  if (tag !== '') found.ref = agree('ref', found.ref, full('refs/tags/', tag));
  if (branch !== '') found.ref = agree('ref', found.ref, full('refs/heads/', branch));
  return found;
}
