import type { Auth } from '@gantry/api/gantry/images/v1/images';
import type { AuthConfig, PullImageRequest, PullImageResponse } from '@gantry/api/runtime/v1/api';
import { parseReference, type Reference } from '@gantry/oci';
import { type CallContext, invalidArgument, notFound, prefixed } from '@gantry/rpc';
import type { Services } from '../services';
import { type CatalogNeeds, findKnown, listKnown, nameOf } from './catalog';

export type PullNeeds = CatalogNeeds & { readonly imageStore: Pick<Services['imageStore'], 'pull'> };

/** Pulls an image and tells its id. */
export async function pullImage(needs: PullNeeds, ctx: CallContext, { image, auth }: PullImageRequest): Promise<PullImageResponse> {
  const text = image?.image ?? '';
  const reference = referenceOf(text);
  const name = nameOf(text) ?? text;
  const credentials = authFor(reference, auth);
  for await (const { progress } of needs.imageStore.pull(ctx, { ref: name, allTags: false, platform: undefined, auth: credentials }))
    if (progress !== undefined && progress.error !== '') throw invalidArgument(`failed to pull image "${text}": ${progress.error}`);
  const pulled = findKnown(await listKnown(needs, ctx), name);
  if (pulled === undefined) throw notFound(`image "${text}" was removed while it was pulled`);
  return { imageRef: pulled.id };
}

function referenceOf(text: string): Reference {
  try {
    return parseReference(text);
  } catch (error) {
    throw prefixed(error, `failed to parse image reference "${text}"`, 'unknown');
  }
}

/** Credentials as the images service takes them; none for a registry that they are not for. */
export function authFor({ domain }: Pick<Reference, 'domain'>, auth: AuthConfig | undefined): Auth | undefined {
  if (auth === undefined || (auth.serverAddress !== '' && hostOf(auth.serverAddress) !== hostOf(domain))) return undefined;
  const { username, password } = auth.auth === '' || auth.username !== '' ? auth : decoded(auth.auth);
  const { identityToken, registryToken, serverAddress } = auth;
  if ([username, password, identityToken, registryToken].every((part) => part === '')) return undefined;
  return { username, password, identityToken, registryToken, serverAddress };
}

/** `user:password` in base64, as docker's configuration files have it. */
function decoded(auth: string): { readonly username: string; readonly password: string } {
  const text = Buffer.from(auth, 'base64').toString().replace(/\0+$/, '');
  const colon = text.indexOf(':');
  if (colon < 0) throw invalidArgument('auth.auth is not user:password in base64');
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** Docker Hub is known by several names. */
function hostOf(address: string): string {
  const host = address.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return ['index.docker.io', 'registry-1.docker.io'].includes(host) ? 'docker.io' : host;
}
