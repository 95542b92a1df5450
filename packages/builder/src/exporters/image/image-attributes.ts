import { danglingPrefix } from '@gantry/oci';
import { booleanOf } from '../attribute-values';
import { type DocumentOptions, documentAttributes, refuseUnknown } from './attributes';
import { dockerNames, splitNames } from './names';

export interface ImageOptions extends DocumentOptions {
  readonly names: readonly string[];
  readonly push: boolean;
  readonly pushByDigest: boolean;
  /** Registries of the names may be spoken to without TLS. */
  readonly insecure: boolean;
  readonly unpack: boolean;
  readonly store: boolean;
  /** `<name>@<digest>` is a name, too. */
  readonly nameCanonical: boolean;
  readonly danglingPrefix: string;
  /** The dangling name is given only where there is no other. */
  readonly danglingOnlyEmpty: boolean;
  /** An image that loses its last name to this one stays without a name. */
  readonly keepReplaced: boolean;
}

/** An attribute that docker's clients have no word for: the classic builder sets it. */
export const KEEP_REPLACED = 'gantry.keep-replaced';

export type ImageExporterType = 'image' | 'moby';

export function imageAttributes(type: ImageExporterType, attributes: ReadonlyMap<string, string>): ImageOptions {
  const { options, rest } = documentAttributes(attributes, { ociTypes: false, inlineAttestations: true, whole: false });
  const moby = type === 'moby';
  const left = new Map(rest);
  const take = (key: string): string | undefined => {
    const value = left.get(key);
    left.delete(key);
    return value;
  };
  const flag = (key: string, without: boolean): boolean => {
    const value = take(key);
    return value === undefined ? without : booleanOf(key, value);
  };
  const names = splitNames(take('name') ?? '');
  const read: ImageOptions = {
    ...options,
    names: moby ? dockerNames(names) : names,
    push: flag('push', false),
    pushByDigest: flag('push-by-digest', false),
    insecure: flag('registry.insecure', false),
    unpack: flag('unpack', false) || moby,
    store: flag('store', true),
    nameCanonical: flag('name-canonical', false),
    danglingPrefix: take('dangling-name-prefix') ?? (moby ? danglingPrefix : ''),
    danglingOnlyEmpty: flag('danging-name-empty-only', false) || moby,
    keepReplaced: flag(KEEP_REPLACED, false),
  };
  refuseUnknown(type, left);
  return read;
}
