import { resolve } from 'node:path';
import { locateProgram } from '@gantry/native';
import { errorText } from '@gantry/rpc/errors';
import { createCgroupManager } from '../cgroup/manager';
import { readConfig, type Config } from './config';
import type { Caller, Context, Launcher, PlannedVerb, Verb } from './context';
import { createLogger, type Logger } from './log';
import { isNotRunnable } from './not-runnable';
import { usage, verbHelp } from './usage';
import { commit, version } from './version';

export interface Verbs {
  readonly alone: Readonly<Record<string, Verb>>;
  readonly planned: Readonly<Record<string, PlannedVerb>>;
}

/** Whoever passes an error on (containerd, docker, podman) shows by these words which command it was. */
const failedVerbs: Readonly<Record<string, string>> = {
  create: 'gantry-runc create failed: ',
  run: 'gantry-runc run failed: ',
  exec: 'exec failed: ',
};

/** So that no status of the program itself is meant by it (most programs use small ones). */
const EXEC_FAILED = 255;

const SPEC_VERSION = '1.2.0';

/** One call, from its words to its exit status; what goes wrong is told to the caller. Rejects only when the caller is gone. */
export async function carryOut(caller: Caller, verbs: Verbs, launcher: Launcher): Promise<number | 'wait'> {
  const stderr = (text: string): void => launcher.print('E', text);
  let log = createLogger({ path: undefined, format: 'text', debug: false }, stderr);
  let name = '';
  try {
    const config = readConfig(caller);
    log = createLogger({ path: config.log, format: config.logFormat, debug: config.debug }, stderr);
    const [first, ...words] = config.words;
    name = first ?? '';
    const answer = config.version ? versionText() : config.help || name === '' || name === 'help' ? usage(verbs) : undefined;
    if (answer !== undefined) {
      launcher.print('O', answer);
      return 0;
    }
    return await dispatch(name, words, verbs, contextOf(config, caller, log, launcher), launcher);
  } catch (error) {
    if (isNotRunnable(error)) log.bare(errorText(error));
    else log.error(`${failedVerbs[name] ?? ''}${errorText(error)}`);
    return name === 'exec' ? EXEC_FAILED : 1;
  }
}

async function dispatch(
  name: string,
  words: readonly string[],
  { alone, planned }: Verbs,
  context: Context,
  launcher: Launcher,
): Promise<number | 'wait'> {
  const help = words[0] === '--help' || words[0] === '-h';
  const text = help ? verbHelp(name, { alone, planned }) : undefined;
  if (text !== undefined) {
    context.print(text);
    return 0;
  }
  context.log.debug(`${name}: root ${context.root}, cgroups ${context.cgroups.mode}${context.rootless ? ', rootless' : ''}`);
  if (Object.hasOwn(alone, name)) return (alone[name] as Verb).run(context, words);
  if (Object.hasOwn(planned, name)) return (planned[name] as PlannedVerb).plan(context, words, launcher);
  context.log.error(help ? `No help topic for '${name}'` : `no such command: ${name}`);
  return 3;
}

function contextOf(config: Config, caller: Caller, log: Logger, launcher: Launcher): Context {
  return {
    root: resolve(caller.cwd, config.root),
    log,
    native: locateProgram('gantry-native', __dirname, config.native),
    cgroups: createCgroupManager(),
    rootless: config.rootless,
    criu: config.criu,
    listenFds: config.listenFds,
    notifySocket: config.notifySocket,
    caller,
    print: (text) => launcher.print('O', text),
  };
}

function versionText(): string {
  return `gantry-runc version ${version()}\ncommit: ${commit()}\nspec: ${SPEC_VERSION}\n`;
}
