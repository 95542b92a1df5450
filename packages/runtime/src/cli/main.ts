import { writeSync } from 'node:fs';
import { errorText } from '@gantry/rpc/errors';
import { createCgroupManager } from '../cgroup/manager';
import { findNative, globalFlags, readConfig } from './config';
import type { Context, Verb } from './context';
import { createLogger } from './log';
import { checkpoint, restore } from './verbs/absent';
import { create } from './verbs/create';
import { remove } from './verbs/delete';
import { events } from './verbs/events';
import { exec } from './verbs/exec';
import { features } from './verbs/features';
import { kill } from './verbs/kill';
import { list } from './verbs/list';
import { pause } from './verbs/pause';
import { ps } from './verbs/ps';
import { resume } from './verbs/resume';
import { run } from './verbs/run';
import { spec } from './verbs/spec';
import { start } from './verbs/start';
import { state } from './verbs/state';
import { update } from './verbs/update';
import { version } from './version';

const verbs: Readonly<Record<string, Verb>> = { checkpoint, create, delete: remove, events, exec, features, kill, list, pause, ps, restore, resume, run, spec, start, state, update };

const SPEC_VERSION = '1.2.0';

async function main(argv: readonly string[]): Promise<number> {
  let log = createLogger(undefined, 'text', stderr);
  try {
    const config = readConfig(argv);
    log = createLogger(config.log, config.logFormat, stderr);
    if (config.version) {
      print(`gantry-runc version ${version()}\nspec: ${SPEC_VERSION}\n`);
      return 0;
    }
    const [name, ...words] = config.words;
    if (config.help || name === undefined || name === 'help') {
      print(usage());
      return 0;
    }
    const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
    if (!verb) {
      log.error(`no such command: ${name}`);
      return 3;
    }
    if (words[0] === '--help' || words[0] === '-h') {
      print(`usage: gantry-runc ${verb.usage}\n  ${verb.help}\n`);
      return 0;
    }
    const context: Context = { root: config.root, log, print, native: findNative(config.native, __dirname), cgroups: createCgroupManager() };
    return await verb.run(context, words);
  } catch (error) {
    log.error(errorText(error));
    return 1;
  }
}

function usage(): string {
  const lines = Object.values(verbs).map((verb) => `  ${verb.usage.padEnd(48)} ${verb.help}`);
  const flags = Object.entries(globalFlags).map(([name, flag]) => `  --${name.padEnd(46)} ${flag.help}`);
  return `usage: gantry-runc [flags] COMMAND\n\ncommands:\n${lines.join('\n')}\n\nflags:\n${flags.join('\n')}\n`;
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
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return; /* nobody reads */
    }
  }
}

void main(process.argv.slice(2)).then((code) => { process.exit(code); });
