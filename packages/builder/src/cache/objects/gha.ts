import { sha256 } from '@gantry/oci';
import { type CallContext, invalidArgument, internal, isErrorOf, parseGoDuration, pause, resourceExhausted } from '@gantry/rpc';
import type { Attributes } from '../attributes';
import { call, expectStatus } from './http';
import { type ActionsService, actionsV1 } from './gha-v1';
import { actionsV2 } from './gha-v2';
import { type Scope, readToken } from './gha-token';
import { within } from './within';
import type { Body, ObjectKind, ObjectPlace } from './objects';

const DOCUMENT_BYTES = 64 << 20;
/** How long somebody else may be writing the same document before he is taken for gone. */
const PATIENCE_MS = 15_000;
const RETRY_MS = 2000;
/** What an operation may take where the client says nothing else. */
const TIMEOUT_MS = 600_000;

/** `type=gha`: the cache service of GitHub's actions, in both of its versions. */
export const ghaKind: ObjectKind = {
  type: 'gha',
  name: 'exporting to GitHub Actions Cache',
  open(attributes) {
    const scope = attributes.text('scope') ?? 'buildkit';
    const token = attributes.text('token');
    if (token === undefined) throw invalidArgument('token not set for github actions cache');
    const service = serviceOf(attributes, token);
    const timeout = attributes.text('timeout');
    const timeoutMs = timeout === undefined ? TIMEOUT_MS : parseGoDuration(timeout);
    if (timeoutMs === undefined) throw invalidArgument(`failed to parse timeout for github actions cache: "${timeout}"`);
    // By these the names of all entries can be listed elsewhere, which spares questions and changes no answer: each entry is asked for here.
    for (const hint of ['ghtoken', 'repository']) attributes.text(hint);
    return within(timeoutMs, place(service, { scope, scopes: readToken(token) }));
  },
};

function serviceOf(attributes: Attributes, token: string): ActionsService {
  const version = attributes.number('version');
  const second = attributes.text('url_v2');
  const first = attributes.text('url');
  const text = version !== 1 && second !== undefined ? second : first;
  if (text === undefined) throw invalidArgument('url not set for github actions cache');
  const url = URL.parse(text);
  if (url === null) throw invalidArgument('url of the github actions cache is no URL');
  const newer =
    version === 2 || (version !== 1 && (second !== undefined || url.hostname === 'results-receiver.actions.githubusercontent.com'));
  return newer ? actionsV2(url, token) : actionsV1(url, token);
}

function place(service: ActionsService, { scope, scopes }: { readonly scope: string; readonly scopes: readonly Scope[] }): ObjectPlace {
  const blobKey = (digest: string): string => `buildkit-blob-1-${digest}`;
  const documentKey = (of: string): string => `index-${scope}-1-${sha256(of).slice('sha256:'.length, 'sha256:'.length + 8)}`;
  return {
    has: async (ctx, { digest }) => (await service.find(ctx, blobKey(digest))) !== undefined,
    async put(ctx, { digest }, body) {
      try {
        await service.save(ctx, blobKey(digest), body);
      } catch (error) {
        if (!isErrorOf(error, 'alreadyExists')) throw error;
      }
    },
    async *get(ctx, { digest }, offset) {
      const entry = await service.find(ctx, blobKey(digest));
      if (entry === undefined) throw internal(`blob ${digest} is gone from the cache of github actions`);
      yield* download(ctx, entry.url, offset);
    },
    save: (ctx, document) => saveDocument(service, ctx, documentKey(scopes.findLast(({ writable }) => writable)?.name ?? ''), document),
    async load(ctx) {
      const found: Buffer[] = [];
      for (const { name } of scopes) {
        const entry = await service.find(ctx, documentKey(name));
        if (entry === undefined) continue;
        const parts: Buffer[] = [];
        let size = 0;
        for await (const part of download(ctx, entry.url, 0)) {
          if ((size += part.length) > DOCUMENT_BYTES) throw invalidArgument(`cache config is larger than ${DOCUMENT_BYTES} bytes`);
          parts.push(part);
        }
        found.push(Buffer.concat(parts));
      }
      return found;
    },
  };
}

/** An entry is never written again: a document has a number behind its name, and the next one counts. */
async function saveDocument(service: ActionsService, ctx: CallContext, key: string, document: Body): Promise<void> {
  let waited = 0;
  let skip = 0;
  for (;;) {
    const last = await service.find(ctx, `${key}#`);
    const number = last === undefined ? 0 : Number(last.key.slice(key.length + 1));
    if (!Number.isSafeInteger(number)) throw internal(`corrupt index ${last?.key ?? ''} in the cache of github actions`);
    try {
      return await service.save(ctx, `${key}#${number + 1 + skip}`, document);
    } catch (error) {
      if (!isErrorOf(error, 'alreadyExists')) throw error;
      if (skip > 100) throw resourceExhausted(`no free index of ${key} in the cache of github actions`, { cause: error });
      if (waited >= PATIENCE_MS) skip++;
      else if (!(await pause(RETRY_MS, { signal: ctx.signal }))) throw ctx.signal.reason;
      waited += RETRY_MS;
    }
  }
}

/** The address is signed: no token goes there. */
async function* download(ctx: CallContext, url: URL, offset: number): AsyncGenerator<Buffer> {
  const answer = await call(ctx, { method: 'GET', url, headers: offset === 0 ? {} : { range: `bytes=${offset}-` } });
  yield* (await expectStatus(answer, url, offset === 0 ? 200 : 206)) as AsyncIterable<Buffer>;
}
