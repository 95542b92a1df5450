import { writeSync } from 'node:fs';
import { locateProgram } from '@gantry/native';
import { errorText } from '@gantry/rpc/errors';
import { createCgroupManager } from '../cgroup/manager';
import { globalFlags, readConfig } from './config';
import type { Verb } from './context';
import { createLogger } from './log';
import { isNotRunnable } from './not-runnable';
import { checkpoint } from './verbs/checkpoint';
import { create } from './verbs/create';
import { remove } from './verbs/delete';
import { events } from './verbs/events';
import { exec } from './verbs/exec';
import { features } from './verbs/features';
import { kill } from './verbs/kill';
import { list } from './verbs/list';
import { pause } from './verbs/pause';
import { ps } from './verbs/ps';
import { restore } from './verbs/restore';
import { resume } from './verbs/resume';
import { run } from './verbs/run';
import { spec } from './verbs/spec';
import { start } from './verbs/start';
import { state } from './verbs/state';
import { update } from './verbs/update';
import { commit, version } from './version';

const verbs: Readonly<Record<string, Verb>> = {
  checkpoint,
  create,
  delete: remove,
  events,
  exec,
  features,
  kill,
  list,
  pause,
  ps,
  restore,
  resume,
  run,
  spec,
  start,
  state,
  update,
};

/** Whoever passes an error on (containerd, docker, podman) shows by these words which command it was. */
const failedVerbs: Readonly<Record<string, string>> = {
  create: 'gantry-runc create failed: ',
  run: 'gantry-runc run failed: ',
  exec: 'exec failed: ',
};

/** So that no status of the program itself is meant by it (most programs use small ones). */
const EXEC_FAILED = 255;

const SPEC_VERSION = '1.2.0';

async function main(argv: readonly string[]): Promise<number> {
  let log = createLogger({ path: undefined, format: 'text', debug: false }, stderr);
  let failure = 1;
  let prefix = '';
  try {
    const config = readConfig(argv);
    log = createLogger({ path: config.log, format: config.logFormat, debug: config.debug }, stderr);
    if (config.version) {
      print(`gantry-runc version ${version()}\ncommit: ${commit()}\nspec: ${SPEC_VERSION}\n`);
      return 0;
    }
    const [name, ...words] = config.words;
    if (config.help || name === undefined || name === 'help') {
      print(usage());
      return 0;
    }
    const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
    const help = words[0] === '--help' || words[0] === '-h';
    if (!verb) {
      log.error(help ? `No help topic for '${name}'` : `no such command: ${name}`);
      return 3;
    }
    if (help) {
      print(`NAME:\n   gantry-runc ${name} - ${verb.help}\n\nUSAGE:\n   gantry-runc ${verb.usage}\n`);
      return 0;
    }
    const { root, rootGiven, rootless, criu, listenFds, notifySocket } = config;
    const cgroups = createCgroupManager();
    log.debug(`${name}: root ${root}, cgroups ${cgroups.mode}${rootless ? ', rootless' : ''}`);
    failure = name === 'exec' ? EXEC_FAILED : 1;
    prefix = failedVerbs[name] ?? '';
    return await verb.run(
      {
        root,
        rootGiven,
        log,
        print,
        native: locateProgram('gantry-native', __dirname, config.native),
        cgroups,
        rootless,
        criu,
        listenFds,
        notifySocket,
      },
      words,
    );
  } catch (error) {
    if (isNotRunnable(error)) log.bare(errorText(error));
    else log.error(`${prefix}${errorText(error)}`);
    return failure;
  }
}

function usage(): string {
  const lines = Object.values(verbs).map((verb) => `  ${verb.usage.padEnd(48)} ${verb.help}`);
  const flags = Object.entries(globalFlags).map(([name, flag]) => `  --${name.padEnd(46)} ${flag.help}`);
  return `NAME:\n   gantry-runc - Open Container Initiative runtime\n\nUSAGE:\n   gantry-runc [flags] COMMAND\n\nCOMMANDS:\n${lines.join('\n')}\n\nFLAGS:\n${flags.join('\n')}\n`;
}

/* Written at once: the process ends right after. */
function print(text: string): void {
  writeAll(1, text);
}

function stderr(text: string): void {
  writeAll(2, text);
}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return; /* nobody reads */
    }
  }
}

void main(process.argv.slice(2)).then((code) => {
  process.exit(code);
});
