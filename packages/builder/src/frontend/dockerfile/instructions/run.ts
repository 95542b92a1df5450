import { posix } from 'node:path';
import { chomped, type Heredoc, heredocOf, type Run } from '@gantry/dockerfile';
import { SecurityMode } from '@gantry/api/pb/ops';
import { NetMode } from '@gantry/api/pb/ops';
import { invalidArgument } from '@gantry/rpc';
import { exec } from '../../../llb/write/exec';
import { file } from '../../../llb/write/file';
import type { TreeMount } from '../../../llb/write/exec';
import { locationOf, shownPlatform } from '../convert/conversion';
import type { Dispatch } from '../convert/dispatch';
import { commit } from '../convert/image';
import { shownCommand, stepName, upperCommand } from '../convert/names';
import type { StageState } from '../convert/state';
import { toPb } from '../platform';
import { inShell } from './command';
import { STEP_WISHES } from '../../../ops/exec/step-wishes';
import { volumeMounts } from './volume-mounts';
import { runMounts } from './run-mounts';

export function dispatchRun(at: Dispatch, run: Run): void {
  const { conversion, state, command } = at;
  const { options } = conversion;
  // A command can look at anything.
  state.paths.add('/');
  const { args, mounts: inline, summary } = commandOf(at, run);
  const { mounts, secrets, ssh } = runMounts(at, run);
  const before = new Map(state.env);
  const masked = new Map([...before, ...secrets.flatMap(({ env }) => (env === undefined ? [] : [[env, '****'] as const]))]);
  const display = { lookup: (name: string) => masked.get(name), escape: conversion.escape, keepQuotes: true, keepUnset: true };
  const shown = upperCommand(shownCommand(`${command.step.text}${summary}`, display));
  const platform = state.platform ?? conversion.target;
  const shm: readonly TreeMount[] =
    options.shmSize > 0n ? [{ kind: 'tmpfs', target: '/dev/shm', tree: undefined, size: options.shmSize }] : [];
  const executed = exec(
    {
      root: state.tree,
      args,
      env: state.env,
      cwd: state.cwd,
      user: state.user,
      hostname: state.hostname,
      network: networkOf(run, state),
      security: run.security === 'insecure' ? SecurityMode.INSECURE : SecurityMode.SANDBOX,
      cgroupParent: options.cgroupParent,
      extraHosts: options.extraHosts,
      ulimits: options.ulimits,
      proxy: conversion.proxy,
      mounts: [...inline, ...mounts, ...(conversion.input.classic === undefined ? [] : volumeMounts(state)), ...shm],
      secrets,
      ssh,
      devices: run.devices.map(({ name, required }) => ({ name, optional: !required })),
    },
    {
      name: stepName(state, shown, shownPlatform(conversion, platform)),
      description: {
        'com.docker.dockerfile.v1.command': command.step.text,
        ...(options.stepWishes === '' ? {} : { [STEP_WISHES]: options.stepWishes }),
      },
      locations: locationOf(conversion, command.step.lines),
      platform: toPb(platform),
      ignoreCache: state.ignoreCache,
    },
  );
  state.tree = executed.root;
  commit(state, `RUN ${[...shownArgs(state, before), ...args].join(' ')} # buildkit`, true, options.epoch);
}

function networkOf({ network }: Run, state: StageState): NetMode {
  if (network === 'default') return state.network;
  return network === 'none' ? NetMode.NONE : NetMode.HOST;
}

interface Prepared {
  readonly args: string[];
  readonly mounts: readonly TreeMount[];
  /** What the name of the step says of a here-document. */
  readonly summary: string;
}

function commandOf({ state, conversion }: Dispatch, { command, files }: Run): Prepared {
  if (command.form === 'exec' && command.words.length === 0) {
    if (conversion.input.classic === undefined) throw invalidArgument('failed to marshal LLB definition: arguments are required');
    return { args: ownCommand(state), mounts: [], summary: '' };
  }
  if (command.form === 'exec') return { args: [...command.words], mounts: [], summary: '' };
  const [first] = files;
  if (first === undefined) return { args: inShell(state, command.text), mounts: [], summary: '' };
  if (heredocOf(command.text) === undefined) {
    const text = [command.text, ...files.map(({ content, name }) => content + name)].join('\n');
    return { args: inShell(state, text), mounts: [], summary: '' };
  }
  const summary = ` (${summaryOf(first.content)})`;
  const data = first.chomp ? chomped(first.content) : first.content;
  if (state.image.os === 'windows' || !first.content.startsWith('#!')) return { args: inShell(state, data), mounts: [], summary };
  // A script of its own: a file that the step runs by its name.
  const folder = '/dev/pipes/';
  return { args: inShell(state, posix.join(folder, first.name)), mounts: [script(first, data, folder)], summary };
}

/** What a container of the image would run: the classic builder's meaning of `RUN []`. */
function ownCommand({ config: { Entrypoint, Cmd } }: StageState): string[] {
  const args = [...(Entrypoint ?? []), ...(Cmd ?? [])];
  if (args.length === 0) throw invalidArgument('no command specified');
  return args;
}

function script({ name }: Heredoc, data: string, target: string): TreeMount {
  const actions = [{ kind: 'mkfile', path: posix.join('/', name), mode: 0o755, data: Buffer.from(data) }] as const;
  return {
    kind: 'bind',
    target,
    tree: file(undefined, actions, { name: '[internal] preparing inline document' }),
    selector: '/',
    readonly: true,
  };
}

function summaryOf(content: string): string {
  const [first = '', ...more] = content.trim().split(/\r?\n/);
  return more.length > 0 ? `${first}...` : first;
}

/** Build arguments as the history shows them: their number, and each with its value. */
function shownArgs({ buildArgs }: StageState, env: ReadonlyMap<string, string>): string[] {
  const values = new Map(buildArgs.map(({ key, value = '' }) => [key, env.get(key) ?? value]));
  return values.size === 0 ? [] : [`|${values.size}`, ...[...values].map(([key, value]) => `${key}=${value}`)];
}
