import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { failedPrecondition, invalidArgument } from '@gantry/rpc/errors';
import { parseFlags } from './arguments';

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
  readonly rootGiven: boolean;
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

export function readConfig(argv: readonly string[]): Config {
  const { values, rest } = parseFlags(argv, flags);
  const logFormat = values['log-format'] ?? 'text';
  if (logFormat !== 'text' && logFormat !== 'json') throw invalidArgument(`flag --log-format: "${logFormat}" is not text or json`);
  const rootless = isRootless(values.rootless);
  if (values['systemd-cgroup'] && !existsSync('/run/systemd/system'))
    throw failedPrecondition('flag --systemd-cgroup: systemd does not run on this host');
  return {
    root: values.root ?? defaultRoot(),
    rootGiven: values.root !== undefined,
    log: values.log,
    logFormat,
    native: values.native,
    debug: values.debug,
    rootless,
    systemdCgroup: values['systemd-cgroup'],
    criu: values.criu ?? 'criu',
    listenFds: listenFds(),
    notifySocket: process.env['NOTIFY_SOCKET'],
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

function defaultRoot(): string {
  if (process.geteuid?.() === 0) return '/run/gantry-runc';
  return join(process.env['XDG_RUNTIME_DIR'] ?? `/run/user/${process.geteuid?.() ?? 0}`, 'gantry-runc');
}

/** sd_listen_fds(3): the number counts only for the process that it was meant for. */
function listenFds(): number {
  const count = Number(process.env['LISTEN_FDS'] ?? '0');
  return process.env['LISTEN_PID'] === String(process.pid) && Number.isInteger(count) && count > 0 && count < 1024 ? count : 0;
}
