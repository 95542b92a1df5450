import type { ImageReference, ImageStore } from '@gantry/api/containerd/types/transfer/transfer';
import { invalidArgument, notFound, notImplemented } from '@gantry/rpc';
import type { ImageRecord, ImageTable, Target } from '../store/images';
import type { Scope } from '../store/namespaced';

/** What an archive says a manifest is called. */
export interface ArchiveName {
  /** `io.containerd.image.name`. */
  readonly full: string | undefined;
  /** `org.opencontainers.image.ref.name`, often a bare tag. */
  readonly short: string | undefined;
  readonly digest: string;
}

/** Records that a source names. */
export function lookup(images: ImageTable, scope: Scope, store: ImageStore): ImageRecord[] {
  for (const { name, isPrefix } of store.extraReferences)
    if (isPrefix) throw notImplemented(`image store: looking up the prefix "${name}" is not supported`);
  const names = [...(store.name === '' ? [] : [store.name]), ...store.extraReferences.map(({ name }) => name)];
  if (names.length === 0) throw invalidArgument('image store names no image');
  return names.map((name) => images.get(scope, name));
}

/** Does a destination name what has no name of its own: the index of an archive, the target of a pull? A prefix does where it adds the digest. */
export const namesWhole = ({ name, extraReferences }: Pick<ImageStore, 'name' | 'extraReferences'>): boolean =>
  name !== '' || extraReferences.some(({ isPrefix, addDigest }) => !isPrefix || addDigest);

/** Keeps a target under all the names that a destination asks for. */
export function keep(images: ImageTable, scope: Scope, store: ImageStore, target: Target): ImageRecord[] {
  const complete = store.extraReferences
    .filter(({ isPrefix, addDigest }) => !isPrefix || addDigest)
    .map(({ name, addDigest }) => (addDigest ? `${name}@${target.digest}` : name));
  const names = [...(store.name === '' ? [] : [store.name]), ...complete];
  if (names.length === 0) throw notFound('no image name found');
  return names.map((name) => images.put(scope, name, target, store.labels));
}

/** Names that a destination gives to a manifest of an archive, by containerd's rules for its prefix references. */
export function archiveNames({ extraReferences }: Pick<ImageStore, 'extraReferences'>, found: ArchiveName): string[] {
  return extraReferences
    .filter(({ isPrefix }) => isPrefix)
    .flatMap((reference) => {
      const name = nameBy(reference, found);
      const digested = `${reference.name}@${found.digest}`;
      if (name === undefined) return reference.addDigest ? [digested] : [];
      return reference.addDigest && !reference.skipNamedDigest ? [name, digested] : [name];
    });
}

function nameBy({ name: prefix, allowOverwrite }: ImageReference, { full, short }: ArchiveName): string | undefined {
  const under = (name: string): boolean =>
    name === prefix || name.startsWith(`${prefix}:`) || name.startsWith(`${prefix}/`) || name.startsWith(`${prefix}@`);
  if (full !== undefined && full !== '') return allowOverwrite || under(full) ? full : undefined;
  if (short === undefined || short === '') return undefined;
  if (/[/:]/.test(short)) return allowOverwrite || under(short) ? short : undefined;
  return `${prefix}:${short}`;
}
