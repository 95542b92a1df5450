import { invalidArgument } from '@gantry/rpc/errors';
import { type Digest, parseDigest } from './digest';

/** A normalised image reference: `domain/path[:tag][@digest]`. */
export interface Reference {
  /** e.g. `docker.io`, `localhost:5000`. */
  readonly domain: string;
  /** e.g. `library/busybox`. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const DEFAULT_DOMAIN = 'docker.io';
const OFFICIAL = 'library/';
const DEFAULT_TAG = 'latest';
const NAME_LIMIT = 255;

const domainWord = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domainForm = new RegExp(`^(?:${domainWord}(?:\\.${domainWord})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const pathForm = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagForm = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/**
 * Reads what people write (`busybox`, `localhost:5000/a/b:1`, `x@sha256:…`) into its full form, by the grammar of the distribution project
 * and with its error texts. No tag is added: see `withDefaultTag`.
 */
export function parseReference(text: string): Reference {
  if (/^[a-f0-9]{64}$/.test(text)) throw invalidArgument(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  if (text === '' || text.length > 4 * NAME_LIMIT) throw invalidArgument('invalid reference format');
  const at = text.indexOf('@');
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const [domain, path] = splitDomain(hasTag ? named.slice(0, colon) : named);
  if (path !== path.toLowerCase()) throw invalidArgument(`invalid reference format: repository name (${path}) must be lowercase`);
  if (!domainForm.test(domain) || !pathForm.test(path)) throw invalidArgument('invalid reference format');
  if (domain.length + 1 + path.length > NAME_LIMIT) throw invalidArgument(`repository name must not be more than ${NAME_LIMIT} characters`);
  const tag = hasTag ? checkTag(named.slice(colon + 1), 'invalid reference format') : undefined;
  const digest = at < 0 ? undefined : checkDigest(text.slice(at + 1));
  return { domain, path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** The reference, or undefined where the text is no reference (an id, for instance). */
export function tryReference(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}

/** A tag on its own, as `docker tag` and import give it. */
export function checkTag(tag: string, message = 'invalid tag format'): string {
  if (!tagForm.test(tag)) throw invalidArgument(message);
  return tag;
}

function checkDigest(text: string): Digest {
  if (!/^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/.test(text))
    throw invalidArgument('invalid reference format');
  return parseDigest(text);
}

/** The first part is a registry when it looks like a host: has a dot or a port, is localhost, or has capitals. */
function splitDomain(name: string): [domain: string, path: string] {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isHost = slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  const domain = isHost && first !== 'index.docker.io' ? first : DEFAULT_DOMAIN;
  const path = isHost ? name.slice(slash + 1) : name;
  return [domain, domain === DEFAULT_DOMAIN && !path.includes('/') ? `${OFFICIAL}${path}` : path];
}

/** `latest` where neither tag nor digest was given. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: DEFAULT_TAG } : reference;
}

/** `docker.io/library/busybox`. */
export function repositoryName(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** `docker.io/library/busybox:1@sha256:…`, the name under which containerd keeps an image. */
export function formatReference(reference: Reference): string {
  return `${repositoryName(reference)}${suffix(reference)}`;
}

/** `busybox`: what docker shows. */
export function familiarName(reference: Reference): string {
  if (reference.domain !== DEFAULT_DOMAIN) return repositoryName(reference);
  const short = reference.path.startsWith(OFFICIAL) ? reference.path.slice(OFFICIAL.length) : reference.path;
  return short.includes('/') && reference.path.startsWith(OFFICIAL) ? reference.path : short;
}

/** `busybox:1`, `busybox@sha256:…`: what docker shows. */
export function familiarString(reference: Reference): string {
  return `${familiarName(reference)}${suffix(reference)}`;
}

function suffix({ tag, digest }: Reference): string {
  return `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}
