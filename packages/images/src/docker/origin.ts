import type { ImageBuild } from '@gantry/api/gantry/images/v1/images';
import { parseJson, tryReference } from '@gantry/oci';
import { SOURCE_PREFIX } from '@gantry/registry';
import type { Scope } from '../store/namespaced';
import type { Catalog } from './catalog';

/** Docker's label on what a build exported, with the build's ref behind it: `{"createdAt":"…"}`. */
export const BUILD_PREFIX = 'moby/build.ref.';

/** Where an image is from, as labels of its target say it: those of ours, which no name changes. */
export function originOf(
  { content }: Pick<Catalog, 'content'>,
  scope: Scope,
  digest: string,
): { readonly repositories: string[]; readonly builds: ImageBuild[] } {
  const labels = Object.entries(content.table.find(scope, digest)?.labels ?? {});
  const repositories = labels.flatMap(([key, value]) =>
    key.startsWith(SOURCE_PREFIX) ? repositoriesOf(key.slice(SOURCE_PREFIX.length), value) : [],
  );
  const builds = labels.flatMap(([key, value]) => (key.startsWith(BUILD_PREFIX) ? buildOf(key.slice(BUILD_PREFIX.length), value) : []));
  return { repositories: [...new Set(repositories)], builds: builds.toSorted((a, b) => (a.ref < b.ref ? -1 : 1)) };
}

const repositoriesOf = (host: string, paths: string): string[] =>
  paths.split(',').flatMap((path) => {
    const reference = tryReference(`${host}/${path}`);
    return reference === undefined ? [] : [`${reference.domain}/${reference.path}`];
  });

function buildOf(ref: string, label: string): ImageBuild[] {
  try {
    const { createdAt = '' } = parseJson(label) as { createdAt?: string };
    return [{ ref, created: typeof createdAt === 'string' ? createdAt : '' }];
  } catch {
    return []; // somebody else's
  }
}
