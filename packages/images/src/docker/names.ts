import {
  danglingName,
  danglingPrefix,
  familiarString,
  familiarName,
  formatReference,
  parseReference,
  type Reference,
  repoDigestLabel,
  tryReference,
  withDefaultTag,
} from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import type { ImageRecord, ImageTable, Target } from '../store/images';
import type { Labels } from '../store/labels';
import type { Scope } from '../store/namespaced';

/** On a record: digest under which the registry of its name knows the image. */
export const REPO_DIGEST_LABEL = repoDigestLabel;

export const isDangling = (name: string): boolean => name.startsWith(`${danglingPrefix}@`);

/** The reference of a record's name; undefined for dangling ones and names of other tools that docker cannot read. */
export function referenceOf(name: string): Reference | undefined {
  return isDangling(name) ? undefined : tryReference(name);
}

/** What an image that is made or tagged here is to be called. Errors: invalidArgument for a name that could be taken for a digest. */
export function nameToGive(text: string): Reference {
  const reference = withDefaultTag(parseReference(text));
  if (familiarName(reference) === 'sha256') throw invalidArgument('refusing to create an ambiguous tag using digest algorithm as name');
  return reference;
}

export const fullName = (text: string): string => formatReference(withDefaultTag(parseReference(text)));

/** Names as docker shows them, sorted. */
export function shownNames(records: readonly ImageRecord[]): { readonly tags: string[]; readonly digests: string[] } {
  const tags = new Set<string>();
  const digests = new Set<string>();
  for (const record of records) {
    const reference = referenceOf(record.name);
    if (reference === undefined) continue;
    if (reference.digest === undefined && reference.tag !== undefined) tags.add(familiarString(reference));
    // A registry that was pushed to may have compressed layers, and so another manifest: its digest is the one that others can pull.
    digests.add(`${familiarName(reference)}@${reference.digest ?? record.labels[REPO_DIGEST_LABEL] ?? record.target.digest}`);
  }
  return { tags: [...tags].sort(), digests: [...digests].sort() };
}

/**
 * Gives a name to an image. An image that loses its last name to it stays as a dangling record, as docker keeps it. Call it inside the operation's lease.
 */
export function putName(
  images: ImageTable,
  scope: Scope,
  name: string,
  target: Target,
  options: { readonly labels?: Labels } = {},
): { readonly replaced: ImageRecord | undefined } {
  const old = images.find(scope, name);
  images.put(scope, name, target, options.labels ?? {});
  const same = old?.target.digest === target.digest;
  if (old !== undefined && !same) keepDangling(images, scope, old.target);
  if (!isDangling(name) && images.find(scope, danglingName(target.digest)) !== undefined) images.delete(scope, danglingName(target.digest));
  return { replaced: same ? undefined : old };
}

/** Keeps an image that has no other record under a dangling one. */
export function keepDangling(images: ImageTable, scope: Scope, target: Target): void {
  if (images.list(scope).some((record) => record.target.digest === target.digest)) return;
  images.put(scope, danglingName(target.digest), target, {});
}
