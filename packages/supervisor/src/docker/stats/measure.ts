import { readFileSync } from 'node:fs';
import type { Any } from '@gantry/api/google/protobuf/any';
import { type CallContext, isErrorOf } from '@gantry/rpc';
import { isRunning, stateOf } from '../../core/phases';
import { nowText, ZERO_TIME } from '../../core/time';
import type { Uses } from '../engine';
import type { DockerRecord } from '../records';
import { emptySample, hostCpu, type HostCpu, networkSample, type Sample, sampleOf } from './sample';

type Needs = Uses<{ records: 'getDocker'; tasks: 'stats' | 'collect' }>;

export interface Measured {
  readonly sample: Sample;
  readonly networks: Record<string, object>;
  /** When; of a container that does not run, docker's zero. */
  readonly read: string;
}

const nothing: Measured = { sample: emptySample, networks: {}, read: ZERO_TIME };

/** Measures containers at once; what it answers tells of each. */
export function measure(needs: Needs, ctx: CallContext, ids: ReadonlySet<string>): (id: string) => Promise<Measured> {
  const running = [...ids].filter((id) => runningRecord(needs, id) !== undefined);
  const collected = collect(needs, ctx, running);
  const found = new Map<string, Promise<Measured>>();
  return (id) => {
    const known = found.get(id) ?? one(id);
    found.set(id, known);
    return known;
  };

  async function one(id: string): Promise<Measured> {
    const { all, cpu, read } = await collected;
    const record = runningRecord(needs, id);
    if (record === undefined) return nothing;
    const stats = all.get(id);
    return stats === undefined ? elsewhere(needs, ctx, record) : told(record, stats, cpu, read);
  }
}

interface Collected {
  readonly all: ReadonlyMap<string, Any>;
  /** The machine's and the time, of the same moment. */
  readonly cpu: HostCpu;
  readonly read: string;
}

async function collect(needs: Needs, ctx: CallContext, ids: readonly string[]): Promise<Collected> {
  const all = ids.length === 0 ? new Map<string, Any>() : await needs.tasks.collect(ctx, ids);
  return { all, cpu: hostCpu(), read: nowText() };
}

/** A task of another shim, which is asked for itself, and holds up nobody else; or of none any more. */
async function elsewhere(needs: Needs, ctx: CallContext, record: DockerRecord): Promise<Measured> {
  try {
    const { stats } = await needs.tasks.stats(ctx, { id: record.id });
    return told(record, stats, hostCpu(), nowText());
  } catch (error) {
    if (!isErrorOf(error, 'notFound', 'failedPrecondition')) throw error;
    return { ...nothing, read: nowText() };
  }
}

function told({ docker }: DockerRecord, stats: Any | undefined, cpu: HostCpu, read: string): Measured {
  const host = docker.hostConfig?.NetworkMode === 'host';
  return { sample: sampleOf(stats, cpu) ?? emptySample, networks: host ? {} : networksOf(stateOf(docker).pid), read };
}

function runningRecord(needs: Needs, id: string): DockerRecord | undefined {
  const record = needs.records.getDocker(id);
  return record !== undefined && isRunning(record.docker) ? record : undefined;
}

function networksOf(pid: number): Record<string, object> {
  try {
    return networkSample(readFileSync(`/proc/${pid}/net/dev`, 'utf8'));
  } catch {
    return {}; // it ended meanwhile
  }
}
