import { invalidArgument } from '@gantry/rpc';
import type { EngineClients } from '../../engine/engine';
import type { Exchange, Route } from '../../http/exchange';
import { parsePlatform } from '../../http/platform';
import { checkTag } from '../../http/tag';
import { registryAuth } from '../../http/registry-auth';
import { type Upload, upload } from '../../streams/bulk';
import { JsonLines } from '../../streams/lines';
import { progressLine, sendProgress } from '../../streams/progress';

/** One endpoint, two operations: `fromImage` pulls, `fromSrc` imports a root file system archive from the body or a web server. */
export const imageCreate: Route = {
  method: 'POST',
  path: '/images/create',
  operation: 'ImageCreate',
  async handle(x, engine) {
    const { query } = x;
    if (query.text('fromImage') !== '') return pull(x, engine);
    if (query.text('fromSrc') === '') throw invalidArgument('one of fromImage and fromSrc must be given');
    return importImage(x, engine, sourceUrl(query.text('fromSrc')));
  },
};

async function pull(x: Exchange, engine: EngineClients): Promise<void> {
  const tag = x.query.text('tag');
  if (!tag.includes(':')) checkTag(tag); // else a digest
  const { ref, allTags } = pullReference(x.query.text('fromImage'), tag);
  const call = engine.images.pullImage(x.ctx, {
    pull: { ref, allTags, platform: parsePlatform(x.query.text('platform')), auth: registryAuth(x) },
  });
  await sendProgress(x, call);
}

/** A tag replaces the one in the name; a digest is joined with @. A bare name means all its tags. */
export function pullReference(image: string, tag: string): { ref: string; allTags: boolean } {
  const named = image.lastIndexOf(':') > image.lastIndexOf('/') || image.includes('@');
  if (tag === '') return { ref: image, allTags: !named };
  const bare = image.split('@', 1)[0] ?? '';
  const repository = bare.lastIndexOf(':') > bare.lastIndexOf('/') ? bare.slice(0, bare.lastIndexOf(':')) : bare;
  return { ref: `${repository}${tag.includes(':') ? '@' : ':'}${tag}`, allTags: false };
}

/** `-` means the request's body (empty); anything else a web address, http unless it says so. */
export function sourceUrl(fromSrc: string): string {
  if (fromSrc === '-') return '';
  const url = fromSrc.includes('://') ? fromSrc : `http://${fromSrc}`;
  if (!URL.canParse(url) || !/^https?:\/\//.test(url)) throw invalidArgument(`fromSrc "${fromSrc}" is neither - nor an http or https URL`);
  return url;
}

async function importImage(x: Exchange, engine: EngineClients, source: string): Promise<void> {
  const { query } = x;
  const changes = query
    .all('changes')
    .flatMap((change) => change.split('\n'))
    .filter((change) => change.trim() !== '');
  const call = engine.images.importImage(x.ctx, {
    import: {
      repository: query.text('repo'),
      tag: checkTag(query.text('tag')),
      message: query.text('message'),
      changes,
      platform: parsePlatform(query.text('platform')),
      sourceUrl: source,
    },
  });
  const lines = new JsonLines(x);
  let sending: Upload | undefined;
  try {
    for await (const { import: step } of call) {
      if (step?.ticket !== undefined) sending = await upload(x.request, step.ticket, x.ctx.signal);
      const line = step?.progress === undefined ? undefined : progressLine(step.progress, x.version);
      if (line !== undefined) await lines.write(line);
      else if (step !== undefined && step.imageId !== '') await lines.write({ status: step.imageId });
    }
    sending?.finish();
    lines.end();
  } catch (error) {
    sending?.finish();
    lines.fail(error);
  }
}
