import type { PullRequest, PullResponse } from '@gantry/api/gantry/images/v1/images';
import { familiarName, familiarString, parseReference, type Reference, withDefaultTag } from '@gantry/oci';
import { type CallContext, invalidArgument } from '@gantry/rpc';
import { accessOf, type Registries } from '@gantry/registry';
import type { Puller, PullLine } from '../registry/pull';
import { platformOf } from './platforms';
import { progress, Throttle } from './progress';
import { Queue } from './queue';

/** Progress in docker's words; the image and its name on the last message of each tag. */
export async function* pull(
  deps: { readonly puller: Puller; readonly registries: Registries },
  ctx: CallContext,
  request: PullRequest,
): AsyncGenerator<PullResponse> {
  const parsed = parseReference(request.ref);
  if (request.allTags && (parsed.tag !== undefined || parsed.digest !== undefined))
    throw invalidArgument("tag can't be used with --all-tags/-a");
  const references: Reference[] = request.allTags
    ? (await deps.registries.tags(parsed, accessOf(request.auth), ctx.signal)).map((tag) => ({ ...parsed, tag }))
    : [withDefaultTag(parsed)];
  for (const reference of references) {
    const queue = new Queue<PullResponse>();
    const throttle = new Throttle<PullLine>((line) => queue.push({ progress: lineOf(line), imageId: '', familiarName: '' }));
    const work = deps.puller
      .pull(ctx, {
        reference,
        platform: platformOf(request.platform),
        auth: request.auth,
        signal: ctx.signal,
        report: (line) =>
          line.current === undefined
            ? queue.push({ progress: lineOf(line), imageId: '', familiarName: '' })
            : throttle.offer(`${line.id} ${line.status}`, line, line.current === line.total),
      })
      .then(({ imageId }) =>
        queue.push({
          progress: undefined,
          imageId,
          familiarName: reference.digest === undefined ? familiarString(reference) : `${familiarName(reference)}@${reference.digest}`,
        }),
      );
    yield* queue.follow(work);
  }
}

function lineOf({ id, status, current = 0, total = 0 }: PullLine): ReturnType<typeof progress> {
  return progress({ id, status, current: BigInt(current), total: BigInt(total) });
}
