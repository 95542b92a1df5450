import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { failedPrecondition, invalidArgument } from '@gantry/rpc/errors';
import { parseJson, type Process, type User } from '@gantry/oci';
import { compileExec } from '../../compile/exec';
import { integer, parseFlags, positional, type Values } from '../arguments';
import type { Context, PlannedVerb } from '../context';
import { subCgroups } from '../../cgroup/sub-cgroups';
import { sizeOf, unableToStart, writePidFile } from '../create-container';
import { steps } from '../steps';
import { loadState, statusOf, type StoredState } from '../state';

const flags = {
  'console-socket': { kind: 'string', help: "unix socket that receives the terminal's master" },
  cwd: { kind: 'string', help: 'working directory inside the container' },
  env: { kind: 'list', short: 'e', help: 'NAME=VALUE' },
  tty: { kind: 'boolean', short: 't', help: 'give it a terminal' },
  user: { kind: 'string', short: 'u', help: 'UID[:GID]' },
  'additional-gids': { kind: 'list', short: 'g', help: 'further group ids' },
  process: { kind: 'string', short: 'p', help: 'file with the process as JSON' },
  detach: { kind: 'boolean', short: 'd', help: 'leave once it runs' },
  'pid-file': { kind: 'string', help: 'file for the process id' },
  'process-label': { kind: 'string', help: 'SELinux label' },
  apparmor: { kind: 'string', help: 'AppArmor profile' },
  'no-new-privs': { kind: 'boolean', help: 'set no_new_privs' },
  cap: { kind: 'list', short: 'c', help: 'capability to add' },
  'preserve-fds': { kind: 'string', help: 'so many descriptors from 3 on stay open' },
  'ignore-paused': { kind: 'boolean', help: 'allow it in a paused container' },
  cgroup: { kind: 'list', help: "cgroup below the container's own: PATH, or CONTROLLER[,CONTROLLER]:PATH on cgroup v1" },
  'pidfd-socket': { kind: 'string', help: 'unix socket that receives a descriptor of the process' },
  'no-subreaper': { kind: 'boolean', help: 'ignored: the caller is the reaper' },
} as const;

export const exec: PlannedVerb = {
  usage: 'exec [flags] ID COMMAND [ARGUMENT...]',
  help: 'run another process in a container',
  async plan(context, words, launcher) {
    const { values, rest } = parseFlags(words, flags);
    const [id, ...args] = rest[1] === '--' ? rest.filter((_, i) => i !== 1) : rest;
    positional(id === undefined ? [] : [id], ['ID']);
    const state = loadState(context.root, id as string);
    const status = await statusOf(context.root, state, context.cgroups);
    if (status === 'stopped' || status === 'creating') throw failedPrecondition(`cannot exec in a ${status} container`);
    if (status === 'paused' && !values['ignore-paused'])
      throw failedPrecondition('cannot exec in a paused container (use --ignore-paused to override)');
    const process = processOf(context, values, args, state);
    const preserveFds = integer('preserve-fds', values['preserve-fds']) ?? 0;
    if (process.terminal && values.detach && !values['console-socket'])
      throw invalidArgument('cannot allocate tty if runc will detach without setting console socket');
    const target = {
      pid: state.pid,
      startTime: BigInt(state.startTime),
      spec: state.spec,
      cgroup: subCgroups(state.cgroup, values.cgroup),
    };
    const { plan, terminal, warnings } = compileExec(process, target, {
      id: state.id,
      bundle: state.bundle,
      preserveFds,
      noNewKeyring: state.noNewKeyring,
    });
    for (const warning of warnings) context.log.warn(warning);
    try {
      context.log.debug(steps.setup(state.id, `process ${state.pid} is joined, plan of ${plan.length} bytes`));
      const wish = {
        terminal,
        preserveFds,
        ...(values['console-socket'] ? { consoleSocket: values['console-socket'] } : {}),
        ...(values['pidfd-socket'] ? { pidfdSocket: values['pidfd-socket'] } : {}),
        ...sizeOf(process.consoleSize),
      };
      const pid = await launcher.create(wish, plan);
      if (values['pid-file']) writePidFile(context, values['pid-file'], pid);
      context.log.debug(steps.waits(state.id, pid));
      context.log.debug(() => steps.affinity(pid, (process.execCPUAffinity ?? state.spec.process?.execCPUAffinity)?.initial));
      context.log.debug(steps.executes(state.id, process.args));
      await launcher.start();
      return values.detach ? 0 : 'wait';
    } catch (error) {
      throw unableToStart(error);
    }
  },
};

function processOf({ caller }: Context, values: Values<typeof flags>, args: readonly string[], state: StoredState): Process {
  if (values.process) return parseJson(readFileSync(resolve(caller.cwd, values.process), 'utf8')) as Process;
  const own = state.spec.process;
  if (!own) throw failedPrecondition(`container "${state.id}" has no process`);
  if (args.length === 0) throw invalidArgument('argument COMMAND is missing');
  const { consoleSize: _, ...rest } = own;
  const result: Process = { ...rest, args: [...args], terminal: values.tty, env: [...(own.env ?? []), ...values.env] };
  if (values.cwd) result.cwd = values.cwd;
  if (values.user !== undefined) result.user = parseUser(values.user, own.user);
  if (values['additional-gids'].length)
    result.user = {
      ...result.user,
      additionalGids: [...(result.user.additionalGids ?? []), ...values['additional-gids'].map((gid) => parseId(gid))],
    };
  if (values['process-label']) result.selinuxLabel = values['process-label'];
  if (values.apparmor) result.apparmorProfile = values.apparmor;
  if (values['no-new-privs']) result.noNewPrivileges = true;
  if (values.cap.length) {
    const more = (set: readonly string[] | undefined) => [...new Set([...(set ?? []), ...values.cap])];
    result.capabilities = {
      ...own.capabilities,
      bounding: more(own.capabilities?.bounding),
      effective: more(own.capabilities?.effective),
      permitted: more(own.capabilities?.permitted),
      ...(own.capabilities?.inheritable?.length ? { ambient: more(own.capabilities.ambient) } : {}),
    };
  }
  return result;
}

/** Numbers only, all of the text: anything else is an error, never another user. */
function parseUser(text: string, own: User): User {
  const [uid = '', gid, ...more] = text.split(':');
  if (more.length > 0) throw invalidArgument(`user "${text}" is not UID[:GID]`);
  return { ...own, uid: parseId(uid), ...(gid === undefined ? {} : { gid: parseId(gid) }) };
}

function parseId(text: string): number {
  if (!/^(0|[1-9]\d*)$/.test(text) || Number(text) >= 0xffffffff) throw invalidArgument(`"${text}" is not a user or group id`);
  return Number(text);
}
