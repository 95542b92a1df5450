import type { Registries } from '@gantry/registry';
import type { CacheExporter } from '../control/needs';
import type { ContentServices } from '../worker/blobs';
import type { OpenOrigin } from './import-caches';
import { inlineCacheExporter } from './inline';
import { localCacheExporter, localOrigin } from './local';
import { azblobKind } from './objects/azblob';
import { ghaKind } from './objects/gha';
import { objectCacheExporter, objectOrigin } from './objects/objects';
import { type Environment, s3Kind } from './objects/s3';
import { registryCacheExporter, registryOrigin } from './registry';
import type { CacheWriting } from './write-cache';

/** Who carries caches out, by the type that a client names. */
export function makeCacheExporters(
  writing: CacheWriting,
  environment: Environment,
  registries?: Pick<Registries, 'forPush'>,
): ReadonlyMap<string, CacheExporter> {
  return new Map<string, CacheExporter>([
    ['inline', inlineCacheExporter(writing)],
    ['local', localCacheExporter(writing)],
    ...(registries === undefined ? [] : [['registry', registryCacheExporter(writing, registries)] as const]),
    ...[ghaKind, s3Kind(environment), azblobKind(environment)].map((kind) => [kind.type, objectCacheExporter(writing, kind)] as const),
  ]);
}

/** Who reads caches, by the type that a client names. */
export function makeCacheOrigins(
  services: ContentServices,
  environment: Environment,
  registries?: Pick<Registries, 'find'>,
): ReadonlyMap<string, OpenOrigin> {
  return new Map<string, OpenOrigin>([
    ['local', (ctx, wish) => localOrigin(services, ctx, wish)],
    ...(registries === undefined ? [] : [['registry', registryOrigin(services, registries)] as const]),
    ...[ghaKind, s3Kind(environment), azblobKind(environment)].map((kind) => [kind.type, objectOrigin(services, kind)] as const),
  ]);
}
