import { readFileSync } from 'node:fs';
import type { StatsRequest, StatsResponse } from '@gantry/api/gantry/engine/v1/containers';
import { type CallContext, isErrorOf } from '@gantry/rpc';
import { inDockerNamespace, type Uses } from '../engine';
import { isRunning, stateOf } from '../../core/phases';
import { nowText, ZERO_TIME } from '../../core/time';
import { emptySample, networkSample, type Sample, sampleOf } from './sample';

type Needs = Uses<{ records: 'dockerNamespace' | 'getDocker' | 'requireDocker'; tasks: 'stats' }>;

const INTERVAL_MS = 1000;

/** GET /containers/{id}/stats: one sample a second, or one (after a first one to compare with, unless one-shot). */
export async function* containerStats(engine: Needs, caller: CallContext, request: StatsRequest): AsyncGenerator<StatsResponse> {
  const ctx = inDockerNamespace(engine, caller);
  const { id } = engine.records.requireDocker(request.id);
  let before = previousOf(request) ?? { cpu: emptySample.cpu_stats, read: ZERO_TIME };
  if (request.previous.length > 0) await pause(ctx.signal);
  if (!request.stream && !request.oneShot && isRunning(engine.records.requireDocker(id).docker)) {
    before = { cpu: (await measure(engine, ctx, id)).sample.cpu_stats, read: nowText() };
    await pause(ctx.signal);
  }
  while (!ctx.signal.aborted) {
    const record = engine.records.getDocker(id);
    if (record === undefined) return;
    const { sample, networks } = await measure(engine, ctx, id);
    const running = isRunning(record.docker);
    const read = running ? nowText() : ZERO_TIME;
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
    await pause(ctx.signal);
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

async function measure(engine: Needs, ctx: CallContext, id: string): Promise<{ sample: Sample; networks: Record<string, object> }> {
  const record = engine.records.getDocker(id);
  if (record === undefined || !isRunning(record.docker)) return { sample: emptySample, networks: {} };
  try {
    const { stats } = await engine.tasks.stats(ctx, { id });
    return {
      sample: sampleOf(stats) ?? emptySample,
      networks: networksOf(stateOf(record.docker).pid, record.docker.hostConfig?.NetworkMode === 'host'),
    };
  } catch (error) {
    if (!isErrorOf(error, 'notFound', 'failedPrecondition')) throw error;
    return { sample: emptySample, networks: {} };
  }
}

function networksOf(pid: number, host: boolean): Record<string, object> {
  if (host) return {};
  try {
    return networkSample(readFileSync(`/proc/${pid}/net/dev`, 'latin1'));
  } catch {
    return {}; // it ended meanwhile
  }
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, INTERVAL_MS);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}
