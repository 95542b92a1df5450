import type { About, Output } from './graph';

/** A vertex that brings a tree from somewhere. Attributes are written in the order of their names. */
function source(
  identifier: string,
  attributes: Readonly<Record<string, string | undefined>>,
  about: About,
  caps: readonly string[],
): Output {
  const attrs = Object.fromEntries(
    Object.entries(attributes)
      .filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '')
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
  const vertex = {
    inputs: [],
    op: () => ({ source: { identifier, attrs } }),
    about: { ...about, caps: [...(about.caps ?? []), ...caps] },
  };
  return { vertex, index: 0 };
}

export type ResolveMode = 'default' | 'pull' | 'local';

/** An image by its full reference. */
export function image(reference: string, about: About, mode: ResolveMode = 'default'): Output {
  const attributes = { 'image.resolvemode': mode === 'default' ? undefined : mode };
  return source(`docker-image://${reference}`, attributes, about, [
    'source.image',
    ...(mode === 'pull' ? ['source.image.resolvemode'] : []),
  ]);
}

/** An image of a layout that the client offers in its session. */
export function ociLayout(reference: string, store: { readonly sessionId: string; readonly storeId: string }, about: About): Output {
  return source(`oci-layout://${reference}`, { 'oci.session': store.sessionId, 'oci.store': store.storeId }, about, ['source.ocilayout']);
}

export interface LocalOptions {
  readonly sessionId: string;
  /** Names the copy that is kept for the next build. */
  readonly sharedKey: string;
  readonly followPaths?: readonly string[];
  readonly excludes?: readonly string[];
  /** All files are sent again, none compared. */
  readonly noCompare?: boolean;
}

/** A folder of the client's. */
export function local(name: string, options: LocalOptions, about: About): Output {
  const { sessionId, sharedKey, followPaths = [], excludes = [], noCompare = false } = options;
  const list = (patterns: readonly string[]): string | undefined => (patterns.length === 0 ? undefined : JSON.stringify(patterns));
  const attributes = {
    'local.session': sessionId,
    'local.followpaths': list(followPaths),
    'local.excludepatterns': list(excludes),
    'local.sharedkeyhint': sharedKey,
    'local.differ': noCompare ? 'none' : undefined,
  };
  return source(`local://${name}`, attributes, about, [
    'source.local',
    'source.local.sessionid',
    'source.local.sharedkeyhint',
    ...(followPaths.length > 0 ? ['source.local.followpaths'] : []),
    ...(excludes.length > 0 ? ['source.local.excludepatterns'] : []),
  ]);
}

/** A file by its URL. */
export function http(url: string, options: { readonly filename?: string; readonly checksum?: string }, about: About): Output {
  const attributes = { 'http.filename': options.filename, 'http.checksum': options.checksum };
  return source(url, attributes, about, ['source.http', ...(options.checksum === undefined ? [] : ['source.http.checksum'])]);
}

export interface GitOptions {
  /** What git clones from. */
  readonly url: string;
  /** The repository without its protocol: the same by https and by ssh is the same. */
  readonly name: string;
  readonly ref: string;
  readonly directory: string;
  readonly checksum?: string;
  readonly keepGitDir: boolean;
  readonly skipSubmodules: boolean;
  readonly ssh: boolean;
}

/** A commit of a git repository, or a directory of it. */
export function git(options: GitOptions, about: About): Output {
  const { url, name, ref, directory, checksum, keepGitDir, skipSubmodules, ssh } = options;
  const fragment = ref === '' && directory === '' ? '' : `#${ref}${directory === '' ? '' : `:${directory}`}`;
  const attributes = {
    'git.fullurl': url,
    'git.authtokensecret': 'GIT_AUTH_TOKEN',
    'git.authheadersecret': 'GIT_AUTH_HEADER',
    'git.mountsshsock': ssh ? 'default' : undefined,
    'git.keepgitdir': keepGitDir ? 'true' : undefined,
    'git.checksum': checksum,
    'git.skipsubmodules': skipSubmodules ? 'true' : undefined,
  };
  return source(`git://${name}${fragment}`, attributes, about, [
    'source.git',
    'source.git.fullurl',
    ...(ssh ? ['source.git.mountsshsock'] : []),
    ...(keepGitDir ? ['source.git.keepgitdir'] : []),
    ...(checksum === undefined ? [] : ['source.git.checksum']),
    ...(skipSubmodules ? ['source.git.skipsubmodules'] : []),
  ]);
}
