import { createHash } from 'node:crypto';
import { alreadyExists, type CallContext, internal } from '@gantry/rpc';
import { bodyOf, call, expectStatus } from './http';
import { bodyOfBytes, type Body } from './objects';

/** The cache service of GitHub's actions: entries that are written once. */
export interface ActionsService {
  /** The newest entry whose key begins so, with the signed address of its bytes. */
  find(ctx: CallContext, key: string): Promise<{ readonly key: string; readonly url: URL } | undefined>;
  /** Rejects with alreadyExists when the key is taken. */
  save(ctx: CallContext, key: string, body: Body): Promise<void>;
}

const ANSWER_BYTES = 32 * 1024;

/** Tells entries of different programs apart. */
export const ENTRY_VERSION = createHash('sha256').update('|go-actionscache-1.0').digest('hex');

/** The older version of the service. */
export function actionsV1(base: URL, token: string): ActionsService {
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json;api-version=6.0-preview.1' };
  const urlOf = (path: string): URL => new URL(`${base.href.replace(/\/+$/, '')}/_apis/artifactcache/${path}`);
  const post = async (ctx: CallContext, path: string, value: object): Promise<{ status: number; bytes: Buffer }> => {
    const url = urlOf(path);
    const body = bodyOfBytes(Buffer.from(JSON.stringify(value)));
    const answer = await call(ctx, { method: 'POST', url, headers: { ...headers, 'content-type': 'application/json' }, body });
    if (answer.statusCode === 409) return { status: 409, bytes: await bodyOf(answer, ANSWER_BYTES) };
    return { status: 200, bytes: await bodyOf(await expectStatus(answer, url, 200, 201, 204), ANSWER_BYTES) };
  };
  return {
    async find(ctx, key) {
      const url = urlOf('cache');
      url.searchParams.set('keys', key);
      url.searchParams.set('version', ENTRY_VERSION);
      const answer = await expectStatus(await call(ctx, { method: 'GET', url, headers }), url, 200, 204);
      const bytes = await bodyOf(answer, ANSWER_BYTES);
      if (bytes.length === 0) return undefined;
      const { cacheKey, archiveLocation } = JSON.parse(bytes.toString()) as { cacheKey?: string; archiveLocation?: string };
      return cacheKey === undefined || archiveLocation === undefined ? undefined : { key: cacheKey, url: new URL(archiveLocation) };
    },
    async save(ctx, key, body) {
      const reserved = await post(ctx, 'caches', { key, version: ENTRY_VERSION });
      if (reserved.status === 409) throw alreadyExists(`cache entry ${key} exists`);
      const { cacheId } = JSON.parse(reserved.bytes.toString()) as { cacheId?: number };
      if (cacheId === undefined) throw internal(`cache entry ${key} was not reserved`);
      if (body.size > 0) {
        const url = urlOf(`caches/${cacheId}`);
        const sent = { ...headers, 'content-type': 'application/octet-stream', 'content-range': `bytes 0-${body.size - 1}/*` };
        const answer = await call(ctx, { method: 'PATCH', url, headers: sent, body });
        (await expectStatus(answer, url, 200, 204)).resume();
      }
      await post(ctx, `caches/${cacheId}`, { size: body.size });
    },
  };
}
