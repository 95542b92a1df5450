import { quoted } from '@gantry/dockerfile';
import { formatReference, type ImageConfig, parseDigest, parseJson, parseReference } from '@gantry/oci';
import { invalidArgument, prefixed } from '@gantry/rpc';
import { given } from '../../../llb/write/given';
import type { About } from '../../../llb/write/graph';
import { http, image, local, ociLayout } from '../../../llb/write/sources';
import { parseIgnoreFile } from '../ignore/parse';
import { toPb, toWish } from '../platform';
import { otherThanImage } from '../../frontend';
import type { Request } from '../request';
import { gitTree } from './git-context';
import { readIgnoreFile } from './ignore';
import { inputsOf } from './inputs';
import { localSession } from './local-session';
import { badContext, type ContextWish, fullReference, type LoadedContext } from './named-context';

interface Named {
  /** As the client gave it, e.g. `docker-image://alpine`. */
  readonly place: string;
  readonly name: string;
  /** The name with the platform, where the client gave one for this platform only. */
  readonly shown: string;
}

/** Replacements that may lead on to one another. */
const MOST_REPLACED = 10;

/** Makes a named context from what the client said it is. Errors: invalidArgument. */
export async function loadContext(request: Request, named: Named, wish: ContextWish, replaced = 0): Promise<LoadedContext> {
  const { place, shown } = named;
  const colon = place.indexOf(':');
  if (colon < 0) throw badContext(place, shown);
  const scheme = place.startsWith('git@') ? 'git' : place.slice(0, colon);
  const rest = place.slice(colon + 1);
  switch (scheme) {
    case 'docker-image':
      try {
        return await ofImage(request, { ...named, place: rest.replace(/^\/\//, '') }, wish);
      } catch (error) {
        // A policy put something else in the image's place.
        const other = otherThanImage(error);
        if (other === undefined || replaced >= MOST_REPLACED) throw error;
        return loadContext(request, { ...named, place: other.replace('://', ':') }, wish, replaced + 1);
      }
    case 'oci-layout':
      return ofLayout(request, { ...named, place: rest.replace(/^\/\//, '') }, wish);
    case 'local':
      return ofFolder(request, { ...named, place: rest }, wish);
    case 'input':
      return ofInput(request, rest, shown);
    case 'git': {
      const tree = gitTree(place, { name: `[internal] load git source ${place}` });
      if (tree === undefined) throw invalidArgument(`invalid git context ${place}`);
      return { tree, image: undefined };
    }
    case 'http':
    case 'https': {
      const repository = gitTree(place, { name: `[internal] load git source ${place}` });
      return { tree: repository ?? http(place, {}, { name: `[context ${shown}] ${place}` }), image: undefined };
    }
    default:
      throw invalidArgument(`unsupported context source ${scheme} for ${shown}`);
  }
}

/** A step for the platform of the wish. */
const aboutOf = (name: string, { platform }: ContextWish): About => ({ name, platform: toPb(platform) });

async function ofImage(request: Request, { place, shown }: Named, wish: ContextWish): Promise<LoadedContext> {
  if (place === 'scratch') return { tree: undefined, image: undefined };
  const { platform, mode } = wish;
  const logName = `[context ${shown}] load metadata for ${place}`;
  const found = await request.bridge.resolveImage(request.ctx, fullReference(place), { platform: toWish(platform), mode, logName });
  return { tree: image(fullReference(found.reference), aboutOf(`[context ${shown}] ${place}`, wish)), image: configOf(found.config) };
}

async function ofLayout(request: Request, { place, name, shown }: Named, wish: ContextWish): Promise<LoadedContext> {
  const [, storeId, digest] = /^([^@]+?)(?::[^:/@]+)?@(.+)$/.exec(place) ?? [];
  if (storeId === undefined || digest === undefined) throw invalidArgument(`oci-layout reference ${quoted(place)} has no digest`);
  const reference = formatReference({ ...parseReference(name), digest: parseDigest(digest) });
  const store = { sessionId: request.sessionId, storeId };
  const found = await request.bridge.resolveImage(request.ctx, reference, {
    platform: toWish(wish.platform),
    mode: wish.mode,
    logName: `[context ${shown}] load metadata for ${reference}`,
    layout: store,
  });
  return { tree: ociLayout(reference, store, aboutOf(`[context ${shown}] OCI load from client`, wish)), image: configOf(found.config) };
}

async function ofFolder(request: Request, { place: folder, shown }: Named, wish: ContextWish): Promise<LoadedContext> {
  const ignore = await readIgnoreFile(request, folder, {
    sharedKey: `context:${shown}-.dockerignore`,
    label: `[context ${shown}] load .dockerignore`,
  });
  const excludes = parseIgnoreFile(ignore);
  const sessionId = localSession(request, folder);
  const about = { name: `[context ${shown}] load from client` };
  let made: LoadedContext['tree'];
  const tree = (): LoadedContext['tree'] =>
    (made ??= local(folder, { sessionId, sharedKey: `context:${shown}`, excludes, followPaths: wish.paths() }, about));
  return { tree, image: undefined };
}

function ofInput(request: Request, name: string, shown: string): LoadedContext {
  const definition = inputsOf(request).get(name);
  if (definition === undefined) throw invalidArgument(`invalid input ${name} for ${shown}`);
  const metadata = request.options.get(`input-metadata:${name}`);
  const encoded = metadata === undefined ? undefined : member(metadata, 'containerimage.config');
  return { tree: given(definition), image: encoded === undefined ? undefined : configOf(Buffer.from(encoded, 'base64')) };
}

function member(metadata: string, name: string): string | undefined {
  try {
    const found = Object.entries(JSON.parse(metadata) as object).find(([key]) => key === name)?.[1] as unknown;
    return typeof found === 'string' ? found : undefined;
  } catch (error) {
    throw prefixed(error, `failed to parse input metadata ${metadata}`, 'invalidArgument');
  }
}

/** The configuration without the time at which it was made: what comes now is made later. */
function configOf(data: Buffer): ImageConfig {
  const { created: _created, ...config } = parseJson(data.toString()) as ImageConfig;
  return config;
}
