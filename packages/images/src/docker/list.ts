import type { Image } from '@gantry/api/gantry/images/v1/images';
import { familiarName, familiarString } from '@gantry/oci';
import { compileGlob, type Pattern } from '@gantry/oci/pattern';
import { invalidArgument, isErrorOf } from '@gantry/rpc';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import type { Scope } from '../store/namespaced';
import type { Catalog, CatalogEntry } from './catalog';
import { describe, type DescribeDependencies } from './inspect';
import { referenceOf } from './names';

export type Filters = Readonly<Record<string, { readonly values: readonly string[] }>>;

export interface ListOptions {
  readonly all: boolean;
  readonly filters: Filters;
  readonly sharedSize: boolean;
}

/** Images as `docker images` shows them, newest first. */
export async function listImages(deps: DescribeDependencies, scope: Scope, options: ListOptions): Promise<Image[]> {
  const { catalog, snapshotter } = deps;
  const entries = await catalog.entries(scope);
  const parents = new Set(catalog.parentIds(scope, entries).values());
  const accepts = await imageFilter(catalog, scope, options.filters);
  const images: Image[] = [];
  for (const entry of entries.values()) {
    const image = await describe(deps, scope, entry);
    const dangling = image.repoTags.length === 0 && image.repoDigests.length === 0;
    if (dangling && parents.has(image.id) && !options.all) continue;
    const shown = accepts(entry, image);
    if (shown !== undefined) images.push(shown);
  }
  if (options.sharedSize) addSharedSizes(snapshotter, scope, images, entries);
  return images.sort((a, b) => timeOf(b) - timeOf(a) || (a.created < b.created ? 1 : a.created > b.created ? -1 : a.id < b.id ? -1 : 1));
}

const timeOf = (image: Image): number => Date.parse(image.created) || 0;

/** The image with the names that the filters leave, or undefined when they refuse it. */
export async function imageFilter(
  catalog: Catalog,
  scope: Scope,
  filters: Filters,
): Promise<(entry: CatalogEntry, image: Image) => Image | undefined> {
  const values = (key: string): readonly string[] => filters[key]?.values ?? [];
  const dangling = values('dangling').map(boolean);
  const createdOf = async (key: string): Promise<string | undefined> => {
    const [name] = values(key);
    return name === undefined ? undefined : ((await catalog.resolve(scope, name)).image.config.created ?? '');
  };
  const before = await createdOf('before');
  const since = await createdOf('since');
  const until = values('until').map(untilTime);
  const patterns = values('reference').map(globs);
  return ({ image: loaded }, image) => {
    const untagged = image.repoTags.length === 0 && image.repoDigests.length === 0;
    const created = Date.parse(image.created);
    if (dangling.some((wanted) => wanted !== (image.repoTags.length === 0))) return undefined;
    if (before !== undefined && !(created < Date.parse(before))) return undefined;
    if (since !== undefined && !(created > Date.parse(since))) return undefined;
    if (until.some((limit) => !(created < limit))) return undefined;
    const labels = loaded.config.config?.Labels ?? {};
    if (!values('label').every((label) => hasLabel(labels, label))) return undefined;
    if (values('label!').some((label) => hasLabel(labels, label))) return undefined;
    if (patterns.length === 0) return image;
    if (untagged) return undefined;
    const matches = (name: string): boolean => patterns.some((matches_) => matches_(name));
    const repoTags = image.repoTags.filter(matches);
    const repoDigests = image.repoDigests.filter(matches);
    return repoTags.length + repoDigests.length === 0 ? undefined : { ...image, repoTags, repoDigests };
  };
}

function boolean(text: string): boolean {
  if (['1', 't', 'T', 'true', 'True', 'TRUE'].includes(text)) return true;
  if (['0', 'f', 'F', 'false', 'False', 'FALSE'].includes(text)) return false;
  throw invalidArgument(`invalid filter 'dangling=[${text}]'`);
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf('=');
  const key = equals < 0 ? wanted : wanted.slice(0, equals);
  return Object.hasOwn(labels, key) && (equals < 0 || labels[key] === wanted.slice(equals + 1));
}

/** A time, seconds since the epoch, or a duration back from now such as 24h30m. Milliseconds. */
export function untilTime(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const units: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  if (/^(\d+(\.\d+)?(ms|h|m|s))+$/.test(text)) {
    const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g);
    return Date.now() - [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? 0), 0);
  }
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw invalidArgument(`invalid filter 'until=[${text}]'`);
  return time;
}

/** Docker matches a pattern against the familiar name, with and without the tag; one that is none matches nothing. */
function globs(pattern: string): (name: string) => boolean {
  const form = globOf(pattern);
  return (name) => {
    const reference = referenceOf(name);
    return form.test(name) || (reference !== undefined && (form.test(familiarName(reference)) || form.test(familiarString(reference))));
  };
}

function globOf(pattern: string): Pick<Pattern, 'test'> {
  try {
    return compileGlob(pattern);
  } catch (error) {
    if (isErrorOf(error, 'invalidArgument')) return { test: () => false };
    throw error;
  }
}

function addSharedSizes(snapshotter: RecordedSnapshotter, scope: Scope, images: Image[], entries: ReadonlyMap<string, CatalogEntry>): void {
  const users = new Map<string, number>();
  for (const { image } of entries.values()) for (const chain of image.chainIds) users.set(chain, (users.get(chain) ?? 0) + 1);
  for (const image of images) {
    const chains = entries.get(image.id)?.image.chainIds ?? [];
    const shared = chains
      .filter((chain) => (users.get(chain) ?? 0) > 1)
      .reduce((sum, chain) => sum + (snapshotter.find(scope, chain)?.size ?? 0), 0);
    image.sharedSize = BigInt(shared);
  }
}
