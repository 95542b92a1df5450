import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { failedPrecondition, invalidArgument } from '@gantry/rpc/errors';
import { parseFlags } from './arguments';
import type { Caller } from './context';

const flags = {
  root: {
    kind: 'string',
    help: "directory of the containers' states (default /run/gantry-runc, for others than root $XDG_RUNTIME_DIR/gantry-runc)",
  },
  log: { kind: 'string', help: 'file for errors and warnings (default stderr)' },
  'log-format': { kind: 'string', help: 'text or json' },
  debug: { kind: 'boolean', help: 'tell what is done' },
  'systemd-cgroup': { kind: 'boolean', help: 'only where systemd runs; slice:prefix:name is laid out in its tree without asking it' },
  rootless: { kind: 'string', help: 'true, false or auto (true for others than root)' },
  criu: { kind: 'string', help: 'the criu to use for checkpoint and restore' },
  native: { kind: 'string', help: 'the C program (default: found beside this file)' },
  version: { kind: 'boolean', short: 'v', help: 'print the version' },
  help: { kind: 'boolean', short: 'h', help: 'print this' },
} as const;

export const globalFlags = flags;

export interface Config {
  readonly root: string;
  readonly log: string | undefined;
  readonly logFormat: 'text' | 'json';
  readonly native: string | undefined;
  readonly debug: boolean;
  readonly rootless: boolean;
  readonly systemdCgroup: boolean;
  readonly criu: string;
  readonly listenFds: number;
  readonly notifySocket: string | undefined;
  readonly version: boolean;
  readonly help: boolean;
  /** The verb and its words. */
  readonly words: readonly string[];
}

/** This process as the caller: no planner's. */
export function ownCaller(): Caller {
  return { words: process.argv.slice(2), cwd: process.cwd(), pid: process.pid, environment: process.env };
}

export function readConfig({ words, cwd, pid, environment }: Caller): Config {
  const { values, rest } = parseFlags(words, flags);
  const logFormat = values['log-format'] ?? 'text';
  if (logFormat !== 'text' && logFormat !== 'json') throw invalidArgument(`flag --log-format: "${logFormat}" is not text or json`);
  const rootless = isRootless(values.rootless);
  if (values['systemd-cgroup'] && !existsSync('/run/systemd/system'))
    throw failedPrecondition('flag --systemd-cgroup: systemd does not run on this host');
  return {
    root: values.root ?? defaultRoot(environment['XDG_RUNTIME_DIR']),
    log: values.log === undefined ? undefined : resolve(cwd, values.log),
    logFormat,
    native: values.native,
    debug: values.debug,
    rootless,
    systemdCgroup: values['systemd-cgroup'],
    criu: values.criu ?? 'criu',
    listenFds: listenFds(environment, pid),
    notifySocket: environment['NOTIFY_SOCKET'],
    version: values.version,
    help: values.help,
    words: rest,
  };
}

function isRootless(given: string | undefined): boolean {
  const known: Readonly<Record<string, boolean>> = { true: true, false: false, auto: process.geteuid?.() !== 0 };
  const result = known[given ?? 'auto'];
  if (result === undefined) throw invalidArgument(`flag --rootless: "${given ?? ''}" is not true, false or auto`);
  return result;
}

function defaultRoot(runtime: string | undefined): string {
  if (process.geteuid?.() === 0) return '/run/gantry-runc';
  return join(runtime ?? `/run/user/${process.geteuid?.() ?? 0}`, 'gantry-runc');
}

/** sd_listen_fds(3): the number counts only for the process that it was meant for. */
function listenFds(environment: Caller['environment'], pid: number): number {
  const count = Number(environment['LISTEN_FDS'] ?? '0');
  return environment['LISTEN_PID'] === String(pid) && Number.isInteger(count) && count > 0 && count < 1024 ? count : 0;
}
