import { createHash, type BinaryLike } from 'node:crypto';
import { invalidArgument } from '@gantry/rpc/errors';

declare const digestBrand: unique symbol;
/** `sha256:<64 hex>` (or sha512), checked. */
export type Digest = string & { readonly [digestBrand]: true };

const lengths: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** Refuses everything that is not a digest of a supported algorithm, in the field's own words. */
export function parseDigest(text: string): Digest {
  const colon = text.indexOf(':');
  if (colon <= 0 || colon === text.length - 1) throw invalidArgument(`invalid checksum digest format: "${text}"`);
  const algorithm = text.slice(0, colon);
  const length = Object.hasOwn(lengths, algorithm) ? lengths[algorithm] : undefined;
  if (length === undefined) throw invalidArgument(`unsupported digest algorithm: "${text}"`);
  const hex = text.slice(colon + 1);
  if (hex.length !== length) throw invalidArgument(`invalid checksum digest length: "${text}"`);
  if (!/^[a-f0-9]+$/.test(hex)) throw invalidArgument(`invalid checksum digest format: "${text}"`);
  return text as Digest;
}

export function isDigest(text: string): text is Digest {
  const match = /^(sha256|sha384|sha512):([a-f0-9]+)$/.exec(text);
  return match !== null && match[2]?.length === lengths[match[1] ?? ''];
}

export function digestAlgorithm(digest: Digest): 'sha256' | 'sha384' | 'sha512' {
  return digest.slice(0, 6) as 'sha256';
}

/** The part after the colon. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

export function sha256(data: BinaryLike): Digest {
  return `sha256:${createHash('sha256').update(data).digest('hex')}` as Digest;
}

/** Takes data in pieces; `digest()` ends it. */
export interface Digester {
  update(data: BinaryLike): void;
  digest(): Digest;
}

export function digester(algorithm: 'sha256' | 'sha384' | 'sha512' = 'sha256'): Digester {
  const hash = createHash(algorithm);
  return { update: (data) => void hash.update(data), digest: () => `${algorithm}:${hash.digest('hex')}` as Digest };
}

/**
 * The chain ids of a stack of layers, bottom first: the first is its diff id, each next sha256("<chain below> <diff id>")
 * (image-spec config.md, "Layer ChainID").
 */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const chains: Digest[] = [];
  for (const diffId of diffIds) {
    const below = chains.at(-1);
    chains.push(below === undefined ? diffId : sha256(`${below} ${diffId}`));
  }
  return chains;
}

/** The chain id of the whole stack; undefined for an image without layers. */
export function chainId(diffIds: readonly Digest[]): Digest | undefined {
  return chainIds(diffIds).at(-1);
}
