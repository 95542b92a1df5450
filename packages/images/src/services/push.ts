import type { PushRequest, PushResponse } from '@gantry/api/gantry/images/v1/images';
import { familiarName, parseReference, type Reference, repositoryName, withDefaultTag } from '@gantry/oci';
import { type CallContext, invalidArgument, notFound } from '@gantry/rpc';
import type { Catalog } from '../docker/catalog';
import { referenceOf } from '../docker/names';
import type { Pusher, PushLine } from '../registry/push';
import { platformOf } from './platforms';
import { progress, Throttle } from './progress';
import { Queue } from './queue';

/** Progress in docker's words; after each tag its digest and size. */
export async function* push(
  deps: { readonly pusher: Pusher; readonly catalog: Catalog },
  ctx: CallContext,
  request: PushRequest,
): AsyncGenerator<PushResponse> {
  const parsed = parseReference(request.ref);
  if (parsed.digest !== undefined) throw invalidArgument('cannot push a digest reference');
  const repository = repositoryName(parsed);
  const tags = deps.catalog.images
    .list(ctx)
    .map(({ name }) => referenceOf(name))
    .filter((own): own is Reference & { tag: string } => own?.tag !== undefined && repositoryName(own) === repository);
  yield { progress: progress({ status: `The push refers to repository [${repository}]` }) };
  if (tags.length === 0) throw notFound(`An image does not exist locally with the tag: ${familiarName(parsed)}`);
  for (const reference of request.allTags ? tags : [withDefaultTag(parsed)]) {
    const queue = new Queue<PushResponse>();
    const say = (line: PushLine): void =>
      queue.push({
        progress: progress({ id: line.id, status: line.status, current: BigInt(line.current ?? 0), total: BigInt(line.total ?? 0) }),
      });
    const throttle = new Throttle<PushLine>(say);
    const work = deps.pusher
      .push(ctx, {
        reference,
        platform: platformOf(request.platform),
        auth: request.auth,
        signal: ctx.signal,
        report: (line) => (line.current === undefined ? say(line) : throttle.offer(line.id, line, line.current === line.total)),
      })
      .then(({ digest, size }) => {
        const tag = reference.tag ?? 'latest';
        queue.push({ progress: progress({ status: `${tag}: digest: ${digest} size: ${size}` }) });
        queue.push({ progress: progress({ auxTag: tag, auxDigest: digest, auxSize: BigInt(size) }) });
      });
    yield* queue.follow(work);
  }
}
