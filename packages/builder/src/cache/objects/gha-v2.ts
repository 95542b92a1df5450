import { alreadyExists, type CallContext, internal } from '@gantry/rpc';
import { type ActionsService, ENTRY_VERSION } from './gha-v1';
import { bodyOf, call, expectStatus } from './http';
import { bodyOfBytes } from './objects';

const ANSWER_BYTES = 32 * 1024;

/** The newer version of the service, which lets bytes go to and from Azure. */
export function actionsV2(base: URL, token: string): ActionsService {
  const ask = async <T>(ctx: CallContext, method: string, value: object): Promise<T & { readonly status: number }> => {
    const url = new URL(`${base.href.replace(/\/+$/, '')}/twirp/github.actions.results.api.v1.CacheService/${method}`);
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await call(ctx, { method: 'POST', url, headers, body: bodyOfBytes(Buffer.from(JSON.stringify(value))) });
    if (answer.statusCode === 409) answer.resume();
    const bytes = answer.statusCode === 409 ? Buffer.from('{}') : await bodyOf(await expectStatus(answer, url, 200), ANSWER_BYTES);
    return { ...(JSON.parse(bytes.toString()) as T), status: answer.statusCode ?? 0 };
  };
  return {
    async find(ctx, key) {
      const found = await ask<{ ok?: boolean; signed_download_url?: string; matched_key?: string }>(ctx, 'GetCacheEntryDownloadURL', {
        key,
        restore_keys: [key],
        version: ENTRY_VERSION,
      });
      const { ok, signed_download_url: url, matched_key: matched } = found;
      return ok !== true || url === undefined || matched === undefined ? undefined : { key: matched, url: new URL(url) };
    },
    async save(ctx, key, body) {
      const made = await ask<{ ok?: boolean; signed_upload_url?: string }>(ctx, 'CreateCacheEntry', { key, version: ENTRY_VERSION });
      if (made.status === 409) throw alreadyExists(`cache entry ${key} exists`);
      if (made.ok !== true || made.signed_upload_url === undefined) throw internal(`failed to reserve cache entry ${key}`);
      const url = new URL(made.signed_upload_url);
      const headers = { 'x-ms-blob-type': 'BlockBlob', 'x-ms-version': '2021-12-02' };
      (await expectStatus(await call(ctx, { method: 'PUT', url, headers, body }), url, 201)).resume();
      const done = await ask<{ ok?: boolean }>(ctx, 'FinalizeCacheEntryUpload', { key, size_bytes: body.size, version: ENTRY_VERSION });
      if (done.ok !== true) throw internal(`failed to commit cache entry ${key}`);
    },
  };
}
