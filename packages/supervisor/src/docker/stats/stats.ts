import type { StatsRequest, StatsResponse } from '@gantry/api/gantry/engine/v1/containers';
import type { CallContext } from '@gantry/rpc';
import { inDockerNamespace, type Uses } from '../engine';
import { isRunning } from '../../core/phases';
import { ZERO_TIME } from '../../core/time';
import { measure } from './measure';
import { emptySample } from './sample';

type Needs = Uses<{
  records: 'dockerNamespace' | 'getDocker' | 'requireDocker';
  tasks: 'stats' | 'collect';
  sampler: 'watch';
}>;

/** GET /containers/{id}/stats: one sample a second, or one (after a first one to compare with, unless one-shot). */
export async function* containerStats(engine: Needs, caller: CallContext, request: StatsRequest): AsyncGenerator<StatsResponse> {
  const ctx = inDockerNamespace(engine, caller);
  const { id } = engine.records.requireDocker(request.id);
  const watch = engine.sampler.watch(id, ctx.signal);
  try {
    let before = previousOf(request) ?? { cpu: emptySample.cpu_stats, read: ZERO_TIME };
    let measured = request.previous.length > 0 ? await watch.next() : await measure(engine, ctx, new Set([id]))(id);
    if (!request.stream && !request.oneShot && measured !== undefined && isRunning(engine.records.requireDocker(id).docker)) {
      before = { cpu: measured.sample.cpu_stats, read: measured.read };
      measured = await watch.next();
    }
    while (measured !== undefined) {
      const record = engine.records.getDocker(id);
      if (record === undefined) return;
      const { sample, networks, read } = measured;
      const stats = {
        read,
        preread: before.read,
        name: `/${record.docker.name}`,
        id,
        num_procs: 0,
        storage_stats: {},
        ...sample,
        precpu_stats: before.cpu,
        ...(Object.keys(networks).length === 0 ? {} : { networks }),
      };
      yield { statsJson: Buffer.from(JSON.stringify(stats)) };
      if (!request.stream) return;
      before = { cpu: sample.cpu_stats, read };
      measured = await watch.next();
    }
  } finally {
    watch.end();
  }
  ctx.signal.throwIfAborted(); // it was cut, by a service that stops perhaps, and not at its end
}

interface Before {
  readonly cpu: object;
  readonly read: string;
}

/** The last sample of a caller whose stream broke. */
function previousOf({ previous }: StatsRequest): Before | undefined {
  if (previous.length === 0) return undefined;
  const { cpu_stats: cpu, read } = JSON.parse(Buffer.from(previous).toString()) as { cpu_stats: object; read: string };
  return { cpu, read };
}
