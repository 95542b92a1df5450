import { invalidArgument } from '@gantry/rpc';
import { also, as, both, type DockerdOption, refused } from './option';
import type { Plan } from './plan';
import type { Value } from './values';

/** What containers get that do not say, and how they are run. */
export const containerOptions: readonly DockerdOption[] = [
  {
    flag: 'add-runtime',
    key: 'runtimes',
    type: 'runtimes',
    help: 'NAME=PATH of another OCI runtime',
    reloads: 'or-stays',
    take: takeRuntimes,
  },
  both('default-runtime', {
    type: 'string',
    help: 'runtime of containers that name none (default gantry)',
    reloads: 'or-stays',
    take: (plan, value) => (value === '' ? undefined : plan.set('supervisor', 'default-runtime', value)),
  }),
  { flag: 'exec-opt', key: 'exec-opts', type: 'list', help: 'native.cgroupdriver=cgroupfs', take: takeExecOptions },
  both('cgroup-parent', {
    type: 'string',
    help: 'parent cgroup of all containers',
    take: also('build', 'cgroup-parent', as('supervisor', 'cgroup-parent')),
  }),
  both('default-cgroupns-mode', {
    reloads: 'or-stays',
    type: 'string',
    help: 'host or private',
    take: also('build', 'default-cgroupns-mode', as('supervisor', 'default-cgroupns-mode')),
  }),
  both('default-ipc-mode', {
    reloads: 'or-stays',
    type: 'string',
    help: 'shareable or private (default private)',
    take: (plan, value) => (value === '' ? undefined : plan.set('supervisor', 'default-ipc-mode', value)),
  }),
  both('default-shm-size', {
    type: 'bytes',
    reloads: 'or-stays',
    help: 'size of /dev/shm (default 64MiB)',
    take: as('supervisor', 'default-shm-size'),
  }),
  {
    flag: 'default-ulimit',
    key: 'default-ulimits',
    type: 'ulimits',
    help: 'limits of containers',
    take: as('supervisor', 'default-ulimits'),
  },
  both('init', { type: 'bool', help: 'an init in each container', take: as('supervisor', 'init') }),
  both('init-path', { type: 'string', help: 'program of that init', take: as('supervisor', 'init-path') }),
  both('log-driver', {
    type: 'string',
    help: 'json-file (default), local, none, or one that passes lines on: awslogs, fluentd, gcplogs, gelf, journald, splunk, syslog',
    take: (plan, value) => (value === '' ? undefined : plan.set('supervisor', 'log-driver', value)),
  }),
  { flag: 'log-opt', key: 'log-opts', type: 'map', help: 'options of the log driver', take: as('supervisor', 'log-opts') },
  both('no-new-privileges', { type: 'bool', help: 'no-new-privileges for all containers', take: as('supervisor', 'no-new-privileges') }),
  both('seccomp-profile', { type: 'string', help: 'builtin, unconfined or a file', take: as('supervisor', 'seccomp-profile') }),
  both('userns-remap', { type: 'string', help: 'user[:group] whose ids containers get', take: as('supervisor', 'userns-remap') }),
  both('cpu-rt-period', { type: 'int', help: 'not supported', take: refused('give it to single containers (--cpu-rt-period)', [0]) }),
  both('cpu-rt-runtime', { type: 'int', help: 'not supported', take: refused('give it to single containers (--cpu-rt-runtime)', [0]) }),
  {
    flag: 'cdi-spec-dir',
    key: 'cdi-spec-dirs',
    type: 'list',
    help: 'folders of descriptions of devices (CDI)',
    take: (plan, value) => (plan.devices.folders = (value as readonly string[]).filter((folder) => folder !== '')),
  },
];

function takeRuntimes(plan: Plan, value: Value): void {
  const runtimes: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(value) as [string, Record<string, unknown>][]) {
    if (name === 'runc') throw invalidArgument("runtime name 'runc' is reserved");
    const { runtimeArgs, ...rest } = given;
    runtimes[name] = { ...rest, ...(runtimeArgs === undefined ? {} : { args: runtimeArgs }) };
  }
  plan.set('supervisor', 'runtimes', runtimes);
}

function takeExecOptions(_plan: Plan, value: Value, name: string): void {
  for (const option of value as readonly string[]) {
    const [key = '', driver = ''] = option.split('=');
    if (key !== 'native.cgroupdriver') throw invalidArgument(`invalid option ${key}: ${name} knows native.cgroupdriver only`);
    if (driver === 'cgroupfs') continue;
    throw invalidArgument(`${name} ${option} is not supported by Gantry: it makes cgroups itself (native.cgroupdriver=cgroupfs)`);
  }
}
