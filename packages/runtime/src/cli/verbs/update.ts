import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { failedPrecondition, invalidArgument } from '@gantry/rpc/errors';
import { parseJson, type LinuxResources } from '@gantry/oci';
import { honouredSpec, refuseUnknown } from '../../compile/refuse';
import { integer, parseFlags, positional, size, type Values } from '../arguments';
import type { Context, PlannedVerb } from '../context';
import { loadState, saveState, type StoredState } from '../state';

const number = (help: string) => ({ kind: 'string', help }) as const;
const flags = {
  resources: { kind: 'string', short: 'r', help: 'file with linux.resources as JSON, - for stdin' },
  'blkio-weight': number('10 to 1000'),
  'cpu-period': number('microseconds'),
  'cpu-quota': number('microseconds'),
  'cpu-burst': number('microseconds'),
  'cpu-share': number('relative weight'),
  'cpu-rt-period': number('microseconds'),
  'cpu-rt-runtime': number('microseconds'),
  'cpuset-cpus': { kind: 'string', help: 'list of processors' },
  'cpuset-mems': { kind: 'string', help: 'list of memory nodes' },
  'cpu-idle': number('0 or 1'),
  memory: number('bytes'),
  'memory-reservation': number('bytes'),
  'kernel-memory': number('obsolete: kernels have no such limit'),
  'kernel-memory-tcp': number('obsolete: kernels have no such limit'),
  'memory-swap': number('bytes of memory and swap; -1 no limit'),
  'pids-limit': number('-1 no limit'),
} as const;

export const update: PlannedVerb = {
  usage: 'update [flags] ID',
  help: 'change the limits of a container',
  async plan(context, words) {
    const { values, rest } = parseFlags(words, flags, { interleaved: true });
    const [id] = positional(rest, ['ID']);
    const state = loadState(context.root, id as string);
    for (const name of ['kernel-memory', 'kernel-memory-tcp'] as const)
      if (values[name] !== undefined) context.log.warn(`flag --${name} is obsolete and was passed over`);
    const resources = values.resources === undefined ? fromFlags(values) : fromFile(context, values.resources);
    await checkBeforeUpdate(context, state, resources);
    for (const warning of await context.cgroups.apply(state.cgroup, resources)) context.log.warn(warning);
    const before = state.spec.linux?.resources ?? {};
    const merged: LinuxResources = {
      ...before,
      ...resources,
      cpu: { ...before.cpu, ...resources.cpu },
      memory: { ...before.memory, ...resources.memory },
    };
    saveState(context.root, { ...state, spec: { ...state.spec, linux: { ...state.spec.linux, resources: merged } } });
    return 0;
  },
};

/** cgroup v2 would kill where v1 refuses a limit below what is in use (linux.resources.memory.checkBeforeUpdate). */
async function checkBeforeUpdate(context: Context, state: StoredState, resources: LinuxResources): Promise<void> {
  const { limit, checkBeforeUpdate: wanted } = { ...state.spec.linux?.resources?.memory, ...resources.memory };
  if (!wanted || limit === undefined || limit <= 0 || context.cgroups.mode !== 'v2') return;
  const { memory } = await context.cgroups.stats(state.cgroup);
  if (memory.usage > BigInt(limit)) throw failedPrecondition(`memory limit ${limit} is below the present usage ${memory.usage}`);
}

function fromFile({ caller }: Context, path: string): LinuxResources {
  const resources = parseJson(path === '-' ? (caller.stdin ?? '') : readFileSync(resolve(caller.cwd, path), 'utf8'));
  refuseUnknown(resources, honouredSpec.linux.resources, 'linux.resources');
  if (typeof resources !== 'object' || resources === null) throw invalidArgument(`"${path}" holds no resources`);
  return resources as LinuxResources;
}

function fromFlags(values: Values<typeof flags>): LinuxResources {
  const n = (name: Exclude<keyof typeof flags, 'resources'>) => integer(name, values[name]);
  const some = <T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
    Object.fromEntries(Object.entries(object).filter(([, v]) => v !== undefined)) as never;
  return some({
    cpu: some({
      shares: n('cpu-share'),
      period: n('cpu-period'),
      quota: n('cpu-quota'),
      burst: n('cpu-burst'),
      realtimePeriod: n('cpu-rt-period'),
      realtimeRuntime: n('cpu-rt-runtime'),
      cpus: values['cpuset-cpus'],
      mems: values['cpuset-mems'],
      idle: n('cpu-idle'),
    }),
    memory: some({
      limit: size('memory', values.memory),
      reservation: size('memory-reservation', values['memory-reservation']),
      swap: size('memory-swap', values['memory-swap']),
    }),
    blockIO: some({ weight: n('blkio-weight') }),
    pids: values['pids-limit'] === undefined ? undefined : { limit: n('pids-limit') as number },
  });
}
