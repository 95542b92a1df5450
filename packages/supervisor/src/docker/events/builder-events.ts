import { unpackAny } from '@gantry/api';
import { CachePruned, ImageBuilt, StepContainerChanged } from '@gantry/api/gantry/build/v1/build';
import type { Envelopes } from '../../core/events';
import type { DockerEvents } from './docker-events';

/** Topic of what the builder says when docker's client has its cache pruned. */
const PRUNED = '/builder/prune';
/** Topic of what it says when it has put an image into the engine's store. */
const BUILT = '/builder/image';
/** Topic of the containers that the classic builder's steps have. */
const STEP = '/builder/container';

/** Digits of an id that the build's output shows. */
const SHORT = 12;

/** Tells docker's clients what the builder publishes in the engine's namespace, until the signal aborts. */
export async function followBuilder(
  envelopes: Envelopes,
  events: Pick<DockerEvents, 'emit'>,
  namespace: string,
  signal: AbortSignal,
): Promise<void> {
  const ours = envelopes.subscribe(
    (envelope) => envelope.namespace === namespace && [PRUNED, BUILT, STEP].includes(envelope.topic),
    signal,
  );
  for await (const { event } of ours) {
    const pruned = unpackAny(event, CachePruned);
    if (pruned !== undefined)
      events.emit({ type: 'builder', action: 'prune', id: '', attributes: { reclaimed: String(pruned.reclaimed) } });
    const step = unpackAny(event, StepContainerChanged);
    if (step !== undefined)
      events.emit({
        type: 'container',
        action: step.action,
        id: step.id,
        attributes: { ...(step.action === 'die' ? { exitCode: String(step.exitCode) } : {}), name: step.id.slice(0, SHORT) },
      });
    const built = unpackAny(event, ImageBuilt);
    if (built === undefined) continue;
    const { id, names, labels } = built;
    events.emit({ type: 'image', action: 'create', id, attributes: { ...labels, name: id } });
    for (const name of names) events.emit({ type: 'image', action: 'tag', id, attributes: { ...labels, name } });
  }
}
